"""What clients saw, and whether it keeps the promises."""

from __future__ import annotations

import json
from typing import NamedTuple

from pyws_browser.rooms import Position


class Told(NamedTuple):
    """A client was told that messages between two offsets of an epoch may be missing."""

    epoch: str
    after: int
    before: int


class Seen:
    """What one client received, in the order in which it did."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.messages: list[tuple[Position, str]] = []
        self.told: list[Told] = []
        self.last: Position | None = None
        self.first: dict[str, int] = {}
        self.problems: list[str] = []

    def take(self, text: str) -> None:
        said = json.loads(text)
        if "whole" in said:
            self._take_greeting(said["whole"], Position.parse(said["at"]))
        elif "missed" in said:
            after, before = map(Position.parse, said["missed"])
            self.told.append(Told(after.epoch, after.offset, 1 << 62 if before.epoch != after.epoch else before.offset))
            self.first.setdefault(before.epoch, before.offset)
        else:
            self._take_message(Position.parse(said["at"]), said["text"])

    def _take_greeting(self, is_whole: bool, position: Position) -> None:
        """Without the whole, the client begins anew: all that is stored is sent, which it may have."""
        if is_whole and self.last is not None:
            return
        if self.last is not None:
            self.told.append(Told(self.last.epoch, self.last.offset, 1 << 62))
            self.problems += self._repeated()
            self.messages.clear()
        self.last = Position(position.epoch, 0)
        self.first[position.epoch] = 0

    def _take_message(self, position: Position, text: str) -> None:
        if self.last is not None and position.epoch == self.last.epoch and position.offset <= self.last.offset:
            self.problems.append(f"{self.name}: {position} came after {self.last}")
        self.last = position
        self.messages.append((position, text))

    def _repeated(self) -> list[str]:
        seen: set[Position] = set()
        found = []
        for position, _ in self.messages:
            if position in seen:
                found.append(f"{self.name}: {position} came twice")
            seen.add(position)
        return found

    def check(self, stored: dict[Position, str]) -> list[str]:
        """Return what is wrong, if `stored` are the messages that the broker acknowledged."""
        problems = [*self.problems, *self._repeated()]
        got = dict(self.messages)
        last: dict[str, int] = {}
        for position, _ in self.messages:
            last[position.epoch] = max(last.get(position.epoch, 0), position.offset)
        for position, text in stored.items():
            if got.get(position, text) != text:
                problems.append(f"{self.name}: {position} has another text")
            is_due = self.first.get(position.epoch, 1 << 62) < position.offset <= last.get(position.epoch, -1)
            is_told = any(
                told.epoch == position.epoch and told.after < position.offset < told.before for told in self.told
            )
            if is_due and position not in got and not is_told:
                problems.append(f"{self.name}: {position} is missing, and nobody told")
        return problems
