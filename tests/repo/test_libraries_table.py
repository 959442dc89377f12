"""The table of `docs/libraries.md` is made of what the browser tests ran."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

TOOL = Path(__file__).parents[2] / "tools" / "libraries_table.py"


def run(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, TOOL, *options, folder / "results", folder / "libraries.md"]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def put(folder: Path, pyodide: str, **libraries: bool) -> None:
    found = {name.replace("_", "-"): has_passed for name, has_passed in libraries.items()}
    (folder / "results" / f"{pyodide}.json").write_text(json.dumps({"pyodide": pyodide, "libraries": found}))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "results").mkdir()
    (tmp_path / "libraries.md").write_text("before\n<!-- table: begin -->\n<!-- table: end -->\nafter\n")
    put(tmp_path, "314.0.7", gql=True, openai=True, speechmatics_rt=True)
    put(tmp_path, "0.29.5", gql=True)
    assert run(tmp_path).returncode == 0
    return tmp_path


def test_it_is_written_between_its_marks(folder: Path) -> None:
    lines = (folder / "libraries.md").read_text().splitlines()
    assert (lines[0], lines[-1]) == ("before", "after")
    cells = [line.strip("| ").split(" | ") for line in lines if line.startswith("| ")]
    assert [(row[0], row[2], row[4]) for row in cells[2:]] == [
        ("gql", "works", "314, 0.29"),
        ("openai", "works with `carry`", "314"),
        ("speechmatics-rt", "refused", "314"),
    ]


def test_what_ran_as_before_passes_the_check(folder: Path) -> None:
    assert run(folder, "--check").returncode == 0


def test_a_library_that_failed_is_told(folder: Path) -> None:
    put(folder, "0.29.5", gql=False)
    done = run(folder, "--check")
    assert done.returncode == 1
    assert "another table" in done.stdout
