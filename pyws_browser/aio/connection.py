"""Connection: one WebSocket connection to be awaited, as in `websockets.asyncio.connection`.

It stands on a transport as `WebSocketPeer` does, and adds nothing to the protocol: a `Pump` has the transport polled,
after which `_after_turn()` wakes whoever waits for what the poll brought. There is no task behind it. A message that is
in the transport's inbox already is fetched without going through the event loop.
"""

from __future__ import annotations

import asyncio
import logging
import sys
from contextlib import aclosing
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any, Final, NoReturn
from uuid import UUID, uuid4
from weakref import proxy

from ..compat.data import Decoder, as_message, each, is_data
from ..compat.endings import closed_error, closing_frames
from ..compat.exceptions import Close, ConcurrencyError, ConnectionClosed, ConnectionClosedOK
from ..compat.protocol_view import ProtocolView
from ..compat.values import AwaitedValues
from ..errors import (
    InvalidMessageTypeError,
    InvalidStateError,
    InvalidTextError,
    MessageTooBigError,
    NotConnectedError,
)
from ..peer.slow_readers import TOO_SLOW, SlowReader, waiting_bytes
from ..protocol import rules
from ..protocol.rules import CloseCode
from ..protocol.trace import TracedFrame
from ..protocol.vocabulary import CLOSED, OPEN, State
from ..transport import IN_BROWSER
from .coroutines import drain
from .pings import Pings
from .pump import make_pump
from .sending import Sender
from .turns import Rows
from .waiter import Waiter

if TYPE_CHECKING or not IN_BROWSER:
    from .socket_view import SocketView

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
    from logging import Logger, LoggerAdapter
    from types import TracebackType
    from typing import Self, TypeAlias

    from websockets.http11 import Request, Response

    from ..compat.data import Data, Fragments
    from ..errors import WebSocketError
    from ..peer.slow_readers import Slowness
    from ..protocol.vocabulary import Message
    from ..transport.base import Transport
    from ..wire.shared import SharedMessage

    Trace: TypeAlias = Callable[["Connection", TracedFrame], object]

_FRAGMENTS_FAILED: Final = "error in fragmented message"

_RECEIVING: Final = "cannot call {} while another coroutine is already running recv or recv_streaming"

_LOOK: Final = 0.05
"""Seconds between two looks at how much a browser has sent for a slow connection."""


