"""How a connection ended, in the terms of `websockets`: the Close frames of both sides."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..errors import HeartbeatTimeoutError, RemoteProtocolError
from ..protocol.rules import CloseCode
from .exceptions import Close, ConnectionClosed, ConnectionClosedError, ConnectionClosedOK

if TYPE_CHECKING:
    from ..errors import WebSocketError
    from ..protocol.vocabulary import CloseStatus

_KEEPALIVE_TIMEOUT = Close(CloseCode.INTERNAL_ERROR, "keepalive ping timeout")
_OK = (CloseCode.NORMAL_CLOSURE, CloseCode.GOING_AWAY, CloseCode.NO_STATUS_RECEIVED)


def closing_frames(status: CloseStatus, asked: Close | None) -> tuple[Close | None, Close | None, bool | None]:
    """Return the received and the sent Close frame, and whether they came in this order (None unless both exist).

    `asked` is what this side asked for by `close()`. The rest follows: a Close frame is answered with the same code,
    and a connection that this side failed ends with the code of that failure.
    """
    if isinstance(status.cause, HeartbeatTimeoutError):
        return None, asked or _KEEPALIVE_TIMEOUT, None
    if isinstance(status.cause, RemoteProtocolError) and status.code == status.cause.close_code:
        return None, asked or Close(status.code, status.reason), None
    if status.code == CloseCode.ABNORMAL_CLOSURE:
        return None, asked, None
    received = Close(int(status.code), status.reason)
    if status.by_other_side or asked is None:
        return received, received, True
    return received, asked, False


def closed_error(status: CloseStatus, asked: Close | None, failure: WebSocketError | None = None) -> ConnectionClosed:
    """Return the ConnectionClosed to raise; its cause is the transport's, or `failure`."""
    received, sent, in_this_order = closing_frames(status, asked)
    is_ok = received is not None and sent is not None and received.code in _OK and sent.code in _OK
    kind = ConnectionClosedOK if is_ok else ConnectionClosedError
    error = kind(received, sent, in_this_order)
    error.__cause__ = status.cause or failure
    if error.__cause__ is None and status.was_cut:
        error.__cause__ = TimeoutError("timed out while closing connection")
    return error
