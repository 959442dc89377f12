"""Connecting to a unix socket, and over a socket that is connected already."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

from pyws_browser import (
    ConnectError,
    ConnectTimeoutError,
    InvalidOptionError,
    State,
    UnsupportedInBrowserError,
    WebSocketPeer,
    WebSocketServer,
)

from ..contract.raw_server import _upgrade
from ..support import client_context, open_descriptors, pump, server_context


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(tmp_path)  # a unix socket's path is short
    return "server.sock"


@pytest.fixture
def peer() -> Iterator[WebSocketPeer]:
    peer = WebSocketPeer(web_limits=False)
    yield peer
    peer.abort()


@pytest.fixture
def server() -> Iterator[WebSocketServer]:
    with WebSocketServer() as server:
        server.strict = True
        server.data_received.connect(lambda id_: [server.get_peer(id_).send(m) for m in server.get_peer(id_)])
        yield server


def unix_listener(path: str) -> socket.socket:
    sock = socket.socket(socket.AF_UNIX)
    sock.bind(path)
    sock.listen()
    return sock


def echo(peer: WebSocketPeer, server: WebSocketServer) -> None:
    pump(peer, server, until=lambda: peer.ready_state is not State.CONNECTING)
    assert peer.close_cause is None
    peer.send("hello")
    pump(peer, server, until=peer.get_available_packet_count)
    assert peer.receive() == "hello"


class TestUnixSockets:
    @pytest.mark.parametrize("form", [str, Path])
    def test_both_sides(self, form: type, path: str, server: WebSocketServer, peer: WebSocketPeer) -> None:
        server.listen(0, sock=unix_listener(path))
        assert server.is_listening()
        assert server.port == 0
        peer.unix_path = form(path)
        assert peer.unix_path == path
        peer.connect_to_url("ws://game.example/room")
        echo(peer, server)
        assert (peer.get_connected_host(), peer.get_connected_port()) == (path, 0)
        (id_,) = server.peer_ids
        assert server.get_peer(id_).get_requested_url() == "ws://game.example/room"
        assert (server.get_peer_address(id_), server.get_peer_port(id_)) == ("", 0)

    def test_tls_has_the_name_of_the_url(self, path: str, server: WebSocketServer, peer: WebSocketPeer) -> None:
        authority = trustme.CA()
        server.tls = server_context(authority, "game.example")
        server.listen(0, sock=unix_listener(path))
        peer.unix_path = path
        peer.connect_to_url("wss://game.example/", tls=client_context(authority))
        echo(peer, server)

    @pytest.mark.parametrize("path", ["nobody.sock", "x" * 300, "a\0b"])
    def test_nobody_listens_there(self, path: str, peer: WebSocketPeer) -> None:
        before = open_descriptors()
        peer.unix_path = path
        peer.connect_to_url("ws://game.example/")
        pump(peer, until=lambda: peer.ready_state is State.CLOSED)
        assert type(peer.close_cause) is ConnectError
        assert "unix socket" in str(peer.close_cause)
        assert open_descriptors() <= before

    def test_a_queue_that_stays_full_ends_in_time(self, path: str, peer: WebSocketPeer) -> None:
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(path)
        listener.listen(0)
        knocking = [socket.socket(socket.AF_UNIX) for _ in range(4)]
        for sock in knocking:
            sock.setblocking(False)
            sock.connect_ex(path)
        peer.handshake_timeout = 0.1
        peer.unix_path = path
        peer.connect_to_url("ws://game.example/")
        pump(peer, until=lambda: peer.ready_state is State.CLOSED)
        assert type(peer.close_cause) is ConnectTimeoutError
        for sock in (listener, *knocking):
            sock.close()

    def test_a_page_has_none(self) -> None:
        peer = WebSocketPeer(web_limits=True)
        peer.unix_path = None
        with pytest.raises(UnsupportedInBrowserError, match="unix_path"):
            peer.unix_path = "server.sock"


class TestGivenSockets:
    def test_it_is_used_and_is_the_peers_from_then_on(self, server: WebSocketServer, peer: WebSocketPeer) -> None:
        server.bind_ip = "127.0.0.1"
        server.listen(0)
        sock = socket.create_connection(("127.0.0.1", server.port))
        peer.connect_to_url("ws://game.example/room", sock=sock)
        echo(peer, server)
        assert server.get_peer(server.peer_ids[0]).get_requested_url() == "ws://game.example/room"
        peer.abort()
        assert sock.fileno() == -1

    def test_there_is_no_delay_to_switch_off(self, peer: WebSocketPeer) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            peer.connect_to_url("ws://game.example/", sock=ours)
            peer.poll()
            theirs.sendall(_upgrade(theirs.recv(4096)))
            pump(peer, until=lambda: peer.ready_state is State.OPEN)
            peer.set_no_delay(False)
            peer.set_no_delay(True)
            peer.send("hi")
            assert theirs.recv(1) == b"\x81", "it is open all the same"

    def test_a_pair_needs_no_network(self, server: WebSocketServer, peer: WebSocketPeer) -> None:
        ours, theirs = socket.socketpair()
        peer.connect_to_url("ws://game.example/", sock=ours)
        peer.poll()
        assert theirs.recv(4096).startswith(b"GET / HTTP/1.1\r\nHost: game.example\r\n")
        theirs.close()
        pump(peer, until=lambda: peer.ready_state is State.CLOSED)

    def test_one_that_nobody_took_is_closed_with_the_peer(self, peer: WebSocketPeer) -> None:
        ours, theirs = socket.socketpair()
        peer.connect_to_url("ws://game.example/", sock=ours)
        peer.abort()
        assert ours.fileno() == -1
        theirs.close()

    def test_what_cannot_be_used_is_left_alone(self, peer: WebSocketPeer) -> None:
        with socket.socket() as unconnected, socket.socket(type=socket.SOCK_DGRAM) as datagrams:
            for sock in (unconnected, datagrams, 5):
                with pytest.raises(InvalidOptionError, match="sock is"):
                    peer.connect_to_url("ws://game.example/", sock=sock)  # type: ignore[arg-type]
            assert unconnected.fileno() >= 0
        assert peer.ready_state is State.CLOSED

    def test_tls_is_begun_by_the_peer(self, peer: WebSocketPeer) -> None:
        ours, theirs = socket.socketpair()
        context = ssl.create_default_context()
        with (
            context.wrap_socket(ours, server_hostname="a", do_handshake_on_connect=False) as wrapped,
            pytest.raises(InvalidOptionError, match="TLS is begun here"),
        ):
            peer.connect_to_url("wss://game.example/", sock=wrapped)
        theirs.close()

    def test_there_is_one_way_to_the_server(self, peer: WebSocketPeer) -> None:
        ours, theirs = socket.socketpair()
        peer.unix_path = "server.sock"
        with pytest.raises(InvalidOptionError, match="one of them"):
            peer.connect_to_url("ws://game.example/", sock=ours)
        peer.proxy = "http://proxy.example"
        with pytest.raises(InvalidOptionError, match="one of them"):
            peer.connect_to_url("ws://game.example/")
        ours.close()
        theirs.close()

    def test_a_page_has_none(self) -> None:
        ours, theirs = socket.socketpair()
        with pytest.raises(UnsupportedInBrowserError, match="sock is not available"):
            WebSocketPeer(web_limits=True).connect_to_url("ws://game.example/", sock=ours)
        ours.close()
        theirs.close()


class TestAListenerOfTheProgramsOwn:
    def test_it_must_listen(self, server: WebSocketServer) -> None:
        with socket.socket() as sock, pytest.raises(InvalidOptionError, match="listen"):
            server.listen(0, sock=sock)
        assert not server.is_listening()

    def test_it_belongs_to_the_server(self, server: WebSocketServer, peer: WebSocketPeer) -> None:
        sock = socket.create_server(("127.0.0.1", 0))
        server.listen(0, sock=sock)
        peer.connect_to_url(f"ws://127.0.0.1:{server.port}/")
        echo(peer, server)
        server.stop()
        assert sock.fileno() == -1
