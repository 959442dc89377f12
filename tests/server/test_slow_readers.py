"""WebSocketServer.broadcast() to many of whom some take in nothing: all others are served, what waits is bounded."""

from __future__ import annotations

import time
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from pyws_browser import InvalidOptionError, State, WebSocketPeer, WebSocketServer
from pyws_browser.peer.broadcasting import Fanout
from pyws_browser.peer.slow_readers import SlowPolicy

from ..support import pump

SIZE = 100_000
LIMIT = 1_000_000


class Hall:
    """A server, a bystander who fetches everything, and a slow one who fetches nothing until it is let."""

    def __init__(self) -> None:
        self.server = WebSocketServer()
        self.server.bind_ip = "127.0.0.1"
        self.server.compression = None
        self.server.outbound_buffer_size = LIMIT
        self.server.close_timeout = 30.0
        self.server.listen(0)
        self.missed: list[tuple[int, int, int]] = []
        self.server.client_missed.connect(lambda *told: self.missed.append(told))
        self.bystander = self._enter()
        self.slow = self._enter()
        self.slow_id = self.server.peer_ids[1]
        self.to_slow = self.server.get_peer(self.slow_id)
        self.received: list[str | bytes] = []

    def _enter(self) -> WebSocketPeer:
        peer = WebSocketPeer(web_limits=False)
        known = len(self.server.peer_ids)
        peer.connect_to_url(f"ws://127.0.0.1:{self.server.port}/")
        pump(peer, self.server, until=lambda: peer.ready_state is State.OPEN and len(self.server.peer_ids) > known)
        return peer

    def send(self, message: str) -> None:
        """See that the bystander gets what was sent."""
        pump(self.server, self.bystander, until=self.bystander.get_available_packet_count)
        assert self.bystander.receive() == message

    def flood(self, count: int = 200, **how: object) -> int:
        """Broadcast so many messages; return the most that waited for the slow one."""
        most = 0
        for number in range(count):
            keyed = {"key": number % 3} if how.get("slow") == "latest" else {}
            self.server.broadcast(line(number), **how, **keyed)  # type: ignore[arg-type]
            self.send(line(number))
            most = max(most, self.to_slow.get_current_outbound_buffered_amount())
        return most

    def fetch_until(self, is_over: object) -> None:
        """Let the slow one fetch."""
        assert callable(is_over)

        def look() -> object:
            self.received.extend(self.slow)
            return is_over()

        pump(self.slow, self.server, until=look)


@pytest.fixture
def hall() -> Iterator[Hall]:
    hall = Hall()
    yield hall
    hall.slow.abort()
    hall.bystander.abort()
    hall.server.stop()


def line(number: int) -> str:
    return f"{number:08}".ljust(SIZE, ".")


def test_a_slow_one_is_closed_with_1013_and_gets_what_waited(hall: Hall) -> None:
    assert hall.server.slow_policy == "close"
    assert hall.flood() <= LIMIT
    assert hall.to_slow.ready_state is State.CLOSING
    hall.fetch_until(lambda: hall.slow.ready_state is State.CLOSED)
    assert hall.received == [line(number) for number in range(len(hall.received))]
    assert 0 < len(hall.received) < 200
    assert (hall.slow.close_code, hall.slow.close_reason) == (1013, "too slow: too much waits to be taken in")
    assert hall.missed == []


@pytest.mark.parametrize("is_set_once", [True, False])
def test_it_is_told_how_much_a_slow_one_missed_once_there_is_room_again(hall: Hall, is_set_once: bool) -> None:
    if is_set_once:
        hall.server.slow_policy = "drop"
        assert hall.flood() <= LIMIT
    else:
        assert hall.flood(slow="drop") <= LIMIT
    hall.fetch_until(lambda: hall.missed and not hall.to_slow.get_current_outbound_buffered_amount())
    hall.server.broadcast("the end")
    hall.fetch_until(lambda: hall.received[-1] == "the end")
    ((id_, count, size), *others) = hall.missed
    assert id_ == hall.slow_id
    assert size == count * SIZE
    assert len(hall.received) == 201 - count - sum(more for _, more, _ in others)
    assert hall.received == sorted(hall.received)


