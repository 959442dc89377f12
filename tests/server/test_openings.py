"""Half-open connections: they take no places from open ones, and there are so many at most."""

from __future__ import annotations

import select
import socket
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
import trustme

from pyws_browser import HandshakeError, InvalidOptionError, Request, State, WebSocketPeer, WebSocketServer
from pyws_browser.protocol.openings import Openings

from ..support import client_context, open_descriptors, pump, server_context
from .test_server import request


@pytest.fixture
def server() -> Iterator[WebSocketServer]:
    with WebSocketServer() as server:
        server.strict = True
        server.bind_ip = "127.0.0.1"
        server.listen(0)
        yield server


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def half_open(server: WebSocketServer, stack: ExitStack, count: int, sent: bytes = b"") -> list[socket.socket]:
    """Connect, and have the server accept all of them."""
    known = len(server._acceptor._openings)
    socks = []
    for _ in range(count):
        socks.append(stack.enter_context(socket.create_connection(("127.0.0.1", server.port))))
        socks[-1].sendall(sent)
    pump(server, until=lambda: len(server._acceptor._openings) >= min(known + count, server.max_handshakes))
    return socks


def enter(server: WebSocketServer, stack: ExitStack) -> WebSocketPeer:
    """Return a peer that is open, or was refused."""
    peer = stack.enter_context(WebSocketPeer(web_limits=False))
    peer.connect_to_url(f"ws://127.0.0.1:{server.port}/")
    pump(server, peer, until=lambda: peer.ready_state is not State.CONNECTING)
    return peer


def is_dropped(sock: socket.socket) -> bool:
    return bool(select.select([sock], [], [], 0)[0])


@pytest.mark.parametrize("sent", [b"", b"GET / HTTP/1.1\r\nHost: a\r\n", b"POST / HTTP/1.1\r\n\r\n"])
def test_they_keep_nobody_out(server: WebSocketServer, stack: ExitStack, sent: bytes) -> None:
    server.max_connections = 20
    half_open(server, stack, 20, sent)
    honest = [enter(server, stack) for _ in range(20)]
    assert [peer.ready_state for peer in honest] == [State.OPEN] * 20
    refused = enter(server, stack)
    assert isinstance(refused.close_cause, HandshakeError)
    assert refused.close_cause.status == 503


def test_they_keep_nobody_out_under_tls(server: WebSocketServer, stack: ExitStack) -> None:
    authority = trustme.CA()
    server.tls = server_context(authority, "127.0.0.1")
    server.max_connections = 3
    half_open(server, stack, 3, b"\x16\x03\x01\x02\x00\x01\x00")
    peer = stack.enter_context(WebSocketPeer(web_limits=False))
    peer.connect_to_url(f"wss://127.0.0.1:{server.port}/", tls=client_context(authority))
    pump(server, peer, until=lambda: peer.ready_state is not State.CONNECTING)
    assert peer.ready_state is State.OPEN


def test_no_more_are_let_in_than_there_are_places(server: WebSocketServer, stack: ExitStack) -> None:
    server.max_connections = 2
    socks = half_open(server, stack, 6, request()[:-2])
    for sock in socks:
        sock.sendall(request()[-2:])
    pump(server, until=lambda: all(map(is_dropped, socks)))
    statuses = sorted(int(sock.recv(4096).split(b" ")[1]) for sock in socks)
    assert statuses == [101, 101, 503, 503, 503, 503]
    assert len(server.peer_ids) == 2


def test_a_place_is_free_again_when_a_client_leaves(server: WebSocketServer, stack: ExitStack) -> None:
    server.max_connections = 1
    for _ in range(3):
        peer = enter(server, stack)
        assert peer.ready_state is State.OPEN
        peer.abort()
        pump(server, until=lambda: not server._clients)


