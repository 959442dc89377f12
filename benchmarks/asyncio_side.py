"""python -m benchmarks.asyncio_side: asyncio clients on CPython side by side, against the same counterpart, in turns.

All three have the interface of `websockets`: this package's `aio`, `websockets` itself, and `picows.websockets`. Each
number is the median over the rounds; only the ratios mean something on a machine that does other work as well. Needs
`websockets` and `picows`, and `uvloop` for --uvloop.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import picows.websockets
import websockets.asyncio.client

from pyws_browser import aio

from .counterpart import counterpart, frame_size

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    Clock = Callable[[], float]
    Case = Callable[[Any, bytes, int], Awaitable[None]]

_CONTESTANTS: dict[str, Any] = {
    "ours": aio.connect,
    "websockets": websockets.asyncio.client.connect,
    "picows": picows.websockets.connect,
}


async def _receive(connection: Any, payload: bytes, count: int) -> None:
    for _ in range(count):
        await connection.recv()


async def _iterate(connection: Any, payload: bytes, count: int) -> None:
    async for _ in connection:
        count -= 1
        if not count:
            return


async def _send(connection: Any, payload: bytes, count: int) -> None:
    for _ in range(count):
        await connection.send(payload)
    await connection.recv()


async def _round_trips(connection: Any, payload: bytes, count: int) -> None:
    for _ in range(count):
        await connection.send(payload)
        await connection.recv()


def _cases(scale: float) -> dict[str, tuple[Case, str, int, int]]:
    """Return name: (what to do, path, payload size, message count)."""
    cases: dict[str, tuple[Case, str, int, int]] = {}
    for size, number in ((16, 1e5), (256, 1e5), (8192, 2e4), (1 << 20, 100)):
        count = max(10, int(number * scale))
        cases[f"recv {size} B"] = (_receive, f"/flood/{size}/{count}", size, count)
        if size <= 256:
            cases[f"async for {size} B"] = (_iterate, f"/flood/{size}/{count}", size, count)
    for size, number in ((16, 6e4), (256, 6e4), (8192, 2e4), (1 << 20, 100)):
        count = max(10, int(number * scale))
        cases[f"send {size} B"] = (_send, f"/sink/{count * frame_size(size, masked=True)}", size, count)
    for size in (16, 256, 8192):
        count = max(10, int(6e3 * scale))
        cases[f"round trip {size} B"] = (_round_trips, f"/echo/{size}", size, count)
    return cases


async def _time(clock: Clock, connect: Any, url: str, case: Case, size: int, count: int) -> float:
    connection = await connect(url, compression=None, max_size=None, ping_interval=None, close_timeout=0.01)
    start = clock()
    await case(connection, bytes(size), count)
    seconds = clock() - start
    await connection.close()
    return seconds


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.asyncio_side", description=__doc__)
    parser.add_argument("words", nargs="*", help="only the cases whose names have one of these words")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--scale", type=float, default=1.0, help="times the usual number of messages")
    parser.add_argument("--uvloop", action="store_true")
    parser.add_argument("--json", type=Path, help="where to write the numbers as well")
    parser.add_argument("--cpu", action="store_true", help="count CPU seconds of the client")
    options = parser.parse_args()
    clock = time.process_time if options.cpu else time.perf_counter
    run: Callable[[Awaitable[float]], float] = asyncio.run  # type: ignore[assignment]
    if options.uvloop:
        import uvloop

        run = uvloop.run
    rates: dict[str, dict[str, float]] = {}
    print(f"{'messages a second':24}{'ours':>12}{'websockets':>12}{'picows':>12}{'x websockets':>14}{'x picows':>10}")
    with counterpart() as url:
        for name, (case, path, size, count) in _cases(options.scale).items():
            if options.words and not any(word in name for word in options.words):
                continue
            seconds: dict[str, list[float]] = {who: [] for who in _CONTESTANTS}
            for _ in range(options.rounds):
                for who, connect in _CONTESTANTS.items():
                    seconds[who].append(run(_time(clock, connect, url + path, case, size, count)))
            rate = {who: count / statistics.median(times) for who, times in seconds.items()}
            rates[name] = rate
            print(
                f"{name:24}{rate['ours']:12,.0f}{rate['websockets']:12,.0f}{rate['picows']:12,.0f}"
                f"{rate['ours'] / rate['websockets']:14.2f}{rate['ours'] / rate['picows']:10.2f}",
                flush=True,
            )
    if options.json:
        options.json.write_text(json.dumps(rates, indent=2))


if __name__ == "__main__":
    main()
