"""WebSocketServer: who is connected, what they said, and what hostile clients cannot do."""

from __future__ import annotations

import errno
import gc
import os
import select
import socket
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import pyws_browser
from pyws_browser import (
    Error,
    HandshakeError,
    InvalidOptionError,
    ListenError,
    NoSuchPeerError,
    State,
    WebSocketPeer,
    WebSocketServer,
    WrongThreadError,
)

from ..support import LIMIT, open_descriptors, pump


class Log:
    """What a server's signals said."""

    def __init__(self, server: WebSocketServer) -> None:
        self.entries: list[tuple[Any, ...]] = []
        for name in ("client_connected", "client_disconnected", "client_close_request", "data_received"):
            getattr(server, name).connect(lambda *arguments, name=name: self.entries.append((name, *arguments)))

    def names(self) -> list[str]:
        return [entry[0] for entry in self.entries]


@pytest.fixture
def server() -> Iterator[WebSocketServer]:
    with WebSocketServer() as server:
        server.strict = True
        server.bind_ip = "127.0.0.1"
        server.listen(0)
        yield server


@pytest.fixture
def log(server: WebSocketServer) -> Log:
    return Log(server)


@pytest.fixture
def connect(server: WebSocketServer) -> Iterator[Callable[[], WebSocketPeer]]:
    peers: list[WebSocketPeer] = []

    def connect() -> WebSocketPeer:
        peer = WebSocketPeer(web_limits=False)
        peers.append(peer)
        known = len(server.peer_ids)
        peer.connect_to_url(f"ws://127.0.0.1:{server.port}/room?x=1")
        pump(peer, server, until=lambda: peer.ready_state is State.OPEN and len(server.peer_ids) > known)
        return peer

    yield connect
    for peer in peers:
        peer.abort()


def request(path: str = "/", **headers: str) -> bytes:
    fields = {
        "Host": "test",
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
        "Sec-WebSocket-Version": "13",
    } | {name.replace("_", "-"): value for name, value in headers.items()}
    return (
        f"GET {path} HTTP/1.1\r\n".encode()
        + b"".join(f"{n}: {v}\r\n".encode() for n, v in fields.items() if v)
        + b"\r\n"
    )


def ask(server: WebSocketServer, data: bytes) -> bytes:
    """Send raw bytes to the server and return all of its answer."""
    with socket.create_connection(("127.0.0.1", server.port), LIMIT) as sock:
        sock.sendall(data)
        answer = b""
        end = time.monotonic() + LIMIT
        while time.monotonic() < end:
            server.poll()
            if select.select([sock], [], [], 0.001)[0]:
                piece = sock.recv(4096)
                if not piece:
                    return answer
                answer += piece
                if answer.startswith(b"HTTP/1.1 101"):
                    return answer
    raise AssertionError(f"no end of {answer!r}")


def test_the_signals_of_a_life(server: WebSocketServer, log: Log, connect: Callable[[], WebSocketPeer]) -> None:
    peer = connect()
    (id_,) = server.peer_ids
    assert server.has_peer(id_)
    for message in ("one", b"two"):
        peer.send(message)
    peer.close(4000, "bye")
    pump(peer, server, until=lambda: "client_disconnected" in log.names())
    assert log.entries == [
        ("client_connected", id_, ""),
        ("data_received", id_),
        ("data_received", id_),
        ("client_close_request", id_, 4000, "bye"),
        ("client_disconnected", id_, True),
    ]
    assert not server.has_peer(id_)
    assert server.peer_ids == ()


def test_ids_are_random_positive_31_bit_numbers_but_not_1(
    server: WebSocketServer, connect: Callable[[], WebSocketPeer]
) -> None:
    for _ in range(10):
        connect()
    assert len(set(server.peer_ids)) == 10
    assert all(2 <= id_ < 2**31 for id_ in server.peer_ids)


def test_an_id_is_never_given_twice(
    server: WebSocketServer, connect: Callable[[], WebSocketPeer], monkeypatch: pytest.MonkeyPatch
) -> None:
    numbers = iter([7, 7, 8])
    monkeypatch.setattr("pyws_browser.server.polled._random.randint", lambda low, high: next(numbers))
    connect()
    connect()
    assert set(server.peer_ids) == {7, 8}


