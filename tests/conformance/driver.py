"""Runs cases of the Autobahn suite against the package, in both roles, and says which did not pass."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from . import echo, wstest

OUT = Path(__file__).parents[2] / ".build" / "conformance"
ROLES = ("client", "server")
_PASSED = ("OK", "NON-STRICT", "INFORMATIONAL")
UNKNOWN = ("MISSING", "MISSING")


class Verdict(NamedTuple):
    """What the suite says about one case: how it went, and how it was closed."""

    role: str
    case: str
    behaviour: str
    closing: str

    @property
    def has_passed(self) -> bool:
        """A case passed if both did; UNIMPLEMENTED and MISSING are failures like others."""
        return self.behaviour in _PASSED and self.closing in _PASSED

    def __str__(self) -> str:
        return f"{self.role} {self.case}: {self.behaviour}, closing {self.closing}"


def select_cases(patterns: Iterable[str]) -> list[str]:
    """Return the ids of the cases that patterns such as "9.*" or "12.[1-3].1" name."""
    names = [re.compile(pattern.replace(".", r"\.").replace("*", ".*")) for pattern in patterns]
    return [case for case in wstest.all_cases() if any(name.fullmatch(case) for name in names)]


def run(cases: Sequence[str], roles: Sequence[str] = ROLES, jobs: int = 1) -> list[Verdict]:
    """Run the cases in these roles, each role with `jobs` processes of the suite at once.

    The suite's report of a case that did not pass stays in `.build/conformance`.
    """
    parts = [(role, number, cases[number::jobs]) for number in range(jobs) for role in roles]
    with ThreadPoolExecutor(len(parts)) as pool:
        return [verdict for part in pool.map(lambda part: _run_part(*part), parts) for verdict in part]


def _run_part(role: str, number: int, cases: Sequence[str]) -> list[Verdict]:
    out = OUT / f"{role}-{os.getpid()}-{number}"
    (_run_client if role == "client" else _run_server)(out, cases)
    found = wstest.verdicts(out)
    verdicts = [Verdict(role, case, *found.get(case, UNKNOWN)) for case in cases]
    if all(verdict.has_passed for verdict in verdicts):
        shutil.rmtree(out)
    return verdicts


def _run_client(out: Path, cases: Sequence[str]) -> None:
    """Connect our client to the suite's server, once for every case and once for the report."""
    with wstest.running("server", out, cases, url="ws://127.0.0.1:9001") as process:
        address = f"ws://127.0.0.1:{wstest.port_of(process.stdout)}"
        with ThreadPoolExecutor(1) as reader:
            reader.submit(drain, process.stdout)
            for case in cases:
                echo.run_client(f"{address}/runCase?casetuple={case}&agent={wstest.AGENT}")
            echo.run_client(f"{address}/updateReports?agent={wstest.AGENT}")
            process.terminate()


def _run_server(out: Path, cases: Sequence[str]) -> None:
    """Let the suite's client connect to our server."""
    with echo.echo_server() as server:
        servers = [{"agent": wstest.AGENT, "url": f"ws://127.0.0.1:{server.port}"}]
        with wstest.running("client", out, cases, servers=servers) as process, ThreadPoolExecutor(1) as reader:
            reader.submit(drain, process.stdout)
            echo.serve_until(server, lambda: process.poll() is not None)


def drain(output: Iterable[str] | None) -> None:
    """Keep the suite from waiting for a reader."""
    for _ in output or ():
        pass
