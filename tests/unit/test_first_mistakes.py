"""What somebody new gets wrong first, and what the message says to do."""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Iterator

import pytest

from pyws_browser import (
    ConnectionStatus,
    HandshakeError,
    ListenError,
    MemoryNetwork,
    NotConnectedError,
    ReconnectState,
    State,
    TransferMode,
    VariantDecodeError,
    WebSocketPeer,
    WebSocketServer,
    WriteMode,
)
from pyws_browser.aio import connect, serve
from pyws_browser.peer import unpolled

from ..support import pump


@pytest.fixture
def closed_port() -> Iterator[int]:
    """A port at which nothing listens, kept from others."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        yield sock.getsockname()[1]


def ended(url: str) -> WebSocketPeer:
    """A peer whose attempt to connect is over."""
    peer = WebSocketPeer()
    peer.proxy = None
    peer.connect_to_url(url)
    pump(peer, until=lambda: peer.ready_state is State.CLOSED)
    return peer


CALLS = {
    "send": lambda peer: peer.send("hello"),
    "send_text": lambda peer: peer.send_text("hello"),
    "put_packet": lambda peer: peer.put_packet(b"hello"),
    "put_var": lambda peer: peer.put_var(1),
    "ping": lambda peer: peer.ping(),
    "batch": lambda peer: peer.batch().__enter__(),
    "get_connected_host": lambda peer: peer.get_connected_host(),
    "set_no_delay": lambda peer: peer.set_no_delay(True),
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_who_calls_a_peer_whose_server_is_down_reads_why(closed_port: int, call: object) -> None:
    peer = ended(f"ws://127.0.0.1:{closed_port}/")

    with pytest.raises(NotConnectedError, match=f"{closed_port}.*connect_to_url") as caught:
        call(peer)  # type: ignore[operator]

    assert caught.value.__cause__ is peer.close_cause
    assert caught.value.__cause__ is not None


def test_who_sends_after_a_close_reads_its_code_and_reason() -> None:
    network = MemoryNetwork()
    listener = network.listen("ws://test/")
    client = network.peer(web_limits=False)
    client.connect_to_url("ws://test/")
    server = listener.accept()
    assert server is not None
    pump(client, server, until=client.is_connected_to_host)
    server.close(4000, "the room is full")
    pump(client, server, until=lambda: client.ready_state is State.CLOSED)

    with pytest.raises(NotConnectedError, match=r"CLOSED with 4000 \(the room is full\)"):
        client.send("hello")


def answering(answer: bytes) -> Iterator[int]:
    """Serve one connection with these bytes, and yield the port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def run() -> None:
            with listener.accept()[0] as sock:
                sock.recv(65536)
                sock.sendall(answer)

        thread = threading.Thread(target=run)
        thread.start()
        yield listener.getsockname()[1]
        thread.join()


ANSWERS = {
    "a web server": (
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi",
        "HTTP 200 OK: a web server answered.*path right",
    ),
    "no such path": (b"HTTP/1.0 404 File not found\r\n\r\nno", "404 File not found: a web server answered.*path right"),
    "a redirect": (
        b"HTTP/1.1 302 Found\r\nLocation: https://me:secret@b.example/ws\r\nContent-Length: 0\r\n\r\n",
        r"302 Found: it sends to https://me:\*\*\*\*@b.example/ws, so connect there",
    ),
    "a proxy without upgrades": (b"HTTP/1.1 426 Upgrade Required\r\nContent-Length: 0\r\n\r\n", "took out the upgrade"),
    "nginx's TLS port": (
        b"HTTP/1.1 400 Bad Request\r\nContent-Length: 54\r\n\r\n<p>The plain HTTP request was sent to HTTPS port</p>..",
        "speaks TLS: is wss: meant",
    ),
    "a TLS alert": (b"\x15\x03\x01\x00\x02\x02\x46", "speaks TLS at this port: is wss: meant"),
    "nothing": (b"", "is ws: right, or wss: meant"),
}


@pytest.mark.parametrize(("answer", "message"), ANSWERS.values(), ids=ANSWERS)
def test_an_answer_that_is_no_websocket_says_what_to_look_at(answer: bytes, message: str) -> None:
    for port in answering(answer):
        peer = ended(f"ws://127.0.0.1:{port}/")

    assert isinstance(peer.close_cause, HandshakeError)
    with pytest.raises(HandshakeError, match=message):
        raise peer.close_cause


