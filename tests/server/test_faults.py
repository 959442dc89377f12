"""Hostile and broken clients: a server gets rid of each in bounded time and memory, and serves the others meanwhile."""

from __future__ import annotations

import os
import resource
import select
import socket
import struct
import time
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import Any

import pytest
import trustme
from websockets.http11 import Response

from pyws_browser import (
    CloseTimeoutError,
    ConnectionLostError,
    HeartbeatTimeoutError,
    MessageTooBigError,
    RemoteProtocolError,
    State,
    WebSocketError,
    WebSocketPeer,
    WebSocketServer,
)
from pyws_browser.transport.native import ServerTransport
from pyws_browser.transport.native import transport as native
from pyws_browser.wire.handshake import ServerHandshake

from ..support import LIMIT, fast_clock, open_descriptors, pump, server_context
from ..wire.raw import BINARY, CONTINUATION, MASK, PING, TEXT, close_frame, frame
from .test_server import Log, ask, request

MIB = 1 << 20


@pytest.fixture
def server() -> Iterator[WebSocketServer]:
    with WebSocketServer() as server:
        server.strict = True
        server.bind_ip = "127.0.0.1"
        server.handshake_timeout = server.close_timeout = 0.3
        server.listen(0)
        yield server


@pytest.fixture
def log(server: WebSocketServer) -> Log:
    return Log(server)


@pytest.fixture
def causes(server: WebSocketServer) -> list[WebSocketError | None]:
    """What the peers of those who left say of it."""
    causes: list[WebSocketError | None] = []
    server.client_disconnected.connect(lambda id_, clean: causes.append(server.get_peer(id_).close_cause))
    return causes


@contextmanager
def client(server: WebSocketServer, path: str = "/") -> Iterator[socket.socket]:
    """Give a raw socket whose opening handshake is over."""
    with socket.create_connection(("127.0.0.1", server.port)) as sock:
        known = len(server.peer_ids)
        sock.sendall(request(path))
        pump(server, until=lambda: len(server.peer_ids) > known)
        sock.settimeout(LIMIT)
        answer = sock.recv(4096)
        assert answer.startswith(b"HTTP/1.1 101")
        assert answer.endswith(b"\r\n\r\n")
        yield sock


def reset(sock: socket.socket) -> None:
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


def leave(sock: socket.socket) -> None:
    sock.close()


def half_close(sock: socket.socket) -> None:
    sock.shutdown(socket.SHUT_WR)


def stall(sock: socket.socket) -> None:
    pass


ENDS = [reset, leave, half_close, stall]
End = Callable[[socket.socket], None]


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("sent", [b"", b"G", request()[:-2], b"\x16\x03\x01\x02\x00\x01\x00"])
@pytest.mark.parametrize("scheme", ["ws", "wss"])
def test_an_end_in_the_handshake_is_told_to_nobody(
    server: WebSocketServer, log: Log, end: End, sent: bytes, scheme: str
) -> None:
    if scheme == "wss":
        server.tls = server_context(trustme.CA(), "127.0.0.1")
    before = open_descriptors()
    start = time.monotonic()
    with socket.create_connection(("127.0.0.1", server.port)) as sock:
        sock.sendall(sent)
        select.select([server._listener], [], [], LIMIT)
        server.poll()
        end(sock)
        pump(server, until=lambda: not server._clients)
        assert log.entries == []
    assert time.monotonic() - start < LIMIT / 3
    assert open_descriptors() <= before


