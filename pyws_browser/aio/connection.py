"""Connection: one WebSocket connection to be awaited, as in `websockets.asyncio.connection`.

It uses a transport as `WebSocketPeer` does, and adds nothing to the protocol: a `Pump` polls the transport, and
`_after_turn()` then wakes the tasks that waited for what the poll brought. It runs no task of its own. A message that
is already in the transport's inbox is returned without a turn of the event loop.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from ..compat.data import as_message, each, is_data
from ..compat.exceptions import ConcurrencyError
from ..errors import (
    InvalidMessageTypeError,
    NotConnectedError,
)
from ..peer.slow_readers import TOO_SLOW, SlowReader, waiting_bytes
from ..protocol import rules
from ..protocol.rules import CloseCode
from ..protocol.trace import TracedFrame
from ..protocol.vocabulary import OPEN
from ..transport import IN_BROWSER
from .coroutines import drain

if TYPE_CHECKING or not IN_BROWSER:
    pass

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from ..compat.data import Data, Fragments
    from ..peer.slow_readers import Slowness
    from ..protocol.vocabulary import Message
    from ..wire.shared import SharedMessage


from ..compat.values import AwaitedValues
from .lifecycle import LOOK
from .receiving import Receiving

_FRAGMENTS_FAILED: Final = "error in fragmented message"


class Connection(Receiving, AwaitedValues):
    """What a client's and a server's connection have in common; `connect()` and `serve()` make them.

    It can be iterated over for its messages, and is an asynchronous context manager that closes it. Only one task may
    receive at a time, any number may send. `write_limit` is the high and the low water mark in bytes; `low_queue` is
    the low water mark of the inbox, whose high water mark the transport has. `max_size` is in bytes; it is checked here
    where the transport's own limit is larger, as in a page.
    """

    # Sending.

    async def send(self, message: Data | Fragments, *, text: bool | None = None) -> None:
        """Send a message: str as text, bytes-like as binary; `text` True or False overrides that.

        An (asynchronous) iterable is sent as one message, each item a fragment of it; other tasks' messages wait until
        it is over. In a page the message goes out as a whole at its end. Waits while more than `write_limit` bytes wait
        to be sent. If it is cancelled while it waits, the message still goes out. If a fragmented message is cancelled
        before its end, the connection is closed with 1011, because the rest cannot be left out (not in a page).

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
        except NotConnectedError:  # the browser knows of the end before the page does
            await self._raise_closed()
        if self._sender.must_wait:
            await self._drain()

    def offer(self, message: Message, shared: SharedMessage | None, slowness: Slowness) -> None:
        """Send without waiting, or apply the policy for slow connections, which `broadcast()` documents.

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
                self._sender.flush()  # it may only wait for the end of this turn
            if waiting_bytes(self._transport) <= slowness.limit:
                self._sender.put(message, shared)
                return
            self._slow = SlowReader(self._transport, self._sender.put, slowness.limit)
            if not hasattr(self._transport, "wants_write"):
                self._loop.call_later(LOOK, self._look_at_slow)
        self._on_missed = slowness.on_missed
        size = rules.size_of(message, 0) if shared is None else len(shared.payload)
        if not self._slow.take(message, shared, size, slowness.policy, slowness.key):
            self._slow = None
            self.logger.warning("closed because it is too slow: %d bytes wait", self._transport.buffered_amount)
            web = self._transport.options.web_limits
            self._begin_to_close(CloseCode.TOO_SLOW if web else CloseCode.TRY_AGAIN_LATER, TOO_SLOW)

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
        """Send an unsolicited pong of at most 125 bytes, as a sign of life; raises as `ping()` does."""
        self._refuse_in_browser("pong()")
        payload = _control_payload(data)
        if self._transport.ready_state is not OPEN:
            await self._raise_closed()
        self._sender.flush()
        self._transport.pong(payload)

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


def _control_payload(data: Data) -> bytes:
    if isinstance(data, str):
        data = data.encode()
    elif not isinstance(data, (bytes, bytearray, memoryview)):
        raise InvalidMessageTypeError(f"a payload is str or bytes-like, not {type(data).__name__}: encode it first")
    return rules.check_ping(data)
