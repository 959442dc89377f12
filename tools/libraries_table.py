"""Write the table of `docs/libraries.md` from what the browser tests ran, or check that the committed one still fits.

    python tools/libraries_table.py RESULTS DOCUMENT            write
    python tools/libraries_table.py --check RESULTS DOCUMENT    compare

RESULTS is a folder of the files that `pytest tests/browser --report FILE` writes. `tests/libraries/table.py` says what
each library is expected to do; only what passed is listed.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

BEGIN, END = "<!-- table: begin -->", "<!-- table: end -->"
HEAD = ("Library", "Version", "In a page", "Through", "Pyodide", "Notes")
LIBRARIES = Path(__file__).resolve().parents[1] / "tests" / "libraries" / "table.py"


def main() -> int:
    """Write or check."""
    parser = argparse.ArgumentParser(description="The table of the libraries that the browser tests ran.")
    parser.add_argument("--check", action="store_true", help="write nothing, and fail if the table is another")
    parser.add_argument("results", type=Path)
    parser.add_argument("document", type=Path)
    arguments = parser.parse_args()
    made = table(read_libraries(LIBRARIES), passed_on(arguments.results))
    text = arguments.document.read_text("utf-8")
    before, _, rest = text.partition(BEGIN)
    committed, _, after = rest.partition(END)
    if not arguments.check:
        arguments.document.write_text(f"{before}{BEGIN}\n{made}{END}{after}", "utf-8")
        return 0
    if committed.strip() != made.strip():
        print(f"{arguments.document} has another table than what ran makes:\n{made}")
        return 1
    return 0


def read_libraries(file: Path) -> list[Any]:
    """Return the libraries that are tested."""
    spec = importlib.util.spec_from_file_location("libraries_table_data", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return list(module.LIBRARIES)


def passed_on(folder: Path) -> dict[str, list[str]]:
    """Return the lines of Pyodide, as 314 and 0.29, on which each library passed everywhere."""
    lines: defaultdict[str, list[str]] = defaultdict(list)
    for file in sorted(folder.glob("*.json")):
        result = json.loads(file.read_text("utf-8"))
        for name, has_passed in result.get("libraries", {}).items():
            if has_passed:
                lines[name].append(result["pyodide"].rpartition(".")[0].removesuffix(".0"))
    return {name: sorted(set(found), reverse=True) for name, found in lines.items()}


def table(libraries: list[Any], passed: dict[str, list[str]]) -> str:
    """Return the table as Markdown."""
    rows = [HEAD, ("---",) * len(HEAD)]
    for library in libraries:
        if library.name in passed:
            outcome = "refused" if library.refused else "works with `carry`" if library.carry else "works"
            lines = ", ".join(passed[library.name])
            rows.append((library.name, library.version, outcome, library.how, lines, library.notes))
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


if __name__ == "__main__":
    sys.exit(main())
