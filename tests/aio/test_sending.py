"""When `send()` hands a message to the socket: at once, also while the program keeps the event loop from turning."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
import time
from typing import Any

import pytest

from pyws_browser.aio import ClientConnection, connect
from pyws_browser.aio.connection import Connection

from .parties import served


class Arrivals:
    """A server in a thread of its own, which notes when the bytes of each message came."""

    def __init__(self) -> None:
        self.url = ""
        self.messages: list[Any] = []
        self.has_come = threading.Condition()
        self._started = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()))
        self._thread.start()
        self._started.wait()

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._over = asyncio.Event()

        async def handler(connection: Any) -> None:
            async for message in connection:
                with self.has_come:
                    self.messages.append(message)
                    self.has_come.notify_all()

        async with served(handler) as self.url:
            self._started.set()
            await self._over.wait()

    def wait_for(self, count: int) -> bool:
        with self.has_come:
            return self.has_come.wait_for(lambda: len(self.messages) >= count, timeout=30)

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join()


@pytest.fixture
def arrivals() -> Any:
    arrivals = Arrivals()
    yield arrivals
    arrivals.close()


async def test_each_message_of_a_program_that_computes_arrives_before_the_next(arrivals: Arrivals) -> None:
    async with connect(arrivals.url) as connection:
        for number in range(20):
            await connection.send(str(number))
            assert arrivals.wait_for(number + 1)  # blocks the loop, as a computation does


async def test_a_burst_of_messages_arrives_while_the_loop_is_kept(arrivals: Arrivals) -> None:
    async with connect(arrivals.url) as connection:
        for number in range(20):
            await connection.send(str(number))
        assert arrivals.wait_for(20)


async def test_after_a_flood_and_a_pause_a_message_arrives_while_the_loop_is_kept(arrivals: Arrivals) -> None:
    async with connect(arrivals.url) as connection:
        for _ in range(500):
            await connection.send("flood")
        time.sleep(0.002)
        await connection.send("late")
        assert arrivals.wait_for(501)


async def test_a_flood_of_one_turn_takes_few_system_calls(arrivals: Arrivals, monkeypatch: pytest.MonkeyPatch) -> None:
    async with connect(arrivals.url) as connection:
        releases = 0
        release = connection._transport.release

        def counted() -> None:
            nonlocal releases
            releases += 1
            release()

        monkeypatch.setattr("pyws_browser.aio.sending._GATHER_TIME", 1000.0)
        monkeypatch.setattr(type(connection._transport), "release", lambda _: counted())
        for _ in range(2000):
            await connection.send("flood")
        await asyncio.sleep(0)
        assert releases <= 5
        assert arrivals.wait_for(2000)


EXITING = """
import asyncio, os, sys
from pyws_browser.aio import connect

async def main():
    connection = await connect(sys.argv[1])
    for number in range(5):
        await connection.send(str(number))
    os._exit(0)

asyncio.run(main())
"""


def test_what_was_sent_before_the_process_exits_at_once_arrives(arrivals: Arrivals) -> None:
    subprocess.run([sys.executable, "-c", EXITING, arrivals.url], check=True)
    assert arrivals.wait_for(5)
    assert arrivals.messages == ["0", "1", "2", "3", "4"]


async def test_the_recv_of_a_subclass_is_called_for_every_message() -> None:
    class Counting(ClientConnection):
        received = 0

        async def recv(self, *arguments: Any, **named: Any) -> Any:
            self.received += 1
            return await super().recv(*arguments, **named)

    async def handler(connection: Connection) -> None:
        for number in range(200):
            await connection.send(str(number))

    async with served(handler) as url, connect(url, create_connection=Counting) as connection:
        messages = [message async for message in connection]
    assert len(messages) == 200
    assert isinstance(connection, Counting)
    assert connection.received >= 200
