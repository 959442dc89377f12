"""A broker in memory, for workers on one event loop, whose answers a test holds back and whose messages it loses."""

from __future__ import annotations

import asyncio
from secrets import token_hex

from pyws_browser.rooms.broker import Listener
from pyws_browser.rooms.vocabulary import Channel, Entry, Page, Position


class Exchange:
    """What the brokers of all workers share. Only plain topics and members: nobody needs more of it."""

    def __init__(self) -> None:
        self.members: dict[str, dict[str, bytes]] = {}
        self.epoch = token_hex(4)
        self.brokers: list[ScriptedBroker] = []

    def broker(self) -> ScriptedBroker:
        return ScriptedBroker(self)

    def send(self, channel: Channel, entry: Entry) -> None:
        for broker in self.brokers:
            broker.take(channel, entry)


class ScriptedBroker:
    """The connection of one worker.

    While `may_answer` is not set, what was read stays on its way; `has_read` says that something is. What `is_lost`
    accepts does not arrive.
    """

    max_size = 1 << 20

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._listener: Listener | None = None
        self._subscribed: set[tuple[str, str]] = set()
        self.reads = 0
        self.may_answer = asyncio.Event()
        self.may_answer.set()
        self.has_read = asyncio.Event()
        self.lost_before: list[bytes] = []
        """The beginnings of messages that do not arrive here, behind the worker that sent them."""
        self.failures: list[Exception] = []
        """What the next calls of `read()` and `epoch()` raise."""

    async def start(self, name: str, listener: Listener) -> None:
        self._listener = listener
        self._exchange.brokers.append(self)

    async def stop(self) -> None:
        if self in self._exchange.brokers:
            self._exchange.brokers.remove(self)

    def reset(self) -> None:
        return

    def take(self, channel: Channel, entry: Entry) -> None:
        is_lost = any(entry.data[8:].startswith(beginning) for beginning in self.lost_before)
        if (channel.kind, channel.name) in self._subscribed and not is_lost:
            assert self._listener is not None
            self._listener.on_message(channel, entry)

    async def publish(self, channel: Channel, data: bytes) -> None:
        self._exchange.send(channel, Entry(data))

    async def keep(self, channel: Channel, data: bytes, id_: str = "", key: str = "") -> Position:
        members = self._exchange.members.setdefault(channel.name, {})
        if data:
            members[key] = data
        else:
            members.pop(key, None)
        self._exchange.send(channel, Entry(data, key=key))
        return Position(self._exchange.epoch, 0)

    async def clear(self, channel: Channel, prefix: str) -> None:
        members = self._exchange.members.get(channel.name, {})
        for key in [key for key in members if key.startswith(prefix + "/")]:
            del members[key]

    async def subscribe(self, channel: Channel) -> None:
        self._subscribed.add((channel.kind, channel.name))

    async def unsubscribe(self, channel: Channel) -> None:
        self._subscribed.discard((channel.kind, channel.name))

    async def read(self, channel: Channel, after: Position | None) -> Page:
        if self.failures:
            raise self.failures.pop()
        members = self._exchange.members.get(channel.name, {})
        page = Page(self._exchange.epoch, 0, 0, [Entry(data, key=key) for key, data in members.items()])
        self.reads += 1
        self.has_read.set()
        await self.may_answer.wait()
        return page

    async def epoch(self, channel: Channel) -> str:
        if self.failures:
            raise self.failures.pop()
        return self._exchange.epoch