def test_requests_that_the_program_holds_take_their_places_when_it_accepts(
    server: WebSocketServer, stack: ExitStack
) -> None:
    held: list[Request] = []

    def hold(asked: Request) -> None:
        asked.hold()
        held.append(asked)

    server.max_connections = 1
    server.process_request = hold  # type: ignore[assignment]
    socks = half_open(server, stack, 3, request())
    pump(server, until=lambda: len(held) == 3)
    socks[0].close()
    pump(server, until=lambda: len(server._clients) == 2)
    assert [asked.accept() for asked in held] == [False, True, False], "the first one has left, and takes no place"
    pump(server, until=lambda: server.peer_ids and is_dropped(socks[2]))
    assert socks[2].recv(4096).startswith(b"HTTP/1.1 503")


def test_the_oldest_goes_when_there_are_too_many(server: WebSocketServer, stack: ExitStack) -> None:
    server.max_handshakes = 5
    before = open_descriptors()
    socks = half_open(server, stack, 5)
    bystander = enter(server, stack)
    assert bystander.is_connected_to_host()
    assert [is_dropped(sock) for sock in socks] == [True, False, False, False, False]
    half_open(server, stack, 20)
    pump(server, until=lambda: open_descriptors() == before + 5 + 2 + 20 + 5)
    bystander.send("hello")
    pump(server, bystander, until=server.get_peer(server.peer_ids[0]).get_available_packet_count)


def test_what_waits_for_the_program_is_not_dropped_for_others(server: WebSocketServer, stack: ExitStack) -> None:
    held: list[Request] = []

    def hold(asked: Request) -> None:
        asked.hold()
        held.append(asked)

    server.process_request = hold  # type: ignore[assignment]
    server.max_handshakes = 2
    half_open(server, stack, 2, request())
    pump(server, until=lambda: len(held) == 2)
    late = enter(server, stack)
    assert isinstance(late.close_cause, HandshakeError)
    assert late.close_cause.status == 503
    assert all(asked.accept() for asked in held)
    pump(server, until=lambda: len(server.peer_ids) == 2)


def test_each_of_them_has_its_time(server: WebSocketServer, stack: ExitStack) -> None:
    server.handshake_timeout = 0.1
    before = open_descriptors()
    socks = half_open(server, stack, 5, b"GET / HT")
    pump(server, until=lambda: not server._clients)
    assert all(map(is_dropped, socks))
    assert open_descriptors() <= before + 5
    assert len(server._acceptor._openings) == 0


@pytest.mark.parametrize("count", [0, -1, 2.5, "many", None])
def test_the_limit_is_a_whole_number(server: WebSocketServer, count: object) -> None:
    with pytest.raises(InvalidOptionError, match="max_handshakes"):
        server.max_handshakes = count  # type: ignore[assignment]


class TestWhoGoes:
    @pytest.mark.parametrize(
        ("addresses", "first"),
        [
            (["10.0.0.1", "10.0.0.2", "10.0.0.2"], 1),
            (["10.0.0.1", "10.0.0.2", "10.0.0.3"], 0),
            (["2001:db8::1", "2001:db8:0:1::1", "2001:db8:0:1::2"], 1),
            (["10.0.0.1", "fe80::1%eth0", "fe80::2%eth1"], 1),
            (["", "", "10.0.0.1"], 0),
            (["/run/a:b", "/run/a:c", "10.0.0.1"], 0),
        ],
    )
    def test_it_is_the_oldest_of_the_network_with_the_most(self, addresses: list[str], first: int) -> None:
        openings: Openings[int] = Openings()
        for number, address in enumerate(addresses):
            openings.add(number, address)
        assert openings.next_to_go(lambda _: True) == first

    def test_one_that_may_not_go_is_passed_over(self) -> None:
        openings: Openings[int] = Openings()
        for number, address in enumerate(["a", "a", "b"]):
            openings.add(number, address)
        assert openings.next_to_go(lambda number: number == 2) == 2
        assert openings.next_to_go(lambda _: False) is None

    def test_what_is_forgotten_leaves_nothing(self) -> None:
        openings: Openings[int] = Openings()
        openings.add(1, "a")
        openings.discard(1)
        openings.discard(2)
        assert len(openings) == 0
        assert openings.next_to_go(lambda _: True) is None
