"""A poll of a WebSocketClient is bounded in time; the next ones go on with what is left, and nothing is lost."""

from __future__ import annotations

import select
import struct

import pytest

import pyws_browser.peer.links
from pyws_browser import ConnectionStatus, MemoryNetwork, State, WebSocketClient, WebSocketPeer, WebSocketServer
from pyws_browser.godot.hub import MANY_EVENTS
from pyws_browser.peer.links import EMIT_TIME

from ..support import LIMIT, Clock, fast_clock, pump

URL = "ws://game.example/"
WORK = 0.001
COUNT = 100
ID, ADD = (struct.pack("<Biii", kind, 1, 0, id_) for kind, id_ in ((3, 7), (1, 1)))


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock that a client's polls go by."""
    clock = Clock()
    monkeypatch.setattr(pyws_browser.peer.links, "monotonic", clock)
    return clock


class Case:
    """A client that works on each message; `server` is the other end of its connection, in memory."""

    def __init__(self, clock: Clock, *, web_limits: bool = False, is_session: bool = False, **settings: int) -> None:
        network = MemoryNetwork()
        listener = network.listen(URL)
        self.client = WebSocketClient(web_limits=web_limits, connector=network.connect)
        for name, value in settings.items():
            setattr(self.client, name, value)
        self.told: list[str] = []

        def take(*_: int) -> None:
            clock.now += WORK
            message = self.client.get_packet().decode() if is_session else self.client.get_peer(1).receive()
            self.told.append(str(message))

        (self.client.peer_packet if is_session else self.client.data_received).connect(take)
        for signal in (self.client.connection_closed, self.client.server_disconnected):
            signal.connect(lambda *_: self.told.append(self.client.get_connection_status().name))
        self.client.connect_to_url(URL, gd_mp_api=is_session)
        server = listener.accept()
        assert server is not None
        self.server: WebSocketPeer = server
        if is_session:
            server.send(ID)
            server.send(ADD)
        self.head = struct.pack("<Bii", 0, 1, 0) if is_session else None
        self.client.poll()

    def give(self, count: int) -> None:
        for number in map(str, range(count)):
            self.server.send(number if self.head is None else self.head + number.encode())


@pytest.mark.parametrize("is_session", [False, True], ids=["plain", "session"])
@pytest.mark.parametrize("web_limits", [False, True], ids=["desktop", "web_limits"])
def test_what_a_poll_has_no_time_for_is_told_by_the_next_ones(clock: Clock, is_session: bool, web_limits: bool) -> None:
    case = Case(clock, is_session=is_session, web_limits=web_limits)
    case.give(COUNT)
    polls = 0
    while len(case.told) < COUNT:
        before = len(case.told)
        case.client.poll()
        polls += 1
        assert len(case.told) - before <= EMIT_TIME / WORK + 2
    assert case.told == [*map(str, range(COUNT))]
    assert polls > 5


@pytest.mark.parametrize("is_session", [False, True], ids=["plain", "session"])
def test_a_client_is_connected_until_the_end_was_told(clock: Clock, is_session: bool) -> None:
    case = Case(clock, is_session=is_session)
    case.give(COUNT)
    case.server.close()
    polls = 0
    while case.client.get_connection_status() is not ConnectionStatus.DISCONNECTED:
        case.client.poll()
        case.server.poll()
        polls += 1
    assert case.told == [*map(str, range(COUNT)), "DISCONNECTED"]
    assert polls > 5


def test_another_connection_begins_with_nothing_of_the_one_before(clock: Clock) -> None:
    case = Case(clock)
    case.give(COUNT)
    case.client.poll()
    case.client.get_peer(1).abort()
    case.client.connect_to_url("ws://nobody.example/")
    told = len(case.told)
    while case.client.get_connection_status() is not ConnectionStatus.DISCONNECTED:
        case.client.poll()
    assert len(case.told) == told < COUNT


@pytest.mark.parametrize("is_session", [False, True], ids=["plain", "session"])
def test_where_nothing_holds_the_sender_back_the_inbox_does_not_fill_up(clock: Clock, is_session: bool) -> None:
    case = Case(clock, is_session=is_session, web_limits=True, max_queued_packets=COUNT)
    for _ in range(5):
        case.told.clear()
        case.give(COUNT)
        case.client.poll()
        assert len(case.told) > COUNT // 2
        while len(case.told) < COUNT:
            case.client.poll()
    assert case.client.get_peer(1).ready_state is State.OPEN


def test_envelopes_are_taken_as_long_as_there_is_time(monkeypatch: pytest.MonkeyPatch) -> None:
    case = Case(Clock(), is_session=True)
    errors: list[int] = []
    case.client.peer_error.connect(lambda peer, error: errors.append(peer))
    monkeypatch.setattr(pyws_browser.peer.links, "monotonic", fast_clock())
    for _ in range(3 * MANY_EVENTS):
        case.server.send(b"bad")
    most = polls = 0
    while len(errors) < 3 * MANY_EVENTS:
        before = len(errors)
        case.client.poll()
        polls += 1
        most = max(most, len(errors) - before)
        assert len(case.client._events) <= MANY_EVENTS
    assert polls > 10
    assert most <= 8


@pytest.mark.parametrize("is_session", [False, True], ids=["plain", "session"])
def test_a_program_that_sleeps_until_the_descriptor_is_readable_is_woken_for_all(
    clock: Clock, is_session: bool
) -> None:
    told = 0

    def take(*_: int) -> None:
        nonlocal told
        clock.now += WORK
        told += 1

    with WebSocketServer() as server, WebSocketClient() as client:
        server.bind_ip = "127.0.0.1"
        server.listen(0, gd_mp_api=is_session)
        client.data_received.connect(take)
        client.peer_packet.connect(take)
        client.connect_to_url(f"ws://127.0.0.1:{server.port}/", gd_mp_api=is_session)
        established = client.get_unique_id if is_session else lambda: server.peer_ids
        pump(client, server, until=lambda: established() and client.get_peer(1).ready_state is State.OPEN)
        descriptor = client.get_peer(1).fileno()
        for number in range(COUNT):
            if is_session:
                server.put_packet(str(number).encode())
            else:
                server.broadcast(str(number))
        server.poll()
        while told < COUNT:
            assert select.select([descriptor], [], [], LIMIT)[0]
            client.poll()
