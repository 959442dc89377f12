"""Connecting again after a connection was lost: when to, and when not to. Without I/O, for every kind of peer.

The delay before the n-th attempt in a row is a random part of `first_delay * factor ** n`, `max_delay` at most ("full
jitter"): so a thousand clients that lost the same server do not come back in the same instant. Only a connection that
held for `stable_after` seconds makes the count begin anew, so a server that accepts and drops is not hammered.

It goes on after every end that this side did not begin, whatever its code: a server that restarts says 1001, 1012 or
nothing, and one that says 1000 may be back as well. `Backoff.final_codes` names the codes that mean a final end.
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
    """Where a reconnecting connection is."""

    IDLE = 0
    CONNECTING = 1
    CONNECTED = 2
    WAITING = 3
    STOPPED = 4


class Backoff(NamedTuple):
    """How to wait between attempts. Times are in seconds.

    `max_attempts` is how many attempts in a row may fail, None for any number. `final_codes` are the close codes after
    which there is no attempt, such as 4003 of a server that has thrown the user out.
    """

    first_delay: float = 1.0
    factor: float = 2.0
    max_delay: float = 60.0
    max_attempts: int | None = None
    stable_after: float = 5.0
    final_codes: Collection[int] = frozenset()

    def check(self) -> Backoff:
        """Return itself; raises InvalidOptionError if a number is out of its range, or is none."""
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
        """Give the delay before each attempt in a row."""
        longest = self.first_delay
        while True:
            yield random.uniform(0.0, longest)  # noqa: S311  nobody gains from foreseeing it
            longest = min(longest * self.factor, self.max_delay)


class Reconnection:
    """The state of one reconnecting connection, to be looked at; its owner says what happens.

    `delays` gives the delays of each row of attempts, which ends with them; None leaves that to the `backoff`. Times
    are those of `time.monotonic()`.
    """

    def __init__(self, backoff: Backoff, delays: Callable[[], Iterator[float]] | None = None) -> None:
        if not isinstance(backoff, Backoff):
            raise InvalidOptionError(f"backoff is a Backoff, as in Backoff(max_delay=10), not {backoff!r}")
        self.backoff: Backoff = backoff.check()
        self.state: ReconnectState = ReconnectState.IDLE
        self.attempts: int = 0
        """How many attempts in a row did not bring a stable connection, the present one included."""
        self.delay: float = 0.0
        """Seconds of the present or the last wait."""
        self.error: BaseException | None = None
        """Why the last connection ended or did not come about."""
        self.changed: Signal[ReconnectState] = Signal()
        """Emitted with the new state, once it is one: what a function does then, `close()` say, has its effect."""
        self.next_attempt: float = 0.0
        """When the present or the last wait ends."""
        self._untold: deque[ReconnectState] = deque()
        self._is_telling = False
        self._new_delays = delays or backoff.delays
        self._delays: Iterator[float] | None = None
        self._opened_at = inf

    def begin(self) -> None:
        """Note that an attempt begins; `tell_beginning()` emits it."""
        self.attempts += 1
        self._opened_at = inf
        if self.error is not None:  # its frames would keep the connection before
            forget_frames(self.error)
        self.state = ReconnectState.CONNECTING

    def tell_beginning(self) -> None:
        """Emit that an attempt has begun."""
        self._tell(ReconnectState.CONNECTING)

    def is_connecting(self) -> None:
        """Note that an attempt begins, and emit it."""
        self.begin()
        self.tell_beginning()

    def has_opened(self, now: float) -> None:
        """Note that the attempt succeeded."""
        self._opened_at = now
        self._enter(ReconnectState.CONNECTED)

    def has_ended(self, now: float, code: int | None, error: BaseException | None) -> float | None:
        """Note that the connection is over; return the seconds to wait, None if there is no further attempt.

        `code` is the close code, None if there was no connection, or if it was given up to have another.
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
        """Note that the program gave up an open connection to have another: that is no failure."""
        self.attempts = 0
        self._delays = None

    def stop(self) -> None:
        """Note that there will be no further attempt."""
        if self.state is not ReconnectState.STOPPED:
            self._enter(ReconnectState.STOPPED)

    def _enter(self, state: ReconnectState) -> None:
        self.state = state
        self._tell(state)

    def _tell(self, state: ReconnectState) -> None:
        """Emit the state after those that are being emitted, so that every function sees them in their order.

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
                except Exception as exc:  # it is raised again below
                    problems.append(exc)
        finally:
            self._untold.clear()
            self._is_telling = False
        if len(problems) == 1:
            raise problems[0]
        if problems:
            raise ExceptionGroup("several functions connected to a signal failed", problems)
