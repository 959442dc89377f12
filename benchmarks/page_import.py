"""How long `import pyws_browser` takes in a page, once its wheel is unpacked.

    ./build.sh bench-import

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
from pytest_pyodide.server import DefaultHandler

ROUND = """
self.pyodide = await loadPyodide();
await pyodide.loadPackage("pyws-browser");
return pyodide.runPython(`
import sys, time
start = time.perf_counter()
import pyws_browser
(time.perf_counter() - start) * 1000
`);
"""


class _QuietHandler(DefaultHandler):
    def log_message(self, format_: str, *args: object) -> None:
        pass


def measure(dist_dir: Path, rounds: int) -> list[float]:
    """Return the milliseconds of each round."""
    handler = partial(_QuietHandler, directory=dist_dir)
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        runner = SeleniumChromeRunner(server_hostname="127.0.0.1", server_port=server.server_port, load_pyodide=False)
        try:
            times = []
            for _ in range(rounds):
                runner.prepare_driver()
                runner.javascript_setup()
                times.append(float(runner.run_js(ROUND, pyodide_checks=False)))
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
    print(f"import pyws_browser: median {statistics.median(times):.1f} ms of {len(times)} pages")
    print("all:", *(f"{time:.1f}" for time in times))


if __name__ == "__main__":
    main()
