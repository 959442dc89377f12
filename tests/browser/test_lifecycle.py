"""How a connection ends in a page: the page is left or frozen, its worker stops, the network fails, nobody polls."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from textwrap import dedent
from typing import TYPE_CHECKING, Any

import pytest

from .observed_server import Cable, ObservedServer, observed_server

if TYPE_CHECKING:
    from .interpreter import Interpreter

CONNECT = """
import asyncio, builtins, time
from pyws_browser import State, WebSocketPeer

async def until(condition):
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end, (peer.ready_state, peer.close_code, peer.close_cause)
        peer.poll()
        await asyncio.sleep(0.005)

peer = builtins.peer = WebSocketPeer()
peer.close_timeout = globals().get("close_timeout", 10)
peer.backpressure = backpressure
peer.connect_to_url(url)
await until(peer.is_connected_to_host)
"""

# A program that comes back to its peer after something has happened to the page.
RESUME = (
    CONNECT.partition("peer = builtins.peer")[0]
    + """
peer = builtins.peer
def how_it_ended():
    return [peer.ready_state.name, peer.close_code, peer.was_clean_close, type(peer.close_cause).__name__]
"""
)

ECHO = """
peer.send("again")
await until(peer.get_available_packet_count)
assert peer.receive() == "again"
"""

RECONNECT = (
    """
