"""Rooms beside `server.broadcast()`, and over brokers beside the bare client: `./build.sh bench-rooms`.

CPU seconds count for what one process does, for they depend least on what else the machine does; the least of several
rounds is shown. Latencies are medians, and only their ratios within one run mean something.
"""

from __future__ import annotations

import asyncio
import shutil
import socket
import sys
import tempfile
import time
import tracemalloc
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from pyws_browser import WebSocketServer
from pyws_browser.aio import connect, serve
from pyws_browser.rooms import History, NatsBroker, Rooms
from tests.rooms.engines import Nats

if TYPE_CHECKING:
    from collections.abc import Callable

REQUEST = (
    b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
MESSAGE = b"x" * 256
LONG = History(messages=100_000, seconds=3600)


class Crowd:
    """A polled server, and clients that read what comes and nothing else."""

    def __init__(self, count: int) -> None:
        self.server = WebSocketServer()
        self.server.bind_ip = "127.0.0.1"
        self.server.compression = None
        self.server.listen(0)
        self._sockets: list[socket.socket] = []
        for _ in range(count):
            sock = socket.create_connection(("127.0.0.1", self.server.port))
            sock.sendall(REQUEST)
            sock.setblocking(False)
            self._sockets.append(sock)
            self.server.poll()
        while len(self.server.peer_ids) < count:
            self.server.poll()
        self.drain()

    def drain(self) -> None:
        for sock in self._sockets:
            try:
                while len(sock.recv(1 << 20)) == 1 << 20:
                    pass
            except BlockingIOError:
                continue

    def close(self) -> None:
        self.server.stop()
        for sock in self._sockets:
            sock.close()


def least(action: Callable[[], object], after: Callable[[], object], rounds: int) -> float:
    """Return the CPU seconds that an action takes at least."""
    taken = []
    for _ in range(rounds):
        begun = time.process_time()
        action()
        taken.append(time.process_time() - begun)
        after()
    return min(taken)


def fan_out(count: int) -> None:
    crowd = Crowd(count)
    rooms = Rooms()
    rooms.attach(crowd.server)
    topic = rooms.topic("topic")
    for id_ in crowd.server.peer_ids:
        topic.join(crowd.server.get_peer(id_))
    for burst in (1, 10, 50):
        costs = []
        for send in (crowd.server.broadcast, topic.publish):

            def action(send: Callable[[bytes], object] = send) -> None:
                for _ in range(burst):  # noqa: B023
                    send(MESSAGE)
                crowd.server.poll()

            costs.append(least(action, crowd.drain, 30) / burst / count * 1e6)
        print(f"fan-out to {count}, bursts of {burst}: broadcast {costs[0]:.2f}, rooms {costs[1]:.2f} µs a delivery")
    crowd.close()


def joining(count: int) -> None:
    crowd = Crowd(count)
    rooms = Rooms()
    rooms.attach(crowd.server)
    peers = [crowd.server.get_peer(id_) for id_ in crowd.server.peer_ids]
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    topic = rooms.topic("topic")
    for peer in peers:
        topic.join(peer)
    members = tracemalloc.get_traced_memory()[0] - before
    topics = [rooms.topic(f"topic {number}") for number in range(1000)]
    before = tracemalloc.get_traced_memory()[0]
    for other in topics:
        other.join(peers[0])
    one_topic = (tracemalloc.get_traced_memory()[0] - before) / 1000
    tracemalloc.stop()
    print(f"memory: {members / count:.0f} bytes a member, {one_topic:.0f} bytes more for a topic that is joined")
    for peer in peers:
        topic.leave(peer)

    def action() -> None:
        for peer in peers:
            topic.join(peer)
        for peer in peers:
            topic.leave(peer)

    print(f"joining and leaving: {count / least(action, crowd.drain, 20):,.0f} a second")
    crowd.close()


async def timed(publish: Callable[[], Any], arrived: asyncio.Event, count: int = 300) -> float:
    taken = []
    for _ in range(count):
        arrived.clear()
        begun = time.perf_counter()
        outcome = publish()
        if asyncio.iscoroutine(outcome):
            await outcome
        await arrived.wait()
        taken.append(time.perf_counter() - begun)
    return median(taken) * 1e6


async def over_nats(url: str) -> None:
    import nats
    from nats.js.api import RePublish, StreamConfig

    sender, receiver = await nats.connect(url), await nats.connect(url)
    arrived = asyncio.Event()

    async def take(message: object) -> None:
        arrived.set()

    await sender.jetstream().add_stream(
        StreamConfig(name="bare", subjects=["bare.>"], republish=RePublish(src="bare.>", dest="live.>"))
    )
    for subject in ("plain", "live.x"):
        await receiver.subscribe(subject, cb=take)
    await receiver.flush()
    js = sender.jetstream()
    bare = {
        "plain": await timed(lambda: sender.publish("plain", MESSAGE), arrived),
        "history": await timed(lambda: js.publish("bare.x", MESSAGE), arrived),
    }
    connections: asyncio.Queue[Any] = asyncio.Queue()

    async def handler(websocket: Any) -> None:
        connections.put_nowait(websocket)
        await websocket.wait_closed()

    first, second = Rooms(NatsBroker(url)), Rooms(NatsBroker(url))
    async with first, second, serve(handler, "127.0.0.1", 0, compression=None) as server:
        await first.attach(server)
        await second.attach(server)
        port = server.sockets[0].getsockname()[1]
        async with connect(f"ws://127.0.0.1:{port}", compression=None) as client:
            websocket = await connections.get()

            async def read() -> None:
                async for _ in client:
                    arrived.set()

            reading = asyncio.ensure_future(read())
            for name, history in (("plain", None), ("history", LONG)):
                near, far = (rooms.topic(name, history=history) for rooms in (first, second))
                await near.join(websocket)
                for workers, topic in (("one worker", near), ("two workers", far)):
                    taken = await timed(lambda topic=topic: topic.publish(MESSAGE), arrived)
                    print(
                        f"publish to receive by a client, {name}, {workers}: {taken:.0f} µs, bare client without "
                        f"WebSocket {bare[name]:.0f} µs: {taken / bare[name]:.1f} times"
                    )
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)
    await sender.close()
    await receiver.close()


def main() -> int:
    fan_out(200)
    joining(500)
    if shutil.which("nats-server") is None:
        print("nats-server is not installed: nothing is measured over it")
        return 0
    with tempfile.TemporaryDirectory() as folder:
        engine = Nats(Path(folder))
        engine.start()
        try:
            asyncio.run(over_nats(engine.url))
        finally:
            engine.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
