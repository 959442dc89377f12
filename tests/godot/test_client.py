"""WebSocketClient: what its signals say, in which order, over connections in memory."""

from __future__ import annotations

import asyncio
import os
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import trustme

from pyws_browser import (
    AlreadyConnectedError,
    ConnectError,
    ConnectionStatus,
    Error,
    InvalidCloseCodeError,
    InvalidHeaderError,
    InvalidOptionError,
    InvalidStateError,
    InvalidSubprotocolError,
    InvalidURLError,
    MemoryNetwork,
    NoSuchPeerError,
    NotConnectedError,
    NotMultiplayerError,
    OutboundBufferFullError,
    Signal,
    State,
    TransferMode,
    UnsupportedInBrowserError,
    WebSocketClient,
    WebSocketPeer,
)
from pyws_browser.peer.memory_network import MemoryListener
from pyws_browser.protocol.options import Options
from pyws_browser.transport.base import Transport
from pyws_browser.variant import Vector2

URL = "ws://game.example/lobby"


class Case:
    """A client, what its signals said, and the server's side of its connection."""

    def __init__(self, web_limits: bool) -> None:
        self.network = MemoryNetwork()
        self.listener: MemoryListener = self.network.listen(URL, ["chat"])
        self.options: list[Options] = []
        self.client = WebSocketClient(web_limits=web_limits, connector=self.connector)
        self.log: list[tuple[Any, ...]] = []
        for name, signal in vars(self.client).items():
            if isinstance(signal, Signal):
                signal.connect(lambda *arguments, name=name: self.log.append((name, *arguments)))

    def connector(self, url: str, options: Options) -> Transport:
        self.options.append(options)
        return self.network.connect(url, options)

    def connected(self) -> WebSocketPeer:
        """Connect, and return the server's side."""
        self.client.connect_to_url(URL, ["chat"])
        server = self.accept()
        self.client.poll()
        return server

    def accept(self) -> WebSocketPeer:
        server = self.listener.accept()
        assert server is not None
        return server

    def taken(self) -> list[tuple[Any, ...]]:
        """Poll, and return what was said since the last time."""
        self.client.poll()
        taken = self.log[:]
        self.log.clear()
        return taken


@pytest.fixture(params=[False, True], ids=["plain", "web_limits"])
def case(request: pytest.FixtureRequest) -> Case:
    return Case(request.param)


# The signals, as section 3.3 of Godot's behaviour has them where its two platforms agree, and fixed where not.


def test_a_new_client_is_disconnected_and_says_nothing(case: Case) -> None:
    assert case.taken() == []
    client = case.client
    assert client.get_connection_status() is client.CONNECTION_DISCONNECTED == 0
    assert client.get_unique_id() == 0
    assert not client.is_server()
    assert client.get_peer(1).ready_state is State.CLOSED
    client.disconnect_from_host()
    assert case.taken() == []
    assert repr(client) == "<WebSocketClient DISCONNECTED>"


def test_a_connection_is_established(case: Case) -> None:
    case.client.connect_to_url(URL, ["chat"])
    assert case.taken() == []
    assert case.client.get_connection_status() is case.client.CONNECTION_CONNECTING == 1
    case.accept()
    assert case.taken() == [("connection_established", "chat")]
    assert case.taken() == []
    assert case.client.get_connection_status() is ConnectionStatus.CONNECTED == 2
    assert repr(case.client) == f"<WebSocketClient {URL} CONNECTED>"


def test_a_failed_connect_is_a_connection_error_and_nothing_else(case: Case) -> None:
    case.client.connect_to_url("ws://nobody.example/")
    assert case.taken() == [("connection_error",)]
    assert case.taken() == []
    assert case.client.get_connection_status() is ConnectionStatus.DISCONNECTED
    assert isinstance(case.client.get_peer(1).close_cause, ConnectError)


def test_data_is_told_once_for_each_message(case: Case) -> None:
    server = case.connected()
    case.taken()
    for message in ("one", b"", b"three"):
        server.send(message)
    assert case.taken() == [("data_received",)] * 3
    assert case.taken() == []
    assert list(case.client.get_peer(1)) == ["one", b"", b"three"]


@pytest.mark.parametrize(("code", "told"), [(1000, 1000), (4000, 4000), (None, 1005)])
def test_the_server_closes(case: Case, code: int | None, told: int) -> None:
    server = case.connected()
    server.send("last words")
    server.close(code, "bye" if code else "")
    assert case.taken() == [
        ("connection_established", "chat"),
        ("data_received",),
        ("server_close_request", told, "bye" if code else ""),
        ("connection_closed", True),
    ]
    assert case.client.get_peer(1).receive() == "last words"
    assert case.taken() == []


