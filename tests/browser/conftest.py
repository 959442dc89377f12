"""Pyodide on a page and in a worker of headless Chromium, for tests that need the real thing.

`./build.sh test` makes the distribution that these tests load and names it by `--dist-dir`. Run without one they are
skipped; pytest-pyodide is imported only where it is used, so that this file loads without it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from http.server import ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from .interpreter import Interpreter


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    dist = config.getoption("dist_dir", default=None)
    is_ready = dist is not None and Path(dist, "pyodide-lock.json").is_file()
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.browser)
            if not is_ready:
                item.add_marker(pytest.mark.skip(reason="needs a Pyodide to load: ./build.sh test"))


@pytest.fixture(scope="session")
def dist_dir(pytestconfig: pytest.Config) -> Path:
    """The Pyodide distribution under test, with the project's wheel in it."""
    return Path(pytestconfig.getoption("dist_dir"))


@pytest.fixture(scope="session")
def web_server_main(dist_dir: Path) -> Iterator[tuple[str, int, None]]:
    """Serve the distribution, in place of pytest-pyodide's server.

    That one forks and answers one request at a time; Chromium opens connections ahead of their use.
    """
    from pytest_pyodide.server import DefaultHandler

    class Handler(DefaultHandler):
        def log_message(self, format_: str, *args: object) -> None:
            """Keep quiet: what matters of this shows on the browser's console."""

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=dist_dir)) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield "127.0.0.1", server.server_port, None
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture(scope="session")
def interpreters() -> list[Interpreter]:
    """The interpreters that run; every test watches them."""
    return []


@pytest.fixture(scope="session")
def start_interpreter(
    web_server_main: tuple[str, int, None], interpreters: list[Interpreter]
) -> Iterator[Callable[[str], Interpreter]]:
    """Give a function that starts an interpreter, in a browser of its own, in the place "main" or "worker"."""
    from pytest_pyodide import BrowserWorkerChromeRunner, SeleniumChromeRunner

    from .interpreter import Interpreter

    host, port, _ = web_server_main
    runner_types = {"main": SeleniumChromeRunner, "worker": BrowserWorkerChromeRunner}
    with ExitStack() as browsers:

        def start(place: str) -> Interpreter:
            runner = runner_types[place](server_hostname=host, server_port=port, load_pyodide=False)
            browsers.callback(runner.quit)
            interpreter = Interpreter(runner)
            interpreters.append(interpreter)
            return interpreter

        yield start


@pytest.fixture(scope="session")
def page_python(start_interpreter: Callable[[str], Interpreter]) -> Interpreter:
    """Python on a page's main thread."""
    return start_interpreter("main")


@pytest.fixture(scope="session")
def worker_python(start_interpreter: Callable[[str], Interpreter]) -> Interpreter:
    """Python in a module worker."""
    return start_interpreter("worker")


@pytest.fixture(scope="session", params=["page_python", "worker_python"], ids=["main", "worker"])
def python_place(request: pytest.FixtureRequest) -> Interpreter:
    """Python in each of the two places in turn."""
    interpreter: Interpreter = request.getfixturevalue(request.param)
    return interpreter


@pytest.fixture(autouse=True)
def _clean_console(interpreters: list[Interpreter]) -> Iterator[None]:
    """Fail a test that left an error behind which nobody caught; one that means to drains `complaints()` itself."""
    yield
    complaints = [complaint for interpreter in interpreters for complaint in interpreter.complaints()]
    if complaints:
        pytest.fail("Nobody caught this in the browser:\n" + "\n".join(complaints), pytrace=False)
