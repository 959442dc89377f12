"""Servers in turns: with a hundred active connections alone, and with thousands of idle ones beside those.

Each contestant has two servers: one has the active connections only, the other all. They take turns, so whatever the
machine does besides meets both.
"""

from __future__ import annotations

import statistics
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from .contestants import OURS, OURS_COMPILED
from .counterpart import frame_size
from .processes import BenchmarkError, Process

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from .contestants import Contestant

    Say = Callable[[str], None]

ACTIVE = 100
_TRACED = 1000
"""Connections by which Python's memory is measured: tracing takes time, and they are all the same."""

_BROADCAST_SIZE = 256
_ECHO_ROUNDS = 20
_POLLS = 20
_POLLED = (OURS.name, OURS_COMPILED.name)
_WARM = 20


class Scene:
    """A server and its clients."""

    def __init__(self, contestant: Contestant, compiled: str | None, stack: ExitStack, **environment: str) -> None:
        self.server = stack.enter_context(
            Process(
                "server_worker",
                contestant.client,
                contestant.loop,
                python=contestant.python(compiled),
                name=f"server: {contestant.name}",
                **environment,
            )
        )
        self.herd = stack.enter_context(Process("herd", name=f"clients of {contestant.name}"))
        about = self.server.answer()
        self.room = min(about["room"], self.herd.answer()["room"])
        self.port = about["port"]
        if about["is_compiled"] is not contestant.is_compiled:
            raise BenchmarkError(f"the server of {contestant.name} is the wrong one of plain and compiled")

    def connect(self, count: int, *, is_active: bool = False, deflate: bool = False) -> None:
        self.herd.ask(120, do="connect", port=self.port, count=count, is_active=is_active, deflate=deflate)

    def memory(self) -> int:
        return int(self.server.ask(do="memory")["bytes"])


def measure_servers(
    contestants: Iterable[Contestant],
    *,
    idle: int,
    rounds: int,
    compiled: str | None,
    say: Say,
    failures: list[str],
) -> dict[str, Any]:
    """Return the servers' numbers: seconds, and KiB of memory, by contestant."""
    found: dict[str, dict[str, float]] = {}
    scenes: dict[str, tuple[Scene, Scene]] = {}
    connected = idle
    with ExitStack() as stack:
        for contestant in contestants:
            name = contestant.name
            try:
                say(f"servers: memory of {name}")
                found[name] = _trace(contestant, compiled)
                alone, beside = Scene(contestant, compiled, stack), Scene(contestant, compiled, stack)
                if beside.room - ACTIVE < connected:
                    connected = beside.room - ACTIVE
                    failures.append(
                        f"servers: {connected:,} idle connections and not {idle:,}, for the hard limit of descriptors "
                        "allows no more: raise it by `ulimit -Hn`"
                    )
                say(f"servers: {connected:,} connections to {name}")
                for scene in (alone, beside):
                    scene.connect(ACTIVE, is_active=True)
                before = beside.memory()
                beside.connect(connected)
                found[name]["idle_rss_kib"] = (beside.memory() - before) / connected / 1024
                scenes[name] = (alone, beside)
            except BenchmarkError as exc:
                failures.append(str(exc))
                found.pop(name, None)
        samples: dict[str, list[dict[str, float]]] = {name: [] for name in scenes}
        for number in range(rounds):
            say(f"servers: round {number + 1} of {rounds}")
            for name in list(scenes):
                try:
                    samples[name].append(_round(*scenes[name], has_polls=name in _POLLED))
                except BenchmarkError as exc:
                    failures.append(str(exc))
                    del scenes[name]
        for name, rows in samples.items():
            if rows:
                found[name] |= {key: statistics.median(row[key] for row in rows) for key in rows[0]}
    return {"idle": connected, "active": ACTIVE, "contestants": found}


def _trace(contestant: Contestant, compiled: str | None) -> dict[str, float]:
    """Return the Python memory of an idle connection, in KiB."""
    found = {}
    for key, deflate in (("idle_kib", False), ("idle_deflate_kib", True)):
        if deflate and not contestant.is_ours:  # theirs is switched off, which is their best
            continue
        with ExitStack() as stack:
            scene = Scene(contestant, compiled, stack, PYTHONTRACEMALLOC="1")
            scene.connect(_WARM, deflate=deflate)
            before = scene.memory()
            scene.connect(_TRACED, deflate=deflate)
            found[key] = (scene.memory() - before) / _TRACED / 1024
    return found


def _round(alone: Scene, beside: Scene, *, has_polls: bool) -> dict[str, float]:
    found: dict[str, float] = {}
    for key, scene in (("alone", alone), ("idle", beside)):
        found[f"echo_{key}"] = scene.herd.ask(do="echo", rounds=_ECHO_ROUNDS)["seconds"]
    if has_polls:
        polls = {"alone": _poll(alone, _POLLS), "idle": _poll(beside, _POLLS)}
        found |= {f"poll_{key}": value for key, value in polls.items()}
    took = beside.server.ask(do="broadcast", size=_BROADCAST_SIZE)  # its sockets have room for it
    beside.herd.ask(do="drain", size=frame_size(_BROADCAST_SIZE, masked=False))
    return found | {"broadcast": took["seconds"], "broadcast_cpu": took["cpu"]}


def _poll(scene: Scene, count: int) -> float:
    """Return the seconds of a poll that has a message of each active connection to echo."""
    scene.server.ask(do="hold", is_held=True)
    seconds = []
    for _ in range(count):
        scene.herd.ask(do="shout")
        seconds.append(float(scene.server.ask(do="poll")["seconds"]))
        scene.herd.ask(do="collect")
    scene.server.ask(do="hold", is_held=False)
    return statistics.median(seconds)
