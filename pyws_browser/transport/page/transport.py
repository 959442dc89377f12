"""The transport of Pyodide: the browser's own WebSocket, by way of `pyodide.ffi`.

Overview:

- Events reach Python only in `poll()`. Each listener is `Array.prototype.push`, bound to a JavaScript array: the page
  queues its events by itself, and there is no proxy of Python's that could leak but that of `set_wakeup()`, which goes
  with the connection. It needs no eval, so a strict Content-Security-Policy is fine, and no `window` or `document`, so
  a worker is too. How messages cross, and how what waits is bounded, stands in `crossing.py`.
- The browser's part is in `socket.py`. Its WebSocket cannot hold a sender back: what is over the limits closes the
  connection, with an error. Where `backpressure` is asked for and the engine has a WebSocketStream, that one serves
  (`stream.py`), and what is over the limits waits.
- Nothing tells a page why a connection failed. The errors here say where to look instead.
"""

from __future__ import annotations

from collections import deque
from time import monotonic
from typing import TYPE_CHECKING, Final
from weakref import WeakMethod

import js
from pyodide.ffi import JsException

from ...errors import (
    CloseTimeoutError,
    ConnectError,
    ConnectionLostError,
    ConnectTimeoutError,
    InboundOverflowError,
    InvalidURLError,
    MessageTooBigError,
    RemoteProtocolError,
    UnsupportedInBrowserError,
    WebSocketError,
)
from ...protocol.display import printable
from ...protocol.rules import CloseCode, encode_text, is_wire_close_code
from ...protocol.url import WebSocketURL, is_loopback, parse_url
from ...protocol.vocabulary import OPEN, CloseStatus, Message, State
from ..base import WIDEST, Transport, aborted, gave_up, overflowed, size_in_memory, unsent_at_end
from ..limit import TimeLimit
from .alarm import Alarm, Turns
from .socket import WebSocket

if TYPE_CHECKING:
    from collections.abc import Callable

    from ...protocol.options import Options
    from .socket import Event, PageSocket
    from .stream import WebSocketStream

_OVERFLOW: Final = "overflow"
_NO_TURN: Final = (
    "the page had no turn in that time, and nothing comes to a page whose Python never waits: put "
    "`await asyncio.sleep(1 / 60)` into the loop"
)


