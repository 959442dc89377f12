"""Ends connections without waiting for the other side's Close frame, and without losing sent data.

Closing a socket with unread data resets the connection, and the kernel then discards what the other side has not
received yet. So received data is read and discarded first; a client that goes on sending is read only for a moment.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

from ...protocol.vocabulary import CLOSED

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ...protocol.vocabulary import State

READING_TIME: Final = 0.1
"""Seconds for which received data is read and discarded, so that the last sent data arrives."""

_PAUSE: Final = 0.002
"""Seconds between two checks of connections that receive nothing."""


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
        """Whether received data is unread."""

    def poll(self) -> None:
        """Send what the kernel takes, and discard what has come."""

    def abort(self) -> None:
        """End it."""


class Lost(NamedTuple):
    """The number of unsent payload bytes, and of their connections."""

    size: int = 0
    connections: int = 0

    def __str__(self) -> str:
        of_whom = "a connection" if self.connections == 1 else f"{self.connections} connections"
        return f"{self.size} bytes for {of_whom} were not sent"


def see_off(transports: Iterable[Leaving], seconds: float) -> Lost:
    """Send waiting data for at most so many seconds, and end these connections, which have begun to close.

    Exceptions of the program's functions, such as a trace, are raised when all connections have ended.
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
            except Exception as exc:  # raised below
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
