"""Connection: one WebSocket connection whose methods wait, as in `websockets.sync.connection`.

It uses a transport as `WebSocketPeer` does; a `Driver` polls it. On CPython one thread may receive while others send,
and any thread may close. In a page there are no threads: it waits where the engine can suspend Python.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NoReturn

from ..compat.data import Decoder, as_message, is_data, parts_of
from ..compat.exceptions import ConcurrencyError, ConnectionClosedOK
from ..compat.values import BlockingValues
from ..errors import InvalidTextError, MessageTooBigError, NotConnectedError
from ..protocol import rules
from ..protocol.rules import CloseCode
from ..protocol.vocabulary import CLOSED, OPEN
from ..transport.base import Demand

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from threading import Event

    from ..compat.data import Data
    from ..errors import WebSocketError
    from ..protocol.vocabulary import Message
from .lifecycle import Lifecycle

_RECEIVING: Final = "cannot call {} while another thread is already running recv or recv_streaming"
_SENDING: Final = "cannot call send while another thread is already running send"


class Connection(Lifecycle, BlockingValues):
    """What a client's and a server's connection have in common; `connect()` and `serve()` make them.

    It can be iterated over for its messages, and is a context manager that closes it. On CPython its methods may be
    called from any thread: one may receive while others send. `limits` come from the arguments of `connect()` or
    `serve()`.
    """

    # Receiving.

    def __iter__(self) -> Iterator[Message]:
        """Receive until the connection is closed normally; raises as `recv()` does for any other end."""
        while True:
            try:
                message = self.recv()
            except ConnectionClosedOK:
                return
            yield message

    def recv(self, timeout: float | None = None, decode: bool | None = None) -> Message:
        """Wait for the next message: text as str, binary as bytes; `decode` True returns str, False bytes, for both.

        Raises:
            TimeoutError: none came within `timeout` seconds; 0 or less does not wait.
            ConnectionClosed: there is no message, and there will be none. It is closed with 1007, in a page with 4007,
                if `decode` is True and the message is not UTF-8.
            ConcurrencyError: another thread is receiving.

        """
        inbox = self._inbox
        with self._driver:
            if self._is_receiving:
                raise ConcurrencyError(_RECEIVING.format("recv"))
            if not inbox:
                self._wait_to_receive(timeout)
            message = inbox.popleft()
            if self._transport.is_held_back:
                self._driver.wake()
        if self._has_own_limit and rules.size_of(message, self._max_size) > self._max_size:
            self._fail(MessageTooBigError(rules.size_of(message, 0), self._max_size), CloseCode.INBOUND_MESSAGE_TOO_BIG)
        if decode is None:
            return message
        try:
            return Decoder(decode).whole(message)
        except UnicodeDecodeError as exc:
            self._fail_text(exc)

    def recv_streaming(self, decode: bool | None = None) -> Iterator[Message]:
        """Receive the next message fragment by fragment, as they come; `decode` and what it raises are as for `recv()`.

        A page does not see fragments: there the message comes as one. Iterate to the end of the message.
        """
        decoder = Decoder(decode)
        try:
            for fragment in self._receive_fragments():
                yield decoder(fragment)
            decoder.finish()
        except UnicodeDecodeError as exc:
            self._fail_text(exc)

    def _receive_fragments(self) -> Iterator[Message]:
        with self._driver:
            if self._is_receiving:
                raise ConcurrencyError(_RECEIVING.format("recv_streaming"))
            self._is_receiving = True
        is_begun = is_over = False
        try:
            while not is_over:
                with self._driver:
                    fragments, is_over = self._next_fragments()
                for fragment in fragments:
                    is_begun = True
                    yield fragment
        finally:
            # A message has to be read to its end, or its rest would be taken for the next message.
            if is_over or not is_begun or self._transport.ready_state is CLOSED:
                self._is_receiving = False

    def _next_fragments(self) -> tuple[list[Message], bool]:
        """Wait for fragments of the next message; return them, and whether they are its last."""
        transport, inbox = self._transport, self._inbox
        taken: list[Message] = []

        def has_come() -> bool:
            if not inbox and not taken:
                taken.extend(transport.take_fragments())
            return bool(inbox or taken) or transport.ready_state is CLOSED

        self._await(Demand.FRAGMENTS, has_come, None)
        if taken:
            return taken, False
        if not inbox:
            raise self.closed_error()
        fragments = transport.split_message(inbox.popleft())
        if transport.is_held_back:
            self._driver.wake()
        return fragments, True

    def _await(self, demand: Demand, condition: Callable[[], object], timeout: float | None) -> bool:
        """Wait until a message, or a part of one, is here, or the end. The lock is held."""
        transport = self._transport
        transport.demand = demand
        if transport.is_held_back:  # for want of this
            self._driver.wake()
        try:
            return self._driver.wait(condition, timeout)
        finally:
            transport.demand = Demand.NOTHING if demand is Demand.MESSAGE else Demand.FRAGMENTS_LATER

    def _wait_to_receive(self, timeout: float | None) -> None:
        """Wait until a message is there; raises TimeoutError, and ConnectionClosed if none will come."""
        transport, inbox = self._transport, self._inbox
        self._is_receiving = True
        try:
            has_come = self._await(Demand.MESSAGE, lambda: inbox or transport.ready_state is CLOSED, timeout)
        finally:
            self._is_receiving = False
        if not has_come:
            raise TimeoutError(f"timed out in {timeout:.1f}s" if timeout and timeout > 0 else "no message is here")
        if not inbox:
            raise self.closed_error()

    # Sending.

    def send(self, message: Data | Iterable[Data], text: bool | None = None) -> None:
        """Send a message: str as text, bytes-like as binary; `text` True or False overrides that.

        An iterable is sent as one message, each item a fragment of it; in a page as a whole at its end. Waits until the
        kernel has taken it; in a page, while more than `write_limit` bytes wait to be sent.

        Raises:
            ConnectionClosed: the connection is closed.
            ConcurrencyError: another thread is in the middle of a fragmented message.
            InvalidMessageTypeError: it is neither, and nothing was sent (a TypeError).

        """
        if not isinstance(message, (str, bytes)) and not is_data(message):
            self._send_fragments(message, text)  # type: ignore[arg-type]
            return
        if text is not None or not isinstance(message, (str, bytes)):
            message = as_message(message, text=text)  # type: ignore[arg-type]
        with self._driver:
            if self._is_sending_fragments:
                raise ConcurrencyError(_SENDING)
            self._put(message, None)

    def _send_fragments(self, fragments: Iterable[Data], text: bool | None) -> None:
        parts = parts_of(fragments, text=text)
        part = next(parts, None)
        if part is None:
            return
        with self._driver:
            if self._is_sending_fragments:
                raise ConcurrencyError(_SENDING)
            self._is_sending_fragments = True
            try:
                self._put(part, False)
            except BaseException:
                self._is_sending_fragments = False
                raise
        try:
            for part in parts:
                with self._driver:
                    self._put(part, False)
            with self._driver:
                self._put(part[:0], True)
        except BaseException:
            with self._driver:
                self._is_sending_fragments = False
                if self._transport.ready_state is OPEN and not self._transport.drop_fragments():
                    self._begin_to_close(CloseCode.INTERNAL_ERROR, "error in fragmented message")
            raise
        self._is_sending_fragments = False

    def _put(self, message: Message, is_last: bool | None) -> None:
        """Give a message or a fragment to the transport, and wait while too many bytes wait. The lock is held."""
        transport = self._transport
        try:
            if transport.ready_state is not OPEN:
                raise NotConnectedError("the connection is not open any more")
            if is_last is None:
                transport.send(message)
            else:
                transport.send_fragment(message, is_last=is_last)
        except NotConnectedError:
            self._raise_closed()
        if transport.buffered_amount > self._high:
            self._driver.wake()
            low = self._low
            self._driver.wait(lambda: transport.buffered_amount <= low or transport.ready_state is not OPEN)
            status = transport.close_status
            if status is not None and not status.was_clean:
                raise self.closed_error()

    def offer(self, message: Message) -> Exception | None:
        """Send without waiting, for `broadcast()`; return the reason if that is not possible."""
        with self._driver:
            if self._transport.ready_state is not OPEN:
                return None
            if self._is_sending_fragments:
                return ConcurrencyError("sending a fragmented message")
            self._transport.send(message)
            return None

    def ping(self, data: Data | None = None, ack_on_close: bool = False) -> Event:
        """Send a ping of at most 125 bytes, four random ones if `data` is None; not in a page.

        Returns an event that is set when the pong has come, and with `ack_on_close` also when the connection has ended.

        Raises:
            ConnectionClosed: the connection is closed.
            ConcurrencyError: a ping with the same data waits for its pong.
            UnsupportedInBrowserError: this is a page.

        """
        self._refuse_in_browser("ping()")
        payload = None if data is None else rules.check_ping(data.encode() if isinstance(data, str) else data)
        with self._driver:
            if self._transport.ready_state is not OPEN:
                self._raise_closed()
            return self._pings.send(payload, ack_on_close=ack_on_close)

    def pong(self, data: Data = b"") -> None:
        """Send an unsolicited pong of at most 125 bytes, as a sign of life; raises as `ping()` does."""
        self._refuse_in_browser("pong()")
        payload = rules.check_ping(data.encode() if isinstance(data, str) else data)
        with self._driver:
            if self._transport.ready_state is not OPEN:
                self._raise_closed()
            self._transport.pong(payload)

    def _fail_text(self, error: UnicodeDecodeError) -> NoReturn:
        web = self._transport.options.web_limits
        failure = InvalidTextError(f"the message is not UTF-8, but decode=True was given: {error}")
        self._fail(failure, CloseCode.INBOUND_TEXT_INVALID if web else CloseCode.INVALID_PAYLOAD_DATA)

    def _fail(self, failure: WebSocketError, code: int) -> NoReturn:
        """Close because of a message that was received."""
        self._failure = failure
        with self._driver:
            self._begin_to_close(code, "")
            self._wait_closed()
        raise self.closed_error()
