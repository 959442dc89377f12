"""A server that lives beside other work: woken by threads, watching descriptors, watched by another loop."""

from __future__ import annotations

import asyncio
import select
import selectors
import socket
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from pyws_browser import (
    InvalidOptionError,
    InvalidStateError,
    State,
    WebSocketPeer,
    WebSocketServer,
    WrongThreadError,
)

from ..support import pump


@pytest.fixture
def server() -> Iterator[WebSocketServer]:
    with WebSocketServer() as server:
        server.strict = True
        server.bind_ip = "127.0.0.1"
        server.compression = None
        server.listen(0)
        yield server


@pytest.fixture
def join(server: WebSocketServer) -> Iterator[Callable[[], WebSocketPeer]]:
    peers: list[WebSocketPeer] = []

    def join() -> WebSocketPeer:
        peer = WebSocketPeer(web_limits=False)
        peers.append(peer)
        known = len(server.peer_ids)
        peer.connect_to_url(f"ws://127.0.0.1:{server.port}/")
        pump(peer, server, until=lambda: peer.ready_state is State.OPEN and len(server.peer_ids) > known)
        return peer

    yield join
    for peer in peers:
        peer.abort()


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    near, far = socket.socketpair()
    near.setblocking(False)
    with near, far:
        yield near, far


def test_another_thread_wakes_a_server_that_waits(server: WebSocketServer) -> None:
    thread = threading.Thread(target=server.wake)
    thread.start()
    assert server.wait(None)
    thread.join()
    server.poll()
    assert not server.wait(0)


def test_a_wake_before_the_wait_is_not_lost_and_many_are_one(server: WebSocketServer) -> None:
    for _ in range(100_000):
        server.wake()
    assert server.wait(None)
    server.poll()
    assert not server.wait(0)


def test_waking_what_does_not_listen_does_nothing(server: WebSocketServer) -> None:
    server.stop()
    server.wake()
    assert not server.wait(0)


def test_a_server_is_stopped_while_others_wake_it() -> None:
    server = WebSocketServer()
    server.bind_ip = "127.0.0.1"
    is_over = threading.Event()

    def wake() -> None:
        while not is_over.is_set():
            server.wake()

    thread = threading.Thread(target=wake)
    thread.start()
    for _ in range(100):
        server.listen(0)
        server.poll()
        server.stop()
    is_over.set()
    thread.join()


def test_a_descriptor_is_watched_beside_the_clients(
    server: WebSocketServer, join: Callable[[], WebSocketPeer], pair: tuple[socket.socket, socket.socket]
) -> None:
    peer = join()
    near, far = pair
    server.watch(near, lambda: server.broadcast(near.recv(100)))
    far.send(b"from a queue")
    assert server.wait(None)
    pump(server, peer, until=peer.get_available_packet_count)
    assert peer.receive() == b"from a queue"
    server.unwatch(near)
    server.unwatch(near)
    far.send(b"to nobody")
    assert not server.wait(0)


def test_what_is_watched_stays_so_when_the_server_listens_anew(
    server: WebSocketServer, pair: tuple[socket.socket, socket.socket]
) -> None:
    near, far = pair
    told: list[bytes] = []
    server.stop()
    server.watch(near, lambda: told.append(near.recv(100)))
    server.listen(0)
    far.send(b"x")
    assert server.wait(None)
    server.poll()
    assert told == [b"x"]


def test_what_a_callback_raises_comes_out_of_the_poll_and_the_others_are_called(server: WebSocketServer) -> None:
    pairs = [socket.socketpair() for _ in range(2)]
    told: list[int] = []

    def fail(number: int) -> None:
        told.append(number)
        pairs[number][0].recv(1)
        raise ZeroDivisionError(number)

    for number, (near, far) in enumerate(pairs):
        server.watch(near, lambda number=number: fail(number))
        far.send(b"x")
    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            server.poll()
    assert sorted(told) == [0, 1]
    for near, far in pairs:
        server.unwatch(near)
        near.close()
        far.close()


