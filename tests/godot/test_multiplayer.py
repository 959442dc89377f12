"""Multiplayer sessions: the bytes that pass, a client against a server made of bytes, and both over real sockets."""

from __future__ import annotations

import os
import socket
import struct
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from pyws_browser import (
    ConnectError,
    ConnectionStatus,
    Error,
    InboundOverflowError,
    InvalidOptionError,
    MemoryNetwork,
    MultiplayerProtocolError,
    NoPacketError,
    NoSuchPeerError,
    NotConnectedError,
    OutboundBufferFullError,
    Signal,
    State,
    WebSocketClient,
    WebSocketMultiplayerPeer,
    WebSocketPeer,
    WebSocketServer,
)
from pyws_browser.godot.dialects import Envelope, Godot3, Godot4, Kind, dialect_of, reaches
from pyws_browser.variant import Vector2, Vector2i

from ..support import pump

URL = "ws://game.example/"
OWN = 0x3390AC73


def log_of(owner: WebSocketMultiplayerPeer) -> list[tuple[Any, ...]]:
    log: list[tuple[Any, ...]] = []
    for name, signal in vars(owner).items():
        if isinstance(signal, Signal):
            signal.connect(lambda *arguments, name=name: log.append((name, *arguments)))
    return log


def envelope(kind: int, source: int, target: int, data: bytes = b"") -> bytes:
    return struct.pack("<Bii", kind, source, target) + data


def id_(number: int) -> bytes:
    return struct.pack("<i", number)


# The bytes.


def test_the_bytes_that_a_godot_3_server_sends() -> None:
    godot3 = Godot3()
    assert godot3.notice(Kind.ID, OWN).hex(" ") == "03 01 00 00 00 00 00 00 00 73 ac 90 33"
    assert godot3.notice(Kind.ADD, 1).hex(" ") == "01 01 00 00 00 00 00 00 00 01 00 00 00"
    assert godot3.notice(Kind.REMOVE, 2).hex(" ") == "02 01 00 00 00 00 00 00 00 02 00 00 00"
    assert godot3.pack(1, -2, b"data").hex(" ") == "00 01 00 00 00 fe ff ff ff 64 61 74 61"
    assert godot3.pack(OWN, 0, b"").hex(" ") == "00 73 ac 90 33 00 00 00 00"


def test_the_bytes_that_a_godot_4_server_sends() -> None:
    godot4 = Godot4()
    assert godot4.notice(Kind.ID, OWN) == bytes.fromhex("73ac9033")
    assert godot4.notice(Kind.ADD, 1) is None
    assert godot4.notice(Kind.REMOVE, 1) is None
    assert godot4.pack(1, -2, b"data") == b"data"


@pytest.mark.parametrize(
    ("message", "problem"),
    [
        (b"", "9 bytes or more, and 0 came"),
        (b"\0" * 8, "9 bytes or more, and 8 came"),
        (envelope(0, 6, 0), "in the name of 6"),
        (envelope(0, 1, 0), "in the name of 1"),
        *((envelope(kind, 5, 0, id_(7)), f"type {kind}") for kind in (1, 2, 3, 9, 255)),
    ],
)
def test_what_a_client_may_not_send(message: bytes, problem: str) -> None:
    with pytest.raises(MultiplayerProtocolError, match=problem) as caught:
        Godot3().from_client(5, message)
    assert caught.value.error is Error.ERR_INVALID_DATA


def test_what_a_client_may_send() -> None:
    assert Godot3().from_client(5, envelope(0, 5, -7, b"x")) == Envelope(Kind.DATA, 5, -7, b"x")
    assert Godot3().from_client(5, envelope(0, 5, 0)) == Envelope(Kind.DATA, 5, 0, b"")
    assert Godot4().from_client(5, b"x") == Envelope(Kind.DATA, 5, 1, b"x")


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"\0" * 8,
        envelope(1, 1, 0, b"\1\0\0"),
        envelope(4, 1, 0, id_(2)),
        envelope(3, 1, 0, id_(1)),
        envelope(3, 1, 0, id_(0)),
        envelope(1, 1, 0, id_(-5)),
        envelope(2, 1, 0, id_(0)),
    ],
)
def test_what_a_godot_3_server_may_not_send(message: bytes) -> None:
    with pytest.raises(MultiplayerProtocolError):
        Godot3().from_server(message, 0)