class BrowserTransport(Transport):
    """A connection of the browser."""

    def __init__(self, url: str, options: Options) -> None:
        parsed = parse_url(url, _base_url())
        _check_mixed_content(parsed)
        super().__init__(parsed, options)
        on_full = _weakly(self._regulate)
        try:
            self._socket: PageSocket = _socket_type(options)(str(parsed), options.subprotocols, on_full)
        except JsException as exc:
            raise _translate(exc, parsed) from exc
        self._messages = self._socket.messages
        self._events: deque[Event] = deque()
        self._is_held_back = False
        self._may_have_lost = False  # the other side closed while it was held back
        self._most_buffered = 0  # what the browser holds back at most, in bytes
        self._limit = TimeLimit(options.handshake_timeout, monotonic())
        self._is_closing = False  # this side began
        self._has_failed = False  # an error event came
        self._was_left = False  # the page was, which closed it
        self._turns: Turns | None = None
        self._cause: WebSocketError | None = None
        self._alarm: Alarm | None = None

    def poll(self) -> None:
        """Take in the events that the page has queued."""
        messages = self._messages
        if self.ready_state is OPEN and not self._events and (messages.is_fresh or not self._socket.js_events):
            if messages.is_told and not self.inbox:  # the shortest way for a single message
                message = messages.take_told()
                self._inbox_bytes, self._inbox_counted = len(message), 0
                if WIDEST * self._inbox_bytes <= self.options.inbound_buffer_size:
                    self.inbox.append(message)
                    self.received_count += 1
                else:
                    self._add_messages([message])
            else:
                self._add_messages(messages.take())
            return
        if self.ready_state is State.CLOSED:
            return
        if self._socket.js_events:
            self._take_in_events()
        while self._events:
            # Messages come between the opening and all other events.
            if self.ready_state is State.OPEN:
                self._add_messages(self._messages.take())
                if self.ready_state is State.OPEN and self._messages:
                    return  # no room for them yet
            self._take(self._events.popleft())
        if self.ready_state is State.OPEN:
            self._add_messages(self._messages.take())
            return
        if self._has_failed and not self.has_opened:
            self._end_unopened()
        self._check_limit()

    def send(self, message: Message) -> None:
        """Pass the message to the browser, which discards it after an end that was not polled yet."""
        # A character has four bytes of UTF-8 at most, so only a text near the limit has to be encoded for its size, or
        # one that is counted by it.
        most = len(message) if isinstance(message, bytes) or message.isascii() else 4 * len(message)
        self._most_buffered += most
        limit, counts = self.options.outbound_buffer_size, self._put_packets is not None
        if self._most_buffered > limit or counts:
            self._most_buffered = self.buffered_amount
            size = most
            if isinstance(message, str) and (counts or self._most_buffered + most > limit):
                size = len(encode_text(message))
            self._check_room_to_send(size)
            self._most_buffered += size
        # Within the event of a message there was no end yet.
        if self._messages.is_fresh or self._socket.can_send():
            self._socket.sender(message)

    def close(self, code: int | None, reason: str) -> None:
        """Let the browser close, after saving what has arrived."""
        self.poll()
        if self.ready_state is State.CONNECTING:
            self._cause = gave_up()
        if self.ready_state <= State.OPEN:
            self._begin_closing(code, reason)

    def abort(self) -> None:
        """Let the browser close, and ignore it from then on."""
        if self.ready_state is not State.CLOSED:
            if self.ready_state is not State.CLOSING:  # else messages put before close() would be lost
                self._socket.cut()
            self._finish(CloseStatus(CloseCode.ABNORMAL_CLOSURE, cause=aborted()))

    @property
    def buffered_amount(self) -> int:
        """The bytes that the browser has not sent, 0 once the connection has ended."""
        return 0 if self.ready_state is State.CLOSED else self._socket.buffered_amount

    @property
    def has_backpressure(self) -> bool:
        """Whether this is a stream."""
        return self._socket.has_backpressure

    @property
    def is_held_back(self) -> bool:
        """Whether no more is read."""
        return self._is_held_back

    def release(self) -> None:
        """Do nothing: the browser gathers the messages of one task by itself."""

    def set_wakeup(self, wakeup: Callable[[], None] | None) -> None:
        """Call back from the page's events too: the one case in which a Python function is a listener."""
        self._drop_alarm()
        super().set_wakeup(wakeup)
        if wakeup is not None and self.ready_state is not State.CLOSED:
            self._alarm = Alarm(self._socket.js_target, self._messages, wakeup)

    def __del__(self) -> None:
        if hasattr(self, "_alarm"):  # or the constructor raised
            self.abort()

    def _take_in_events(self) -> None:
        for event in self._socket.take_events():
            if event.kind != "closing":
                self._events.append(event)
            else:
                self._may_have_lost |= self._is_held_back

    def _take(self, event: Event) -> None:
        kind = event.kind
        if kind == "open":
            if self.ready_state is State.CONNECTING:
                self._take_open()
        elif kind == "error":
            self._has_failed = True
        elif kind == "pagehide":
            if self.ready_state <= State.OPEN:
                self._was_left = True
                self._fail(CloseCode.NORMAL_CLOSURE, _left())
        elif kind == _OVERFLOW:
            if self.ready_state is State.OPEN:
                self._fail(CloseCode.INBOUND_OVERFLOW, overflowed(self.options))
        else:
            self._take_close(event)

    def _take_open(self) -> None:
        self.subprotocol: str = self._socket.protocol
        if self.options.subprotocols and not self.subprotocol:  # Firefox and WebKit accept that
            self._socket.cut()
            cause = ConnectError(
                f"{self.url.shown} chose none of the subprotocols {', '.join(self.options.subprotocols)}: "
                "offer one that the server speaks, or none"
            )
            self._finish(CloseStatus(CloseCode.ABNORMAL_CLOSURE, cause=cause))
            return
        self._limit = None
        self._enter(State.OPEN)

    def _end_unopened(self) -> None:
        """Node before 24 sends no close event after the error of a failed connection."""
        if self.ready_state is not State.CLOSED:
            self._socket.cut()
            self._finish(CloseStatus(CloseCode.ABNORMAL_CLOSURE, cause=self._cause or self._guess_cause()))

    def _add_messages(self, messages: list[Message]) -> None:
        options, inbox = self.options, self.inbox
        if not inbox:
            self._inbox_bytes = self._inbox_counted = 0
        inbox_bytes = self._inbox_bytes + sum(map(len, messages))
        if (
            WIDEST * inbox_bytes <= options.inbound_buffer_size
            and len(inbox) + len(messages) <= options.max_queued_packets
        ):
            inbox += messages
            self._inbox_bytes = inbox_bytes
            self.received_count += len(messages)
            if self._is_held_back:
                self._regulate()
            return
        for index, message in enumerate(messages):
            if self._socket.has_backpressure and self._inbox_room() <= 0:
                self._messages.put_back(messages[index:])
                break
            self._take_message(message)
            if self.ready_state is not State.OPEN:
                return
        self._regulate()

    def _take_message(self, message: Message) -> None:
        limit = self.options.inbound_buffer_size
        size = len(message)
        if isinstance(message, str) and WIDEST * size > limit and not message.isascii():
            size = len(encode_text(message))
        if size > limit:
            self._fail(CloseCode.INBOUND_MESSAGE_TOO_BIG, MessageTooBigError(size, limit))
            return
        self.inbox.append(message)
        self.received_count += 1
        self._inbox_bytes += size
        overflow = None if self._socket.has_backpressure else self._cut_overflow()
        if overflow is not None:
            self.received_count -= 1
            self._fail(CloseCode.INBOUND_OVERFLOW, overflow)

    def _take_close(self, event: Event) -> None:
        cause = self._cause
        # If the TCP connection breaks after the other side's Close frame, as when a server is stopped, wasClean is
        # false (in WebKit after an error event), but the code is that of the frame. Without a frame the code is 1006.
        # An end because the page was left counts as one that the program did not ask for.
        code = event.code if self.has_opened and not self._was_left else CloseCode.ABNORMAL_CLOSURE
        if cause is None and not _may_arrive(code):  # Chromium takes it
            cause = RemoteProtocolError(f"the other side closed with {code}, which may not be sent")
            code = CloseCode.ABNORMAL_CLOSURE
        if cause is None and self._may_have_lost:
            cause = InboundOverflowError(
                "the other side closed while it was held back, and the browser discards what it had not delivered: "
                "fetch packets more often, or let the server wait for an answer"
            )
        if cause is None and not event.was_clean and code != CloseCode.ABNORMAL_CLOSURE:
            unsent = self._socket.buffered_amount
            cause = unsent_at_end(unsent) if unsent else None
        was_clean = code != CloseCode.ABNORMAL_CLOSURE and cause is None
        if cause is None and not was_clean:
            cause = self._guess_cause()
        reason = event.reason if code == event.code else ""
        self._finish(CloseStatus(code, reason, was_clean, cause, was_clean and not self._is_closing))

    def _regulate(self) -> None:
        """Hold the sender back while the limits are reached, or close if that is impossible and they are exceeded."""
        socket, options = self._socket, self.options
        room, count = self._inbox_room(), len(self._messages)
        if self._is_held_back:
            if room > 0 and not count:
                self._is_held_back = False
                socket.resume()
        elif socket.has_backpressure:
            if count >= room or self._waiting_takes(options.inbound_buffer_size):
                self._is_held_back = True
                socket.hold()
        elif count > room or self._waiting_takes(options.inbound_buffer_size + 1):
            self._messages.stop()
            socket.close(CloseCode.INBOUND_OVERFLOW, "")
            socket.note(_OVERFLOW)

    def _waiting_takes(self, size: int) -> bool:
        """Tell whether what waits, in the inbox and in the queue, takes at least `size` bytes of memory."""
        queue = self._messages
        if not self._inbox_holds(size - WIDEST * queue.backlog_bytes):
            return False
        return self._inbox_holds(size - sum(map(size_in_memory, queue.backlog)))

    def _guess_cause(self) -> WebSocketError:
        if not self.has_opened:
            return ConnectError(
                f"no connection to {self.url.shown}, and a browser does not tell a page why: its console (F12) does. "
                f"{self._questions()}"
            )
        return ConnectionLostError(
            "the other side broke the protocol, or the connection failed; a browser does not say which"
            if self._has_failed
            else "the connection ended without a Close frame"
        )

    def _questions(self) -> str:
        """Return advice on the possible reasons of a failed connection."""
        url, protocols = self.url, self.options.subprotocols
        questions = [
            f"Is a server running at {url.host}:{url.port}",
            f"does it speak WebSocket at {printable(url.resource.partition('?')[0])}",
        ]
        if protocols:
            questions.append(f"does it choose one of the subprotocols {', '.join(protocols)}")
        if url.secure:
            questions.append("does this browser accept its certificate (open the https: address in a tab)")
        questions.append(
            "does it accept pages from this origin, and does this page's Content-Security-Policy let it go there"
        )
        return f"{', '.join(questions)}?"

    def _begin_closing(self, code: int | None, reason: str) -> None:
        self._is_closing = True
        self._enter(State.CLOSING)
        self._socket.await_turn()
        self._socket.close(code, reason)
        self._start_closing()

    def _fail(self, code: CloseCode, cause: WebSocketError) -> None:
        self._cause = cause
        self._begin_closing(code, "")

    def _check_limit(self) -> None:
        """End if a time limit is over; it counts only time in which the page's event loop ran."""
        cause: WebSocketError | None = None
        limit = self._limit
        if limit is None:
            return
        if self._turns is None:
            self._turns = Turns()
        if not self._turns.came():
            limit.skip(monotonic())
            return
        if self.ready_state is State.CLOSING:
            cause = self._check_close_limit()
            if cause is not None and not self._socket.had_turn:
                cause = CloseTimeoutError(self.options.close_timeout, advice=_NO_TURN)
        elif self.ready_state is State.CONNECTING and self._limit is not None and self._limit.is_over(monotonic()):
            cause = ConnectTimeoutError(self.options.handshake_timeout)
            if not self._socket.had_turn:
                cause = ConnectTimeoutError(self.options.handshake_timeout, advice=_NO_TURN)
        if cause is not None:
            self._socket.cut()
            self._finish(CloseStatus(CloseCode.ABNORMAL_CLOSURE, cause=self._cause or cause))

    def _finish(self, status: CloseStatus) -> None:
        self._limit = None
        self._socket.stop()
        self._events.clear()
        self._drop_alarm()
        self._end(status)

    def _drop_alarm(self) -> None:
        if self._alarm is not None:
            self._alarm.stop()
            self._alarm = None


