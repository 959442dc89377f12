"""Multiplayer envelopes of both dialects, sent to a server with three clients and to a client: nothing raises."""

from __future__ import annotations

from collections import deque
from struct import pack
from typing import Any

import atheris

with atheris.instrument_imports(include=["pyws_browser.godot.dialects", "pyws_browser.godot.hub"]):
    from pyws_browser import MemoryNetwork, State, WebSocketClient, WebSocketPeer, WebSocketServer
    from pyws_browser.godot.dialects import Kind, dialect_of
    from pyws_browser.godot.hub import Hub
    from pyws_browser.godot.multiplayer_peer import WebSocketMultiplayerPeer
    from pyws_browser.peer.broadcasting import Fanout
    from pyws_browser.peer.links import Link

from tests.fuzz.target import run

URL = "ws://game.example/"
IDS = (2, 3, 0x7FFFFFFF)
MOST = 200
"""Messages of one input; what one of them costs is seen with as many."""


def messages_of(data: bytes) -> list[tuple[int, bytes]]:
    """Return what is sent: by whom, and bytes, each behind a byte for the sender and one for the size."""
    messages = []
    while len(data) >= 2 and len(messages) < MOST:
        size = data[1]
        messages.append((data[0], data[2 : 2 + size]))
        data = data[2 + size :]
    return messages


def log_of(owner: WebSocketMultiplayerPeer) -> list[tuple[object, ...]]:
    """Have everything noted that is told of a session."""
    log: list[tuple[object, ...]] = []
    for name in ("peer_connected", "peer_disconnected", "peer_packet", "peer_error"):
        getattr(owner, name).connect(lambda *arguments, name=name: log.append((name, *arguments)))
    return log


def check(is_right: bool, problem: object) -> None:
    if not is_right:
        raise RuntimeError(problem)


def opened(network: MemoryNetwork) -> tuple[WebSocketPeer, WebSocketPeer]:
    """Return both ends of a connection."""
    listener = network.listen(URL)
    near = network.peer()
    near.connect_to_url(URL)
    far = listener.accept()
    assert far is not None
    near.poll()
    return near, far


def serve(version: int, messages: list[tuple[int, bytes]]) -> None:
    """Let three clients send these messages to a server, and one of them leave."""
    server = WebSocketServer()
    server.max_queued_packets = 20
    log = log_of(server)
    events: deque[Any] = deque()
    links: dict[int, Link] = {}
    hub = Hub(server, events, dialect_of(version), links, Fanout(lambda *_: None))
    clients: dict[int, WebSocketPeer] = {}
    for id_ in IDS:
        end, clients[id_] = opened(MemoryNetwork())
        assert end._transport is not None
        links[id_] = Link(id_, end._transport, server)
        links[id_].is_announced = True
        hub.join(links[id_])
    sent = 0

    def take(link: Link) -> None:
        nonlocal sent
        while True:
            is_over = hub.take(link)
            while events:
                events.popleft()[1]()
            while hub.packet_count:
                check(hub.next_source in IDS, hub.next_source)
                check(hub.fetch() is not None, "a packet was counted that is not there")
                sent += 1
            if is_over:
                return

    for who, data in messages:
        link = links[IDS[who % len(IDS)]]
        try:
            link.transport.inbox.append(data.decode() if who & 0x80 else data)
        except UnicodeDecodeError:
            link.transport.inbox.append(data)
        if not who & 0x40:  # else it comes together with the next one
            take(link)
    for link in links.values():
        take(link)
    check(not hub._size, f"{hub._size} bytes are left of no packets")
    told = [kind for kind, *_ in log]
    check(told.count("peer_packet") == sent, f"{sent} packets were fetched, and {told} told")
    check(sent + told.count("peer_error") <= 2 * len(messages), f"{len(messages)} messages became {told}")
    hub.leave(links.pop(IDS[0]))
    for id_ in IDS[1:]:
        clients[id_].poll()
        received = clients[id_].get_available_packet_count()
        # Its id, each of the others and the server twice at most, and of each message no more than one.
        check(received <= len(messages) + 2 * len(IDS) + 2, f"{len(messages)} messages became {received} for one")
        check(clients[id_].ready_state is State.OPEN, "a client was disconnected that took in everything")


def join(version: int, messages: list[tuple[int, bytes]]) -> None:
    """Let a server send these messages to a client."""
    network = MemoryNetwork()
    listener = network.listen(URL)
    client = WebSocketClient(connector=network.connect)
    log = log_of(client)
    client.connect_to_url(URL, gd_mp_api=True, dialect=version)
    server = listener.accept()
    assert server is not None
    for who, data in messages:
        if server.ready_state is State.OPEN:
            server.send(data)
        if not who & 0x40:
            client.poll()
    client.poll()
    told = [kind for kind, *_ in log]
    fetched = 0
    while client.get_available_packet_count():
        check(isinstance(client.get_packet_peer(), int), client.get_packet_peer())
        client.get_packet()
        fetched += 1
    check(told.count("peer_packet") == fetched, f"{fetched} packets were fetched, and {told} told")
    check(len(told) <= len(messages) + 1, f"{len(messages)} messages became {told}")
    server.poll()


def fuzz_one_input(data: bytes) -> None:
    if data:
        version = 3 if data[0] & 1 else 4
        (serve if data[0] & 2 else join)(version, messages_of(data[1:]))


def message(who: int, data: bytes) -> bytes:
    return bytes((who, len(data))) + data


def envelope(kind: int, source: int, target: int, data: bytes = b"") -> bytes:
    return pack("<Bii", kind, source, target) + data


SEEDS = [
    b"\3" + b"".join(message(0, envelope(Kind.DATA, 2, target, b"x")) for target in (0, 1, 3, -1, -3, 2, -2, 9)),
    b"\3" + b"".join(message(0x41, envelope(Kind.DATA, 3, 0, b"text")) for _ in range(50)),
    b"\3" + message(0x80, envelope(Kind.DATA, 2, 0)) + message(1, b"") + message(2, envelope(Kind.ADD, 2, 0, b"1234")),
    b"\2" + message(0, b"packet") + message(1, b"") + message(0x82, "é".encode()),
    b"\1"
    + message(0, envelope(Kind.ID, 1, 0, pack("<i", 5)))
    + message(0, envelope(Kind.ADD, 1, 0, pack("<i", 1)))
    + message(0, envelope(Kind.ADD, 1, 0, pack("<i", 7)))
    + message(0x40, envelope(Kind.DATA, 7, 5, b"x"))
    + message(0, envelope(Kind.REMOVE, 1, 0, pack("<i", 7)))
    + message(0, envelope(9, 1, 0)),
    b"\0" + message(0, pack("<i", 5)) + message(0, b"x") + message(0, b""),
    b"\0" + message(0, b"no id") + message(0, b"x"),
]

if __name__ == "__main__":
    run(fuzz_one_input, SEEDS)