def test_what_a_godot_3_server_may_send() -> None:
    read = Godot3().from_server
    assert read(envelope(3, 1, 0, id_(OWN)), 0) == (Envelope(Kind.ID, peer=OWN),)
    assert read(envelope(1, 1, 0, id_(1)), OWN) == (Envelope(Kind.ADD, peer=1),)
    assert read(envelope(2, 1, 0, id_(7) + b"more"), OWN) == (Envelope(Kind.REMOVE, peer=7),)
    assert read(envelope(0, 7, OWN, b"x"), OWN) == (Envelope(Kind.DATA, 7, OWN, b"x"),)


def test_what_a_godot_4_server_sends() -> None:
    read = Godot4().from_server
    assert read(id_(2), 0) == (Envelope(Kind.ID, peer=2), Envelope(Kind.ADD, peer=1))
    assert read(id_(2), 2) == (Envelope(Kind.DATA, 1, 0, id_(2)),)
    for message in (b"", b"\2\0\0", id_(1), id_(0), id_(-2), b"hello"):
        with pytest.raises(MultiplayerProtocolError):
            read(message, 0)


@pytest.mark.parametrize(
    ("target", "reached"), [(0, {1, 2, 3}), (1, {1}), (2, {2}), (-1, {2, 3}), (-2, {1, 3}), (9, set()), (-9, {1, 2, 3})]
)
def test_whom_a_target_reaches(target: int, reached: set[int]) -> None:
    assert {peer for peer in (1, 2, 3) if reaches(target, peer)} == reached


@pytest.mark.parametrize("version", [0, 2, 5, "3", None])
def test_there_are_two_dialects(version: Any) -> None:
    assert [type(dialect_of(known)) for known in (3, 4)] == [Godot3, Godot4]
    with pytest.raises(InvalidOptionError, match="3 or 4"):
        dialect_of(version)


# A client, and a server that is bytes.


class Case:
    """A client in a session; `server` is the other end of its connection."""

    def __init__(self, *, web_limits: bool, dialect: int = 3, **settings: int) -> None:
        network = MemoryNetwork()
        listener = network.listen(URL)
        self.client = WebSocketClient(web_limits=web_limits, connector=network.connect)
        for name, value in settings.items():
            setattr(self.client, name, value)
        self.log = log_of(self.client)
        self.client.connect_to_url(URL, gd_mp_api=True, dialect=dialect)
        accepted = listener.accept()
        assert accepted is not None
        self.server: WebSocketPeer = accepted

    def taken(self, *messages: str | bytes) -> list[tuple[Any, ...]]:
        """Let the server send, and return what was said about it."""
        for message in messages:
            self.server.send(message)
        self.client.poll()
        taken = self.log[:]
        self.log.clear()
        return taken

    def sent(self) -> list[str | bytes]:
        """Return what the client has sent."""
        self.server.poll()
        return list(self.server)

    def join(self) -> None:
        assert self.taken(envelope(3, 1, 0, id_(OWN)), envelope(1, 1, 0, id_(1)))[-1] == ("connection_succeeded",)


@pytest.fixture(params=[False, True], ids=["plain", "web_limits"])
def case(request: pytest.FixtureRequest) -> Case:
    return Case(web_limits=request.param)


def test_a_client_joins(case: Case) -> None:
    assert case.taken() == []
    assert case.client.get_connection_status() is ConnectionStatus.CONNECTED
    assert case.client.get_unique_id() == 0
    assert case.taken(envelope(3, 1, 0, id_(OWN))) == []
    assert case.client.get_unique_id() == OWN
    assert case.taken(envelope(1, 1, 0, id_(1)), envelope(1, 1, 0, id_(7))) == [
        ("peer_connected", 1),
        ("connection_succeeded",),
        ("peer_connected", 7),
    ]
    assert case.taken(envelope(1, 1, 0, id_(1)), envelope(2, 1, 0, id_(7))) == [
        ("peer_connected", 1),
        ("peer_disconnected", 7),
    ]