def test_a_peer_tells_what_its_client_asked_for(server: WebSocketServer, connect: Callable[[], WebSocketPeer]) -> None:
    client = connect()
    (id_,) = server.peer_ids
    peer = server.get_peer(id_)
    assert peer.get_requested_url() == f"ws://127.0.0.1:{server.port}/room?x=1"
    assert (peer.get_connected_host(), server.get_peer_address(id_)) == ("127.0.0.1", "127.0.0.1")
    assert peer.get_connected_port() == server.get_peer_port(id_)
    assert client.get_connected_port() == server.port


def test_unknown_ids_raise(server: WebSocketServer) -> None:
    for call in (server.get_peer, server.get_peer_address, server.get_peer_port, server.disconnect_peer):
        with pytest.raises(NoSuchPeerError, match="no client has the id 5") as caught:
            call(5)
        assert caught.value.error is Error.ERR_DOES_NOT_EXIST
        assert isinstance(caught.value, LookupError)


def test_disconnect_peer_closes_cleanly(
    server: WebSocketServer, log: Log, connect: Callable[[], WebSocketPeer]
) -> None:
    peer = connect()
    (id_,) = server.peer_ids
    server.disconnect_peer(id_, 4001, "out")
    pump(peer, server, until=lambda: "client_disconnected" in log.names())
    assert log.entries[-1] == ("client_disconnected", id_, True)
    assert "client_close_request" not in log.names()
    assert (peer.get_close_code(), peer.get_close_reason()) == (4001, "out")


def test_a_lost_client_is_no_clean_close(
    server: WebSocketServer, log: Log, connect: Callable[[], WebSocketPeer]
) -> None:
    connect().abort()
    pump(server, until=lambda: "client_disconnected" in log.names())
    assert log.entries[-1][2] is False
    assert "client_close_request" not in log.names()


def test_the_peer_and_its_packets_are_there_while_the_end_is_told(
    server: WebSocketServer, connect: Callable[[], WebSocketPeer]
) -> None:
    last_words: list[str | bytes] = []
    server.client_disconnected.connect(lambda id_, clean: last_words.extend(server.get_peer(id_)))
    peer = connect()
    peer.send("last words")
    peer.close()
    pump(peer, server, until=lambda: peer.ready_state is State.CLOSED and not server.peer_ids)
    assert last_words == ["last words"]


def test_a_handler_may_abort_a_peer_whose_end_it_is_told(
    server: WebSocketServer, log: Log, connect: Callable[[], WebSocketPeer]
) -> None:
    server.client_disconnected.connect(lambda id_, clean: server.get_peer(id_).abort())
    connect().abort()
    pump(server, until=lambda: "client_disconnected" in log.names())
    server.poll()
    assert log.names().count("client_disconnected") == 1


def test_stop_closes_with_1000_and_emits_nothing(
    server: WebSocketServer, log: Log, connect: Callable[[], WebSocketPeer]
) -> None:
    peers = [connect() for _ in range(3)]
    known = len(log.entries)
    server.stop()
    assert not server.is_listening()
    assert server.port == 0
    for peer in peers:
        pump(peer, until=lambda peer=peer: peer.ready_state is State.CLOSED)
        assert peer.get_close_code() == 1000
    server.stop()
    server.poll()
    assert not server.wait(0)
    assert len(log.entries) == known
    server.listen(0)
    assert server.is_listening()


def test_listening_fails_with_names(server: WebSocketServer) -> None:
    with pytest.raises(ListenError, match="stop") as caught:
        server.listen(0)
    assert caught.value.error is Error.ERR_ALREADY_IN_USE
    other = WebSocketServer()
    other.bind_ip = "127.0.0.1"
    with pytest.raises(ListenError, match=f"cannot listen at port {server.port}") as caught:
        other.listen(server.port)
    assert caught.value.error is Error.ERR_ALREADY_IN_USE
    other.bind_ip = "192.0.2.1"
    with pytest.raises(ListenError) as caught:
        other.listen(0)
    assert caught.value.error is Error.ERR_CANT_CREATE
    for port in (-1, 65536, "80", None):
        with pytest.raises(InvalidOptionError, match="port"):
            other.listen(port)  # type: ignore[arg-type]


@pytest.mark.parametrize("url", ["ws://127.0.0.1", "ws://[::1]", "ws://localhost"])
def test_all_addresses_are_listened_at_by_default(url: str) -> None:
    if "[" in url and not socket.has_dualstack_ipv6():
        pytest.skip("no IPv6 on this machine")
    with WebSocketServer() as server, WebSocketPeer(web_limits=False) as peer:
        server.strict = True
        server.listen(0)
        peer.connect_to_url(f"{url}:{server.port}/")
        pump(peer, server, until=lambda: peer.ready_state is State.OPEN and server.peer_ids)
        assert server.get_peer_address(server.peer_ids[0]) in ("127.0.0.1", "::1")