def test_godots_nul_behind_a_reason_is_not_seen(case: Case) -> None:
    case.connected().close(1000, "by\0e\0")
    assert ("server_close_request", 1000, "by\0e") in case.taken()


def test_the_client_closes(case: Case) -> None:
    server = case.connected()
    case.taken()
    case.client.get_peer(1).send("last words")
    case.client.disconnect_from_host(4000, "enough")
    assert case.client.get_connection_status() is ConnectionStatus.CONNECTED
    assert case.taken() == []
    server.poll()
    assert server.receive() == "last words"
    assert (server.close_code, server.close_reason) == (4000, "enough")
    assert case.taken() == [("connection_closed", True)]


def test_the_connection_is_lost(case: Case) -> None:
    case.connected().abort()
    assert case.taken() == [("connection_established", "chat"), ("connection_closed", False)]


def test_who_gives_up_connecting_is_told_nothing(case: Case) -> None:
    case.client.connect_to_url(URL, ["chat"])
    with pytest.raises(InvalidCloseCodeError):
        case.client.disconnect_from_host(1005)
    case.client.disconnect_from_host()
    assert case.client.get_connection_status() is ConnectionStatus.DISCONNECTED
    assert case.taken() == []
    case.connected()
    assert case.taken() == [("connection_established", "chat")]


def test_a_failing_handler_loses_no_other_signal(case: Case) -> None:
    def fail() -> None:
        raise KeyError("the program's own mistake")

    server = case.connected()
    case.taken()
    case.client.data_received.connect(fail)
    server.send("one")
    server.close(1000)
    with pytest.raises(KeyError):
        case.client.poll()
    assert case.taken() == [("data_received",), ("server_close_request", 1000, ""), ("connection_closed", True)]


def test_a_handler_can_connect_again(case: Case) -> None:
    case.client.connection_closed.connect(lambda was_clean: case.client.connect_to_url(URL, ["chat"]))
    case.connected().close()
    case.client.poll()
    assert case.client.get_connection_status() is ConnectionStatus.CONNECTING
    case.taken()
    case.accept()
    assert case.taken() == [("connection_established", "chat")]


# Connecting.


def test_a_client_that_is_connected_does_not_connect(case: Case) -> None:
    case.client.connect_to_url(URL, ["chat"])
    for _ in range(2):
        with pytest.raises(AlreadyConnectedError, match="disconnect_from_host") as caught:
            case.client.connect_to_url(URL)
        assert caught.value.error is Error.ERR_ALREADY_IN_USE
        if case.client.get_connection_status() is ConnectionStatus.CONNECTING:
            case.accept()
        case.client.poll()


def test_every_connection_has_its_own_peer(case: Case) -> None:
    case.connected().send("of the first")
    case.client.poll()
    first = case.client.get_peer(1)
    case.client.disconnect_from_host()
    case.connected()
    assert case.client.get_peer(1) is not first
    assert first.receive() == "of the first"


def test_what_is_still_closing_goes_on_in_silence(case: Case) -> None:
    server = case.connected()
    case.taken()
    case.client.get_peer(1).send("last words")
    first = case.client.get_peer(1)
    case.client.disconnect_from_host()
    case.client.connect_to_url(URL, ["chat"])
    server.poll()
    assert server.receive() == "last words"
    assert case.taken() == []
    assert (first.ready_state, first.was_clean_close) == (State.CLOSED, True)
    case.accept()
    assert case.taken() == [("connection_established", "chat")]


def test_bad_arguments_begin_nothing(case: Case) -> None:
    for arguments, error in (
        (("lobby",), InvalidURLError),
        ((URL, ["a b"]), InvalidSubprotocolError),
        ((URL, [], False, ["no colon\n"]), InvalidHeaderError),
    ):
        with pytest.raises(error):
            case.client.connect_to_url(*arguments)  # type: ignore[arg-type]
    for gd_mp_api, dialect in ((True, 5), (False, 4)):
        with pytest.raises(InvalidOptionError, match="dialect"):
            case.client.connect_to_url(URL, gd_mp_api=gd_mp_api, dialect=dialect)
    assert case.client.get_connection_status() is ConnectionStatus.DISCONNECTED


def test_arguments_come_before_settings() -> None:
    case = Case(web_limits=False)
    case.client.supported_protocols = ["chat"]
    case.client.handshake_headers = ["X-A: 1"]
    case.client.connect_to_url(URL)
    assert case.options[-1].subprotocols == ("chat",)
    assert case.options[-1].headers == (("X-A", "1"),)
    case.client.disconnect_from_host()
    case.client.connect_to_url(URL, [], False, {"X-B": "2"})
    assert case.options[-1].subprotocols == ()
    assert case.options[-1].headers == (("X-B", "2"),)


