"""Chaos by hand: `./build.sh chaos --seeds N`, seeds 1 to N for each broker, or `--seed S` for one.

The seeds that ever failed come first.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from pathlib import Path

from ..rooms.kinds import KINDS
from .driver import Run
from .seeds import KEPT


def main() -> int:
    parser = argparse.ArgumentParser(description="Let accidents happen to workers and brokers.")
    parser.add_argument("--seeds", type=int, default=5, help="how many seeds (default: 5)")
    parser.add_argument("--seed", type=int, help="this one only")
    parser.add_argument("--events", type=int, default=7, help="accidents of a seed (default: 7)")
    parser.add_argument("--broker", choices=[kind.name for kind in KINDS], help="this broker only")
    options = parser.parse_args()
    failed = 0
    for kind in KINDS:
        if options.broker not in (None, kind.name):
            continue
        seeds = [*KEPT[kind.name], *range(1, options.seeds + 1)] if options.seed is None else [options.seed]
        for seed in dict.fromkeys(seeds):
            with tempfile.TemporaryDirectory() as folder:
                engine = kind.engine(Path(folder))
                engine.start()
                run = Run(kind, engine, seed, options.events)
                try:
                    problems = asyncio.run(run.run())
                except AssertionError as exc:
                    problems = [str(exc)]
                finally:
                    engine.close()
            print(f"{kind.name}, seed {seed}: {'; '.join(run.log)}: {'ok' if not problems else 'FAILED'}", flush=True)
            for problem in problems[:10]:
                print(f"    {problem}")
            failed += bool(problems)
    return 1 if failed else 0


sys.exit(main())
