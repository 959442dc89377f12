"""Stands in for the package `websockets` in a page where it is not installed; its modules load at their first use.

Its own imports are relative, for it is loaded under the name `websockets`. Types, data and functions that libraries use
work fully; servers, and internals of the real package, are names that raise when they are called.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

__version__ = "17.0"

_FROM = {
    "asyncio.client": "connect unix_connect ClientConnection",
    "asyncio.router": "route unix_route Router",
    "asyncio.server": "basic_auth broadcast serve unix_serve ServerConnection Server",
    "client": "ClientProtocol",
    "datastructures": "Headers HeadersLike MultipleValuesError",
    "exceptions": (
        "ConcurrencyError ConnectionClosed ConnectionClosedError ConnectionClosedOK DuplicateParameter "
        "HeaderLineTooLong InvalidHandshake InvalidHeader InvalidHeaderFormat InvalidHeaderValue InvalidMessage "
        "InvalidMethod InvalidOrigin InvalidParameterName InvalidParameterValue InvalidProtocol InvalidProxy "
        "InvalidProxyMessage InvalidProxyStatus InvalidState InvalidStatus InvalidUpgrade InvalidURI "
        "NegotiationError PayloadTooBig ProtocolError ProxyError RequestLineTooLong SecurityError StatusLineTooLong "
        "TooManyFragments TooManyHeaders WebSocketException"
    ),
    "frames": "Close CloseCode Frame Opcode",
    "http11": "Request Response",
    "protocol": "Protocol Side State",
    "server": "ServerProtocol",
    "typing": "Data ExtensionName ExtensionParameter LoggerLike Origin StatusLike Subprotocol",
    "legacy.auth": "BasicAuthWebSocketServerProtocol basic_auth_protocol_factory",
    "legacy.client": "WebSocketClientProtocol",
    "legacy.exceptions": "AbortHandshake InvalidStatusCode RedirectHandshake WebSocketProtocolError",
    "legacy.protocol": "WebSocketCommonProtocol",
    "legacy.server": "WebSocketServer WebSocketServerProtocol",
}

_MODULE_OF = {name: module for module, names in _FROM.items() for name in names.split()}

__all__ = [name for name, module in _MODULE_OF.items() if not module.startswith("legacy")]


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_MODULE_OF[name]}", __name__), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_MODULE_OF})
