"""The members of this worker, and what the broker is to have stored of them."""

from __future__ import annotations

import asyncio
from itertools import islice
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .broker import Broker
    from .vocabulary import Channel, Entry

    Key = tuple[Channel, str]

_AT_ONCE: Final = 64
"""How many calls are under way at the same time."""

_PAUSE: Final = 0.05
"""Seconds before calls are repeated that failed."""


class OwnMembers:
    """Keeps the broker in step with the members of this worker. `run()` does it, until it is cancelled."""

    def __init__(self, broker: Broker, worker: str) -> None:
        self._broker = broker
        self._prefix = worker + "/"
        self._members: dict[Key, bytes] = {}
        self._dirty: dict[Key, None] = {}  # what the broker is to be told
        self._has_dirty = asyncio.Event()
        self._epochs: dict[Key, str] = {}  # in which they were stored

    def set(self, channel: Channel, key: str, data: bytes) -> None:
        """Have the broker keep a member; without data remove it."""
        if data:
            self._members[channel, key] = data
        else:
            self._members.pop((channel, key), None)
        self._mark([(channel, key)])

    def keep_again(self, channel: Channel, keys: Iterable[str]) -> None:
        """Tell the broker again which of these are here, and which are not."""
        self._mark([(channel, key) for key in keys])

    def keep_all_again(self) -> None:
        """Have all members stored again."""
        self._mark(self._members)

    def on_epoch(self, epoch: str) -> None:
        """Have those stored again that were stored in another epoch."""
        self._mark([what for what, kept_in in self._epochs.items() if kept_in != epoch and what in self._members])

    def on_entry(self, channel: Channel, entry: Entry) -> None:
        """See what the broker sends of a member of this worker: a call that was given up may be carried out late."""
        if entry.key.startswith(self._prefix) and bool(entry.data) != ((channel, entry.key) in self._members):
            self._mark([(channel, entry.key)])

    def _mark(self, what: Iterable[Key]) -> None:
        self._dirty.update(dict.fromkeys(what))
        if self._dirty:
            self._has_dirty.set()

    async def run(self) -> None:
        """Tell the broker what has changed, as often as it takes."""
        while True:
            await self._has_dirty.wait()
            row = list(islice(self._dirty, _AT_ONCE))
            for what in row:
                del self._dirty[what]
            if not row:
                self._has_dirty.clear()
                continue
            outcomes = await asyncio.gather(*map(self._keep, row), return_exceptions=True)
            failed = [what for what, outcome in zip(row, outcomes, strict=True) if outcome is not None]
            if failed:
                self._mark(failed)
                await asyncio.sleep(_PAUSE)

    async def _keep(self, what: Key) -> None:
        channel, key = what
        data = self._members.get(what, b"")
        position = await self._broker.keep(channel, data, "", key)
        if data:
            self._epochs[what] = position.epoch
        else:
            self._epochs.pop(what, None)
