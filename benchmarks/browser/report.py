"""The numbers of a run as a table.

python -m benchmarks.browser.report JSON --into DOCUMENT
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from ..documents import fill, told_of
from .cases import JS, Case

_NAMES = {JS: "plain JavaScript", "pyscript": "PyScript"}
_EXERCISES = {"echo": "round trip", "flood_in": "receive", "flood_out": "send"}


def table(told: dict[str, Any]) -> str:
    """Return what was told of a run as Markdown."""
    rows = told["rows"]
    peers = list(rows[-1]["peers"])
    rounds = rows[0]["peers"][JS]["rounds"]
    lines = [
        f"{told_of(told)}, {told['browser']}; medians of {rounds} rounds. µs a message, wall/CPU of the renderer, in "
        "brackets how many times plain JavaScript's; × are crossings between Python and JavaScript.",
        "",
        "| | " + " | ".join(_NAMES.get(peer, peer) for peer in peers) + " |",
        "|---|" + "---:|" * len(peers),
    ]
    for row in rows:
        case = Case.of(row)
        name = f"{_EXERCISES[case.exercise]} {case.message}"
        lines.append(f"| {name} | " + " | ".join(_cell(row, peer) for peer in peers) + " |")
    return "\n".join(lines) + "\n"


def _cell(row: dict[str, Any], peer: str) -> str:
    cell = row["peers"].get(peer)
    if cell is None:
        return ""
    text = f"{cell['wall_us']:,.0f}/{cell['cpu_us']:,.0f}"
    if peer != JS:
        text += f" ({cell['wall_ratio']:.2f}/{cell['cpu_ratio']:.2f})"
    return f"{text} {cell['crossings']:,.0f}×" if "crossings" in cell else text


def main() -> None:
    """Parse the command line and fill the document."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("json", type=Path, help="what a run wrote")
    parser.add_argument("--into", type=Path, required=True, help="the document with the marks")
    arguments = parser.parse_args()
    fill(arguments.into, "browser", table(json.loads(arguments.json.read_text())))


if __name__ == "__main__":
    main()
