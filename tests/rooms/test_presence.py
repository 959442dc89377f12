"""Who is present, where answers of the broker are late, and what it sends is lost."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack

import pytest

from pyws_browser.aio import Connection, ServerConnection, connect, serve
from pyws_browser.rooms import Member, NatsBroker, Rooms, Topic
from pyws_browser.rooms.presence import Presence, Reading
from pyws_browser.rooms.vocabulary import Channel, Entry, Page

from .scripted import Exchange, ScriptedBroker

LIMIT = 60.0


class Worker:
    """A worker under asyncio, and what connects clients to it."""

    def __init__(self, exchange: Exchange, lease: float) -> None:
        self.broker: ScriptedBroker = exchange.broker()
        self.rooms = Rooms(self.broker, lease=lease)
        self.topic: Topic = self.rooms.topic("topic")
        self._arrived: asyncio.Queue[ServerConnection] = asyncio.Queue()
        self._url = ""

    async def start(self, stack: AsyncExitStack) -> None:
        server = await stack.enter_async_context(serve(self._handle, "127.0.0.1", 0))
        await stack.enter_async_context(self.rooms)
        await self.rooms.attach(server)
        self._url = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"

    async def _handle(self, websocket: ServerConnection) -> None:
        self._arrived.put_nowait(websocket)
        await websocket.wait_closed()

    async def join(self, stack: AsyncExitStack, name: str) -> Connection:
        connection = await stack.enter_async_context(connect(self._url))
        await self.topic.join(await self._arrived.get(), member={"name": name})
        return connection

    @property
    def names(self) -> list[str]:
        return sorted(member.data["name"] for member in self.topic.members)


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(LIMIT):
        while not condition():
            await asyncio.sleep(0.001)


Body = Callable[[list[Worker], Exchange, AsyncExitStack], Awaitable[None]]


def run(body: Body, *, workers: int = 2, lease: float = 10.0) -> None:
    async def main() -> None:
        exchange = Exchange()
        async with AsyncExitStack() as stack:
            started = [Worker(exchange, lease) for _ in range(workers)]
            for worker in started:
                await worker.start(stack)
            await body(started, exchange, stack)

    asyncio.run(main())


def begin_to_read(worker: Worker) -> Awaitable[object]:
    """Let a worker read who is present, and hold the answer back."""
    worker.broker.may_answer.clear()
    worker.broker.has_read.clear()
    worker.rooms.on_gap(None)
    return worker.broker.has_read.wait()


async def take_answer(worker: Worker) -> None:
    """Let the answer arrive."""
    worker.broker.may_answer.set()
    for _ in range(20):  # all is on one event loop, without input and output
        await asyncio.sleep(0)


def test_a_member_that_joins_while_the_broker_is_read_stays() -> None:
    async def body(workers: list[Worker], exchange: Exchange, stack: AsyncExitStack) -> None:
        first, second = workers
        left: list[Member] = []
        first.topic.member_left.connect(left.append)
        await first.join(stack, "ann")
        await begin_to_read(first)
        await second.join(stack, "bob")
        await until(lambda: first.names == ["ann", "bob"])
        await take_answer(first)
        assert first.names == ["ann", "bob"]
        assert left == []

    run(body)


def test_a_member_that_leaves_while_the_broker_is_read_is_gone() -> None:
    async def body(workers: list[Worker], exchange: Exchange, stack: AsyncExitStack) -> None:
        first, second = workers
        joined: list[Member] = []
        await first.join(stack, "ann")
        bob = await second.join(stack, "bob")
        await until(lambda: first.names == ["ann", "bob"])
        first.topic.member_joined.connect(joined.append)
        await begin_to_read(first)
        await bob.close()
        await until(lambda: first.names == ["ann"])
        await take_answer(first)
        assert first.names == ["ann"]
        assert joined == []

    run(body)


async def both_joined(workers: list[Worker], stack: AsyncExitStack) -> tuple[Worker, Worker]:
    """Return two workers with a member each, of whom both know."""
    first, second = workers
    await first.join(stack, "ann")
    await second.join(stack, "bob")
    await until(lambda: first.names == second.names == ["ann", "bob"])
    return first, second


def test_a_worker_that_was_taken_for_dead_stores_its_members_though_the_first_word_of_it_is_lost() -> None:
    async def body(workers: list[Worker], exchange: Exchange, stack: AsyncExitStack) -> None:
        first, second = await both_joined(workers, stack)
        stored = exchange.members["topic"]
        second.broker.lost_before.append(b"gone ")
        first.rooms.on_workers_gone([second.rooms.worker])
        await until(lambda: len(stored) == 1)
        await told_of(first, second, exchange)
        assert first.names == ["ann"]
        second.broker.lost_before.clear()
        await until(lambda: first.names == ["ann", "bob"] and len(stored) == 2)

    run(body, lease=0.5)


async def told_of(first: Worker, second: Worker, exchange: Exchange) -> None:
    """Wait until one worker has said that it removed the members of the other."""
    word = f"{first.rooms.worker}gone {second.rooms.worker}".encode()
    said = asyncio.Event()
    send = exchange.send

    def listen(channel: object, entry: Entry) -> None:
        send(channel, entry)  # type: ignore[arg-type]
        if entry.data == word:
            said.set()

    exchange.send = listen  # type: ignore[method-assign]
    async with asyncio.timeout(LIMIT):
        await said.wait()


def test_members_of_a_worker_that_ended_before_its_first_sign_of_life_leave_within_a_lease() -> None:
    async def body(workers: list[Worker], exchange: Exchange, stack: AsyncExitStack) -> None:
        (worker,) = workers
        await worker.join(stack, "ann")
        for number in range(1000):
            exchange.send(Channel("map", "topic"), Entry(b'{"name":"bob"}', key=f"01234567/{number}"))
        assert len(worker.topic.members) == 1001
        await until(lambda: worker.names == ["ann"])

    run(body, workers=1, lease=0.5)


def test_what_the_broker_stores_of_a_worker_wrongly_is_put_right_when_it_is_read() -> None:
    async def body(workers: list[Worker], exchange: Exchange, stack: AsyncExitStack) -> None:
        first, _ = await both_joined(workers, stack)
        stored = exchange.members["topic"]
        (own,) = [key for key in stored if key.startswith(first.rooms.worker)]
        data = stored.pop(own)
        ghost = f"{first.rooms.worker}/77"
        stored[ghost] = data
        first.rooms.on_gap(None)
        await until(lambda: own in stored and ghost not in stored)

    run(body)


@pytest.mark.parametrize("is_here", [True, False])
def test_a_call_that_is_carried_out_late_is_undone(is_here: bool) -> None:
    async def body(workers: list[Worker], exchange: Exchange, stack: AsyncExitStack) -> None:
        first, second = workers
        ann = await first.join(stack, "ann")
        await first.join(stack, "bob")
        await second.join(stack, "bob")
        await until(lambda: second.names == ["ann", "bob", "bob"])
        (member,) = [member for member in second.topic.members if member.data["name"] == "ann"]
        if not is_here:
            await ann.close()
            await until(lambda: second.names == ["bob", "bob"])
        late = b"" if is_here else b'{"name":"ann"}'
        await second.broker.keep(second.topic._map, late, "", member.id)
        await until(lambda: (member.id in exchange.members["topic"]) is is_here)
        await until(lambda: second.names == (["ann", "bob", "bob"] if is_here else ["bob", "bob"]))

    run(body)


def test_a_broker_that_raises_what_it_should_not_is_asked_again(caplog: pytest.LogCaptureFixture) -> None:
    async def body(workers: list[Worker], exchange: Exchange, stack: AsyncExitStack) -> None:
        (worker,) = workers
        worker.broker.failures += [RuntimeError("what a client library raises")] * 3
        await worker.join(stack, "ann")
        assert worker.topic.is_live
        worker.broker.failures.append(RuntimeError("what a client library raises"))
        await until(lambda: not worker.broker.failures)
        assert worker.rooms.link is not None
        heard = worker.rooms.link._own
        await until(lambda: worker.rooms.link is not None and worker.rooms.link._own > heard)

    with caplog.at_level(logging.ERROR, "pyws_browser.rooms"):
        run(body, workers=1, lease=0.5)
    assert "following topic failed" in caplog.text


def test_messages_that_a_broker_dropped_are_a_gap() -> None:
    async def body(workers: list[Worker], exchange: Exchange, stack: AsyncExitStack) -> None:
        from nats.errors import SlowConsumerError

        (worker,) = workers
        missed: list[object] = []
        worker.topic.missed.connect(lambda after, before: missed.append((after, before)))
        await worker.join(stack, "ann")
        broker = NatsBroker()
        assert worker.rooms.link is not None
        broker._listener = worker.rooms.link
        broker._subscriptions[Channel("plain", "topic")] = dropping = object()  # type: ignore[assignment]
        broker._on_error(SlowConsumerError("subject", "", 1, dropping))  # type: ignore[arg-type]
        assert missed == [(None, None)]

    run(body, workers=1)


def make() -> tuple[Presence, list[str]]:
    events: list[str] = []
    return Presence("me", lambda m: events.append(f"+{m.id}"), lambda m: events.append(f"-{m.id}")), events


def page(*keys: str, epoch: str = "e") -> Page:
    return Page(epoch, 0, 0, [Entry(b"{}", key=key) for key in keys])


def test_readings_of_who_is_present_do_not_overlap() -> None:
    presence, events = make()
    assert presence.begin_reading()
    assert not presence.begin_reading()
    assert presence.on_page(page("a/1")) == Reading(is_settled=True, again=True, amiss=[])
    assert presence.begin_reading()
    assert presence.on_page(page("a/1", "a/2")) == Reading(is_settled=True, again=False, amiss=[])
    assert events == ["+a/1", "+a/2"]


@pytest.mark.parametrize(
    ("happen", "read", "expected"),
    [
        pytest.param([b"{}"], [], ["+a/1"], id="joined after it was read"),
        pytest.param([b"{}"], ["a/1"], ["+a/1"], id="joined before it was read"),
        pytest.param([b"{}", b""], ["a/1"], ["+a/1", "-a/1"], id="left after it was read"),
        pytest.param([b"{}", b"", b"{}"], [], ["+a/1", "-a/1", "+a/1"], id="came back"),
        pytest.param([], ["a/1"], ["+a/1"], id="only in what was read"),
    ],
)
def test_what_the_broker_sends_stands_above_what_was_read(
    happen: list[bytes], read: list[str], expected: list[str]
) -> None:
    presence, events = make()
    presence.begin_reading()
    presence.on_page(page())
    presence.begin_reading()
    for data in happen:
        presence.on_entry(Entry(data, key="a/1"))
    presence.on_page(page(*read))
    assert events == expected


def test_a_worker_that_goes_while_the_broker_is_read_does_not_come_back_with_the_answer() -> None:
    presence, events = make()
    presence.begin_reading()
    presence.on_page(page("a/1", "b/1"))
    presence.begin_reading()
    presence.remove_worker("a")
    presence.on_page(page("a/1", "b/1"))
    assert events == ["+a/1", "+b/1", "-a/1"]


def test_at_the_beginning_of_an_epoch_nobody_has_left_until_it_is_read_again() -> None:
    presence, events = make()
    presence.begin_reading()
    presence.on_page(page("a/1", "b/1"))
    presence.begin_reading()
    assert not presence.on_page(page("a/1", epoch="f")).is_settled
    presence.begin_reading()
    assert presence.on_page(page("a/1", epoch="f")).is_settled
    assert events == ["+a/1", "+b/1", "-b/1"]
