"""What users, browsers and other tools do to a page, and what becomes of its connections."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from .observed_server import ObservedServer, observed_server

if TYPE_CHECKING:
    from .interpreter import Interpreter


@pytest.fixture
def server() -> Iterator[ObservedServer]:
    with observed_server() as running:
        yield running


@pytest.fixture
def page(page_python: Interpreter) -> Iterator[Interpreter]:
    """A page that goes when the test is over."""
    yield page_python
    page_python.restart()


UNTIL = """
import asyncio, builtins, time

async def until(condition):
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end
        await asyncio.sleep(0.01)
"""


def leave_and_return(page: Interpreter, server: ObservedServer, ends: int) -> None:
    page.run_js("self.addEventListener('pageshow', (event) => { self.wasKept = event.persisted; });")
    page.runner.driver.get("data:text/html,elsewhere")
    server.wait_for(lambda: len(server.ends) == ends)
    page.runner.driver.back()
    assert page.run_js("return self.wasKept ?? null;") is True, "the page was loaded anew"


def test_a_page_that_comes_back_connects_again(page: Interpreter, server: ObservedServer, engine_name: str) -> None:
    if engine_name != "chromium":
        pytest.skip("only Chromium's driver keeps pages")
    page.run(
        UNTIL
        + """
from pyws_browser import Backoff, ReconnectingPeer, aio

class Life:
    names = []
    ends = []
    opened = 0

life = builtins.life = Life()
life.peer = ReconnectingPeer(backoff=Backoff(first_delay=0.01))
life.peer.connect_to_url(url)

async def poll():
    while True:
        life.peer.poll()
        await asyncio.sleep(0.01)

async def iterate():
    async for websocket in aio.connect(url, backoff=Backoff(first_delay=0.01)):
        life.opened += 1
        try:
            async for message in websocket:
                pass
            life.ends.append("quietly")
        except aio.exceptions.ConnectionClosed as exc:
            life.ends.append(type(exc).__name__)

life.tasks = [asyncio.ensure_future(poll()), asyncio.ensure_future(iterate())]
await until(lambda: life.opened and life.peer.is_connected_to_host())
""",
        url=server.url,
    )
    leave_and_return(page, server, 2)
    ends = page.run(
        UNTIL
        + """
life = builtins.life
await until(lambda: life.opened > 1 and life.peer.is_connected_to_host())
for task in life.tasks:
    task.cancel()
life.peer.close()
life.ends
"""
    )
    assert ends == ["ConnectionClosedError"]


def test_a_time_limit_counts_what_the_page_had_a_turn_for(page: Interpreter, contract_urls: dict[str, str]) -> None:
    states = page.run(
        """
        import asyncio, time
        from pyws_browser import State, WebSocketPeer

        def compute(peer, seconds):
            for _ in range(8):
                end = time.monotonic() + seconds
                while time.monotonic() < end:
                    pass
                peer.poll()

        async def until(state):
            while peer.ready_state is not state:
                peer.poll()
                await asyncio.sleep(0.01)

        peer = WebSocketPeer()
        peer.handshake_timeout = peer.close_timeout = 0.2
        peer.connect_to_url(url)
        compute(peer, 0.1)
        await until(State.OPEN)
        peer.close(3000)
        compute(peer, 0.1)
        await until(State.CLOSED)
        [peer.close_code, peer.was_clean_close]
        """,
        url=contract_urls["server"] + "echo",
    )
    assert states == [3000, True]


MOCK = """
globalThis.RealWebSocket ??= WebSocket;
globalThis.WebSocket = class {
    constructor(url) {
        Object.assign(this, { url, protocol: "", readyState: 0, bufferedAmount: 0, listeners: {}, sent: [] });
        setTimeout(() => { this.readyState = 1; this.tell({ type: "open" }); });
    }
    addEventListener(type, listener) { (this.listeners[type] ??= new Set()).add(listener); }
    removeEventListener(type, listener) { this.listeners[type]?.delete(listener); }
    tell(event) { for (const listener of [...(this.listeners[event.type] ?? [])]) { listener.call(this, event); } }
    send(data) {
        this.sent.push(data);
        setTimeout(() => {
            const kept = this.sent.shift();
            this.tell({ type: "message", data: kept.buffer ?? kept });
        }, 20);
    }
    close(code = 1005, reason = "") {
        this.readyState = 3;
        setTimeout(() => this.tell({ type: "close", code, reason, wasClean: true }));
    }
};
"""


def test_a_mock_in_place_of_websocket_serves(page: Interpreter) -> None:
    page.run_js(MOCK)
    outcome = page.run(
        """
        import asyncio
        from pyws_browser import WebSocketPeer, aio

        async with aio.connect("ws://mock.example/") as websocket:
            for number in range(3):
                await websocket.send(bytes([number]) * 5)
            echoes = [list(await websocket.recv()) for _ in range(3)]
            await websocket.send("text")
            echoes.append(await websocket.recv())

        peer = WebSocketPeer()
        peer.connect_to_url("ws://mock.example/")
        while not peer.is_connected_to_host():
            peer.poll()
            await asyncio.sleep(0.01)
        for number in range(100):
            peer.send(str(number))
        received = []
        while len(received) < 100:
            peer.poll()
            received += peer
            await asyncio.sleep(0.01)
        peer.close()
        [echoes, received == [str(number) for number in range(100)]]
        """
    )
    assert outcome == [[[0] * 5, [1] * 5, [2] * 5, "text"], True]


def test_a_message_of_a_mock_is_there_when_the_program_is_woken_for_it(page: Interpreter) -> None:
    page.run_js(MOCK)
    outcome = page.run(
        """
        import asyncio
        from pyws_browser import WebSocketPeer

        peer = WebSocketPeer()
        peer.connect_to_url("ws://mock.example/")
        while not peer.is_connected_to_host():
            peer.poll()
            await asyncio.sleep(0.01)
        messages = peer._transport._messages
        woken = []
        peer._transport.set_wakeup(lambda: woken.append(len(messages)))
        async with asyncio.timeout(20):
            for number in range(100):  # more than the queue has room for in JavaScript
                peer.send(str(number))
                while len(messages) == number:
                    await asyncio.sleep(0)
        peer.poll()
        received = list(peer)
        peer.close()
        [woken, received]
        """
    )
    assert outcome == [list(range(1, 101)), [str(number) for number in range(100)]]


@pytest.mark.parametrize("event", ["online", "pageshow"])
def test_the_return_of_the_network_or_of_the_page_ends_a_wait(
    page: Interpreter, contract_urls: dict[str, str], event: str
) -> None:
    states = page.run(
        """
        import asyncio, js, time
        from pyws_browser import Backoff, ReconnectingPeer

        async def polled(condition):
            end = time.monotonic() + 15
            while not condition():
                assert time.monotonic() < end
                peer.poll()
                await asyncio.sleep(0.01)

        peer = ReconnectingPeer(backoff=Backoff(first_delay=3000, max_delay=3000))
        peer.connect_to_url(nobody)
        await polled(lambda: peer.reconnection.state.name == "WAITING")
        peer._url = url
        js.dispatchEvent(js.Event.new(event))
        await polled(peer.is_connected_to_host)
        peer.close()
        True
        """,
        url=contract_urls["server"] + "echo",
        nobody=contract_urls["nobody"],
        event=event,
    )
    assert states is True
