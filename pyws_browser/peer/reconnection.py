"""Decides when to connect again after a loss. Without I/O, for every kind of peer.

The delay before the n-th attempt in a row is a random part of `first_delay * factor ** n`, at most `max_delay` ("full
jitter"), so that a thousand clients of one server do not come back at the same moment. Only a connection that lasted
`stable_after` seconds resets the count, so that a server which accepts and drops connections is not flooded.

It goes on after every end that this side did not begin, whatever its code: a restarting server sends 1001, 1012 or
nothing, and one that sends 1000 may come back as well. `Backoff.final_codes` names the codes after which it stops.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Collection
from math import inf
from typing import TYPE_CHECKING, NamedTuple

from ..errors import InvalidOptionError, forget_frames
from ..protocol.vocabulary import NamedNumber
from ..signals import Signal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class ReconnectState(NamedNumber):
    """The states of a reconnecting connection."""

    IDLE = 0
    CONNECTING = 1
    CONNECTED = 2
    WAITING = 3
    STOPPED = 4


class Backoff(NamedTuple):
    """How to wait between attempts. Times are in seconds.

    `max_attempts` is how many attempts in a row may fail, None for any number. `final_codes` are the close codes after
    which it stops, for example a server's 4003 for a banned user.
    """

    first_delay: float = 1.0
    factor: float = 2.0
    max_delay: float = 60.0
    max_attempts: int | None = None
    stable_after: float = 5.0
    final_codes: Collection[int] = frozenset()

    def check(self) -> Backoff:
        """Return self; raises InvalidOptionError for a value that is out of range or not a number."""
        for name in ("first_delay", "factor", "max_delay", "stable_after"):
            value = getattr(self, name)
            if not isinstance(value, (int, float)):
                raise InvalidOptionError(f"{name} is a number, not {value!r}")
        if not 0 < self.first_delay <= self.max_delay < inf or not self.factor >= 1 or not self.stable_after >= 0:
            raise InvalidOptionError(
                f"{self!r} cannot be used: 0 < first_delay <= max_delay, factor from 1 on, stable_after from 0 on"
            )
        if self.max_attempts is not None and not (isinstance(self.max_attempts, int) and self.max_attempts >= 1):
            raise InvalidOptionError(f"max_attempts is from 1 on, or None for any number, not {self.max_attempts!r}")
        codes = self.final_codes
        if (
            isinstance(codes, str)
            or not isinstance(codes, Collection)
            or not all(isinstance(code, int) for code in codes)
        ):
            raise InvalidOptionError(f"final_codes is a set of close codes, as in {{4003}}, not {codes!r}")
        return self

    def delays(self) -> Iterator[float]:
        """Yield the delay before each attempt in a row."""
        longest = self.first_delay
        while True:
            yield random.uniform(0.0, longest)  # noqa: S311  nobody gains from foreseeing it
            longest = min(longest * self.factor, self.max_delay)


class Reconnection:
    """The observable state of one reconnecting connection; its owner records the events.

    `delays` yields the delays of each row of attempts, and ends the row; None uses `backoff`. Times are those of
    `time.monotonic()`.
    """

    def __init__(self, backoff: Backoff, delays: Callable[[], Iterator[float]] | None = None) -> None:
        if not isinstance(backoff, Backoff):
            raise InvalidOptionError(f"backoff is a Backoff, as in Backoff(max_delay=10), not {backoff!r}")
        self.backoff: Backoff = backoff.check()
        self.state: ReconnectState = ReconnectState.IDLE
        self.attempts: int = 0
        """The number of attempts in a row without a stable connection, including the present one."""
        self.delay: float = 0.0
        """Seconds of the current or the last wait."""
        self.error: BaseException | None = None
        """Why the last connection ended or failed to open."""
        self.changed: Signal[ReconnectState] = Signal()
        """Emitted with the new state after the change, so connected functions may call methods such as `close()`."""
        self.next_attempt: float = 0.0
        """When the current or the last wait ends."""
        self._untold: deque[ReconnectState] = deque()
        self._is_telling = False
        self._new_delays = delays or backoff.delays
        self._delays: Iterator[float] | None = None
        self._opened_at = inf

    def begin(self) -> None:
        """Record the start of an attempt; `tell_beginning()` emits it."""
        self.attempts += 1
        self._opened_at = inf
        if self.error is not None:  # its frames would keep the previous connection alive
            forget_frames(self.error)
        self.state = ReconnectState.CONNECTING

    def tell_beginning(self) -> None:
        """Emit the start of an attempt."""
        self._tell(ReconnectState.CONNECTING)

    def is_connecting(self) -> None:
        """Record and emit the start of an attempt."""
        self.begin()
        self.tell_beginning()

    def has_opened(self, now: float) -> None:
        """Record that the attempt succeeded."""
        self._opened_at = now
        self._enter(ReconnectState.CONNECTED)

    def has_ended(self, now: float, code: int | None, error: BaseException | None) -> float | None:
        """Record the end of the connection; return the seconds to wait, None if no attempt follows.

        `code` is the close code; None if there was no connection, or if the program gave it up for another.
        """
        self.error = error
        if now - self._opened_at >= self.backoff.stable_after:
            self.attempts = 0
            self._delays = None
        limit = self.backoff.max_attempts
        if code in self.backoff.final_codes or (limit is not None and self.attempts >= limit):
            self.stop()
            return None
        if self._delays is None:
            self._delays = self._new_delays()
        delay = next(self._delays, None)
        if delay is None:
            self.stop()
            return None
        self.delay = delay
        self.next_attempt = now + delay
        self._enter(ReconnectState.WAITING)
        return delay

    def restart(self) -> None:
        """Record that the program gave up an open connection for another, which does not count as a failure."""
        self.attempts = 0
        self._delays = None

    def stop(self) -> None:
        """Record that no attempt follows."""
        if self.state is not ReconnectState.STOPPED:
            self._enter(ReconnectState.STOPPED)

    def _enter(self, state: ReconnectState) -> None:
        self.state = state
        self._tell(state)

    def _tell(self, state: ReconnectState) -> None:
        """Emit the state after those that are being emitted, so that every function sees them in order.

        All are emitted even if a function raises.
        """
        self._untold.append(state)
        if self._is_telling:
            return
        self._is_telling = True
        problems: list[Exception] = []
        try:
            while self._untold:
                try:
                    self.changed.emit(self._untold.popleft())
                except Exception as exc:  # raised again below
                    problems.append(exc)
        finally:
            self._untold.clear()
            self._is_telling = False
        if len(problems) == 1:
            raise problems[0]
        if problems:
            raise ExceptionGroup("several functions connected to a signal failed", problems)
