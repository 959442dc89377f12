"""One connection with a real Godot 3, in both roles; what passes is looked at on both ends."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
import trustme

from pyws_browser import RemoteProtocolError, TLSError, WebSocketClient, WebSocketServer
from pyws_browser.transport.native import transport
from pyws_browser.variant import decode

from ..support import pump
from ..variant.samples import VECTORS, described, same
from .conftest import EngineConnects, EngineListens, Pair, free_port, log_of
from .engine import Engine, Thing

pytestmark = pytest.mark.interop

PACKETS: list[str | bytes] = [
    b"x",
    "grün \U0001f600",
    "nul \0 in it",
    b"\0\xff" * 62 + b"!",
    "y" * 126,
    bytes(range(256)) * 200,
    b"z" * 65535,
]


def test_an_engine_echoes(pair: Pair) -> None:
    pair.connect()
    pair.thing.echo()
    for number, packet in enumerate(PACKETS, 1):
        pair.peer.send(packet)
        pair.arrives(number)
        assert pair.arrived().receive() == packet


def test_an_engine_is_echoed(pair: Pair) -> None:
    pair.connect()
    for number, packet in enumerate(PACKETS, 1):
        data = packet.encode() if isinstance(packet, str) else packet
        pair.their("set_write_mode", 0 if isinstance(packet, str) else 1)
        assert pair.their("put_packet", data) == 0
        received = pair.arrived().receive()
        assert received == packet
        pair.peer.send(received)
        pair.arrives(number)
        assert pair.their("get_packet") == data
        assert pair.their("was_string_packet") is isinstance(packet, str)


def test_an_empty_packet_arrives(pair: Pair) -> None:
    pair.connect()
    pair.peer.put_packet(b"")
    pair.peer.send("")
    pair.arrives(2)
    assert pair.their("get_available_packet_count") == 2
    assert (pair.their("get_packet"), pair.their("was_string_packet")) == (b"", False)
    assert (pair.their("get_packet"), pair.their("was_string_packet")) == (b"", True)


def test_a_large_packet_of_an_engine_arrives(pair: Pair) -> None:
    pair.connect()
    packet = bytes(range(256)) * 8192
    assert pair.their("put_packet", packet) == 0
    assert pair.arrived().get_packet() == packet


def test_an_engine_answers_pings(pair: Pair) -> None:
    pair.connect()
    pair.peer.ping(b"there?")
    pump(pair.owner, until=lambda: pair.peer.latency)


def test_every_variant_passes(pair: Pair) -> None:
    pair.connect()
    for number, vector in enumerate(VECTORS, 1):
        value = described(vector)
        data = bytes.fromhex(vector["hex"])
        expected = decode(data)
        pair.peer.put_var(value)
        pair.arrives(number)
        assert pair.their("get_packet") == data, vector["literal"]
        assert same(pair.engine.command("decode", data), expected), vector["literal"]
        assert pair.their("put_var", value) == 0
        assert same(pair.arrived().get_var(), expected), vector["literal"]


def test_a_variant_in_a_text_message(pair: Pair) -> None:
    pair.connect()
    pair.peer.write_mode = pair.peer.WRITE_MODE_TEXT
    pair.peer.put_var({"name": "grün", "level": 5})
    pair.arrives(1)
    assert pair.their("get_var") == {"name": "grün", "level": 5}
    assert pair.their("was_string_packet")


@pytest.mark.parametrize(
    ("known", "offered", "chosen"), [(("chat", "beta"), ("x", "beta", "chat"), "beta"), (("a",), ("a",), "a")]
)
def test_both_agree_on_a_subprotocol(pair: Pair, known: tuple[str], offered: tuple[str], chosen: str) -> None:
    pair.connect(known, offered)
    assert pair.log[0][-1] == chosen
    assert pair.peer.selected_protocol == chosen
    assert pair.thing.events[0][-1] == chosen


def test_no_subprotocol_in_common(engine: Engine) -> None:
    port = free_port()
    listening = engine.new("thing", "server")
    listening.listen(port, ["chat"])
    with WebSocketClient(web_limits=False) as client, WebSocketServer() as server:
        server.strict = True
        log = log_of(client)
        client.connect_to_url(f"ws://127.0.0.1:{port}/", ["Chat"])
        pump(client, until=lambda: log)
        assert log == [("connection_error",)]
        server.listen(0, ["chat"])
        connecting = engine.new("client", "client")
        connecting.connect_to_url(f"ws://127.0.0.1:{server.port}/", ["Chat"])
        connecting.wait("connection_error", server)
        assert log_of(server) == []


def test_headers_of_the_program_pass_in_both_directions(engine: Engine) -> None:
    listening, connecting = EngineListens(engine), EngineConnects(engine)
    with listening.client, connecting.server:
        listening.client.handshake_headers = ["X-Token: abc", "X-Empty: "]
        listening.connect()
        connecting.server.set_extra_headers(["X-Server: ours"])
        connecting.connect()
        assert connecting.peer.requested_url == f"ws://127.0.0.1:{connecting.server.port}/way?x=1"


def test_both_know_each_others_addresses(pair: Pair) -> None:
    pair.connect()
    assert pair.their("get_connected_host") == pair.peer.get_connected_host() == "127.0.0.1"
    with socket.socket(fileno=socket.dup(pair.peer.fileno())) as sock:
        assert pair.their("get_connected_port") == sock.getsockname()[1]


@pytest.mark.parametrize(
    ("code", "reason"), [(1000, ""), (1000, "bye"), (1001, "going"), (1011, "x"), (3000, "grün"), (4999, "r" * 123)]
)
def test_we_close(pair: Pair, code: int, reason: str) -> None:
    pair.connect()
    pair.peer.send("before")
    pair.peer.close(code, reason)
    assert pair.thing.wait(pair.their_closed, pair.owner)[-1] is True
    assert pair.thing.told(pair.their_close_request)[0][-2:] == (code, reason)
    assert len(pair.thing.told("data_received")) == 1
    pump(pair.owner, until=lambda: pair.log[-1][0] == pair.our_closed)
    assert pair.log[-1][-1] is True
    assert len(pair.log) == 2, "opened and closed, and nobody asked for it"


def test_we_close_without_a_code(pair: Pair) -> None:
    pair.connect()
    pair.peer.close(None)
    assert pair.thing.wait(pair.their_closed, pair.owner)[-1] is True
    assert pair.thing.told(pair.their_close_request)[0][-2:] == (0, ""), "Godot's code for none"


@pytest.mark.parametrize(
    ("code", "reason"), [(1000, ""), (1000, "bye"), (1001, "going"), (3000, "grün"), (4999, "r" * 122)]
)
def test_an_engine_closes(pair: Pair, code: int, reason: str) -> None:
    pair.connect()
    pair.their("put_packet", b"before")
    peer = pair.peer
    pair.their("close", code, reason)
    assert pair.thing.wait(pair.their_closed, pair.owner)[-1] is False, "as in every Godot 3 for a close of its own"
    pump(pair.owner, until=lambda: pair.log[-1][0] == pair.our_closed)
    *_, asked, closed = pair.log
    assert asked[-2:] == (code, reason), "without the NUL that Godot sends"
    assert closed[-1] is True
    assert peer.get_packet() == b"before"


def test_an_engine_closes_without_a_code(pair: Pair) -> None:
    pair.connect()
    pair.their("close", 0, "lost")
    pump(pair.owner, until=lambda: pair.log[-1][0] == pair.our_closed)
    assert pair.log[-2][-2:] == (1005, "")


def test_an_engine_closes_with_a_code_that_may_not_be(pair: Pair) -> None:
    pair.connect()
    peer = pair.peer
    pair.their("close", 5000, "")
    pump(pair.owner, until=lambda: pair.log[-1][0] == pair.our_closed)
    assert pair.log[-1][-1] is False
    assert isinstance(peer.close_cause, RemoteProtocolError)
    pair.thing.wait(pair.their_closed, pair.owner)


def test_a_connection_is_lost(pair: Pair) -> None:
    pair.connect()
    pair.peer.abort()
    assert pair.thing.wait(pair.their_closed, pair.owner)[-1] is False
    assert pair.thing.told(pair.their_close_request) == []


@pytest.fixture
def certified(engine: Engine, tmp_path: Path) -> dict[str, Path]:
    """An authority and a server's key and certificate, as files and in the engine."""
    authority = trustme.CA()
    issued = authority.issue_cert("localhost", common_name="localhost", key_type=trustme.KeyType.RSA)
    files = {name: tmp_path / f"{name}.pem" for name in ("authority", "key", "certificate")}
    authority.cert_pem.write_to_path(files["authority"])
    issued.private_key_pem.write_to_path(files["key"])
    issued.cert_chain_pems[0].write_to_path(files["certificate"])
    for name in files:
        kind = "key" if name == "key" else "certificate"
        assert engine.new(name, kind).load(str(files[name])) == 0
    return files


