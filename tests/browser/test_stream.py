"""Where the engine has a WebSocketStream, a page that asks for it holds the sender back, and loses nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from websockets.frames import Close, Frame, Opcode

from ..contract.engine_quirks import HAVE_STREAMS
from .census import census, trace_proxies
from .flood_server import flood_server
from .observed_server import ObservedServer, observed_server

if TYPE_CHECKING:
    from .interpreter import Interpreter

MIB = 1 << 20

CONNECT = """
import asyncio, builtins, time
from pyws_browser import State, WebSocketPeer

async def until(condition):
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end, (peer.ready_state, peer.close_code, peer.close_cause)
        peer.poll()
        await asyncio.sleep(0.005)

def number_of(message):
    return int(message.split()[0])
"""

START = (
    CONNECT
    + """
peer = builtins.peer = WebSocketPeer()
peer.backpressure = True
for name, value in settings.items():
    setattr(peer, name, value)
peer.connect_to_url(url)
await until(peer.is_connected_to_host)
assert peer.has_backpressure
peer.send("go")
"""
)

RESUME = CONNECT + "peer = builtins.peer\n"

FETCH_ALL = """
received = []
while len(received) < count:
    await until(peer.get_available_packet_count)
    received += [(number_of(message), type(message)) for message in peer]
assert received == [(number, str if number % 3 else bytes) for number in range(count)]
"""


@pytest.fixture
def place(python_place: Interpreter, engine_name: str) -> Iterator[Interpreter]:
    """Python in an engine that has streams; connections that a test leaves open are cut."""
    if engine_name not in HAVE_STREAMS:
        pytest.skip("the engine has no WebSocketStream")
    yield python_place
    python_place.run("import builtins\nif hasattr(builtins, 'peer'):\n    builtins.peer.abort()\n    del builtins.peer")


@pytest.fixture
def server() -> Iterator[ObservedServer]:
    with observed_server() as running:
        yield running


@pytest.mark.timeout(120)
@pytest.mark.parametrize("polls", [False, True], ids=["does not poll", "does not fetch"])
@pytest.mark.parametrize("settings", [{"max_queued_packets": 300}, {"inbound_buffer_size": MIB}], ids=str)
def test_a_flood_is_held_back_until_it_is_fetched(place: Interpreter, settings: dict[str, int], polls: bool) -> None:
    count, size = 20_000, 4096
    trace_proxies(place)
    with flood_server(count, size) as server:
        before = census(place)
        place.run(START, url=server.url, settings=settings)
        if polls:
            place.run(
                RESUME + "builtins.polling = asyncio.ensure_future(until(lambda: peer.ready_state is State.CLOSED))"
            )
        assert server.is_held_back.wait(60)
        sent = server.sent_bytes
        held = census(place)
        waiting = place.run(RESUME + "peer.poll()\n[peer.ready_state.name, peer.get_available_packet_count()]")
        if polls:
            place.run("import builtins\nbuiltins.polling.cancel()\ndel builtins.polling")
        assert server.sent_bytes == sent, "nothing has gone on since"

        # The rest of what was sent is in the kernel's buffers and in those of the browser's network process.
        assert sent < 24 * MIB < count * size
        assert waiting[0] == "OPEN"
        assert 256 <= waiting[1] <= 300
        assert held["jsHeap"] - before["jsHeap"] < 2 * MIB
        assert held["wasmHeap"] - before["wasmHeap"] < 8 * MIB

        place.run(RESUME + FETCH_ALL, count=count, timeout=100)
        after = census(place)
        assert server.sent_bytes > count * size
        assert after["jsHeap"] - before["jsHeap"] < 2 * MIB
        assert after["wasmHeap"] - before["wasmHeap"] < 8 * MIB


@pytest.mark.timeout(120)
@pytest.mark.parametrize("is_woken", [False, True], ids=["polled", "woken"])
def test_thousands_of_pauses_lose_and_reorder_nothing(place: Interpreter, is_woken: bool) -> None:
    count = 60_000
    with flood_server(count, 20) as server:
        pauses = place.run(
            START.replace(
                'peer.send("go")',
                """
pauses = 0
hold = peer._transport._socket.hold
def counted():
    global pauses
    pauses += 1
    hold()
peer._transport._socket.hold = counted
if is_woken:
    peer._transport.set_wakeup(peer.poll)
peer.send("go")
""",
            )
            + FETCH_ALL.replace(
                "await until(peer.get_available_packet_count)", "peer.poll()\n    await asyncio.sleep(0)"
            )
            + "peer._transport.set_wakeup(None)\npauses",
            url=server.url,
            settings={"max_queued_packets": 10},
            count=count,
            is_woken=is_woken,
            timeout=100,
        )
    assert pauses > 800


def test_who_is_woken_is_not_woken_while_the_sender_is_held_back(place: Interpreter) -> None:
    with flood_server(20_000, 4096) as server:
        place.run(
            START.replace(
                'peer.send("go")',
                """
builtins.wakes = []
def wake():
    peer.poll()
    builtins.wakes.append(len(peer._transport.inbox))
peer._transport.set_wakeup(wake)
peer.send("go")
""",
            ),
            url=server.url,
            settings={"max_queued_packets": 100},
        )
        assert server.is_held_back.wait(60)
        wakes = place.run(
            """
            import asyncio, builtins
            before = len(builtins.wakes)
            for _ in range(50):
                await asyncio.sleep(0)
            wakes = [len(builtins.wakes) - before, builtins.wakes[-1]]
            builtins.peer._transport.set_wakeup(None)
            del builtins.wakes
            wakes
            """
        )
    assert wakes == [0, 100]


@pytest.mark.parametrize("has_room", [True, False], ids=["in time", "while it is held back"])
def test_a_server_that_closes_behind_its_flood(place: Interpreter, has_room: bool) -> None:
    """Chromium discards what it has not delivered when the Close frame comes, which must not look like a clean end."""
    last = Frame(Opcode.CLOSE, Close(4001, "that was all").serialize())
    with flood_server(5000, 20, last) as server:
        place.run(START, url=server.url, settings={} if has_room else {"max_queued_packets": 100})
        assert server.has_sent_all.wait(30)
        ended, numbers, told = place.run(
            RESUME
            + """
