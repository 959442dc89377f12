"""python -m benchmarks.native: clients on CPython side by side, against the same counterpart, in turns.

Each number is the median over the rounds; the last columns are how many times as fast we are. Only those ratios mean
something on a machine that does other work as well; --cpu, which counts the client's own CPU time, is disturbed least.
Needs `websockets` and `picows`, and `uvloop` for --uvloop.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import select
import statistics
import time
from pathlib import Path
from typing import TYPE_CHECKING

import picows
import websockets.asyncio.client

from pyws_browser import State, WebSocketPeer

from .counterpart import counterpart, frame_size

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    Clock = Callable[[], float]

_BATCH = 1000


class Ours:
    """This package: one peer, polled."""

    def __init__(self, url: str) -> None:
        self._peer = WebSocketPeer()
        self._peer.inbound_buffer_size = self._peer.outbound_buffer_size = 64 << 20
        self._peer.compression = None
        self._peer.connect_to_url(url)
        while self._peer.ready_state is State.CONNECTING:
            self._peer.poll()
        assert self._peer.ready_state is State.OPEN, self._peer.close_cause

    def receive(self, count: int) -> None:
        peer = self._peer
        while count:
            peer.poll()
            if not peer.get_available_packet_count():
                select.select([peer], [], [])
            for message in peer:
                assert type(message) is bytes
                count -= 1

    def send(self, payload: bytes, count: int) -> None:
        peer = self._peer
        for _ in range(count):
            peer.send(payload)
            if peer.get_current_outbound_buffered_amount() > 1 << 20:
                self._drain()
        self._wait_for_the_end()

    def send_batches(self, payload: bytes, count: int) -> None:
        peer = self._peer
        for _ in range(count // _BATCH):
            with peer.batch():
                for _ in range(_BATCH):
                    peer.send(payload)
            if peer.get_current_outbound_buffered_amount() > 1 << 20:
                self._drain()
        self._wait_for_the_end()

    def round_trips(self, payload: bytes, count: int) -> None:
        peer = self._peer
        for _ in range(count):
            peer.send(payload)
            while not peer.get_available_packet_count():
                peer.poll()
            assert peer.receive() == payload

    def round_trips_by_select(self, payload: bytes, count: int) -> None:
        peer, waiting = self._peer, [self._peer.fileno()]
        for _ in range(count):
            peer.send(payload)
            while not peer.get_available_packet_count():
                select.select(waiting, [], [])
                peer.poll()
            assert peer.receive() == payload

    def close(self) -> None:
        self._peer.abort()

    def _drain(self) -> None:
        while self._peer.get_current_outbound_buffered_amount():
            select.select([], [self._peer], [])
            self._peer.poll()

    def _wait_for_the_end(self) -> None:
        self._drain()
        self.receive(1)


class Websockets:
    """The `websockets` package's asyncio client."""

    async def connect(self, url: str) -> None:
        self._ws = await websockets.asyncio.client.connect(
            url, compression=None, max_size=None, ping_interval=None, proxy=None
        )

    async def receive(self, count: int) -> None:
        for _ in range(count):
            assert type(await self._ws.recv()) is bytes

    async def send(self, payload: bytes, count: int) -> None:
        for _ in range(count):
            await self._ws.send(payload)
        await self._ws.recv()

    send_batches = send

    async def round_trips(self, payload: bytes, count: int) -> None:
        for _ in range(count):
            await self._ws.send(payload)
            assert await self._ws.recv() == payload

    round_trips_by_select = round_trips

    async def close(self) -> None:
        self._ws.transport.abort()


class _Listener(picows.WSListener):
    def __init__(self) -> None:
        self.received = 0
        self.wanted = 0
        self.echo: bytes | None = None
        self.is_done = asyncio.Event()
        self.can_write = asyncio.Event()
        self.can_write.set()

    def on_ws_frame(self, transport: picows.WSTransport, frame: picows.WSFrame) -> None:
        payload = frame.get_payload_as_bytes()
        assert type(payload) is bytes
        self.received += 1
        if self.received == self.wanted:
            self.is_done.set()
        elif self.echo is not None:
            transport.send(picows.WSMsgType.BINARY, self.echo)

    def pause_writing(self) -> None:
        self.can_write.clear()

    def resume_writing(self) -> None:
        self.can_write.set()


