"""python -m benchmarks.browser_soak DIST_DIR: a page under load for long, and what it has grown by.

First a flood of messages of all sizes in both directions, then connections that come and end in every way. Now and then
a line tells what could leak. It fails if a count has grown since the first quarter.
"""

from __future__ import annotations

import argparse
import sys
import time
from itertools import cycle, product
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.browser.census import census, trace_proxies
from tests.browser.engines import Setting, start_engine
from tests.browser.interpreter import Interpreter
from tests.browser.site_server import site
from tests.browser.test_leaks import CYCLES, FLOOD
from tests.contract.server import contract_server

if TYPE_CHECKING:
    from collections.abc import Iterator

_GROWTH = {"pythonProxies": 0, "jsReferences": 0, "objects": 200, "wasmHeap": 0, "jsHeap": 2_000_000}
"""What each count may grow by: what Python and the browser keep for themselves moves a little."""


def flood(page: Interpreter, url: str, minutes: float, step: float) -> Iterator[dict[str, Any]]:
    """Send and receive, in each way in turn; give the counts after every step, of so many seconds."""
    end = time.monotonic() + minutes * 60
    for wakes, backpressure in cycle(product((False, True), repeat=2)):
        page.run(FLOOD, url=url, seconds=step, wakes=wakes, backpressure=backpressure, timeout=step + 30)
        yield census(page)
        if time.monotonic() >= end:
            return


def cycles(page: Interpreter, url: str, count: int) -> Iterator[dict[str, Any]]:
    """Open and end connections, in each way in turn; give the counts after every five hundred."""
    for done, backpressure in zip(range(0, count, 500), cycle((False, True)), strict=False):
        rounds = min(500, count - done) // 10  # a round has ten connections
        page.run(CYCLES, rounds=rounds, url=url, backpressure=backpressure, timeout=90)
        yield census(page)


def watch(name: str, counts: Iterator[dict[str, Any]]) -> list[str]:
    """Print the counts as they come; return what has grown since the first quarter of them."""
    seen = []
    for number, count in enumerate(counts, 1):
        seen.append(count)
        print(f"{name} {number}:", *(f"{key} {value}" for key, value in count.items()), flush=True)
    early = seen[: max(2, len(seen) // 4)]
    grown = []
    for key, most in _GROWTH.items():
        growth = seen[-1][key] - max(count[key] for count in early)
        if growth > most:
            grown.append(f"{name}: {key} has grown by {growth}")
    return grown


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("dist_dir", type=Path, help="a Pyodide distribution that has the project's wheel")
    parser.add_argument("--minutes", type=float, default=10.0, help="of flood")
    parser.add_argument("--cycles", type=int, default=10_000, help="connections to open and end")
    parser.add_argument("--step", type=float, default=15.0, help="seconds of flood between two counts")
    arguments = parser.parse_args()
    with site(arguments.dist_dir) as site_url, contract_server() as urls:
        runner = start_engine("chromium", Setting(site_url, arguments.dist_dir, "main"))
        try:
            page = Interpreter(runner)
            trace_proxies(page)
            url = urls["server"] + "echo"
            grown = watch("flood", flood(page, url, arguments.minutes, arguments.step))
            grown += watch("cycles", cycles(page, url, arguments.cycles))
            grown += [f"the console says: {line}" for line in page.complaints()]
        finally:
            runner.quit()
    sys.exit("\n".join(grown) or None)


if __name__ == "__main__":
    main()
