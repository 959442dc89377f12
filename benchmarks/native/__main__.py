"""python -m benchmarks.native: clients and servers on CPython side by side, in turns.

Words choose cases by their names, as in `receive`, `256 B` or `TLS`; `servers` is the part about servers, `gaps` the
longest gap beside a flood. Only the ratios of one run mean something on a machine that does other work as well.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..documents import circumstances, fill
from . import report
from .cases import choose
from .contestants import CLIENTS, FLOODED, SERVERS, library
from .gaps import measure_gaps
from .measure import Arena
from .picture import draw
from .servers import measure_servers

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .contestants import Contestant

_SERVERS = "servers"
_GAPS = "gaps"


def main() -> int:
    """Measure, show and write down; the exit status is 1 if a contestant failed."""
    options = _options()
    told: dict[str, Any]
    if options.table is not None:
        told = json.loads(options.table.read_text())
        # Each part has marks of its own, and a run of the gaps alone leaves the rest as it is.
        parts = {"native": report.tables(told, cpu=options.cpu), "gaps": report.gap_tables(told)}
        for mark, part in parts.items():
            if part and options.into is None:
                print(part, end="")
            elif part:
                fill(options.into, mark, part)
        return 0
    told = _about(options.rounds)
    failures: list[str] = []
    words = [word for word in options.words if word not in {_SERVERS, _GAPS}]
    if words or not options.words:
        _run_clients(options, words, told, failures)
    if _SERVERS in options.words or not options.words:
        told["servers"] = measure_servers(
            _chosen(SERVERS, options),
            idle=options.connections,
            rounds=options.rounds,
            compiled=options.compiled,
            say=_say,
            failures=failures,
        )
        _show(report.server_text(told["servers"]))
    if _GAPS in options.words or not options.words:
        told["gaps"] = measure_gaps(
            _chosen(FLOODED, options),
            quick=options.quick,
            rounds=options.rounds,
            seconds=options.seconds,
            compiled=options.compiled,
            say=_say,
            show=lambda row: _show(report.gap_text(row)),
            failures=failures,
        )
    for failure in failures:
        print(f"failed: {failure}", file=sys.stderr)
    if options.json is not None:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps(told, indent=1) + "\n")
        options.json.with_suffix(".svg").write_text(draw(told))
    return 1 if failures else 0


def _run_clients(options: argparse.Namespace, words: list[str], told: dict[str, Any], failures: list[str]) -> None:
    cases = choose(words, quick=options.quick)
    if not cases:
        sys.exit(f"no case has one of these words in its name: {' '.join(words)}")
    with Arena(_chosen(CLIENTS, options), options.compiled) as arena:
        told["versions"] = arena.versions
        for number, case in enumerate(cases):

            def say(text: str, number: int = number) -> None:
                _say(f"{number + 1} of {len(cases)}, {text}")

            row = {
                "case": case.name,
                "method": case.method,
                "size": case.size,
                "tls": case.tls,
                "is_latency": case.is_latency,
                "contestants": arena.run(case, options.rounds, options.seconds, say),
            }
            told["clients"].append(row)
            _show(report.text(row, cpu=options.cpu))
        failures += arena.failures


def _chosen(contestants: Iterable[Contestant], options: argparse.Namespace) -> list[Contestant]:
    return [
        contestant
        for contestant in contestants
        if (options.compiled or not contestant.is_compiled)
        and (options.only is None or contestant.is_ours or library(contestant.name) in options.only)
    ]


def _about(rounds: int) -> dict[str, Any]:
    told = circumstances()
    told["machine"]["python"] = platform.python_version()
    return told | {"rounds": rounds, "versions": {}, "clients": [], "servers": None, "gaps": None}


def _say(text: str) -> None:
    if sys.stderr.isatty():
        print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)


def _show(text: str) -> None:
    _say("")
    print(text, flush=True)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.native", description=__doc__)
    parser.add_argument("words", nargs="*", help="only cases whose names have one of these words; `servers` for those")
    parser.add_argument("--quick", action="store_true", help="a few minutes: fewer sizes, rounds and connections")
    parser.add_argument("--rounds", type=int, help="how often each is run; 5, or 3 with --quick")
    parser.add_argument("--seconds", type=float, help="how long one run takes about; 0.05, or 0.02 with --quick")
    parser.add_argument("--connections", type=int, help="idle ones at a server; 10000, or 1000 with --quick")
    parser.add_argument("--compiled", metavar="PYTHON", help="an interpreter that has the compiled wheel")
    parser.add_argument("--only", action="append", metavar="LIBRARY", help="these peers beside ours; may be repeated")
    parser.add_argument("--cpu", action="store_true", help="compare CPU seconds of the clients, not the clock's")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the numbers there, and a picture beside them")
    parser.add_argument("--table", type=Path, metavar="FILE", help="measure nothing: print such a FILE as Markdown")
    parser.add_argument("--into", type=Path, metavar="FILE", help="with --table: between the marks in this FILE")
    options = parser.parse_args()
    for name, usual, quick in (("rounds", 5, 3), ("seconds", 0.05, 0.02), ("connections", 10_000, 1000)):
        if getattr(options, name) is None:
            setattr(options, name, quick if options.quick else usual)
    return options


if __name__ == "__main__":
    sys.exit(main())
