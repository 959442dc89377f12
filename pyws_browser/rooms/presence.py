"""Who is present in a topic, at all workers. There is no input or output in this module."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

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


class Presence:
    """The members of a topic. Those of this worker are its own truth, those of others are what the broker tells."""

    __slots__ = ("_early", "_epoch", "_own", "_tell_joined", "_tell_left", "is_live", "members")

    def __init__(
        self, worker: str, tell_joined: Callable[[Member], object], tell_left: Callable[[Member], object]
    ) -> None:
        self.members: dict[str, Member] = {}
        self.is_live: bool = False
        """Whether the broker was read."""
        self._own = worker + "/"
        self._tell_joined = tell_joined
        self._tell_left = tell_left
        self._early: list[Entry] = []
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
            self.remove(id_)

    def workers(self) -> set[str]:
        """Return the workers that have members here."""
        return {id_.partition("/")[0] for id_ in self.members}

    def on_entry(self, entry: Entry) -> None:
        """Take what the broker tells of one member."""
        if not self.is_live:
            self._early.append(entry)
        elif entry.key.startswith(self._own):
            return
        elif entry.data:
            self.add(Member(entry.key, json.loads(entry.data)))
        else:
            self.remove(entry.key)

    def on_page(self, page: Page) -> bool:
        """Take what was read; return False if it has to be read again later.

        At the beginning of an epoch the other workers are still to say who is there.
        """
        is_settled = page.epoch == self._epoch or not self._epoch
        self._epoch = page.epoch
        there = {entry.key: entry for entry in page.entries if not entry.key.startswith(self._own)}
        if is_settled:
            for id_ in [id_ for id_ in self.members if id_ not in there and not id_.startswith(self._own)]:
                self.remove(id_)
        for key, entry in there.items():
            self.add(Member(key, json.loads(entry.data)))
        self.is_live = True
        early, self._early = self._early, []
        for entry in early:
            self.on_entry(entry)
        return is_settled
