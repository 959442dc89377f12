"""No client keeps the others of a polled server from being served, however much it sends."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

import pyws_browser.peer.links
import pyws_browser.server.rounds
from pyws_browser import State, WebSocketClient, WebSocketPeer, WebSocketServer
from pyws_browser.godot.hub import ENVELOPES_IN_A_ROW

from ..support import Clock, fast_clock, pump


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock that a server's polls go by."""
    clock = Clock()
    for module in (pyws_browser.server.rounds, pyws_browser.peer.links):
        monkeypatch.setattr(module, "monotonic", clock)
    return clock


@pytest.fixture
def server() -> Iterator[WebSocketServer]:
    with WebSocketServer() as server:
        server.strict = True
        server.bind_ip = "127.0.0.1"
        yield server


@pytest.fixture
def join(server: WebSocketServer) -> Iterator[Callable[[], WebSocketPeer]]:
    """Give a function that returns another client of the server, whose connection is open."""
    with ExitStack() as clients:

        def connect() -> WebSocketPeer:
            peer = clients.enter_context(WebSocketPeer())
            peer.connect_to_url(f"ws://127.0.0.1:{server.port}/")
            pump(peer, server, until=lambda: peer.ready_state is State.OPEN)
            return peer

        yield connect


def test_who_sends_little_is_served_between_those_who_send_much(
    server: WebSocketServer, join: Callable[[], WebSocketPeer], clock: Clock
) -> None:
    told: list[tuple[int, str]] = []

    def take(client: int) -> None:
        clock.now += 0.001
        told.append((client, str(server.get_peer(client).receive())))

    server.data_received.connect(take)
    server.listen(0)
    flooder = join()
    (flooding,) = server.peer_ids
    bystander = join()
    (other,) = set(server.peer_ids) - {flooding}
    with flooder.batch():
        for number in range(3000):
            flooder.send(str(number))
    pump(server, flooder, until=lambda: told)
    assert server.wait(0), "the rest of the messages is still to be told"
    bystander.send("one")
    pump(server, bystander, until=lambda: (other, "one") in told)
    assert len(told) < 3000
    pump(server, flooder, until=lambda: len(told) == 3001)
    assert [text for client, text in told if client == flooding] == [str(number) for number in range(3000)]


def test_who_sends_little_is_served_while_a_message_inflates_to_much(
    server: WebSocketServer, join: Callable[[], WebSocketPeer], monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[int] = []
    server.data_received.connect(lambda client: told.append(len(server.get_peer(client).receive() or b"")))
    server.inbound_buffer_size = 1 << 24
    server.compression = True  # type: ignore[assignment]
    server.listen(0)
    flooder, bystander = join(), join()
    monkeypatch.setattr(time, "monotonic", fast_clock())
    flooder.outbound_buffer_size = 1 << 25
    flooder.send(bytes(1 << 24))
    pump(flooder, until=lambda: not flooder.get_current_outbound_buffered_amount())
    assert server.wait(10)
    server.poll()
    assert not told
    bystander.send("one")
    pump(server, bystander, until=lambda: told)
    assert told == [3]
    pump(server, until=lambda: len(told) == 2)
    assert told == [3, 1 << 24]


def test_what_was_not_told_yet_is_told_before_the_end(
    server: WebSocketServer, join: Callable[[], WebSocketPeer], clock: Clock
) -> None:
    told: list[str] = []

    def take(client: int) -> None:
        clock.now += 0.01
        told.append(str(server.get_peer(client).receive()))

    server.data_received.connect(take)
    server.client_disconnected.connect(lambda client, clean: told.append("the end"))
    server.listen(0)
    peer = join()
    other = join()
    with peer.batch():
        for number in range(200):
            peer.send(str(number))
    peer.close()
    other.send("another's")
    pump(server, peer, other, until=lambda: "the end" in told)
    assert [text for text in told if text != "another's"] == [*map(str, range(200)), "the end"]


def test_a_server_that_is_stopped_by_a_callback_tells_nothing_more(
    server: WebSocketServer, join: Callable[[], WebSocketPeer], clock: Clock
) -> None:
    told = 0

    def take(client: int) -> None:
        nonlocal told
        clock.now += 0.01
        told += 1
        if told == 20:
            server.stop()

    server.data_received.connect(take)
    server.listen(0)
    peer = join()
    with peer.batch():
        for number in range(200):
            peer.send(str(number))
    pump(server, peer, until=lambda: told == 20)
    for _ in range(3):
        server.poll()
    assert told == 20


def test_those_for_whom_a_poll_had_no_time_come_first_in_the_next(
    server: WebSocketServer, join: Callable[[], WebSocketPeer], monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[int] = []
    server.data_received.connect(told.append)
    server.listen(0)
    peers = [join() for _ in range(5)]
    monkeypatch.setattr(pyws_browser.server.rounds, "monotonic", fast_clock())
    for turn in range(1, 4):
        for peer in peers:
            peer.send("to be counted")
            peer.poll()
        pump(server, until=lambda turn=turn: len(told) == 5 * turn)
        assert sorted(map(told.count, server.peer_ids)) == [turn] * 5


@pytest.mark.parametrize("leaves", [False, True], ids=["who stays", "who leaves"])
def test_bad_envelopes_are_told_a_row_at_a_time(
    server: WebSocketServer, join: Callable[[], WebSocketPeer], leaves: bool
) -> None:
    count = 5 * ENVELOPES_IN_A_ROW
    told = 0
    most = 0

    def note(client: int, error: Exception) -> None:
        nonlocal told
        told += 1

    gone: list[int] = []
    server.peer_error.connect(note)
    server.peer_disconnected.connect(lambda client: gone.append(told))
    server.listen(0, gd_mp_api=True)
    peer = join()
    with peer.batch():
        for _ in range(count):
            peer.send(b"bad")
    if leaves:
        peer.close()
    while told < count:
        before = told
        peer.poll()
        server.poll()
        most = max(most, told - before)
    assert most <= 2 * ENVELOPES_IN_A_ROW
    if leaves:
        pump(server, peer, until=lambda: gone)
        assert gone == [count]


def test_in_a_session_packets_are_told_in_the_order_in_which_they_are_fetched(
    server: WebSocketServer, clock: Clock
) -> None:
    told: list[tuple[int, int]] = []

    def take(source: int) -> None:
        clock.now += 0.001
        told.append((source, server.get_packet_peer()))
        server.get_packet()

    server.peer_packet.connect(take)
    server.listen(0, gd_mp_api=True)
    with WebSocketClient() as one, WebSocketClient() as other:
        clients = (one, other)
        for client in clients:
            client.connect_to_url(f"ws://127.0.0.1:{server.port}/", gd_mp_api=True)
            pump(client, server, until=client.get_unique_id)
            client.set_target_peer(1)
        for number in range(500):
            for client in clients:
                client.put_packet(str(number).encode())
        pump(*clients, server, until=lambda: len(told) == 1000)
    assert all(source == fetched for source, fetched in told)
