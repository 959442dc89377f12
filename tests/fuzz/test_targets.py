"""The fuzz targets fit the code: each takes its own first inputs, without the fuzzer."""

from __future__ import annotations

import importlib
import sys
from contextlib import nullcontext
from types import SimpleNamespace

import pytest

from .__main__ import TARGETS


@pytest.mark.parametrize("name", TARGETS)
def test_a_target_takes_its_first_inputs(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in = SimpleNamespace(instrument_imports=lambda include: nullcontext())
    monkeypatch.setitem(sys.modules, "atheris", stand_in)
    target = importlib.import_module(f"tests.fuzz.{name}")
    assert target.SEEDS
    for seed in target.SEEDS:
        target.fuzz_one_input(seed)
