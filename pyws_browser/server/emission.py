"""Emits a server's signals in the order of events, with a time limit for each client."""

from __future__ import annotations

from collections import deque
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, Final

from ..peer.links import EMIT_TIME, Clock

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..peer.links import Event, Link

EMIT_SHARE: Final = 0.002
"""Seconds of a poll for the signals of one client, where others wait as well."""


class Emission:
    """Calls the events of `events` in order; if the time is too short for all, the next polls go on.

    `on_failure(id, exception)` handles an exception that a function of the program raised for a client.
    """

    def __init__(self, events: deque[Event]) -> None:
        self._events = events
        self.waiting: dict[Link | None, deque[Event]] = {}
        """The events for which earlier polls had no time, by client."""

    def clear(self) -> None:
        """Drop all events."""
        for events in self.waiting.values():
            events.clear()
        self.waiting.clear()
        self._events.clear()

    def run(self, on_failure: Callable[[object, Exception], None], *, in_turns: bool) -> None:
        """Call due events as long as there is time.

        With `in_turns` the next polls call the rest client by client, else in the order of events.
        """
        if self.waiting:
            self._run_in_turns(on_failure)
            return
        events = self._events
        self._call_row(events, 1, on_failure)  # a single event needs no look at the clock
        if not events:
            return
        clock = Clock()
        while events:
            if clock.is_over(EMIT_TIME):
                if in_turns:
                    self._sort_events()
                return
            self._call_row(events, clock.row, on_failure)

    def _run_in_turns(self, on_failure: Callable[[object, Exception], None]) -> None:
        """Call the waiting events: those of each client for a share of the time."""
        self._sort_events()
        waiting = self.waiting
        whole = Clock()
        while waiting and not whole.is_over(EMIT_TIME):
            link, events = next(iter(waiting.items()))
            share = Clock()
            try:
                while events and not share.is_over(EMIT_SHARE):
                    self._call_row(events, share.row, on_failure)
            finally:
                waiting.pop(link, None)
                if events:
                    waiting[link] = events  # after the others

    @staticmethod
    def _call_row(events: deque[Event], length: int, on_failure: Callable[[object, Exception], None]) -> None:
        """Call the first `length` of the events, or as many as there are."""
        for _ in range(length):
            if not events:  # for example, the server was stopped
                return
            link, call, is_message = events.popleft()
            if is_message and link.has_failed:  # type: ignore[union-attr]  # a message came on a connection
                continue
            try:
                call()
            except Exception as exc:
                if link is None:
                    raise
                on_failure(link.id, exc)

    def _sort_events(self) -> None:
        """Append new events to the waiting ones of the same client."""
        for link, events in groupby(self._events, itemgetter(0)):
            self.waiting.setdefault(link, deque()).extend(events)
        self._events.clear()
