"""The life of a connection under asyncio: its state, how it ends, and what happens after each poll of its transport."""

from __future__ import annotations

import asyncio
import logging
import sys
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID, uuid4
from weakref import proxy

from ..compat.endings import closed_error, closing_frames
from ..compat.exceptions import Close, ConnectionClosed
from ..compat.protocol_view import ProtocolView
from ..errors import (
    InvalidStateError,
    MessageTooBigError,
    NotConnectedError,
)
from ..protocol import rules
from ..protocol.rules import CloseCode
from ..protocol.trace import TracedFrame
from ..protocol.vocabulary import CLOSED, OPEN, State
from ..transport import IN_BROWSER
from ..transport.base import Demand
from .pings import Pings
from .pump import make_pump
from .sending import Sender
from .turns import Rows

if TYPE_CHECKING or not IN_BROWSER:
    from .socket_view import SocketView

if TYPE_CHECKING:
    from collections.abc import Callable
    from logging import Logger, LoggerAdapter
    from types import TracebackType
    from typing import Self, TypeAlias

    from websockets.http11 import Request, Response

    from ..errors import WebSocketError
    from ..peer.slow_readers import SlowReader
    from ..transport.base import Transport
    from .waiter import Waiter

    Trace: TypeAlias = Callable[[Any, TracedFrame], object]

LOOK: Final = 0.05
"""Seconds between two checks of how much a browser has sent for a slow connection."""