def test_what_cannot_be_watched_is_refused(
    server: WebSocketServer, pair: tuple[socket.socket, socket.socket], tmp_path: object
) -> None:
    server.watch(pair[0], lambda: None)
    with pytest.raises(InvalidOptionError, match="already"):
        server.watch(pair[0], lambda: None)
    for thing in ("a file", None, 1 << 20):
        with pytest.raises(InvalidOptionError):
            server.watch(thing, lambda: None)  # type: ignore[arg-type]
    with pytest.raises(InvalidOptionError, match="function"):
        server.watch(pair[1], None)  # type: ignore[arg-type]


def test_watching_belongs_to_the_servers_thread(
    server: WebSocketServer, pair: tuple[socket.socket, socket.socket]
) -> None:
    caught: list[BaseException] = []

    def elsewhere() -> None:
        try:
            server.watch(pair[0], lambda: None)
        except WrongThreadError as exc:
            caught.append(exc)

    thread = threading.Thread(target=elsewhere)
    thread.start()
    thread.join()
    assert len(caught) == 1


def test_a_server_without_a_listener_has_no_descriptor(server: WebSocketServer) -> None:
    server.stop()
    with pytest.raises(InvalidStateError, match="listen"):
        server.fileno()


def test_another_selector_sees_what_a_poll_has_to_do(server: WebSocketServer) -> None:
    peer = WebSocketPeer(web_limits=False)
    peer.connect_to_url(f"ws://127.0.0.1:{server.port}/")
    descriptor = server.fileno()
    while peer.ready_state is not State.OPEN:
        peer.poll()
        if select.select([descriptor], [], [], 0.01)[0]:
            server.poll()
    peer.send("x")
    assert select.select([descriptor], [], [], 30)[0]
    server.poll()
    assert not select.select([descriptor], [], [], 0)[0]
    server.wake()
    assert select.select([descriptor], [], [], 30)[0]
    peer.abort()


def test_an_event_loop_serves_a_polled_server(server: WebSocketServer) -> None:
    told: list[int] = []
    peer = WebSocketPeer(web_limits=False)
    peer.connect_to_url(f"ws://127.0.0.1:{server.port}/")

    def echo(id_: int) -> None:
        told.append(id_)
        for _ in range(3):
            server.broadcast("echo")

    server.data_received.connect(echo)

    async def main() -> None:
        loop = asyncio.get_running_loop()
        loop.add_reader(server.fileno(), server.poll)
        while peer.ready_state is not State.OPEN:
            peer.poll()
            await asyncio.sleep(0)
        peer.send("x")
        while peer.get_available_packet_count() < 3:
            peer.poll()
            await asyncio.sleep(0)
        loop.remove_reader(server.fileno())

    asyncio.run(main())
    assert len(told) == 1
    peer.abort()


def test_a_burst_goes_out_together_and_in_order(
    server: WebSocketServer, join: Callable[[], WebSocketPeer], monkeypatch: pytest.MonkeyPatch
) -> None:
    from pyws_browser.transport.native import transport as module

    peers = [join() for _ in range(3)]
    released: list[object] = []
    release = module.NativeTransport.release
    monkeypatch.setattr(module.NativeTransport, "release", lambda self: (released.append(self), release(self))[1])
    for number in range(100):
        server.broadcast(str(number))
    assert server.get_peer(server.peer_ids[0]).get_current_outbound_buffered_amount()
    server.poll()
    assert len(released) == 3
    for peer in peers:
        pump(server, peer, until=lambda peer=peer: peer.get_available_packet_count() == 100)
        assert list(peer) == [str(number) for number in range(100)]


def test_a_burst_larger_than_what_is_gathered_arrives_whole(
    server: WebSocketServer, join: Callable[[], WebSocketPeer]
) -> None:
    peer = join()
    to_peer = server.get_peer(server.peer_ids[0])
    messages = [bytes([number]) * 3000 for number in range(100)]
    for number, message in enumerate(messages):
        server.broadcast(message)
        to_peer.send(f"{number}")
    server.wait(0)
    pump(server, peer, until=lambda: peer.get_available_packet_count() == 200)
    assert list(peer) == [part for number, message in enumerate(messages) for part in (message, f"{number}")]


def test_a_burst_is_sent_before_the_server_stops(server: WebSocketServer, join: Callable[[], WebSocketPeer]) -> None:
    peer = join()
    for number in range(10):
        server.broadcast(str(number))
    server.stop(drain=5)
    pump(peer, until=lambda: peer.ready_state is State.CLOSED)
    assert list(peer) == [str(number) for number in range(10)]


