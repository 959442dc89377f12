"""A flood takes no more than its share of the event loop's time, whatever the program does with a message."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from pyws_browser import aio
from pyws_browser.aio import turns
from pyws_browser.aio.turns import LONGEST_ROW, TURN_TIME

from ..support import Clock
from .parties import url_of

COUNT = 6000
WORK = 0.0001


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock that the turns of the event loop go by."""
    clock = Clock()
    monkeypatch.setattr(turns, "monotonic", clock)
    return clock


async def iterate(connection: Any, take: Callable[[Any], None]) -> None:
    async for message in connection:
        take(message)


async def receive(connection: Any, take: Callable[[Any], None]) -> None:
    while True:
        take(await connection.recv())


async def stream(connection: Any, take: Callable[[Any], None]) -> None:
    while True:
        take(b"".join([fragment async for fragment in connection.recv_streaming()]))


class Meter:
    """Takes messages and counts the longest row of them without a turn for others."""

    def __init__(self, clock: Clock, work: float = WORK) -> None:
        self.count = self.longest = 0
        self.is_over = asyncio.Event()
        self._clock = clock
        self._work = work
        self._row = 0

    def take(self, message: Any) -> None:
        self._clock.now += self._work
        self.count += 1
        self._row += 1
        self.longest = max(self.longest, self._row)
        if self.count == COUNT:
            self.is_over.set()

    async def tick(self) -> None:
        while not self.is_over.is_set():
            self._row = 0
            await asyncio.sleep(0)


async def give(connection: Any, size: int) -> None:
    for _ in range(COUNT):
        await connection.send(bytes(size))


@asynccontextmanager
async def flooded(kind: str, size: int) -> AsyncIterator[Any]:
    """Give a connection of ours to which COUNT messages were sent; the other side is ours as well."""
    ready: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    over = asyncio.Event()

    async def handler(connection: Any) -> None:
        ready.set_result(connection)
        await over.wait()

    async with (
        aio.serve(handler, "127.0.0.1", 0, compression=None) as server,
        aio.connect(url_of(server), compression=None) as client,
    ):
        sides = [client, await ready]
        taker, giver = sides if kind == "client" else reversed(sides)
        giving = asyncio.create_task(give(giver, size))
        try:
            yield taker
        finally:
            giving.cancel()
            over.set()


@pytest.mark.parametrize("kind", ["client", "server"])
@pytest.mark.parametrize("size", [0, 8, 1000])
@pytest.mark.parametrize("take", [iterate, receive, stream])
async def test_work_between_messages_counts_so_that_other_tasks_have_their_turn(
    kind: str, size: int, take: Any, clock: Clock
) -> None:
    async with flooded(kind, size) as connection:
        meter = Meter(clock)
        taking = asyncio.create_task(take(connection, meter.take))
        ticking = asyncio.create_task(meter.tick())
        await meter.is_over.wait()
        await ticking
        taking.cancel()
        assert meter.longest <= TURN_TIME / WORK + LONGEST_ROW


async def test_a_row_becomes_short_where_a_message_takes_long(clock: Clock) -> None:
    async with flooded("server", 8) as connection:
        meter = Meter(clock, work=1.0)
        taking = asyncio.create_task(iterate(connection, meter.take))
        ticking = asyncio.create_task(meter.tick())
        await meter.is_over.wait()
        await ticking
        taking.cancel()
        assert meter.longest <= 4


async def test_those_in_a_flood_share_the_turns_evenly(clock: Clock) -> None:
    over = asyncio.Event()
    counts: list[int] = []

    async def handler(connection: Any) -> None:
        number = len(counts)
        counts.append(0)
        async for _ in connection:
            clock.now += WORK
            counts[number] += 1
            if sum(counts) == COUNT:
                over.set()
                return

    clients = 10
    async with aio.serve(handler, "127.0.0.1", 0, compression=None) as server:
        connections = [await aio.connect(url_of(server), compression=None) for _ in range(clients)]
        giving = [asyncio.create_task(give(connection, 8)) for connection in connections]
        await over.wait()
        for task in giving:
            task.cancel()
        assert min(counts) > COUNT / clients / 2
        for connection in connections:
            connection.transport.abort()


async def test_a_turn_calls_those_first_who_had_to_wait(clock: Clock) -> None:
    served: list[str] = []

    def serve(name: str, seconds: float) -> Callable[[], None]:
        def take_time() -> None:
            clock.now += seconds
            served.append(name)

        return take_time

    ours = turns.turns_of(asyncio.get_running_loop())
    assert not ours.is_over(clock())
    ours.queue(serve("a", TURN_TIME))
    ours.queue(serve("b", TURN_TIME))
    await asyncio.sleep(0)
    assert served == ["a"]
    ours.queue(serve("a again", TURN_TIME))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert served == ["a", "b", "a again"]
    await asyncio.sleep(0)
    assert not ours.is_under_way


async def test_a_task_that_is_cancelled_while_others_have_their_turn_loses_nothing(clock: Clock) -> None:
    async with flooded("server", 8) as connection:
        count = 0
        while count < COUNT:
            receiving = asyncio.create_task(connection.recv())
            await asyncio.sleep(0)
            clock.now += 1.0
            if receiving.cancel():
                with pytest.raises(asyncio.CancelledError):
                    await receiving
                assert await connection.recv() == bytes(8)
            else:
                assert receiving.result() == bytes(8)
            count += 1
        connection.transport.abort()