class Connection(AwaitedValues):
    """What a client's and a server's connection have in common; `connect()` and `serve()` make them.

    It can be iterated over for its messages, and is an asynchronous context manager that closes it. One task receives,
    any number may send. `write_limit` is high and low water in bytes, `low_queue` the low water of the inbox, whose
    high water is the transport's. `max_size` is in bytes; it counts where the transport's limit is a larger one, which
    is that of a page.
    """

    def __init__(
        self,
        transport: Transport,
        *,
        write_limit: tuple[int, int] = (2**15, 2**13),
        low_queue: int = 4,
        max_size: int = sys.maxsize,
        logger: Logger | LoggerAdapter[Any] | None = None,
        trace: Trace | None = None,
    ) -> None:
        self.id: UUID = uuid4()
        """Unique to the connection; for logs."""
        self.logger: LoggerAdapter[Any] = logging.LoggerAdapter(
            logger or logging.getLogger("pyws_browser"), {"websocket": proxy(self)}
        )
        """The logger, which gives every record this connection as `websocket`."""
        self._loop = asyncio.get_running_loop()
        self._transport = transport
        self._inbox = transport.inbox
        self._low_queue = low_queue
        self._max_size = max_size
        self._has_own_limit = max_size < transport.options.inbound_buffer_size
        self._checked = 0
        self._failure: WebSocketError | None = None
        # In a flood nothing makes a task wait. While the inbox has more than `_mark` messages they are given without a
        # look at anything else, which is never while a task receives; then it is seen whether the event loop's turn is
        # over: see `turns.py`.
        self._rows = Rows(self._loop)
        self._mark = 0
        self._receiver: Waiter | None = None
        self._is_streaming = False
        self._lost: asyncio.Future[None] = self._loop.create_future()
        self._sending: asyncio.Future[None] | None = None  # while a message goes out in fragments
        self._asked_to_close: Close | None = None
        self._seen_state = transport.ready_state
        self._pings = Pings(transport, self._loop)
        self._sender = Sender(transport, self._loop, write_limit)
        self._slow: SlowReader | None = None
        self._on_missed: Callable[[Any, int, int], object] | None = None
        self._told = 0
        self._message_trace: Callable[[TracedFrame], object] | None = None
        self._start_trace(trace)
        self._pump = make_pump(transport, self._loop, self._after_turn)
        self._pump.start()

    # What it is.

    @property
    def state(self) -> State:
        """CONNECTING, OPEN, CLOSING or CLOSED."""
        return self._transport.ready_state

    @property
    def subprotocol(self) -> str | None:
        """The subprotocol that was agreed on, None if none was."""
        return self._transport.subprotocol or None

    @property
    def request(self) -> Request | None:
        """The opening handshake's request; None in a page, which is not shown it."""
        return None if self._transport.options.web_limits else self._transport.handshake_request

    @property
    def response(self) -> Response | None:
        """The answer to it; None in a page, which is not shown it."""
        return None if self._transport.options.web_limits else self._transport.handshake_response

    @property
    def protocol(self) -> ProtocolView:
        """Its state once more, by the names of the protocol of `websockets`: `close_exc`, `uri` and the like."""
        return ProtocolView(self, str(self._transport.url))

    @property
    def local_address(self) -> tuple[str, int]:
        """Host and port of this side; not in a page."""
        self._refuse_in_browser("local_address")
        return self._transport.local_address()

    @property
    def remote_address(self) -> tuple[str, int]:
        """Host and port of the other side; not in a page."""
        self._refuse_in_browser("remote_address")
        return self._transport.remote_address()

    @property
    def transport(self) -> SocketView:
        """The socket below, for `get_extra_info()` and the like; not in a page."""
        self._refuse_in_browser("transport")
        return SocketView(self._transport, self._abort)

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """The event loop that it runs on."""
        return self._loop

    @property
    def latency(self) -> float:
        """Seconds between the last answered ping and its pong, 0.0 before the first; not in a page."""
        self._refuse_in_browser("latency")
        return self._pings.latency

    @property
    def close_code(self) -> int | None:
        """The code of the Close frame that came, 1005 for none in it and 1006 if none came; None before the end."""
        close = self._received_close()
        return None if close is None else close.code

    @property
    def close_reason(self) -> str | None:
        """The reason in the Close frame that came, "" if none did; None before the end."""
        close = self._received_close()
        return None if close is None else close.reason

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._transport.url.shown} {self.state.name}>"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close with 1000; if the block failed with 1011, in a page 4011, which it may send."""
        if kind is None or issubclass(kind, GeneratorExit):  # a `break` out of `async for` is no failure
            await self.close()
        else:
            await self.close(self._failure_code)

    # Receiving.

    async def __aiter__(self) -> AsyncGenerator[Message]:
        """Give the messages until the connection was closed as it should be; raises as `recv()` if it was not."""
        inbox = self._inbox
        has_own_recv = type(self).recv is not Connection.recv  # which is called for every message, then
        while True:
            row = self._begin_row() if inbox and not has_own_recv else 0
            if row:  # as nearly always in a flood
                for _ in range(row):
                    if not inbox or self._receiver is not None:  # the body of the program's loop may receive as well
                        break
                    yield inbox.popleft()
                continue
            try:
                message = await self.recv()
            except ConnectionClosedOK:
                return
            yield message

    async def recv(self, decode: bool | None = None) -> Message:
        """Receive the next message: text as str, binary as bytes; `decode` True gives str, False bytes, for either.

        What arrived before the end can be received after it. Cancelling it loses nothing.

        Raises:
            ConnectionClosed: there is no message, and there will be none.
                It is closed with 1007, in a page with 4007, if `decode` is True and the message is not UTF-8.
            ConcurrencyError: another task is receiving.

        """
        inbox = self._inbox
        if len(inbox) <= self._mark:
            if inbox and self._receiver is None and not self._begin_row():
                await self._wait_for_turn()
            if not inbox or self._receiver is not None:
                self._look_for_message(streams=False)
                while not inbox:
                    try:
                        await self._next_news()
                    finally:
                        self._receiver = None
                self._set_mark(len(inbox))
        message = inbox.popleft()
        try:
            return message if decode is None else Decoder(decode).whole(message)
        except UnicodeDecodeError as exc:
            await self._fail_text(exc)

    async def recv_streaming(self, decode: bool | None = None) -> AsyncIterator[Message]:
        """Receive the next message fragment by fragment, as they come; `decode` and what it raises are as for `recv()`.

        A page is not told of fragments: there the message comes as one. Once the first fragment was given the message
        has to be taken to its end; until then nothing else can be received.
        """
        decoder = Decoder(decode)
        async with aclosing(self._receive_fragments()) as fragments:
            try:
                async for fragment in fragments:
                    yield decoder(fragment)
                decoder.finish()
            except UnicodeDecodeError as exc:
                await self._fail_text(exc)

    async def _receive_fragments(self) -> AsyncGenerator[Message]:
        if self._receiver is not None:
            raise ConcurrencyError(_RECEIVING.format("recv_streaming"))
        if self._inbox and not self._begin_row():
            await self._wait_for_turn()
        is_begun = False
        while not self._inbox:
            if is_begun:
                self._receiver = None
            try:
                fragments = await self._wait_for_fragments()
            except ConnectionClosed:
                raise
            except BaseException:
                if is_begun:
                    self._keep_to_itself()
                raise
            if fragments:
                is_begun = True
                self._keep_to_itself()
            for fragment in fragments:
                yield fragment
                if self._rows.is_turn_over():
                    await self._wait_for_turn()
        self._keep_to_itself()
        try:
            fragments = self._transport.split_message(self._inbox.popleft())
            for fragment in fragments:
                yield fragment
                if self._rows.is_turn_over():
                    await self._wait_for_turn()
        finally:
            self._receiver = None
            self._set_mark(len(self._inbox))

    # Sending.

    async def send(self, message: Data | Fragments, *, text: bool | None = None) -> None:
        """Send a message: str as text, bytes-like as binary; `text` True or False overrides that.

        An (asynchronous) iterable is sent as one message, each item a fragment of it; other tasks' messages wait until
        it is over. In a page the message goes out as a whole at its end. Waits while more than `write_limit` bytes
        wait to be sent. Cancelled while it waits, the message goes out nevertheless, unless it is a fragmented one
        that is not over: the connection is then closed with 1011, for the rest cannot be left out (not in a page).

        Raises:
            ConnectionClosed: the connection is closed.
            InvalidMessageTypeError: it is neither, and nothing was sent (a TypeError).
            InvalidTextError: `text` is True, and the bytes are not UTF-8.

        """
        while self._sending is not None:
            await asyncio.shield(self._sending)
        if not isinstance(message, (str, bytes)) and not is_data(message):
            await self._send_fragments(message, text=text)  # type: ignore[arg-type]
            return
        if text is not None or not isinstance(message, (str, bytes)):
            message = as_message(message, text=text)  # type: ignore[arg-type]
        if self._transport.ready_state is not OPEN:
            await self._raise_closed()
        try:
            self._sender.put(message)
        except NotConnectedError:  # the browser knows already what the page is still to be told
            await self._raise_closed()
        if self._sender.must_wait:
            await self._drain()

    def offer(self, message: Message, shared: SharedMessage | None, slowness: Slowness) -> None:
        """Send without waiting, or do what is done to a slow connection; for `broadcast()`, which documents that.

        `shared` is the same message if it goes to others as well. Raises NotConnectedError unless it is open,
        ConcurrencyError while a fragmented message is sent.
        """
        if self._transport.ready_state is not OPEN:
            status = self._transport.close_status
            cause = None if status is None else status.cause
            why = "" if cause is None else f": {cause}"
            raise NotConnectedError(f"the connection is {self._transport.ready_state.name}, not open{why}") from cause
        if self._sending is not None:
            raise ConcurrencyError("sending a fragmented message")
        if self._slow is None:
            if waiting_bytes(self._transport) > slowness.limit:
                self._sender.flush()  # it may wait for the end of this turn only
            if waiting_bytes(self._transport) <= slowness.limit:
                self._sender.put(message, shared)
                return
            self._slow = SlowReader(self._transport, self._sender.put, slowness.limit)
            if not hasattr(self._transport, "wants_write"):
                self._loop.call_later(_LOOK, self._look_at_slow)
        self._on_missed = slowness.on_missed
        size = rules.size_of(message, 0) if shared is None else len(shared.payload)
        if not self._slow.take(message, shared, size, slowness.policy, slowness.key):
            self._slow = None
            self.logger.warning("closed because it is too slow: %d bytes wait", self._transport.buffered_amount)
            web = self._transport.options.web_limits
            self._begin_to_close(CloseCode.TOO_SLOW if web else CloseCode.TRY_AGAIN_LATER, TOO_SLOW)

    def _resume(self) -> None:
        """Look whether a slow connection is that no longer, and tell what it missed."""
        slow = self._slow
        if slow is None or (self._transport.ready_state is OPEN and (self._sending is not None or not slow.resume())):
            return
        self._slow = None
        on_missed, self._on_missed = self._on_missed, None
        if slow.missed_messages and on_missed is not None and self._transport.ready_state is OPEN:
            try:
                on_missed(self, slow.missed_messages, slow.missed_bytes)
            except Exception:
                self.logger.exception("on_missed failed")

    def _look_at_slow(self) -> None:
        """Look, where no event tells that something was handed on, as in a page."""
        self._resume()
        if self._slow is not None:
            self._loop.call_later(_LOOK, self._look_at_slow)

    async def ping(self, data: Data | None = None) -> Awaitable[float]:
        """Send a ping of at most 125 bytes, four random ones if `data` is None; not in a page.

        Returns a future that is done when the pong has come, with the latency in seconds.

        Raises:
            ConnectionClosed: the connection is closed.
            ConcurrencyError: a ping with the same data waits for its pong.
            UnsupportedInBrowserError: this is a page.

        """
        self._refuse_in_browser("ping()")
        payload = None if data is None else _control_payload(data)
        if self._transport.ready_state is not OPEN:
            await self._raise_closed()
        self._sender.flush()
        return self._pings.send(payload)

    async def pong(self, data: Data = b"") -> None:
        """Send a pong of at most 125 bytes that nobody asked for, as a sign of life; raises as `ping()` does."""
        self._refuse_in_browser("pong()")
        payload = _control_payload(data)
        if self._transport.ready_state is not OPEN:
            await self._raise_closed()
        self._sender.flush()
        self._transport.pong(payload)

    # Closing.

    async def close(self, code: int = CloseCode.NORMAL_CLOSURE, reason: str = "") -> None:
        """Close the connection, and wait until it is closed, `close_timeout` at most; harmless the second time.

        What was sent before goes out first. What arrives from now on is discarded. A page may send 1000 and 3000–4999.

        Raises:
            InvalidCloseCodeError, InvalidCloseReasonError: nothing was sent, the connection stays open.
            UnsupportedInBrowserError: a code that only the desktop may send.

        """
        self._look_and_close(code, reason)
        await self.wait_closed()

    def begin_to_close(self, code: int, reason: str) -> None:
        """Begin what `close()` waits for."""
        self._look_and_close(code, reason)

    def when_closed(self, callback: Callable[[Self], object]) -> None:
        """Call `callback(connection)` once the connection is closed, in a turn of the event loop of its own."""
        self._lost.add_done_callback(lambda _: callback(self))

    async def wait_closed(self) -> None:
        """Wait until the connection is closed."""
        await asyncio.shield(self._lost)

    @property
    def was_closed_here(self) -> bool:
        """Whether this side began to close it, by `close()`."""
        return self._asked_to_close is not None and not self._is_closed_by_other_side()

    def closed_error(self) -> ConnectionClosed:
        """Return how the connection ended, once it has."""
        status = self._transport.close_status
        if status is None:
            raise InvalidStateError("the connection is not closed: wait_closed() waits for that")
        return closed_error(status, self._asked_to_close, self._failure)

    # What the rest is made of.

    @property
    def _failure_code(self) -> CloseCode:
        web = self._transport.options.web_limits
        return CloseCode.PROGRAM_FAILED if web else CloseCode.INTERNAL_ERROR

    def _is_closed_by_other_side(self) -> bool:
        status = self._transport.close_status
        return status is not None and status.by_other_side

    def _received_close(self) -> Close | None:
        status = self._transport.close_status
        if status is None:
            return None
        return closing_frames(status, self._asked_to_close)[0] or Close(CloseCode.ABNORMAL_CLOSURE)

    async def _fail_text(self, error: UnicodeDecodeError) -> NoReturn:
        """Close because a message that was to be text is none."""
        self._failure = InvalidTextError(f"the message is no UTF-8, which decode=True asks for: {error}")
        web = self._transport.options.web_limits
        code = CloseCode.INBOUND_TEXT_INVALID if web else CloseCode.INVALID_PAYLOAD_DATA
        self._begin_to_close(code, "")
        await self.wait_closed()
        raise self.closed_error()

    def _refuse_in_browser(self, feature: str) -> None:
        if self._transport.options.web_limits:
            raise rules.unsupported(feature)

    def _look_and_close(self, code: int, reason: str) -> None:
        """Take in what is here, which can still be received, and begin to close."""
        rules.check_close(code, reason, web=self._transport.options.web_limits)
        if self._transport.ready_state is OPEN:
            self._pump.look()
        self._begin_to_close(code, reason)

    def _begin_to_close(self, code: int, reason: str) -> None:
        transport = self._transport
        rules.check_close(code, reason, web=transport.options.web_limits)
        if transport.ready_state not in (State.CONNECTING, OPEN):
            return
        if self._sending is not None and not transport.drop_fragments():
            code, reason = CloseCode.INTERNAL_ERROR, "close during fragmented message"
        self._asked_to_close = Close(int(code), reason)
        self._sender.flush()
        transport.close(code, reason)
        self._pump.update()

    def _abort(self) -> None:
        """Cut the connection."""
        self._transport.abort()
        self._pump.update()
        self._after_turn()

    async def _send_fragments(self, fragments: Fragments, *, text: bool | None) -> None:
        parts = each(fragments, text=text)
        part = await anext(parts, None)
        if part is None:
            return
        while self._sending is not None:  # another task's may have begun in the meantime
            await asyncio.shield(self._sending)
        self._sending = self._loop.create_future()
        try:
            await self._put_fragment(part)
            async for part in parts:
                await self._put_fragment(part)
            await self._put_fragment(part[:0], is_last=True)
        except BaseException:
            if self._transport.ready_state is OPEN and not self._transport.drop_fragments():
                self._sending.set_result(None)
                self._sending = None
                self._begin_to_close(CloseCode.INTERNAL_ERROR, _FRAGMENTS_FAILED)
            raise
        finally:
            if self._sending is not None:
                self._sending.set_result(None)
                self._sending = None

    async def _put_fragment(self, fragment: Message, *, is_last: bool = False) -> None:
        if self._transport.ready_state is not OPEN:
            await self._raise_closed()
        try:
            self._transport.send_fragment(fragment, is_last=is_last)
            if self._message_trace is not None:
                self._message_trace(TracedFrame.of_message(True, fragment)._replace(is_last=is_last))
        except NotConnectedError:
            await self._raise_closed()
        if self._sender.must_wait:
            await self._drain()

    async def _drain(self) -> None:
        await drain(self._sender)
        status = self._transport.close_status
        if status is not None and not status.was_clean:
            await self._raise_closed()

    async def _raise_closed(self) -> None:
        if self._transport.ready_state is State.CONNECTING:
            raise NotConnectedError("the connection is not open yet: await it")
        await self.wait_closed()
        raise self.closed_error()

    def _keep_to_itself(self) -> None:
        """Let no other task receive, since this one has a part of a message."""
        self._receiver = waiter = Waiter(self._loop)
        waiter.is_done = True
        self._mark = sys.maxsize

    def _begin_row(self) -> int:
        """Look at the clock; return how many messages may be given until the next look, 0 if the turn is over."""
        pump = self._pump
        count = len(self._inbox)
        if pump.is_paused and count <= self._low_queue:
            pump.resume()
        if not count or self._receiver is not None or self._rows.is_turn_over(after_row=True):
            self._mark = max(self._mark, count)
            return 0
        self._set_mark(count)
        return count - self._mark

    def _set_mark(self, count: int) -> None:
        """Let the row end where the pump may go on, at the latest."""
        mark = count - self._rows.length
        low = self._low_queue
        self._mark = mark if mark > low else low if count > low else 0

    async def _wait_for_turn(self) -> None:
        pump = self._pump
        pump.is_expected = True
        try:
            await self._rows.wait_for_turn()
        finally:
            pump.is_expected = False

    def _look_for_message(self, *, streams: bool) -> None:
        """Begin to receive, a message or, if somebody `streams`, a part of one; it may be here already."""
        if self._receiver is not None:
            raise ConcurrencyError(_RECEIVING.format("recv"))
        self._transport.is_streamed = self._is_streaming = streams
        if self._pump.may_have_more:
            if self._rows.is_turn_over():
                self._pump.wake()
            else:
                self._pump.turn()

    def _next_news(self) -> Waiter:
        """Return what to await for a turn that brings a message, or raise ConnectionClosed if none will."""
        if self._transport.ready_state is CLOSED:
            raise self.closed_error()
        self._rows.end()
        self._receiver = waiter = Waiter(self._loop)
        self._mark = sys.maxsize
        if self._pump.is_paused:
            self._pump.resume()
        return waiter

    async def _wait_for_fragments(self) -> list[Message]:
        """Return the fragments that have come of the next message, none if all of it is here."""
        self._look_for_message(streams=True)
        while not self._inbox:
            fragments = self._transport.take_fragments()
            if fragments:
                return fragments
            try:
                await self._next_news()
            finally:
                self._receiver = None
        return []

    def _after_turn(self) -> None:
        """See what a poll changed, and wake whoever waits for that."""
        if self._message_trace is not None:
            self._tell_messages(self._message_trace)
        if self._has_own_limit:
            self._check_sizes()
        self._sender.end_turn()
        if self._slow is not None:
            self._resume()
        state = self._transport.ready_state
        if state is not self._seen_state:
            self._seen_state = state
            self._on_state(state)
        receiver = self._receiver
        if receiver is None:
            self._set_mark(len(self._inbox))
        elif self._inbox or self._is_streaming or state is CLOSED:
            receiver.wake()

    def _start_trace(self, trace: Trace | None) -> None:
        """Tell `trace` of every frame, the logger instead if it takes what is said for debugging."""
        if trace is not None:
            tell: Callable[[TracedFrame], object] = _Tracer(trace, proxy(self))
        elif self.logger.isEnabledFor(logging.DEBUG):
            tell = partial(self.logger.debug, "%s")
        else:
            return
        if not self._transport.set_trace(tell):
            self._message_trace = self._sender.trace = tell

    def fail_for_trace(self) -> None:
        """Be told, within the exception, that the program's `trace` failed: it ends this connection, and is logged."""
        self.logger.exception("trace function failed")
        self._loop.call_soon(self._begin_to_close, self._failure_code, "")  # and not within a poll

    def _tell_messages(self, tell: Callable[[TracedFrame], object]) -> None:
        new = self._transport.received_count - self._told
        self._told += new
        for message in islice(self._inbox, max(len(self._inbox) - new, 0), None):
            tell(TracedFrame.of_message(False, message))

    def _check_sizes(self) -> None:
        """Close with 4009 if a message came that is too large, and give that and those after it up."""
        inbox = self._inbox
        new = self._transport.received_count - self._checked
        self._checked += new
        for index in range(len(inbox) - new, len(inbox)):
            size = rules.size_of(inbox[index], self._max_size)
            if size > self._max_size:
                self._failure = MessageTooBigError(size, self._max_size)
                while len(inbox) > index:
                    inbox.pop()
                self._begin_to_close(CloseCode.INBOUND_MESSAGE_TOO_BIG, "")
                return

    def _on_state(self, state: State) -> None:
        if state is CLOSED:
            error = self.closed_error()
            self._pings.end(error)
            self._pump.stop()
            self._lost.set_result(None)
            if self._message_trace is not None:
                for is_sent, close in ((False, error.rcvd), (True, error.sent)):
                    if close is not None:
                        payload = close.code.to_bytes(2, "big") + close.reason.encode()
                        self._message_trace(TracedFrame(is_sent, "close", payload))
            self.logger.info("connection closed: %s", error)
        elif state is OPEN:
            self.logger.info("connection open: %s", self._transport.url.shown)


class _Tracer:
    """Calls the program's `trace`, until that fails."""

    def __init__(self, trace: Trace, connection: Connection) -> None:
        self._trace = trace
        self._connection = connection
        self._has_failed = False

    def __call__(self, frame: TracedFrame) -> None:
        if not self._has_failed:
            try:
                self._trace(self._connection, frame)
            except Exception:
                self._has_failed = True
                self._connection.fail_for_trace()


def _control_payload(data: Data) -> bytes:
    if isinstance(data, str):
        data = data.encode()
    elif not isinstance(data, (bytes, bytearray, memoryview)):
        raise InvalidMessageTypeError(f"a payload is str or bytes-like, not {type(data).__name__}: encode it first")
    return rules.check_ping(data)
