"""broadcast() to many of whom some take in nothing: all others are served, and what waits is bounded."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest

from pyws_browser import InvalidOptionError, MemoryNetwork
from pyws_browser.aio import ConnectionClosedError, ServerConnection, broadcast, connect, serve
from pyws_browser.aio.broadcasting import BACKLOG
from pyws_browser.aio.client import ClientConnection

from .parties import url_of

SIZE = 256 * 1024
LIMIT = 1024 * 1024


class Party:
    """A server with one client that fetches everything, and others that fetch nothing until they are told to."""

    def __init__(self, bystander: ClientConnection, slow: list[ClientConnection], served: dict[str, Any]) -> None:
        self.bystander = bystander
        self.slow = slow
        self.to_bystander: ServerConnection = served["bystander"]
        self.to_slow: list[ServerConnection] = [served[f"slow{i}"] for i in range(len(slow))]

    async def send(self, messages: list[str], **how: Any) -> None:
        """Broadcast, and see that the bystander gets each of them."""
        for message in messages:
            broadcast([*self.to_slow, self.to_bystander], message, **how)
            assert await self.bystander.recv() == message

    def waiting(self, number: int = 0) -> int:
        return self.to_slow[number]._transport.buffered_amount


@asynccontextmanager
async def party(slow: int = 1) -> AsyncIterator[Party]:
    served: dict[str, ServerConnection] = {}

    async def handler(connection: ServerConnection) -> None:
        assert connection.request is not None
        served[connection.request.path[1:]] = connection
        await connection.wait_closed()

    async with serve(handler, "127.0.0.1", 0, compression=None, close_timeout=30, ping_interval=None) as server:
        clients: list[ClientConnection] = []
        try:
            for path in ("/bystander", *(f"/slow{i}" for i in range(slow))):
                url = url_of(server, path)
                clients.append(await connect(url, max_queue=1, max_size=None, ping_interval=None, compression=None))
            while len(served) < len(clients):
                await asyncio.sleep(0.001)
            yield Party(clients[0], clients[1:], served)
        finally:
            for client in clients:
                client.transport.abort()


def lines(count: int, size: int = SIZE) -> list[str]:
    return [f"{i:08}".ljust(size, ".") for i in range(count)]


async def fetch_all(client: ClientConnection) -> tuple[list[str], ConnectionClosedError]:
    received: list[Any] = []
    while True:
        try:
            received.append(await client.recv())
        except ConnectionClosedError as exc:
            return received, exc


async def until(condition: Callable[[], object]) -> None:
    while not condition():
        await asyncio.sleep(0.001)


@asynccontextmanager
async def fetching(client: ClientConnection) -> AsyncIterator[list[Any]]:
    """Have a client fetch what comes, for as long as the block is entered."""
    received: list[Any] = []

    async def fetch() -> None:
        async for message in client:
            received.append(message)

    task = asyncio.create_task(fetch())
    yield received
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


async def test_a_slow_one_is_closed_with_1013_and_gets_what_waited() -> None:
    async with party() as guests:
        messages = lines(100)
        await guests.send(messages, limit=LIMIT)
        received, error = await fetch_all(guests.slow[0])
        assert received == messages[: len(received)]
        assert 0 < len(received) < len(messages)
        assert error.rcvd is not None
        assert (error.rcvd.code, error.rcvd.reason) == (1013, "too slow: too much waits to be taken in")
        await guests.send(["and on"], limit=LIMIT)


@pytest.mark.parametrize("slow", ["close", "drop", "latest"])
async def test_what_waits_for_a_slow_one_is_bounded(slow: str) -> None:
    async with party() as guests:
        most = 0
        for message in lines(100):
            await guests.send([message], slow=slow, limit=LIMIT)
            most = max(most, guests.waiting())
        assert LIMIT < most <= LIMIT + SIZE


async def test_by_default_three_that_read_nothing_take_no_more_than_16_mib_each() -> None:
    async with party(slow=3) as guests:
        most = [0, 0, 0]  # of each, for they reach it at different times
        for message in lines(50, 1024 * 1024):
            await guests.send([message])
            most = [max(most[number], guests.waiting(number)) for number in range(3)]
        assert [BACKLOG < each <= BACKLOG + 1024 * 1024 for each in most] == [True] * 3, most
        assert [connection.state.name for connection in guests.to_slow] == ["CLOSING"] * 3


async def test_many_tiny_messages_are_counted_with_the_memory_that_they_take() -> None:
    async with party() as guests:
        filler = lines(60)
        await guests.send(filler, slow="drop", limit=len(filler) * SIZE)  # more than the kernel takes
        before = guests.waiting()
        assert before > 0
        sent = 0
        while guests.to_slow[0]._slow is None:
            broadcast(guests.to_slow, b"", slow="drop", limit=before + 128_000)
            sent += 1
        assert 900 < sent <= (before + 128_000) // 128 + 1


async def test_it_is_told_how_much_a_slow_one_missed_once_there_is_room_again() -> None:
    async with party() as guests:
        missed: list[tuple[Any, int, int]] = []
        messages = lines(100)
        how: dict[str, Any] = {"slow": "drop", "limit": LIMIT, "on_missed": lambda *told: missed.append(told)}
        await guests.send(messages, **how)
        async with fetching(guests.slow[0]) as received:
            await until(lambda: guests.to_slow[0]._slow is None)
            await guests.send(["the end"], **how)
            await until(lambda: received[-1:] == ["the end"])
        count = sum(messages for _, messages, _ in missed)
        assert count > 0
        assert len(received) == len(messages) - count + 1
        assert received == sorted(received)
        assert [(connection, size) for connection, _, size in missed] == [
            (guests.to_slow[0], messages * SIZE) for _, messages, _ in missed
        ]


async def test_the_latest_of_each_key_comes_once_there_is_room_again() -> None:
    async with party() as guests:
        messages = lines(100)
        for number, message in enumerate(messages):
            await guests.send([message], slow="latest", key=number % 3, limit=LIMIT)
        received = []
        while len(received) < 3 or received[-1] != messages[-1]:
            received.append(await guests.slow[0].recv())
        assert received[-3:] == messages[-3:]
        assert received == sorted(received)
        assert len(received) < len(messages)


async def test_a_slow_one_is_closed_where_not_even_the_latest_of_each_key_find_room() -> None:
    async with party() as guests:
        for number, message in enumerate(lines(100)):
            await guests.send([message], slow="latest", key=number, limit=LIMIT)
        _, error = await fetch_all(guests.slow[0])
        assert error.rcvd is not None
        assert error.rcvd.code == 1013


async def test_one_message_may_be_larger_than_the_limit() -> None:
    async with party() as guests:
        await guests.send(["x" * 5 * LIMIT, "and on"], limit=1)
        assert len(await guests.slow[0].recv()) == 5 * LIMIT
        assert guests.to_bystander.state.name == "OPEN"


async def test_messages_that_are_gathered_in_one_turn_make_nobody_slow() -> None:
    async with party() as guests:
        messages = lines(100, 100)
        for message in messages:
            broadcast(guests.to_slow, message, limit=1)
        assert [await guests.slow[0].recv() for _ in messages] == messages


async def test_where_no_event_tells_that_there_is_room_it_is_looked_for() -> None:
    """As in a page."""
    network = MemoryNetwork()
    listener = network.listen("ws://game.example/")
    connecting = asyncio.ensure_future(connect("ws://game.example/", connector=network.connect).__aenter__())
    while (other := listener.accept()) is None:
        await asyncio.sleep(0.001)
    connection = await connecting
    missed: list[tuple[int, int]] = []
    for _ in range(10):
        broadcast([connection], b"x" * 1000, slow="drop", limit=5_000, on_missed=lambda _, *much: missed.append(much))
    await asyncio.sleep(0.2)
    assert missed == []
    other.poll()
    await until(lambda: missed)
    count = other.get_available_packet_count()
    assert 1 < count < 10
    assert missed == [(10 - count, (10 - count) * 1000)]
    other.close()
    await connection.wait_closed()


async def test_what_is_told_of_missed_messages_may_fail(caplog: pytest.LogCaptureFixture) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("the program's own")

    async with party() as guests:
        await guests.send(lines(100), slow="drop", limit=LIMIT, on_missed=fail)
        async with fetching(guests.slow[0]):
            await until(lambda: guests.to_slow[0]._slow is None)
            await guests.send(["and on"])
    assert "the program's own" in caplog.text


@pytest.mark.parametrize("wrong", [{"slow": "wait"}, {"limit": 0}, {"limit": "1"}, {"limit": 1.5}])
async def test_a_wrong_option_is_refused_before_anything_is_sent(wrong: Any) -> None:
    async with party() as guests:
        with pytest.raises(InvalidOptionError):
            broadcast([guests.to_bystander], "wrong", **wrong)
        await guests.send(["right"])