FRAMES = {
    "between two messages": b"",
    "in the head of a frame": b"\x82",
    "in a length": b"\x82\xfe\x01",
    "in a mask": b"\x82\x85\x01\x02",
    "in a payload": frame(BINARY, b"hello", mask=MASK)[:-2],
    "in a text": frame(TEXT, "grün".encode(), mask=MASK)[:-2],
    "between fragments": frame(TEXT, b"he", fin=False, mask=MASK),
    "in a ping": frame(PING, b"hello", mask=MASK)[:-2],
}


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("sent", FRAMES.values(), ids=FRAMES)
def test_an_end_while_it_is_open_is_no_clean_close(
    server: WebSocketServer, log: Log, causes: list[WebSocketError | None], end: End, sent: bytes
) -> None:
    server.heartbeat_interval = 0.15
    before = open_descriptors()
    with client(server) as sock:
        (id_,) = server.peer_ids
        sock.sendall(frame(TEXT, b"first", mask=MASK) + sent)
        pump(server, until=lambda: "data_received" in log.names())
        end(sock)
        pump(server, until=lambda: not server._clients)
    kind = HeartbeatTimeoutError if end is stall else ConnectionLostError
    assert [type(cause) for cause in causes] == [kind]
    assert log.entries == [("client_connected", id_, ""), ("data_received", id_), ("client_disconnected", id_, False)]
    assert open_descriptors() <= before


@pytest.mark.parametrize("end", ENDS)
def test_an_end_instead_of_an_answer_to_the_close_frame(
    server: WebSocketServer, log: Log, causes: list[WebSocketError | None], end: End
) -> None:
    before = open_descriptors()
    with client(server) as sock:
        server.disconnect_peer(server.peer_ids[0], 4000)
        server.poll()
        end(sock)
        pump(server, until=lambda: not server._clients)
    assert [type(cause) for cause in causes] == [CloseTimeoutError if end is stall else ConnectionLostError]
    assert log.entries[-1][2] is False
    assert "client_close_request" not in log.names()
    assert open_descriptors() <= before