def test_the_environment_can_ask_for_a_pages_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYWS_WEB_LIMITS", "1")
    with pytest.raises(UnsupportedInBrowserError):
        WebSocketClient().verify_ssl = False


def test_leaving_the_block_leaves_nothing_open(case: Case) -> None:
    with case.client as client:
        servers = [case.connected()]
        client.disconnect_from_host()
        servers.append(case.connected())
        leaving, peer = client._leaving[0], client.get_peer(1)
    assert leaving.ready_state is peer.ready_state is State.CLOSED
    case.log.clear()
    assert case.taken() == []


# What a page cannot do.


def test_a_page_is_refused_what_it_cannot_do() -> None:
    case = Case(web_limits=True)
    client = case.client
    client.verify_ssl = True
    client.trusted_ssl_certificate = None
    client.connect_to_url(URL, ["chat"], False, [])
    case.accept()
    client.poll()
    actions: dict[str, Callable[[], object]] = {
        "verify_ssl": lambda: setattr(client, "verify_ssl", False),
        "trusted_ssl_certificate": lambda: setattr(client, "trusted_ssl_certificate", "ca.pem"),
        r"get_connected_host\(\)": client.get_connected_host,
        r"get_connected_port\(\)": client.get_connected_port,
        "close code 1001": lambda: client.disconnect_from_host(1001),
    }
    for feature, action in actions.items():
        with pytest.raises(UnsupportedInBrowserError, match=feature):
            action()
    client.disconnect_from_host()
    with pytest.raises(UnsupportedInBrowserError, match="custom_headers"):
        client.connect_to_url(URL, ["chat"], False, ["X-Token: abc"])


def test_the_desktop_knows_where_it_is_connected() -> None:
    case = Case(web_limits=False)
    with pytest.raises(NotConnectedError):
        case.client.get_connected_host()
    case.connected()
    assert (case.client.get_connected_host(), case.client.get_connected_port()) == ("game.example", 80)


# Misuse.


def test_the_client_itself_sends_nothing_outside_of_multiplayer(case: Case) -> None:
    for connect in (False, True):
        if connect:
            case.connected()
        calls: list[Callable[[], object]] = [
            lambda: case.client.put_packet(b"x"),
            lambda: case.client.put_var(5),
            case.client.get_packet,
            case.client.get_var,
            case.client.get_available_packet_count,
            case.client.get_packet_peer,
        ]
        for call in calls:
            with pytest.raises(NotMultiplayerError, match=r"get_peer\(1\)\.put_packet") as caught:
                call()
            assert caught.value.error is Error.ERR_UNCONFIGURED


@pytest.mark.parametrize("id_", [0, 2, -1])
def test_a_client_has_one_peer(case: Case, id_: int) -> None:
    with pytest.raises(NoSuchPeerError, match=r"get_peer\(1\)"):
        case.client.get_peer(id_)


def test_the_transfer_mode_is_reliable(case: Case) -> None:
    assert case.client.transfer_mode is TransferMode.RELIABLE == 2
    case.client.transfer_mode = case.client.TRANSFER_MODE_RELIABLE
    with pytest.raises(InvalidOptionError, match="RELIABLE"):
        case.client.transfer_mode = case.client.TRANSFER_MODE_UNRELIABLE


@pytest.mark.parametrize("target", [2**31, -(2**31), 1.0, "1", None])
def test_a_target_is_an_id(case: Case, target: Any) -> None:
    with pytest.raises(InvalidOptionError, match="target"):
        case.client.set_target_peer(target)


# Buffers and Variants.


def test_buffers_are_rounded_up_to_powers_of_two(case: Case) -> None:
    client = case.client
    client.set_buffers(100, 5, 1, 3)
    assert (client.inbound_buffer_size, client.max_queued_packets) == (128 * 1024, 8)
    assert (client.outbound_buffer_size, client.max_outbound_packets) == (1024, 4)


@pytest.mark.parametrize("sizes", [(0, 1, 1, 1), (1, -1, 1, 1), (1, 1, 1.5, 1), (1, 1, 1, "1")])
def test_buffers_are_whole_numbers(case: Case, sizes: Any) -> None:
    before = case.client._options
    with pytest.raises(InvalidOptionError, match="set_buffers"):
        case.client.set_buffers(*sizes)
    assert case.client._options == before


def test_buffers_are_for_before(case: Case) -> None:
    case.connected()
    with pytest.raises(InvalidStateError, match="disconnect"):
        case.client.set_buffers(1, 1, 1, 1)


