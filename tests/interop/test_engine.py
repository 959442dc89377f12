"""The engine that the tests use."""

from __future__ import annotations

from pathlib import Path

import pytest

from .engine import INSTALL, PROGRAM, Engine

pytestmark = pytest.mark.interop


def test_it_does_not_outlive_its_test_run(tmp_path: Path) -> None:
    if PROGRAM is None:
        pytest.skip(INSTALL)
    engine = Engine(tmp_path)
    try:
        engine.new("one", "server")
        assert engine.abandon() == 0
    finally:
        engine.stop()
