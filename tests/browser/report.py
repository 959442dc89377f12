"""What the browser tests found, as JSON for `tools/support_table.py`: by suite and place, how many tests passed."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path

import pytest

SUITES = {
    "test_contract": "contract",
    "test_web_platform": "web platform",
    "test_leaks": "leaks",
    "test_places": "places",
}
_TEST = re.compile(
    r"(test_\w+)\.py::\w+(?:\[(isolated-main|isolated-worker|main|worker|strict|pyscript-worker|pyscript|kernel)\b)?"
)

ENGINE_VERSION = "engine version"
"""The property by which a test tells the version of the engine that it ran in."""

LIBRARY = "library"
"""The property by which a test tells the third-party library that it runs in a page."""


class Report:
    """Counts the tests of one run."""

    def __init__(self, file: Path, engine: str, pyodide: str) -> None:
        self._file = file
        self._engine = engine
        self._pyodide = pyodide
        self._version = ""
        self._passed: Counter[tuple[str, str]] = Counter()
        self._all: Counter[tuple[str, str]] = Counter()
        self._libraries: dict[str, bool] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Count a test by its call, and a set-up or a teardown that went wrong against it."""
        self._version = dict(report.user_properties).get(ENGINE_VERSION, self._version)
        library = dict(report.user_properties).get(LIBRARY)
        if library is not None and (report.when == "call" or report.failed):
            self._libraries[str(library)] = self._libraries.get(str(library), True) and report.passed
        found = _TEST.search(report.nodeid)
        if found is None or found[1] not in SUITES:
            return
        key = (SUITES[found[1]], found[2] or "main")
        if report.when == "call" and not report.skipped:
            self._all[key] += 1
            self._passed[key] += report.passed
        elif report.failed:
            self._all[key] += 1

    def pytest_sessionfinish(self) -> None:
        """Write the file."""
        rows = [
            {"suite": suite, "place": place, "passed": self._passed[suite, place], "all": self._all[suite, place]}
            for suite, place in sorted(self._all)
        ]
        outcome: dict[str, object] = {
            "engine": self._engine,
            "version": self._version,
            "pyodide": self._pyodide,
            "rows": rows,
        }
        outcome["libraries"] = self._libraries
        self._file.parent.mkdir(parents=True, exist_ok=True)
        self._file.write_text(json.dumps(outcome, indent=1) + "\n")
