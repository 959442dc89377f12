"""Clients for asyncio, each as its documentation has it for speed; on uvloop as well."""

from __future__ import annotations

import asyncio
import importlib
from time import perf_counter
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    import ssl

    import picows


class _Awaited:
    """What those share whose messages are awaited."""

    _send: Any
    _receive: Any

    async def receive(self, count: int) -> None:
        await self._send(b"go")
        for _ in range(count):
            await self._receive()

    async def send(self, payload: bytes, count: int) -> None:
        send = self._send
        for _ in range(count):
            await send(payload)
        await self._receive()

    send_batches = send

    async def round_trips(self, payload: bytes, count: int) -> list[float]:
        laps = []
        for _ in range(count):
            start = perf_counter()
            await self._send(payload)
            message = await self._receive()
            laps.append(perf_counter() - start)
            assert message == payload
        return laps

    busy_round_trips = round_trips


class WebsocketsLike(_Awaited):
    """What has the interface of `websockets`: itself, and `picows.websockets`."""

    module = "websockets.asyncio.client"
    settings: ClassVar[dict[str, Any]] = {}

    async def open(self, url: str, tls: ssl.SSLContext | None) -> None:
        connect = importlib.import_module(self.module).connect
        self._ws: Any = await connect(
            url, ssl=tls, compression=None, max_size=None, ping_interval=None, proxy=None, **self.settings
        )
        self._send = self._ws.send
        self._receive = self._ws.recv

    async def close(self) -> None:
        self._ws.transport.abort()
        await self._ws.wait_closed()


class Aio(WebsocketsLike):
    """This package's side for asyncio."""

    module = "pyws_browser.aio"

    async def receive(self, count: int) -> None:
        await self._send(b"go")
        async for _ in self._ws:
            count -= 1
            if not count:
                return

    async def close(self) -> None:
        await self._ws.close()


class PicowsWebsockets(WebsocketsLike):
    """`picows.websockets`, without a limit to its queue: over TLS it stood still once that had been reached (2.3.1)."""

    module = "picows.websockets"
    settings: ClassVar[dict[str, Any]] = {"max_queue": None}

    async def close(self) -> None:
        await self._ws.close()


class Aiohttp(_Awaited):
    """`aiohttp`, with its compiled parser."""

    async def open(self, url: str, tls: ssl.SSLContext | None) -> None:
        import aiohttp

        self._session = aiohttp.ClientSession()
        self._ws = await self._session.ws_connect(
            url, ssl=tls if tls is not None else True, max_msg_size=0, compress=0, autoping=True
        )
        self._send = self._ws.send_bytes
        self._receive = self._ws.receive_bytes

    async def close(self) -> None:
        await self._ws.close()
        await self._session.close()


class Picows:
    """The core of `picows`: callbacks, in Cython."""

    async def open(self, url: str, tls: ssl.SSLContext | None) -> None:
        import picows

        self._binary = picows.WSMsgType.BINARY
        self._transport: picows.WSTransport
        self._listener: Any
        self._transport, self._listener = await picows.ws_connect(
            _listener_class(), url, ssl_context=tls, max_frame_size=64 << 20
        )

    async def receive(self, count: int) -> None:
        self._transport.send(self._binary, b"go")
        await self._listener.until(count)

    async def send(self, payload: bytes, count: int) -> None:
        send, binary, can_write = self._transport.send, self._binary, self._listener.can_write
        for _ in range(count):
            send(binary, payload)
            if not can_write.is_set():
                await can_write.wait()
        await self._listener.until(1)

    send_batches = send

    async def round_trips(self, payload: bytes, count: int) -> list[float]:
        listener = self._listener
        listener.echo = payload
        listener.start = perf_counter()
        self._transport.send(self._binary, payload)
        await listener.until(count)
        laps: list[float] = listener.laps
        return laps

    busy_round_trips = round_trips

    async def close(self) -> None:
        self._transport.disconnect(graceful=False)
        await self._transport.wait_disconnected()


def _listener_class() -> Any:
    import picows

    class Listener(picows.WSListener):
        def __init__(self) -> None:
            self.received = 0
            self.wanted = 0
            self.echo: bytes | None = None
            self.start = 0.0
            self.laps: list[float] = []
            self.is_done = asyncio.Event()
            self.can_write = asyncio.Event()
            self.can_write.set()

        async def until(self, count: int) -> None:
            self.wanted = count
            if self.received < count:
                await self.is_done.wait()

        def on_ws_frame(self, transport: picows.WSTransport, frame: picows.WSFrame) -> None:
            payload = frame.get_payload_as_bytes()
            self.received += 1
            if self.echo is not None:
                now = perf_counter()
                self.laps.append(now - self.start)
                assert payload == self.echo
                if self.received < self.wanted:
                    self.start = perf_counter()
                    transport.send(picows.WSMsgType.BINARY, self.echo)
            if self.received == self.wanted:
                self.is_done.set()

        def pause_writing(self) -> None:
            self.can_write.clear()

        def resume_writing(self) -> None:
            self.can_write.set()

    return Listener
