"""States and sides of a connection."""

from __future__ import annotations

import enum
from importlib import import_module

from ._names import make_class

State = import_module("pyws_browser.protocol.vocabulary").State
CONNECTING, OPEN, CLOSING, CLOSED = State


class Side(enum.IntEnum):
    """Which side of a connection."""

    SERVER, CLIENT = range(2)


SERVER, CLIENT = Side
SEND_EOF = b""
Protocol = make_class(__name__, "Protocol")
Event = object