def test_tls_with_an_engine_that_listens(engine: Engine, certified: dict[str, Path]) -> None:
    port = free_port()
    thing = engine.new("thing", "server")
    thing.set("private_key", {"thing": "key"})
    thing.set("ssl_certificate", {"thing": "certificate"})
    assert thing.listen(port) == 0
    thing.echo()
    with WebSocketClient(web_limits=False) as client:
        log = log_of(client)
        client.connect_to_url(f"wss://localhost:{port}/")
        pump(client, until=lambda: log)
        assert log == [("connection_error",)]
        assert isinstance(client.get_peer(1).close_cause, TLSError)
        for settings in ({"trusted_ssl_certificate": certified["authority"]}, {"verify_ssl": False}):
            log.clear()
            client.trusted_ssl_certificate, client.verify_ssl = None, True
            for name, value in settings.items():
                setattr(client, name, value)
            client.connect_to_url(f"wss://localhost:{port}/")
            pump(client, until=lambda: log)
            assert log == [("connection_established", "")]
            client.get_peer(1).send("secret")
            pump(client, until=client.get_peer(1).get_available_packet_count)
            assert client.get_peer(1).receive() == "secret"
            client.disconnect_from_host()
            pump(client, until=lambda: log[-1][0] == "connection_closed")


def test_tls_with_an_engine_that_connects(engine: Engine, certified: dict[str, Path]) -> None:
    with WebSocketServer() as server:
        server.strict = True
        server.private_key = certified["key"]
        server.ssl_certificate = certified["certificate"].read_bytes()
        server.listen(0)
        stranger = engine.new("stranger", "client")
        stranger.connect_to_url(f"wss://localhost:{server.port}/")
        stranger.wait("connection_error", server)
        thing = engine.new("thing", "client")
        thing.set("trusted_ssl_certificate", {"thing": "authority"})
        thing.connect_to_url(f"wss://localhost:{server.port}/")
        thing.wait("connection_established", server)
        thing.peer(1, "put_packet", b"secret")
        (id_,) = server.peer_ids
        pump(server, until=server.get_peer(id_).get_available_packet_count)
        assert server.get_peer(id_).get_packet() == b"secret"


