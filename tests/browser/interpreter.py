"""A Pyodide in a real engine, on the main thread or in a worker, as an object that runs Python."""

from __future__ import annotations

import json
import os
import re
import textwrap
from itertools import count
from pathlib import Path
from typing import Any

from .engines import Runner

# Every line on stderr is a complaint: there Python reports what it cannot raise, such as a task whose exception was
# never retrieved.
_START = """
globalThis.pyodide = await loadPyodide({ stderr: (line) => complaints.push(`stderr: ${line}`) });
const errors = [];
await pyodide.loadPackage("pyws-browser", { messageCallback() {}, errorCallback: (line) => errors.push(line) });
if (errors.length) {
    throw new Error(errors.join("; "));
}
"""

_MODULES = "/home/pyodide/modules"

_RECORDER = Path(__file__).parent / "arcs.py"

# The harness in Python. Results cross as JSON, so that no proxy outlives a call.
_HARNESS = f"""
import asyncio, importlib, json, linecache, pathlib, reprlib, sys, traceback
from pyodide.code import eval_code_async

SOURCE = "/home/pyodide/test_code.py"
MODULES = pathlib.Path({_MODULES!r})
MODULES.mkdir(exist_ok=True)
sys.path.insert(0, str(MODULES))

def install_module(name, source):
    file = MODULES.joinpath(*name.split(".")).with_suffix(".py")
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(source)
    sys.modules.pop(name, None)
    importlib.invalidate_caches()
    linecache.checkcache()

async def run_test_code(source, seconds, names):
    namespace = {{"__name__": "__main__", **json.loads(names)}}
    try:
        async with asyncio.timeout(seconds):
            value = await eval_code_async(source, namespace, filename=SOURCE)
        return json.dumps({{"value": value}})
    except BaseException as error:
        return json.dumps({{"type": type(error).__name__, "traceback": describe(error)}})

def describe(error):
    # The frames above the test's own are those of this harness.
    frames = error.__traceback__
    while frames is not None and frames.tb_frame.f_code.co_filename != SOURCE:
        frames = frames.tb_next
    lines = traceback.format_exception(error.with_traceback(frames or error.__traceback__))
    while frames is not None and frames.tb_next is not None:
        frames = frames.tb_next
    if frames is not None and isinstance(error, AssertionError):
        lines += [f"  {{name}} = {{reprlib.repr(value)}}\\n" for name, value in frames.tb_frame.f_locals.items()
                  if not name.startswith("__")]
    return "".join(lines)
"""

# What engines write to the console by themselves when a connection failed.
_HARMLESS = re.compile(
    r"WebSocket connection to '[^']*' failed"
    r"|Firefox can’t establish a connection to the server at ws"
    r"|The connection to ws\S+ was interrupted while the page was loading"
)


class PythonError(Exception):
    """A Python exception in the browser; the message is its traceback there."""

    def __init__(self, type_name: str, traceback: str) -> None:
        super().__init__(traceback)
        self.type_name = type_name


class Interpreter:
    """Pyodide in a browser of its own, with the project's wheel installed.

    Args:
        runner: the hold on the page, worker or process, without a Pyodide yet.
        arcs: the folder for what `arcs.py` records, None to record nothing.
    """

    def __init__(self, runner: Runner, arcs: Path | None = None) -> None:
        self.runner = runner
        self._arcs = arcs
        self._modules: dict[str, str] = {}
        self._start()

    def restart(self) -> None:
        """Begin again with a new page (and worker) and a new Pyodide; what `install` brought stays."""
        self.save_arcs()
        self.runner.reset()
        self._start()

    def run(self, source: str, *, timeout: float = 30.0, **names: Any) -> Any:
        """Run Python source, in which `await` is fine, and return the value of its last expression.

        Args:
            source: may be indented as a whole. Each run has a namespace of its own.
            timeout: in seconds; the code is cancelled then and the traceback shows where it was.
            names: JSON-able values that the code sees under these names.

        Raises:
            PythonError: the code raised; the message is the traceback, in the browser.
        """
        __tracebackhide__ = True
        call = f"await run_test_code({textwrap.dedent(source)!r}, {timeout!r}, {json.dumps(names)!r})"
        # Code that never comes back to the event loop cannot be cancelled, and the engine is given up on.
        outcome = json.loads(self.run_js(f"return await pyodide.runPythonAsync({json.dumps(call)});", timeout + 10))
        if "traceback" in outcome:
            raise PythonError(outcome["type"], outcome["traceback"])
        return outcome["value"]

    def install(self, name: str, source: str) -> None:
        """Make `source` importable under the (dotted) module name `name`."""
        self._modules[name] = source
        self._python(f"install_module({name!r}, {source!r})")

    def run_js(self, code: str, timeout: float = 60.0) -> Any:
        """Run the body of an async JavaScript function where the interpreter is; return what it returns, by JSON."""
        return self.runner.run_js(code, timeout)

    def complaints(self) -> list[str]:
        """Return, and forget, the errors that nobody caught since the last call."""
        return [complaint for complaint in self.runner.complaints() if not _HARMLESS.search(complaint)]

    def save_arcs(self) -> None:
        """Write what was recorded since the start to a new file of the folder."""
        if self._arcs is None:
            return
        self._arcs.mkdir(parents=True, exist_ok=True)
        try:
            made = self.run_js('return pyodide.runPython("import arcs; arcs.dump()");')
        except Exception as exc:  # the tab has crashed, which the test has already told
            print(f"What ran in a page until it crashed is not in the report of coverage: {exc}")
            return
        for number in count():
            try:
                with open(self._arcs / f"{os.getpid()}-{number}.json", "x", encoding="utf-8") as file:
                    file.write(made)
            except FileExistsError:
                continue
            return

    def _start(self) -> None:
        self.run_js(_START)
        self._python(_HARNESS)
        if self._arcs is not None:
            self._python(f"install_module('arcs', {_RECORDER.read_text('utf-8')!r})")
            self._python("import arcs; arcs.start()")
        for name, source in self._modules.items():
            self._python(f"install_module({name!r}, {source!r})")

    def _python(self, source: str) -> None:
        self.run_js(f"pyodide.runPython({json.dumps(source)});")
