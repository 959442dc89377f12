"""wss: certificates are checked, and what is wrong with them is said."""

from __future__ import annotations

import datetime
import os
import select
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import trustme

from pyws_browser import (
    ConnectError,
    ExpiredCertificateError,
    InvalidOptionError,
    InvalidStateError,
    State,
    TLSError,
    UntrustedCertificateError,
    WebSocketPeer,
    WebSocketServer,
    WrongHostError,
)
from pyws_browser.protocol.options import Options
from pyws_browser.protocol.url import WebSocketURL
from pyws_browser.transport.native import client_opening as native
from pyws_browser.transport.native.transport import ClientTransport, NativeTransport, ServerTransport

from ..support import LIMIT, client_context, pump, server_context
from .slow_link import small_socket

YESTERDAY = datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=1)
TOMORROW = YESTERDAY + datetime.timedelta(days=2)
WEEK = datetime.timedelta(days=7)


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def serve() -> Iterator[Callable[[ssl.SSLContext], WebSocketServer]]:
    with WebSocketServer() as server:
        server.strict = True

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


def test_what_is_encrypted_and_not_taken_by_the_kernel_counts_as_buffered(serve: Serve, authority: trustme.CA) -> None:
    server = serve(server_context(authority, "127.0.0.1"))
    with attempt(server, f"wss://127.0.0.1:{server.port}/", client_context(authority)) as peer:
        transport = peer._transport
        assert isinstance(transport, ClientTransport)
        while not transport.wants_write:  # nobody reads
            assert peer.get_current_outbound_buffered_amount() == 0
            peer.send(os.urandom(10_000))  # which takes as much room when it is compressed
        assert 0 < peer.get_current_outbound_buffered_amount() <= 10_000
        pump(peer, server, until=lambda: not peer.get_current_outbound_buffered_amount())
        assert not transport.wants_write


def test_the_default_trusts_no_unknown_authority(serve: Serve, authority: trustme.CA) -> None:
    server = serve(server_context(authority, "127.0.0.1"))
    peer = attempt(server, f"wss://127.0.0.1:{server.port}/", None)
    assert peer.ready_state is State.CLOSED
    assert type(peer.close_cause) is UntrustedCertificateError
    assert "certificate of 127.0.0.1 was not accepted" in str(peer.close_cause)
    assert "trust its authority" in str(peer.close_cause)
    assert isinstance(peer.close_cause.__cause__, ssl.SSLCertVerificationError)


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
    assert type(peer.close_cause) is WrongHostError
    assert "localhost" in str(peer.close_cause)


def test_a_certificate_for_another_address(serve: Serve, authority: trustme.CA) -> None:
    server = serve(server_context(authority, "127.0.0.2"))
    peer = attempt(server, f"wss://127.0.0.1:{server.port}/", client_context(authority))
    assert type(peer.close_cause) is WrongHostError


def test_a_certificate_that_is_its_own_authority(serve: Serve, authority: trustme.CA) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    lonely = trustme.CA()
    with lonely.cert_pem.tempfile() as certificate, lonely.private_key_pem.tempfile() as key:
        context.load_cert_chain(certificate, key)
    server = serve(context)
    peer = attempt(server, f"wss://127.0.0.1:{server.port}/", client_context(authority))
    assert type(peer.close_cause) is UntrustedCertificateError


def test_an_expired_certificate(serve: Serve, authority: trustme.CA) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1", not_after=YESTERDAY).configure_cert(context)
    server = serve(context)
    peer = attempt(server, f"wss://127.0.0.1:{server.port}/", client_context(authority))
    assert type(peer.close_cause) is ExpiredCertificateError
    assert "expired" in str(peer.close_cause)


def test_a_certificate_of_tomorrow(serve: Serve, authority: trustme.CA) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1", not_before=TOMORROW, not_after=TOMORROW + WEEK).configure_cert(context)
    server = serve(context)
    peer = attempt(server, f"wss://127.0.0.1:{server.port}/", client_context(authority))
    assert type(peer.close_cause) is ExpiredCertificateError
    assert "look at the clocks" in str(peer.close_cause)


def test_a_handshake_that_fails_otherwise(serve: Serve, authority: trustme.CA) -> None:
    context = server_context(authority, "127.0.0.1")
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    trust = client_context(authority)
    trust.minimum_version = ssl.TLSVersion.TLSv1_3
    server = serve(context)
    peer = attempt(server, f"wss://127.0.0.1:{server.port}/", trust)
    assert type(peer.close_cause) is TLSError
    assert "no TLS connection to 127.0.0.1" in str(peer.close_cause)


