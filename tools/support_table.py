"""Write the table of `docs/support.md` from what the browser tests found, or check that the committed one still fits.

    python tools/support_table.py RESULTS DOCUMENT            write
    python tools/support_table.py --check RESULTS DOCUMENT    compare

RESULTS is a folder of the files that `pytest tests/browser --report FILE` writes. The shape is engines, places and
lines of Pyodide: a newer patch of a browser or more cases do not make the table stale, a place that is gone does.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import NamedTuple

BEGIN, END = "<!-- table: begin -->", "<!-- table: end -->"
ENGINES = {"chromium": "Chromium", "firefox": "Firefox", "webkit": "WebKitGTK", "node": "Node"}
PLACES = {
    "main": "main thread",
    "worker": "module worker",
    "isolated-main": "main thread, COOP and COEP",
    "isolated-worker": "module worker, COOP and COEP",
    "strict": "strict Content-Security-Policy",
    "pyscript": "PyScript",
    "pyscript-worker": "PyScript, worker",
    "kernel": "notebook kernel in a worker",
}
SUITES = ("contract", "web platform", "leaks", "places")
HEAD = ("Engine", "Version", "Place", "Pyodide", "Contract cases", "Groups of web rules", "Leaks")


class Line(NamedTuple):
    """One line of the table."""

    engine: str
    version: str
    place: str
    pyodide: str
    counts: tuple[str, ...]

    @property
    def shape(self) -> tuple[str, str, str]:
        """The part that must be the same in the committed table."""
        return self.engine, self.place, self.pyodide.partition(".")[0]


def main() -> int:
    """Write or check."""
    parser = argparse.ArgumentParser(description="The table of what the browser tests ran in.")
    parser.add_argument("--check", action="store_true", help="write nothing, and fail if the shape is another")
    parser.add_argument("results", type=Path)
    parser.add_argument("document", type=Path)
    arguments = parser.parse_args()
    lines = read_results(arguments.results)
    text = arguments.document.read_text("utf-8")
    if arguments.check:
        return check(lines, text, arguments.document)
    before, _, rest = text.partition(BEGIN)
    arguments.document.write_text(before + BEGIN + "\n" + table(lines) + END + rest.partition(END)[2], "utf-8")
    return 0


def read_results(folder: Path) -> list[Line]:
    """Merge the files of a folder into lines, sorted as in the document."""
    lines = []
    for file in folder.glob("*.json"):
        result = json.loads(file.read_text("utf-8"))
        counts: dict[str, dict[str, str]] = {}
        for row in result["rows"]:
            whole = row["passed"] == row["all"]
            count = str(row["passed"]) if whole else f"{row['passed']} of {row['all']}"
            suite = "contract" if row["suite"] == "places" else row["suite"]
            counts.setdefault(row["place"], {})[suite] = count
        for place, by_suite in counts.items():
            shown = tuple(by_suite.get(suite, "–") for suite in SUITES[:3])
            engine = ENGINES[result["engine"]]
            lines.append(Line(engine, result["version"], PLACES[place], result["pyodide"], shown))
    engines, places = list(ENGINES.values()), list(PLACES.values())
    return sorted(lines, key=lambda line: (engines.index(line.engine), line.pyodide, places.index(line.place)))


def table(lines: list[Line]) -> str:
    """Return the lines as Markdown."""
    rows = [HEAD, ("---",) * len(HEAD)]
    rows += [(line.engine, line.version, line.place, line.pyodide, *line.counts) for line in lines]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def check(lines: list[Line], text: str, document: Path) -> int:
    """Report the missing and the extra lines of the committed table."""
    committed = set()
    for row in text.partition(BEGIN)[2].partition(END)[0].strip().splitlines()[2:]:
        cells = [cell.strip() for cell in row.strip("| ").split("|")]
        if len(cells) == len(HEAD):
            committed.add(Line(cells[0], cells[1], cells[2], cells[3], ()).shape)
    ran = {line.shape for line in lines}
    for shape in sorted(ran - committed):
        print(f"{document} does not list what ran: {', '.join(shape)}")
    for shape in sorted(committed - ran):
        print(f"{document} lists what did not run: {', '.join(shape)}")
    for line in lines:
        if any(" of " in count for count in line.counts):
            print(f"not all passed: {line.engine}, {line.place}: {', '.join(line.counts)}")
    return int(ran != committed or any(" of " in count for line in lines for count in line.counts))


if __name__ == "__main__":
    sys.exit(main())