def test_a_single_family_where_there_is_no_dual_stack(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pyws_browser.server.listener.socket.has_dualstack_ipv6", lambda: False)
    with WebSocketServer() as server, WebSocketPeer(web_limits=False) as peer:
        server.strict = True
        server.listen(0)
        peer.connect_to_url(f"ws://127.0.0.1:{server.port}/")
        pump(peer, server, until=lambda: peer.ready_state is State.OPEN)


def test_subprotocols_are_chosen_as_godot_chooses(server: WebSocketServer) -> None:
    server.stop()
    server.listen(0, ["b", "a"])
    assert b"Sec-WebSocket-Protocol: a\r\n" in ask(server, request(Sec_WebSocket_Protocol="x, a, b"))
    assert ask(server, request(Sec_WebSocket_Protocol="x")).startswith(b"HTTP/1.1 400")
    assert ask(server, request()).startswith(b"HTTP/1.1 400")
    server.stop()
    server.listen(0, [])
    assert ask(server, request(Sec_WebSocket_Protocol="x")).startswith(b"HTTP/1.1 400")
    assert b"Protocol:" not in ask(server, request())


def test_extra_headers_go_into_the_answer(server: WebSocketServer) -> None:
    server.handshake_headers = {"X-Server": "mine"}
    assert b"\r\nX-Server: mine\r\n" in ask(server, request())


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", 426),
        (request(Sec_WebSocket_Version="8"), 400),
        (request(Sec_WebSocket_Key="short"), 400),
        (request(Sec_WebSocket_Key=""), 400),
        (request(Upgrade="h2c"), 426),
        (request().replace(b"GET", b"POST"), 405),
        (b"GET\r\n\r\n", 400),
        (b"\x16\x03\x01 this is TLS\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nno colon\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nX: " + b"x" * 20_000, 431),
    ],
)
def test_bad_requests_get_a_proper_answer(server: WebSocketServer, log: Log, data: bytes, status: int) -> None:
    answer = ask(server, data)
    assert answer.startswith(f"HTTP/1.1 {status} ".encode()), answer
    assert b"Connection: close\r\n" in answer
    pump(server, until=lambda: not server._clients)
    assert log.entries == []


def test_lenient_requests_are_accepted(server: WebSocketServer) -> None:
    assert ask(server, request(Connection="keep-alive, Upgrade", Host="a_b:", X_Empty=" ")).startswith(b"HTTP/1.1 101")


def test_refusing_new_connections(server: WebSocketServer, connect: Callable[[], WebSocketPeer]) -> None:
    old = connect()
    server.refuse_new_connections = True
    peer = WebSocketPeer(web_limits=False)
    peer.connect_to_url(f"ws://127.0.0.1:{server.port}/")
    pump(peer, server, until=lambda: peer.ready_state is State.CLOSED)
    assert isinstance(peer.close_cause, HandshakeError) or peer.get_close_code() == 1006
    assert old.is_connected_to_host()
    server.refuse_new_connections = False
    connect()


def test_half_open_handshakes_hold_nobody_up(server: WebSocketServer, connect: Callable[[], WebSocketPeer]) -> None:
    server.handshake_timeout = 0.3
    before = open_descriptors()
    lorises = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(200)]
    for loris in lorises:
        loris.sendall(b"GET / HTTP/1.1\r\n")
    peer = connect()
    peer.send("served all the same")
    (id_,) = server.peer_ids
    pump(server, until=server.get_peer(id_).get_available_packet_count)
    pump(server, until=lambda: len(server._clients) == 1)
    for loris in lorises:
        loris.close()
    assert open_descriptors() <= before + 2


def test_a_client_that_fetches_nothing_does_not_fill_the_server(
    server: WebSocketServer, connect: Callable[[], WebSocketPeer]
) -> None:
    connect()
    peer = server.get_peer(server.peer_ids[0])
    server.poll()
    sent = 0
    while not peer.get_current_outbound_buffered_amount():
        peer.send(os.urandom(100_000))
        sent += 1
    assert sent < 1000
    server.poll()
    assert not server.wait(0.01), "nothing to do until the client reads"


