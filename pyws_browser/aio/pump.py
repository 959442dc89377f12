"""Polling a transport from an event loop, only when there is something to do.

A `Pump` belongs to one transport. In each of its turns it polls, then lets the connection look at what changed. What
starts a turn depends on the platform:

- `EventPump`: only the transport's wake-up. In a page that is a JavaScript event, and the turn runs inside it; the only
  timer there is that of a time limit.
- `ReaderPump`: a socket that the loop watches with `add_reader()` and `add_writer()`; asyncio's selector loops and
  uvloop. A connection with a full inbox is not watched, so that TCP holds the sender back.
- `CompletionPump`: a socket on a loop without `add_reader()`: Windows' Proactor. A read of zero bytes completes when
  there is something to read; for writing, and while connecting, it polls again after a moment.

Under asyncio the loop is the main cost, so a message that is there is returned without a turn of it, a task that waits
goes on inside the callback that brings the message, and messages of one turn are sent by one call. Of a round trip of
17.1 µs on uvloop (18.3 on asyncio), the kernel takes 13.5, the loop, the coroutine and the waiting 1.4;
`picows.websockets` takes 15.2 (18.0), and a uvloop protocol that only wakes a future 14.8.
"""

from __future__ import annotations

import asyncio
from _thread import get_ident
from contextlib import suppress
from math import inf
from time import monotonic
from typing import TYPE_CHECKING, Final, cast

from ..errors import NotConnectedError
from ..protocol.vocabulary import CLOSED, OPEN
from ..transport import IN_BROWSER
from .coroutines import when_readable
from .turns import SHARE, turns_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..transport.base import Transport
    from ..transport.native import NativeTransport

_MOMENT: Final = 0.015
"""Seconds until a `CompletionPump` polls again for what no read shows: the resolution of Windows' clock."""


class Pump:
    """Polls one transport, and calls `after_turn` after each poll, outside of the transport's code."""

    def __init__(self, transport: Transport, loop: asyncio.AbstractEventLoop, after_turn: Callable[[], None]) -> None:
        self._transport = transport
        self._loop = loop
        self._after_turn = after_turn
        self._owner = get_ident()
        self._turns = turns_of(loop)
        self.is_paused: bool = False
        """Whether it waits for `resume()`, because the inbox is full."""
        self.is_expected: bool = False
        """Whether messages will be fetched in the loop's next turn, so that pausing would not pay."""
        self._is_scheduled = False
        self._is_greedy = False
        self._is_in_turn = False
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = inf

    def start(self) -> None:
        """Begin with a turn as soon as the loop runs it."""
        self._transport.set_wakeup(self.wake)
        self.wake()

    def wake(self) -> None:
        """Schedule a turn; the transport calls this, in any thread."""
        if self._is_scheduled:
            return
        self._is_scheduled = True
        if get_ident() == self._owner:
            if self._turns.is_under_way:
                self._turns.queue(self._scheduled_turn)
            else:
                self._loop.call_soon(self._scheduled_turn)
        else:
            with suppress(RuntimeError):  # the loop is closed, so nobody waits for this any more
                self._loop.call_soon_threadsafe(self._scheduled_turn)

    def turn(self) -> None:
        """Poll, and let the connection look at what changed."""
        self._is_in_turn = True
        try:
            self._transport.poll()
        finally:
            self._is_in_turn = False
        self._note_greed()
        self.update()
        self._after_turn()

    def _note_greed(self) -> None:
        """Record whether the last poll asked for another one, because it had too much to do."""
        self._is_greedy = self._is_scheduled
        if self._is_greedy:
            self._turns.charge()

    @property
    def may_have_more(self) -> bool:
        """Whether a turn may bring messages that had no room before, which no wake-up reports."""
        return self._transport.is_held_back

    def look(self) -> None:
        """Read what has arrived by now; does nothing within a poll."""
        if not self._is_in_turn and self._transport.ready_state is not CLOSED:
            self.turn()

    def resume(self) -> None:
        """Go on, because there is room in the inbox again."""
        self.is_paused = False
        self.wake()

    def update(self) -> None:
        """Watch for what the transport needs now: nothing once it is CLOSED."""
        if self._transport.ready_state is CLOSED:
            self._transport.set_wakeup(None)
            self._set_timer(inf)

    def stop(self) -> None:
        """Drop the reference to the connection, whose transport is CLOSED."""
        self._after_turn = _nothing

    def _scheduled_turn(self) -> None:
        self._is_scheduled = False
        if self._transport.ready_state is CLOSED:
            self.update()
            self._after_turn()
        else:
            self.turn()

    def _set_timer(self, at: float) -> None:
        """Schedule a turn at a time of `time.monotonic()`. An earlier one is left as it is, for it does no harm."""
        if at >= self._timer_at and at != inf:
            return
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._timer_at = at
        if at != inf:
            self._timer = self._loop.call_later(max(0.0, at - monotonic()), self._on_timer)

    def _on_timer(self) -> None:
        self._timer = None
        self._timer_at = inf
        self.turn()


class EventPump(Pump):
    """For a transport without a descriptor: the browser's, and the one in memory."""

    def wake(self) -> None:
        """Take the turn at once within a JavaScript event; else, or while a task runs, schedule it."""
        if IN_BROWSER and not self._is_in_turn and asyncio.current_task(self._loop) is None:
            self.turn()
        else:
            super().wake()

    @property
    def may_have_more(self) -> bool:
        """As above; a page wakes the pump by itself unless it holds the sender back."""
        return not self._is_in_turn and (not IN_BROWSER or self._transport.is_held_back)

    def start(self) -> None:
        """Begin, and wait for the first event."""
        self._transport.set_wakeup(self.wake)
        self.update()

    def update(self) -> None:
        """Set a timer for the time limits of opening and closing; an open connection needs none."""
        super().update()
        if self._transport.ready_state is not CLOSED:
            self._set_timer(self._transport.deadline)


