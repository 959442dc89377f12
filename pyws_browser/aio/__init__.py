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
    DuplicateParameter,
    HeaderLineTooLong,
    InvalidHandshake,
    InvalidHeader,
    InvalidHeaderFormat,
    InvalidHeaderValue,
    InvalidMessage,
    InvalidMethod,
    InvalidOrigin,
    InvalidParameterName,
    InvalidParameterValue,
    InvalidProtocol,
    InvalidProxy,
    InvalidProxyMessage,
    InvalidProxyStatus,
    InvalidState,
    InvalidStatus,
    InvalidUpgrade,
    InvalidURI,
    NegotiationError,
    PayloadTooBig,
    ProtocolError,
    ProxyError,
    RequestLineTooLong,
    SecurityError,
    StatusLineTooLong,
    TooManyFragments,
    TooManyHeaders,
    WebSocketException,
)
from ..compat.names import FROM_WEBSOCKETS, from_websockets
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

if TYPE_CHECKING:
    from .router import Router

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
    "DuplicateParameter",
    "HeaderLineTooLong",
    "InvalidHandshake",
    "InvalidHeader",
    "InvalidHeaderFormat",
    "InvalidHeaderValue",
    "InvalidMessage",
    "InvalidMethod",
    "InvalidOrigin",
    "InvalidParameterName",
    "InvalidParameterValue",
    "InvalidProtocol",
    "InvalidProxy",
    "InvalidProxyMessage",
    "InvalidProxyStatus",
    "InvalidState",
    "InvalidStatus",
    "InvalidURI",
    "InvalidUpgrade",
    "NegotiationError",
    "PayloadTooBig",
    "ProtocolError",
    "ProxyError",
    "ReconnectState",
    "Reconnection",
    "RequestLineTooLong",
    "Router",
    "SecurityError",
    "Server",
    "ServerConnection",
    "State",
    "StatusLineTooLong",
    "TooManyFragments",
    "TooManyHeaders",
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

if TYPE_CHECKING:
    from websockets.client import ClientProtocol as ClientProtocol
    from websockets.datastructures import Headers as Headers
    from websockets.datastructures import HeadersLike as HeadersLike
    from websockets.datastructures import MultipleValuesError as MultipleValuesError
    from websockets.frames import Frame as Frame
    from websockets.frames import Opcode as Opcode
    from websockets.http11 import Request as Request
    from websockets.http11 import Response as Response
    from websockets.protocol import Protocol as Protocol
    from websockets.protocol import Side as Side
    from websockets.server import ServerProtocol as ServerProtocol
    from websockets.typing import ExtensionName as ExtensionName
    from websockets.typing import ExtensionParameter as ExtensionParameter
    from websockets.typing import LoggerLike as LoggerLike
    from websockets.typing import Origin as Origin
    from websockets.typing import StatusLike as StatusLike
    from websockets.typing import Subprotocol as Subprotocol
else:

    def __getattr__(name):
        """Load `Router`, which needs werkzeug, and the names that come from `websockets`, at their first use."""
        if name == "Router" and not IN_BROWSER:
            from .router import Router

            return Router
        value = globals()[name] = from_websockets(__name__, name)
        return value


def __dir__() -> list[str]:
    return sorted(globals().keys() | FROM_WEBSOCKETS.keys() | {"Router"})


if IN_BROWSER and not TYPE_CHECKING:

    def serve(*_arguments: object, **_named: object) -> None:
        """Raise UnsupportedInBrowserError, because a page cannot listen."""
        raise rules.unsupported("serve()")

    basic_auth = route = unix_route = unix_serve = serve

    class Server:
        """Does not exist in a page; the name is there for annotations."""

        def __init__(self) -> None:
            serve()

    class Router(Server):
        """Does not exist in a page; the name is there for annotations."""

    class ServerConnection(Server):
        """Does not exist in a page; the name is there for annotations."""
