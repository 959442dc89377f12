"""Who is present in a topic, at all workers. There is no input or output in this module."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NamedTuple

from ..errors import InvalidOptionError
from .vocabulary import Member

if TYPE_CHECKING:
    from collections.abc import Callable

    from .vocabulary import Entry, Page


def encode_member(data: object) -> bytes:
    """Return what is kept of a member. Raises InvalidOptionError if it is no dict that JSON can say."""
    if not isinstance(data, dict):
        raise InvalidOptionError(f"member is a dict that JSON can say, not {type(data).__name__}")
    try:
        return json.dumps(data, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()
    except (TypeError, ValueError, RecursionError) as exc:
        raise InvalidOptionError(f"member is a dict that JSON can say: {exc}") from None


class Reading(NamedTuple):
    """What came of reading who is present."""

    is_settled: bool
    """False at the beginning of an epoch: read again when the other workers have said who is there."""
    again: bool
    """Whether something may have been missed since the reading began."""
    amiss: list[str]
    """Members of this worker that the broker stores although they left, or does not store although they are here."""


class Presence:
    """The members of a topic. Those of this worker are its own truth, those of others are what the broker tells.

    What is read of the broker is older than what the broker sends meanwhile. So what it sends from `begin_reading()`
    on is noted, and stands above what was read.
    """

    __slots__ = ("_again", "_epoch", "_own", "_since", "_tell_joined", "_tell_left", "is_live", "members")

    def __init__(
        self, worker: str, tell_joined: Callable[[Member], object], tell_left: Callable[[Member], object]
    ) -> None:
        self.members: dict[str, Member] = {}
        self.is_live: bool = False
        """Whether the broker was read."""
        self._own = worker + "/"
        self._tell_joined = tell_joined
        self._tell_left = tell_left
        self._since: dict[str, bytes] | None = None  # what is known of members since the broker is being read
        self._again = False
        self._epoch = ""

    def add(self, member: Member) -> None:
        """Note one who has joined."""
        if member.id not in self.members:
            self.members[member.id] = member
            self._tell_joined(member)

    def remove(self, id_: str) -> None:
        """Note that one has left."""
        member = self.members.pop(id_, None)
        if member is not None:
            self._tell_left(member)

    def remove_worker(self, worker: str) -> None:
        """Note that all of a worker have left, because it is gone."""
        for id_ in [id_ for id_ in self.members if id_.startswith(worker + "/")]:
            if self._since is not None:
                self._since[id_] = b""
            self.remove(id_)

    def workers(self) -> set[str]:
        """Return the workers that have members here."""
        return {id_.partition("/")[0] for id_ in self.members}

    def on_entry(self, entry: Entry) -> None:
        """Take what the broker tells of one member."""
        if entry.key.startswith(self._own):
            return
        if self._since is not None:
            self._since[entry.key] = entry.data
        if not self.is_live:
            return
        if entry.data:
            self.add(Member(entry.key, json.loads(entry.data)))
        else:
            self.remove(entry.key)

    def begin_reading(self) -> bool:
        """Return whether to read the broker now; if it is being read already, `on_page()` asks for it again."""
        if self._since is not None:
            self._again = True  # what is being read may have been read before the gap
            return False
        self._since = {}
        return True

    def on_page(self, page: Page) -> Reading:
        """Take what was read.

        At the beginning of an epoch the other workers are still to say who is there.
        """
        is_settled = page.epoch == self._epoch or not self._epoch
        self._epoch = page.epoch
        stored = {entry.key: entry.data for entry in page.entries}
        amiss = self._amiss(stored)
        since, self._since = self._since, None
        there = {key: data for key, data in {**stored, **(since or {})}.items() if data and not self._is_own(key)}
        self.is_live = True
        if is_settled:
            for id_ in [id_ for id_ in self.members if id_ not in there and not self._is_own(id_)]:
                self.remove(id_)
        for key, data in there.items():
            if key not in self.members:
                self.add(Member(key, json.loads(data)))
        again, self._again = self._again, False
        return Reading(is_settled, again, amiss)

    def _amiss(self, stored: dict[str, bytes]) -> list[str]:
        """Return the members of this worker that the broker should store and does not, or the other way round."""
        own = {id_ for id_ in self.members if self._is_own(id_)}
        there = {key for key in stored if self._is_own(key)}
        return sorted(own ^ there if self.is_live else there - own)  # at first they are about to be stored

    def _is_own(self, id_: str) -> bool:
        return id_.startswith(self._own)
