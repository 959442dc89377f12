"""What is compared, as it runs in the page: each contestant does the same three exercises in the form that suits it.

An exercise takes the kind of message ("text" or "binary"), its size in bytes and a count, and returns milliseconds.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from time import perf_counter
from typing import TYPE_CHECKING, Any

import js
from pyodide.ffi import create_proxy, to_js

if TYPE_CHECKING:
    from collections.abc import Callable

FRAME = 0.005
"""Seconds between the polls of a program that polls. A game's frame is longer, which would only let it wait at the end
of a flood."""


def make(kind: str, size: int) -> str | bytes:
    return "x" * size if kind == "text" else b"x" * size


def check(message: str | bytes, size: int) -> None:
    if len(message) != size:
        raise AssertionError(f"a message of {size} bytes was sent, and one of {len(message)} came")


class Contestant(ABC):
    """What does the exercises."""

    begin_ms = 0.0
    """How long the program stood still until its first messages were handed over: in `flood_out`, all of them."""

    @abstractmethod
    async def open(self, url: str) -> None: ...

    @abstractmethod
    def close(self) -> None: ...

    @abstractmethod
    async def echo(self, kind: str, size: int, count: int) -> float: ...

    @abstractmethod
    async def flood_in(self, kind: str, size: int, count: int) -> float: ...

    @abstractmethod
    async def flood_out(self, kind: str, size: int, count: int) -> float: ...


class Peer(Contestant):
    """A contestant that calls back for each message."""

    @abstractmethod
    def send(self, message: str | bytes) -> None: ...

    @abstractmethod
    def on_message(self, callback: Callable[[Any], None]) -> None: ...

    async def echo(self, kind: str, size: int, count: int) -> float:
        message = make(kind, size)
        left = count
        done = asyncio.get_running_loop().create_future()

        def received(answer: Any) -> None:
            nonlocal left
            check(answer, size)
            left -= 1
            if left:
                self.send(message)
            else:
                done.set_result(None)

        return await self._timed(received, lambda: self.send(message), done)

    async def flood_in(self, kind: str, size: int, count: int) -> float:
        left = count
        done = asyncio.get_running_loop().create_future()

        def received(message: Any) -> None:
            nonlocal left
            check(message, size)
            left -= 1
            if not left:
                done.set_result(None)

        return await self._timed(received, lambda: self.send("go"), done)

    async def flood_out(self, kind: str, size: int, count: int) -> float:
        message = make(kind, size)
        done = asyncio.get_running_loop().create_future()

        def begin() -> None:
            for _ in range(count):
                self.send(message)

        return await self._timed(lambda _: done.set_result(None), begin, done)

    async def _timed(
        self, received: Callable[[Any], None], begin: Callable[[], None], done: asyncio.Future[None]
    ) -> float:
        def checked(message: Any) -> None:
            try:
                received(message)
            except Exception as exc:
                done.set_exception(exc)

        self.on_message(checked)
        start = perf_counter()
        begin()
        self.begin_ms = (perf_counter() - start) * 1000
        await done
        return (perf_counter() - start) * 1000


class Woken(Peer):
    """This package, polled from the event that brings something, as its asyncio side does it."""

    backpressure = False

    async def open(self, url: str) -> None:
        from pyws_browser import WebSocketPeer

        self.peer = WebSocketPeer()
        self.peer.backpressure = self.backpressure
        self.peer.outbound_buffer_size = 1 << 30
        self.peer.connect_to_url(url)
        while not self.peer.is_connected_to_host():
            await asyncio.sleep(FRAME)
            self.peer.poll()
        self.send = self.peer.send  # type: ignore[method-assign]

    def close(self) -> None:
        self.peer.abort()

    def send(self, message: str | bytes) -> None:
        self.peer.send(message)

    def on_message(self, callback: Callable[[Any], None]) -> None:
        peer = self.peer

        def wake() -> None:
            peer.poll()
            for message in peer:
                callback(message)

        transport = peer._transport  # noqa: SLF001 — the seam, on which the asyncio side hangs as well
        assert transport is not None
        transport.set_wakeup(wake)


class Polled(Woken):
    """This package, polled as a game does it."""

    async def _timed(
        self, received: Callable[[Any], None], begin: Callable[[], None], done: asyncio.Future[None]
    ) -> float:
        start = perf_counter()
        begin()
        self.begin_ms = (perf_counter() - start) * 1000
        while not done.done():
            self.peer.poll()
            for message in self.peer:
                received(message)
            await asyncio.sleep(FRAME)
        return (perf_counter() - start) * 1000


class Stream(Woken):
    """This package, woken, through the browser's WebSocketStream."""

    backpressure = True