def test_both_sides_agree_on_http_1_1(serve: Serve, authority: trustme.CA) -> None:
    context = server_context(authority, "127.0.0.1")
    context.set_alpn_protocols(["h2", "http/1.1"])
    seen: list[str | None] = []
    server = serve(context)
    server.process_request = lambda asked: seen.append(asked.tls and asked.tls.selected_alpn_protocol())  # type: ignore
    authority.configure_trust(native._default_context())
    try:
        with attempt(server, f"wss://127.0.0.1:{server.port}/", None) as peer:
            assert peer.ready_state is State.OPEN
    finally:
        native._default_context.cache_clear()
    assert seen == ["http/1.1"]


def test_the_server_is_told_the_name_that_is_asked_for(serve: Serve, authority: trustme.CA) -> None:
    """One server for two names, each with its own certificate (RFC 6066 §3)."""
    context = server_context(authority, "one.localhost")
    other = server_context(authority, "two.localhost")
    names: list[str | None] = []

    def choose(session: ssl.SSLObject, name: str | None, _: ssl.SSLContext) -> None:
        names.append(name)
        if name == "two.localhost":
            session.context = other

    context.sni_callback = choose
    server = serve(context)
    for name in ("one.localhost", "two.localhost"):
        with attempt(server, f"wss://{name}:{server.port}/", client_context(authority)) as peer:
            assert peer.ready_state is State.OPEN, peer.close_cause
    assert names == ["one.localhost", "two.localhost"]


class TestRenewal:
    """A new certificate while the server listens: for those who come; who is there stays."""

    @pytest.fixture
    def old_and_new(self) -> tuple[trustme.CA, trustme.CA]:
        return trustme.CA(), trustme.CA()

    def check(self, server: WebSocketServer, old: trustme.CA, new: trustme.CA, renew: Callable[[], None]) -> None:
        url = f"wss://127.0.0.1:{server.port}/"
        with attempt(server, url, client_context(old)) as before:
            assert before.ready_state is State.OPEN
            renew()
            with attempt(server, url, client_context(new)) as after:
                assert after.ready_state is State.OPEN
            assert type(attempt(server, url, client_context(old)).close_cause) is UntrustedCertificateError
            before.send("still here")
            pump(before, server, until=before.get_available_packet_count)
            assert before.receive() == "still here"

    def test_by_another_context(self, serve: Serve, old_and_new: tuple[trustme.CA, trustme.CA]) -> None:
        old, new = old_and_new
        server = serve(server_context(old, "127.0.0.1"))

        def renew() -> None:
            server.tls = server_context(new, "127.0.0.1")

        self.check(server, old, new, renew)

    def test_by_loading_it_into_the_same_context(
        self, serve: Serve, old_and_new: tuple[trustme.CA, trustme.CA]
    ) -> None:
        old, new = old_and_new
        context = server_context(old, "127.0.0.1")
        self.check(serve(context), old, new, lambda: new.issue_cert("127.0.0.1").configure_cert(context))

    def test_by_new_files_under_the_old_names(self, tmp_path: Path, old_and_new: tuple[trustme.CA, trustme.CA]) -> None:
        old, new = old_and_new
        key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"

        def write(authority: trustme.CA) -> None:
            issued = authority.issue_cert("127.0.0.1")
            key.write_bytes(issued.private_key_pem.bytes())
            certificate.write_bytes(issued.cert_chain_pems[0].bytes())

        write(old)
        with WebSocketServer() as server:
            server.strict = True
            server.bind_ip, server.private_key, server.ssl_certificate = "127.0.0.1", key, certificate
            server.data_received.connect(lambda id_: [server.get_peer(id_).send(m) for m in server.get_peer(id_)])
            server.listen(0)

            def renew() -> None:
                write(new)
                server.renew_certificate()

            self.check(server, old, new, renew)

    def test_by_new_values(self, old_and_new: tuple[trustme.CA, trustme.CA]) -> None:
        old, new = old_and_new
        first, second = (authority.issue_cert("127.0.0.1") for authority in old_and_new)
        with WebSocketServer() as server:
            server.strict = True
            server.bind_ip = "127.0.0.1"
            server.private_key = first.private_key_pem.bytes()
            server.ssl_certificate = first.cert_chain_pems[0].bytes()
            server.data_received.connect(lambda id_: [server.get_peer(id_).send(m) for m in server.get_peer(id_)])
            server.listen(0)
            with pytest.raises(InvalidOptionError, match="cannot be used together"):
                server.renew_certificate(second.private_key_pem.bytes())
            assert server.private_key == first.private_key_pem.bytes(), "the old one stays"
            parts = second.private_key_pem.bytes(), second.cert_chain_pems[0].bytes()
            self.check(server, old, new, lambda: server.renew_certificate(*parts))
            assert (server.private_key, server.ssl_certificate) == parts

    def test_there_must_be_one(self, serve: Serve, authority: trustme.CA) -> None:
        server = serve(server_context(authority, "127.0.0.1"))
        with pytest.raises(InvalidStateError, match="no certificate to renew"):
            server.renew_certificate()


