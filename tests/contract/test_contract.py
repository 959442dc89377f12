"""The contract cases on CPython: over a native socket and in memory, as they are and under a page's limits."""

from __future__ import annotations

import asyncio

import pytest

from .cases import CASES, WIRE_ONLY
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
