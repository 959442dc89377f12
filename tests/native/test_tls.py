"""wss: certificates are checked, and what is wrong with them is said."""

from __future__ import annotations

import datetime
import os
import ssl
from collections.abc import Callable, Iterator

import pytest
import trustme

from pyws_browser import ConnectError, State, TLSError, WebSocketPeer, WebSocketServer
from pyws_browser.transport.native import client_opening as native

from ..support import client_context, pump, server_context

YESTERDAY = datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=1)


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def serve() -> Iterator[Callable[[ssl.SSLContext], WebSocketServer]]:
    with WebSocketServer() as server:

        def start(context: ssl.SSLContext) -> WebSocketServer:
            server.tls = context
            server.data_received.connect(lambda id_: [server.get_peer(id_).send(m) for m in server.get_peer(id_)])
            server.bind_ip = "127.0.0.1"
            server.listen(0)
            return server

        yield start


def attempt(server: WebSocketServer, url: str, context: ssl.SSLContext | None) -> WebSocketPeer:
    peer = WebSocketPeer(web_limits=False)
    peer.connect_to_url(url, tls=context)
    pump(peer, server, until=lambda: peer.ready_state is not State.CONNECTING)
    return peer


Serve = Callable[[ssl.SSLContext], WebSocketServer]


def test_messages_of_every_size_pass(serve: Serve, authority: trustme.CA) -> None:
    server = serve(server_context(authority, "127.0.0.1"))
    with attempt(server, f"wss://127.0.0.1:{server.port}/", client_context(authority)) as peer:
        for message in ("", "grün", b"", b"x" * 65536, b"y" * 3_000_000):
            peer.send(message)
            pump(peer, server, until=peer.get_available_packet_count)
            assert peer.receive() == message
        peer.close(4000, "enough")
        pump(peer, server, until=lambda: peer.ready_state is State.CLOSED)
        assert (peer.get_close_code(), peer.was_clean_close) == (4000, True)


def test_a_sender_that_is_faster_than_its_reader_loses_nothing(serve: Serve, authority: trustme.CA) -> None:
    server = serve(server_context(authority, "127.0.0.1"))
    peer = attempt(server, f"wss://127.0.0.1:{server.port}/", client_context(authority))
    pump(server, until=lambda: server.peer_ids)
    other = server.get_peer(server.peer_ids[0])
    server.data_received.disconnect(server.data_received._callbacks[0])
    for number in range(100):
        peer.send(bytes((number,)) + os.urandom(100_000))
    assert peer.get_current_outbound_buffered_amount() > 0
    pump(peer, server, until=lambda: other.get_available_packet_count() == 100)
    assert [message[0] for message in other if isinstance(message, bytes)] == list(range(100))
    assert peer.get_current_outbound_buffered_amount() == 0
    peer.abort()


def test_the_default_trusts_no_unknown_authority(serve: Serve, authority: trustme.CA) -> None:
    server = serve(server_context(authority, "127.0.0.1"))
    peer = attempt(server, f"wss://127.0.0.1:{server.port}/", None)
    assert peer.ready_state is State.CLOSED
    assert type(peer.close_cause) is TLSError
    assert "certificate of 127.0.0.1 was not accepted" in str(peer.close_cause)


def test_the_default_context_can_be_trusted_with_the_name(
    serve: Serve, authority: trustme.CA, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(native, "_default_context", lambda: client_context(authority))
    server = serve(server_context(authority, "localhost"))
    with attempt(server, f"wss://localhost:{server.port}/", None) as peer:
        assert peer.ready_state is State.OPEN


def test_a_certificate_for_another_name(serve: Serve, authority: trustme.CA) -> None:
    server = serve(server_context(authority, "other.example"))
    peer = attempt(server, f"wss://localhost:{server.port}/", client_context(authority))
    assert type(peer.close_cause) is TLSError
    assert "localhost" in str(peer.close_cause)


def test_an_expired_certificate(serve: Serve, authority: trustme.CA) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1", not_after=YESTERDAY).configure_cert(context)
    server = serve(context)
    peer = attempt(server, f"wss://127.0.0.1:{server.port}/", client_context(authority))
    assert type(peer.close_cause) is TLSError
    assert "expired" in str(peer.close_cause)


def test_a_server_that_speaks_no_tls(authority: trustme.CA) -> None:
    with WebSocketServer() as server:
        server.handshake_timeout = 0.1
        server.listen(0)
        peer = attempt(server, f"wss://127.0.0.1:{server.port}/", client_context(authority))
        assert type(peer.close_cause) is TLSError


def test_a_client_that_speaks_no_tls_is_dropped(serve: Serve, authority: trustme.CA) -> None:
    server = serve(server_context(authority, "127.0.0.1"))
    peer = attempt(server, f"ws://127.0.0.1:{server.port}/", None)
    assert peer.ready_state is State.CLOSED
    assert isinstance(peer.close_cause, ConnectError)
    pump(server, until=lambda: not server._clients)


def test_the_default_context_checks_names_and_certificates() -> None:
    context = native._default_context()
    assert context.check_hostname
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert native._default_context() is context
