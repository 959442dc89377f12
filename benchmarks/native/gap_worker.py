"""The process of one contestant beside a flood: a server or a client, and how long its event loop was kept.

A job says the place of the flood: `loop` is a server with a ticker on its event loop, `bystander` a server that has a
bystander's messages to echo, `client` a client with a ticker on its event loop, which the counterpart floods.
"""

from __future__ import annotations

import asyncio
import importlib
import ssl
import sys
from contextlib import asynccontextmanager, suppress
from time import perf_counter, thread_time
from typing import TYPE_CHECKING, Any

from .flooder import ECHOED, LAST
from .processes import questions, reply
from .processors import place_contestant
from .worker import version_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

_PATIENCE = 20.0
_TICK = 0.001
_CLOSE_TIMEOUT = 0.2


class Meter:
    """Does the work of each message, and keeps the longest gap."""

    def __init__(self, work: float, done: Callable[[], object], begun: Callable[[], object]) -> None:
        self._work = work
        self._done = done
        self._begun = begun
        self._cpu = 0.0
        self._since = 0.0
        self.count = 0
        self.gap = 0.0
        self.cpu = 0.0

    def take(self, message: bytes) -> bool:
        """Return whether a message is to be sent back."""
        if len(message) == ECHOED:
            now = thread_time()
            if self._cpu:
                self.cpu = max(self.cpu, now - self._cpu)
            self._cpu = now
            return True
        if len(message) == LAST:
            self._done()
            return False
        self.count += 1
        if self.count == 1:
            self._since = perf_counter()
            self._begun()
        if self._work:
            end = perf_counter() + self._work
            while perf_counter() < end:
                pass
        return False

    async def tick(self, seconds: float) -> None:
        """Look, as often as the loop lets it, how long it was since the last time."""
        start = wall = perf_counter()
        cpu = thread_time()
        while wall < start + seconds:
            await asyncio.sleep(_TICK)
            now, cpu_now = perf_counter(), thread_time()
            self.gap, self.cpu = max(self.gap, now - wall), max(self.cpu, cpu_now - cpu)
            wall, cpu = now, cpu_now

    def told(self) -> dict[str, Any]:
        rate = self.count / (perf_counter() - self._since) if self.count else 0.0
        return {"gap": self.gap, "cpu": self.cpu, "rate": rate}


def main() -> None:
    """Run as: CONTESTANT CERTIFICATE KEY CAFILE."""
    contestant, certificate, key, authority = sys.argv[1:]
    place_contestant()
    server_tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server_tls.load_cert_chain(certificate, key)
    tls = {"server": server_tls, "client": ssl.create_default_context(cafile=authority)}
    reply(version=version_of(contestant), is_compiled=_is_compiled() if contestant.startswith("ours") else False)
    with asyncio.Runner() as runner:
        for job in questions():
            kind = "client" if job["place"] == "client" else "server"
            context = tls[kind] if job["tls"] else None
            if contestant == "ours":
                _poll(job, context)
            else:
                runner.run(_run(_AWAITED[contestant](), job, context))
            reply()  # everything is closed


def _is_compiled() -> bool:
    return bool(importlib.import_module("pyws_browser").compiled)


def _poll(job: dict[str, Any], tls: ssl.SSLContext | None) -> None:
    """Poll a server until the bystander's last message."""
    import pyws_browser

    is_done = False

    def finish() -> None:
        nonlocal is_done
        is_done = True

    def take(id_: int) -> None:
        peer = server.get_peer(id_)
        message = peer.receive()
        assert isinstance(message, bytes)
        if meter.take(message):
            peer.send(message)

    server = pyws_browser.WebSocketServer()
    server.bind_ip = "127.0.0.1"
    server.tls = tls
    server.compression = job["deflate"]
    server.data_received.connect(take)
    meter = Meter(job["work"], finish, lambda: None)
    server.listen(0)
    reply(port=server.port)
    end = perf_counter() + _PATIENCE
    while not is_done and perf_counter() < end:
        if server.wait(0.01):
            server.poll()
    reply(**meter.told())
    server.stop()


