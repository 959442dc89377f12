"""What the benchmarks write into a document: where they ran, and tables between two marks."""

from __future__ import annotations

import os
import platform
import time
from pathlib import Path
from typing import Any


def circumstances() -> dict[str, Any]:
    """Return when and on what a benchmark is run."""
    return {
        "date": time.strftime("%Y-%m-%d"),
        "machine": {"cpus": os.cpu_count(), "processor": _processor(), "load": os.getloadavg()[0]},
    }


def told_of(told: dict[str, Any]) -> str:
    """Return the same as the beginning of a sentence."""
    machine = told["machine"]
    return (
        f"Measured {told['date']} on {machine['cpus']} CPUs ({machine['processor']}), load {machine['load']:.1f} before"
    )


def fill(document: Path, name: str, content: str) -> None:
    """Write this content between the marks `<!-- NAME -->` and `<!-- end of NAME -->` of a document."""
    begin, end = f"<!-- {name} -->\n", f"\n<!-- end of {name} -->"
    before, mark, rest = document.read_text().partition(begin)
    _, end_mark, after = rest.partition(end)
    if not mark or not end_mark:
        raise ValueError(f"{document} has no {begin.strip()} with {end.strip()} behind it to put the tables between")
    document.write_text(f"{before}{begin}\n{content}{end}{after}")


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.machine()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())