def test_a_server_that_speaks_no_tls(authority: trustme.CA) -> None:
    with WebSocketServer() as server:
        server.strict = True
        server.handshake_timeout = 0.1
        server.listen(0)
        peer = attempt(server, f"wss://127.0.0.1:{server.port}/", client_context(authority))
        assert type(peer.close_cause) is TLSError


def test_a_server_that_answers_in_plain_text() -> None:
    ours, theirs = socket.socketpair()
    with theirs, WebSocketPeer(web_limits=False) as peer:
        peer.connect_to_url("wss://game.example/", sock=ours)
        theirs.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        pump(peer, until=lambda: peer.ready_state is State.CLOSED)
        assert type(peer.close_cause) is TLSError
        assert "is ws: meant" in str(peer.close_cause)


@pytest.mark.parametrize("host", ["a..example", "a" * 64 + ".example", ".example"])
def test_a_name_that_no_certificate_can_be_for(host: str) -> None:
    ours, theirs = socket.socketpair()
    with theirs:
        transport = ClientTransport(WebSocketURL("wss", host, 443), Options(sock=ours))
        pump(transport, until=lambda: transport.close_status)
        assert transport.close_status is not None
        assert type(transport.close_status.cause) is TLSError
        assert theirs.recv(1) == b"", "its socket is closed"


def test_a_program_that_waits_for_the_descriptor_misses_nothing_that_tls_holds(
    serve: Serve, authority: trustme.CA, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pyws_browser.transport.native.transport.READ_BUDGET", 4096)
    server = serve(server_context(authority, "127.0.0.1"))
    with attempt(server, f"wss://127.0.0.1:{server.port}/", client_context(authority)) as peer:
        server.get_peer(server.peer_ids[0]).send(os.urandom(100_000))  # several records, which one poll fetches
        end = time.monotonic() + LIMIT
        while not peer.get_available_packet_count():
            assert time.monotonic() < end
            server.poll()
            if select.select([peer], [], [], 0.01)[0]:
                peer.poll()


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


MANY_NAMES = [f"host-number-{number}-of-many.example.org" for number in range(1700)]
"""They make a certificate of 80 KB, which is more than two small sockets hold back."""


def connected_sockets() -> tuple[socket.socket, socket.socket]:
    """Return both ends of a TCP connection that holds back little."""
    with small_socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        sock = small_socket()
        sock.connect(listener.getsockname())
        return listener.accept()[0], sock


def has_finished(tls: ssl.SSLSocket) -> bool:
    """Go on with a handshake as far as that can be done without waiting; return whether it is over."""
    try:
        tls.do_handshake()
    except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
        return False
    return True


def poll_when_ready(transport: NativeTransport, woken: list[bool]) -> None:
    """Poll as an event loop does: if the transport asks for it, or the descriptor is ready for what it waits for."""
    writing = [transport] if transport.wants_write else []
    if woken or any(select.select([transport], writing, [], 0.01)):
        woken.clear()
        transport.poll()


@pytest.mark.parametrize("is_server", [True, False], ids=["server", "client"])
def test_a_certificate_may_be_larger_than_the_kernels_buffer(authority: trustme.CA, is_server: bool) -> None:
    for_server = server_context(authority, "localhost", *MANY_NAMES)
    for_client = client_context(authority)
    if not is_server:
        for_server.verify_mode = ssl.CERT_REQUIRED
        authority.configure_trust(for_server)
        authority.issue_cert(*MANY_NAMES).configure_cert(for_client)
    at_server, at_client = connected_sockets()
    transport: NativeTransport
    if is_server:
        address = at_server.getpeername()
        transport = ServerTransport(at_server, address, Options(tls=for_server))
        at_client.setblocking(False)
        theirs = for_client.wrap_socket(at_client, server_hostname="localhost", do_handshake_on_connect=False)
    else:
        url = WebSocketURL("wss", "localhost", 443)
        transport = ClientTransport(url, Options(tls=for_client, sock=at_client))
        at_server.setblocking(False)
        theirs = for_server.wrap_socket(at_server, server_side=True, do_handshake_on_connect=False)
    woken: list[bool] = []
    transport.set_wakeup(lambda: woken.append(True))
    transport.poll()
    with theirs:
        end = time.monotonic() + LIMIT
        while not has_finished(theirs):
            assert time.monotonic() < end, "the rest of the certificate never comes"
            poll_when_ready(transport, woken)
        transport.abort()