def test_a_slow_program_holds_its_client_back(connect: Callable[[], WebSocketPeer], server: WebSocketServer) -> None:
    server.max_queued_packets = 10
    client = connect()
    for number in range(100):
        client.send(str(number))
    peer = server.get_peer(server.peer_ids[0])
    pump(server, until=lambda: peer.get_available_packet_count() == 10)
    server.poll()
    assert not server.wait(0.01)
    received: list[str | bytes] = []
    while len(received) < 100:
        received += list(peer)
        assert server.wait(LIMIT), "there is room again"
        server.poll()
    assert received == [str(number) for number in range(100)]


def test_a_failing_handler_loses_no_other_signal(server: WebSocketServer, connect: Callable[[], WebSocketPeer]) -> None:
    peer = connect()
    told: list[int] = []

    def fail_once(id_: int) -> None:
        told.append(id_)
        if len(told) == 1:
            raise KeyError("the program's own mistake")

    server.data_received.connect(fail_once)
    peer.send("one")
    peer.send("two")
    id_ = server.peer_ids[0]
    with pytest.raises(KeyError):
        pump(server, until=lambda: len(told) == 2)
    pump(server, until=lambda: len(told) == 2)
    assert told == [id_, id_]


def test_wait_returns_for_a_deadline(server: WebSocketServer) -> None:
    server.handshake_timeout = 0.05
    with socket.create_connection(("127.0.0.1", server.port)):
        pump(server, until=lambda: server._clients)
        assert server.wait(LIMIT)
        pump(server, until=lambda: not server._clients)
    assert not server.wait(0)


def test_no_descriptors_left_is_said_and_survived(
    server: WebSocketServer, connect: Callable[[], WebSocketPeer]
) -> None:
    assert server._acceptor is not None
    real = server._acceptor._listener

    class Exhausted:
        def accept(self) -> None:
            raise OSError(errno.EMFILE, "Too many open files")

        def __getattr__(self, name: str) -> Any:
            return getattr(real, name)

    server._acceptor._listener = Exhausted()
    with socket.create_connection(("127.0.0.1", server.port)):
        with pytest.warns(ResourceWarning, match="Too many open files"):
            server.poll()
        server._acceptor._listener = real
        pump(server, until=lambda: server._clients)


def test_a_server_belongs_to_the_thread_that_listens(server: WebSocketServer) -> None:
    problems: list[BaseException] = []

    def poll() -> None:
        try:
            server.poll()
        except WrongThreadError as exc:
            problems.append(exc)

    thread = threading.Thread(target=poll)
    thread.start()
    thread.join()
    assert len(problems) == 1


def test_the_url_of_a_peer_is_the_one_that_its_client_asked_for(server: WebSocketServer) -> None:
    urls: list[str] = []
    server.client_connected.connect(lambda id_, protocol: urls.append(server.get_peer(id_).get_requested_url()))
    ask(server, request("/x?y", Host="game.example"))
    ask(server, request("/x?y", Host="[::1]:6000"))  # a port that browsers block
    assert urls == ["ws://game.example/x?y", "ws://[::1]:6000/x?y"]


