"""The page in which the contestants run: a browser, a Pyodide, and a way to call into them."""

from __future__ import annotations

import json
from contextlib import ExitStack
from functools import partial
from http.server import ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any

from pytest_pyodide import SeleniumChromeRunner, SeleniumFirefoxRunner
from pytest_pyodide.server import DefaultHandler

from . import rivals
from .renderer import Renderer

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

_HERE = Path(__file__).parent
_DOWNLOADS = _HERE.parents[1] / ".build" / "rivals"
_RUNNERS = {"chrome": SeleniumChromeRunner, "firefox": SeleniumFirefoxRunner}


class QuietHandler(DefaultHandler):
    """Serves files, and says nothing about it."""

    def log_message(self, format_: str, *args: object) -> None:
        pass


class BenchPage:
    """A page with a Pyodide and all contestants in it; `counts` makes it count crossings, which slows them down."""

    def __init__(self, dist_dir: Path, browser: str = "chrome", *, counts: bool = False) -> None:
        self._resources = ExitStack()
        handler = partial(QuietHandler, directory=dist_dir)
        server = self._resources.enter_context(ThreadingHTTPServer(("127.0.0.1", 0), handler))
        Thread(target=server.serve_forever, daemon=True).start()
        self._resources.callback(server.shutdown)
        self.runner = _RUNNERS[browser](server_hostname="127.0.0.1", server_port=server.server_port, load_pyodide=False)
        self._resources.callback(self.runner.quit)
        self.runner.set_script_timeout(30)
        if counts:
            self.run_js((_HERE / "crossings.js").read_text("utf-8"))
        self._start()
        self._renderer = Renderer(self.runner.driver.service.process.pid)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._resources.close()

    @property
    def description(self) -> str:
        """Name and version of the browser and of Pyodide."""
        names = self.runner.driver.capabilities
        return f"{names['browserName']} {names['browserVersion']}, Pyodide {self.run_js('return pyodide.version;')}"

    def run_js(self, code: str) -> Any:
        return self.runner.run_js(code, pyodide_checks=False)

    def open(self, peer: str, url: str) -> None:
        """Connect a contestant."""
        self.run_js(f"await {self._call(peer, 'open', 'open_peer', peer, url)}")

    def exercise(self, peer: str, *arguments: str | int) -> float:
        """Let it do an exercise; return the milliseconds by the page's clock."""
        if peer == "js":
            name, *rest = arguments
            code = f"plainJs.{name}(...{json.dumps(rest)})"
        else:
            code = f"peers.exercise(...{json.dumps(arguments)})"
        return float(self.run_js(f"return await {code};"))

    def begin_milliseconds(self, peer: str) -> float:
        """Return how much of the last exercise went by in handing over its first messages."""
        return float(self.run_js(f"return {'plainJs.begin_ms' if peer == 'js' else 'peers.begin_ms()'};"))

    def close(self, peer: str) -> None:
        self.run_js(self._call(peer, "close", "close_peer", peer) + ";")

    def cpu_milliseconds(self) -> float:
        """Return the CPU time that the browser's renderers have used so far."""
        return self._renderer.cpu_milliseconds()

    def crossings(self) -> int:
        """Return how many operations Python has asked of JavaScript so far."""
        return int(self.run_js("return crossings;"))

    def _call(self, peer: str, js_name: str, py_name: str, *arguments: str) -> str:
        if peer == "js":
            return f"plainJs.{js_name}(...{json.dumps(arguments[1:])})"
        return f"peers.{py_name}(...{json.dumps(arguments if py_name == 'open_peer' else [])})"

    def _start(self) -> None:
        self.run_js("self.pyodide = await loadPyodide();")
        self.runner.load_package("pyws-browser")
        modules = rivals.modules(_DOWNLOADS) | {"peers": (_HERE / "peers.py").read_text("utf-8")}
        for name, source in modules.items():
            path = "/lib/bench/" + name.replace(".", "/") + ".py"
            folder = path.rpartition("/")[0]
            self.run_js(
                f"pyodide.FS.mkdirTree({json.dumps(folder)});"
                f"pyodide.FS.writeFile({json.dumps(path)}, {json.dumps(source)});"
            )
        self.run_js(
            "pyodide.runPython('import sys; sys.path.insert(0, \"/lib/bench\")');"
            "self.peers = pyodide.pyimport('peers');"
        )
        self.run_js((_HERE / "peers.js").read_text("utf-8"))
