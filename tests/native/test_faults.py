"""Hostile and broken other sides: every connection ends in CLOSED, in bounded time, and leaves no descriptor."""

from __future__ import annotations

import select
import socket
import time
import zlib
from collections.abc import Iterator
from contextlib import suppress

import pytest

from pyws_browser import (
    CloseTimeoutError,
    ConnectionLostError,
    ConnectTimeoutError,
    HandshakeError,
    HeartbeatTimeoutError,
    InvalidOptionError,
    NotConnectedError,
    RemoteProtocolError,
    State,
    WebSocketPeer,
    WebSocketServer,
)
from pyws_browser.transport.native import transport as native

from ..contract.raw_server import _upgrade
from ..support import LIMIT, fast_clock, open_descriptors, pump
from ..wire.raw import close_frame


class Wire:
    """The other side of a peer: a socket in the test's hand."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"ws://127.0.0.1:{self._listener.getsockname()[1]}/"
        self.sock = socket.socket()

    def accept(self) -> bytes:
        """Accept the peer's TCP connection and return the request."""
        self.sock.close()
        self.sock, _ = self._listener.accept()
        self.sock.settimeout(LIMIT)
        return b""

    def read_request(self, peer: WebSocketPeer) -> bytes:
        request = b""
        while b"\r\n\r\n" not in request:
            peer.poll()
            if select.select([self.sock], [], [], 0.001)[0]:
                request += self.sock.recv(4096)
        return request

    def open(self, peer: WebSocketPeer, headers: bytes = b"") -> None:
        peer.connect_to_url(self.url)
        pump(peer, until=lambda: select.select([self._listener], [], [], 0)[0])
        self.accept()
        self.sock.sendall(_upgrade(self.read_request(peer)).removesuffix(b"\r\n") + headers + b"\r\n")
        pump(peer, until=lambda: peer.ready_state is State.OPEN)

    def reset(self) -> None:
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
        self.sock.close()

    def close(self) -> None:
        self.sock.close()
        self._listener.close()


@pytest.fixture
def wire() -> Iterator[Wire]:
    wire = Wire()
    yield wire
    wire.close()


@pytest.fixture
def peer() -> Iterator[WebSocketPeer]:
    peer = WebSocketPeer(web_limits=False)
    yield peer
    peer.abort()


def end(peer: WebSocketPeer) -> None:
    pump(peer, until=lambda: peer.ready_state is State.CLOSED)


@pytest.mark.parametrize(
    ("answer", "status", "text"),
    [
        (b"HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\ngone", 404, "404 Not Found"),
        (b"HTTP/1.1 503 Busy\r\nRetry-After: 5\r\nContent-Length: 0\r\n\r\n", 503, "503 Busy"),
        (b"HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 0\r\n\r\n", 302, "302 Found"),
        (b"HTTP/1.1 200 OK\r\n\r\nuntil the end", 200, "200 OK"),
        (b"HTTP/1.1 101 Switching Protocols\r\n\r\n", 101, "Connection"),
        (b"SSH-2.0-OpenSSH\r\n\r\n", 0, "invalid HTTP status line"),
        (b"HTTP/1.1 200 OK\r\nX: " + b"x" * 300_000, 0, "longer than 262144"),
        (b"HTTP/1.1 200 OK\r\nContent-Le", 0, "before its answer was complete"),
        (b"", 0, "before its answer was complete"),
    ],
)
def test_answers_that_are_no_upgrade(wire: Wire, peer: WebSocketPeer, answer: bytes, status: int, text: str) -> None:
    peer.connect_to_url(wire.url)
    pump(peer, until=lambda: select.select([wire._listener], [], [], 0)[0])
    wire.accept()
    wire.read_request(peer)
    wire.sock.sendall(answer)
    wire.sock.shutdown(socket.SHUT_WR)
    end(peer)
    cause = peer.close_cause
    assert type(cause) is HandshakeError
    assert cause.status == status
    assert text in str(cause)
    assert peer.get_close_code() == 1006