@pytest.mark.parametrize(
    ("name", "meant"),
    [("extra_headers", "additional_headers"), ("protocols", "subprotocols"), ("timeout", "open_timeout")],
)
def test_an_argument_of_another_library_is_told_apart_from_ours(name: str, meant: str) -> None:
    with pytest.raises(TypeError, match=rf"connect\(\) got .*'{name}': did you mean '{meant}'\?"):
        connect("ws://127.0.0.1/", **{name: "x"})


def test_an_argument_that_nobody_knows_is_named_with_the_function() -> None:
    async def handler(connection: object) -> None: ...

    with pytest.raises(TypeError, match=r"^connect\(\) got an unexpected keyword argument 'colour'$"):
        connect("ws://127.0.0.1/", colour="red")
    with pytest.raises(
        TypeError, match=r"^serve\(\) got an unexpected keyword argument 'origin': did you mean 'origins'"
    ):
        serve(handler, "127.0.0.1", 0, origin="x")


def test_a_variant_that_is_a_text_says_how_to_fetch_it() -> None:
    network = MemoryNetwork()
    listener = network.listen("ws://test/")
    client = network.peer(web_limits=False)
    client.connect_to_url("ws://test/")
    server = listener.accept()
    assert server is not None
    pump(client, server, until=client.is_connected_to_host)
    client.send("hi")
    pump(client, server, until=server.get_available_packet_count)

    with pytest.raises(VariantDecodeError, match=r"a text of 2 bytes .*receive\(\) fetches texts"):
        server.get_var()


def test_a_port_that_is_taken_says_what_to_do() -> None:
    first, second = WebSocketServer(), WebSocketServer()
    first.bind_ip = second.bind_ip = "127.0.0.1"
    first.listen(0)
    try:
        with pytest.raises(ListenError, match=f"port {first.port} .*end it, take another port, or 0"):
            second.listen(first.port)
    finally:
        first.stop()


def test_an_address_of_another_machine_says_what_to_do() -> None:
    server = WebSocketServer()
    server.bind_ip = "192.0.2.1"
    with pytest.raises(ListenError, match=r'no such address; bind_ip "127\.0\.0\.1"'):
        server.listen(0)


@pytest.mark.parametrize("kind", [State, ReconnectState, ConnectionStatus, TransferMode, WriteMode])
def test_a_state_prints_as_its_name_and_is_godots_number(kind: type[State]) -> None:
    for member in kind:
        assert f"{member} {member!s} {member:>12}".split() == [member.name] * 3
        assert f"{member:d}" == str(int(member))
        assert repr(member) == f"<{kind.__name__}.{member.name}: {int(member)}>"


ASKS = {
    "its state": lambda peer: peer.ready_state,
    "whether it is connected": lambda peer: peer.is_connected_to_host(),
    "a message": lambda peer: peer.receive(),
    "messages": lambda peer: list(peer),
}


class TestUnpolled:
    @pytest.fixture
    def impatient(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(unpolled, "TIME", 0.0)

    @pytest.mark.usefixtures("impatient")
    @pytest.mark.parametrize("ask", ASKS.values(), ids=ASKS)
    @pytest.mark.parametrize("kind", ["native", "memory"])
    def test_a_peer_that_is_asked_and_never_polled_warns_once(
        self, closed_port: int, caplog: pytest.LogCaptureFixture, ask: object, kind: str
    ) -> None:
        network = MemoryNetwork()
        network.listen("ws://test/")
        peer = WebSocketPeer(connector=network.connect if kind == "memory" else None)
        peer.connect_to_url("ws://test/" if kind == "memory" else f"ws://127.0.0.1:{closed_port}/")

        with caplog.at_level(logging.WARNING):
            for _ in range(4):
                ask(peer)  # type: ignore[operator]

        (record,) = caplog.records
        assert record.getMessage().startswith("<WebSocketPeer ws://")
        assert "call its poll()" in record.getMessage()
        peer.abort()

    @pytest.mark.usefixtures("impatient")
    def test_a_peer_that_is_polled_warns_never(self, closed_port: int, caplog: pytest.LogCaptureFixture) -> None:
        with caplog.at_level(logging.WARNING):
            peer = WebSocketPeer()
            peer.connect_to_url(f"ws://127.0.0.1:{closed_port}/")
            while peer.ready_state is not State.CLOSED:
                peer.poll()
                assert list(peer) == []

        assert caplog.records == []
