"""A server that stops: what it sends before, and what it says of what it could not send."""

from __future__ import annotations

import logging
import select
import socket
import threading
from collections.abc import Iterator
from contextlib import suppress

import pytest

from pyws_browser import InvalidCloseCodeError, InvalidOptionError, State, WebSocketPeer, WebSocketServer

from ..contract.raw_server import _upgrade
from ..support import LIMIT, pump
from ..wire.raw import BINARY, MASK, close_frame, frame

SIZE = 12_000_000
REQUEST = (
    b"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)


@pytest.fixture
def server() -> Iterator[WebSocketServer]:
    server = WebSocketServer()
    server.bind_ip = "127.0.0.1"
    server.listen(0)
    yield server
    server.stop()


@pytest.fixture
def client(server: WebSocketServer) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", server.port), LIMIT) as sock:
        sock.sendall(REQUEST)
        pump(server, until=lambda: server.peer_ids)
        assert b"\r\n\r\n" in sock.recv(4096)
        yield sock


def read_all(sock: socket.socket) -> bytes:
    data = bytearray()
    with suppress(ConnectionResetError):  # the end of a connection on which this side still sends
        while part := sock.recv(1 << 20):
            data += part
    return bytes(data)


def test_it_says_how_much_it_lost(
    server: WebSocketServer, client: socket.socket, caplog: pytest.LogCaptureFixture
) -> None:
    server.broadcast(bytes(SIZE))
    with pytest.warns(ResourceWarning, match=r"^\d+ bytes for a connection were not sent: stop\(drain="):
        server.stop()
    assert not server.is_listening()
    (record,) = caplog.records
    assert (record.name, record.levelno) == ("pyws_browser.server", logging.WARNING)
    assert "bytes for a connection were not sent" in record.getMessage()


def test_all_is_torn_down_where_a_warning_is_an_error(server: WebSocketServer, client: socket.socket) -> None:
    server.broadcast(bytes(SIZE))
    with pytest.raises(ResourceWarning):
        server.stop()
    assert not server.is_listening()
    read_all(client)


def test_with_time_to_drain_a_slow_client_gets_everything(server: WebSocketServer, client: socket.socket) -> None:
    server.broadcast(bytes(SIZE))
    got: list[bytes] = []
    reader = threading.Thread(target=lambda: got.append(read_all(client)))
    reader.start()
    server.stop(1001, "closing", drain=LIMIT)
    reader.join(LIMIT)
    assert len(got[0]) > SIZE
    assert got[0].endswith(close_frame(1001, b"closing"))


def test_draining_ends_in_time(server: WebSocketServer, client: socket.socket) -> None:
    server.broadcast(bytes(SIZE))
    with pytest.warns(ResourceWarning, match="not sent"):
        server.stop(drain=0.05)


def test_what_was_sent_last_arrives_at_a_client_that_goes_on_sending(
    server: WebSocketServer, client: socket.socket
) -> None:
    is_over = threading.Event()
    flood = frame(BINARY, bytes(60_000), mask=MASK)

    def send() -> None:
        with suppress(OSError):  # the server has gone
            while not is_over.is_set():
                client.sendall(flood)

    (id_,) = server.peer_ids
    server.get_peer(id_).max_queued_packets = 1
    sender = threading.Thread(target=send)
    sender.start()
    pump(server, until=lambda: server._clients[id_].transport.is_held_back)
    for index in range(20):
        server.broadcast(b"last words %d" % index)
    server.stop()
    try:
        data = read_all(client)
    finally:
        is_over.set()
        sender.join(LIMIT)
    assert data.endswith(b"last words 19" + close_frame(1000))


def test_a_peer_that_is_left_reads_first_so_that_what_it_sent_arrives() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener, WebSocketPeer() as peer:
        peer.connect_to_url(f"ws://127.0.0.1:{listener.getsockname()[1]}/")
        pump(peer, until=lambda: select.select([listener], [], [], 0)[0])
        sock, _ = listener.accept()
        with sock:
            sock.settimeout(LIMIT)
            request = b""
            while b"\r\n\r\n" not in request:
                peer.poll()
                if select.select([sock], [], [], 0.001)[0]:
                    request += sock.recv(4096)
            sock.sendall(_upgrade(request))
            pump(peer, until=lambda: peer.ready_state is State.OPEN)
            sock.setblocking(False)
            sent = 0
            try:
                while True:
                    sent += sock.send(frame(BINARY, bytes(60_000)))
            except BlockingIOError:
                sock.settimeout(LIMIT)
            assert sent > 1024 * 1024
            peer.send(b"last words")
            peer.__exit__(None, None, None)
            data = read_all(sock)
            assert len(data) == 2 + 4 + 10 + 2 + 4 + 2, "both frames, masked"


@pytest.mark.parametrize("drain", [-1, float("nan")])
def test_a_time_that_is_none_is_refused_before_anything_is_done(server: WebSocketServer, drain: float) -> None:
    with pytest.raises(InvalidOptionError, match="drain"):
        server.stop(drain=drain)
    assert server.is_listening()


def test_a_code_that_may_not_be_sent_is_refused_before_anything_is_done(server: WebSocketServer) -> None:
    with pytest.raises(InvalidCloseCodeError):
        server.stop(1006)
    assert server.is_listening()
