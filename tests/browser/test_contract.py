"""The contract cases in an engine, on the main thread and in a worker: the same file that runs on CPython."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ..contract.cases import CASES
from ..contract.engine_quirks import ENGINE_QUIRKS
from ..contract.shared_cases import ROWS

if TYPE_CHECKING:
    from .interpreter import Interpreter

SOURCES = Path(__file__).parent.parent / "contract"


@pytest.fixture(scope="module")
def contract(python_place: Interpreter) -> Interpreter:
    python_place.install("contract.__init__", "")
    for name in ("behaviours", "engine_quirks", "worlds", "cases", "users", "shared_cases"):
        python_place.install(f"contract.{name}", (SOURCES / f"{name}.py").read_text("utf-8"))
    return python_place


@pytest.mark.parametrize("name", CASES)
def test_browser(
    name: str, backpressure: bool, contract: Interpreter, contract_urls: dict[str, str], engine_name: str
) -> None:
    contract.run(
        """
        from contract.cases import CASES
        from contract.worlds import RemoteWorld

        world = RemoteWorld(urls, is_page=True, backpressure=backpressure, quirks=quirks)
        try:
            await CASES[name](world)
        finally:
            world.clean_up()
        """,
        name=name,
        backpressure=backpressure,
        urls=contract_urls,
        quirks=sorted(ENGINE_QUIRKS[engine_name]),
        timeout=80,
    )


@pytest.mark.parametrize("interface", ["aio", "sync"])
@pytest.mark.parametrize("name", ROWS)
def test_each_interface(
    name: str, interface: str, contract: Interpreter, contract_urls: dict[str, str], engine_name: str
) -> None:
    """The peer's own cases, above, have all that these rows ask of it."""
    could_run = contract.run(
        """
        from contract.shared_cases import run_row
        from contract.users import USERS
        from contract.worlds import RemoteWorld
        from pyodide.ffi import can_run_sync

        if can_run := interface != "sync" or can_run_sync():
            await run_row(name, USERS[interface](RemoteWorld(urls, is_page=True, quirks=quirks)))
        can_run
        """,
        name=name,
        interface=interface,
        urls=contract_urls,
        quirks=sorted(ENGINE_QUIRKS[engine_name]),
        timeout=80,
    )
    if not could_run:
        pytest.skip("the engine cannot suspend Python")
