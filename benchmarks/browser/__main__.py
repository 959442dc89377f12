"""python -m benchmarks.browser DIST_DIR: contestants in one page, against the same server, in turns.

Every contestant does a short round of an exercise, then the next one does, and so on; a ratio is the median of what
each round's time was beside plain JavaScript's in the same round. On a machine that does other work only ratios mean
something.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from ..documents import circumstances
from .cases import EXERCISES, JS, KINDS, PEERS, SIZES, Case
from .page import BenchPage
from .picture import draw
from .report import table
from .server import bench_server

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_ROUND_MS = {"echo": 50.0, "flood_in": 120.0, "flood_out": 120.0}
"""How long a round should take. A flood's is longer, for a program that polls learns of its end a frame late."""

_PATIENCE = 3
"""A round has as many messages as plain JavaScript's, but for those that would take more than this times as long."""

_MOST = 20_000
"""Messages in a round."""

_TRIALS = 3


class Round(NamedTuple):
    """What one message took, in microseconds, where there were so many."""

    messages: int
    wall: float
    cpu: float
    call: float
    """Of `wall`, what passed in `send()`; means something when only sending is measured."""


class Bench:
    """Runs cases in a page, and remembers how many messages fit into a round."""

    def __init__(self, page: BenchPage, url: str) -> None:
        self._page = page
        self._url = url
        self._counts: dict[tuple[str, Case], int] = {}

    def round(self, peer: str, case: Case) -> Round:
        key = peer, case
        if key not in self._counts:
            first = max(1, min(50, 2_000_000 // case.size))
            if peer == "pyscript" and case.kind == "binary":
                first = max(1, 20_000 // case.size)
            # The best of some, as one that met a hiccup would have few messages bear what a round costs by itself.
            wall = min(self._run(peer, case, first).wall for _ in range(_TRIALS))
            most = self._counts.get((JS, case), _MOST)
            patience = 1 if peer == JS else _PATIENCE
            self._counts[key] = max(1, min(most, int(patience * _ROUND_MS[case.exercise] * 1000 / wall)))
        return self._run(peer, case, self._counts[key])

    def _run(self, peer: str, case: Case, count: int) -> Round:
        self._page.open(peer, self._url + case.path(count))
        try:
            cpu = self._page.cpu_milliseconds()
            wall = self._page.exercise(peer, case.exercise, case.kind, case.size, count)
            cpu = self._page.cpu_milliseconds() - cpu
            call = self._page.begin_milliseconds(peer)
        finally:
            self._page.close(peer)
        return Round(count, wall * 1000 / count, cpu * 1000 / count, call * 1000 / count)


def takes_part(peer: str, case: Case) -> bool:
    """Tell whether it makes sense: a polled round trip takes a frame, however long that is."""
    return not (peer == "polled" and case.exercise == "echo")


def measure(
    bench: Bench, peers: Sequence[str], cases: Sequence[Case], seconds: float, most_rounds: int
) -> list[dict[str, Any]]:
    """Go round and round through all cases until the time is over; at least once."""
    results: dict[tuple[Case, str], list[Round]] = {(case, peer): [] for case in cases for peer in peers}
    end = time.monotonic() + seconds
    for number in range(most_rounds):
        for index, case in enumerate(cases):
            if number and time.monotonic() > end:
                return [_row(case, peers, results) for case in cases]
            left = max(0, round(end - time.monotonic()))
            print(
                f"\r\033[Kround {number + 1}, {index + 1}/{len(cases)} {case}, {left} s left",
                flush=True,
                end="",
                file=sys.stderr,
            )
            for peer in peers:
                if takes_part(peer, case):
                    results[case, peer].append(bench.round(peer, case))
    return [_row(case, peers, results) for case in cases]


def _row(case: Case, peers: Iterable[str], results: dict[tuple[Case, str], list[Round]]) -> dict[str, Any]:
    base = results[case, JS]
    row: dict[str, Any] = {"exercise": case.exercise, "kind": case.kind, "size": case.size, "peers": {}}
    for peer in peers:
        rounds = results[case, peer]
        if not rounds:
            continue
        row["peers"][peer] = {
            "wall_us": round(statistics.median(one.wall for one in rounds), 2),
            "cpu_us": round(statistics.median(one.cpu for one in rounds), 2),
            "wall_ratio": round(statistics.median(one.wall / js.wall for one, js in zip(rounds, base, strict=True)), 2),
            "cpu_ratio": round(statistics.median(one.cpu / js.cpu for one, js in zip(rounds, base, strict=True)), 2),
            "rounds": len(rounds),
            "messages": rounds[0].messages,
        }
        if case.exercise == "flood_out":
            row["peers"][peer]["call_us"] = round(statistics.median(one.call for one in rounds), 2)
    return row


def count_crossings(page: BenchPage, url: str, peers: Sequence[str], rows: Sequence[dict[str, Any]]) -> None:
    """Write into each row what a message takes of crossings between Python and JavaScript."""
    for row in rows:
        case = Case.of(row)
        for peer in peers:
            if peer == JS or peer not in row["peers"]:
                continue
            is_slow = case.kind == "binary" and case.size > 4096 and peer in ("pyscript", "niquests")
            count = 1 if is_slow else min(100, 10_000_000 // case.size)
            print(f"\r\033[Kcounting crossings, {case} {peer}", end="", flush=True, file=sys.stderr)
            page.open(peer, url + case.path(count))
            before = page.crossings()
            page.exercise(peer, case.exercise, case.kind, case.size, count)
            row["peers"][peer]["crossings"] = round((page.crossings() - before) / count, 1)
            page.close(peer)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("dist_dir", type=Path, help="a Pyodide distribution that has the project's wheel")
    parser.add_argument("words", nargs="*", help="only cases whose name has all of these in it")
    parser.add_argument("--peers", nargs="+", choices=PEERS, default=PEERS)
    parser.add_argument("--seconds", type=float, default=200.0, help="after which no further round begins")
    parser.add_argument("--rounds", type=int, default=40, help="at most")
    parser.add_argument("--quick", action="store_true", help="one round of the smallest and the largest messages")
    parser.add_argument("--browser", choices=("chrome", "firefox"), default="chrome")
    parser.add_argument("--json", type=Path, help="write the numbers down, and a picture beside them")
    arguments = parser.parse_intermixed_args()

    sizes = (SIZES[0], SIZES[-1]) if arguments.quick else SIZES
    cases = [Case(exercise, kind, size) for exercise in EXERCISES for kind in KINDS for size in sizes]
    cases = [case for case in cases if all(word in str(case) for word in arguments.words)]
    peers = tuple(dict.fromkeys((JS, *arguments.peers)))
    rounds = 1 if arguments.quick else arguments.rounds
    told = circumstances()
    with bench_server() as url, BenchPage(arguments.dist_dir, arguments.browser) as page:
        rows = measure(Bench(page, url), peers, cases, arguments.seconds, rounds)
        description = page.description
    if arguments.browser == "chrome":
        with bench_server() as url, BenchPage(arguments.dist_dir, counts=True) as page:
            count_crossings(page, url, peers, rows)
    told |= {"browser": description, "rows": rows}
    print(table(told))
    if arguments.json:
        arguments.json.parent.mkdir(parents=True, exist_ok=True)
        arguments.json.write_text(json.dumps(told, indent=1) + "\n")
        arguments.json.with_suffix(".svg").write_text(draw(told))


if __name__ == "__main__":
    main()