def test_the_limits_of_set_buffers_hold(case: Case) -> None:
    case.client.set_buffers(1, 1, 1, 2)
    server = case.connected()
    peer = case.client.get_peer(1)
    for message in (b"w", b"x"):
        peer.send(message)
    with pytest.raises(OutboundBufferFullError, match="2 packets wait"):
        peer.send(b"y")
    server.poll()
    peer.send(b"z" * 1024)
    with pytest.raises(OutboundBufferFullError, match="do not fit"):
        peer.send(b"y")
    server.poll()
    server.send(b"x" * 1025)
    case.client.poll()
    server.poll()
    case.client.poll()
    assert peer.close_code in (1009, 4009)


def test_no_limit_of_packets_can_be_set_again(case: Case) -> None:
    case.client.set_buffers(1, 1, 1, 1)
    case.client.max_outbound_packets = 0
    case.connected()
    for _ in range(3):
        case.client.get_peer(1).send("x")
    with pytest.raises(InvalidOptionError):
        case.client.max_outbound_packets = -1


def test_peers_take_over_what_is_set_about_variants(case: Case) -> None:
    case.client.variant_version = 4
    case.client.encode_buffer_max_size = 1024
    case.client.allow_object_decoding = True
    server = case.connected()
    peer = case.client.get_peer(1)
    peer.put_var(Vector2(1, 2))
    server.poll()
    server.variant_version = 4
    assert server.get_var() == Vector2(1, 2)
    assert (peer.encode_buffer_max_size, peer.allow_object_decoding) == (1024, True)


# Certificates.


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


def tls_of(case: Case, **settings: Any) -> ssl.SSLContext | None:
    """Return what a connection that is made with these settings checks certificates with."""
    for name, value in settings.items():
        setattr(case.client, name, value)
        assert getattr(case.client, name) is value
    case.client.disconnect_from_host()
    case.client.connect_to_url("wss://nobody.example/")
    return case.options[-1].tls


def test_certificates_are_checked_by_default() -> None:
    assert tls_of(Case(web_limits=False)) is None


def test_no_check_at_all() -> None:
    context = tls_of(Case(web_limits=False), verify_ssl=False, trusted_ssl_certificate="not read")
    assert context is not None
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_NONE, False)


@pytest.mark.parametrize("remark", ["", "friendlyName: Müller\n"])
@pytest.mark.parametrize("form", ["path", "str of a path", "bytes", "str"])
def test_one_certificate_is_trusted(authority: trustme.CA, tmp_path: Path, form: str, remark: str) -> None:
    pem = remark.encode() + authority.cert_pem.bytes()
    path = tmp_path / "ca.pem"
    path.write_bytes(pem)
    forms = {"path": path, "str of a path": str(path), "bytes": pem, "str": pem.decode()}
    context = tls_of(Case(web_limits=False), trusted_ssl_certificate=forms[form])
    assert context is not None
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)
    assert len(context.get_ca_certs()) == 1


def test_a_context_says_everything_itself() -> None:
    context = ssl.create_default_context()
    case = Case(web_limits=False)
    assert tls_of(case, trusted_ssl_certificate=context) is context
    with pytest.raises(InvalidOptionError, match="SSLContext"):
        tls_of(case, verify_ssl=False)


@pytest.mark.parametrize(
    ("certificate", "problem"),
    [
        ("no such file", "neither PEM nor a file"),
        ("no such\0file", "neither PEM nor a file"),
        (5, "neither PEM nor a file"),
        (b"\x30\x82", "is not PEM"),
        (os.devnull, "no certificate in PEM"),
        ("-----BEGIN CERTIFICATE-----\nrubbish\n-----END CERTIFICATE-----\n", "no certificate in PEM"),
    ],
)
def test_a_certificate_that_is_none_begins_nothing(certificate: object, problem: str) -> None:
    case = Case(web_limits=False)
    with pytest.raises(InvalidOptionError, match=problem):
        tls_of(case, trusted_ssl_certificate=certificate)
    assert case.options == []


def test_what_a_coroutine_function_raises_comes_out_of_the_next_poll() -> None:
    network = MemoryNetwork()
    network.listen("ws://game.example/").close()
    client = WebSocketClient(web_limits=False, connector=network.connect)

    async def think() -> None:
        raise KeyError("the program's own mistake")

    async def main() -> None:
        client.connection_error.connect(think)
        client.connect_to_url("ws://game.example/")
        client.poll()
        await asyncio.sleep(0)
        await asyncio.sleep(0)

    asyncio.run(main())
    with pytest.raises(KeyError):
        client.poll()
    client.poll()
