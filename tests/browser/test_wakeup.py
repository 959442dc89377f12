"""A transport in the browser calls back when there is something to poll, and leaves no proxy behind."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from .interpreter import Interpreter


@pytest.fixture
def echo_url(contract_urls: dict[str, str]) -> str:
    return contract_urls["server"] + "echo"


@pytest.fixture
def run(python_place: Interpreter, echo_url: str) -> Callable[..., Any]:
    """Runs a program over the ordinary WebSocket, which alone hands messages over."""
    return partial(python_place.run, url=echo_url, backpressure=False)


def test_the_wakeup_is_called_for_every_event_until_the_end(run: Callable[..., Any], backpressure: bool) -> None:
    told = run(
        """
        import asyncio
        from pyws_browser import State, WebSocketPeer

        woken = asyncio.Event()
        told = []

        async def next_event():
            await asyncio.wait_for(woken.wait(), 20)
            woken.clear()
            peer.poll()
            told.append(peer.ready_state.name)

        peer = WebSocketPeer()
        peer.backpressure = backpressure
        peer.connect_to_url(url)
        transport = peer._transport
        transport.set_wakeup(lambda: told.append("not this one"))
        transport.set_wakeup(woken.set)
        await next_event()
        peer.send("hello")
        await next_event()
        told.append(peer.receive())
        peer.close()
        await next_event()
        told.append(transport._alarm)
        transport.set_wakeup(woken.set)
        told.append(transport._alarm)
        told
        """,
        backpressure=backpressure,
    )
    assert told == ["OPEN", "OPEN", "hello", "CLOSED", None, None]


def test_an_error_ends_a_connection_that_never_opened(python_place: Interpreter, contract_urls: dict[str, str]) -> None:
    """Node before 24 has no close event then."""
    outcome = python_place.run(
        """
        import js
        from pyws_browser import ConnectError, WebSocketPeer

        peer = WebSocketPeer()
        peer.connect_to_url(url)
        peer._transport._socket.js_target.dispatchEvent(js.Event.new("error"))
        peer.poll()
        [peer.ready_state.name, peer.close_code, peer.was_clean_close, isinstance(peer.close_cause, ConnectError)]
        """,
        url=contract_urls["raw"] + "/silent",
    )
    assert outcome == ["CLOSED", 1006, False, True]


CONNECT = """
import asyncio
from pyws_browser import State, WebSocketPeer

peer = WebSocketPeer()
peer.backpressure = backpressure
for name, value in globals().get("settings", {}).items():
    setattr(peer, name, value)
peer.connect_to_url(url)
async with asyncio.timeout(20):
    while not peer.is_connected_to_host():
        peer.poll()
        await asyncio.sleep(0.005)
transport = peer._transport
messages = transport._messages

async def until(condition):
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.005)
"""


def test_what_has_come_keeps_its_order_whether_or_not_the_wakeup_polls(
    run: Callable[..., Any], backpressure: bool
) -> None:
    """Queued first, then told of and left alone, then queued again."""
    received = run(
        CONNECT
        + """
sent = [f"{number}" if number % 2 else f"{number}".encode() for number in range(45)]
woken = []
for wakeup in None, lambda: woken.append(len(messages)), None:
    transport.set_wakeup(wakeup)
    goal = len(messages) + 15
    for message in sent[goal - 15:goal]:
        peer.send(message)
    await until(lambda: len(messages) == goal)
peer.poll()
received = list(peer)
peer.abort()
[received == sent, 1 <= len(woken) <= 30, len(messages), messages.backlog_bytes]
""",
        backpressure=backpressure,
    )
    assert received == [True, True, 0, 0]


def test_a_wakeup_that_never_polls_is_closed_before_the_page_is_full(run: Callable[..., Any]) -> None:
    ended = run(
        CONNECT
        + """
transport.set_wakeup(lambda: None)
async with asyncio.timeout(20):
    while not messages._is_stopped:
        peer.send("x" * 1000)
        await asyncio.sleep(0)
fetched = []
async with asyncio.timeout(20):
    while peer.ready_state is not State.CLOSED:
        peer.poll()
        fetched += peer
        await asyncio.sleep(0.005)
[peer.close_code, type(peer.close_cause).__name__, 0 < len(fetched) <= 50]
""",
        settings={"inbound_buffer_size": 50_000},
    )
    assert ended == [4008, "InboundOverflowError", True]


def test_an_answer_behind_an_overflow_of_the_same_event_goes_nowhere(run: Callable[..., Any]) -> None:
    """A send to a socket that is closing would be complained about in the console, which every test reads."""
    ended = run(
        CONNECT
        + """
def wake():
    if peer.is_connected_to_host():
        peer.send("answer")
