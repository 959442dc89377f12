"""asyncio in both worlds: `connect()` in a page and on the desktop, `serve()` on the desktop, as in `websockets`.

Importing this loads asyncio, which importing `pyws_browser` does not.
"""

from __future__ import annotations

from ..reconnection import Backoff, Reconnection, ReconnectState
from ..transport.base import State
from . import exceptions
from .client import ClientConnection, connect, process_exception
from .connection import Connection
from .exceptions import (
    Close,
    ConcurrencyError,
    ConnectionClosed,
    ConnectionClosedError,
    ConnectionClosedOK,
    InvalidHandshake,
    InvalidStatus,
    InvalidURI,
    WebSocketException,
)

__all__ = [
    "Backoff",
    "ClientConnection",
    "Close",
    "ConcurrencyError",
    "Connection",
    "ConnectionClosed",
    "ConnectionClosedError",
    "ConnectionClosedOK",
    "InvalidHandshake",
    "InvalidStatus",
    "InvalidURI",
    "ReconnectState",
    "Reconnection",
    "State",
    "WebSocketException",
    "connect",
    "exceptions",
    "process_exception",
]
