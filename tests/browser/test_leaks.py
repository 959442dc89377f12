"""A thousand connections come and go in a page, and it is as it was before."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from .interpreter import Interpreter

CYCLES = """
import asyncio
from pyws_browser import State, WebSocketPeer

async def settle(peers, state):
    while any(peer.ready_state is not state for peer in peers):
        for peer in peers:
            peer.poll()
        await asyncio.sleep(0.005)

async def cycle(how):
    peers = [WebSocketPeer() for _ in range(10)]
    for peer in peers:
        peer.connect_to_url(url)
    if how == "while connecting":
        for peer in peers:
            peer.abort()
        return
    await settle(peers, State.OPEN)
    for peer in peers:
        peer.send("text")
        peer.send(b"bytes")
    if how == "close":
        for peer in peers:
            peer.close(4000, "enough")
        await settle(peers, State.CLOSED)
    elif how == "leave":
        for peer in peers:
            with peer:
                pass
    elif how == "abort":
        for peer in peers:
            peer.abort()
    # else they are forgotten, open as they are

# Chromium makes a page wait that breaks off many connections before they are open, so those are few.
WAYS = ("close", "leave", "abort", "forget") * 6 + ("while connecting",)
for round_ in range(rounds):
    await cycle(WAYS[round_ % len(WAYS)])
"""

COUNT = """
import gc
gc.collect()
len(gc.get_objects())
"""


def census(page: Interpreter) -> dict[str, Any]:
    """Count what could leak: Python objects, proxies in both directions, both heaps."""
    objects = page.run(COUNT)
    page.runner.driver.execute_cdp_cmd("HeapProfiler.collectGarbage", {})
    counts: dict[str, Any] = page.run_js(
        """return {
            pythonProxies: pyodide._module.pyproxy_alloc_map.size,
            jsReferences: pyodide._module.hiwire?.num_keys?.() ?? 0,
            jsHeap: performance.memory.usedJSHeapSize,
            wasmHeap: pyodide._module.HEAP8.length,
        };"""
    )
    return counts | {"objects": objects}


@pytest.fixture
def page(page_python: Interpreter) -> Interpreter:
    page_python.restart()
    page_python.run_js("pyodide._module.enable_pyproxy_allocation_tracing();")
    return page_python


@pytest.mark.timeout(300)
def test_a_thousand_connections_leave_nothing_behind(page: Interpreter, contract_urls: dict[str, str]) -> None:
    url = contract_urls["server"] + "echo"
    page.run(CYCLES, rounds=25, url=url, timeout=60)
    before = census(page)
    page.run(CYCLES, rounds=100, url=url, timeout=200)
    after = census(page)

    assert after["pythonProxies"] <= before["pythonProxies"]
    assert after["jsReferences"] <= before["jsReferences"]
    assert after["objects"] - before["objects"] < 100
    assert after["wasmHeap"] == before["wasmHeap"]
    assert after["jsHeap"] - before["jsHeap"] < 1_000_000