def test_the_latest_of_each_key_comes_once_there_is_room_again(hall: Hall) -> None:
    assert hall.flood(slow="latest") <= LIMIT
    hall.fetch_until(lambda: hall.received[-1:] == [line(199)])
    assert hall.received[-3:] == [line(197), line(198), line(199)]
    assert hall.received == sorted(hall.received)
    assert len(hall.received) < 200
    assert hall.missed == []


def test_one_that_is_slow_already_is_closed_by_a_message_that_asks_for_that(hall: Hall) -> None:
    hall.flood(slow="drop")
    assert hall.to_slow.ready_state is State.OPEN
    hall.server.broadcast(line(200), slow="close")
    assert hall.to_slow.ready_state is State.CLOSING


def test_a_slow_one_is_closed_where_not_even_the_latest_of_each_key_find_room(hall: Hall) -> None:
    for number in range(200):
        hall.server.broadcast(line(number), slow="latest", key=number)
        hall.send(line(number))
    assert hall.to_slow.ready_state is State.CLOSING
    hall.fetch_until(lambda: hall.slow.ready_state is State.CLOSED)
    assert hall.slow.close_code == 1013


def test_many_tiny_messages_are_counted_with_the_memory_that_they_take(hall: Hall) -> None:
    while (before := hall.to_slow.get_current_outbound_buffered_amount()) < LIMIT // 2:
        hall.to_slow.send(line(0))
    sent = 0
    while hall.to_slow.ready_state is State.OPEN:
        hall.server.broadcast(b"")
        sent += 1
    assert before + sent * 128 <= LIMIT + SIZE
    assert before + sent * 128 >= LIMIT - SIZE


@pytest.mark.parametrize("slow", ["drop", "latest"])
@pytest.mark.parametrize("packets", [0, 2])
def test_while_a_slow_one_takes_in_nothing_the_server_has_nothing_to_do(
    hall: Hall, packets: int, slow: SlowPolicy
) -> None:
    """Neither for want of bytes nor where so few packets may wait that there is always room for bytes."""
    hall.server.max_outbound_packets = packets
    other = hall._enter()
    other_id = hall.server.peer_ids[-1]
    for _ in range(200):
        hall.server.broadcast(line(0), slow=slow)
        hall.send(line(0))
    deadline = time.monotonic() + 20
    while hall.server.wait(0.05):
        assert time.monotonic() < deadline
        hall.server.poll()
    assert hall.missed == []
    assert hall.server._fanout.slow.keys() == {hall.slow_id, other_id}
    other.abort()


def test_who_leaves_while_it_is_slow_is_forgotten(hall: Hall) -> None:
    hall.flood(slow="drop")
    hall.slow.abort()
    pump(hall.server, until=lambda: not hall.server.has_peer(hall.slow_id))
    assert hall.missed == []
    assert hall.server._fanout.slow == {}
    hall.server.broadcast("and on")
    hall.send("and on")


@pytest.mark.parametrize("policy", ["wait", "", None, 1])
def test_there_are_three_policies(hall: Hall, policy: object) -> None:
    with pytest.raises(InvalidOptionError, match="'close', 'drop' or 'latest'"):
        hall.server.slow_policy = policy  # type: ignore[assignment]
    assert hall.server.slow_policy == "close"
    if policy is not None:
        with pytest.raises(InvalidOptionError):
            hall.server.broadcast("nobody gets this", slow=policy)  # type: ignore[arg-type]
    hall.server.broadcast("somebody gets this")
    hall.send("somebody gets this")


def test_of_missed_messages_nobody_is_told_once_the_server_is_gone() -> None:
    class Owner:
        told = 0

        def tell(self, *_: object) -> None:
            Owner.told += 1

    owner = Owner()
    fanout = Fanout(owner.tell)
    link: Any = SimpleNamespace(id=1, transport=SimpleNamespace(ready_state=State.OPEN))
    reader: Any = SimpleNamespace(resume=lambda: True, missed_messages=1, missed_bytes=5)
    fanout.slow[1] = (link, reader)
    fanout.look()
    assert Owner.told == 1
    fanout.slow[1] = (link, reader)
    del owner
    fanout.look()
    assert Owner.told == 1
    assert fanout.slow == {}
