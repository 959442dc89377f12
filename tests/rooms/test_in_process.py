"""Rooms without a broker: topics, history and presence of one process, at a polled server."""

from __future__ import annotations

import gc
import tracemalloc
import weakref
from collections.abc import Iterator
from time import time

import pytest

from pyws_browser import (
    InvalidMessageTypeError,
    InvalidOptionError,
    InvalidStateError,
    OutboundBufferFullError,
    State,
    WebSocketServer,
)
from pyws_browser.rooms import (
    ForeignEpochError,
    ForgottenPositionError,
    FutureOffsetError,
    History,
    InvalidPositionError,
    InvalidTopicError,
    Joined,
    Member,
    Position,
    Rooms,
    RoomsState,
)
from pyws_browser.rooms import log as log_module

from .world import World


@pytest.fixture
def world() -> Iterator[World]:
    world = World()
    yield world
    world.close()


@pytest.fixture
def rooms() -> Rooms:
    return Rooms()


@pytest.fixture
def server(world: World, rooms: Rooms) -> WebSocketServer:
    return world.worker(rooms)


def numbered(message: str | bytes, position: Position) -> str:
    return f"{position.offset} {message!s}"


def test_who_has_joined_gets_what_is_published(world: World, rooms: Rooms, server: WebSocketServer) -> None:
    chat = rooms.topic("chat")
    (ann, ann_peer), (bob, bob_peer), (eve, eve_peer) = (world.connect(server) for _ in range(3))
    chat.join(ann_peer)
    chat.join(bob_peer)
    assert chat.publish("hello").result is None
    assert chat.publish(b"bytes", without=ann_peer).is_done
    assert world.received(ann, 1) == ["hello"]
    assert world.received(bob, 2) == ["hello", b"bytes"]
    assert world.nothing_more(ann, server, ann_peer)
    assert world.nothing_more(eve, server, eve_peer)


def test_who_has_left_gets_nothing_more(world: World, rooms: Rooms, server: WebSocketServer) -> None:
    chat, other = rooms.topic("chat"), rooms.topic("other")
    ann, peer = world.connect(server)
    chat.join(peer)
    other.join(peer)
    chat.leave(peer)
    chat.leave(peer)
    chat.publish("too late")
    other.publish("here still")
    assert world.received(ann, 1) == ["here still"]
    chat.join(peer)
    chat.publish("again")
    assert world.received(ann, 1) == ["again"]


def test_a_peer_leaves_when_it_closes(world: World, rooms: Rooms, server: WebSocketServer) -> None:
    chat = rooms.topic("chat", history=History())
    ann, peer = world.connect(server)
    chat.join(peer, member={"name": "ann"})
    left: list[Member] = []
    chat.member_left.connect(left.append)
    ann.close()
    world.until(lambda: left)
    assert chat.peer_count == 0
    assert chat.members == ()
    assert left[0].data == {"name": "ann"}


def test_everybody_learns_who_is_present(world: World, rooms: Rooms, server: WebSocketServer) -> None:
    chat = rooms.topic("chat")
    joined: list[Member] = []
    chat.member_joined.connect(joined.append)
    (_, ann_peer), (_, bob_peer), (_, eve_peer) = (world.connect(server) for _ in range(3))
    ann = chat.join(ann_peer, member={"name": "ann"})
    bob = chat.join(bob_peer, member={"name": "bob"})
    eve = chat.join(eve_peer)
    assert [member.data["name"] for member in joined] == ["ann", "bob"]
    assert eve.member is None
    assert eve.members == (ann.member, bob.member)


def test_history_is_given_to_who_joins_and_what_follows_comes_behind_it(
    world: World, rooms: Rooms, server: WebSocketServer
) -> None:
    chat = rooms.topic("chat", history=History(messages=3), envelope=numbered)
    positions = [chat.publish(text).result for text in "abcd"]
    ann, peer = world.connect(server)
    joined = chat.join(peer)
    chat.publish("e")
    assert [position.offset for position in positions if position] == [1, 2, 3, 4]
    assert (joined.is_whole, joined.position, joined.cause) == (True, positions[3], None)
    assert world.received(ann, 4) == ["2 b", "3 c", "4 d", "5 e"]


def test_a_position_before_the_first_message_resumes_with_all(
    world: World, rooms: Rooms, server: WebSocketServer
) -> None:
    chat = rooms.topic("chat", history=History())
    ann, peer = world.connect(server)
    before = chat.join(peer).position
    assert before is not None
    chat.leave(peer)
    chat.publish("first")
    again = chat.join(peer, since=str(before))
    assert again.is_whole
    assert world.received(ann, 1) == ["first"]


def test_what_came_after_the_position_is_sent_and_nothing_else(
    world: World, rooms: Rooms, server: WebSocketServer
) -> None:
    chat = rooms.topic("chat", history=History())
    positions = [chat.publish(text).result for text in "abcd"]
    ann, peer = world.connect(server)
    joined = chat.join(peer, since=positions[1])
    assert joined.is_whole
    assert world.received(ann, 2) == ["c", "d"]
    assert world.nothing_more(ann, server, peer)