class TestPollingAPeerThatTheServerGave:
    """A program may poll the peers of its clients itself, and the server tells all the same what happens to them."""

    def test_an_end_that_it_sees_first_is_told_once(
        self, server: WebSocketServer, log: Log, connect: Callable[[], WebSocketPeer]
    ) -> None:
        bystander = connect()
        (bystander_id,) = server.peer_ids
        given: list[WebSocketPeer] = []
        for _ in range(3):  # each of them gets the descriptor of the one before
            peer = connect()
            (id_,) = set(server.peer_ids) - {bystander_id}
            given.append(server.get_peer(id_))
            peer.close()
            pump(*given, peer, until=lambda: given[-1].ready_state is State.CLOSED)
            assert server.wait(LIMIT)
            pump(*given, server, until=lambda: server.peer_ids == (bystander_id,))
        assert log.names().count("client_disconnected") == 3
        assert server.peer_ids == (bystander_id,)
        bystander.send("hello")
        pump(server, bystander, *given, until=lambda: "data_received" in log.names())

    def test_another_may_have_its_descriptor_before_the_server_looks(
        self, server: WebSocketServer, log: Log, connect: Callable[[], WebSocketPeer]
    ) -> None:
        peer = connect()
        (id_,) = server.peer_ids
        given = server.get_peer(id_)
        descriptor = given.fileno()
        peer.abort()
        pump(given, until=lambda: given.ready_state is State.CLOSED)
        holders = [os.dup(0) for _ in range(2)]
        for holder in holders:
            os.close(holder)
        assert descriptor in holders, "the number is free, and the next client gets it"
        with WebSocketPeer(web_limits=False) as other:
            other.connect_to_url(f"ws://127.0.0.1:{server.port}/")
            pump(server, other, until=other.is_connected_to_host)
            other.send("hello")
            pump(server, other, until=lambda: "data_received" in log.names())
        assert log.entries.count(("client_disconnected", id_, False)) == 1

    def test_messages_that_it_brings_are_told(
        self, server: WebSocketServer, log: Log, connect: Callable[[], WebSocketPeer]
    ) -> None:
        peer = connect()
        (id_,) = server.peer_ids
        peer.send("hello")
        pump(server.get_peer(id_), peer, until=server.get_peer(id_).get_available_packet_count)
        assert server.wait(LIMIT)
        server.poll()
        assert log.entries[-1] == ("data_received", id_)
        assert server.get_peer(id_).receive() == "hello"

    def test_a_poll_that_changes_nothing_wakes_nobody(
        self, server: WebSocketServer, connect: Callable[[], WebSocketPeer]
    ) -> None:
        connect()
        server.poll()
        server.get_peer(server.peer_ids[0]).poll()
        assert not server.wait(0)

    @pytest.mark.parametrize("end", ["abort", "__exit__", "close"])
    def test_an_end_that_the_program_makes_is_told_once(
        self, server: WebSocketServer, log: Log, connect: Callable[[], WebSocketPeer], end: str
    ) -> None:
        peer = connect()
        (id_,) = server.peer_ids
        given = server.get_peer(id_)
        if end == "__exit__":
            with given:
                pass
        else:
            getattr(given, end)()
        pump(given, peer, server, until=lambda: not server.peer_ids)
        given.poll()
        given.abort()
        server.poll()
        assert log.names().count("client_disconnected") == 1
        assert not server.wait(0)


@pytest.mark.parametrize("is_held_back", [False, True])
def test_a_child_process_that_holds_a_descriptor_lets_nothing_spin(
    server: WebSocketServer, connect: Callable[[], WebSocketPeer], is_held_back: bool
) -> None:
    server.max_queued_packets = 1
    bystander, peer = connect(), connect()
    id_ = server.peer_ids[1]
    if is_held_back:
        peer.send("1")
        peer.send("2")
        pump(server, peer, until=lambda: server._rounds.held_back)
    hold = "import sys; sys.stdin.read()"
    descriptor = server.get_peer(id_).fileno()
    with subprocess.Popen([sys.executable, "-c", hold], stdin=subprocess.PIPE, pass_fds=[descriptor]):
        server.get_peer(id_).abort()
        peer.abort()
        pump(server, until=lambda: id_ not in server.peer_ids)
        start = time.monotonic()
        assert not server.wait(0.2)
        assert time.monotonic() - start >= 0.2, "there is nothing to do, and so it sleeps"
        bystander.send("hello")
        pump(server, bystander, until=server.get_peer(server.peer_ids[0]).get_available_packet_count)