class ReaderPump(Pump):
    """For a socket, on a loop with `add_reader()`."""

    def __init__(
        self, transport: NativeTransport, loop: asyncio.AbstractEventLoop, after_turn: Callable[[], None]
    ) -> None:
        super().__init__(transport, loop, after_turn)
        self._native = transport
        transport.turn_time = SHARE
        transport.on_release = self._watch_nothing
        self._fd = -1
        self._is_reading = False
        self._is_writing = False
        self._dialling: tuple[int, ...] = ()

    def update(self) -> None:
        """Let the loop watch what the transport needs."""
        super().update()
        native = self._native
        if native.ready_state is CLOSED:
            native.on_release = None
            return
        if self._fd < 0:
            self._watch_dialling(native.dialling)
            try:
                self._fd = native.fileno()
            except NotConnectedError:  # still dialling
                self._set_timer(native.deadline)
                return
        if not native.is_held_back or native.can_resume:
            self.is_paused = False
        self._watch(reading=not self.is_paused, writing=native.wants_write)
        self._set_timer(native.deadline)

    def _on_readable(self) -> None:
        native = self._native
        if self._is_greedy and (self._is_scheduled or (self._turns.is_under_way and self._turns.is_over(monotonic()))):
            self.wake()  # else it would take more than its share
            return
        if native.is_held_back and not native.can_resume:
            if self.is_expected:
                return
            self.is_paused: bool = True
            self._watch(reading=False, writing=self._is_writing)
            return
        was_open = native.ready_state is OPEN
        native.poll()
        if self._is_scheduled:
            self._note_greed()
        # After nearly every read nothing changes. A socket stays watched although the inbox is full, because its
        # messages are usually fetched before the next turn of the loop.
        if not was_open or native.ready_state is not OPEN or native.wants_write is not self._is_writing:
            self.update()
        self._after_turn()

    def _watch(self, *, reading: bool, writing: bool) -> None:
        if reading is not self._is_reading:
            self._is_reading = reading
            if reading:
                self._loop.add_reader(self._fd, self._on_readable)
            else:
                self._loop.remove_reader(self._fd)
        if writing is not self._is_writing:
            self._is_writing = writing
            if writing:
                self._loop.add_writer(self._fd, self.turn)
            else:
                self._loop.remove_writer(self._fd)

    def _watch_nothing(self) -> None:
        """Unwatch before the socket is closed: afterwards asyncio cannot remove one of two watches."""
        self._watch_dialling(())
        self._watch(reading=False, writing=False)

    def _watch_dialling(self, descriptors: tuple[int, ...]) -> None:
        before, self._dialling = self._dialling, descriptors
        for fd in before:  # all of them, because another socket may have the number of a closed one by now
            self._loop.remove_writer(fd)
        for fd in descriptors:
            self._loop.add_writer(fd, self.turn)


class CompletionPump(Pump):
    """For a socket, on a loop that only offers reads that complete."""

    def __init__(
        self, transport: NativeTransport, loop: asyncio.AbstractEventLoop, after_turn: Callable[[], None]
    ) -> None:
        super().__init__(transport, loop, after_turn)
        self._native = transport
        transport.turn_time = SHARE
        self._read: asyncio.Task[None] | None = None

    def update(self) -> None:
        """Keep a read pending while there is a socket, and room for what it brings."""
        super().update()
        native = self._native
        if native.ready_state is CLOSED:
            if self._read is not None:
                self._read.cancel()
            return
        try:
            native.fileno()
        except NotConnectedError:
            self._set_timer(min(native.deadline, monotonic() + _MOMENT))
            return
        self.is_paused: bool = native.is_held_back and not native.can_resume
        if self._read is None and not self.is_paused:
            self._read = self._loop.create_task(when_readable(self._loop, native.sock, self._on_readable))
        self._set_timer(min(native.deadline, monotonic() + _MOMENT) if native.wants_write else native.deadline)

    def _on_readable(self) -> None:
        self._read = None
        # In a callback of its own, where no task runs: so a task that waits for a message can be woken at once.
        self._loop.call_soon(self._on_input)

    def _on_input(self) -> None:
        if self._native.ready_state is not CLOSED:
            self.turn()


def _nothing() -> None:
    """Finish the work of the last turn."""


def make_pump(transport: Transport, loop: asyncio.AbstractEventLoop, after_turn: Callable[[], None]) -> Pump:
    """Return the pump that suits the transport and the loop."""
    if IN_BROWSER or not hasattr(transport, "wants_write"):
        return EventPump(transport, loop, after_turn)
    native = cast("NativeTransport", transport)
    kind = ReaderPump if has_add_reader(loop) else CompletionPump
    return kind(native, loop, after_turn)


def has_add_reader(loop: asyncio.AbstractEventLoop) -> bool:
    """Tell whether the loop has `add_reader()`: Windows' Proactor does not."""
    try:
        return not loop.remove_reader(-1)
    except NotImplementedError:
        return False
    except (OSError, ValueError):  # what a loop with `add_reader()` raises for such a descriptor
        return True
