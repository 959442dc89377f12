"""A thousand connections come and go in a page, and it is as it was before."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import pytest

from .census import census, trace_proxies

if TYPE_CHECKING:
    from collections.abc import Callable

    from .interpreter import Interpreter

HEAP_RUNS = 4

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
        peer.backpressure = backpressure
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


@pytest.fixture
def page(page_python: Interpreter) -> Interpreter:
    page_python.restart()
    trace_proxies(page_python)
    return page_python


def assert_nothing_is_left(page: Interpreter, run: Callable[[], object]) -> None:
    """Check that the page is after `run()` as it was before.

    The heap of WebAssembly never shrinks, and grows to the most that was in use at one time. So it may grow, but not
    each time.
    """
    before = census(page)
    heap = before["wasmHeap"]
    for _ in range(HEAP_RUNS):
        run()
        after = census(page)
        assert after["pythonProxies"] <= before["pythonProxies"]
        assert after["jsReferences"] <= before["jsReferences"]
        assert after["objects"] - before["objects"] < 100
        assert after["jsHeap"] - before["jsHeap"] < 1_000_000
        if after["wasmHeap"] == heap:
            return
        heap = after["wasmHeap"]
    pytest.fail(f"the heap grew in each of {HEAP_RUNS} runs, from {before['wasmHeap']} to {heap} bytes")


@pytest.mark.timeout(600)
def test_a_thousand_connections_leave_nothing_behind(
    page: Interpreter, contract_urls: dict[str, str], backpressure: bool
) -> None:
    url = contract_urls["server"] + "echo"
    page.run(CYCLES, rounds=25, url=url, backpressure=backpressure, timeout=60)
    assert_nothing_is_left(page, partial(page.run, CYCLES, rounds=100, url=url, backpressure=backpressure, timeout=200))


LIBRARIES = """
import asyncio
from urllib.parse import urlsplit
import pyws_browser

pyws_browser.patch_websockets()
import websockets

class Client(asyncio.Protocol):
    # An asyncio library that sends one frame and closes.
    def __init__(self):
        self.received = b""
        self.lost = asyncio.get_running_loop().create_future()

    def connection_made(self, transport):
        self.transport = transport
        parts = urlsplit(url)
        lines = [f"GET {parts.path} HTTP/1.1", f"Host: {parts.netloc}", "Upgrade: websocket", "Sec-WebSocket-Key: a"]
        transport.write("\\r\\n".join([*lines, "", ""]).encode() + b"\\x81\\x84\\0\\0\\0\\0text")

    def data_received(self, data):
        self.received += data
        if self.received.endswith(b"\\x81\\x04text"):
            self.transport.write(b"\\x88\\x82\\0\\0\\0\\0\\x03\\xe8")

    def connection_lost(self, error):
        self.lost.set_result(error)

async def by_websockets():
    async with websockets.connect(url) as connection:
        await connection.send("text")
        assert await connection.recv() == "text"

async def by_asyncio():
    _, client = await asyncio.get_running_loop().create_connection(Client, "127.0.0.1", 1)
    assert await client.lost is None

for _ in range(rounds):
    await asyncio.gather(*((by_websockets if through == "websockets" else by_asyncio)() for _ in range(10)))
await asyncio.sleep(3)  # Pyodide keeps a timer that was cancelled, here that of close(), until its time has come
"""


@pytest.mark.timeout(600)
@pytest.mark.parametrize("through", ["websockets", "asyncio"])
def test_a_thousand_connections_of_libraries_leave_nothing_behind(
    page: Interpreter, contract_urls: dict[str, str], through: str
) -> None:
    url = contract_urls["server"] + "echo"
    page.run(LIBRARIES, rounds=25, url=url, through=through, timeout=60)
    assert_nothing_is_left(page, partial(page.run, LIBRARIES, rounds=100, url=url, through=through, timeout=200))


FLOOD = """
import asyncio, time
from pyws_browser import State, WebSocketPeer

peer = WebSocketPeer()
peer.backpressure = backpressure
peer.connect_to_url(url)
end = time.monotonic() + seconds
sizes = (16, 3000, 70_000)
messages = [kind * size for size in sizes for kind in ("x", "é", b"x")]
waiting = 0
while time.monotonic() < end or waiting:
    peer.poll()
    if wakes and peer.is_connected_to_host() and peer._transport._alarm is None:
        peer._transport.set_wakeup(peer.poll)
    for message in peer:
        waiting -= 1
    if peer.is_connected_to_host() and time.monotonic() < end and waiting < 100:
        for message in messages:
            peer.send(message)
            waiting += 1
    await asyncio.sleep(0.005)
peer.close()
while peer.ready_state is not State.CLOSED:
    peer.poll()
    await asyncio.sleep(0.005)
"""


@pytest.mark.timeout(200)
@pytest.mark.parametrize("wakes", [False, True], ids=["polled", "woken"])
def test_a_flood_leaves_nothing_behind(
    page: Interpreter, contract_urls: dict[str, str], wakes: bool, backpressure: bool
) -> None:
    url = contract_urls["server"] + "echo"
    page.run(FLOOD, url=url, seconds=2, wakes=wakes, backpressure=backpressure)
    flood = partial(page.run, FLOOD, url=url, seconds=8, wakes=wakes, backpressure=backpressure)
    assert_nothing_is_left(page, flood)