def test_packets_come_with_their_senders(case: Case) -> None:
    case.join()
    packets = (envelope(0, 7, OWN, b"one"), envelope(0, 1, 0), envelope(0, 8, 0, b"text").decode())
    assert case.taken(*packets) == [("peer_packet", 7), ("peer_packet", 1), ("peer_packet", 8)]
    client = case.client
    received = []
    while client.get_available_packet_count():
        received.append((client.get_packet_peer(), client.get_packet()))
    assert received == [(7, b"one"), (1, b""), (8, b"text")]
    assert client.get_packet_error() is Error.OK
    for call in (client.get_packet, client.get_packet_peer, client.get_var):
        with pytest.raises(NoPacketError):
            call()
    assert client.get_packet_error() is Error.ERR_UNAVAILABLE


def test_packets_go_with_their_targets(case: Case) -> None:
    case.join()
    client = case.client
    client.put_packet(b"to all")
    for target in (1, 7, -7, -1):
        client.set_target_peer(target)
        client.put_packet(b"x")
    client.put_packet(b"")
    client.put_var(5)
    assert case.sent() == [
        envelope(0, OWN, 0, b"to all"),
        *(envelope(0, OWN, target, b"x") for target in (1, 7, -7, -1)),
        envelope(0, OWN, -1),
        envelope(0, OWN, -1, bytes.fromhex("0200000005000000")),
    ]


def test_nothing_is_sent_before_there_is_an_id_nor_to_oneself(case: Case) -> None:
    case.client.poll()
    with pytest.raises(NotConnectedError, match="connection_succeeded"):
        case.client.put_packet(b"x")
    case.join()
    case.client.set_target_peer(OWN)
    with pytest.raises(NoSuchPeerError, match="own id"):
        case.client.put_packet(b"x")
    assert case.sent() == []


def test_bad_envelopes_are_dropped_and_told(case: Case) -> None:
    case.join()
    told = case.taken(b"short", envelope(9, 1, 0, id_(1)), envelope(0, 1, 0, b"good"))
    assert [(entry[0], entry[1]) for entry in told] == [("peer_error", 1), ("peer_error", 1), ("peer_packet", 1)]
    assert all(isinstance(entry[2], MultiplayerProtocolError) for entry in told[:2])
    assert case.client.get_packet() == b"good"
    assert case.client.get_connection_status() is ConnectionStatus.CONNECTED


def test_an_error_that_nobody_listens_to_is_a_warning(case: Case) -> None:
    vars(case.client)["peer_error"] = Signal()  # the log of the test is connected to the other one
    case.server.send(b"short")
    with pytest.warns(RuntimeWarning, match="MultiplayerProtocolError about a multiplayer peer: connect"):
        case.client.poll()


def test_no_session_comes_about(case: Case) -> None:
    case.server.close(4000, "full")
    assert case.taken() == [("server_close_request", 4000, "full"), ("connection_failed",)]
    assert case.taken() == []


def test_no_connection_comes_about(case: Case) -> None:
    case.client.disconnect_from_host()
    case.server.abort()
    assert case.taken() == []
    case.client.connect_to_url("ws://nobody.example/", gd_mp_api=True)
    assert case.taken() == [("connection_failed",)]
    assert isinstance(case.client.get_peer(1).close_cause, ConnectError)


@pytest.mark.parametrize("end", ["the server closes", "the connection is lost", "the client closes"])
def test_a_session_ends(case: Case, end: str) -> None:
    case.join()
    case.server.send(envelope(0, 1, 0, b"last words"))
    case.client.poll()
    if end == "the server closes":
        case.server.close(1000, "over")
    elif end == "the connection is lost":
        case.server.abort()
    else:
        case.client.disconnect_from_host()
        case.server.poll()
    asked = [("server_close_request", 1000, "over")] if end == "the server closes" else []
    assert case.taken() == [("peer_packet", 1), *asked, ("server_disconnected",)]
    assert case.client.get_packet() == b"last words"
    assert case.client.get_unique_id() == OWN
    with pytest.raises(NotConnectedError):
        case.client.put_packet(b"x")


