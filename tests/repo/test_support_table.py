"""The table of docs/support.md is what the tests ran in."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

TOOL = Path(__file__).parents[2] / "tools" / "support_table.py"


def run(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, TOOL, *options, folder / "results", folder / "support.md"]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def put(folder: Path, engine: str, version: str, *places: str, passed: int = 51) -> None:
    rows = [{"suite": "contract", "place": place, "passed": passed, "all": 51} for place in places]
    (folder / "results" / f"{engine}.json").write_text(
        json.dumps({"engine": engine, "version": version, "pyodide": "314.0.7", "rows": rows})
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "results").mkdir()
    (tmp_path / "support.md").write_text("before\n<!-- table: begin -->\n<!-- table: end -->\nafter\n")
    put(tmp_path, "firefox", "153.7", "main", "worker")
    put(tmp_path, "chromium", "156.0", "main")
    assert run(tmp_path).returncode == 0
    return tmp_path


def test_it_is_written_between_its_marks(folder: Path) -> None:
    lines = (folder / "support.md").read_text().splitlines()
    assert lines[0] == "before"
    assert lines[-1] == "after"
    assert "| Chromium | 156.0 | main thread | 314.0.7 | 51 | – | – |" in lines
    assert "| Firefox | 153.7 | module worker | 314.0.7 | 51 | – | – |" in lines


def test_a_newer_patch_is_no_other_shape(folder: Path) -> None:
    put(folder, "firefox", "154.0", "main", "worker", passed=51)
    assert run(folder, "--check").returncode == 0


def test_a_place_that_did_not_run_is_told(folder: Path) -> None:
    put(folder, "firefox", "153.7", "main")
    found = run(folder, "--check")
    assert found.returncode == 1
    assert "lists what did not run: Firefox, module worker, 314" in found.stdout


def test_a_place_that_is_not_listed_is_told(folder: Path) -> None:
    put(folder, "node", "26.10.0", "main")
    found = run(folder, "--check")
    assert found.returncode == 1
    assert "does not list what ran: Node, main thread, 314" in found.stdout


def test_a_case_that_failed_is_told(folder: Path) -> None:
    put(folder, "chromium", "156.0", "main", passed=50)
    found = run(folder, "--check")
    assert found.returncode == 1
    assert "not all passed: Chromium, main thread: 50 of 51" in found.stdout