def test_a_wrong_accept_key(wire: Wire, peer: WebSocketPeer) -> None:
    peer.connect_to_url(wire.url)
    pump(peer, until=lambda: select.select([wire._listener], [], [], 0)[0])
    wire.accept()
    wire.sock.sendall(_upgrade(wire.read_request(peer)).replace(b"Accept: ", b"Accept: x"))
    end(peer)
    assert type(peer.close_cause) is HandshakeError


def test_an_answer_that_comes_byte_by_byte_with_a_message_behind_it(wire: Wire, peer: WebSocketPeer) -> None:
    peer.connect_to_url(wire.url)
    pump(peer, until=lambda: select.select([wire._listener], [], [], 0)[0])
    wire.accept()
    for byte in _upgrade(wire.read_request(peer)) + b"\x81\x02hi" + b"\x88\x00":
        wire.sock.sendall(bytes((byte,)))
        peer.poll()
    wire.sock.shutdown(socket.SHUT_WR)
    end(peer)
    assert list(peer) == ["hi"]
    assert peer.get_close_code() == 1005


def test_a_handshake_that_stalls(wire: Wire, peer: WebSocketPeer) -> None:
    peer.handshake_timeout = 0.1
    peer.connect_to_url(wire.url)
    pump(peer, until=lambda: select.select([wire._listener], [], [], 0)[0])
    wire.accept()
    wire.sock.sendall(b"HTTP/1.1 101 Switching")
    end(peer)
    assert type(peer.close_cause) is ConnectTimeoutError


