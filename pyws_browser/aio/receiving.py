"""Receiving messages, whole or fragment by fragment, without a turn of the event loop for what is there already."""

from __future__ import annotations

import sys
from contextlib import aclosing
from typing import TYPE_CHECKING, Final, NoReturn

from ..compat.data import Decoder
from ..compat.exceptions import ConcurrencyError, ConnectionClosed, ConnectionClosedOK
from ..errors import (
    InvalidTextError,
)
from ..protocol.rules import CloseCode
from ..protocol.vocabulary import CLOSED
from ..transport import IN_BROWSER
from ..transport.base import Demand
from .waiter import Waiter

if TYPE_CHECKING or not IN_BROWSER:
    pass

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator

    from ..protocol.vocabulary import Message


from .lifecycle import Lifecycle

# The lookup of an enum's member costs 40 ns on CPython 3.11.
_NOTHING: Final = Demand.NOTHING
_MESSAGE: Final = Demand.MESSAGE
_FRAGMENTS: Final = Demand.FRAGMENTS

_RECEIVING: Final = "cannot call {} while another coroutine is already running recv or recv_streaming"


class Receiving(Lifecycle):
    """The receiving part of a connection."""

    # Receiving.

    async def __aiter__(self) -> AsyncGenerator[Message]:
        """Yield messages until the connection is closed normally; raises as `recv()` does for any other end."""
        inbox = self._inbox
        has_own_recv = type(self).recv is not Receiving.recv  # called for every message in that case
        while True:
            row = self._begin_row() if inbox and not has_own_recv else 0
            if row:  # nearly always so in a flood
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
        """Receive the next message: text as str, binary as bytes; `decode` True returns str, False bytes, for both.

        Messages that arrived before the end can be received after it. Cancelling this loses nothing.

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
                try:
                    while not inbox:
                        try:
                            await self._next_news()
                        finally:
                            self._receiver = None
                finally:
                    self._transport.demand = _NOTHING
                self._set_mark(len(inbox))
        message = inbox.popleft()
        try:
            return message if decode is None else Decoder(decode).whole(message)
        except UnicodeDecodeError as exc:
            await self._fail_text(exc)

    async def recv_streaming(self, decode: bool | None = None) -> AsyncIterator[Message]:
        """Receive the next message fragment by fragment, as they come; `decode` and what it raises are as for `recv()`.

        A page does not see fragments: there the message comes as one. After the first fragment, iterate to the end of
        the message; nothing else can be received until then.
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

    async def _fail_text(self, error: UnicodeDecodeError) -> NoReturn:
        """Close because a message that should be text is not UTF-8."""
        self._failure = InvalidTextError(f"the message is not UTF-8, but decode=True was given: {error}")
        web = self._transport.options.web_limits
        code = CloseCode.INBOUND_TEXT_INVALID if web else CloseCode.INVALID_PAYLOAD_DATA
        self._begin_to_close(code, "")
        await self.wait_closed()
        raise self.closed_error()

    def _keep_to_itself(self) -> None:
        """Keep other tasks from receiving, because this one has a part of a message."""
        self._receiver = waiter = Waiter(self._loop)
        waiter.is_done = True
        self._mark = sys.maxsize

    def _begin_row(self) -> int:
        """Look at the clock; return how many messages may be returned until the next look, 0 if the turn is over."""
        pump = self._pump
        count = len(self._inbox)
        if pump.is_paused and count <= self._low_queue:
            pump.resume()
        if not count or self._receiver is not None or self._rows.is_turn_over(after_row=True):
            self._mark = max(self._mark, count)
            return 0
        self._set_mark(count)
        return count - self._mark

    async def _wait_for_turn(self) -> None:
        pump = self._pump
        pump.is_expected = True
        try:
            await self._rows.wait_for_turn()
        finally:
            pump.is_expected = False

    def _look_for_message(self, *, streams: bool) -> None:
        """Begin to receive a message, or with `streams` a part of one; it may be there already."""
        if self._receiver is not None:
            raise ConcurrencyError(_RECEIVING.format("recv"))
        self._is_streaming = streams
        self._transport.demand = _FRAGMENTS if streams else _MESSAGE
        if self._pump.may_have_more:
            if self._rows.is_turn_over():
                self._pump.wake()
            else:
                self._pump.turn()

    def _next_news(self) -> Waiter:
        """Return the waiter for the next message, or raise ConnectionClosed if none will come."""
        if self._transport.ready_state is CLOSED:
            raise self.closed_error()
        self._rows.end()
        self._receiver = waiter = Waiter(self._loop)
        self._mark = sys.maxsize
        if self._pump.is_paused:
            self._pump.resume()
        return waiter

    async def _wait_for_fragments(self) -> list[Message]:
        """Return the fragments of the next message that have come; none if it is complete."""
        self._look_for_message(streams=True)
        try:
            while not self._inbox:
                fragments = self._transport.take_fragments()
                if fragments:
                    return fragments
                try:
                    await self._next_news()
                finally:
                    self._receiver = None
        finally:
            self._transport.demand = Demand.FRAGMENTS_LATER
        return []
