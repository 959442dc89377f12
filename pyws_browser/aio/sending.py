"""Passing messages to a transport: gathered to save system calls, and held back where the other side is slow."""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING, Final

from ..protocol.trace import TracedFrame
from ..protocol.vocabulary import CLOSED, OPEN
from ..transport import IN_BROWSER
from .waiter import Waiter

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop, TimerHandle
    from collections.abc import Callable

    from ..protocol.vocabulary import Message
    from ..transport.base import Transport
    from ..wire.shared import SharedMessage

GATHER_SIZE: Final = 32 * 1024
"""Gathered messages of this many bytes go out at once, even if the program blocks the event loop."""

_GATHER_TIME: Final = 0.001
"""Seconds for which messages are gathered. After a pause that long, a message goes out at once."""

_BURST: Final = 32
"""A flood begins after this many messages without such a pause; each of them goes out by itself."""

_CALM: Final = 0.05
"""A flood ends after this many seconds without a message."""

_SHORTEST_WAIT: Final = 0.005
_LONGEST_WAIT: Final = 0.05
"""Seconds between two checks of how much was sent, where no event reports it: in a page, and in memory."""


class Sender:
    """The sending part of one connection.

    A message goes out at once, even if the program blocks the event loop. Only in a flood, when many messages follow
    each other, the first of a turn goes out at once, and further ones are gathered until the turn ends, until they are
    many bytes, or until some time has passed.
    """

    def __init__(self, transport: Transport, loop: AbstractEventLoop, write_limit: tuple[int, int]) -> None:
        self.high: int = write_limit[0]
        self._low = write_limit[1]
        self.trace: Callable[[TracedFrame], object] | None = None
        """Called for each message where the transport does not know frames."""
        self._transport = transport
        self._loop = loop
        self._row = 0
        self._burst = _BURST
        self._put_at = 0.0
        self._held_at = 0.0
        self._gathered = 0
        self._is_release_due = False
        self._waiting: list[Waiter] = []
        self._timer: TimerHandle | None = None
        self._wait = _SHORTEST_WAIT
        self._has_event = hasattr(transport, "wants_write")

    def put(self, message: Message, shared: SharedMessage | None = None) -> None:
        """Give the message to the transport, whose state is OPEN; as `shared` if other connections get it too."""
        transport = self._transport
        if self.trace is not None:
            self.trace(TracedFrame.of_message(True, message))
        if IN_BROWSER or not self._is_in_flood():
            if transport.is_held:
                self.flush()
            if shared is None:
                transport.send(message)
            else:
                transport.send_shared(shared)
            return
        if not transport.is_held:
            transport.is_held = True
            self._held_at = self._put_at
            if not self._is_release_due:
                self._is_release_due = True
                self._loop.call_soon(self._release)
        if shared is None:
            transport.send(message)
        else:
            transport.send_shared(shared)
        self._gathered += len(message)
        if self._gathered >= GATHER_SIZE or self._put_at - self._held_at >= _GATHER_TIME:
            self.flush()

    def _is_in_flood(self) -> bool:
        now = monotonic()
        pause = now - self._put_at
        self._put_at = now
        if pause >= _GATHER_TIME:
            self._row = 0
            if pause >= _CALM:
                self._burst = _BURST
        self._row += 1
        if self._row <= self._burst:
            return False
        self._burst = 1
        return True

    def flush(self) -> None:
        """Send the gathered messages."""
        transport = self._transport
        if transport.is_held:
            transport.is_held = False
            self._gathered = 0
            transport.release()

    @property
    def must_wait(self) -> bool:
        """Whether more than the high water mark waits to be sent."""
        return self._transport.buffered_amount > self.high

    def next_drain(self) -> Waiter | None:
        """Return a waiter to await before asking again; None if at most the low water mark waits, or it is not open.

        `coroutines.drain()` does that. Call `forget()` when the waiter is no longer awaited.
        """
        self.flush()
        if self._has_drained():
            return None
        waiter = Waiter(self._loop)
        self._waiting.append(waiter)
        if not self._has_event and self._timer is None:
            self._look_later()
        return waiter

    def forget(self, waiter: Waiter) -> None:
        """Do not wake this waiter any more."""
        if waiter in self._waiting:
            self._waiting.remove(waiter)

    def end_turn(self) -> None:
        """Record that a turn of the loop is over: wake the tasks that may send again."""
        self._row = 0
        if self._waiting:
            self._look()

    def _look(self) -> None:
        if self._has_drained():
            waiting, self._waiting = self._waiting, []
            for waiter in waiting:
                waiter.wake()

    def _has_drained(self) -> bool:
        transport = self._transport
        return transport.ready_state is not OPEN or transport.buffered_amount <= self._low

    def _look_later(self) -> None:
        self._timer = self._loop.call_later(self._wait, self._on_timer)
        self._wait = min(2 * self._wait, _LONGEST_WAIT)

    def _on_timer(self) -> None:
        self._timer = None
        self._look()
        if self._waiting:
            self._look_later()
        else:
            self._wait = _SHORTEST_WAIT

    def _release(self) -> None:
        self._is_release_due = False
        self._row = 0
        if self._transport.ready_state is not CLOSED:
            self.flush()