def test_what_is_not_fetched_holds_the_rest_back() -> None:
    case = Case(web_limits=False, max_queued_packets=3)
    case.join()
    for number in range(5):
        case.server.send(envelope(0, 1, 0, bytes((number,))))
    case.server.close()
    assert case.taken() == [("peer_packet", 1)] * 3
    assert case.client.get_available_packet_count() == 3
    assert case.taken() == []
    assert [case.client.get_packet()[0] for _ in range(3)] == [0, 1, 2]
    assert case.taken() == [("peer_packet", 1)] * 2 + [("server_close_request", 1000, ""), ("server_disconnected",)]
    assert [case.client.get_packet()[0] for _ in range(2)] == [3, 4]


def test_bytes_are_bounded_too() -> None:
    case = Case(web_limits=False, inbound_buffer_size=100)
    case.join()
    for _ in range(3):
        case.server.send(envelope(0, 1, 0, b"x" * 60))
    case.taken()
    assert case.client.get_available_packet_count() == 2


@pytest.mark.parametrize("web_limits", [False, True])
def test_a_client_of_godot_4(web_limits: bool) -> None:
    case = Case(web_limits=web_limits, dialect=4)
    assert case.taken(id_(OWN)) == [("peer_connected", 1), ("connection_succeeded",)]
    assert case.client.get_unique_id() == OWN
    assert case.taken(b"raw") == [("peer_packet", 1)]
    assert (case.client.get_packet_peer(), case.client.get_packet()) == (1, b"raw")
    for target in (0, 1, -7):
        case.client.set_target_peer(target)
        case.client.put_packet(b"x")
    assert case.sent() == [b"x"] * 3
    for target in (7, -1):
        case.client.set_target_peer(target)
        with pytest.raises(NoSuchPeerError, match="Godot 4"):
            case.client.put_packet(b"x")
    case.client.set_target_peer(1)
    case.client.put_var(Vector2i(1, 2))
    assert case.sent()[0][:1] == b"\x06"
    case.server.close(4000)
    assert case.taken() == [("server_close_request", 4000, ""), ("server_disconnected",)]


def test_a_godot_4_server_that_does_not_begin_with_the_id() -> None:
    case = Case(web_limits=True, dialect=4)
    told = case.taken(b"hello", id_(7))
    assert [entry[:2] for entry in told] == [("peer_error", 1)]
    case.server.poll()
    assert (case.server.close_code, case.server.close_reason) == (1000, "the first message was no id")
    assert case.taken() == [("connection_failed",)]


# A server and its clients, over sockets.


class Session:
    """A server, and clients that have joined it."""

    def __init__(self, dialect: int) -> None:
        self.dialect = dialect
        self.server = WebSocketServer()
        self.server.strict = True
        self.server.bind_ip = "127.0.0.1"
        self.clients: list[WebSocketClient] = []
        self.raw_clients: list[WebSocketPeer] = []
        self.logs: dict[WebSocketMultiplayerPeer, list[tuple[Any, ...]]] = {self.server: log_of(self.server)}

    def listen(self, **settings: int) -> None:
        for name, value in settings.items():
            setattr(self.server, name, value)
        self.server.listen(0, gd_mp_api=True, dialect=self.dialect)

    def url(self) -> str:
        return f"ws://127.0.0.1:{self.server.port}/"

    def join(self) -> WebSocketClient:
        client = WebSocketClient(web_limits=False)
        self.clients.append(client)
        self.logs[client] = log_of(client)
        client.connect_to_url(self.url(), gd_mp_api=True, dialect=self.dialect)
        joined = ("peer_connected", 1)
        self.until(lambda: joined in self.logs[client])
        if self.dialect == 3:
            arrived = ("peer_connected", client.get_unique_id())
            self.until(lambda: all(arrived in self.logs[other] for other in self.clients if other is not client))
        return client

    def raw(self) -> WebSocketPeer:
        """Join as a client that is bytes; it has been told its id."""
        peer = WebSocketPeer(web_limits=False)
        self.raw_clients.append(peer)
        peer.connect_to_url(self.url())
        pump(peer, self.server, until=lambda: peer.get_available_packet_count() >= 2)
        return peer

    def until(self, condition: Callable[[], object]) -> None:
        pump(self.server, *self.clients, until=condition)

    def told(self, owner: WebSocketMultiplayerPeer, signal: str) -> list[tuple[Any, ...]]:
        return [entry[1:] for entry in self.logs[owner] if entry[0] == signal]


