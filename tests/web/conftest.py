"""The site of the page, without a browser."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from serve import Site


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    (tmp_path / "pyodide.mjs").write_text("export {};\n")
    (tmp_path / "pyodide.asm.wasm").write_bytes(b"\0asm")
    with Site(tmp_path) as site:
        yield site