def _socket_type(options: Options) -> type[WebSocket | WebSocketStream]:
    """Return the socket that the page connects with."""
    if options.backpressure and hasattr(js, "WebSocketStream"):
        from .stream import WebSocketStream

        return WebSocketStream
    return WebSocket


def _weakly(method: Callable[[], None]) -> Callable[[], None]:
    """Return a function that calls a method while its object lives, without keeping it alive."""
    reference = WeakMethod(method)

    def call() -> None:
        alive = reference()
        if alive is not None:
            alive()

    return call


def _left() -> ConnectionLostError:
    return ConnectionLostError(
        "the page was left, which ends its connections, and has come back since: connect_to_url() brings a new one"
    )


def _may_arrive(code: int) -> bool:
    return code in (CloseCode.NO_STATUS_RECEIVED, CloseCode.ABNORMAL_CLOSURE) or is_wire_close_code(code)


def _base_url() -> str | None:
    """Return the base URL for relative URLs: that of the page (`<base>` included) or worker; Node has none."""
    for owner, name in (("document", "baseURI"), ("location", "href")):
        url = getattr(getattr(js, owner, None), name, None)
        if url is not None:
            return str(url)
    return None


def _check_mixed_content(url: WebSocketURL) -> None:
    """Refuse what a secure page may not do (W3C Mixed Content §4); a browser would only say that it failed."""
    if url.secure or not getattr(js, "isSecureContext", False):
        return
    if str(js.location.protocol) == "https:" and not is_loopback(url.host):
        raise UnsupportedInBrowserError(
            f"{url.shown} is not available to a page that came over https: use wss://, and a server with a certificate"
        )


def _translate(exc: JsException, url: WebSocketURL) -> WebSocketError:
    """Return our error for what the browser's constructor threw (WHATWG WebSockets §3.1)."""
    reason = exc.message.replace(str(url), url.shown)
    if exc.name == "SyntaxError":
        return InvalidURLError(f"the browser refuses {url.shown}: {reason}")
    return UnsupportedInBrowserError(f"the browser refuses to connect to {url.shown}: {reason}")
