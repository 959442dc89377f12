"""The process of one client: connects, does what it is told, and answers how long that took."""

from __future__ import annotations

import asyncio
import importlib
import math
import ssl
import sys
import time
from typing import TYPE_CHECKING, Any

from .contestants import UVLOOP
from .processes import questions, reply
from .processors import place_contestant

if TYPE_CHECKING:
    from collections.abc import Callable

_BLOCKING = {
    "ours": ("client_ours", "Ours"),
    "socket": ("clients_blocking", "BareSocket"),
    "websockets.sync": ("clients_blocking", "WebsocketsSync"),
    "websocket-client": ("clients_blocking", "WebsocketClient"),
    "wsproto": ("clients_blocking", "Wsproto"),
}
_AWAITED = {
    "websockets": ("clients_awaited", "WebsocketsLike"),
    "picows.websockets": ("clients_awaited", "PicowsWebsockets"),
    "aiohttp": ("clients_awaited", "Aiohttp"),
    "picows": ("clients_awaited", "Picows"),
    "ours.aio": ("clients_awaited", "Aio"),
}
_DISTRIBUTIONS = {
    "ours": "pyws-browser",
    "ours.aio": "pyws-browser",
    "websockets.sync": "websockets",
    "picows.websockets": "picows",
}


def main() -> None:
    """Run as: CLIENT LOOP CAFILE; LOOP may be empty."""
    client, loop, authority = sys.argv[1:]
    tls = ssl.create_default_context(cafile=authority)
    module, name = (_BLOCKING | _AWAITED)[client]
    cls = getattr(importlib.import_module(f".{module}", __package__), name)
    reply(version=version_of(client), is_compiled=_is_compiled() if client.startswith("ours") else False)
    if client in _BLOCKING:
        _answer(lambda job: _measure(cls, tls, job))
        return
    with asyncio.Runner(loop_factory=loop_factory(loop)) as runner:
        _answer(lambda job: runner.run(_measure_awaited(cls, tls, job)))


def _answer(run: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    for job in questions():
        place_contestant(beside=job["method"] == "round_trips")
        try:
            answer = run(job)
        except Exception as exc:
            answer = {"error": f"{type(exc).__name__}: {exc}"}
        reply(**answer)


def _arguments(job: dict[str, Any]) -> tuple[object, ...]:
    return (job["count"],) if job["method"] == "receive" else (bytes(job["size"]), job["count"])


def _measure(cls: Any, tls: ssl.SSLContext, job: dict[str, Any]) -> dict[str, Any]:
    client = cls(job["url"], tls if job["tls"] else None)
    wall, cpu = time.perf_counter(), time.process_time()
    laps = getattr(client, job["method"])(*_arguments(job))
    answer = {"seconds": time.perf_counter() - wall, "cpu": time.process_time() - cpu}
    client.close()
    return answer | _percentiles(laps)


async def _measure_awaited(cls: Any, tls: ssl.SSLContext, job: dict[str, Any]) -> dict[str, Any]:
    client = cls()
    await client.open(job["url"], tls if job["tls"] else None)
    wall, cpu = time.perf_counter(), time.process_time()
    laps = await getattr(client, job["method"])(*_arguments(job))
    answer = {"seconds": time.perf_counter() - wall, "cpu": time.process_time() - cpu}
    await client.close()
    return answer | _percentiles(laps)


def _percentiles(laps: list[float] | None) -> dict[str, float]:
    if not laps:
        return {}
    laps = sorted(laps)
    return {f"p{percent}": laps[math.ceil(len(laps) * percent / 100) - 1] for percent in (50, 99)}


def loop_factory(loop: str) -> Callable[[], asyncio.AbstractEventLoop] | None:
    """Return what makes the event loop of this name, None for asyncio's own."""
    if loop != UVLOOP:
        return None
    import uvloop

    return uvloop.new_event_loop


def version_of(client: str) -> str:
    """Return the version of a contestant's library."""
    from importlib.metadata import PackageNotFoundError, version

    if client == "socket":
        return sys.version.split()[0]
    try:
        return version(_DISTRIBUTIONS.get(client, client))
    except PackageNotFoundError:  # our own sources, without a wheel
        return "sources"


def _is_compiled() -> bool:
    import pyws_browser

    return bool(pyws_browser.compiled)