def test_a_refusal_whose_content_stalls(wire: Wire, peer: WebSocketPeer) -> None:
    peer.handshake_timeout = 0.1
    peer.connect_to_url(wire.url)
    pump(peer, until=lambda: select.select([wire._listener], [], [], 0)[0])
    wire.accept()
    wire.read_request(peer)
    wire.sock.sendall(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 99\r\nX: y\r\n\r\nnot for")
    end(peer)
    cause = peer.close_cause
    assert type(cause) is HandshakeError
    assert (cause.status, cause.headers, cause.body) == (403, (("Content-Length", "99"), ("X", "y")), b"not for")


@pytest.mark.parametrize("rest", [b"", b"\x81", b"\x81\x7e\x00", b"\x82\x05abc"])
@pytest.mark.parametrize("how", ["reset", "close"])
def test_an_end_in_the_middle(wire: Wire, peer: WebSocketPeer, rest: bytes, how: str) -> None:
    wire.open(peer)
    wire.sock.sendall(b"\x81\x02hi" + rest)
    pump(peer, until=peer.get_available_packet_count)
    getattr(wire, how)()
    end(peer)
    assert list(peer) == ["hi"]
    assert type(peer.close_cause) is ConnectionLostError
    assert peer.get_close_code() == 1006


def test_a_frame_that_stalls_holds_nothing_up(wire: Wire, peer: WebSocketPeer) -> None:
    wire.open(peer)
    wire.sock.sendall(b"\x82\x7f\x00\x00\x00\x00\x00\x0f\xff\xff" + b"x" * 1000)
    peer.poll()
    peer.close_timeout = 0.1
    peer.close()
    wire.close()
    end(peer)
    assert not peer.was_clean_close


@pytest.mark.parametrize("how", ["close", "reset"])
def test_an_end_that_loses_what_was_put_is_not_clean(wire: Wire, peer: WebSocketPeer, how: str) -> None:
    peer.outbound_buffer_size = 64 << 20
    wire.open(peer)
    peer.send(b"x" * (40 << 20))
    assert peer.get_current_outbound_buffered_amount() > 0
    wire.sock.sendall(close_frame(4567))
    pump(peer, until=lambda: peer.ready_state is not State.OPEN)
    wire.reset() if how == "reset" else wire.sock.close()
    end(peer)
    assert not peer.was_clean_close
    assert peer.close_code in (4567, 1006)
    assert isinstance(peer.close_cause, ConnectionLostError)


def test_a_reset_after_the_close_frames_is_no_fault(wire: Wire, peer: WebSocketPeer) -> None:
    wire.open(peer)
    peer.close(4000)
    wire.sock.recv(100)
    wire.sock.sendall(b"\x88\x02\x0f\xa0")
    time.sleep(0.01)
    wire.reset()
    end(peer)
    assert (peer.get_close_code(), peer.was_clean_close) == (4000, True)


@pytest.mark.parametrize(
    "answer",
    [b"\xff\xff\xff", close_frame(1005), close_frame(1000, b"\xff"), b"\x88\x01\x03", b"\x81\x01\xff"],
    ids=["garbage", "a code that may not be sent", "a reason that is no text", "half a code", "a text that is none"],
)
def test_an_answer_to_the_close_frame_that_breaks_the_rules_is_none(
    wire: Wire, peer: WebSocketPeer, answer: bytes
) -> None:
    wire.open(peer)
    peer.close(1000, "bye")
    wire.sock.sendall(answer)
    end(peer)
    assert (peer.get_close_code(), peer.get_close_reason(), peer.was_clean_close) == (1006, "", False)
    assert type(peer.close_cause) is RemoteProtocolError


def test_what_nobody_foresaw_ends_the_connection_and_is_raised(wire: Wire, peer: WebSocketPeer) -> None:
    wire.open(peer)
    woken: list[bool] = []
    transport = peer._transport
    assert transport is not None
    transport.set_wakeup(lambda: woken.append(True))
    transport.set_trace(lambda frame: 1 // 0)
    wire.sock.sendall(b"\x81\x02hi")
    with pytest.raises(ZeroDivisionError):
        pump(peer, until=lambda: False)
    assert woken, "whoever watches the descriptor is told"
    peer.poll()
    assert peer.get_close_code() == 1006
    assert type(peer.close_cause) is ConnectionLostError
    assert type(peer.close_cause.__cause__) is ZeroDivisionError
    assert wire.sock.recv(100) == b"", "its socket is closed"


def test_a_server_that_never_ends_the_tcp_connection(
    wire: Wire, peer: WebSocketPeer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(native, "LINGER_TIMEOUT", 0.05)
    wire.open(peer)
    wire.sock.sendall(b"\x88\x02\x03\xe8")
    end(peer)
    assert (peer.get_close_code(), peer.was_clean_close) == (1000, True)


def test_a_flood_after_the_own_close_ends_in_time(wire: Wire) -> None:
    peer = WebSocketPeer(web_limits=False)
    peer.close_timeout = 0.1
    wire.open(peer)
    peer.close()
    wire.sock.setblocking(False)
    limit = time.monotonic() + LIMIT
    while peer.ready_state is not State.CLOSED:
        assert time.monotonic() < limit
        with suppress(BlockingIOError, ConnectionError):
            wire.sock.send(b"\x82\x7e\x10\x00" + b"x" * 4096)
        peer.poll()
    assert type(peer.close_cause) is CloseTimeoutError
    assert peer.get_available_packet_count() == 0


class Flood:
    """A socket that has more until a poll has come back from it."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._end = time.monotonic() + LIMIT

    def recv(self, size: int) -> bytes:
        assert time.monotonic() < self._end, "this poll never comes back"
        return self._data * (size // len(self._data))

    def send(self, data: bytes) -> int:
        return len(data)

    def sendmsg(self, buffers: list[bytes]) -> int:
        return sum(map(len, buffers))

    def shutdown(self, how: int) -> None:
        pass

    def close(self) -> None:
        pass


@pytest.mark.parametrize("when", ["open", "closing", "lingering"])
def test_a_poll_comes_back_from_a_flood_of_what_no_program_sees(wire: Wire, peer: WebSocketPeer, when: str) -> None:
    wire.open(peer)
    if when == "closing":
        peer.close()
    elif when == "lingering":
        wire.sock.sendall(b"\x88\x00")
        pump(peer, until=lambda: peer.ready_state is State.CLOSING)
    woken: list[bool] = []
    transport = peer._transport
    assert isinstance(transport, native.NativeTransport)
    transport.set_wakeup(lambda: woken.append(True))
    stream = transport._stream
    assert stream is not None
    stream.close()
    stream.sock = Flood(b"\x89\x00")  # type: ignore[assignment]
    peer.poll()
    assert woken, "whoever waits for a descriptor is told that there is more"


def test_a_flood_of_small_frames_is_left_to_the_next_polls(wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    peer = WebSocketPeer(web_limits=False)
    wire.open(peer)
    monkeypatch.setattr(time, "monotonic", fast_clock())
    wire.sock.sendall(b"\x89\x00" * 5000 + b"\x81\x02hi")
    pump(peer, until=lambda: not select.select([peer], [], [], 0)[0])
    assert not peer.get_available_packet_count()
    polls = 0
    while not peer.get_available_packet_count():
        peer.poll()
        polls += 1
    assert polls > 2
    assert peer.receive() == "hi"
    peer.abort()


def test_a_program_that_waits_for_the_descriptor_misses_no_message_among_many_small_ones(
    wire: Wire, peer: WebSocketPeer, monkeypatch: pytest.MonkeyPatch
) -> None:
    wire.open(peer)
    monkeypatch.setattr(time, "monotonic", fast_clock())
    wire.sock.sendall(b"\x01\x01a\x80\x01b" * 5000)
    count = 0
    while count < 5000:
        assert select.select([peer], [], [], LIMIT)[0], count
        peer.poll()
        count += len(list(peer))


def test_a_program_that_waits_for_the_descriptor_misses_no_message_that_inflates_a_lot(
    wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    peer = WebSocketPeer(web_limits=False)
    peer.compression = True  # type: ignore[assignment]
    peer.inbound_buffer_size = 1 << 24
    wire.open(peer, b"Sec-WebSocket-Extensions: permessage-deflate\r\n")
    monkeypatch.setattr(time, "monotonic", fast_clock())
    deflater = zlib.compressobj(9, wbits=-15)
    payload = (deflater.compress(bytes(1 << 24)) + deflater.flush(zlib.Z_SYNC_FLUSH)).removesuffix(b"\0\0\xff\xff")
    wire.sock.sendall(b"\xc2\x7e" + len(payload).to_bytes(2, "big") + payload)
    while not peer.get_available_packet_count():
        assert select.select([peer], [], [], LIMIT)[0]
        peer.poll()
    assert peer.receive() == bytes(1 << 24)
    peer.abort()


def test_writing_to_a_broken_connection_is_told_by_poll(wire: Wire, peer: WebSocketPeer) -> None:
    wire.open(peer)
    wire.reset()
    time.sleep(0.01)
    for _ in range(3):
        peer.send(b"into the void")
    end(peer)
    assert type(peer.close_cause) is ConnectionLostError


def test_what_came_before_a_broken_write_is_read(wire: Wire, peer: WebSocketPeer) -> None:
    wire.open(peer)
    wire.sock.sendall(b"\x81\x04last\x88\x02\x03\xe9")
    wire.sock.close()
    time.sleep(0.01)
    peer.send(b"x" * 1000)
    peer.send(b"x" * 1000)
    end(peer)
    assert list(peer) == ["last"]
    assert peer.get_close_code() == 1001


def test_a_ping_is_answered_and_measured(wire: Wire, peer: WebSocketPeer) -> None:
    wire.open(peer)
    wire.sock.sendall(b"\x89\x02hi")
    pump(peer, until=lambda: select.select([wire.sock], [], [], 0)[0])
    frame = wire.sock.recv(100)
    assert frame[:2] == b"\x8a\x82"
    assert bytes(a ^ b for a, b in zip(frame[6:], frame[2:6], strict=False)) == b"hi"
    peer.ping(b"mine")
    frame = wire.sock.recv(100)
    payload = bytes(a ^ b for a, b in zip(frame[6:], frame[2:6], strict=False))
    assert (frame[:2], payload) == (b"\x89\x84", b"mine")
    wire.sock.sendall(b"\x8a\x00")
    peer.poll()
    assert peer.latency == 0.0, "another pong"
    wire.sock.sendall(b"\x8a\x04mine")
    pump(peer, until=lambda: peer.latency)
    assert 0 < peer.latency < LIMIT
    with pytest.raises(InvalidOptionError, match="at most 125"):
        peer.ping(b"x" * 126)


def test_a_heartbeat_that_is_not_answered_ends_the_connection(wire: Wire, peer: WebSocketPeer) -> None:
    peer.heartbeat_interval = 0.05
    wire.open(peer)
    end(peer)
    assert type(peer.close_cause) is HeartbeatTimeoutError
    assert peer.get_close_code() == 1006


def test_any_sign_of_life_is_a_heartbeat(wire: Wire, peer: WebSocketPeer) -> None:
    peer.heartbeat_interval = 0.05
    wire.open(peer)
    for _ in range(8):
        wire.sock.sendall(b"\x81\x00")
        time.sleep(0.02)
        peer.poll()
    assert peer.ready_state is State.OPEN


def test_the_descriptor_tells_select_when_to_poll(wire: Wire, peer: WebSocketPeer) -> None:
    wire.open(peer)
    assert not select.select([peer], [], [], 0)[0]
    wire.sock.sendall(b"\x81\x02hi")
    assert select.select([peer], [], [], LIMIT)[0] == [peer]
    peer.poll()
    assert peer.receive() == "hi"
    peer.abort()
    with pytest.raises(NotConnectedError):
        peer.fileno()


def test_the_address_of_the_other_side(wire: Wire, peer: WebSocketPeer) -> None:
    wire.open(peer)
    assert peer.get_connected_host() == "127.0.0.1"
    assert peer.get_connected_port() == wire._listener.getsockname()[1]
    peer.set_no_delay(False)
    assert peer._transport is not None
    peer.set_no_delay(True)


def test_backpressure_keeps_the_memory_flat(wire: Wire, peer: WebSocketPeer) -> None:
    peer.inbound_buffer_size = 100_000
    wire.open(peer)
    wire.sock.setblocking(False)
    frame = b"\x82\x7e\x03\xe8" + b"x" * 1000
    sent = 0
    with suppress(BlockingIOError):  # the peer reads no more, and the kernel is full
        while sent < 100_000_000:
            sent += wire.sock.send(frame[sent % len(frame) :])
            peer.poll()
    assert sent < 100_000_000
    waiting = sum(map(len, peer._transport.inbox))  # type: ignore[union-attr]
    assert waiting <= 100_000 + 2 * 65536
    received = 0
    while received < sent // len(frame):
        received += len(list(peer))
        peer.poll()


@pytest.mark.parametrize("rounds", [50])
def test_no_descriptor_is_ever_left(rounds: int) -> None:
    before = open_descriptors()
    with WebSocketServer() as server:
        server.strict = True
        server.listen(0)
        for round_ in range(rounds):
            peer = WebSocketPeer(web_limits=False)
            peer.connect_to_url(f"ws://127.0.0.1:{server.port}/")
            if round_ % 5:
                pump(peer, server, until=lambda peer=peer: peer.ready_state is State.OPEN)
            if round_ % 5 == 1:
                peer.abort()
            elif round_ % 5 == 2:
                with peer:
                    peer.send("x")
            else:
                peer.close()
                pump(peer, server, until=lambda peer=peer: peer.ready_state is State.CLOSED)
        pump(server, until=lambda: not server._clients)
    assert open_descriptors() <= before


def test_protocol_errors_name_their_code(wire: Wire, peer: WebSocketPeer) -> None:
    wire.open(peer)
    wire.sock.sendall(b"\x81\x01\xff")
    pump(peer, until=lambda: peer.ready_state is State.CLOSING)
    assert wire.sock.recv(100)[:1] == b"\x88"  # with a reason
    wire.sock.close()
    end(peer)
    assert peer.get_close_code() == 1007
    assert type(peer.close_cause) is RemoteProtocolError