def test_a_burst_to_who_closes_goes_out_before_the_close(
    server: WebSocketServer, join: Callable[[], WebSocketPeer]
) -> None:
    peer = join()
    for number in range(10):
        server.broadcast(str(number))
    server.disconnect_peer(server.peer_ids[0])
    server.broadcast("too late")
    pump(server, peer, until=lambda: peer.ready_state is State.CLOSED)
    assert list(peer) == [str(number) for number in range(10)]


def test_a_broadcast_goes_to_those_who_are_named(server: WebSocketServer, join: Callable[[], WebSocketPeer]) -> None:
    first = join()
    (first_id,) = server.peer_ids
    second = join()
    (second_id,) = set(server.peer_ids) - {first_id}
    server.broadcast("to one", to=[first_id, 7])
    server.broadcast("to nobody", to=server.peer_ids, without=server.peer_ids)
    server.broadcast("to none", to=())
    server.broadcast("to all", to=(id_ for id_ in server.peer_ids))
    pump(server, first, second, until=lambda: first.get_available_packet_count() == 2)
    pump(server, second, until=second.get_available_packet_count)
    assert list(first) == ["to one", "to all"]
    assert list(second) == ["to all"]
    assert second_id in server.peer_ids


def test_what_a_program_sends_besides_leaves_less_room_for_a_burst_and_nothing_is_lost(
    server: WebSocketServer, join: Callable[[], WebSocketPeer]
) -> None:
    server.outbound_buffer_size = 1000
    peer = join()
    to_peer = server.get_peer(server.peer_ids[0])
    server.broadcast("first")
    server.broadcast("gathered")
    to_peer.send(bytes(900))
    server.broadcast(bytes(150))
    pump(server, peer, until=lambda: peer.get_available_packet_count() == 4)
    assert list(peer) == ["first", "gathered", bytes(900), bytes(150)]


def test_of_two_descriptors_the_one_that_is_named_is_watched_no_longer(server: WebSocketServer) -> None:
    pairs = [socket.socketpair() for _ in range(2)]
    told: list[int] = []
    for number, (near, far) in enumerate(pairs):
        server.watch(near, lambda number=number, near=near: told.append((near.recv(1), number)[1]))  # type: ignore[misc]
        far.send(b"x")
    server.unwatch(pairs[1][0])
    server.poll()
    assert told == [0]
    server.unwatch(pairs[0][0])
    for near, far in pairs:
        near.close()
        far.close()


def test_where_the_selector_has_no_descriptor_the_way_round_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(selectors, "DefaultSelector", selectors.SelectSelector)
    with WebSocketServer() as server:
        server.bind_ip = "127.0.0.1"
        server.listen(0)
        with pytest.raises(InvalidStateError, match=r"wake\(\)"):
            server.fileno()
        server.wake()
        assert server.wait(None)


def test_the_descriptor_shows_what_a_poll_had_no_time_for(
    server: WebSocketServer, join: Callable[[], WebSocketPeer]
) -> None:
    served: list[int] = []

    def serve(id_: int) -> None:
        served.append(id_)
        time.sleep(0.1)  # longer than the time that one poll has for the functions of the program

    server.data_received.connect(serve)
    descriptor = server.fileno()
    for peer in [join() for _ in range(4)]:
        peer.send("x")
    transports = [server._clients[id_].transport for id_ in server.peer_ids]
    while not all(transport.shows_more() for transport in transports):
        select.select([], [], [], 0.001)
    server.poll()
    assert len(served) < 4
    while len(served) < 4:
        assert select.select([descriptor], [], [], 0)[0]
        server.poll()
    assert sorted(served) == sorted(server.peer_ids)


def test_a_descriptor_is_watched_no_longer_though_the_server_does_not_listen(
    pair: tuple[socket.socket, socket.socket],
) -> None:
    near, far = pair
    told: list[bytes] = []
    server = WebSocketServer()
    server.bind_ip = "127.0.0.1"
    server.watch(near, lambda: told.append(near.recv(1)))
    server.unwatch(near)
    far.send(b"x")
    with server:
        server.listen(0)
        server.poll()
    assert told == []
