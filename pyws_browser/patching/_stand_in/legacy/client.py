"""The names of `websockets.legacy.client`; `patch_websockets()` implements them."""

from __future__ import annotations

from typing import Any

from .protocol import WebSocketCommonProtocol


class WebSocketClientProtocol(WebSocketCommonProtocol):
    """A client's connection."""


class Connect:
    """Connect to a server."""


connect = Connect


def unix_connect(*_arguments: Any, **_named: Any) -> Any:
    """Connect to a server at a unix socket."""