class Aio(Contestant):
    """This package's asyncio side, with its defaults but for the limits of size."""

    async def open(self, url: str) -> None:
        from pyws_browser.aio import connect

        self.websocket = await connect(url, max_size=None, write_limit=1 << 30)

    def close(self) -> None:
        self.closing = asyncio.ensure_future(self.websocket.close())

    async def echo(self, kind: str, size: int, count: int) -> float:
        websocket, message = self.websocket, make(kind, size)
        start = perf_counter()
        for _ in range(count):
            await websocket.send(message)
            check(await websocket.recv(), size)
        return (perf_counter() - start) * 1000

    async def flood_in(self, kind: str, size: int, count: int) -> float:
        left = count
        start = perf_counter()
        await self.websocket.send("go")
        async for message in self.websocket:
            check(message, size)
            left -= 1
            if not left:
                break
        return (perf_counter() - start) * 1000

    async def flood_out(self, kind: str, size: int, count: int) -> float:
        websocket, message = self.websocket, make(kind, size)
        start = perf_counter()
        for _ in range(count):
            await websocket.send(message)
        self.begin_ms = (perf_counter() - start) * 1000
        await websocket.recv()
        return (perf_counter() - start) * 1000


class Library(Aio):
    """The package `websockets` after `patch_websockets()`, as a library uses it."""

    async def open(self, url: str) -> None:
        import pyws_browser

        pyws_browser.patch_websockets()
        from websockets.asyncio.client import connect

        self.websocket = await connect(url, max_size=None, write_limit=1 << 30)


class Bridge(Aio):
    """The package `websockets` as it is, over the bridge below asyncio that `patch_websockets()` makes."""

    async def open(self, url: str) -> None:
        import pyws_browser

        pyws_browser.patch_websockets()
        from plain_websockets.asyncio.client import connect  # the package under a name that is not changed

        self.websocket = await connect(url, max_size=None, write_limit=1 << 30, compression=None, ping_interval=None)


class PyScript(Peer):
    """`pyscript.WebSocket`: its `send()` copies byte by byte."""

    async def open(self, url: str) -> None:
        from pyscript.websocket import WebSocket

        is_open = asyncio.Event()
        self.socket = WebSocket(url, onopen=lambda event: is_open.set())
        await is_open.wait()

    def close(self) -> None:
        self.socket.close()

    def send(self, message: str | bytes) -> None:
        self.socket.send(message)

    def on_message(self, callback: Callable[[Any], None]) -> None:
        self.socket.onmessage = lambda event: callback(event.data)


class Awaiting(Peer):
    """A contestant whose messages are awaited."""

    @abstractmethod
    async def receive(self) -> str | bytes: ...

    def on_message(self, callback: Callable[[Any], None]) -> None:
        raise NotImplementedError

    async def _timed(
        self, received: Callable[[Any], None], begin: Callable[[], None], done: asyncio.Future[None]
    ) -> float:
        start = perf_counter()
        begin()
        self.begin_ms = (perf_counter() - start) * 1000
        while not done.done():
            received(await self.receive())
        return (perf_counter() - start) * 1000


class Shim(Awaiting):
    """What most people write by hand: `create_proxy`, a queue, `to_js`."""

    async def open(self, url: str) -> None:
        is_open = asyncio.Event()
        self.queue: asyncio.Queue[str | bytes] = asyncio.Queue()
        self.js_socket = js.WebSocket.new(url)
        self.js_socket.binaryType = "arraybuffer"

        def received(js_event: Any) -> None:
            data = js_event.data
            self.queue.put_nowait(data if isinstance(data, str) else data.to_bytes())

        self.js_opened = create_proxy(lambda js_event: is_open.set())
        self.js_received = create_proxy(received)
        self.js_socket.addEventListener("open", self.js_opened)
        self.js_socket.addEventListener("message", self.js_received)
        await is_open.wait()

    def close(self) -> None:
        self.js_socket.removeEventListener("open", self.js_opened)
        self.js_socket.removeEventListener("message", self.js_received)
        self.js_opened.destroy()
        self.js_received.destroy()
        self.js_socket.close()

    def send(self, message: str | bytes) -> None:
        self.js_socket.send(message if isinstance(message, str) else to_js(message))

    async def receive(self) -> str | bytes:
        return await self.queue.get()


class Niquests(Awaiting):
    """The WebSocket that niquests has for Pyodide."""

    async def open(self, url: str) -> None:
        from niquests.extensions.pyodide._async._ws import AsyncPyodideWebSocketExtension

        self.extension = AsyncPyodideWebSocketExtension()
        await self.extension.start(url)

    def close(self) -> None:
        self.closing = asyncio.ensure_future(self.extension.close())

    def send(self, message: str | bytes) -> None:
        # A coroutine that awaits nothing: run it here, which is cheaper than any other way.
        try:
            self.extension.send_payload(message).send(None)
        except StopIteration:
            return
        raise AssertionError("niquests waits in send_payload() now: measure it by awaiting")

    async def receive(self) -> str | bytes:
        message: str | bytes = await self.extension.next_payload()
        return message


PEERS: dict[str, type[Contestant]] = {
    "polled": Polled,
    "woken": Woken,
    "stream": Stream,
    "aio": Aio,
    "library": Library,
    "bridge": Bridge,
    "shim": Shim,
    "niquests": Niquests,
    "pyscript": PyScript,
}

_current: list[Contestant] = []


async def open_peer(name: str, url: str) -> None:
    peer = PEERS[name]()
    await peer.open(url)
    _current.append(peer)


async def exercise(name: str, kind: str, size: int, count: int) -> float:
    milliseconds: float = await getattr(_current[0], name)(kind, size, count)
    return milliseconds


def begin_ms() -> float:
    return _current[0].begin_ms


def close_peer() -> None:
    _current.pop().close()