class Lifecycle:
    """A connection from its opening to its end, without its messages; `Connection` documents the arguments."""

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
        transport.demand = Demand.NOTHING
        self._inbox = transport.inbox
        self._low_queue = low_queue
        self._max_size = max_size
        self._has_own_limit = max_size < transport.options.inbound_buffer_size
        self._checked = 0
        self._failure: WebSocketError | None = None
        # In a flood a task never waits. While the inbox has more than `_mark` messages, `recv()` returns them without
        # any other check; at `_mark` it checks whether the turn of the event loop is over: see `turns.py`.
        self._rows = Rows(self._loop)
        self._mark = 0
        self._receiver: Waiter | None = None
        self._is_streaming = False
        self._lost: asyncio.Future[None] = self._loop.create_future()
        self._sending: asyncio.Future[None] | None = None  # held while a message goes out in fragments
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

    # The state.

    @property
    def state(self) -> State:
        """CONNECTING, OPEN, CLOSING or CLOSED."""
        return self._transport.ready_state

    @property
    def subprotocol(self) -> str | None:
        """The negotiated subprotocol, None if there is none."""
        return self._transport.subprotocol or None

    @property
    def request(self) -> Request | None:
        """The opening handshake's request; None in a page, which cannot see it."""
        return None if self._transport.options.web_limits else self._transport.handshake_request

    @property
    def response(self) -> Response | None:
        """The answer to the request; None in a page, which cannot see it."""
        return None if self._transport.options.web_limits else self._transport.handshake_response

    @property
    def protocol(self) -> ProtocolView:
        """Its state under the names of a `websockets` protocol: `close_exc`, `uri` and others."""
        return ProtocolView(self, str(self._transport.url))

    @property
    def local_address(self) -> tuple[str, int]:
        """The host and the port of this side; not in a page."""
        self._refuse_in_browser("local_address")
        return self._transport.local_address()

    @property
    def remote_address(self) -> tuple[str, int]:
        """The host and the port of the other side; not in a page."""
        self._refuse_in_browser("remote_address")
        return self._transport.remote_address()

    @property
    def transport(self) -> SocketView:
        """The socket below, for `get_extra_info()` and similar; not in a page."""
        self._refuse_in_browser("transport")
        return SocketView(self._transport, self._abort)

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """The event loop that it runs on."""
        return self._loop

    @property
    def latency(self) -> float:
        """Seconds between the last answered ping and its pong; 0.0 before the first; not in a page."""
        self._refuse_in_browser("latency")
        return self._pings.latency

    @property
    def close_code(self) -> int | None:
        """The code of the received Close frame: 1005 if it had none, 1006 if no frame came, None before the end."""
        close = self._received_close()
        return None if close is None else close.code

    @property
    def close_reason(self) -> str | None:
        """The reason in the received Close frame, "" if no frame came; None before the end."""
        close = self._received_close()
        return None if close is None else close.reason

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._transport.url.shown} {self.state.name}>"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close with 1000, or if the block raised with 1011 (in a page 4011, which it may send)."""
        if kind is None or issubclass(kind, GeneratorExit):  # a `break` out of `async for` is no failure
            await self.close()
        else:
            await self.close(self._failure_code)

    # Closing.

    async def close(self, code: int = CloseCode.NORMAL_CLOSURE, reason: str = "") -> None:
        """Close the connection, and wait until it is closed, at most `close_timeout`; a second call does no harm.

        Messages that were sent before go out first. Messages that arrive later are discarded. A page may send 1000 and
        3000–4999.

        Raises:
            InvalidCloseCodeError, InvalidCloseReasonError: nothing was sent, the connection stays open.
            UnsupportedInBrowserError: a code that only the desktop may send.

        """
        self._look_and_close(code, reason)
        await self.wait_closed()

    def begin_to_close(self, code: int, reason: str) -> None:
        """Begin the closing that `close()` waits for."""
        self._look_and_close(code, reason)

    def when_closed(self, callback: Callable[[Self], object]) -> None:
        """Call `callback(connection)` once the connection is closed, in a later turn of the event loop."""
        self._lost.add_done_callback(lambda _: callback(self))

    async def wait_closed(self) -> None:
        """Wait until the connection is closed."""
        await asyncio.shield(self._lost)

    @property
    def was_closed_here(self) -> bool:
        """Whether this side called `close()`."""
        return self._asked_to_close is not None and not self._is_closed_by_other_side()

    def closed_error(self) -> ConnectionClosed:
        """Return how the connection ended; it has ended."""
        status = self._transport.close_status
        if status is None:
            raise InvalidStateError("the connection is not closed: wait_closed() waits for that")
        return closed_error(status, self._asked_to_close, self._failure)

    # The internals.

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

    def _refuse_in_browser(self, feature: str) -> None:
        if self._transport.options.web_limits:
            raise rules.unsupported(feature)

    def _look_and_close(self, code: int, reason: str) -> None:
        """Read what has arrived, which can still be received, and begin to close."""
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

    async def _raise_closed(self) -> None:
        if self._transport.ready_state is State.CONNECTING:
            raise NotConnectedError("the connection is not open yet: await it")
        await self.wait_closed()
        raise self.closed_error()

    def _set_mark(self, count: int) -> None:
        """Let the row of messages end, at the latest, where the pump may go on."""
        mark = count - self._rows.length
        low = self._low_queue
        self._mark = mark if mark > low else low if count > low else 0

    def _resume(self) -> None:
        """Check whether a slow connection has room again, and report what it missed."""
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
        """Check again on a timer where no event reports that data was sent, as in a page."""
        self._resume()
        if self._slow is not None:
            self._loop.call_later(LOOK, self._look_at_slow)

    def _after_turn(self) -> None:
        """Look at what a poll changed, and wake the tasks that wait for it."""
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
        """Call `trace` for every frame, or log the frames if the logger is at DEBUG."""
        if trace is not None:
            tell: Callable[[TracedFrame], object] = _Tracer(trace, proxy(self))
        elif self.logger.isEnabledFor(logging.DEBUG):
            tell = partial(self.logger.debug, "%s")
        else:
            return
        if not self._transport.set_trace(tell):
            self._message_trace = self._sender.trace = tell

    def fail_for_trace(self) -> None:
        """Handle an exception of the program's `trace`: log it, and end this connection."""
        self.logger.exception("trace function failed")
        self._loop.call_soon(self._begin_to_close, self._failure_code, "")  # not within a poll

    def _tell_messages(self, tell: Callable[[TracedFrame], object]) -> None:
        new = self._transport.received_count - self._told
        self._told += new
        for message in islice(self._inbox, max(len(self._inbox) - new, 0), None):
            tell(TracedFrame.of_message(False, message))

    def _check_sizes(self) -> None:
        """Close with 4009 if a message was too large, and discard it and those after it."""
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
    """Calls the program's `trace` until it raises."""

    def __init__(self, trace: Trace, connection: Lifecycle) -> None:
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