@pytest.mark.parametrize(
    ("change", "cause"),
    [
        (lambda position: position._replace(epoch="other"), ForeignEpochError),
        (lambda position: position._replace(offset=5), FutureOffsetError),
        (lambda position: position._replace(offset=0), ForgottenPositionError),
    ],
    ids=["a foreign epoch", "the future", "forgotten"],
)
def test_a_position_that_cannot_be_resumed_is_named_and_all_that_is_stored_is_sent(
    world: World, rooms: Rooms, server: WebSocketServer, change: object, cause: type[Exception]
) -> None:
    chat = rooms.topic("chat", history=History(messages=2))
    position = [chat.publish(text).result for text in "abcd"][-1]
    ann, peer = world.connect(server)
    greeted: list[bool] = []

    def greet(joined: Joined) -> str:
        greeted.append(joined.is_whole)
        return "load everything anew"

    joined = chat.join(peer, since=change(position), greet=greet)  # type: ignore[operator]
    assert not joined.is_whole
    assert type(joined.cause) is cause
    assert world.received(ann, 3) == ["load everything anew", "c", "d"]
    assert greeted == [False]


def test_what_is_too_old_is_forgotten(
    world: World, rooms: Rooms, server: WebSocketServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    chat = rooms.topic("chat", history=History(seconds=60))
    first = chat.publish("old").result
    now = time()
    monkeypatch.setattr(log_module, "time", lambda: now + 61)
    ann, peer = world.connect(server)
    joined = chat.join(peer, since=first)
    assert joined.is_whole  # nothing came after it
    chat.publish("new")
    assert world.received(ann, 1) == ["new"]
    assert not chat.join(world.connect(server)[1], since=f"{first.epoch}:0").is_whole  # type: ignore[union-attr]


def test_an_id_is_stored_once(world: World, rooms: Rooms, server: WebSocketServer) -> None:
    chat = rooms.topic("chat", history=History())
    ann, peer = world.connect(server)
    chat.join(peer)
    first, again, other = (chat.publish(text, id=id_).result for text, id_ in (("a", "1"), ("a", "1"), ("b", "2")))
    assert first == again != other
    assert world.received(ann, 2) == ["a", "b"]
    assert world.nothing_more(ann, server, peer)


def test_an_id_is_forgotten_after_two_minutes(rooms: Rooms, monkeypatch: pytest.MonkeyPatch) -> None:
    chat = rooms.topic("chat", history=History())
    first = chat.publish("a", id="1").result
    now = time()
    monkeypatch.setattr(log_module, "time", lambda: now + 121)
    assert chat.publish("a", id="1").result != first


def test_a_slow_peer_is_closed_with_1013_and_the_others_are_served(
    world: World, rooms: Rooms, server: WebSocketServer
) -> None:
    server.outbound_buffer_size = 1 << 20
    board = rooms.topic("board")
    (slow, slow_peer), (fast, fast_peer) = world.connect(server), world.connect(server)
    board.join(slow_peer)
    board.join(fast_peer)
    for _ in range(64):
        board.publish(bytes(500_000))
        server.poll()
        assert world_of_two(server, fast) == 500_000
    world.until(lambda: slow.ready_state is State.CLOSED)
    assert slow.close_code == 1013


def world_of_two(server: WebSocketServer, client: object) -> int:
    """Serve a client, and not the other."""
    while not client.get_available_packet_count():  # type: ignore[attr-defined]
        server.poll()
        client.poll()  # type: ignore[attr-defined]
    return len(client.receive())  # type: ignore[attr-defined]


def test_rooms_tell_what_a_slow_peer_missed(world: World, rooms: Rooms, server: WebSocketServer) -> None:
    server.outbound_buffer_size = 1 << 20
    board = rooms.topic("board", slow="drop")
    slow, peer = world.connect(server)
    board.join(peer)
    missed: list[tuple[object, int, int]] = []
    rooms.peer_missed.connect(lambda *what: missed.append(what))
    for _ in range(64):
        board.publish(bytes(500_000))
        server.poll()
    world.until(lambda: [slow.receive() for _ in range(3)] and missed)
    assert missed[0][0] is peer
    assert missed[0][2] == missed[0][1] * 500_000 > 0


@pytest.mark.parametrize("name", ["", "x" * 201, "a\nb", "\ud800", 7])
def test_what_is_no_name_of_a_topic_is_refused(rooms: Rooms, name: object) -> None:
    with pytest.raises(InvalidTopicError, match="name"):
        rooms.topic(name)  # type: ignore[arg-type]


@pytest.mark.parametrize("position", ["", "x", "x:", ":1", "x:-1", "x:1.5", "x:" + "9" * 21, 7])
def test_what_is_no_position_is_refused(world: World, rooms: Rooms, server: WebSocketServer, position: object) -> None:
    chat = rooms.topic("chat", history=History())
    with pytest.raises(InvalidPositionError, match="EPOCH:OFFSET"):
        chat.join(world.connect(server)[1], since=position)  # type: ignore[arg-type]
    assert chat.peer_count == 0


def test_a_position_survives_being_written(rooms: Rooms) -> None:
    position = rooms.topic("chat", history=History()).publish("a").result
    assert Position.parse(str(position)) == position


@pytest.mark.parametrize(
    "history", [History(0), History(True), History(1, 0), History(1, float("nan")), (1, 2), History(2_000_000)]
)
def test_what_is_no_history_is_refused(rooms: Rooms, history: object) -> None:
    with pytest.raises(InvalidOptionError, match="History"):
        rooms.topic("chat", history=history)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["", "a.b", "a b", "x" * 33, 7])
