"""Fetch the third-party libraries that the tests run, for pages and for CPython.

    python tools/library_wheels.py tests/libraries/wheels.txt .build/libraries

The folder gets `wheels/` with those for a page (CPython 3.14 on Emscripten, and pure ones), `index/`, a package index
of them for micropip, and `cpython/` with the same libraries for the Python that runs this. Nothing is resolved: the
list names every version.
"""

from __future__ import annotations

import argparse
import hashlib
import shutil
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

from packaging.utils import canonicalize_name, parse_wheel_filename

PAGE = ("--python-version", "3.14", "--implementation", "cp", "--abi", "cp314", "--abi", "none")
PLATFORMS = ("pyemscripten_2026_0_wasm32", "any")


def main() -> None:
    """Parse the command line and fetch."""
    parser = argparse.ArgumentParser(description="Fetch the third-party libraries that the tests run.")
    parser.add_argument("list", type=Path, help="requirements with exact versions, in groups between blank lines")
    parser.add_argument("folder", type=Path, help="the folder to make")
    arguments = parser.parse_args()
    fetch(arguments.list.read_text("utf-8"), arguments.folder)


def fetch(text: str, folder: Path) -> None:
    """Make the folder anew."""
    shutil.rmtree(folder, ignore_errors=True)
    wheels = folder / "wheels"
    groups = groups_of(text)
    platforms = [option for name in PLATFORMS for option in ("--platform", name)]
    for group in groups:
        _pip("download", "--only-binary=:all:", *PAGE, *platforms, "--dest", str(wheels), *group)
    write_index(wheels, folder / "index")
    (folder / "cpython").mkdir()
    newest = [requirement for requirement in groups[0] if not requirement.startswith("websockets==")]
    _pip("install", "--only-binary=:all:", "--target", str(folder / "cpython"), *newest)


def groups_of(text: str) -> list[list[str]]:
    """Return the requirements, group by group."""
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    return [group.split("\n") for group in "\n".join(lines).strip().split("\n\n")]


def write_index(wheels: Path, index: Path) -> None:
    """Write a page for each package (PEP 503), with links to its wheels and their hashes."""
    pages: defaultdict[str, list[str]] = defaultdict(list)
    for wheel in sorted(wheels.glob("*.whl")):
        name: str = canonicalize_name(parse_wheel_filename(wheel.name)[0])
        digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
        pages[name].append(f'<a href="../../wheels/{wheel.name}#sha256={digest}">{wheel.name}</a>')
    for package, links in pages.items():
        page = index / package / "index.html"
        page.parent.mkdir(parents=True)
        page.write_text("<!DOCTYPE html>\n<html><body>\n" + "<br>\n".join(links) + "\n</body></html>\n", "utf-8")


def _pip(command: str, *arguments: str) -> None:
    subprocess.run([sys.executable, "-m", "pip", command, "--quiet", "--no-deps", *arguments], check=True)


if __name__ == "__main__":
    main()