while not has_room and not peer._transport._socket.js_events:  # the Close frame is still to come
    await asyncio.sleep(0.005)
numbers = []
while peer.ready_state is not State.CLOSED or peer.get_available_packet_count():
    peer.poll()
    numbers += map(number_of, peer)
    await asyncio.sleep(0.005)
cause = peer.close_cause
[[peer.close_code, peer.close_reason, peer.was_clean_close], numbers, [type(cause).__name__, str(cause)]]
""",
            has_room=has_room,
        )
    assert numbers == list(range(len(numbers)))
    assert ended == [4001, "that was all", has_room]
    if has_room:
        assert len(numbers) == 5000
        assert told[0] == "NoneType"
    else:
        assert 100 <= len(numbers) < 5000
        assert told[0] == "InboundOverflowError"
        assert "discards what it had not delivered" in told[1]


def test_close_gets_through_although_the_sender_is_held_back(place: Interpreter, server: ObservedServer) -> None:
    ended = place.run(
        START
        + """
await until(peer.get_available_packet_count)
for _ in range(300):
    peer.send("x" * 1000)
await until(lambda: peer._transport.is_held_back)
peer.close(4000, "enough")
await until(lambda: peer.ready_state is State.CLOSED)
[peer.close_code, peer.close_reason, peer.was_clean_close, peer.get_available_packet_count()]
""",
        url=server.url,
        settings={"max_queued_packets": 10},
    )
    assert ended == [4000, "enough", True, 10]
    assert server.wait_for(lambda: server.ends) == [4000]


def test_what_was_put_goes_out_although_the_peer_is_left_at_once(place: Interpreter, server: ObservedServer) -> None:
    place.run(
        START
        + """
with peer:
    for _ in range(20):
        peer.send(b"x" * 100_000)
assert peer.ready_state is State.CLOSED
""",
        url=server.url,
        settings={},
    )
    assert server.wait_for(lambda: server.ends) == [1000]


def test_a_stream_of_views_is_as_good(place: Interpreter, contract_urls: dict[str, str]) -> None:
    """The standard's chunks are Uint8Arrays, and Chromium's are to become some."""
    place.run_js(
        """
        globalThis.PlainStream = WebSocketStream;
        const asView = () => new TransformStream({
            transform(chunk, controller) {
                const view = (buffer) => new Uint8Array([0, ...new Uint8Array(buffer)]).subarray(1);
                controller.enqueue(typeof chunk === "string" ? chunk : view(chunk));
            },
        });
        globalThis.WebSocketStream = class extends PlainStream {
            get opened() {
                return this.whenOpened ??= super.opened.then(
                    (opened) => ({ ...opened, readable: opened.readable.pipeThrough(asView()) }));
            }
        };
        """
    )
    try:
        received = place.run(
            START
            + """
for message in (b"bytes", "text", b"\\x00\\xff", b"", "x" * 5000, b"x" * 50_000):
    peer.send(message)
received = []
while len(received) < 7:
    await until(peer.get_available_packet_count)
    received += peer
[message if isinstance(message, str) else list(message) for message in received]
""",
            url=contract_urls["server"] + "echo",
            settings={},
        )
    finally:
        place.run_js("globalThis.WebSocketStream = globalThis.PlainStream; delete globalThis.PlainStream;")
    assert received == ["go", list(b"bytes"), "text", [0, 255], [], "x" * 5000, [120] * 50_000]


def test_without_a_stream_the_bounded_queue_serves(
    page_python: Interpreter, server: ObservedServer, engine_name: str
) -> None:
    page_python.run_js("globalThis.PlainStream = globalThis.WebSocketStream; delete globalThis.WebSocketStream;")
    try:
        page_python.run(
            START.replace("assert peer.has_backpressure", "assert not peer.has_backpressure"),
            url=server.url,
            settings={"max_queued_packets": 1000},
        )
        server.send("x", 2000)
        assert server.wait_for(lambda: server.ends) == [4008]
        ended = page_python.run(
            RESUME
            + """
await until(lambda: peer.ready_state is State.CLOSED)
[peer.close_code, type(peer.close_cause).__name__]
"""
        )
    finally:
        page_python.run_js(
            "if (globalThis.PlainStream) globalThis.WebSocketStream = globalThis.PlainStream; "
            "delete globalThis.PlainStream;"
        )
    assert ended == [4008, "InboundOverflowError"]


def test_an_asyncio_connection_goes_on_when_there_is_room_again(place: Interpreter) -> None:
    count, size = 20_000, 4096
    with flood_server(count, size) as server:
        place.run(
            """
            import builtins
            from pyws_browser.aio import connect
            connecting = connect(url)
            connecting._options = connecting._options._replace(backpressure=True)
            builtins.ws = await connecting
            await builtins.ws.send("go")
            """,
            url=server.url,
        )
        assert server.is_held_back.wait(60)
        assert server.sent_bytes < count * size // 2
        received = place.run(
            """
            import builtins
            numbers = [int((await builtins.ws.recv()).split()[0]) for _ in range(count)]
            await builtins.ws.close()
            del builtins.ws
            numbers == list(range(count))
            """,
            count=count,
            timeout=60,
        )
    assert received
