"""WebSocketServer: its settings, its certificates, and what it is refused."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import trustme
from cryptography.hazmat.primitives import serialization

from pyws_browser import (
    ConnectionStatus,
    Error,
    InvalidHeaderError,
    InvalidOptionError,
    InvalidStateError,
    NotMultiplayerError,
    OutboundBufferFullError,
    State,
    UnsupportedInBrowserError,
    WebSocketClient,
    WebSocketServer,
)
from pyws_browser.server import unavailable as no_server

from ..support import pump


@pytest.fixture
def server() -> Iterator[WebSocketServer]:
    with WebSocketServer() as server:
        server.strict = True
        server.bind_ip = "127.0.0.1"
        yield server


def connected(server: WebSocketServer, **settings: Any) -> WebSocketClient:
    client = WebSocketClient(web_limits=False)
    for name, value in settings.items():
        setattr(client, name, value)
    scheme = "wss" if settings else "ws"
    client.connect_to_url(f"{scheme}://localhost:{server.port}/")
    pump(client, server, until=lambda: client.get_peer(1).ready_state is not State.CONNECTING)
    assert client.get_peer(1).close_cause is None
    pump(server, until=lambda: server.peer_ids)
    return client


def test_the_status_tells_whether_it_listens(server: WebSocketServer) -> None:
    assert server.is_server()
    assert server.get_unique_id() == 1
    assert server.get_connection_status() is ConnectionStatus.DISCONNECTED
    server.listen(0)
    assert server.get_connection_status() is ConnectionStatus.CONNECTED


@pytest.mark.parametrize("name", ["bind_ip", "private_key", "ssl_certificate", "ca_chain"])
def test_what_cannot_change_while_it_listens(server: WebSocketServer, name: str) -> None:
    before = getattr(server, name)
    server.listen(0)
    with pytest.raises(InvalidStateError, match=rf"{name} cannot change .*stop\(\)"):
        setattr(server, name, "127.0.0.1")
    assert getattr(server, name) == before
    server.stop()
    setattr(server, name, "127.0.0.1")
    assert getattr(server, name) == "127.0.0.1"


def test_buffers_are_for_before_it_listens(server: WebSocketServer) -> None:
    server.set_buffers(64, 1024, 1, 2)
    server.listen(0)
    with pytest.raises(InvalidStateError, match="stop"):
        server.set_buffers(64, 1024, 64, 1024)
    client = connected(server)
    peer = server.get_peer(server.peer_ids[0])
    assert (peer.outbound_buffer_size, peer.max_outbound_packets) == (1024, 2)
    assert (peer.inbound_buffer_size, peer.max_queued_packets) == (65536, 1024)
    client.get_peer(1).abort()


def test_the_limit_of_packets_holds_on_a_socket(server: WebSocketServer) -> None:
    server.max_outbound_packets = 3
    server.compression = False
    server.listen(0)
    client = connected(server)
    peer = server.get_peer(server.peer_ids[0])
    for _ in range(20):
        peer.send(b"x")  # these go to the kernel at once
    with peer.batch():
        for _ in range(3):
            peer.send(b"y")
        with pytest.raises(OutboundBufferFullError, match="3 packets wait"):
            peer.send(b"y")
    pump(server, client, until=lambda: client.get_peer(1).get_available_packet_count() == 23)
    peer.send(b"z")
    client.get_peer(1).abort()


def test_extra_headers_are_checked(server: WebSocketServer) -> None:
    server.set_extra_headers(["X-Server: mine"])
    assert server.handshake_headers == (("X-Server", "mine"),)
    with pytest.raises(InvalidHeaderError):
        server.set_extra_headers(["X-Server: mine\r\nX-More: yes"])
    server.set_extra_headers()
    assert server.handshake_headers == ()


def test_the_server_itself_sends_nothing_outside_of_multiplayer(server: WebSocketServer) -> None:
    server.listen(0)
    for call in (server.get_packet, server.get_available_packet_count, lambda: server.put_packet(b"x")):
        with pytest.raises(NotMultiplayerError, match=r"get_peer\(id\)\.put_packet.*gd_mp_api") as caught:
            call()
        assert caught.value.error is Error.ERR_UNCONFIGURED


@pytest.mark.parametrize("dialect", [0, 5, "3"])
def test_an_unknown_dialect_begins_nothing(server: WebSocketServer, dialect: Any) -> None:
    with pytest.raises(InvalidOptionError, match="dialect"):
        server.listen(0, gd_mp_api=True, dialect=dialect)
    assert not server.is_listening()


@pytest.mark.parametrize(
    ("name", "value"),
    [("tls", "certificate.pem"), ("bind_ip", 5), ("origins", 5), ("origins", [5]), ("max_connections", 0)],
)
def test_settings_that_cannot_be_used(server: WebSocketServer, name: str, value: object) -> None:
    with pytest.raises(InvalidOptionError):
        setattr(server, name, value)


@pytest.mark.parametrize(
    ("name", "values"), [("max_connections", [7, None]), ("origins", [("https://game.example",), None])]
)
def test_a_limit_can_be_taken_away_again(server: WebSocketServer, name: str, values: list[object]) -> None:
    for value in values:
        setattr(server, name, value)
        assert getattr(server, name) == value


def test_the_server_header_can_be_taken_away_again(server: WebSocketServer) -> None:
    server.server_header = "game"
    server.server_header = None
    assert server.server_header is None


@pytest.mark.parametrize("value", [5, b"game", "game\n"])
def test_a_server_header_that_cannot_be_sent(server: WebSocketServer, value: Any) -> None:
    with pytest.raises(InvalidHeaderError):
        server.server_header = value


def test_in_a_page_there_is_no_server() -> None:
    with pytest.raises(UnsupportedInBrowserError, match="WebSocketServer is not available in a browser"):
        no_server.WebSocketServer()


# Certificates.


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def issued(authority: trustme.CA) -> trustme.LeafCert:
    return authority.issue_cert("localhost")


@pytest.mark.parametrize("remark", [b"", "friendlyName: Müller\n".encode()])
@pytest.mark.parametrize("form", ["paths", "bytes", "str"])
def test_a_key_and_a_certificate_make_it_wss(
    server: WebSocketServer, authority: trustme.CA, tmp_path: Path, form: str, remark: bytes
) -> None:
    intermediate = authority.create_child_ca()
    issued = intermediate.issue_cert("localhost")
    pems = {
        "private_key": remark + issued.private_key_pem.bytes(),
        "ssl_certificate": remark + issued.cert_chain_pems[0].bytes(),
        "ca_chain": remark + intermediate.cert_pem.bytes(),
    }
    for name, pem in pems.items():
        if form == "paths":
            (tmp_path / name).write_bytes(pem)
        setattr(server, name, {"paths": tmp_path / name, "bytes": pem, "str": pem.decode()}[form])
    server.listen(0)
    connected(server, trusted_ssl_certificate=authority.cert_pem.bytes()).get_peer(1).abort()


def test_the_very_certificate_of_the_server_can_be_trusted(server: WebSocketServer, issued: trustme.LeafCert) -> None:
    server.private_key = issued.private_key_pem.bytes()
    server.ssl_certificate = issued.cert_chain_pems[0].bytes()
    server.listen(0)
    connected(server, trusted_ssl_certificate=issued.cert_chain_pems[0].bytes()).get_peer(1).abort()
    connected(server, verify_ssl=False).get_peer(1).abort()


def test_what_stands_beside_the_pem_may_be_in_any_script(
    server: WebSocketServer, authority: trustme.CA, issued: trustme.LeafCert, tmp_path: Path
) -> None:
    (tmp_path / "key.pem").write_bytes("# für localhost\n".encode() + issued.private_key_pem.bytes())
    server.private_key = tmp_path / "key.pem"
    server.ssl_certificate = "# für localhost\n".encode() + issued.cert_chain_pems[0].bytes()
    server.listen(0)
    trusted = "# für localhost\n" + authority.cert_pem.bytes().decode()
    connected(server, trusted_ssl_certificate=trusted).get_peer(1).abort()


def test_a_chain_leads_to_the_authority(server: WebSocketServer, authority: trustme.CA) -> None:
    intermediate = authority.create_child_ca()
    issued = intermediate.issue_cert("localhost")
    server.private_key = issued.private_key_pem.bytes()
    server.ssl_certificate = issued.cert_chain_pems[0].bytes()
    server.ca_chain = intermediate.cert_pem.bytes()
    server.listen(0)
    connected(server, trusted_ssl_certificate=authority.cert_pem.bytes()).get_peer(1).abort()


def test_tls_can_be_replaced_while_it_listens(
    server: WebSocketServer, authority: trustme.CA, issued: trustme.LeafCert
) -> None:
    server.listen(0)
    server.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    issued.configure_cert(server.tls)
    connected(server, trusted_ssl_certificate=authority.cert_pem.bytes()).get_peer(1).abort()


def test_certificates_that_cannot_be_used_begin_nothing(
    server: WebSocketServer, authority: trustme.CA, issued: trustme.LeafCert
) -> None:
    key, certificate = issued.private_key_pem.bytes(), issued.cert_chain_pems[0].bytes()
    other_key = authority.issue_cert("localhost").private_key_pem.bytes()
    encrypted = serialization.load_pem_private_key(key, None).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(b"secret"),
    )
    for settings, problem in (
        ({"private_key": key}, "belong together"),
        ({"ssl_certificate": certificate}, "belong together"),
        ({"ca_chain": certificate}, "belong together"),
        ({"private_key": other_key, "ssl_certificate": certificate}, "cannot be used together"),
        ({"private_key": encrypted, "ssl_certificate": certificate}, "private_key is encrypted"),
        ({"private_key": "no such file", "ssl_certificate": certificate}, "private_key is neither PEM nor"),
        ({"private_key": key, "ssl_certificate": "no such\0file"}, "ssl_certificate is neither PEM nor"),
        ({"private_key": key, "ssl_certificate": certificate, "ca_chain": 5}, "ca_chain is neither PEM nor"),
        ({"private_key": key, "ssl_certificate": b"rubbish"}, "ssl_certificate is not PEM"),
        ({"private_key": key, "ssl_certificate": certificate, "tls": ssl.create_default_context()}, "either tls or"),
    ):
        for name in ("private_key", "ssl_certificate", "ca_chain", "tls"):
            setattr(server, name, settings.get(name))
        with pytest.raises(InvalidOptionError, match=problem):
            server.listen(0)
        assert not server.is_listening()
