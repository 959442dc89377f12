"""Polls a transport in a page, which has no threads: a wait suspends Python until the browser reports something."""

from __future__ import annotations

from math import inf
from time import monotonic
from typing import TYPE_CHECKING, Final

from ..transport.page.waiting import suspend

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType
    from typing import Self

    from ..transport.base import Transport

_LONGEST_WAIT: Final = 1.0
"""Seconds after which a wait always checks again."""

_MOMENT: Final = 0.01
"""Seconds between two checks of how much the browser has sent, for which there is no event."""


class Driver:
    """Polls `transport` while the program waits; there is nothing to guard."""

    def __init__(self, transport: Transport) -> None:
        self.after_poll: Callable[[], None] | None = None
        self._transport = transport

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Release nothing."""

    def start(self) -> None:
        """Do nothing: between two calls nothing happens in a page."""

    def abandon(self) -> None:
        """Do nothing: nothing runs without the program."""

    def wake(self) -> None:
        """Do nothing: no thread sleeps."""

    def notify(self) -> None:
        """Do nothing: no other thread waits."""

    def wait(self, condition: Callable[[], object], timeout: float | None = None) -> bool:
        """Wait until `condition()` is true; return False after `timeout` seconds.

        Raises UnsupportedInBrowserError where the engine cannot suspend Python.
        """
        transport = self._transport
        if condition():
            return True
        end = inf if timeout is None else monotonic() + timeout
        while True:
            transport.poll()
            if self.after_poll is not None:
                self.after_poll()
            if condition():
                return True
            now = monotonic()
            if now >= end:
                return False
            longest = _MOMENT if transport.buffered_amount else _LONGEST_WAIT
            suspend(transport, max(0.0, min(end - now, transport.deadline - now, longest)))