@pytest.fixture
def session() -> Iterator[Session]:
    yield from sessions(3)


@pytest.fixture
def session4() -> Iterator[Session]:
    yield from sessions(4)


def sessions(dialect: int) -> Iterator[Session]:
    session = Session(dialect)
    yield session
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # what slow clients did not take is lost
        session.server.stop()
    for peer in (*session.raw_clients, *(client.get_peer(1) for client in session.clients)):
        peer.abort()


def fetched(owner: WebSocketMultiplayerPeer) -> list[tuple[int, bytes]]:
    packets = []
    while owner.get_available_packet_count():
        packets.append((owner.get_packet_peer(), owner.get_packet()))
    return packets


def test_a_server_tells_its_clients_of_each_other(session: Session) -> None:
    session.listen()
    assert session.server.get_unique_id() == 1
    clients = [session.join() for _ in range(3)]
    ids = [client.get_unique_id() for client in clients]
    assert session.logs[session.server] == [("peer_connected", peer) for peer in ids]
    assert session.logs[clients[2]] == [
        ("peer_connected", 1),
        ("connection_succeeded",),
        *(("peer_connected", peer) for peer in sorted(ids[:2])),
    ]
    clients[0].disconnect_from_host(4000, "bye")
    session.until(lambda: all(session.told(client, "peer_disconnected") for client in clients[1:]))
    assert session.told(clients[1], "peer_disconnected") == [(ids[0],)]
    assert session.logs[session.server][-2:] == [
        ("client_close_request", ids[0], 4000, "bye"),
        ("peer_disconnected", ids[0]),
    ]
    assert session.server.peer_ids == tuple(ids[1:])


def test_packets_reach_their_targets_and_nobody_else(session: Session) -> None:
    session.listen()
    peers: list[WebSocketMultiplayerPeer] = [session.server, *(session.join() for _ in range(3))]
    ids = [peer.get_unique_id() for peer in peers]
    expected: dict[int, list[tuple[int, bytes]]] = {peer: [] for peer in ids}
    for sender, sender_id in zip(peers, ids, strict=True):
        for target in (0, *ids, *(-peer for peer in ids), -5):
            if target == sender_id or (sender_id == 1 and target == 1):
                continue
            data = struct.pack("<ii", sender_id, target)
            sender.set_target_peer(target)
            sender.put_packet(data)
            for peer in ids:
                if peer != sender_id and reaches(target, peer):
                    expected[peer].append((sender_id, data))
    total = {peer.get_unique_id(): peer for peer in peers}
    session.until(lambda: all(total[peer].get_available_packet_count() >= len(expected[peer]) for peer in ids))
    for peer in ids:
        assert sorted(fetched(total[peer])) == sorted(expected[peer])
    for peer in peers[1:]:
        assert session.told(peer, "peer_error") == []
    assert session.told(session.server, "peer_error") == []


def test_what_a_server_cannot_send(session: Session) -> None:
    session.listen()
    client = session.join()
    for target in (1, 5):
        session.server.set_target_peer(target)
        with pytest.raises(NoSuchPeerError):
            session.server.put_packet(b"x")
    session.server.disconnect_peer(client.get_unique_id())
    session.server.set_target_peer(client.get_unique_id())
    with pytest.raises(NoSuchPeerError, match="may have just left"):
        session.server.put_packet(b"x")
    session.server.set_target_peer(0)
    session.server.put_packet(b"nobody is there")


