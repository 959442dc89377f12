"""Compression: settings are accepted, but the browser decides."""

from __future__ import annotations

from typing import Any

from .base import ClientExtensionFactory, Extension, ServerExtensionFactory


class PerMessageDeflate(Extension):
    """The extension."""


class ClientPerMessageDeflateFactory(ClientExtensionFactory):
    """Takes settings."""

    def __init__(self, *_arguments: Any, **settings: Any) -> None:
        self.settings = settings


class ServerPerMessageDeflateFactory(ServerExtensionFactory):
    """Takes settings."""

    def __init__(self, *_arguments: Any, **settings: Any) -> None:
        self.settings = settings


def enable_client_permessage_deflate(extensions: Any) -> list[Any]:
    """Return the extensions."""
    return list(extensions or ())


enable_server_permessage_deflate = enable_client_permessage_deflate
