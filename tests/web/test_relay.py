"""The relay: what it passes on to whom, and how it treats those who misbehave."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import pytest

from board import DRAW, INK, INK_LINE, MOVE, POINT, clean
from pyws_browser import State, WebSocketPeer
from serve import Site

from ..support import pump

Field = Any


class Client:
    """Somebody who speaks to the relay by hand."""

    def __init__(self, url: str, name: str = "") -> None:
        self.peer = WebSocketPeer()
        self.peer.connect_to_url(url)
        self.messages: list[str | bytes] = []
        self.poll = self.peer.poll
        self.until(lambda: self.peer.is_connected_to_host())
        if name:
            self.tell(type="join", name=name)
            self.welcome = self.hears("welcome")
            self.id: int = self.welcome["id"]

    def until(self, condition: Callable[[], object]) -> None:
        pump(self, until=condition)

    def tell(self, **fields: Field) -> None:
        self.peer.send(json.dumps(fields))

    def next(self) -> str | bytes:
        self.until(self.peer.get_available_packet_count)
        message = self.peer.receive()
        assert message is not None
        return message

    def hears(self, kind: str) -> dict[str, Field]:
        """Return the next message, which is a text of this kind."""
        message = self.next()
        assert isinstance(message, str), message
        fields: dict[str, Field] = json.loads(message)
        assert fields["type"] == kind
        return fields

    def sees(self) -> tuple[int, ...]:
        """Return the next message, which is a move."""
        message = self.next()
        assert isinstance(message, bytes), message
        return POINT.unpack(message)

    def is_sent_away(self) -> tuple[int, str]:
        self.until(lambda: self.peer.ready_state is State.CLOSED)
        return self.peer.close_code, self.peer.close_reason


@pytest.fixture
def connect(site: Site) -> Iterator[Callable[..., Client]]:
    """Give a function that connects a client: connect(name="", path="")."""
    clients: list[Client] = []

    def connect(name: str = "", path: str = "") -> Client:
        clients.append(Client(site.relay_url + path, name))
        return clients[-1]

    yield connect
    for client in clients:
        client.peer.abort()


Connect = Callable[..., Client]


def test_a_newcomer_is_told_who_is_there_and_where_and_what_was_drawn(connect: Connect) -> None:
    ada = connect("Ada")
    ada.peer.send(POINT.pack(MOVE, 0, 10, 20))
    ada.peer.send(POINT.pack(DRAW, 0, 30, 40))
    ada.tell(type="echo", n=1)
    ada.hears("echo")

    bob = connect("Bob")
    assert bob.welcome["people"] == [{"id": ada.id, "name": "Ada", "colour": 0}]
    assert bob.welcome["colour"] == 1
    assert bob.next() == bytes([INK]) + INK_LINE.pack(0, 10, 20, 30, 40)
    assert bob.sees() == (MOVE, ada.id, 30, 40)


def test_what_one_does_all_the_others_see_and_nobody_twice(connect: Connect) -> None:
    ada, bob, cleo = (connect(name) for name in ("Ada", "Bob", "Cleo"))
    assert [ada.hears("join")["name"], ada.hears("join")["name"]] == ["Bob", "Cleo"]
    assert bob.hears("join")["name"] == "Cleo"

    ada.tell(type="chat", text="hello")
    ada.peer.send(POINT.pack(DRAW, 0, 1, 2))
    ada.tell(type="clear")
    for other in (bob, cleo):
        assert other.hears("chat") == {"type": "chat", "id": ada.id, "text": "hello"}
        assert other.sees() == (DRAW, ada.id, 1, 2)
        assert other.hears("clear") == {"type": "clear", "id": ada.id}

    ada.peer.close(3000, "bye")
    ada.until(lambda: ada.peer.ready_state is State.CLOSED)
    for other in (bob, cleo):
        assert other.hears("leave") == {"type": "leave", "id": ada.id}
    assert ada.peer.receive() is None


def test_nobody_can_pass_for_somebody_else(connect: Connect) -> None:
    ada, bob = connect("Ada"), connect("Bob")
    ada.hears("join")
    bob.tell(type="chat", text="I am Ada", id=ada.id)
    bob.peer.send(POINT.pack(MOVE, ada.id, 5, 6))
    assert ada.hears("chat")["id"] == bob.id
    assert ada.sees() == (MOVE, bob.id, 5, 6)


def test_an_echo_comes_back_to_its_sender_alone(connect: Connect) -> None:
    ada, bob = connect("Ada"), connect("Bob")
    ada.hears("join")
    bob.tell(type="echo", n=7)
    assert bob.hears("echo")["n"] == 7
    bob.tell(type="chat", text="next")
    ada.hears("chat")


def test_texts_are_cut_and_hold_no_control_characters(connect: Connect) -> None:
    ada, bob = connect("Ada"), connect("\x1b[31mBob" + "b" * 99)
    name = ada.hears("join")["name"]
    assert name == "[31mBob" + "b" * 17
    bob.tell(type="chat", text="line\nbreak\x07" + "x" * 999)
    text = ada.hears("chat")["text"]
    assert text.startswith("line break x")
    assert len(text) == 500
    assert text == clean(text, 500)


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        ("hello", "not for the board: the text is not JSON"),
        ("[" * 100_000, "not for the board: the text is not JSON"),
        ("9" * 10_000, "not for the board: the text is not JSON"),
        ('["chat"]', "not for the board: the JSON is no object that has a type"),
        ('{"type": 1}', "not for the board: the JSON is no object that has a type"),
        ('{"type": "dance"}', "not for the board: unknown type"),
        ('{"type": "join", "name": "\\n"}', "not for the board: “name” is no text"),
        ('{"type": "chat", "text": 5}', "not for the board: “text” is no text"),
        (b"", "not for the board: these bytes are neither a move nor ink"),
        (b"\x01\x00", "not for the board: these bytes are neither a move nor ink"),
        (bytes([INK]) + bytes(9), "not for the board: these bytes are neither a move nor ink"),
    ],
    ids=range(11),
)
def test_what_is_not_for_the_board_ends_the_connection_with_1008(
    connect: Connect, message: str | bytes, reason: str
) -> None:
    ada, bob = connect("Ada"), connect("Bob")
    ada.hears("join")
    bob.peer.send(message)
    assert bob.is_sent_away() == (1008, reason)
    assert ada.hears("leave")["id"] == bob.id


def test_who_moves_before_joining_is_sent_away(connect: Connect) -> None:
    stranger = connect()
    stranger.peer.send(POINT.pack(MOVE, 0, 1, 1))
    assert stranger.is_sent_away() == (1008, "not for the board: join first")


def test_who_takes_in_nothing_is_sent_away_and_holds_up_nobody(connect: Connect, site: Site) -> None:
    with never_reading(site.relay_url) as slow:
        ada, bob = connect("Ada"), connect("Bob")
        ada.hears("join")
        text = "🎈" * 500
        for _ in range(30):  # 6 MB, more than kernel and relay hold for anybody
            for _ in range(100):
                ada.tell(type="chat", text=text)
            for _ in range(100):
                assert bob.hears("chat")["text"] == text

        reason = "too slow: what was sent has not been taken in"
        close_frame = bytes([0x88, 2 + len(reason)]) + (1013).to_bytes(2, "big") + reason.encode()
        received = b""
        while not received.endswith(close_frame):
            data = slow.recv(1 << 20)
            assert data, "the relay said nothing at the end"
            received = received[-len(close_frame) :] + data
    assert ada.hears("leave")["id"] == bob.hears("leave")["id"]


@contextmanager
def never_reading(url: str) -> Iterator[socket.socket]:
    """Join the board as somebody whose socket holds little and is not read."""
    with socket.socket() as slow:
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        slow.settimeout(30)
        slow.connect(("127.0.0.1", urlsplit(url).port))
        slow.sendall(
            b"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
        )
        assert slow.recv(4096).startswith(b"HTTP/1.1 101 ")
        join = b'{"type":"join","name":"Slow"}'
        slow.sendall(bytes([0x81, 0x80 | len(join)]) + bytes(4) + join)  # masked with zeros
        assert b"welcome" in slow.recv(4096)
        yield slow


def test_under_echo_everything_comes_back(connect: Connect) -> None:
    client = connect(path="echo")
    for message in ("hello", b"\x00\xff", "", b""):
        client.peer.send(message)
        assert client.next() == message


def test_when_it_stops_everybody_is_told(connect: Connect, site: Site) -> None:
    ada = connect("Ada")
    site.stop()
    assert ada.is_sent_away() == (1001, "the relay is stopping")