def test_hostile_envelopes_are_dropped_and_told(session: Session) -> None:
    session.listen()
    client = session.join()
    raw = session.raw()
    own = struct.unpack("<i", raw.get_packet()[9:])[0]
    raw.poll()
    hostile = [
        b"",
        b"short",
        envelope(1, own, 0, id_(5)),
        envelope(3, own, 0, id_(5)),
        envelope(0, 1, client.get_unique_id(), b"I am the server"),
        envelope(0, client.get_unique_id(), 0, b"I am you"),
        envelope(0, own, 99, b"nobody"),
        envelope(0, own, own, b"myself"),
    ]
    for message in hostile:
        raw.send(message)
    raw.send(
        envelope(0, own, client.get_unique_id(), b"good").decode("latin-1")
        if own < 128
        else envelope(0, own, client.get_unique_id(), b"good")
    )
    session.until(client.get_available_packet_count)
    assert fetched(client) == [(own, b"good")]
    told = session.told(session.server, "peer_error")
    assert [peer for peer, _ in told] == [own] * len(hostile)
    assert [type(error) for _, error in told] == [MultiplayerProtocolError] * 6 + [NoSuchPeerError] * 2
    assert session.server.get_available_packet_count() == 0


def test_who_comes_and_goes_at_once_disturbs_nobody(session: Session) -> None:
    session.listen()
    client = session.join()
    request = (
        f"GET / HTTP/1.1\r\nHost: 127.0.0.1:{session.server.port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    ).encode()
    for last in (b"\x88\x80\0\0\0\0", b"\x81\x01x", b""):  # a Close frame, one without a mask, and nothing
        with socket.create_connection(("127.0.0.1", session.server.port)) as raw:
            raw.sendall(request + last)
            raw.shutdown(socket.SHUT_WR)
            known = len(session.told(client, "peer_disconnected"))
            session.until(lambda known=known: len(session.told(client, "peer_disconnected")) > known)
    assert session.told(client, "peer_connected")[1:] == session.told(client, "peer_disconnected")
    assert session.told(session.server, "peer_connected")[1:] == session.told(session.server, "peer_disconnected")
    assert session.server.peer_ids == (client.get_unique_id(),)


def test_a_flood_is_bounded_and_leaves_room_for_others(session: Session) -> None:
    session.listen(max_queued_packets=64)
    flooding, quiet = session.join(), session.join()
    flooding.set_target_peer(1)
    quiet.set_target_peer(1)
    for number in range(500):
        flooding.put_packet(struct.pack("<i", number))
    session.until(lambda: session.server.get_available_packet_count() >= 32)
    quiet.put_packet(b"quiet")
    session.until(lambda: session.server.get_available_packet_count() == 64)
    session.server.poll()
    assert session.server.get_available_packet_count() == 64
    assert not session.server.wait(0.01), "nothing to do until something is fetched"
    received = fetched(session.server)
    assert session.server.wait(0), "there is room again"
    while len(received) < 501:
        session.server.poll()
        received += fetched(session.server)
    assert [data for source, data in received if source == quiet.get_unique_id()] == [b"quiet"]
    numbers = [struct.unpack("<i", data)[0] for source, data in received if source == flooding.get_unique_id()]
    assert numbers == list(range(500))


def test_what_only_passes_through_is_not_held_back(session: Session) -> None:
    session.listen(max_queued_packets=2)
    one, other = session.join(), session.join()
    one.set_target_peer(other.get_unique_id())
    for _ in range(50):
        one.put_packet(b"x")
    session.until(lambda: other.get_available_packet_count() == 50)
    assert session.server.get_available_packet_count() == 0


def test_what_cannot_be_kept_of_a_client_that_is_gone_is_told(session: Session) -> None:
    session.listen(max_queued_packets=2)
    staying, leaving = session.join(), session.join()
    for client in (staying, leaving):
        client.set_target_peer(1)
        client.put_packet(b"x")
        client.put_packet(b"y")
        if client is staying:
            session.until(lambda: session.server.get_available_packet_count() == 2)
    leaving.disconnect_from_host()
    session.server.max_queued_packets = 3
    leaving_id = leaving.get_unique_id()
    session.until(lambda: session.told(session.server, "peer_disconnected"))
    ((peer, error),) = session.told(session.server, "peer_error")
    assert (peer, type(error)) == (leaving_id, InboundOverflowError)
    assert "1 of its packets are lost" in str(error)
    assert [source for source, _ in fetched(session.server)] == [staying.get_unique_id()] * 2 + [leaving_id]


def test_a_client_that_is_too_slow_is_disconnected(session: Session) -> None:
    session.listen(outbound_buffer_size=1_000_000, close_timeout=1)
    fast, slow = session.join(), session.raw()
    slow_id = struct.unpack("<i", slow.get_packet()[9:])[0]
    session.until(lambda: ("peer_connected", slow_id) in session.logs[fast])
    fast.set_target_peer(slow_id)
    while not session.told(session.server, "peer_error"):
        if fast.get_peer(1).get_current_outbound_buffered_amount() < 1_000_000:
            fast.put_packet(os.urandom(100_000))
        fast.poll()
        session.server.poll()
    peer, error = session.told(session.server, "peer_error")[0]
    assert (peer, type(error)) == (slow_id, OutboundBufferFullError)
    assert session.server.get_peer(slow_id).ready_state is State.CLOSING
    pump(slow, session.server, fast, until=lambda: session.told(fast, "peer_disconnected"))


def slow_one(session: Session) -> tuple[WebSocketPeer, int]:
    """Let somebody in who fetches its id and then nothing."""
    slow = session.raw()
    slow_id = struct.unpack("<i", slow.get_packet()[9:])[0]
    session.until(lambda: ("peer_connected", slow_id) in session.logs[session.server])
    return slow, slow_id


def flood(session: Session, client: WebSocketClient, count: int) -> int:
    """Send to all from the server, and see that a client gets each packet; return the most that waited for one."""
    most = 0
    session.server.set_target_peer(0)
    for number in range(count):
        packet = struct.pack("<i", number) + bytes(100_000)
        session.server.put_packet(packet)
        session.until(client.get_available_packet_count)
        assert client.get_packet() == packet
        peers = map(session.server.get_peer, session.server.peer_ids)
        most = max(most, *(peer.get_current_outbound_buffered_amount() for peer in peers))
    return most


def test_the_server_serves_all_others_and_disconnects_who_is_slow(session: Session) -> None:
    session.server.compression = None
    session.listen(outbound_buffer_size=1_000_000)
    client = session.join()
    slow, slow_id = slow_one(session)

    assert flood(session, client, 200) <= 1_000_000

    ((peer, error),) = session.told(session.server, "peer_error")
    assert (peer, type(error)) == (slow_id, OutboundBufferFullError)
    assert f"peer {slow_id} reads too slowly" in str(error)
    received: list[bytes] = []

    def is_gone() -> bool:
        received.extend(slow)  # type: ignore[arg-type]
        return slow.ready_state is State.CLOSED

    pump(slow, session.server, client, until=is_gone)
    assert (slow.close_code, slow.close_reason) == (1013, "too slow: too much waits to be taken in")
    assert received
    assert session.told(client, "peer_disconnected") == [(slow_id,)]


def test_who_is_slow_may_miss_packets_and_is_told_of_peers_all_the_same(session: Session) -> None:
    session.server.compression = None
    session.server.slow_policy = "drop"
    session.listen(outbound_buffer_size=1_000_000)
    client = session.join()
    slow, slow_id = slow_one(session)

    assert flood(session, client, 200) <= 1_000_000

    newcomer = session.join()
    received: list[bytes] = []

    def is_told() -> list[tuple[Any, ...]]:
        received.extend(slow)  # type: ignore[arg-type]
        return session.told(session.server, "client_missed")

    pump(slow, session.server, client, newcomer, until=is_told)
    session.until(lambda: session.server.get_peer(slow_id).get_current_outbound_buffered_amount() == 0)
    pump(slow, session.server, until=lambda: is_told() and received[-1][0] != Kind.DATA)
    missed = sum(count for _, count, _ in session.told(session.server, "client_missed"))
    packets = [message for message in received if message[0] == Kind.DATA]
    assert len(packets) == 200 - missed
    assert received[-1] == envelope(Kind.ADD, 1, 0, id_(newcomer.get_unique_id()))
    assert session.told(session.server, "client_missed")[0][:1] == (slow_id,)
    assert {peer for peer, _ in session.told(session.server, "peer_error")} == {slow_id}


def test_to_a_single_slow_one_the_server_cannot_send(session: Session) -> None:
    session.server.compression = None
    session.listen(outbound_buffer_size=1_000_000)
    client = session.join()
    _slow, slow_id = slow_one(session)
    session.server.set_target_peer(slow_id)
    while session.server.get_peer(slow_id).get_current_outbound_buffered_amount() < 900_000:
        session.server.put_packet(bytes(50_000))
    with pytest.raises(OutboundBufferFullError, match=f"peer {slow_id} was not sent it"):
        session.server.put_packet(bytes(100_000))
    assert session.server.get_peer(slow_id).ready_state is State.OPEN
    session.server.set_target_peer(client.get_unique_id())
    session.server.put_packet(b"but this")
    session.until(client.get_available_packet_count)
    assert client.get_packet() == b"but this"


def test_what_is_larger_than_the_buffer_is_sent_to_nobody(session: Session) -> None:
    session.listen(outbound_buffer_size=1000)
    client = session.join()
    with pytest.raises(OutboundBufferFullError, match="nothing was sent to any peer"):
        session.server.put_packet(bytes(1000))
    session.server.put_packet(b"x")
    session.until(client.get_available_packet_count)
    assert client.get_packet() == b"x"


def test_a_session_has_no_keys_of_which_somebody_could_get_the_latest(session: Session) -> None:
    session.server.slow_policy = "latest"
    with pytest.raises(InvalidOptionError, match="no keys"):
        session.listen()
    session.server.slow_policy = "drop"
    session.listen()
    with pytest.raises(InvalidOptionError, match="no keys"):
        session.server.slow_policy = "latest"
    assert session.server.slow_policy == "drop"


def test_the_limit_of_packets_holds_for_all_of_a_sessions(session: Session) -> None:
    session.server.compression = False
    session.listen(max_outbound_packets=2)
    one, other = session.join(), session.join()
    session.until(lambda: session.server._watch and not session.server._watch._restless)
    peer = session.server.get_peer(other.get_unique_id())
    with peer.batch():
        peer.send(b"raw")
        peer.send(b"raw")
        session.server.put_packet(b"x")
    assert peer.ready_state is State.CLOSING
    session.until(one.get_available_packet_count)
    assert one.get_packet() == b"x"


def test_what_is_too_big_to_be_relayed_is_its_senders_error(session: Session) -> None:
    session.listen(outbound_buffer_size=1000)
    one, other = session.join(), session.join()
    one.put_packet(b"x" * 1000)
    session.until(session.server.get_available_packet_count)
    ((peer, error),) = session.told(session.server, "peer_error")
    assert (peer, type(error)) == (one.get_unique_id(), OutboundBufferFullError)
    assert session.server.get_packet() == b"x" * 1000
    assert other.is_server() is False
    assert other.get_peer(1).is_connected_to_host()


def test_a_session_of_godot_4(session4: Session) -> None:
    session = session4
    session.listen()
    one, other = session.join(), session.join()
    ids = [one.get_unique_id(), other.get_unique_id()]
    assert session.logs[session.server] == [("peer_connected", peer) for peer in ids]
    assert session.logs[one] == [("peer_connected", 1), ("connection_succeeded",)]
    one.put_var({"at": Vector2(1, 2)})
    session.until(session.server.get_available_packet_count)
    assert session.server.get_packet_peer() == ids[0]
    assert session.server.get_var() == {"at": Vector2(1, 2)}
    for target in (0, ids[1], -ids[0]):
        session.server.set_target_peer(target)
        session.server.put_packet(id_(target))
    session.until(lambda: other.get_available_packet_count() == 3)
    assert [data for _, data in fetched(other)] == [id_(target) for target in (0, ids[1], -ids[0])]
    session.until(one.get_available_packet_count)
    assert fetched(one) == [(1, id_(0))]
    one.disconnect_from_host()
    session.until(lambda: session.told(session.server, "peer_disconnected"))
    assert session.told(other, "peer_disconnected") == []


def test_stopping_emits_nothing_and_a_new_session_begins_empty(session: Session) -> None:
    session.listen()
    client = session.join()
    client.put_packet(b"x")
    session.until(session.server.get_available_packet_count)
    known = len(session.logs[session.server])
    session.server.stop()
    pump(client, until=lambda: session.told(client, "server_disconnected"))
    assert len(session.logs[session.server]) == known
    assert session.server.get_packet() == b"x"
    session.listen()
    assert session.server.get_available_packet_count() == 0
