"""Ending connections without waiting for the other side's Close frame, and without losing what was sent to it.

A socket that is closed while something unread waits in it resets the connection, and the kernel then throws away what
the other side has not received yet. So what has come is read first, and thrown away; a client that goes on sending is
read for a moment only.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

from ...protocol.vocabulary import CLOSED

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ...protocol.vocabulary import State

READING_TIME: Final = 0.1
"""Seconds for which what still comes is thrown away, so that what was sent last arrives."""

_PAUSE: Final = 0.002
"""Seconds between two looks at connections that take in nothing."""


class Leaving(Protocol):
    """A connection that has begun to close."""

    @property
    def ready_state(self) -> State:
        """Its ready state."""

    @property
    def buffered_amount(self) -> int:
        """Payload bytes that were not sent yet."""

    @property
    def wants_write(self) -> bool:
        """Whether something waits until the kernel takes it."""

    @property
    def has_unread(self) -> bool:
        """Whether something has come that was not read."""

    def poll(self) -> None:
        """Send what the kernel takes, and throw away what has come."""

    def abort(self) -> None:
        """End it."""


class Lost(NamedTuple):
    """Payload bytes that were not sent, and how many connections they were for."""

    size: int = 0
    connections: int = 0

    def __str__(self) -> str:
        of_whom = "a connection" if self.connections == 1 else f"{self.connections} connections"
        return f"{self.size} bytes for {of_whom} were not sent"


def see_off(transports: Iterable[Leaving], seconds: float) -> Lost:
    """Send what waits, for so many seconds at most, and end these connections, which have begun to close.

    What a function of the program raises meanwhile, a trace say, is raised when all of them have ended.
    """
    begun = time.monotonic()
    left = list(transports)
    size = connections = 0
    problems: list[Exception] = []
    while left:
        passed = time.monotonic() - begun
        staying: list[Leaving] = []
        for transport in left:
            try:
                transport.poll()
            except Exception as exc:  # it is raised below
                problems.append(exc)
            if transport.ready_state is CLOSED:
                continue
            unsent = transport.buffered_amount
            if passed < (seconds if transport.wants_write else READING_TIME if transport.has_unread else 0.0):
                staying.append(transport)
                continue
            size += unsent
            connections += unsent > 0
            transport.abort()
        left = staying
        if left:
            time.sleep(_PAUSE)
    if len(problems) == 1:
        raise problems[0]
    if problems:
        raise ExceptionGroup("several connections failed while they were closed", problems)
    return Lost(size, connections)
