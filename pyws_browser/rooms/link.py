"""What runs beside the broker, on its event loop: signs of life, and calls that are repeated until they succeed."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING, Final

from .ending import end_tasks
from .errors import BrokerError, BrokerRefusedError, BrokerTimeoutError
from .vocabulary import Channel, RoomsState

if TYPE_CHECKING:
    from collections.abc import Callable

    from .bridge import Bridge
    from .broker import Broker
    from .vocabulary import Entry, Page, Position

PULSE: Final = Channel("pulse")

_BEATS: Final = 10
"""Signs of life in the time of a lease."""

_DEAF_AFTER: Final = 3
"""How many of its own signs of life a worker may miss until it takes the connection for lost."""

_GOODBYE: Final = b"bye"
_HELLO: Final = b"here"
_REMOVED: Final = b"gone "

_SHORTEST_PAUSE: Final = 0.05
_LONGEST_PAUSE: Final = 1.0
"""Seconds before a call is repeated that the broker did not answer."""

_KEEP_TIME: Final = 5.0
"""Seconds for which it is tried to store a message."""

_logger: Final = logging.getLogger("pyws_browser.rooms")

_AT_ONCE: Final = 64
"""How many calls about members are under way at the same time."""


class Owner:
    """What the link tells, in the thread of the server; `Rooms` is one."""

    def on_message(self, channel: Channel, entry: Entry) -> None:
        """Take a message."""
        raise NotImplementedError

    def on_gap(self, channel: Channel | None) -> None:
        """Note that messages of a channel may be lost, None for all of them."""
        raise NotImplementedError

    def on_state(self, state: RoomsState) -> None:
        """Note the state of the connection."""
        raise NotImplementedError

    def on_workers_gone(self, workers: list[str]) -> None:
        """Note that the leases of workers have run out, or that they said goodbye."""
        raise NotImplementedError

    def on_deaf(self) -> None:
        """Note that the connection has been lost for too long."""
        raise NotImplementedError


class Link:
    """A broker's listener: tells the owner what comes, and whether the connection carries anything.

    A worker sends a sign of life and waits for it to come back. If it does not, the worker is deaf, whatever its
    connection says: the state is LOST, and the broker connects anew.
    """

    def __init__(
        self, broker: Broker, worker: str, owner: Owner, bridge: Bridge, *, lease: float, lost_limit: float
    ) -> None:
        self.broker = broker
        self._worker = worker
        self._owner = owner
        self._bridge = bridge
        self._lease = lease
        self._lost_limit = lost_limit
        self._beat = lease / _BEATS
        self._heard: dict[str, float] = {}
        self._own = monotonic()  # when its own sign of life was heard last
        self._healthy_since = monotonic()
        self._state = RoomsState.CONNECTING
        self._lost_since: float | None = None
        self._is_deaf = False
        self._members: dict[tuple[Channel, str], bytes] = {}  # of this worker, as the broker is to have them
        self._dirty: dict[tuple[Channel, str], None] = {}
        self._has_dirty = asyncio.Event()
        self._kept: dict[tuple[Channel, str], str] = {}  # the epochs in which they were stored
        self._epoch = ""  # of the members of all workers
        self._maps: set[Channel] = set()
        self._wanted: set[Channel] = set()
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self, name: str) -> None:
        """Connect, and wait for the first sign of life to come back."""
        try:
            await self.broker.start(name, self)
            await self.broker.subscribe(PULSE)
        except BaseException:  # also if it takes too long
            await self.broker.stop()
            raise
        self._tasks = [asyncio.create_task(self._pulse()), asyncio.create_task(self._keep_members())]

    async def stop(self) -> None:
        """Say goodbye and disconnect."""
        await end_tasks(*self._tasks)
        with suppress(BrokerError):  # the lease runs out
            await self.broker.publish(PULSE, self._worker.encode() + _GOODBYE)
        await self.broker.stop()

    # What the broker tells.

    def on_message(self, channel: Channel, entry: Entry) -> None:
        """Take a message."""
        if channel.kind == "pulse":
            self._hear(entry)
        else:
            self._bridge.post(partial(self._owner.on_message, channel, entry))

    def on_connected(self) -> None:
        """Note that a connection was made again."""
        self._own = monotonic()  # its signs of life begin anew
        self._bridge.post(partial(self._owner.on_gap, None))

    def on_lost(self, error: Exception) -> None:
        """Note that the connection is lost."""
        self._set_state(RoomsState.LOST)

    def on_gap(self, channel: Channel) -> None:
        """Note that messages of a channel may be lost."""
        self._bridge.post(partial(self._owner.on_gap, channel))

    # Signs of life.

    def _hear(self, entry: Entry) -> None:
        now = monotonic()
        worker = entry.data[:8].decode()
        if entry.data[8:].startswith(_REMOVED):
            if entry.data[8:].removeprefix(_REMOVED).decode() == self._worker:
                self._mark_all_dirty()  # another worker took this one for dead, and removed what it had stored
            return
        if entry.data[8:] == _GOODBYE:
            if self._heard.pop(worker, None) is not None:
                self._bridge.post(partial(self._owner.on_workers_gone, [worker]))
            return
        self._heard[worker] = now
        if worker != self._worker:
            return
        if self._state is not RoomsState.CONNECTED or now - self._own > _DEAF_AFTER * self._beat:
            # It may have been silent for so long that the others hold it for dead, and have removed its members.
            self._healthy_since = now
            self._mark_all_dirty()
        self._own = now
        self._set_state(RoomsState.CONNECTED)

    async def _pulse(self) -> None:
        while True:
            begun = monotonic()
            with suppress(BrokerError, TimeoutError):  # what comes of that is seen by what is not heard
                async with asyncio.timeout(self._lease):
                    await self._beat_once()
            self._look(monotonic())
            await asyncio.sleep(max(self._beat - (monotonic() - begun), self._beat / 4))

    async def _beat_once(self) -> None:
        await self.broker.publish(PULSE, self._worker.encode() + _HELLO)
        if self._state is RoomsState.CONNECTED:
            for channel in list(self._maps)[:1]:  # all maps are stored together
                epoch = await self.broker.epoch(channel)
                stale = [what for what, kept_in in self._kept.items() if kept_in != epoch and what in self._members]
                if stale:
                    self._dirty.update(dict.fromkeys(stale))
                    self._has_dirty.set()
                if self._epoch not in ("", epoch):
                    self._bridge.post(partial(self._owner.on_gap, None))
                self._epoch = epoch

    def _look(self, now: float) -> None:
        """See who is silent: this worker, or others."""
        is_deaf = now - self._own > _DEAF_AFTER * self._beat
        if is_deaf:
            if self._state is RoomsState.CONNECTED:
                self._set_state(RoomsState.LOST)
            self._own = now  # give the next connection as much time
            self.broker.reset()
        if self._lost_since is not None and now - self._lost_since > self._lost_limit and not self._is_deaf:
            self._is_deaf = True
            self._bridge.post(self._owner.on_deaf)
        longest = self._lease - 2 * self._beat
        if is_deaf or self._state is not RoomsState.CONNECTED or now - self._healthy_since < longest:
            return  # who does not hear cannot say that others are silent
        gone = [worker for worker, heard in self._heard.items() if now - heard > longest and worker != self._worker]
        for worker in gone:
            del self._heard[worker]
        if gone:
            self._bridge.post(partial(self._owner.on_workers_gone, gone))

    def know(self, workers: set[str]) -> None:
        """Note workers that have members somewhere: they have to give a sign of life within a lease."""
        now = monotonic()
        for worker in workers:
            self._heard.setdefault(worker, now)

    def _set_state(self, state: RoomsState) -> None:
        if state is self._state:
            return
        self._state = state
        if state is RoomsState.CONNECTED:
            self._lost_since = None
            self._is_deaf = False
        elif self._lost_since is None:
            self._lost_since = monotonic()
        self._bridge.post(partial(self._owner.on_state, state))

    async def clear(self, channel: Channel, worker: str) -> None:
        """Remove the members of a worker that is gone; tell it, for it may live after all."""
        try:
            await self.broker.clear(channel, worker)
        finally:  # it may have been done even if there was no answer
            await self.broker.publish(PULSE, self._worker.encode() + _REMOVED + worker.encode())

    # Members of this worker.

    def set_member(self, channel: Channel, key: str, data: bytes) -> None:
        """Have the broker keep a member of this worker; without data remove it."""
        if data:
            self._members[channel, key] = data
        else:
            self._members.pop((channel, key), None)
        self._dirty[channel, key] = None
        self._has_dirty.set()

    def _mark_all_dirty(self) -> None:
        if self._members:
            self._dirty.update(dict.fromkeys(self._members))
            self._has_dirty.set()

    async def _keep_members(self) -> None:
        while True:
            await self._has_dirty.wait()
            row = list(self._dirty)[:_AT_ONCE]
            for what in row:
                del self._dirty[what]
            if not row:
                self._has_dirty.clear()
                continue
            outcomes = await asyncio.gather(*map(self._keep_member, row), return_exceptions=True)
            failed = [what for what, outcome in zip(row, outcomes, strict=True) if outcome is not None]
            if failed:
                self._dirty.update(dict.fromkeys(failed))
                await asyncio.sleep(_SHORTEST_PAUSE)

    async def _keep_member(self, what: tuple[Channel, str]) -> None:
        channel, key = what
        data = self._members.get(what, b"")
        position = await self.broker.keep(channel, data, "", key)
        if data:
            self._kept[what] = position.epoch
        else:
            self._kept.pop(what, None)

    # Calls that are repeated.

    def want(self, channel: Channel) -> None:
        """Note that a channel is wanted."""
        self._wanted.add(channel)

    def drop(self, channel: Channel) -> None:
        """Note that a channel is wanted no longer."""
        self._wanted.discard(channel)
        self._bridge.call(partial(self.broker.unsubscribe, channel), _ignore)

    async def follow(self, channel: Channel, after: Position | None) -> Page | None:
        """Subscribe to a channel, and return what is stored of it; None for a plain one, or if nobody wants it more."""

        async def attempt() -> Page | None:
            await self.broker.subscribe(channel)
            return None if channel.kind == "plain" else await self.broker.read(channel, after)

        if channel.kind == "map":
            self._maps.add(channel)
        page: Page | None = None
        pause = _SHORTEST_PAUSE
        while channel in self._wanted:
            try:
                page = await attempt()
                if channel.kind == "map" and page is not None and not self._epoch:
                    self._epoch = page.epoch
                break
            except BrokerError as exc:
                _logger.info("following %s: %s", channel.name, exc)
                await asyncio.sleep(pause)
                pause = min(2 * pause, _LONGEST_PAUSE)
        if channel not in self._wanted:  # that changed in the meantime
            await self.broker.unsubscribe(channel)
        return page

    async def keep(self, channel: Channel, data: bytes, id_: str) -> Position:
        """Store a message; try again for a while, which the id makes harmless."""
        end = monotonic() + _KEEP_TIME
        pause = _SHORTEST_PAUSE
        may_be_stored = False
        while True:
            try:
                return await self.broker.keep(channel, data, id_)
            except BrokerRefusedError:
                raise
            except BrokerError as exc:
                may_be_stored |= isinstance(exc, BrokerTimeoutError)
                if monotonic() + pause > end:
                    if not may_be_stored:
                        raise
                    raise BrokerTimeoutError(
                        f"it is not known whether the message was stored: publish it again with the same id ({exc})"
                    ) from exc
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)

    def later(self, seconds: float, function: Callable[[], object]) -> None:
        """Have a function called in the thread of the server, after a while."""
        asyncio.get_running_loop().call_later(seconds, self._bridge.post, function)


def _ignore(result: object, error: BaseException | None) -> None:
    """Leave the outcome alone."""
