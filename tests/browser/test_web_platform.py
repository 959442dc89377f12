"""The rules of the web in an engine: the engine's own WebSocket and the package's peer, by the table for all sides."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ..web_platform.table import GROUPS

if TYPE_CHECKING:
    from .interpreter import Interpreter

_TOO_LATE = "WebSocket is already in CLOSING or CLOSED state"
_REMEMBERING = ("chromium", "firefox")
"""The engines that let a page wait after connections that failed, be they of other tests."""
SOURCES = Path(__file__).parent.parent / "web_platform"


@pytest.fixture(scope="module", params=["main", "worker"])
def table(
    request: pytest.FixtureRequest, start_interpreter: Callable[..., Interpreter], engine_name: str
) -> Interpreter:
    """Python with the table, in a browser of its own where one remembers the connections that failed."""
    place = request.param
    fixture = {"main": "page_python", "worker": "worker_python"}[place]
    python = start_interpreter(place) if engine_name in _REMEMBERING else request.getfixturevalue(fixture)
    python.install("web_platform.__init__", "")
    for name in ("sides", "programs", "table", "run"):
        python.install(f"web_platform.{name}", (SOURCES / f"{name}.py").read_text("utf-8"))
    return python


@pytest.mark.timeout(300)
@pytest.mark.parametrize("side", ["raw", "page"])
@pytest.mark.parametrize("group", GROUPS)
def test_engine(
    group: str, side: str, table: Interpreter, contract_urls: dict[str, str], engine_name: str, site_url: str
) -> None:
    failures = table.run(
        """
        from web_platform.run import failures

        await failures(group, side, engine, urls, site)
        """,
        group=group,
        side=side,
        engine=engine_name,
        urls=contract_urls,
        site=site_url.replace("http", "ws", 1),
        timeout=240,
    )
    if failures:
        pytest.fail("\n".join(failures), pytrace=False)
    if side == "raw":  # which sends when it is too late
        assert [line for line in table.complaints() if _TOO_LATE not in line] == []
