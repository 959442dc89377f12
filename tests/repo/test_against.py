"""The benchmark that compares two versions of the package."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import provision
import pytest
from provision import ProvisionError

import pyws_browser
from benchmarks.native.against import contestants, costs, table

if TYPE_CHECKING:
    from typing import Any

ROOT = Path(__file__).parents[2]

FASTER_NOW = {
    "case": "receive 16 B",
    "is_latency": False,
    "contestants": {
        "ours": {"rate": 200.0, "cpu_rate": 400.0},
        "ours, before": {"rate": 100.0, "cpu_rate": 100.0},
    },
}
SLOWER_NOW = {
    "case": "round trip 16 B, waiting",
    "is_latency": True,
    "contestants": {
        "ours": {"p50": 2.0, "p99": 9.0},
        "ours, before": {"p50": 1.0, "p99": 9.0},
        "ours.aio": {"p50": 3.0, "p99": 9.0},
        "ours.aio, before": {"p50": 1.0, "p99": 9.0},
    },
}


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        pytest.param(FASTER_NOW, {"ours": (0.5, 0.25)}, id="more messages a second cost less"),
        pytest.param(SLOWER_NOW, {"ours": (2.0, 2.0), "ours.aio": (3.0, 3.0)}, id="a longer round trip costs more"),
    ],
)
def test_a_cost_is_the_time_now_in_times_of_the_time_before(
    row: dict[str, Any], expected: dict[str, tuple[float, float]]
) -> None:
    assert costs(row) == expected


def test_the_table_has_a_line_for_each_case_and_the_means() -> None:
    lines = table([FASTER_NOW, SLOWER_NOW]).splitlines()
    assert lines[-3:] == [
        "| receive 16 B | 0.50 / 0.25 | – |",
        "| round trip 16 B, waiting | 2.00 / 2.00 | 3.00 / 3.00 |",
        "| geometric mean | 1.00 / 0.71 | 3.00 / 3.00 |",
    ]


def test_the_other_version_runs_in_the_other_interpreter() -> None:
    assert [one.python(None) for one in contestants("/other/python")] == [sys.executable] * 2 + ["/other/python"] * 2


@pytest.mark.skipif(pyws_browser.compiled, reason="the plain wheels are compared")
def test_a_run_measures_both_versions() -> None:
    command = ("-m", "benchmarks.native.against", "--before", sys.executable, "--rounds", "1", "--seconds", "0.001")
    done = subprocess.run([sys.executable, *command, "send 16 B in batches"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    row = next(line for line in done.stdout.splitlines() if line.startswith("| send 16 B in batches |"))
    assert "–" not in row


def test_a_commit_that_git_does_not_know_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(provision, "environment", lambda *_: ROOT)
    with pytest.raises(ProvisionError, match="'no-such-commit'"):
        provision.wheel_of("no-such-commit")
