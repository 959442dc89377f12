"""The longest gap beside a flood, in turns: how long a connection that is flooded keeps everything else waiting."""

from __future__ import annotations

import statistics
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from .cases import size_name
from .flooder import PATIENCE
from .measure import write_certificate
from .processes import BenchmarkError, Process, StuckError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from .contestants import Contestant

    Say = Callable[[str], None]

PLACES = {
    "loop": "a ticker on the loop of a flooded server",
    "bystander": "a bystander's echo at a flooded server",
    "client": "a ticker on the loop of a flooded client",
}
WORKS = (0, 20, 100)
"""Microseconds that the program works for each message."""

_SIZES = (8, 100, 1000, 65_536)
_QUICK_SIZES = (8, 65_536)
_QUICK_WORKS = (0, 100)
_SECONDS_PER_RUN = 8
"""A run takes so many times the seconds that one of throughput takes, since the longest gap is a rare one."""

_ENDLESS = 10**12


class Gap(NamedTuple):
    """One measurement: where the flood is, of messages of how many bytes, and the microseconds of work for each."""

    place: str
    size: int
    deflate: bool
    tls: bool
    work: int

    @property
    def flood(self) -> str:
        """What the flood is called in tables."""
        return size_name(self.size) + ", compressed" * self.deflate + ", TLS" * self.tls

    def has(self, contestant: Contestant) -> bool:
        """Tell whether a contestant can take part: picows does not compress, and only ours is polled."""
        if contestant.client == "picows":
            return not self.deflate
        return contestant.client not in {"ours", "ours.aio"} or (
            (contestant.client == "ours") is (self.place == "bystander")
        )


def gap_cases(*, quick: bool) -> list[Gap]:
    """Return all the measurements, or fewer sizes and amounts of work."""
    return [
        Gap(place, size, deflate, tls, work)
        for place in PLACES
        for size in (_QUICK_SIZES if quick else _SIZES)
        for deflate in (False, True)
        for tls in (False, True)
        for work in (_QUICK_WORKS if quick else WORKS)
    ]


class _Arena:
    """The counterpart, the flooder, and a process for each contestant, a new one after it has been stuck."""

    def __init__(self, contestants: Iterable[Contestant], compiled: str | None, stack: ExitStack) -> None:
        self.contestants = list(contestants)
        self._compiled = compiled
        self._stack = stack
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        certificate, key, authority = self._files = write_certificate(folder)
        self._ports = stack.enter_context(Process("counterpart", certificate, key)).answer()
        self._flooder = stack.enter_context(Process("flooder", authority))
        self.versions: dict[str, str] = {}
        self._workers = {contestant.name: self._start(contestant) for contestant in self.contestants}

    def _start(self, contestant: Contestant) -> Process:
        python = contestant.python(self._compiled)
        worker = Process("gap_worker", contestant.client, *self._files, python=python, name=contestant.name)
        about = self._stack.enter_context(worker).answer()
        if about["is_compiled"] is not contestant.is_compiled:
            raise BenchmarkError(f"{contestant.name} beside a flood is the wrong one of plain and compiled")
        self.versions[contestant.name] = about["version"]
        return worker

    def run(self, case: Gap, contestant: Contestant, seconds: float) -> dict[str, float]:
        """Return the longest gap, its CPU time, and messages a second; the gap alone if it was not over in time."""
        worker, scheme = self._workers[contestant.name], "wss" if case.tls else "ws"
        kind = "deflated" if case.deflate else "flood"
        job = case._asdict() | {"work": case.work / 1e6, "seconds": seconds}
        port = worker.ask(**job, url=f"{scheme}://127.0.0.1:{self._ports[scheme]}/{kind}/{case.size}/{_ENDLESS}")
        start = time.perf_counter()
        is_client = case.place == "client"
        found: dict[str, float] = {}
        try:
            if not is_client:
                self._flooder.ask(do="flood", port=port["port"], size=case.size, deflate=case.deflate, tls=case.tls)
            if case.place == "bystander":
                watched = self._flooder.ask(do="watch", port=port["port"], seconds=seconds, tls=case.tls)
                if watched["is_stuck"]:
                    return {"gap": watched["gap"]}
                found["gap"] = watched["gap"]
            told = worker.answer(seconds + PATIENCE)
            found = told | found
        except StuckError:
            return {"gap": time.perf_counter() - start}
        finally:
            if not is_client:
                self._flooder.ask(do="stop")
            try:
                if not found.get("rate"):
                    raise StuckError  # it would be asked in vain to end
                worker.answer(PATIENCE)
            except StuckError:
                worker.stop()
                self._workers[contestant.name] = self._start(contestant)
        return found


def measure_gaps(
    contestants: Iterable[Contestant],
    *,
    quick: bool,
    rounds: int,
    seconds: float,
    compiled: str | None,
    say: Say,
    show: Callable[[dict[str, Any]], None],
    failures: list[str],
) -> dict[str, Any]:
    """Return the medians of the longest gaps and of their CPU time, in seconds; `show` gets each finished case."""
    cases = gap_cases(quick=quick)
    rows: list[dict[str, Any]] = []
    with ExitStack() as stack:
        arena = _Arena(contestants, compiled, stack)
        for number, case in enumerate(cases):
            waiting = [contestant for contestant in arena.contestants if case.has(contestant)]
            samples: dict[str, list[dict[str, float]]] = {contestant.name: [] for contestant in waiting}
            for turn in range(rounds):
                say(f"gaps, {number + 1} of {len(cases)}: {PLACES[case.place]}, {case.flood}, round {turn + 1}")
                first = turn % len(waiting)
                for contestant in waiting[first:] + waiting[:first]:
                    runs = samples[contestant.name]
                    if runs and "cpu" not in runs[-1]:
                        continue  # once stuck is enough
                    try:
                        runs.append(arena.run(case, contestant, seconds * _SECONDS_PER_RUN))
                    except BenchmarkError as exc:
                        failures.append(f"{PLACES[case.place]}, {case.flood}, {case.work} µs: {exc}")
            found = {name: _median(runs) for name, runs in samples.items() if runs}
            rows.append(case._asdict() | {"flood": case.flood, "contestants": found})
            show(rows[-1])
    return {"versions": arena.versions, "rows": rows}


def _median(runs: list[dict[str, float]]) -> dict[str, float]:
    if "cpu" not in runs[-1]:
        return runs[-1]
    return {key: statistics.median(run[key] for run in runs) for key in runs[0]}