def test_what_is_no_name_of_rooms_is_refused(name: object) -> None:
    with pytest.raises(InvalidOptionError, match="name of rooms"):
        Rooms(name=name)  # type: ignore[arg-type]


@pytest.mark.parametrize("settings", [{"lease": 0}, {"lease": float("nan")}, {"lost_limit": "1"}])
def test_times_that_are_none_are_refused(settings: dict[str, object]) -> None:
    with pytest.raises(InvalidOptionError, match="number of seconds"):
        Rooms(**settings)  # type: ignore[arg-type]


def test_a_topic_is_the_same_for_the_same_name_and_its_settings_are_those_of_the_first_call(rooms: Rooms) -> None:
    chat = rooms.topic("chat", history=History(5))
    assert rooms.topic("chat", history=History(5)) is chat
    for settings in ({}, {"history": History(6)}, {"history": History(5), "slow": "drop"}):
        with pytest.raises(InvalidOptionError, match="in use"):
            rooms.topic("chat", **settings)  # type: ignore[arg-type]


def test_joining_twice_is_refused(world: World, rooms: Rooms, server: WebSocketServer) -> None:
    chat = rooms.topic("chat")
    _, peer = world.connect(server)
    chat.join(peer)
    with pytest.raises(InvalidStateError, match="leave"):
        chat.join(peer)


def test_a_peer_of_no_attached_server_is_refused(world: World, rooms: Rooms, server: WebSocketServer) -> None:
    client, _ = world.connect(server)
    with pytest.raises(InvalidOptionError, match="attach"):
        rooms.topic("chat").join(client)
    with pytest.raises(InvalidStateError, match=r"attach\(server\)"):
        Rooms().topic("chat").join(client)


def test_a_server_is_attached_once_and_something_else_never(rooms: Rooms, server: WebSocketServer) -> None:
    with pytest.raises(InvalidOptionError, match="already"):
        rooms.attach(server)
    with pytest.raises(InvalidOptionError, match="WebSocketServer"):
        rooms.attach("a server")


def test_what_is_no_message_reaches_nobody_and_is_not_stored(
    world: World, rooms: Rooms, server: WebSocketServer
) -> None:
    server.outbound_buffer_size = 1000
    for history in (None, History()):
        chat = rooms.topic(f"chat {history}", history=history)
        with pytest.raises(InvalidMessageTypeError):
            chat.publish({"a": 1})  # type: ignore[arg-type]
        with pytest.raises(OutboundBufferFullError):
            chat.publish(bytes(1001))
        ann, peer = world.connect(server)
        chat.join(peer)
        assert world.nothing_more(ann, server, peer)


@pytest.mark.parametrize("member", ["ann", {"a": object()}, {"a": float("nan")}])
def test_a_member_is_what_json_can_say(world: World, rooms: Rooms, server: WebSocketServer, member: object) -> None:
    with pytest.raises(InvalidOptionError, match="JSON"):
        rooms.topic("chat").join(world.connect(server)[1], member=member)  # type: ignore[arg-type]


def test_closed_rooms_do_nothing_more_and_the_connections_stay(
    world: World, rooms: Rooms, server: WebSocketServer
) -> None:
    chat = rooms.topic("chat")
    ann, peer = world.connect(server)
    chat.join(peer, member={})
    states: list[RoomsState] = []
    rooms.state_changed.connect(states.append)
    assert rooms.state is RoomsState.CONNECTED
    rooms.close()
    rooms.close()
    assert states == [RoomsState.CLOSED]
    assert (chat.peer_count, chat.members) == (0, ())
    with pytest.raises(InvalidStateError, match="closed"):
        rooms.topic("chat")
    assert world.nothing_more(ann, server, peer)


def test_a_topic_that_nobody_uses_is_not_kept(world: World, rooms: Rooms, server: WebSocketServer) -> None:
    _, peer = world.connect(server)
    rooms.topic("chat").join(peer)
    topic = weakref.ref(rooms.topic("chat"))
    rooms.topic("chat").leave(peer)
    gc.collect()
    assert topic() is None
    rooms.topic("log", history=History()).publish("kept")
    gc.collect()
    assert rooms.topic("log", history=History()).position is not None


def test_a_member_takes_a_kibibyte_and_a_topic_two_at_most(world: World, rooms: Rooms, server: WebSocketServer) -> None:
    _, peer = world.connect(server)
    names = [f"topic {number}" for number in range(1000)]
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        for name in names:
            rooms.topic(name, history=History()).join(peer, member={})
        taken = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert taken / len(names) < 3072
