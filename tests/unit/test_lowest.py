"""The lowest versions that pyproject.toml allows are those that CI tests once."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TOOL = ROOT / "tools" / "lowest.py"

PROJECT = """
[project]
dependencies = ["websockets>=15.0; sys_platform != 'emscripten'", "exact == 2.5"]
[project.optional-dependencies]
terminal = ["prompt-toolkit>=3.0.50,<4"]
files = ["starlette[full] ~= 0.40"]
[dependency-groups]
test = ["pytest>=8.3,<9.2", "werkzeug>=3.1", { include-group = "other" }]
other = ["zopfli"]
"""


def run(pyproject: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, TOOL, pyproject], capture_output=True, text=True, check=False)


def test_each_floor_is_required_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "pyproject.toml"
    file.write_text(PROJECT)
    assert run(file).stdout.splitlines() == [
        "exact==2.5",
        "prompt-toolkit==3.0.50",
        "starlette==0.40",
        'websockets==15.0 ; sys_platform != "emscripten"',
        "werkzeug==3.1",
    ]


@pytest.mark.parametrize("requirement", ["anything", "anything<3"])
def test_a_requirement_without_a_floor_is_an_error(tmp_path: Path, requirement: str) -> None:
    file = tmp_path / "pyproject.toml"
    file.write_text(f'[project]\ndependencies = ["{requirement}"]\n')
    result = run(file)
    assert result.returncode != 0
    assert "has no lowest version" in result.stderr


def test_every_requirement_of_this_package_has_a_floor() -> None:
    result = run(ROOT / "pyproject.toml")
    assert result.returncode == 0, result.stderr
    assert any(line.startswith("websockets==") for line in result.stdout.splitlines())
