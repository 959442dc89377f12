"""python -m benchmarks.native.against: this package beside an earlier version of itself, in turns.

Both run the same cases on the same processors, so a change shows its cost. The other version is in another environment,
whose interpreter `--before` names. `./build.sh bench-native --against REV` makes that environment from a commit.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from typing import TYPE_CHECKING, Any, Final

from .cases import choose
from .contestants import AIO, OURS, Contestant
from .measure import Arena

if TYPE_CHECKING:
    from collections.abc import Iterable

SHORT: Final = ("receive 256 B", "send 256 B", "send 16 B in batches", "round trip 256 B, waiting", "receive 64 KiB")
"""The cases of `--short`."""

_BEFORE: Final = ", before"


def contestants(before: str) -> list[Contestant]:
    """Return the polled client and the awaited one, each in both versions; `before` is the other's interpreter."""
    now = (OURS, Contestant(AIO, "ours.aio", "asyncio"))
    return [*now, *(client._replace(name=client.name + _BEFORE, interpreter=before) for client in now)]


def costs(row: dict[str, Any]) -> dict[str, tuple[float, float]]:
    """Return the time that one message takes now, in times of what it took before, by client: (wall clock, CPU).

    A round trip has no CPU time of its own: both numbers are the median's. A client that failed is left out.
    """
    found: dict[str, tuple[float, float]] = {}
    for name in (OURS.name, AIO):
        now, before = row["contestants"].get(name), row["contestants"].get(name + _BEFORE)
        if now is None or before is None:
            continue
        if row["is_latency"]:
            found[name] = (now["p50"] / before["p50"],) * 2
        else:
            found[name] = before["rate"] / now["rate"], before["cpu_rate"] / now["cpu_rate"]
    return found


def table(rows: Iterable[dict[str, Any]]) -> str:
    """Return the costs as Markdown, with their geometric means in the last line."""
    names = (OURS.name, AIO)
    lines = [
        "Time of a message now, in times of what it took before (wall clock / CPU):",
        "",
        "| case | " + " | ".join(names) + " |",
        "| --- |" + " --- |" * len(names),
    ]
    all_costs: dict[str, list[tuple[float, float]]] = {name: [] for name in names}
    for row in rows:
        found = costs(row)
        for name, cost in found.items():
            all_costs[name].append(cost)
        lines.append(f"| {row['case']} | " + " | ".join(_cell(found.get(name)) for name in names) + " |")
    means = (_cell(_mean(all_costs[name])) for name in names)
    lines.append("| geometric mean | " + " | ".join(means) + " |")
    return "\n".join(lines) + "\n"


def _cell(cost: tuple[float, float] | None) -> str:
    return "–" if cost is None else f"{cost[0]:.2f} / {cost[1]:.2f}"


def _mean(some: list[tuple[float, float]]) -> tuple[float, float] | None:
    if not some:
        return None
    return statistics.geometric_mean(cost[0] for cost in some), statistics.geometric_mean(cost[1] for cost in some)


def main() -> int:
    """Measure and print the table; the exit status is 1 if a client failed."""
    options = _options()
    cases = choose(options.words, quick=False)
    if options.short:
        cases = [case for case in cases if case.name in SHORT]
    if not cases:
        sys.exit(f"no case has one of these words in its name: {' '.join(options.words)}")
    rows: list[dict[str, Any]] = []
    with Arena(contestants(options.before), None) as arena:
        for case in cases:
            measured = arena.run(case, options.rounds, options.seconds, lambda text: None)
            rows.append({"case": case.name, "is_latency": case.is_latency, "contestants": measured})
        for failure in arena.failures:
            print(f"failed: {failure}", file=sys.stderr)
        print(table(rows), end="")
        return 1 if arena.failures else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.native.against", description=__doc__)
    parser.add_argument("words", nargs="*", help="only cases whose names have one of these words")
    parser.add_argument("--before", metavar="PYTHON", required=True, help="an interpreter with the other version")
    parser.add_argument("--short", action="store_true", help="five cases")
    parser.add_argument("--rounds", type=int, default=9, help="how often each is run; 9")
    parser.add_argument("--seconds", type=float, default=0.05, help="how long one run takes about; 0.05")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
