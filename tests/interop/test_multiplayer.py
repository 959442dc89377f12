"""A multiplayer session of two engines and this package: who hears of whom, and who gets what from whom."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Any

import pytest

from pyws_browser import WebSocketClient, WebSocketServer

from ..support import pump
from .conftest import free_port, log_of
from .engine import Engine, Thing

pytestmark = pytest.mark.interop


class Ours:
    """A peer of this package."""

    def __init__(self, owner: WebSocketClient | WebSocketServer) -> None:
        self.owner = owner
        self.log = log_of(owner)
        self.packets: list[tuple[int, Any]] = []

    @property
    def id(self) -> int:
        return self.owner.get_unique_id()

    def poll(self) -> None:
        self.owner.poll()
        while self.owner.get_available_packet_count():
            self.packets.append((self.owner.get_packet_peer(), self.owner.get_var()))

    def send(self, target: int, value: Any) -> None:
        self.owner.set_target_peer(target)
        self.owner.put_var(value)

    def told(self, signal: str) -> list[Any]:
        return [entry[1:] for entry in self.log if entry[0] == signal]


class Theirs:
    """A peer in an engine."""

    def __init__(self, thing: Thing) -> None:
        self.thing = thing
        self.packets: list[tuple[int, Any]] = []

    @property
    def id(self) -> int:
        return int(self.thing.get_unique_id())

    def poll(self) -> None:
        self.thing.engine.poll()
        while len(self.packets) < len(self.told("peer_packet")):
            self.packets.append((self.thing.get_packet_peer(), self.thing.get_var()))

    def send(self, target: int, value: Any) -> None:
        self.thing.set_target_peer(target)
        assert self.thing.put_var(value) == 0

    def told(self, signal: str) -> list[Any]:
        return self.thing.told(signal)


Peer = Ours | Theirs


class Session:
    """A server and four clients, all of which know each other."""

    def __init__(self, server: Peer, url: str, engines: list[Engine]) -> None:
        self.server = server
        self.clients: list[Peer] = []
        self.peers: list[Peer] = [server]
        for engine in engines:
            thing = engine.new("client", "client")
            assert thing.connect_to_url(url, [], True) == 0
            self.join(Theirs(thing))
        for is_page in (False, True):
            client = WebSocketClient(web_limits=is_page)
            client.connect_to_url(url, gd_mp_api=True)
            self.join(Ours(client))

    def join(self, newcomer: Peer) -> None:
        self.peers.append(newcomer)
        known = len(self.peers) - 1
        self.until(lambda: all(len(peer.told("peer_connected")) == known for peer in self.peers))
        self.clients.append(newcomer)

    def until(self, condition: Any) -> None:
        pump(*self.peers, until=condition)

    def clean_up(self) -> None:
        for peer in self.peers:
            if isinstance(peer, Ours):
                peer.owner.__exit__(None, None, None)


@pytest.fixture(params=["we serve", "an engine serves"])
def session(request: pytest.FixtureRequest, engine: Engine, other_engine: Engine) -> Iterator[Session]:
    if request.param == "we serve":
        ours = WebSocketServer()
        ours.strict = True
        ours.listen(0, gd_mp_api=True)
        session = Session(Ours(ours), f"ws://127.0.0.1:{ours.port}/", [engine, other_engine])
    else:
        port = free_port()
        theirs = engine.new("server", "server")
        assert theirs.listen(port, [], True) == 0
        session = Session(Theirs(theirs), f"ws://127.0.0.1:{port}/", [other_engine, engine])
    yield session
    session.clean_up()


def test_everybody_hears_of_everybody_in_godots_order(session: Session) -> None:
    ids = [client.id for client in session.clients]
    assert len(set(ids)) == len(ids)
    assert session.server.told("peer_connected") == [(id_,) for id_ in ids]
    for number, client in enumerate(session.clients):
        before, after = ids[:number], ids[number + 1 :]
        assert client.told("peer_connected") == [(1,), *((id_,) for id_ in sorted(before)), *((id_,) for id_ in after)]
    for client in session.clients:
        if isinstance(client, Ours):
            assert [entry[0] for entry in client.log][:2] == ["peer_connected", "connection_succeeded"]
            assert client.told("connection_succeeded") == [()]


def test_packets_reach_their_targets_and_nobody_else(session: Session) -> None:
    is_ours = isinstance(session.server, Ours)
    expected: dict[int, list[tuple[int, Any]]] = {peer.id: [] for peer in session.peers}
    for sender in session.peers:
        others = [peer.id for peer in session.peers if peer is not sender]
        for target in (0, -1, *others, *(-id_ for id_ in others)):
            if sender is session.server and target == 1:
                continue
            value = [sender.id, target, {"position": (1.5, None)[target == 0]}]
            sender.send(target, value)
            for id_ in others:
                # An engine that serves takes what is for all but the server.
                if target in (0, id_) or (target < 0 and (target != -id_ or (id_ == 1 and not is_ours))):
                    expected[id_].append((sender.id, value))
            session.until(lambda: all(len(peer.packets) >= len(expected[peer.id]) for peer in session.peers))
    session.server.send(0, "the last")
    session.until(lambda: all(client.packets[-1][1] == "the last" for client in session.clients))
    for peer in session.peers:
        last = [] if peer is session.server else [(1, "the last")]
        assert peer.packets == expected[peer.id] + last


def test_raw_packets_pass_unchanged(session: Session) -> None:
    engine_end, our_end = session.clients[0], session.clients[-1]
    assert isinstance(engine_end, Theirs)
    assert isinstance(our_end, Ours)
    owner = our_end.owner
    received: deque[tuple[int, bytes]] = deque()
    owner.peer_packet.connect(lambda source: received.append((source, owner.get_packet())))
    for packet in (b"\0\xff\xfe", b"y" * 65526):
        engine_end.thing.set_target_peer(our_end.id)
        assert engine_end.thing.put_packet(packet) == 0
        pump(session.server, owner, until=lambda: received)
        assert received.popleft() == (engine_end.id, packet)
        known = len(engine_end.told("peer_packet"))
        owner.set_target_peer(engine_end.id)
        owner.put_packet(packet)
        pump(
            session.server,
            owner,
            engine_end.thing.engine,
            until=lambda n=known: len(engine_end.told("peer_packet")) > n,
        )
        assert engine_end.thing.get_packet_peer() == our_end.id
        assert engine_end.thing.get_packet() == packet


def test_everybody_hears_who_leaves(session: Session) -> None:
    ids = {client: client.id for client in session.clients}
    stayed = [session.server, *session.clients[1:3]]
    for leaver in (session.clients[0], session.clients[3]):
        if isinstance(leaver, Ours):
            leaver.owner.disconnect_from_host(1000, "enough")
        else:
            leaver.thing.disconnect_from_host(1000, "enough")
        told = (ids[leaver],)
        session.until(lambda told=told: all(told in peer.told("peer_disconnected") for peer in stayed))
    if isinstance(session.server, Ours):
        assert session.server.told("client_close_request") == [
            (ids[client], 1000, "enough") for client in (session.clients[0], session.clients[3])
        ]
    last = session.clients[3]
    assert isinstance(last, Ours)
    session.until(lambda: last.told("server_disconnected"))


def test_everybody_hears_that_the_server_is_gone(session: Session) -> None:
    if isinstance(session.server, Ours):
        session.server.owner.stop()
    else:
        session.server.thing.stop()
    session.peers.remove(session.server)
    for client in session.clients:
        if isinstance(client, Ours):
            session.until(lambda client=client: client.told("server_disconnected"))
            assert client.told("server_close_request") == [(1000, "")]
            assert client.told("connection_failed") == []
        else:  # Godot 3 has no other signal for it
            session.until(lambda client=client: client.told("connection_failed"))