def test_a_packet_that_is_too_big_for_an_engine_ends_the_connection(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transport, "LINGER_TIMEOUT", 0.05)  # it leaves the TCP connection open
    pair.connect()
    pair.peer.send(b"x" * 65537)
    pump(pair.owner, until=lambda: pair.log[-1][0] == pair.our_closed)
    assert pair.log[-2][-2:] == (1009, "")
    assert pair.thing.told(pair.their_closed) == [], "a Godot 3 never notices"


def test_a_certificate_that_an_engine_made(engine: Engine, tmp_path: Path) -> None:
    engine.new("crypto", "crypto")
    engine.command("keep", "key", "crypto", [["generate_rsa", [2048]]])
    names = "CN=localhost,O=tests,C=NL"
    engine.command("keep", "certificate", "crypto", [["generate_self_signed_certificate", [{"thing": "key"}, names]]])
    pem = tmp_path / "certificate.pem"
    assert Thing(engine, "certificate").save(str(pem)) == 0
    port = free_port()
    thing = engine.new("thing", "server")
    thing.set("private_key", {"thing": "key"})
    thing.set("ssl_certificate", {"thing": "certificate"})
    assert thing.listen(port) == 0
    with WebSocketClient(web_limits=False) as client:
        log = log_of(client)
        client.trusted_ssl_certificate = pem
        client.connect_to_url(f"wss://localhost:{port}/")
        pump(client, until=lambda: log)
        assert log == [("connection_established", "")]
