"""The contract cases on CPython: over a native socket and in memory, as they are and under a page's limits.

The rows of `shared_cases.py` run for the peer, `aio` and `sync`. In memory there is no `sync`, which blocks the other
side too.
"""

from __future__ import annotations

import asyncio

import pytest

from .cases import CASES, WIRE_ONLY
from .shared_cases import ROWS, WIRE_ONLY_ROWS, run_row
from .users import USERS
from .worlds import MemoryWorld, RemoteWorld, World


def run(name: str, world: World) -> None:
    try:
        asyncio.run(CASES[name](world))
    finally:
        world.clean_up()


@pytest.mark.parametrize("is_page", [False, True], ids=["plain", "web_limits"])
@pytest.mark.parametrize("name", CASES)
def test_native(name: str, is_page: bool, contract_urls: dict[str, str]) -> None:
    run(name, RemoteWorld(contract_urls, is_page=is_page))


@pytest.mark.parametrize("is_page", [False, True], ids=["plain", "web_limits"])
@pytest.mark.parametrize("name", [name for name in CASES if name not in WIRE_ONLY])
def test_memory(name: str, is_page: bool) -> None:
    run(name, MemoryWorld(is_page=is_page))


@pytest.fixture(params=[False, True], ids=["plain", "web_limits"])
def is_page(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Whether the environment asks for a page's limits."""
    monkeypatch.setenv("PYWS_WEB_LIMITS", str(int(request.param)))
    return bool(request.param)


@pytest.mark.parametrize("interface", USERS)
@pytest.mark.parametrize("name", ROWS)
def test_each_interface_native(name: str, interface: str, is_page: bool, contract_urls: dict[str, str]) -> None:
    asyncio.run(run_row(name, USERS[interface](RemoteWorld(contract_urls, is_page=is_page))))


@pytest.mark.parametrize("interface", ["peer", "aio"])
@pytest.mark.parametrize("name", [name for name in ROWS if name not in WIRE_ONLY_ROWS])
def test_each_interface_in_memory(name: str, interface: str, is_page: bool) -> None:
    asyncio.run(run_row(name, USERS[interface](MemoryWorld(is_page=is_page))))