class TestWaiting:
    @pytest.mark.parametrize("timeout", [float("nan"), "1", [], object()])
    def test_what_is_no_time_is_refused(self, server: WebSocketServer, timeout: Any) -> None:
        with pytest.raises(InvalidOptionError, match="seconds"):
            server.wait(timeout)

    @pytest.mark.parametrize("timeout", [None, float("inf"), 1e300, 10**400])
    def test_it_may_be_for_any_time(
        self, server: WebSocketServer, timeout: float | None, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("pyws_browser.server.watch._LONGEST_WAIT", 0.01)
        knock = threading.Timer(0.05, lambda: socket.create_connection(("127.0.0.1", server.port)).close())
        knock.start()
        try:
            assert server.wait(timeout)
        finally:
            knock.join()
        pump(server, until=lambda: not server._clients)

    @pytest.mark.parametrize("timeout", [-1, -float("inf"), 0])
    def test_a_time_that_is_over_is_none(self, server: WebSocketServer, timeout: float) -> None:
        assert not server.wait(timeout)


def test_stop_in_another_thread_is_refused_before_anything_is_done(
    server: WebSocketServer, log: Log, connect: Callable[[], WebSocketPeer]
) -> None:
    peer = connect()
    problems: list[BaseException] = []

    def stop() -> None:
        try:
            server.stop()
        except WrongThreadError as exc:
            problems.append(exc)

    thread = threading.Thread(target=stop)
    thread.start()
    thread.join()
    assert len(problems) == 1
    assert server.is_listening()
    peer.send("hello")
    pump(server, peer, until=lambda: "data_received" in log.names())


class TestTheListenersEnd:
    """It is no client's fault, and so it comes out of every poll, when the clients have been served."""

    @pytest.mark.parametrize("end", ["close", "shutdown"])
    def test_it_comes_out_of_poll(
        self, server: WebSocketServer, log: Log, connect: Callable[[], WebSocketPeer], end: str
    ) -> None:
        server.strict = False
        peer = connect()
        assert server._listener is not None
        if end == "close":
            server._listener.close()
        else:
            server._listener.shutdown(socket.SHUT_RDWR)
        peer.send("hello")
        peer.poll()
        served = [("data_received", server.peer_ids[0])]
        log.entries.clear()
        for _ in range(3):
            assert server.wait(0.1) or end == "close" or log.entries == served
            with pytest.raises(ListenError, match=r"was closed: stop\(\) the server, and listen\(\) again"):
                server.poll()
        assert log.entries == served
        server.stop()
        server.listen(0)
        connect()

    def test_a_client_that_is_gone_before_it_is_looked_at_is_passed_over(
        self, server: WebSocketServer, connect: Callable[[], WebSocketPeer], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fail(*_: object) -> None:
            raise OSError(errno.EINVAL, "Invalid argument")

        monkeypatch.setattr("pyws_browser.server.acceptor.ServerTransport", fail)
        before = open_descriptors()
        with socket.create_connection(("127.0.0.1", server.port)) as sock:
            assert server.wait(LIMIT)
            server.poll()
            sock.settimeout(LIMIT)
            assert sock.recv(1) == b""
        assert open_descriptors() <= before
        monkeypatch.undo()
        connect()


def test_what_interrupts_a_poll_leaves_the_others_for_the_next(
    server: WebSocketServer, log: Log, connect: Callable[[], WebSocketPeer], monkeypatch: pytest.MonkeyPatch
) -> None:
    peers = [connect() for _ in range(3)]
    for id_ in server.peer_ids:
        server.disconnect_peer(id_)
    server.poll()
    interrupted = iter([True])
    look_after = server._look_after

    def interrupt(client: Any) -> None:
        if next(interrupted, False):
            raise KeyboardInterrupt
        look_after(client)

    monkeypatch.setattr(server, "_look_after", interrupt)
    for peer in peers:
        pump(peer, until=lambda peer=peer: peer.ready_state is State.CLOSING or peer.ready_state is State.CLOSED)
    for id_ in server.peer_ids:
        server.get_peer(id_).abort()
    with pytest.raises(KeyboardInterrupt):
        server.poll()
    server.poll()
    assert log.names().count("client_disconnected") == 3


@pytest.mark.parametrize("address", ["127.0.0.1\0", "a" * 64 + ".example", "\udcff"])
def test_an_address_that_is_none_is_refused(address: str) -> None:
    with WebSocketServer() as other:
        with pytest.raises(InvalidOptionError, match="bind_ip is an address"):
            other.bind_ip = address
        assert other.bind_ip == "*"


def test_a_socket_to_listen_at_is_one() -> None:
    closed = socket.socket()
    closed.close()
    with WebSocketServer() as other:
        for sock in (5, closed):
            with pytest.raises(InvalidOptionError, match="sock is a socket that listens"):
                other.listen(0, sock=sock)  # type: ignore[arg-type]
        assert not other.is_listening()


@pytest.mark.parametrize("end", ["stop", "abort"])
def test_an_ended_connection_holds_nothing(
    server: WebSocketServer, connect: Callable[[], WebSocketPeer], end: str
) -> None:
    if pyws_browser.compiled:
        pytest.skip("nothing can refer weakly to an object of a class that mypyc compiled")
    gc.collect()
    gc.disable()
    try:
        connect()
        known = weakref.ref(server._client(server.peer_ids[0]).transport)
        if end == "stop":
            server.stop()
        else:
            server.get_peer(server.peer_ids[0]).abort()
            pump(server, until=lambda: not server._clients)
            server.poll()
        assert known() is None
    finally:
        gc.enable()
