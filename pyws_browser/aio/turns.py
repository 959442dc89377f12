"""Limits the time that all connections together may take of one turn of an event loop.

A connection in a flood would never let the event loop go on: there is always a message in its inbox, and fetching one
does not wait. So a busy connection looks at the clock now and then. When the time of the turn is used up, it joins a
queue. The next turn of the loop calls the connections in the queue one after the other, each for its share of the time.
Connections for which no time was left come first in the turn after that.
"""

from __future__ import annotations

import asyncio
from _thread import _local
from collections import deque
from time import monotonic
from typing import TYPE_CHECKING, Final
from weakref import ref

from .waiter import Waiter

if TYPE_CHECKING:
    from collections.abc import Callable

TURN_TIME: Final = 0.006
"""Seconds that one turn of the event loop may take for all connections."""

SHARE: Final = 0.002
"""Seconds of it for one connection, less where many connections are busy."""

_LEAST_SHARE: Final = 0.0002

LONGEST_ROW: Final = 64
"""The most messages that a connection returns without a look at the clock."""

_LONG: Final = 0.0005
"""Seconds that a row of messages should take at most: if the program took longer, the next row is shorter."""

_SHORT: Final = 0.0003
"""Seconds after which a connection that has not waited checks whether the turn of the event loop is over."""


class Turns:
    """The turns of one event loop; `turns_of()` returns this object."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop: ref[asyncio.AbstractEventLoop] = ref(loop)
        self.is_under_way: bool = False
        """Whether a connection has looked at the clock in this turn of the loop."""
        self._end = 0.0
        self._queue: deque[Callable[[], object]] = deque()

    def is_over(self, now: float) -> bool:
        """Tell whether the caller has to let others run; the first caller begins the turn."""
        if self.is_under_way:
            return now >= self._end
        self._begin(now + SHARE)
        return False

    def charge(self) -> None:
        """Count a connection that has used up its share."""
        if not self.is_under_way:
            self._begin(monotonic() + TURN_TIME - SHARE)

    def queue(self, callback: Callable[[], object]) -> None:
        """Call `callback` in the next turn or a later one; a turn is under way."""
        self._queue.append(callback)

    async def wait(self) -> None:
        """Wait for a turn; one is under way."""
        waiter = Waiter(asyncio.get_running_loop())
        self._queue.append(waiter.wake)
        await waiter

    def _begin(self, end: float) -> None:
        self.is_under_way = True
        self._end = end
        # Scheduled before anything else, so that the loop's next turn begins with it.
        asyncio.get_running_loop().call_soon(self._go_on)

    def _go_on(self) -> None:
        self.is_under_way = False
        queue = self._queue
        if not queue:
            return
        now = monotonic()
        end = now + TURN_TIME
        share = min(SHARE, max(TURN_TIME / len(queue), _LEAST_SHARE))
        self._begin(end)  # first, because a callback may raise
        for _ in range(len(queue)):
            self._end = now + share
            queue.popleft()()
            now = monotonic()
            if now >= end:
                break
        self._end = end


_of_thread: Final = _local()


def turns_of(loop: asyncio.AbstractEventLoop) -> Turns:
    """Return the turns of the loop that runs in this thread."""
    turns: Turns | None = getattr(_of_thread, "turns", None)
    if turns is None or turns.loop() is not loop:
        turns = _of_thread.turns = Turns(loop)
    return turns


class Rows:
    """The rows of messages that one connection returns without a look at the clock, and without waiting."""

    __slots__ = ("_begun_at", "_seen_at", "_turns", "length")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.length: int = 1
        """How many messages the next row may have."""
        self._turns = turns_of(loop)
        self._begun_at = 0.0
        self._seen_at = 0.0

    def end(self) -> None:
        """Start over after this: the connection waits for something to arrive."""
        self._seen_at = 0.0

    def is_turn_over(self, *, after_row: bool = False) -> bool:
        """Look at the clock; return whether others must run first. After a row, set the length of the next."""
        now = monotonic()
        seen, self._seen_at = self._seen_at, now
        if not seen:
            self._begun_at = now
            return False
        elapsed = now - seen
        if elapsed > _LONG:
            self.length = max(self.length // 4, 1)
        elif after_row and self.length < LONGEST_ROW and 4 * elapsed < _LONG:
            self.length *= 2
        return now - self._begun_at > _SHORT and self._turns.is_over(now)

    async def wait_for_turn(self) -> None:
        """Let the others run that must run first."""
        await self._turns.wait()
        self._seen_at = monotonic()
