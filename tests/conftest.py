"""Fixtures for every suite."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

import pyws_browser

# How long something takes says nothing here: a machine may be busy, and the first call imports.
settings.register_profile("timeless", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("timeless")

pytest.register_assert_rewrite("tests.contract.cases")

from .contract.server import contract_server  # noqa: E402
from .interop.engine import INSTALL, PROGRAM, Engine, environment  # noqa: E402
from .interop.program import Program, Start  # noqa: E402


def pytest_report_header() -> str:
    """Say which of the wheels is tested."""
    return f"pyws_browser: {'compiled' if pyws_browser.compiled else 'plain'}, {pyws_browser.__path__[0]}"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say it once, whatever pytest was told to report."""
    if any(INSTALL in str(report.longrepr) for report in terminalreporter.getreports("skipped")):
        terminalreporter.write_line(f"The tests with a Godot 3 engine were skipped. {INSTALL}")


@pytest.fixture(scope="session")
def contract_urls() -> Iterator[dict[str, str]]:
    """The servers of the contract cases: the URL of each kind, to which a path is appended."""
    with contract_server() as urls:
        yield urls


@pytest.fixture(scope="session")
def engines(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Engine]]:
    """Give engines by name, each started once."""
    running: dict[str, Engine] = {}

    def get(name: str) -> Engine:
        if PROGRAM is None:
            pytest.skip(INSTALL)
        if name not in running:
            running[name] = Engine(tmp_path_factory.mktemp(name))
        return running[name]

    yield get
    for engine in running.values():
        engine.stop()


@pytest.fixture
def engine(engines: Callable[[str], Engine]) -> Iterator[Engine]:
    engine = engines("engine")
    yield engine
    engine.forget()


@pytest.fixture
def other_engine(engines: Callable[[str], Engine]) -> Iterator[Engine]:
    engine = engines("other engine")
    yield engine
    engine.forget()


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Give a function that starts a program."""
    programs: list[Program] = []

    def start(*command: str | Path) -> Program:
        env = environment(tmp_path)
        env["PYTHONPATH"] = str(Path(pyws_browser.__file__).parents[1])
        env["PYTHONUNBUFFERED"] = "1"
        programs.append(Program(*command, env={**os.environ, **env}))
        return programs[-1]

    yield start
    for program in programs:
        program.stop()
