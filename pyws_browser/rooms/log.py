"""The copy of a topic's history that a worker has, which is all there is of it without a broker."""

from __future__ import annotations

from secrets import token_hex
from time import time
from typing import TYPE_CHECKING

from .errors import ForeignEpochError, ForgottenPositionError, FutureOffsetError
from .vocabulary import DUPLICATE_WINDOW, Entry, Position

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .errors import PositionError
    from .vocabulary import History


class Log:
    """The newest messages of a topic, in the order of their offsets."""

    __slots__ = ("_entries", "_history", "_ids", "epoch", "floor", "last")

    def __init__(self, history: History) -> None:
        self.epoch: str = ""
        """Empty until it is known."""
        self.floor: int = 0
        """Every message after this offset is here."""
        self.last: int = 0
        """The offset of the newest message."""
        self._history = history
        self._entries: list[Entry] = []
        self._ids: dict[str, tuple[int, float]] | None = None  # of what was published here, without a broker

    def begin(self, epoch: str, floor: int) -> None:
        """Begin an epoch, in which nothing is known."""
        self.epoch = epoch
        self.floor = self.last = floor
        self._entries.clear()
        self._ids = None

    def open(self) -> None:
        """Begin the first epoch, where there is no broker."""
        if not self.epoch:
            self.begin(token_hex(4), 0)

    @property
    def position(self) -> Position:
        """The position of the newest message."""
        return Position(self.epoch, self.last)

    def publish(self, data: bytes, id_: str) -> tuple[Position, bool]:
        """Store a message where there is no broker; return its position, and False if the id is known already."""
        self.open()
        now = time()
        if id_:
            known = self._known_ids(now)
            if id_ in known:
                return Position(self.epoch, known[id_][0]), False
            known[id_] = (self.last + 1, now)
        self.add(Entry(data, self.epoch, self.last + 1, self.last, id_, "", now))
        return self.position, True

    def _known_ids(self, now: float) -> dict[str, tuple[int, float]]:
        if self._ids is None:
            self._ids = {}
        known = self._ids
        while known:
            oldest = next(iter(known))
            if now - known[oldest][1] < DUPLICATE_WINDOW:
                break
            del known[oldest]
        return known

    def add(self, entry: Entry) -> None:
        """Add the message that follows the newest one."""
        entries = self._entries
        entries.append(entry)
        self.last = entry.offset
        over = len(entries) - self._history.messages
        if over > 0:
            self._forget(over)

    def trim(self) -> None:
        """Forget what is too old."""
        oldest = time() - self._history.seconds
        count = 0
        for entry in self._entries:
            if entry.time > oldest:
                break
            count += 1
        if count:
            self._forget(count)

    def _forget(self, count: int) -> None:
        self.floor = max(self.floor, self._entries[count - 1].offset)
        del self._entries[:count]

    def after(self, offset: int) -> Iterator[Entry]:
        """Give the messages that follow an offset."""
        for entry in list(self._entries):
            if entry.offset > offset:
                yield entry

    def refusal(self, since: Position) -> PositionError | None:
        """Return why not everything that came after a position can be given, None if it can."""
        if since.epoch != self.epoch:
            return ForeignEpochError(
                f"{since} is of an epoch that has ended, this one is {self.epoch}: let the client load everything anew"
            )
        if since.offset > self.last:
            return FutureOffsetError(
                f"{since} is ahead of the newest message, {self.last}: let the client load everything anew"
            )
        if since.offset < self.floor:
            return ForgottenPositionError(
                f"messages after {since} are not stored any more: let the client load everything anew, or keep a "
                "longer History"
            )
        return None