async def _run(contestant: Any, job: dict[str, Any], tls: ssl.SSLContext | None) -> None:
    done, begun = asyncio.Event(), asyncio.Event()
    meter = Meter(job["work"], done.set, begun.set)
    side = contestant.connect if job["place"] == "client" else contestant.serve
    async with side(meter, job, tls) as about:
        reply(**about)
        if job["place"] == "bystander":
            await asyncio.wait_for(done.wait(), _PATIENCE)
        else:
            await asyncio.wait_for(begun.wait(), _PATIENCE)
            await meter.tick(job["seconds"])
        reply(**meter.told())


class Websockets:
    """`websockets`, with its usual limits."""

    module = "websockets.asyncio"
    exceptions = "websockets.exceptions"

    @asynccontextmanager
    async def serve(
        self, meter: Meter, job: dict[str, Any], tls: ssl.SSLContext | None
    ) -> AsyncIterator[dict[str, Any]]:
        async def handle(websocket: Any) -> None:
            await self._take(websocket, meter)

        serve = self._get("server", "serve")
        async with serve(handle, "127.0.0.1", 0, ssl=tls, **self._settings(job)) as server:
            yield {"port": server.sockets[0].getsockname()[1]}

    @asynccontextmanager
    async def connect(
        self, meter: Meter, job: dict[str, Any], tls: ssl.SSLContext | None
    ) -> AsyncIterator[dict[str, Any]]:
        websocket = await self._get("client", "connect")(job["url"], ssl=tls, proxy=None, **self._settings(job))
        await websocket.send(b"go")
        taking = asyncio.create_task(self._take(websocket, meter))
        yield {}
        await self.close(websocket)
        await taking

    async def close(self, websocket: Any) -> None:
        websocket.transport.abort()
        await websocket.wait_closed()

    async def _take(self, websocket: Any, meter: Meter) -> None:
        with suppress(importlib.import_module(self.exceptions).ConnectionClosed):
            async for message in websocket:
                if meter.take(message):
                    await websocket.send(message)

    def _get(self, side: str, name: str) -> Any:
        return getattr(importlib.import_module(f"{self.module}.{side}"), name)

    @staticmethod
    def _settings(job: dict[str, Any]) -> dict[str, Any]:
        compression = "deflate" if job["deflate"] else None
        return {"compression": compression, "ping_interval": None, "close_timeout": _CLOSE_TIMEOUT}


class Aio(Websockets):
    """This package's side for asyncio, which has the same interface."""

    module = "pyws_browser.aio"
    exceptions = "pyws_browser.compat.exceptions"

    async def close(self, websocket: Any) -> None:
        await websocket.close()

    def _get(self, side: str, name: str) -> Any:
        return getattr(importlib.import_module(self.module), name)


class Picows:
    """The core of `picows`, which does not compress."""

    @asynccontextmanager
    async def serve(
        self, meter: Meter, job: dict[str, Any], tls: ssl.SSLContext | None
    ) -> AsyncIterator[dict[str, Any]]:
        import picows

        listener = _listener_class(meter)
        server = await picows.ws_create_server(lambda request: listener(), "127.0.0.1", 0, ssl=tls)
        async with server:
            yield {"port": server.sockets[0].getsockname()[1]}

    @asynccontextmanager
    async def connect(
        self, meter: Meter, job: dict[str, Any], tls: ssl.SSLContext | None
    ) -> AsyncIterator[dict[str, Any]]:
        import picows

        transport, _ = await picows.ws_connect(_listener_class(meter), job["url"], ssl_context=tls)
        transport.send(picows.WSMsgType.BINARY, b"go")
        yield {}
        transport.disconnect(graceful=False)
        await transport.wait_disconnected()


def _listener_class(meter: Meter) -> Any:
    import picows

    class Listener(picows.WSListener):
        def on_ws_frame(self, transport: picows.WSTransport, frame: picows.WSFrame) -> None:
            if frame.msg_type == picows.WSMsgType.CLOSE:
                return
            payload = frame.get_payload_as_bytes()
            if meter.take(payload):
                transport.send(picows.WSMsgType.BINARY, payload)

    return Listener


_AWAITED = {"websockets": Websockets, "ours.aio": Aio, "picows": Picows}
