"""Measure an echo server: round trips one by one, then messages as fast as they come back."""

from __future__ import annotations

import asyncio
import json
import sys
from statistics import median, quantiles
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final

from ..aio import connect
from .arguments import add_connecting, connecting, positive

if TYPE_CHECKING:
    import argparse

    from ..aio import ClientConnection

_STEPS: Final = 20
"""How often progress is shown."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    add_connecting(parser, limited="connecting, and then each answer,")
    parser.add_argument("-n", "--messages", type=positive, default=2000, help="messages in each part (default: 2000)")
    parser.add_argument("--size", type=positive, default=64, help="bytes, or characters, in a message (default: 64)")
    parser.add_argument("--text", action="store_true", help="send text instead of binary messages")
    parser.add_argument(
        "-w", "--window", type=positive, default=100, help="messages on their way at a time (default: 100)"
    )
    parser.add_argument("--json", action="store_true", help="write the numbers as JSON")


async def run(options: argparse.Namespace) -> int:
    """Measure, and print the results."""
    message = "x" * options.size if options.text else bytes(options.size)
    arguments = connecting(options)
    arguments["max_size"] = max(arguments["max_size"], options.size)
    async with connect(options.url, **arguments) as connection:
        try:
            trips = await _round_trips(connection, message, options.messages, options.timeout)
            seconds = await _flood(connection, message, options.messages, options.window, options.timeout)
        except TimeoutError:
            raise OSError(f"no answer came within {options.timeout:g} s: this takes an echo server") from None
    parts = quantiles(trips, n=100, method="inclusive") if len(trips) > 1 else trips * 99
    numbers = {
        "messages": options.messages,
        "size": options.size,
        "round_trip_ms": {
            "median": 1000 * median(trips),
            "p90": 1000 * parts[89],
            "p99": 1000 * parts[98],
            "worst": 1000 * max(trips),
        },
        "messages_per_second": options.messages / seconds,
        "megabytes_per_second": options.messages * options.size / seconds / 1e6,
    }
    print(json.dumps(numbers, indent=1) if options.json else _table(numbers))
    return 0


async def _round_trips(connection: ClientConnection, message: str | bytes, count: int, limit: float) -> list[float]:
    trips = []
    for number in range(count):
        async with asyncio.timeout(limit):
            start = perf_counter()
            await connection.send(message)
            answer = await connection.recv()
            trips.append(perf_counter() - start)
        _check(answer, message)
        _progress("round trips", number + 1, count)
    return trips


async def _flood(connection: ClientConnection, message: str | bytes, count: int, window: int, limit: float) -> float:
    loop = asyncio.get_running_loop()
    room = asyncio.Semaphore(window)

    async def send() -> None:
        for _ in range(count):
            await room.acquire()
            await connection.send(message)

    renewed = loop.time()
    start = perf_counter()
    sending = asyncio.create_task(send())
    try:
        async with asyncio.timeout(limit) as patience:
            for number in range(count):
                _check(await connection.recv(), message)
                if loop.time() > renewed + limit / 10:  # otherwise its time would be measured too
                    renewed = loop.time()
                    patience.reschedule(renewed + limit)
                room.release()
                _progress("throughput", number + 1, count)
            await sending
    finally:
        sending.cancel()
    return perf_counter() - start


def _check(answer: str | bytes, message: str | bytes) -> None:
    if answer != message:
        raise OSError("something else came back than was sent: this takes an echo server")


def _progress(what: str, done: int, count: int) -> None:
    if sys.stderr.isatty() and (done == count or done % max(1, count // _STEPS) == 0):
        end = "\r\x1b[K" if done == count else ""
        sys.stderr.write(f"\r{what}: {100 * done // count} %{end}")
        sys.stderr.flush()


def _table(numbers: dict[str, Any]) -> str:
    trip = numbers["round_trip_ms"]
    return "\n".join(
        (
            f"{numbers['messages']} messages of {numbers['size']}",
            f"round trip     median {trip['median']:.3f} ms, 90 % within {trip['p90']:.3f} ms, "
            f"99 % within {trip['p99']:.3f} ms, worst {trip['worst']:.3f} ms",
            f"throughput     {numbers['messages_per_second']:,.0f} messages, "
            f"{numbers['megabytes_per_second']:,.1f} MB a second",
        )
    )
