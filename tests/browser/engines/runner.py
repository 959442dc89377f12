"""What the tests ask of an engine: a place in it, main thread or worker, that runs JavaScript."""

from __future__ import annotations

import json
import time
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlencode

PLACES = ("main", "worker")


class Setting(NamedTuple):
    """Where a runner runs: the tests' site, the Pyodide distribution behind it, and the place in the engine."""

    site: str
    dist: Path
    place: str

    def page(self, **parameters: str) -> str:
        """Return the URL of the page whose `run()` runs JavaScript in the place."""
        return f"{self.site}/tests/page.html?{urlencode({'place': self.place, **parameters})}"


class EngineMissingError(Exception):
    """The engine is not installed; the message says what to install."""


class JavaScriptError(Exception):
    """The JavaScript threw; the message is the error and its stack."""


class EngineTimeoutError(Exception):
    """The engine did not answer in time."""


class Runner(ABC):
    """JavaScript in one place of one engine, without a Pyodide yet."""

    engine = ""
    version = ""

    def __init__(self, setting: Setting) -> None:
        self.setting = setting
        self.place = setting.place

    def run_js(self, body: str, timeout: float = 60.0) -> Any:
        """Run the body of an async function in the place and return what it returns, by JSON; `timeout` in seconds."""
        outcome = json.loads(self._run(body, timeout))
        if "error" in outcome:
            raise JavaScriptError(f"{outcome['error']}\n{outcome['stack']}")
        return outcome["value"]

    @abstractmethod
    def reset(self) -> None:
        """Begin again with a new page or process, and a new worker in it."""

    @abstractmethod
    def complaints(self) -> list[str]:
        """Return, and forget, what nobody caught, and the errors on the console."""

    @abstractmethod
    def quit(self) -> None:
        """End the engine."""

    def collect_garbage(self) -> bool:
        """Have the engine collect its garbage now; False if it cannot be told to."""
        return False

    @abstractmethod
    def _run(self, body: str, timeout: float) -> str:
        """Return the JSON that `place.mjs` answers with."""


class Deadline:
    """A time limit, in seconds."""

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds

    def left(self) -> float:
        """Return the seconds that are left; raises EngineTimeoutError when none are."""
        left = self._end - time.monotonic()
        if left <= 0:
            raise EngineTimeoutError("the engine did not answer in time")
        return left