@pytest.mark.parametrize("end", ENDS)
def test_an_end_behind_the_close_frame_is_clean_all_the_same(
    server: WebSocketServer, log: Log, end: End, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(native, "LINGER_TIMEOUT", 0.1)
    before = open_descriptors()
    with client(server) as sock:
        (id_,) = server.peer_ids
        sock.sendall(close_frame(4000, b"bye", mask=MASK))
        end(sock)
        pump(server, until=lambda: not server._clients)
    assert log.entries[1:] == [("client_close_request", id_, 4000, "bye"), ("client_disconnected", id_, True)]
    assert open_descriptors() <= before


def test_everything_may_come_one_byte_at_a_time(
    server: WebSocketServer, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(native, "LINGER_TIMEOUT", 0.1)
    server.handshake_timeout = LIMIT
    with socket.create_connection(("127.0.0.1", server.port)) as sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        words = frame(TEXT, "grün".encode(), mask=MASK) + frame(PING, b"?", mask=MASK) + close_frame(4000, mask=MASK)
        for byte in request() + words:
            sock.sendall(bytes((byte,)))
            server.poll()
        pump(server, until=lambda: "client_close_request" in log.names())
        sock.settimeout(LIMIT)
        answer = b""
        while not answer.endswith(b"\x88\x02\x0f\xa0"):
            answer += sock.recv(4096)
        assert b"\r\n\r\n\x8a\x01?\x88" in answer
    pump(server, until=lambda: not server._clients)
    assert log.names() == ["client_connected", "data_received", "client_close_request", "client_disconnected"]


LIMITS = {
    "a message of one frame": (frame(BINARY, bytes(1001), mask=MASK), 1009, MessageTooBigError),
    "a frame that says so": (b"\x82\xff" + (1 << 40).to_bytes(8, "big") + MASK, 1009, MessageTooBigError),
    "a message of many frames": (
        frame(BINARY, bytes(500), fin=False, mask=MASK) + frame(CONTINUATION, bytes(501), fin=False, mask=MASK),
        1009,
        MessageTooBigError,
    ),
    "a length of 63 bits": (b"\x82\xff\x7f" + b"\xff" * 7 + MASK, 1009, MessageTooBigError),
    "a length of more": (b"\x82\xff\x80" + bytes(7) + MASK, 1002, RemoteProtocolError),
    "a frame without a mask": (frame(BINARY, b"x"), 1002, RemoteProtocolError),
    "text that is none": (frame(TEXT, b"\xff", mask=MASK), 1007, RemoteProtocolError),
}


@pytest.mark.parametrize(("sent", "code", "kind"), LIMITS.values(), ids=LIMITS)
def test_what_is_over_a_limit_closes_with_its_code(
    server: WebSocketServer, log: Log, causes: list[WebSocketError | None], sent: bytes, code: int, kind: type
) -> None:
    server.inbound_buffer_size = 1000
    with client(server) as sock:
        sock.sendall(sent)
        pump(server, until=lambda: select.select([sock], [], [], 0)[0])
        answer = sock.recv(4096)
        assert answer[0] == 0x88
        assert int.from_bytes(answer[2:4], "big") == code
    pump(server, until=lambda: not server._clients)
    assert [type(cause) for cause in causes] == [kind]
    assert log.names() == ["client_connected", "client_disconnected"]


def test_a_thousand_half_open_handshakes_hold_nobody_up() -> None:
    """Slow-loris: each has sent a part of its request, and sends a byte now and then."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = 2500
    if hard != resource.RLIM_INFINITY and hard < needed:
        pytest.skip("this system lets a process have too few descriptors")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, needed), hard))
    before = open_descriptors()
    with ExitStack() as stack:
        server = stack.enter_context(WebSocketServer())
        server.strict = True
        server.bind_ip = "127.0.0.1"
        server.handshake_timeout = 3.0
        server.listen(0)
        lorises = [stack.enter_context(socket.create_connection(("127.0.0.1", server.port))) for _ in range(500)]
        server.poll()
        lorises += [stack.enter_context(socket.create_connection(("127.0.0.1", server.port))) for _ in range(500)]
        for loris in lorises:
            loris.sendall(b"GET / HTTP/1.1\r\nHost: a\r\nX: ")
        peer = stack.enter_context(WebSocketPeer(web_limits=False))
        start = time.monotonic()
        peer.connect_to_url(f"ws://127.0.0.1:{server.port}/")
        pump(peer, server, until=lambda: peer.ready_state is State.OPEN)
        peer.send("served all the same")
        pump(peer, server, until=lambda: server.peer_ids and server.get_peer(server.peer_ids[0]).receive())
        assert len(server._clients) > 500, "they are still there, and it was served"
        while len(server._clients) > 1:
            assert time.monotonic() - start < LIMIT
            for loris in lorises[::10]:
                with suppress(OSError):
                    loris.send(b"x")
            server.wait(0.1)
            server.poll()
        assert peer.is_connected_to_host()
        assert server.peer_ids
    assert open_descriptors() <= before
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


class TestBackpressure:
    """Neither a reader that is slow nor one that never reads lets anybody's memory grow."""

    @pytest.fixture(autouse=True)
    def memory(self) -> Iterator[None]:
        tracemalloc.start()
        yield
        tracemalloc.stop()

    def peak_of(self, work: Callable[[], None]) -> int:
        tracemalloc.reset_peak()
        before = tracemalloc.get_traced_memory()[0]
        work()
        return tracemalloc.get_traced_memory()[1] - before

    def test_from_a_client_that_never_stops(self, server: WebSocketServer) -> None:
        server.inbound_buffer_size = MIB
        with client(server) as sock:
            sock.setblocking(False)
            peer = server.get_peer(server.peer_ids[0])
            # Or the kernel makes its buffer larger as it pleases, on some machines up to 32 MiB.
            peer._transport.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, MIB)  # type: ignore[union-attr]
            data = memoryview(frame(BINARY, bytes(1000), mask=MASK) * 100)
            sent = received = 0

            def flood() -> None:
                nonlocal sent, received
                while received < 30 * MIB:
                    with suppress(BlockingIOError):
                        sent += sock.send(data[sent % len(data) :])
                    server.poll()
                    message = peer.receive()  # a program that fetches one a poll
                    for _ in range(20):
                        received += len(message or b"")
                        message = peer.receive()

            assert self.peak_of(flood) < 6 * MIB
            assert sent - received < 20 * MIB, "the rest waits at the client, not here"

    def test_to_a_client_that_never_reads(self, server: WebSocketServer) -> None:
        server.outbound_buffer_size = MIB
        with client(server):
            peer = server.get_peer(server.peer_ids[0])
            message = bytes(10_000)
            taken = refused = 0

            def flood() -> None:
                nonlocal taken, refused
                while refused < 5000:
                    try:
                        peer.send(message)
                        taken += len(message)
                    except WebSocketError:
                        refused += 1
                    if not refused % 100:
                        server.poll()

            assert self.peak_of(flood) < 4 * MIB
            assert peer.get_current_outbound_buffered_amount() <= MIB
            assert taken < 30 * MIB
            assert not server.wait(0), "nothing to do until the client reads"

    def test_between_two_of_ours_both_ways(self, server: WebSocketServer) -> None:
        server.inbound_buffer_size = server.outbound_buffer_size = MIB
        ours = WebSocketPeer(web_limits=False)
        ours.inbound_buffer_size = ours.outbound_buffer_size = MIB
        ours.compression = False
        ours.connect_to_url(f"ws://127.0.0.1:{server.port}/")
        pump(ours, server, until=lambda: server.peer_ids and ours.is_connected_to_host())
        theirs = server.get_peer(server.peer_ids[0])
        message = os.urandom(5000)

        def flood() -> None:
            counts = [0, 0]
            end = time.monotonic() + LIMIT
            while min(counts) < 10 * MIB:
                assert time.monotonic() < end
                for index, (sender, receiver) in enumerate(((ours, theirs), (theirs, ours))):
                    with suppress(WebSocketError):
                        for _ in range(20):
                            sender.send(message)
                    for _ in range(10):
                        counts[index] += len(receiver.receive() or b"")
                ours.poll()
                server.poll()

        try:
            assert self.peak_of(flood) < 12 * MIB
        finally:
            ours.abort()

    def test_pings_that_are_not_read_the_answers_of(self, server: WebSocketServer) -> None:
        with client(server) as sock:
            sock.setblocking(False)
            data = frame(PING, bytes(125), mask=MASK) * 500
            sent = 0

            def flood() -> None:
                nonlocal sent
                for _ in range(50):
                    with suppress(BlockingIOError):
                        sent += sock.send(data[sent % len(data) :])
                    server.poll()

            assert self.peak_of(flood) < 4 * MIB

    def test_fragments_without_end(self, server: WebSocketServer) -> None:
        with client(server) as sock:
            data = frame(TEXT, b"", fin=False, mask=MASK) + frame(CONTINUATION, b"", fin=False, mask=MASK) * 10_000

            def flood() -> None:
                sock.sendall(data[:6])
                for _ in range(20):
                    sock.sendall(data[6:])
                    server.poll()

            assert self.peak_of(flood) < 3 * MIB
            assert server.peer_ids


class TestHeldBackClients:
    """Those whose packets nobody fetches are not read from; that they leave is noticed all the same."""

    @pytest.mark.parametrize("end", [reset, leave, half_close])
    def test_their_end_is_told(self, server: WebSocketServer, log: Log, end: End) -> None:
        server.max_queued_packets = 10
        before = open_descriptors()
        with client(server) as sock:
            (id_,) = server.peer_ids
            sock.sendall(frame(TEXT, b"x" * 100, mask=MASK) * 1000)
            pump(server, until=lambda: log.names().count("data_received") == 10)
            server.poll()
            assert not server.wait(0.01)
            end(sock)
            assert server.wait(LIMIT), "woken by its end"
            last: list[str | bytes] = []
            server.client_disconnected.connect(lambda id_, clean: last.extend(server.get_peer(id_)))
            pump(server, until=lambda: not server._clients)
            assert log.entries[-1] == ("client_disconnected", id_, False)
            if end is not reset:
                assert last == ["x" * 100] * 1000, "what came before the end is there"
        assert open_descriptors() <= before

    def test_what_they_leave_behind_has_its_limit(
        self, server: WebSocketServer, log: Log, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(native, "LEAVING_SIZE", 10_000)
        server.inbound_buffer_size = 10_000
        with client(server) as sock:
            peer = server.get_peer(server.peer_ids[0])
            sock.sendall(frame(TEXT, b"x" * 1000, mask=MASK) * 1000)
        pump(server, until=peer.get_available_packet_count)
        for _ in range(20):
            server.poll()
        assert peer.get_available_packet_count() < 600
        assert peer.is_connected_to_host()
        assert not server.wait(0.01), "it is told once, and nothing spins"
        received: list[str | bytes] = []
        server.client_disconnected.connect(lambda id_, clean: received.extend(peer))
        while server._clients:
            received.extend(peer)
            server.poll()
        assert len(received) == 1000

    def test_a_heartbeat_does_not_take_them_for_dead(self, server: WebSocketServer, log: Log) -> None:
        server.max_queued_packets = 10
        server.heartbeat_interval = 0.05
        with client(server) as sock:
            peer = server.get_peer(server.peer_ids[0])
            sock.sendall(frame(TEXT, b"x", mask=MASK) * 20)
            end = time.monotonic() + 0.3
            while time.monotonic() < end:
                server.wait(0.01)
                server.poll()
            assert peer.is_connected_to_host()
            pump(server, until=lambda: len(list(peer)) < 10 and "client_disconnected" in log.names())
            assert type(peer.close_cause) is HeartbeatTimeoutError, "once it is read again, silence is silence"


def test_a_flood_of_small_frames_holds_nobody_up(server: WebSocketServer, monkeypatch: pytest.MonkeyPatch) -> None:
    with client(server, "/hostile") as hostile, client(server, "/good") as good:
        monkeypatch.setattr(time, "monotonic", fast_clock())
        ids = {server.get_peer(id_).get_requested_url().rpartition("/")[2]: id_ for id_ in server.peer_ids}
        hostile.sendall(frame(PING, mask=MASK) * 5000 + frame(TEXT, b"end", mask=MASK))
        good.sendall(frame(TEXT, b"hi", mask=MASK))
        pump(server, until=server.get_peer(ids["good"]).get_available_packet_count)
        polls = 0
        while not server.get_peer(ids["hostile"]).get_available_packet_count():
            assert server.wait(LIMIT), "it knows that there is more, which no descriptor shows"
            server.poll()
            polls += 1
        assert polls > 2


def test_a_crowd_at_the_door_makes_no_poll_long(server: WebSocketServer) -> None:
    server.handshake_timeout = LIMIT
    with ExitStack() as stack:
        crowd = [stack.enter_context(socket.create_connection(("127.0.0.1", server.port))) for _ in range(100)]
        server.poll()
        assert 0 < len(server._clients) < len(crowd)
        assert server.wait(0), "there are more"
        pump(server, until=lambda: len(server._clients) == len(crowd))


def test_no_descriptors_for_a_moment(server: WebSocketServer) -> None:
    """The listener is left alone for a while, so that nothing spins, and then those who wait get in."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with ExitStack() as stack:
        knocking = stack.enter_context(socket.create_connection(("127.0.0.1", server.port)))
        used = max(int(name) for name in os.listdir("/proc/self/fd"))
        spare = [stack.enter_context(open(os.devnull)) for _ in range(used + 1 - open_descriptors())]
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(map(int, os.listdir("/proc/self/fd"))), hard))
        try:
            with pytest.warns(ResourceWarning, match="cannot accept another connection now"):
                server.poll()
            assert not server.wait(0.02), "it does not look at the listener"
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        assert len(spare) >= 0
        assert server.wait(LIMIT)
        pump(server, until=lambda: server._clients)
        knocking.close()
        pump(server, until=lambda: not server._clients)


def fail(*arguments: object) -> None:
    raise ZeroDivisionError


class TestWhatNobodyForesaw:
    """A bug ends the one connection that meets it, the others are served in the same poll, and the bug is seen."""

    def test_in_a_handshake(self, server: WebSocketServer, log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
        prepare = ServerHandshake.prepare

        def prepare_badly(handshake: ServerHandshake) -> Response:
            if handshake.path == "/bug":
                raise ArithmeticError("a bug")
            return prepare(handshake)

        monkeypatch.setattr(ServerHandshake, "prepare", prepare_badly)
        before = open_descriptors()
        with ExitStack() as stack:
            for path in ("/1", "/bug", "/2", "/bug", "/3"):
                sock = stack.enter_context(socket.create_connection(("127.0.0.1", server.port)))
                sock.sendall(request(path))
            select.select([server._listener], [], [], LIMIT)
            problems = 0
            end = time.monotonic() + LIMIT
            while len(server.peer_ids) < 3 or problems < 2:
                assert time.monotonic() < end
                try:
                    server.poll()
                except ArithmeticError:
                    problems += 1
            server.poll()
            assert not server.wait(0), "nothing is left of those who met the bug"
            assert len(server._clients) == 3
            assert log.names() == ["client_connected"] * 3
        pump(server, until=lambda: not server._clients)
        assert open_descriptors() <= before

    def test_while_it_is_open(self, server: WebSocketServer, log: Log, causes: list[WebSocketError | None]) -> None:
        with client(server) as first, client(server) as second, client(server) as third:
            server._client(server.peer_ids[1]).transport.set_trace(fail)
            first.sendall(frame(TEXT, b"1", mask=MASK))
            second.sendall(frame(TEXT, b"2", mask=MASK))
            third.sendall(frame(TEXT, b"3", mask=MASK))
            log.entries.clear()
            with pytest.raises(ZeroDivisionError):
                server.poll()
            assert all(server.get_peer(id_).get_available_packet_count() for id_ in server.peer_ids)
            server.poll()
            assert sorted(log.names()) == ["client_disconnected", *["data_received"] * 3]
            assert len(server.peer_ids) == 2
            assert second.recv(100) == b""
            assert type(causes[0]) is ConnectionLostError
            assert causes[0] is not None
            assert type(causes[0].__cause__) is ZeroDivisionError

    def test_at_the_door(self, server: WebSocketServer, monkeypatch: pytest.MonkeyPatch) -> None:
        made: list[ServerTransport] = []

        def make_badly(*arguments: Any) -> ServerTransport:
            if len(made) == 1:
                made.clear()
                raise ArithmeticError("a bug")
            made.append(ServerTransport(*arguments))
            return made[-1]

        with client(server) as known, ExitStack() as stack:
            known.sendall(frame(TEXT, b"hi", mask=MASK))
            knocking = [stack.enter_context(socket.create_connection(("127.0.0.1", server.port))) for _ in range(3)]
            for sock in knocking:
                sock.sendall(request())
            select.select([server._listener], [], [], LIMIT)
            monkeypatch.setattr("pyws_browser.server.acceptor.ServerTransport", make_badly)
            with pytest.raises(ArithmeticError):
                server.poll()
            assert server.get_peer(server.peer_ids[0]).receive() == "hi"
            pump(server, until=lambda: len(server.peer_ids) == 3)
            knocking[1].settimeout(LIMIT)
            with suppress(ConnectionResetError):
                assert knocking[1].recv(100) == b""

    def test_at_the_end(self, server: WebSocketServer) -> None:
        with client(server) as first, client(server) as second:
            for id_ in server.peer_ids:
                server._client(id_).transport.set_trace(fail)
            with pytest.raises(ZeroDivisionError):
                server.stop()
            assert not server.is_listening()
            for sock in (first, second):
                with suppress(ConnectionResetError):
                    while sock.recv(100):
                        pass


@pytest.mark.parametrize(
    ("host", "status"),
    [(b"9" * 5000, 101), (b"a:" + b"9" * 5000, 400), (b"1." + b"9" * 5000, 101), (b"a..b", 101), (b"a" * 64, 101)],
    ids=["a huge number", "a huge port", "an address with a huge number", "an empty label", "a long label"],
)
def test_a_host_that_is_none_does_no_harm(server: WebSocketServer, host: bytes, status: int) -> None:
    answer = ask(server, request("/room").replace(b"Host: ", b"Host: " + host + b"\r\nX: "))
    assert answer.startswith(b"HTTP/1.1 %d " % status)
