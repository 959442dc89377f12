"""The transport within one process: a pair of ends, with the limits and the time limits of the others."""

from __future__ import annotations

import time
from collections import deque
from typing import TYPE_CHECKING, NamedTuple

from ..errors import (
    ConnectionLostError,
    ConnectTimeoutError,
    MessageTooBigError,
    NotConnectedError,
    WebSocketError,
)
from ..protocol.rules import CloseCode, encode_text
from ..protocol.vocabulary import CloseStatus, Message, State
from .base import Transport, Waker, aborted, gave_up
from .limit import TimeLimit

if TYPE_CHECKING:
    from ..protocol.options import Options
    from ..protocol.url import WebSocketURL


class _Close(NamedTuple):
    """A Close frame on the wire."""

    code: int
    reason: str


class _Cut(NamedTuple):
    """The end of the wire."""


class Wire:
    """The messages on their way to one end of a connection, which `waker` wakes.

    Each end has its own wire and the other's, and neither refers to the other end.
    """

    __slots__ = ("has_ended", "items", "size", "waker")

    def __init__(self, waker: Waker) -> None:
        self.items: deque[Message | _Close | _Cut] = deque()
        self.size: int = 0
        """Payload bytes."""
        self.waker: Waker = waker
        self.has_ended: bool = False
        """Whether its end accepts nothing any more."""

    def put(self, item: Message | _Close | _Cut, size: int) -> None:
        """Add an item from the other end."""
        if not self.has_ended:
            self.items.append(item)
            self.size += size
            self.waker.wake()

    def end(self) -> None:
        """Accept nothing any more, and drop the waiting items."""
        self.has_ended = True
        self.items.clear()
        self.size = 0


