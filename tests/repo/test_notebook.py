"""The example notebook on the desktop. `tests/browser/test_install.py` runs it in a page and in a worker."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from ..notebook import ECHO, code_cells, run_cell


def test_its_cells_run_one_after_the_other(contract_urls: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYWS_URL", contract_urls["server"] + "echo")
    names: dict[str, Any] = {}

    async def run() -> list[Any]:
        return [await run_cell(cell, names) for cell in code_cells(ECHO)]

    assert asyncio.run(run()) == [None, None, (["hello"], 1000), b"\x01\x02"]
