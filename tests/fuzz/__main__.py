"""Runs the fuzz targets one after the other: ``python -m tests.fuzz [--seconds N] [TARGET...]``.

N is for all of them together. What makes a target fail is written to `.build/fuzz/`; to try it again, give it to the
target as its only argument: ``python -m tests.fuzz.fuzz_frames .build/fuzz/fuzz_frames-crash-…``.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

HERE = Path(__file__).parent
TARGETS = sorted(path.stem for path in HERE.glob("fuzz_*.py"))
LONGEST = 10
"""Seconds that one input may take."""


def fuzz(target: str, seconds: int, findings: Path) -> bool:
    """Run a target; return whether it found nothing."""
    options = [
        f"-max_total_time={seconds}",
        f"-timeout={LONGEST}",
        f"-artifact_prefix={findings}/{target}-",
        "-rss_limit_mb=1024",
        "-verbosity=0",
        "-print_final_stats=1",
    ]
    run = subprocess.run(
        [sys.executable, "-m", f"tests.fuzz.{target}", *options], capture_output=True, text=True, errors="replace"
    )
    stats = dict(line[len("stat::") :].split(":") for line in run.stderr.splitlines() if line.startswith("stat::"))
    tried = stats.get("number_of_executed_units", "?").strip()
    result = "FAILED" if run.returncode else "nothing found"
    print(f"{target}: {tried} inputs in {seconds} s, {result}", flush=True)
    if run.returncode:
        print(run.stdout[-4000:], run.stderr[-8000:], sep="\n", file=sys.stderr)
    return run.returncode == 0


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=f"of {', '.join(TARGETS)}")
    arguments = parser.parse_args()
    if find_spec("atheris") is None:
        print("Fuzzing is left out: there is no atheris for this Python and system")
        return 0
    findings = Path(".build/fuzz")
    findings.mkdir(parents=True, exist_ok=True)
    targets = arguments.targets or TARGETS
    seconds = max(1, arguments.seconds // len(targets))
    failed = [target for target in targets if not fuzz(target, seconds, findings)]
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
