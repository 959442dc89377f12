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
from .own_members import OwnMembers
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
_HELLO: Final = b"here "
_REMOVED: Final = b"gone "

_MOST_REMOVED: Final = 1000
"""How many workers are remembered that were taken for dead, in case that they live."""

_SHORTEST_PAUSE: Final = 0.05
_LONGEST_PAUSE: Final = 1.0
"""Seconds before a call is repeated that the broker did not answer."""

_KEEP_TIME: Final = 5.0
"""Seconds for which it is tried to store a message."""

_logger: Final = logging.getLogger("pyws_browser.rooms")


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

    A worker that is silent is taken for dead, and its members are removed. If it lives after all, it has to store them
    again. So it counts how often it heard of that, and says the number with each sign of life; the worker that removed
    its members tells it with each of its own, until the number has grown.
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
        self._removals = 0  # how often this worker has heard that its members were removed
        self._told: dict[str, int] = {}  # the numbers that the others said last
        self._removed: dict[str, int] = {}  # those whose members this worker removed, and the numbers they said before
        self._own = monotonic()  # when its own sign of life was heard last
        self._healthy_since = monotonic()
        self._state = RoomsState.CONNECTING
        self._lost_since: float | None = None
        self._is_deaf = False
        self.members: OwnMembers = OwnMembers(broker, worker)
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
        self._tasks = [asyncio.create_task(self._pulse()), asyncio.create_task(self.members.run())]

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
            return
        if channel.kind == "map":
            self.members.on_entry(channel, entry)
            if entry.data:
                self._heard.setdefault(entry.key.partition("/")[0], monotonic())
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
        said = entry.data[8:]
        if said.startswith(_REMOVED):
            if said.removeprefix(_REMOVED).decode() == self._worker:
                self._removals += 1
                self.members.keep_all_again()
            return
        if said == _GOODBYE:
            self._forget(worker)
            if self._heard.pop(worker, None) is not None:
                self._bridge.post(partial(self._owner.on_workers_gone, [worker]))
            return
        self._heard[worker] = now
        if worker != self._worker:
            self._note_number(worker, said)
            return
        if self._state is not RoomsState.CONNECTED or now - self._own > _DEAF_AFTER * self._beat:
            # It may have been silent for so long that the others hold it for dead, and have removed its members. One
            # that is about to do so may end before it tells that.
            self._healthy_since = now
            self.members.keep_all_again()
            if self._state is not RoomsState.CONNECTING:
                asyncio.get_running_loop().call_later(self._lease, self.members.keep_all_again)
        self._own = now
        self._set_state(RoomsState.CONNECTED)

    def _note_number(self, worker: str, said: bytes) -> None:
        """Note what another worker says of the removals that it has heard of."""
        number = int(said.removeprefix(_HELLO))
        self._told[worker] = number
        if number > self._removed.get(worker, number):
            del self._removed[worker]

    def _forget(self, worker: str) -> None:
        self._told.pop(worker, None)
        self._removed.pop(worker, None)

    async def _pulse(self) -> None:
        while True:
            begun = monotonic()
            try:
                async with asyncio.timeout(self._lease):
                    await self._beat_once()
            except (BrokerError, TimeoutError) as exc:  # what comes of that is seen by what is not heard
                _logger.debug("a sign of life: %s", exc)
            except Exception:  # a broker that raises what it should not; without signs of life it counts as lost
                _logger.exception("a sign of life failed")
            self._look(monotonic())
            await asyncio.sleep(max(self._beat - (monotonic() - begun), self._beat / 4))

    async def _beat_once(self) -> None:
        await self.broker.publish(PULSE, self._worker.encode() + _HELLO + str(self._removals).encode())
        for worker in [worker for worker in self._removed if worker in self._heard]:
            await self.broker.publish(PULSE, self._worker.encode() + _REMOVED + worker.encode())
        if self._state is RoomsState.CONNECTED:
            for channel in list(self._maps)[:1]:  # all maps are stored together
                epoch = await self.broker.epoch(channel)
                self.members.on_epoch(epoch)
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
        """Remove the members of a worker that is gone; the next signs of life tell it, if it lives after all."""
        try:
            await self.broker.clear(channel, worker)
        finally:  # it may have been done even if there was no answer
            self._removed.pop(worker, None)
            self._removed[worker] = self._told.get(worker, 0)
            if len(self._removed) > _MOST_REMOVED:
                self._forget(next(iter(self._removed)))

    # Calls that are repeated.

    def want(self, channel: Channel) -> None:
        """Note that a channel is wanted."""
        self._wanted.add(channel)

    def drop(self, channel: Channel) -> None:
        """Note that a channel is wanted no longer."""
        self._wanted.discard(channel)
        self._bridge.call(partial(self._leave, channel), _ignore)

    async def _leave(self, channel: Channel) -> None:
        if channel not in self._wanted:  # or somebody joined meanwhile, and has subscribed already
            await self.broker.unsubscribe(channel)

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
            except Exception:  # a broker that raises what it should not
                _logger.exception("following %s failed", channel.name)
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)
        await self._leave(channel)  # that may have changed in the meantime
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
