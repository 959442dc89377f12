"""Tests whose tab has crashed run once more, in a new browser, and the end of the run tells which.

Chromium 156 crashes now and then, once in some thousand tests, in whatever test it may be. As far as its dumps tell,
its own garbage collector scans the stack of a WebAssembly program that can be suspended (JSPI), and runs into a page
that it may not read. A crash for which a test is the cause comes again, and so fails it.
"""

from __future__ import annotations

import pytest
from _pytest.runner import runtestprotocol

MOST = 3
"""Crashes in one run that are borne. More are no chance."""

_CRASHED = "tab crashed"
_RAN_AGAIN = "ran again"


class Crashes:
    """Runs the tests, and knows in which the tab crashed."""

    def __init__(self) -> None:
        self._count = 0
        self._items: list[str] = []

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item, nextitem: pytest.Item | None) -> bool:
        """Run a test, and again if need be."""
        item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
        reports = runtestprotocol(item, log=False, nextitem=nextitem)
        if self._count < MOST and any(_CRASHED in report.longreprtext for report in reports):
            self._count += 1
            item.user_properties.append((_RAN_AGAIN, True))
            item.session._setupstate.teardown_exact(None)  # all fixtures, among them the browser
            reports = runtestprotocol(item, log=False, nextitem=nextitem)
        for report in reports:
            item.ihook.pytest_runtest_logreport(report=report)
        item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
        return True

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Take note of a test that ran again, in a worker's process as well."""
        if report.when == "teardown" and (_RAN_AGAIN, True) in map(tuple, report.user_properties):
            self._items.append(report.nodeid)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Tell."""
        for item in self._items:
            terminalreporter.write_line(f"The tab crashed in {item}, which ran again in a new browser")
