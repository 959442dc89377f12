"""Keeping the copy of a history in step with the broker: no gap that is not filled or told, and nothing twice.

The broker sends messages as they come, each with the offset of the one before it, and is read where some are missing.
A message is taken only if it follows the newest one that is here. There is no input or output in this module.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from .vocabulary import Position

if TYPE_CHECKING:
    from collections.abc import Callable

    from .log import Log
    from .vocabulary import Entry, Page

_MAX_EARLY: Final = 10_000
"""How many messages are kept that came while the broker was read; with more, it is read again."""


class Follower:
    """Feeds a log with what a broker sends and with what is read from it.

    `deliver(entry)` is called for each message that follows, `tell_missed(after, before)` for a gap that cannot be
    filled, and `ask(after)` to have the broker read, which `on_page()` answers.
    """

    __slots__ = ("_again", "_ask", "_deliver", "_early", "_is_asking", "_log", "_tell_missed", "is_live")

    def __init__(
        self,
        log: Log,
        deliver: Callable[[Entry], object],
        tell_missed: Callable[[Position, Position], object],
        ask: Callable[[Position | None], object],
    ) -> None:
        self._log = log
        self._deliver = deliver
        self._tell_missed = tell_missed
        self._ask = ask
        self._early: list[Entry] = []
        self._is_asking = False
        self._again = False
        self.is_live: bool = False
        """Whether the log has everything that the broker has sent."""

    def catch_up(self) -> None:
        """Read what may have been missed."""
        self.is_live = False
        if self._is_asking:
            self._again = True  # what is being read may have been read before the gap
            return
        self._is_asking = True
        self._ask(self._log.position if self._log.epoch else None)

    def pause(self) -> None:
        """Be live no longer; what is being read is given up."""
        self.is_live = self._is_asking = self._again = False
        self._early.clear()

    def on_entry(self, entry: Entry) -> None:
        """Take a message that the broker sent."""
        log = self._log
        if not self.is_live:
            if len(self._early) < _MAX_EARLY:
                self._early.append(entry)
            else:
                self._early.clear()
                self._again = True
        elif entry.epoch != log.epoch or entry.before > log.last:
            self._early.append(entry)
            self.catch_up()
        elif entry.offset > log.last:
            log.add(entry)
            self._deliver(entry)

    def on_page(self, page: Page) -> None:
        """Take what was read."""
        self._is_asking = False
        self._take(page)
        if self._again:
            self._again = False
            self.catch_up()
            return
        self.is_live = True
        early, self._early = self._early, []
        for entry in early:
            self.on_entry(entry)

    def _take(self, page: Page) -> None:
        log = self._log
        if not log.epoch:
            log.begin(page.epoch, page.floor)
            for entry in page.entries:
                log.add(entry)
        elif page.epoch != log.epoch or page.last < log.last:  # or the broker lost the newest messages
            before = log.position
            log.begin(page.epoch, page.floor)
            self._tell_missed(before, Position(page.epoch, page.floor))
            self._deliver_all(page.entries)
        else:
            new = [entry for entry in page.entries if entry.offset > log.last]
            if page.floor > log.last:
                before = log.position
                log.begin(page.epoch, page.floor)
                self._tell_missed(before, Position(page.epoch, new[0].offset if new else page.last))
            self._deliver_all(new)
        log.last = max(log.last, page.last)

    def _deliver_all(self, entries: list[Entry]) -> None:
        for entry in entries:
            self._log.add(entry)
            self._deliver(entry)
