"""Chaos: workers, clients and a publisher, to whom accidents happen; then it is checked what each client got.

What happens is decided by a seed. The promises are those of docs/rooms.md: nothing is missing untold, nothing comes
twice within an epoch, all is in order, and everybody knows who is present.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path

import pyws_browser
from pyws_browser.aio import Connection, ConnectionClosed, connect
from pyws_browser.rooms import Position
from pyws_browser.rooms.ending import end_tasks

from ..rooms.engines import Engine, free_port
from ..rooms.kinds import Kind
from .checks import Seen
from .proxy import Proxy

LEASE = 3.0
WORKERS = 3
CLIENTS = 6
LIMIT = 60.0
LEAST = 30
"""Messages that a run has at least, or it proves nothing."""


class Worker:
    """A worker in a process of its own, which reaches the broker through a proxy."""

    def __init__(self, kind: Kind, engine: Engine) -> None:
        self._kind = kind
        self.port = free_port()
        self.proxy = Proxy(engine.port)
        self._process: asyncio.subprocess.Process | None = None
        self._url = ""

    async def start(self) -> None:
        if not self._url:
            self._url = self._kind.url_of(await self.proxy.start())
        home = Path(pyws_browser.__file__).parents[1]
        for _ in range(5):
            self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "tests.chaos.worker", str(self.port), self._url, str(LEASE)),
                cwd=Path(__file__).parents[2],
                env={**os.environ, "PYTHONPATH": str(home)},
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
            )
            assert self._process.stdout is not None
            if await self._process.stdout.readline():  # or the broker is away, and it ended
                return
            await self._process.wait()
            await asyncio.sleep(1)
        raise AssertionError("a worker does not start")

    def signal(self, number: int) -> None:
        assert self._process is not None
        with suppress(ProcessLookupError):
            self._process.send_signal(number)

    async def kill(self) -> None:
        assert self._process is not None
        self.signal(signal.SIGKILL)
        await self._process.wait()

    async def close(self) -> None:
        if self._process is not None and self._process.returncode is None:
            await self.kill()
        await self.proxy.close()


class Client:
    """Joins the topic at some worker, and at another one when it is closed."""

    def __init__(self, number: int, workers: list[Worker], dice: random.Random) -> None:
        self.seen = Seen(f"client {number}")
        self._workers = workers
        self._dice = dice
        self.is_joined = False
        self.worker: Worker | None = None
        self._connection: Connection | None = None
        self._closing: asyncio.Future[None] | None = None

    async def run(self) -> None:
        while True:
            self.worker = worker = self._dice.choice(self._workers)
            since = f"&since={self.seen.last}" if self.seen.last is not None and self.seen.last.offset else ""
            url = f"ws://127.0.0.1:{worker.port}/sub?name={self.seen.name.replace(' ', '_')}{since}"
            with suppress(OSError, ConnectionClosed, TimeoutError, asyncio.TimeoutError, pyws_browser.WebSocketError):
                async with connect(url, open_timeout=2, ping_interval=1, ping_timeout=2, close_timeout=1) as connection:
                    self._connection = connection
                    async for message in connection:
                        self.seen.take(str(message))
                        self.is_joined = True
            self.is_joined = False
            await asyncio.sleep(0.05)

    def move(self) -> None:
        if self._connection is not None:
            self._closing = asyncio.ensure_future(self._connection.close())


class Publisher:
    """Publishes numbers, each until it is acknowledged, at any worker."""

    def __init__(self, workers: list[Worker], dice: random.Random) -> None:
        self.stored: dict[Position, str] = {}
        self._workers = workers
        self._dice = dice
        self._count = 0

    async def run(self) -> None:
        pending: str | None = None
        while True:
            worker = self._dice.choice(self._workers)
            with suppress(OSError, ConnectionClosed, TimeoutError, asyncio.TimeoutError, pyws_browser.WebSocketError):
                async with connect(
                    f"ws://127.0.0.1:{worker.port}/pub", open_timeout=2, close_timeout=0.2
                ) as connection:
                    for _ in range(self._dice.randint(5, 50)):
                        if pending is None:
                            self._count += 1
                            pending = str(self._count)
                        await connection.send(json.dumps([pending, f"text {pending}"]))
                        async with asyncio.timeout(3):
                            _, position = json.loads(await connection.recv())
                        if position is not None:
                            self.stored[Position.parse(position)] = f"text {pending}"
                            pending = None
                        await asyncio.sleep(0.005)
            await asyncio.sleep(0.02)


class Run:
    """One seed."""

    def __init__(self, kind: Kind, engine: Engine, seed: int, events: int) -> None:
        self._kind = kind
        self._engine = engine
        self._dice = random.Random(seed)
        self._events = events
        self._workers = [Worker(kind, engine) for _ in range(WORKERS)]
        self._clients = [Client(number, self._workers, random.Random(seed * 100 + number)) for number in range(CLIENTS)]
        self._publisher = Publisher(self._workers, random.Random(seed * 100 + 99))
        self.log: list[str] = []

    async def run(self) -> list[str]:
        """Return what went wrong."""
        await asyncio.gather(*(worker.start() for worker in self._workers))
        tasks = [asyncio.ensure_future(one.run()) for one in (*self._clients, self._publisher)]
        try:
            await self._settle()
            accidents = self._accidents()
            for _ in range(self._events):
                name = self._dice.choice(sorted(accidents))
                self.log.append(name)
                await accidents[name]()
                await self._settle()
            await self._settle(LEAST)
        finally:
            await end_tasks(*tasks)
            await asyncio.gather(*(worker.close() for worker in self._workers))
        stored = self._publisher.stored
        problems = [problem for client in self._clients for problem in client.seen.check(stored)]
        if len(stored) < LEAST:
            problems.append(f"only {len(stored)} messages were stored, which proves nothing")
        return problems

    def _accidents(self) -> dict[str, Callable[[], Awaitable[None]]]:
        return {
            "a worker is killed": self._kill_worker,
            "a worker stands still": self._stop_worker,
            "the broker is killed": self._kill_broker,
            "the broker stands still": self._stop_broker,
            "a worker is cut off": self._cut_off,
            "a worker's connection is cut": self._cut,
            "the broker forgets all": self._forget,
            "clients move": self._move,
        }

    async def _pause(self, most: float) -> None:
        await asyncio.sleep(self._dice.uniform(0.1, most))

    async def _kill_worker(self) -> None:
        worker = self._dice.choice(self._workers)
        await worker.kill()
        await self._pause(1)
        await worker.start()

    async def _stop_worker(self) -> None:
        """Stand still, for longer than the lease at times: it is lost while the worker lives."""
        worker = self._dice.choice(self._workers)
        worker.signal(signal.SIGSTOP)
        await self._pause(2 * LEASE)
        worker.signal(signal.SIGCONT)

    async def _kill_broker(self) -> None:
        self._engine.kill()
        await self._pause(2)
        await asyncio.to_thread(self._engine.start)

    async def _stop_broker(self) -> None:
        self._engine.signal(signal.SIGSTOP)
        await self._pause(2 * LEASE)
        self._engine.signal(signal.SIGCONT)

    async def _cut_off(self) -> None:
        worker = self._dice.choice(self._workers)
        worker.proxy.hang()
        await self._pause(2 * LEASE)
        worker.proxy.go_on()

    async def _cut(self) -> None:
        self._dice.choice(self._workers).proxy.cut()
        await self._pause(0.2)

    async def _forget(self) -> None:
        await asyncio.to_thread(self._kind.forget, self._engine.url)

    async def _move(self) -> None:
        for client in self._clients:
            if self._dice.random() < 0.5:
                client.move()
        await self._pause(0.2)

    async def _settle(self, least: int = 0) -> None:
        """Wait until all clients have all messages again, `least` at least, and all workers know who is present."""
        end = time.monotonic() + LIMIT
        wanted = max(len(self._publisher.stored) + 10, least)
        while len(self._publisher.stored) < wanted or not await self._is_settled():
            if time.monotonic() > end:
                raise AssertionError(f"it does not settle after {self.log}: {await self._presence()}")
            await asyncio.sleep(0.05)

    async def _is_settled(self) -> bool:
        if not all(client.is_joined for client in self._clients):
            return False
        newest = list(self._publisher.stored)[-1]
        for client in self._clients:
            last = client.seen.last
            if last is None or last.epoch != newest.epoch or last.offset < newest.offset - 50:
                return False
        names = sorted(client.seen.name.replace(" ", "_") for client in self._clients)
        there = {client.worker for client in self._clients}  # a worker without clients follows nothing
        known = zip(self._workers, await self._presence(), strict=True)
        return all(present == names for worker, present in known if worker in there)

    async def _presence(self) -> list[list[str]]:
        """Return who is present according to each worker."""
        found: list[list[str]] = []
        for worker in self._workers:
            try:
                async with connect(f"ws://127.0.0.1:{worker.port}/who", open_timeout=2, close_timeout=1) as connection:
                    async with asyncio.timeout(2):
                        found.append(json.loads(await connection.recv()))
            except (OSError, ConnectionClosed, TimeoutError, pyws_browser.WebSocketError):
                found.append([])
        return found
