"""How long a page takes to load the package's wheel, to import it, and to import what the first connection needs.

    python -m benchmarks.page_import DIST_DIR

Each round is a new page with a new Pyodide in headless Chromium, so Python compiles the package anew.
"""

from __future__ import annotations

import argparse
import statistics
from functools import partial
from http.server import ThreadingHTTPServer
from pathlib import Path
from threading import Thread

from pytest_pyodide import SeleniumChromeRunner

from .browser.page import QuietHandler

STEPS = ("loadPackage", "import pyws_browser", "what the first connection imports")

ROUND = """
self.pyodide = await loadPyodide();
const start = performance.now();
await pyodide.loadPackage("pyws-browser");
const loading = performance.now() - start;
return [loading, ...pyodide.runPython(`
from time import perf_counter
start = perf_counter()
import pyws_browser
imported = perf_counter()
import pyws_browser.transport.page.transport
(imported - start) * 1000, (perf_counter() - imported) * 1000
`)];
"""


def measure(dist_dir: Path, rounds: int) -> list[tuple[float, ...]]:
    """Return for each round the milliseconds of `STEPS`."""
    handler = partial(QuietHandler, directory=dist_dir)
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        runner = SeleniumChromeRunner(server_hostname="127.0.0.1", server_port=server.server_port, load_pyodide=False)
        try:
            times = []
            for _ in range(rounds):
                runner.prepare_driver()
                runner.javascript_setup()
                times.append(tuple(map(float, runner.run_js(ROUND, pyodide_checks=False))))
            return times
        finally:
            runner.quit()
            server.shutdown()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("dist_dir", type=Path, help="a Pyodide distribution that has the project's wheel")
    parser.add_argument("--rounds", type=int, default=9)
    arguments = parser.parse_args()
    times = measure(arguments.dist_dir, arguments.rounds)
    for name, each in zip(STEPS, zip(*times, strict=True), strict=True):
        print(f"{name}: median {statistics.median(each):.1f} ms of", *(f"{time:.1f}" for time in each))


if __name__ == "__main__":
    main()
