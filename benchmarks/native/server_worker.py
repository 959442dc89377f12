"""The process of one server, which echoes. It can be asked for its memory, for one poll, and for a broadcast.

With PYTHONTRACEMALLOC set, memory is what Python's allocators gave; without, what is resident.
"""

from __future__ import annotations

import asyncio
import gc
import importlib
import os
import sys
import time
import tracemalloc
from contextlib import suppress
from queue import Empty, SimpleQueue
from threading import Thread
from typing import TYPE_CHECKING, Any

from .contestants import UVLOOP
from .descriptors import raise_limit
from .processes import questions, reply
from .processors import place_contestant
from .worker import loop_factory, version_of

if TYPE_CHECKING:
    from collections.abc import Callable


def main() -> None:
    """Run as: SERVER LOOP; LOOP may be empty."""
    server, loop = sys.argv[1:]
    place_contestant()
    room = raise_limit()
    if server == "ours":
        Ours(room).run()
    else:
        kind = {"websockets": Websockets, "ours.aio": Aio, "picows": Picows}[server]
        with asyncio.Runner(loop_factory=loop_factory(loop if loop == UVLOOP else "")) as runner:
            runner.run(kind().run(room))


def _memory() -> dict[str, Any]:
    gc.collect()
    if tracemalloc.is_tracing():
        return {"bytes": tracemalloc.get_traced_memory()[0]}
    with open("/proc/self/statm") as file:
        return {"bytes": int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")}


def _timed(action: Callable[[], object]) -> dict[str, Any]:
    wall, cpu = time.perf_counter(), time.process_time()
    action()
    return {"seconds": time.perf_counter() - wall, "cpu": time.process_time() - cpu}


class Ours:
    """`WebSocketServer`, which waits while nothing is to be done."""

    def __init__(self, room: int) -> None:
        import pyws_browser

        self._server = server = pyws_browser.WebSocketServer()
        server.bind_ip = "127.0.0.1"
        server.data_received.connect(self._echo)
        server.listen(0)
        self._is_held = False
        reply(port=server.port, room=room, version=version_of("ours"), is_compiled=pyws_browser.compiled)

    def run(self) -> None:
        asked: SimpleQueue[dict[str, Any] | None] = SimpleQueue()
        Thread(target=_forward, args=(asked.put,), daemon=True).start()
        while True:
            try:
                question = asked.get(block=self._is_held)
            except Empty:
                if self._server.wait(0.01):
                    self._server.poll()
                continue
            if question is None:
                return
            reply(**getattr(self, question.pop("do"))(**question))

    def memory(self) -> dict[str, Any]:
        return _memory()

    def broadcast(self, size: int) -> dict[str, Any]:
        message = bytes(size)
        return _timed(lambda: self._server.broadcast(message))

    def hold(self, is_held: bool) -> dict[str, Any]:
        """Poll no more but when asked to."""
        self._is_held = is_held
        return {}

    def poll(self) -> dict[str, Any]:
        """Poll once, and echo what came."""
        return _timed(self._server.poll)

    def _echo(self, id_: int) -> None:
        peer = self._server.get_peer(id_)
        message = peer.receive()
        assert message is not None
        peer.send(message)


class _Awaited:
    """What servers of asyncio share."""

    async def run(self, room: int) -> None:
        loop = asyncio.get_running_loop()
        asked: asyncio.Queue[dict[str, Any] | None] = asyncio.Queue()
        port, version = await self.serve()
        reply(port=port, room=room, version=version, is_compiled=self.is_compiled())
        Thread(
            target=_forward,
            args=(lambda question: loop.call_soon_threadsafe(asked.put_nowait, question),),
            daemon=True,
        ).start()
        while (question := await asked.get()) is not None:
            reply(**getattr(self, question.pop("do"))(**question))
        os._exit(0)  # ten thousand tasks need not be cancelled one by one

    def is_compiled(self) -> bool:
        return False

    def memory(self) -> dict[str, Any]:
        return _memory()

    def broadcast(self, size: int) -> dict[str, Any]:
        message = bytes(size)
        connections = self.connections()
        return _timed(lambda: self.send_to_all(connections, message))

    def connections(self) -> set[Any]:
        """Return what a message goes to."""
        raise NotImplementedError

    async def serve(self) -> tuple[int, str]:
        """Begin to listen; return the port, and the version of the library."""
        raise NotImplementedError

    def send_to_all(self, connections: set[Any], message: bytes) -> None:
        raise NotImplementedError


class Websockets(_Awaited):
    """`websockets`, with `broadcast()`."""

    client = "websockets"
    module = "websockets.asyncio.server"
    exceptions = "websockets.exceptions"

    async def serve(self) -> tuple[int, str]:
        serve = importlib.import_module(self.module).serve
        self._server = await serve(
            self._echo, "127.0.0.1", 0, compression=None, ping_interval=None, open_timeout=None, backlog=1024
        )
        return next(iter(self._server.sockets)).getsockname()[1], version_of(self.client)

    def connections(self) -> set[Any]:
        return set(self._server.connections)

    def send_to_all(self, connections: set[Any], message: bytes) -> None:
        importlib.import_module(self.module).broadcast(connections, message)

    async def _echo(self, websocket: Any) -> None:
        with suppress(importlib.import_module(self.exceptions).ConnectionClosed):
            async for message in websocket:
                await websocket.send(message)


class Aio(Websockets):
    """This package's side for asyncio, which has the same interface."""

    client = "ours.aio"
    module = "pyws_browser.aio"
    exceptions = "pyws_browser.compat.exceptions"

    def is_compiled(self) -> bool:
        return bool(importlib.import_module("pyws_browser").compiled)


class Picows(_Awaited):
    """The core of `picows`; it has no broadcast, so every transport is sent to."""

    async def serve(self) -> tuple[int, str]:
        import picows

        self._binary = binary = picows.WSMsgType.BINARY
        self._transports = transports = set[Any]()

        class Listener(picows.WSListener):
            def on_ws_connected(self, transport: picows.WSTransport) -> None:
                transports.add(transport)

            def on_ws_frame(self, transport: picows.WSTransport, frame: picows.WSFrame) -> None:
                transport.send(binary, frame.get_payload_as_bytes())

            def on_ws_disconnected(self, transport: picows.WSTransport) -> None:
                transports.discard(transport)

        self._server = await picows.ws_create_server(lambda request: Listener(), "127.0.0.1", 0, backlog=1024)
        return self._server.sockets[0].getsockname()[1], version_of("picows")

    def connections(self) -> set[Any]:
        return self._transports

    def send_to_all(self, connections: set[Any], message: bytes) -> None:
        binary = self._binary
        for transport in connections:
            transport.send(binary, message)


def _forward(put: Callable[[dict[str, Any] | None], object]) -> None:
    for question in questions():
        put(question)
    put(None)
