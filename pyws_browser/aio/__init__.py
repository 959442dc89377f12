"""asyncio in both worlds: `connect()` in a page and on the desktop, `serve()` on the desktop, as in `websockets`.

Importing this loads asyncio, which importing `pyws_browser` does not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..compat.exceptions import (
    Close,
    ConcurrencyError,
    ConnectionClosed,
    ConnectionClosedError,
    ConnectionClosedOK,
    InvalidHandshake,
    InvalidHeader,
    InvalidHeaderFormat,
    InvalidHeaderValue,
    InvalidMessage,
    InvalidOrigin,
    InvalidStatus,
    InvalidUpgrade,
    InvalidURI,
    NegotiationError,
    ProxyError,
    SecurityError,
    WebSocketException,
)
from ..peer.reconnection import Backoff, Reconnection, ReconnectState
from ..protocol import rules
from ..protocol.compression import Compression
from ..protocol.rules import CloseCode
from ..protocol.vocabulary import Message as Data
from ..protocol.vocabulary import State
from ..transport import IN_BROWSER
from . import exceptions
from .broadcasting import broadcast
from .client import ClientConnection, connect, process_exception, unix_connect
from .connection import Connection

if TYPE_CHECKING or not IN_BROWSER:
    from .auth import basic_auth
    from .router import route, unix_route
    from .server import Server, ServerConnection, serve, unix_serve

__all__ = [
    "Backoff",
    "ClientConnection",
    "Close",
    "CloseCode",
    "Compression",
    "ConcurrencyError",
    "Connection",
    "ConnectionClosed",
    "ConnectionClosedError",
    "ConnectionClosedOK",
    "Data",
    "InvalidHandshake",
    "InvalidHeader",
    "InvalidHeaderFormat",
    "InvalidHeaderValue",
    "InvalidMessage",
    "InvalidOrigin",
    "InvalidStatus",
    "InvalidURI",
    "InvalidUpgrade",
    "NegotiationError",
    "ProxyError",
    "ReconnectState",
    "Reconnection",
    "SecurityError",
    "Server",
    "ServerConnection",
    "State",
    "WebSocketException",
    "basic_auth",
    "broadcast",
    "connect",
    "exceptions",
    "process_exception",
    "route",
    "serve",
    "unix_connect",
    "unix_route",
    "unix_serve",
]

if IN_BROWSER and not TYPE_CHECKING:

    def serve(*_arguments: object, **_named: object) -> None:
        """Raise UnsupportedInBrowserError, for a page cannot listen."""
        raise rules.unsupported("serve()")

    basic_auth = route = unix_route = unix_serve = serve

    class Server:
        """There is none in a page; the name is there for annotations."""

        def __init__(self) -> None:
            serve()

    class ServerConnection(Server):
        """There is none in a page; the name is there for annotations."""
