"""Five seeds of chaos, shared among the brokers; `./build.sh chaos --seeds N` runs more."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from ..rooms.engines import need
from ..rooms.kinds import KINDS, Kind
from .driver import Run

RUNS = [(KINDS[0], 1), (KINDS[0], 2), (KINDS[0], 3), (KINDS[1], 4), (KINDS[1], 5)]
EVENTS = 1


@pytest.mark.timeout(240)
@pytest.mark.parametrize(("kind", "seed"), RUNS, ids=[f"{kind.name}-{seed}" for kind, seed in RUNS])
def test_nothing_is_lost_untold_and_everybody_knows_who_is_present(kind: Kind, seed: int, tmp_path: Path) -> None:
    need(kind.engine.program)
    engine = kind.engine(tmp_path)
    engine.start()
    run = Run(kind, engine, seed, EVENTS)
    try:
        problems = asyncio.run(run.run())
    finally:
        engine.close()
    assert not problems, run.log
