"""The transport of CPython: RFC 6455 over a socket of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...protocol.url import parse_url
from .transport import ClientTransport, NativeTransport, ServerTransport

if TYPE_CHECKING:
    from ...protocol.options import Options

__all__ = ["ClientTransport", "NativeTransport", "ServerTransport", "connect"]


def connect(url: str, options: Options) -> NativeTransport:
    """Begin a connection. Raises InvalidURLError if `url` is not a URL, whatever its type."""
    return ClientTransport(parse_url(url), options)
