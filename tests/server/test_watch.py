"""What a server's watch does that no connection of a test brings about by itself."""

from __future__ import annotations

import gc
import select
import selectors
import socket
from collections.abc import Iterator
from math import inf
from types import SimpleNamespace
from typing import Any
from weakref import ref

import pytest

from pyws_browser import WebSocketPeer, WebSocketServer
from pyws_browser.server.watch import Watch, _release

from ..support import pump


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        yield listener


@pytest.fixture
def watch(listener: socket.socket) -> Iterator[Watch[Any]]:
    watch: Watch[Any] = Watch(listener)
    yield watch
    watch.close()


class Transport:
    """As much of a transport as the watch asks for."""

    close_status = None
    is_held_back = False
    wants_write = False
    deadline = inf

    def set_wakeup(self, wakeup: object) -> None:
        self.wakeup = wakeup


@pytest.fixture
def connection() -> Iterator[Any]:
    ours, others = socket.socketpair()
    with ours, others:
        yield SimpleNamespace(id=5, fd=ours.fileno(), interest=0, due=inf, transport=Transport())


def test_without_epoll_a_server_serves_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(select, "epoll")
    with WebSocketServer() as server, WebSocketPeer(web_limits=False) as peer:
        server.strict = True
        server.bind_ip = "127.0.0.1"
        server.max_queued_packets = 1
        server.listen(0)
        peer.connect_to_url(f"ws://127.0.0.1:{server.port}/")
        pump(peer, server, until=peer.is_connected_to_host)
        for number in range(100):
            peer.send(str(number))
        received: list[str | bytes] = []
        to_peer = server.get_peer(server.peer_ids[0])
        pump(peer, server, until=lambda: received.extend(to_peer) or len(received) == 100)
        assert received == [str(number) for number in range(100)]
        peer.close(4000)
        pump(peer, server, until=lambda: not server.peer_ids)


@pytest.mark.parametrize("has_epoll", [True, False])
def test_it_can_be_closed_on_a_system_with_epoll_and_without(
    listener: socket.socket, monkeypatch: pytest.MonkeyPatch, has_epoll: bool
) -> None:
    if not has_epoll:
        monkeypatch.delattr(select, "epoll")
    watch: Watch[Any] = Watch(listener)
    watch.close()
    with pytest.raises((ValueError, RuntimeError, KeyError, OSError)):
        watch.look()


def test_one_that_could_not_be_made_goes_silently(listener: socket.socket, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise OSError("too many open files")

    monkeypatch.setattr(selectors, "DefaultSelector", fail)
    with pytest.raises(OSError, match="too many"):
        Watch(listener)
    gc.collect()  # an exception in its __del__ would fail this test


def test_a_connection_that_it_does_not_know_is_released_without_effect(watch: Watch[Any]) -> None:
    watch.release(7)
    assert watch.look() == ({}, False)


def test_a_connection_that_outlives_it_is_released_without_effect(listener: socket.socket) -> None:
    watch: Watch[Any] = Watch(listener)
    reference = ref(watch)
    watch.close()
    del watch
    gc.collect()
    assert reference() is None
    _release(reference, 7)


def test_the_listener_rests_as_long_as_the_last_rest_says(watch: Watch[Any], listener: socket.socket) -> None:
    with socket.create_connection(listener.getsockname()):
        watch.rest(3600.0)
        watch.rest(7200.0)
        assert watch.look() == ({}, False)
        watch.rest(0.0)
        assert watch.look() == ({}, True)


def test_past_deadlines_do_not_pile_up(watch: Watch[Any], connection: Any) -> None:
    watch.add(connection)
    for number in range(1000):
        connection.transport.deadline = 1e9 + number
        watch.update(connection)
    assert len(watch._due) < 100
    assert (connection.due, connection.id) in watch._due
    watch.release(connection.id)


def test_an_end_that_is_told_of_a_socket_that_is_not_held_back_has_no_effect(
    watch: Watch[Any], connection: Any
) -> None:
    """As where a child process has a copy of a socket that was closed here."""
    if watch._leaving is None:
        pytest.skip("the system has no epoll")
    ours, others = socket.socketpair()
    with ours, others:
        watch._leaving.register(ours.fileno(), select.EPOLLRDHUP)
        others.close()
        assert watch.look() == ({}, False)
