"""The long run that watches for leaks (`benchmarks/browser_soak.py`) does what it should, in a short one."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.timeout(120)
def test_the_long_run_counts_what_could_leak(dist_dir: Path) -> None:
    command = (sys.executable, "-m", "benchmarks.browser_soak", str(dist_dir.resolve()))
    brief = ("--minutes", "0.001", "--step", "0.2", "--cycles", "20")
    run = subprocess.run((*command, *brief), cwd=ROOT, capture_output=True, text=True, timeout=100, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    assert [line.partition(":")[0] for line in run.stdout.splitlines()] == ["flood 1", "cycles 1"]