class Picows:
    """The core of picows: callbacks, in Cython."""

    async def connect(self, url: str) -> None:
        self._transport, self._listener = await picows.ws_connect(_Listener, url, max_frame_size=64 << 20)

    async def receive(self, count: int) -> None:
        self._listener.wanted = count
        if self._listener.received < count:  # they come from the handshake on
            await self._listener.is_done.wait()

    async def send(self, payload: bytes, count: int) -> None:
        self._listener.wanted = 1
        transport, can_write = self._transport, self._listener.can_write
        for _ in range(count):
            transport.send(picows.WSMsgType.BINARY, payload)
            if not can_write.is_set():
                await can_write.wait()
        await self._listener.is_done.wait()

    send_batches = send

    async def round_trips(self, payload: bytes, count: int) -> None:
        self._listener.wanted = count
        self._listener.echo = payload
        self._transport.send(picows.WSMsgType.BINARY, payload)
        await self._listener.is_done.wait()

    round_trips_by_select = round_trips

    async def close(self) -> None:
        self._transport.disconnect(graceful=False)


def _cases(scale: float) -> dict[str, tuple[str, str, int, int]]:
    """Return name: (method, path, payload size, message count)."""

    def count(number: float) -> int:
        return max(_BATCH, int(number * scale) // _BATCH * _BATCH) if number >= _BATCH else max(10, int(number * scale))

    cases = {}
    for size, number in ((16, 3e5), (64, 3e5), (256, 2e5), (8192, 3e4), (65536, 4e3), (1 << 20, 300)):
        cases[f"receive {size} B"] = ("receive", f"/flood/{size}/{count(number)}", size, count(number))
    for size, number in ((64, 6e4), (256, 6e4), (8192, 3e4), (65536, 4e3), (1 << 20, 300)):
        total = count(number) * frame_size(size, masked=True)
        cases[f"send {size} B"] = ("send", f"/sink/{total}", size, count(number))
        if number >= _BATCH and size < 65536:
            cases[f"send {size} B in batches"] = ("send_batches", f"/sink/{total}", size, count(number))
    for size in (64, 65536):
        cases[f"round trip {size} B, polling"] = ("round_trips", f"/echo/{size}", size, count(4e3))
        cases[f"round trip {size} B, select"] = ("round_trips_by_select", f"/echo/{size}", size, count(4e3))
    return cases


def _time_ours(clock: Clock, url: str, method: str, *arguments: object) -> float:
    ours = Ours(url)
    start = clock()
    getattr(ours, method)(*arguments)
    seconds = clock() - start
    ours.close()
    return seconds


async def _time_async(clock: Clock, kind: type, url: str, method: str, *arguments: object) -> float:
    contestant = kind()
    await contestant.connect(url)
    start = clock()
    await getattr(contestant, method)(*arguments)
    seconds = clock() - start
    await contestant.close()
    return seconds


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.native", description=__doc__)
    parser.add_argument("words", nargs="*", help="only the cases whose names have one of these words")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--scale", type=float, default=1.0, help="times the usual number of messages")
    parser.add_argument("--uvloop", action="store_true", help="for those that use asyncio")
    parser.add_argument("--json", type=Path, help="where to write the numbers as well")
    parser.add_argument("--cpu", action="store_true", help="count CPU seconds of the client")
    options = parser.parse_args()
    clock = time.process_time if options.cpu else time.perf_counter
    run: Callable[[Awaitable[float]], float] = asyncio.run
    if options.uvloop:
        import uvloop

        run = uvloop.run
    rates: dict[str, dict[str, float]] = {}
    print(f"{'messages a second':34}{'ours':>12}{'websockets':>12}{'picows':>12}{'x websockets':>14}{'x picows':>10}")
    with counterpart() as url:
        for name, (method, path, size, count) in _cases(options.scale).items():
            if options.words and not any(word in name for word in options.words):
                continue
            arguments = (count,) if method == "receive" else (bytes(size), count)
            seconds: dict[str, list[float]] = {"ours": [], "websockets": [], "picows": []}
            for _ in range(options.rounds):
                seconds["ours"].append(_time_ours(clock, url + path, method, *arguments))
                seconds["websockets"].append(run(_time_async(clock, Websockets, url + path, method, *arguments)))
                seconds["picows"].append(run(_time_async(clock, Picows, url + path, method, *arguments)))
            rate = {who: count / statistics.median(times) for who, times in seconds.items()}
            rates[name] = rate
            print(
                f"{name:34}{rate['ours']:12,.0f}{rate['websockets']:12,.0f}{rate['picows']:12,.0f}"
                f"{rate['ours'] / rate['websockets']:14.2f}{rate['ours'] / rate['picows']:10.2f}",
                flush=True,
            )
    if options.json:
        options.json.write_text(json.dumps(rates, indent=2))


if __name__ == "__main__":
    main()