peer.connect_to_url(url)
await until(peer.is_connected_to_host)
"""
    + ECHO
)


def resume(page: Interpreter, source: str, **names: object) -> Any:
    """Run the program that comes back, and what it does then."""
    return page.run(RESUME + dedent(source), **names)


@pytest.fixture
def server() -> Iterator[ObservedServer]:
    with observed_server() as running:
        yield running


@pytest.fixture
def cable(server: ObservedServer) -> Iterator[Cable]:
    between = Cable(server.url)
    yield between
    between.remove()


@pytest.fixture
def page(page_python: Interpreter) -> Iterator[Interpreter]:
    """A page that has not been through anything, and goes when the test is over."""
    yield page_python
    page_python.restart()


def test_a_page_that_is_left_closes_and_finds_itself_closed_when_it_comes_back(
    page: Interpreter, server: ObservedServer, backpressure: bool
) -> None:
    page.run(CONNECT, backpressure=backpressure, url=server.url)
    page.run_js("self.addEventListener('pageshow', (event) => { self.wasKept = event.persisted; });")
    driver = page.runner.driver

    driver.get("data:text/html,elsewhere")
    server.wait_for(lambda: server.ends == [1000])
    driver.back()

    assert page.run_js("return self.wasKept ?? null;") is True, "the page was loaded anew"
    told = resume(
        page, "await until(lambda: peer.ready_state is State.CLOSED)\n[how_it_ended(), str(peer.close_cause)]"
    )
    assert told[0][0] == "CLOSED"
    assert told[0][1] == 1006
    assert told[0][2:] == [False, "ConnectionLostError"]
    assert "the page was left" in told[1]
    resume(
        page,
        RECONNECT,
        url=server.url,
    )


def test_a_page_that_was_frozen_is_told_if_its_connection_ended_and_connects_again(
    page: Interpreter, server: ObservedServer, backpressure: bool
) -> None:
    page.run(CONNECT, backpressure=backpressure, url=server.url)
    set_state = "Page.setWebLifecycleState"
    page.runner.driver.execute_cdp_cmd(set_state, {"state": "frozen"})
    page.runner.driver.execute_cdp_cmd(set_state, {"state": "active"})
    if backpressure:  # Chromium leaves streams alone
        resume(page, ECHO)
        return
    ended = resume(page, "await until(lambda: peer.ready_state is State.CLOSED)\nhow_it_ended()")
    assert ended == ["CLOSED", 1006, False, "ConnectionLostError"]  # Chromium's doing, at the freeze
    assert server.wait_for(lambda: server.ends) == [1001]
    resume(page, RECONNECT, url=server.url)


def test_a_hidden_page_loses_no_message(page: Interpreter, server: ObservedServer, backpressure: bool) -> None:
    page.run(CONNECT, backpressure=backpressure, url=server.url)
    driver = page.runner.driver
    shown = driver.current_window_handle
    driver.switch_to.new_window("tab")
    hidden_from = driver.current_window_handle
    server.send(b"while hidden", count=500)
    driver.switch_to.window(shown)
    resume(
        page,
        """
        received = []
        while len(received) < 500:
            await until(peer.get_available_packet_count)
            received += peer
        assert received == [b"while hidden"] * 500
        """,
    )
    driver.switch_to.window(hidden_from)
    driver.close()
    driver.switch_to.window(shown)


def test_the_server_sees_the_end_of_a_worker(
    start_interpreter: Callable[[str], Interpreter],
    interpreters: list[Interpreter],
    server: ObservedServer,
    backpressure: bool,
) -> None:
    worker = start_interpreter("worker")
    worker.run(CONNECT, backpressure=backpressure, url=server.url)
    interpreters.remove(worker)  # nobody can ask it any more
    worker.runner.driver.execute_script("worker.terminate();")
    assert server.wait_for(lambda: server.ends) == [1001]


@pytest.mark.parametrize("is_sending", [False, True], ids=["idle", "sending"])
def test_a_cut_connection_is_closed_with_1006(
    page_python: Interpreter, server: ObservedServer, cable: Cable, backpressure: bool, is_sending: bool
) -> None:
    page_python.run(CONNECT, backpressure=backpressure, url=cable.url)
    cable.cut()
    ended = resume(
        page_python,
        """
        def has_ended():
            if is_sending and peer.is_connected_to_host():
                peer.send("still there?")
            return peer.ready_state is State.CLOSED
        await until(has_ended)
        how_it_ended()
        """,
        is_sending=is_sending,
    )
    assert ended == ["CLOSED", 1006, False, "ConnectionLostError"]
    assert server.wait_for(lambda: server.ends) == [1006]


def test_a_silent_network_does_not_hold_up_a_close(
    page_python: Interpreter, server: ObservedServer, cable: Cable, backpressure: bool
) -> None:
    page_python.run(CONNECT, backpressure=backpressure, url=cable.url, close_timeout=0.2)
    cable.unplug()
    ended = resume(
        page_python,
        """
        peer.close()
        await until(lambda: peer.ready_state is State.CLOSED)
        how_it_ended()
        """,
    )
    assert ended == ["CLOSED", 1006, False, "CloseTimeoutError"]


FLOODS = {"bytes": (b"x" * 100_000, 400), "texts": ("x" * 100_000, 400), "packets": (b"", 70_000)}


@pytest.mark.parametrize(("message", "count"), FLOODS.values(), ids=FLOODS)
def test_a_program_that_does_not_poll_is_closed_before_its_page_is_full(
    python_place: Interpreter, server: ObservedServer, message: str | bytes, count: int
) -> None:
    python_place.run(CONNECT, backpressure=False, url=server.url)
    server.send(message, count)
    assert server.wait_for(lambda: server.ends) == [4008]
    ended, fetched = resume(
        python_place,
        """
        await until(lambda: peer.ready_state is State.CLOSED)
        how_it_ended(), sum(map(len, peer)) or len(list(peer))
        """,
    )
    assert ended == ["CLOSED", 4008, False, "InboundOverflowError"]
    assert fetched <= 16 << 20


def test_what_was_fetched_since_the_last_poll_does_not_wait_any_more(
    python_place: Interpreter, server: ObservedServer
) -> None:
    python_place.run(
        CONNECT.replace("peer.connect", "peer.inbound_buffer_size = 100_000\npeer.connect"),
        backpressure=False,
        url=server.url,
    )
    server.send(b"x" * 1000, 90)
    resume(
        python_place,
        """
        await until(lambda: peer.get_available_packet_count() == 90)
        for _ in range(89):
            peer.receive()
        """,
    )
    server.send(b"x" * 1000, 70)
    told = resume(
        python_place,
        """
        while len(peer._transport._messages) < 70:  # and nobody polls
            await asyncio.sleep(0.005)
        peer.poll()
        [peer.ready_state.name, peer.get_available_packet_count()]
        """,
    )
    assert told == ["OPEN", 71]


def test_what_a_program_did_not_poll_for_is_there_when_it_does(
    python_place: Interpreter, server: ObservedServer
) -> None:
    python_place.run(CONNECT, backpressure=False, url=server.url)
    for number in range(300):
        server.send(f"text {number}" if number % 3 else f"{number}".encode() * 9000)
    received = resume(
        python_place,
        """
        await asyncio.sleep(1)  # longer than it takes, and nobody polls
        received = []
        while len(received) < 300:
            await until(peer.get_available_packet_count)
            received += peer
        peer.abort()
        [message if isinstance(message, str) else message[:3].decode() for message in received]
        """,
    )
    assert received == [f"text {number}" if number % 3 else (f"{number}" * 3)[:3] for number in range(300)]
