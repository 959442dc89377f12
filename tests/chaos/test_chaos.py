"""A few seeds of chaos for each broker, and those that ever failed; `./build.sh chaos --seeds N` runs more."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from ..rooms.engines import need
from ..rooms.kinds import KINDS, Kind
from .driver import Run
from .seeds import KEPT

SEEDS = {"nats": [1, 2], "redis": [4, 5]}
RUNS = [(kind, seed) for kind in KINDS for seed in dict.fromkeys([*SEEDS[kind.name], *KEPT[kind.name]])]
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
