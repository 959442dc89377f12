"""Add the lines that ran in pages to what `coverage` found on CPython.

    python tools/page_coverage.py FOLDER FILE

FOLDER has what `pytest tests/browser --arcs FOLDER` wrote. FILE is the data of `coverage`, which has
the package's files under their names in the repository.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from coverage import CoverageData

PACKAGE = "pyws_browser"


def arcs_in(folder: Path) -> dict[str, set[tuple[int, int]]]:
    """Return the arcs of all files of the folder, by the name in the repository."""
    arcs: dict[str, set[tuple[int, int]]] = {}
    for file in folder.glob("*.json"):
        for name, found in json.loads(file.read_text("utf-8")).items():
            arcs.setdefault(f"{PACKAGE}/{name}", set()).update((first, second) for first, second in found)
    return arcs


def main() -> int:
    """Add them; fail if there are none."""
    parser = argparse.ArgumentParser(description="Add the lines that ran in pages to the data of coverage.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("file", type=Path)
    arguments = parser.parse_args()
    arcs = arcs_in(arguments.folder)
    if not arcs:
        print(f"{arguments.folder} has no lines that ran in pages", file=sys.stderr)
        return 1
    data = CoverageData(str(arguments.file))
    data.read()
    data.add_arcs(arcs)
    data.write()
    return 0


if __name__ == "__main__":
    sys.exit(main())