class MemoryTransport(Transport):
    """One end of a connection in memory."""

    def __init__(self, url: WebSocketURL, options: Options) -> None:
        super().__init__(url, options)
        self.wire: Wire = Wire(self._waker)
        """On its way to this end."""
        self._other: Wire | None = None
        self._refusal: WebSocketError | None = None
        self._held: list[Message] = []  # in a batch
        self._held_bytes = 0
        self._sent_close: _Close | None = None
        self._cause: WebSocketError | None = None
        self._limit = TimeLimit(options.handshake_timeout, time.monotonic())

    # Called by the network and the listener.

    def refuse(self, error: WebSocketError) -> None:
        """Let the next poll fail with `error`."""
        self._refusal = error
        self._wake()

    def link(self, other: Wire, subprotocol: str) -> None:
        """Let the next poll open the connection to the end that `other` leads to."""
        self._other = other
        self.subprotocol = subprotocol
        self._wake()

    # The transport contract.

    def poll(self) -> None:
        """Read from the wire."""
        if self.ready_state is State.CONNECTING:
            if self._other is not None:
                self._enter(State.OPEN)
                self._limit = None
            elif self._refusal is None and self._limit is not None and self._limit.is_over(time.monotonic()):
                self._refusal = ConnectTimeoutError(self.options.handshake_timeout)
        if self._refusal is not None and self.ready_state is not State.CLOSED:
            self._finish(CloseStatus(CloseCode.ABNORMAL_CLOSURE, cause=self._refusal))
        wire = self.wire.items
        while wire and self.ready_state in (State.OPEN, State.CLOSING):
            if not self._take(wire[0]):
                break
        cause = self._check_close_limit() if self.ready_state is State.CLOSING else None
        if cause is not None:
            self._lose(cause)

    def send(self, message: Message) -> None:
        """Put the message on the other end's wire."""
        if isinstance(message, str):
            message = encode_text(message).decode()  # lone surrogates do not survive a wire
        size = _size(message)
        self._check_room_to_send(size)
        if self.is_held:
            self._held.append(message)
            self._held_bytes += size
        elif self._other is not None:
            self._other.put(message, size)

    def close(self, code: int | None, reason: str) -> None:
        """Put the Close frame on the other end's wire."""
        if self.ready_state is State.CONNECTING:
            self._refusal = gave_up()
            if self._other is not None:
                self._other.put(_Cut(), 0)
        else:
            self._hand_over_held()
            self._send_close(_Close(CloseCode.NO_STATUS_RECEIVED if code is None else code, reason))
        self._enter(State.CLOSING)
        self._start_closing()

    def abort(self) -> None:
        """Cut the wire."""
        if self.ready_state is not State.CLOSED:
            self._lose(aborted())

    @property
    def buffered_amount(self) -> int:
        """Payload bytes that the other end has not read from the wire."""
        on_wire = 0 if self._other is None else self._other.size
        return on_wire + self._held_bytes

    @property
    def waiting_count(self) -> int:
        """How many messages are on the wire or held."""
        return len(self._held) + (0 if self._other is None else len(self._other.items))

    def release(self) -> None:
        """Put the messages on the wire."""
        self._hand_over_held()

    def remote_address(self) -> tuple[str, int]:
        """Return host and port of the URL."""
        return self.url.host, self.url.port

    def set_no_delay(self, enabled: bool) -> None:
        """Do nothing: messages are never delayed here."""

    def ping(self, payload: bytes) -> None:
        """Answer at once: there is no network in between."""

    @property
    def latency(self) -> float:
        """Always 0.0."""
        return 0.0

    def fileno(self) -> int:
        """Raise: there is no descriptor."""
        raise NotConnectedError("a connection in memory has no file descriptor: poll() it")

    # Passing items between the two ends.

    def _take(self, item: Message | _Close | _Cut) -> bool:
        """Take the first item from the wire; return False if there is no room for it."""
        if isinstance(item, _Cut):
            self._lose(ConnectionLostError("the other side ended the connection without a Close frame"))
        elif isinstance(item, _Close):
            self._take_close(item)
        else:
            size = _size(item)
            if self.ready_state is State.OPEN and not self._receive(item, size):
                return False
            self.wire.size -= size
        if self.wire.items:
            self.wire.items.popleft()
        return True

    def _receive(self, message: Message, size: int) -> bool:
        web_limits = self.options.web_limits
        limit = self.options.max_message_size or self.options.inbound_buffer_size
        if size > limit:
            code = CloseCode.INBOUND_MESSAGE_TOO_BIG if web_limits else CloseCode.MESSAGE_TOO_BIG
            self._fail(code, MessageTooBigError(size, limit))
            return True
        if not web_limits and self._inbox_room() <= 0:
            return False
        self.inbox.append(message)
        self._inbox_bytes += size
        self.received_count += 1
        overflow = self._cut_overflow() if web_limits else None
        if overflow is not None:
            self.received_count -= 1
            self._fail(CloseCode.INBOUND_OVERFLOW, overflow)
        return True

    def _take_close(self, close: _Close) -> None:
        by_other_side = self._sent_close is None
        if by_other_side:
            self._hand_over_held()
            self._send_close(close)
        self._finish(CloseStatus(close.code, close.reason, self._cause is None, self._cause, by_other_side))

    def _fail(self, code: CloseCode, cause: WebSocketError) -> None:
        self._cause = cause
        self.close(code, "")

    def _send_close(self, close: _Close) -> None:
        self._sent_close = close
        if self._other is not None:
            self._other.put(close, 0)

    def _hand_over_held(self) -> None:
        held, self._held, self._held_bytes = self._held, [], 0
        for message in held:
            if self._other is not None:
                self._other.put(message, _size(message))

    def _lose(self, cause: WebSocketError) -> None:
        if self._other is not None:
            self._other.put(_Cut(), 0)
        self._finish(CloseStatus(CloseCode.ABNORMAL_CLOSURE, cause=self._cause or cause))

    def _finish(self, status: CloseStatus) -> None:
        self._other = None
        self._limit = None
        self.wire.end()
        self._held = []
        self._held_bytes = 0
        self._end(status)


def _size(message: Message) -> int:
    return len(encode_text(message)) if isinstance(message, str) else len(message)