transport.set_wakeup(wake)
peer.send("question")
await until(lambda: messages._is_stopped)
async with asyncio.timeout(20):
    while peer.ready_state is not State.CLOSED:
        peer.poll()
        await asyncio.sleep(0.005)
[peer.close_code, type(peer.close_cause).__name__]
""",
        settings={"max_queued_packets": 10},
    )
    assert ended == [4008, "InboundOverflowError"]


# The events come from JavaScript in one task, so that they are as close to one another as they can be.
BURST = (
    CONNECT
    + """
import js
wakes = []
received = []
def wake():
    wakes.append(len(received))
    if globals().get("polls", True):
        peer.poll()
        received.extend(peer)
transport.set_wakeup(wake)
js_target = transport._socket.js_target
options = js.Object.new()
events = js.Array.new()
for number in range(1000):
    options.data = f"{number}"
    events.push(js.MessageEvent.new("message", options))

events.forEach(js_target.dispatchEvent.bind(js_target))
"""
)
FLOOD = (
    BURST
    + """
await until(lambda: len(received) == 1000)
flood = len(wakes)
await until(lambda: transport._alarm.hears_each)
for number in range(3):
    peer.send("alone")
    await until(lambda: len(received) == 1001 + number)
peer.abort()
[received[:1000] == [f"{number}" for number in range(1000)], flood < 200, len(wakes) - flood]
"""
)


def test_in_a_flood_the_wakeup_is_called_once_for_many(run: Callable[..., Any]) -> None:
    told = run(FLOOD)
    assert told == [True, True, 3]


def test_a_wakeup_that_polls_nothing_is_not_called_again_for_the_same(run: Callable[..., Any]) -> None:
    told = run(
        BURST
        + """
await until(lambda: transport._alarm.hears_each)
waiting = len(messages)
peer.abort()
[len(wakes) < 200, waiting]
""",
        polls=False,
    )
    assert told == [True, 1000]


@pytest.mark.parametrize("polls", [False, True])
def test_a_message_dispatched_within_the_event_of_another_comes_behind_it(run: Callable[..., Any], polls: bool) -> None:
    received = run(
        CONNECT
        + """
import js
options = js.Object.new()
def dispatch(text):
    options.data = text
    transport._socket.js_target.dispatchEvent(js.MessageEvent.new("message", options))
left = ["second", "third"]
def wake():
    if left:
        dispatch(left.pop(0))
    if polls:
        peer.poll()
transport.set_wakeup(wake)
dispatch("first")
waiting = len(messages)
peer.poll()
received = list(peer)
peer.abort()
[received, waiting]
""",
        polls=polls,
    )
    assert received == [["first", "second", "third"], 0 if polls else 3]


def test_no_turn_of_a_flood_comes_behind_the_wakeups_end(run: Callable[..., Any]) -> None:
    """Firefox delivers what is on its way through a channel that was closed, which must reach nobody."""
    told = run(
        BURST
        + """
before = len(wakes)
transport.set_wakeup(None)
js_channel = js.MessageChannel.new()
has_turned = asyncio.Event()
from pyodide.ffi import create_once_callable
js_channel.port1.onmessage = create_once_callable(lambda event: has_turned.set())
js_channel.port2.postMessage(None)
async with asyncio.timeout(20):
    await has_turned.wait()
js_channel.port1.close()
peer.poll()
received.extend(peer)
peer.abort()
[len(wakes) - before, received == [f"{number}" for number in range(1000)]]
""",
    )
    assert told == [0, True]


def test_a_finer_clock_does_not_hide_a_flood(
    engine_name: str, start_interpreter: Callable[..., Interpreter], echo_url: str
) -> None:
    if engine_name == "node":
        pytest.skip("Node has no pages")
    isolated = start_interpreter("main", "/isolated")
    assert isolated.run_js("return globalThis.crossOriginIsolated;") is True
    told = isolated.run(FLOOD, url=echo_url, backpressure=False)
    assert told == [True, True, 3]


def test_what_is_sent_within_a_wakeup_behind_an_end_of_ones_own_is_refused(run: Callable[..., Any]) -> None:
    """The shortcut of an answer within the event must not pass over what the event's own program did."""
    told = run(
        CONNECT
        + """
told = []
def wake():
    peer.poll()
    for message in peer:
        peer.send("answer")
        peer.close(1000)
        try:
            peer.send("too late")
        except Exception as exc:
            told.append(type(exc).__name__)
transport.set_wakeup(wake)
peer.send("question")
await until(lambda: peer.ready_state is State.CLOSED)
told + [peer.close_code, peer.was_clean_close, messages.is_fresh]
""",
    )
    assert told == ["NotConnectedError", 1000, True, False]
