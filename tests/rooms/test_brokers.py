"""What every broker has to do: one table of cases for all of them, with several workers in one process."""

from __future__ import annotations

import asyncio
import gc
import signal
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pyws_browser import InvalidOptionError, State, WebSocketServer
from pyws_browser.rooms import (
    BrokerRefusedError,
    BrokerUnavailableError,
    ForeignEpochError,
    ForgottenPositionError,
    FutureOffsetError,
    History,
    Member,
    MessageTooLargeError,
    Position,
    Rooms,
    RoomsState,
)
from pyws_browser.rooms.vocabulary import Channel, Entry

from .engines import Engine, free_port, need
from .kinds import KINDS, Kind
from .world import World

LONG = History(messages=1000, seconds=3600)


@pytest.fixture(params=KINDS, ids=lambda kind: kind.name)
def kind(request: pytest.FixtureRequest) -> Kind:
    kind: Kind = request.param
    need(kind.engine.program)
    return kind


@pytest.fixture
def engine(kind: Kind, tmp_path: Path) -> Iterator[Engine]:
    engine = kind.engine(tmp_path)
    engine.start()
    yield engine
    engine.close()


@pytest.fixture
def world() -> Iterator[World]:
    world = World()
    yield world
    world.close()


Start = Callable[..., tuple[Rooms, WebSocketServer]]


@pytest.fixture
def start(kind: Kind, engine: Engine, world: World) -> Start:
    """Return what starts another worker."""

    def start(**settings: float) -> tuple[Rooms, WebSocketServer]:
        rooms = Rooms(kind.broker(engine.url), name="game", **settings)  # type: ignore[arg-type]
        server = world.worker(rooms)
        world.until(lambda: rooms.state is RoomsState.CONNECTED)
        return rooms, server

    return start


def numbered(message: str | bytes, position: Position) -> str:
    return f"{position} {message!s}"


def texts(received: list[str | bytes]) -> list[str]:
    """Return messages without their positions."""
    return [str(message).partition(" ")[2] for message in received]


def offsets(received: list[str | bytes]) -> list[int]:
    return [Position.parse(str(message).partition(" ")[0]).offset for message in received]


def test_a_plain_topic_reaches_all_workers_in_order_and_once(world: World, start: Start) -> None:
    (first, first_server), (second, second_server) = start(), start()
    ann, ann_peer = world.connect(first_server)
    bob, bob_peer = world.connect(second_server)
    chats = first.topic("chat/7 é.*>"), second.topic("chat/7 é.*>")
    joined = [chats[0].join(ann_peer), chats[1].join(bob_peer)]
    world.until(lambda: all(one.is_done for one in joined))
    for number in range(100):
        chats[0].publish(f"a{number}")
        chats[1].publish(f"b{number}".encode())
    for client in (ann, bob):
        received = world.received(client, 200)
        assert [message for message in received if isinstance(message, str)] == [f"a{n}" for n in range(100)]
        assert [message for message in received if isinstance(message, bytes)] == [b"b%d" % n for n in range(100)]
    assert world.nothing_more(ann, first_server, ann_peer)


def test_a_history_has_one_order_for_all_workers_and_each_offset_once(world: World, start: Start) -> None:
    workers = [start() for _ in range(2)]
    clients = []
    chats = []
    for rooms, server in workers:
        client, peer = world.connect(server)
        chat = rooms.topic("chat", history=LONG, envelope=numbered)
        chats.append(chat)
        joined = chat.join(peer)
        world.until(lambda joined=joined: joined.is_done)
        clients.append(client)
    published = [chat.publish(f"{who}{number}") for number in range(50) for who, chat in zip("ab", chats, strict=True)]
    world.until(lambda: all(one.is_done for one in published))
    received = [world.received(client, 100) for client in clients]
    assert received[0] == received[1]
    assert offsets(received[0]) == sorted(set(offsets(received[0])))
    assert sorted(offsets(received[0])) == sorted(one.result.offset for one in published if one.result)
    for who in "ab":
        assert [text for text in texts(received[0]) if text[0] == who] == [f"{who}{number}" for number in range(50)]


def test_a_client_resumes_at_another_worker(world: World, start: Start) -> None:
    (first, first_server), (second, second_server) = start(), start()
    chat = first.topic("chat", history=LONG, envelope=numbered)
    ann, peer = world.connect(first_server)
    joined = chat.join(peer)
    world.until(lambda: joined.is_done)
    before = joined.position
    chat.publish("one")
    (last,) = world.received(ann, 1)
    ann.close()
    world.until(lambda: chat.peer_count == 0)
    chat.publish("two")
    published = chat.publish("three")
    world.until(lambda: published.is_done)
    again, peer = world.connect(second_server)
    resumed = second.topic("chat", history=LONG, envelope=numbered).join(peer, since=last.partition(" ")[0])  # type: ignore[arg-type]
    assert texts(world.received(again, 2)) == ["two", "three"]
    assert resumed.is_whole
    assert resumed.position == published.result
    late, peer = world.connect(second_server)
    from_the_start = second.topic("chat", history=LONG, envelope=numbered).join(peer, since=before)
    assert texts(world.received(late, 3)) == ["one", "two", "three"]
    assert from_the_start.is_whole


def test_a_position_that_cannot_be_resumed_is_named(world: World, start: Start) -> None:
    rooms, server = start()
    chat = rooms.topic("chat", history=History(messages=2), envelope=numbered)
    published = [chat.publish(text) for text in "abcd"]
    world.until(lambda: all(one.is_done for one in published))
    first, last = published[0].result, published[-1].result
    assert first is not None
    assert last is not None
    for since, cause in (
        (first, ForgottenPositionError),
        (last._replace(epoch="other"), ForeignEpochError),
        (last._replace(offset=last.offset + 1), FutureOffsetError),
    ):
        client, peer = world.connect(server)
        joined = chat.join(peer, since=since)
        assert texts(world.received(client, 2)) == ["c", "d"]
        assert not joined.is_whole
        assert type(joined.cause) is cause


def test_an_id_is_stored_once_whichever_worker_publishes_it(world: World, start: Start) -> None:
    (first, first_server), (second, _) = start(), start()
    chat = first.topic("chat", history=LONG, envelope=numbered)
    ann, peer = world.connect(first_server)
    joined = chat.join(peer)
    world.until(lambda: joined.is_done)
    one = chat.publish("a", id="same")
    world.until(lambda: one.is_done)
    two = second.topic("chat", history=LONG, envelope=numbered).publish("a", id="same")
    three = second.topic("other", history=LONG).publish("a", id="same")
    world.until(lambda: two.is_done and three.is_done)
    assert one.result == two.result
    published = chat.publish("b")
    world.until(lambda: published.is_done)
    assert texts(world.received(ann, 2)) == ["a", "b"]


def test_without_leaves_the_publisher_out_of_a_history(world: World, start: Start) -> None:
    rooms, server = start()
    chat = rooms.topic("chat", history=LONG)
    (ann, ann_peer), (bob, bob_peer) = world.connect(server), world.connect(server)
    joined = [chat.join(ann_peer), chat.join(bob_peer)]
    world.until(lambda: all(one.is_done for one in joined))
    chat.publish("from ann", without=ann_peer)
    chat.publish("to all")
    assert world.received(bob, 2) == ["from ann", "to all"]
    assert world.received(ann, 1) == ["to all"]


def test_members_of_all_workers_are_known_and_a_leaver_is_gone_for_all(world: World, start: Start) -> None:
    (first, first_server), (second, second_server) = start(), start()
    chats = first.topic("chat"), second.topic("chat")
    left: list[Member] = []
    chats[1].member_left.connect(left.append)
    ann, ann_peer = world.connect(first_server)
    _, bob_peer = world.connect(second_server)
    chats[0].join(ann_peer, member={"name": "ann"})
    world.until(lambda: chats[0].is_live)
    joined = chats[1].join(bob_peer, member={"name": "bob"})
    world.until(lambda: joined.is_done and len(chats[1].members) == 2)
    world.until(lambda: len(chats[0].members) == 2)
    ann.close()
    world.until(lambda: len(chats[1].members) == 1, seconds=10)
    assert [member.data["name"] for member in left] == ["ann"]
    second.close()
    assert chats[1].members == ()


def test_the_members_of_a_worker_that_says_goodbye_are_gone_at_once(world: World, start: Start) -> None:
    (first, first_server), (second, second_server) = start(), start()
    chat = first.topic("chat")
    joined = (
        chat.join(world.connect(first_server)[1]),
        second.topic("chat").join(world.connect(second_server)[1], member={"name": "bob"}),
    )
    world.until(lambda: all(one.is_done for one in joined) and chat.members)
    second.close()
    world.until(lambda: not chat.members, seconds=10)


def test_the_members_of_a_silent_worker_are_gone_within_its_lease_and_come_back_with_it(
    world: World, start: Start
) -> None:
    (first, first_server), (second, second_server) = start(lease=2), start(lease=2)
    chat = first.topic("chat")
    others = second.topic("chat")
    joined = chat.join(world.connect(first_server)[1]), others.join(world.connect(second_server)[1], member={"a": 1})
    world.until(lambda: all(one.is_done for one in joined) and chat.members)
    assert second.link is not None
    pause(second)
    world.until(lambda: not chat.members, seconds=10)
    resume(second)
    world.until(lambda: chat.members, seconds=10)


def test_a_worker_that_was_taken_for_dead_has_its_members_stored_again(world: World, start: Start) -> None:
    (first, first_server), (second, second_server), (third, third_server) = (start() for _ in range(3))
    chat = first.topic("chat")
    joined = (
        chat.join(world.connect(first_server)[1]),
        second.topic("chat").join(world.connect(second_server)[1], member={"name": "bob"}),
    )
    world.until(lambda: all(one.is_done for one in joined) and chat.members)
    first.on_workers_gone([second.worker])
    assert not chat.members
    world.until(lambda: chat.members)
    late = third.topic("chat")
    late.join(world.connect(third_server)[1])
    world.until(lambda: late.is_live)
    assert [member.data for member in late.members] == [{"name": "bob"}]


def pause(rooms: Rooms) -> None:
    """Let a worker give no sign of life."""
    link = rooms.link
    assert link is not None
    link._beat_once_ = link._beat_once  # type: ignore[attr-defined]

    async def nothing() -> None:
        return

    link._beat_once = nothing  # type: ignore[method-assign]


def resume(rooms: Rooms) -> None:
    link = rooms.link
    assert link is not None
    link._beat_once = link._beat_once_  # type: ignore[attr-defined, method-assign]


def test_a_broker_that_is_killed_and_comes_back_loses_nothing_of_a_history_untold(
    world: World, start: Start, engine: Engine
) -> None:
    rooms, server = start(lease=2)
    chat = rooms.topic("chat", history=LONG, envelope=numbered)
    missed: list[tuple[Position | None, Position | None]] = []
    chat.missed.connect(lambda after, before: missed.append((after, before)))
    states: list[RoomsState] = []
    rooms.state_changed.connect(states.append)
    ann, peer = world.connect(server)
    joined = chat.join(peer, member={"name": "ann"})
    world.until(lambda: joined.is_done)
    before = [chat.publish(f"before {number}") for number in range(20)]
    world.until(lambda: all(one.is_done for one in before))
    engine.kill()
    world.until(lambda: rooms.state is RoomsState.LOST)
    meanwhile = chat.publish("meanwhile")
    engine.start()
    world.until(lambda: rooms.state is RoomsState.CONNECTED)
    after = [chat.publish(f"after {number}") for number in range(20)]
    world.until(lambda: meanwhile.is_done and all(one.is_done for one in after))
    stored = [one.result for one in (*before, meanwhile, *after) if one.error is None]
    received = world.received(ann, len(stored))
    assert sorted(offsets(received)) == offsets(received) == sorted(one.offset for one in stored if one)
    assert not missed
    assert states == [RoomsState.LOST, RoomsState.CONNECTED]
    assert len(chat.members) == 1


def test_members_of_the_same_worker_are_served_while_the_broker_is_away(
    world: World, start: Start, engine: Engine
) -> None:
    rooms, server = start(lease=2)
    chat = rooms.topic("chat")
    missed: list[object] = []
    chat.missed.connect(lambda after, before: missed.append((after, before)))
    ann, peer = world.connect(server)
    joined = chat.join(peer)
    world.until(lambda: joined.is_done)
    engine.kill()
    world.until(lambda: rooms.state is RoomsState.LOST)
    published = chat.publish("here")
    assert world.received(ann, 1) == ["here"]
    assert isinstance(published.error, BrokerUnavailableError)
    engine.start()
    world.until(lambda: rooms.state is RoomsState.CONNECTED and missed)
    assert missed == [(None, None)]


def test_a_broker_that_hangs_is_noticed_and_its_gap_is_filled(world: World, start: Start, engine: Engine) -> None:
    rooms, server = start(lease=2)
    chat = rooms.topic("chat", history=LONG, envelope=numbered)
    ann, peer = world.connect(server)
    joined = chat.join(peer)
    world.until(lambda: joined.is_done)
    engine.signal(signal.SIGSTOP)
    world.until(lambda: rooms.state is RoomsState.LOST)
    engine.signal(signal.SIGCONT)
    world.until(lambda: rooms.state is RoomsState.CONNECTED)
    published = chat.publish("after")
    world.until(lambda: published.is_done)
    assert texts(world.received(ann, 1)) == ["after"]


def test_peers_of_a_worker_that_stays_deaf_are_closed_with_1012(world: World, start: Start, engine: Engine) -> None:
    rooms, server = start(lease=2, lost_limit=1)
    ann, peer = world.connect(server)
    joined = rooms.topic("chat").join(peer)
    world.until(lambda: joined.is_done)
    engine.kill()
    world.until(lambda: ann.ready_state is State.CLOSED)
    assert ann.close_code == 1012


def test_the_end_of_an_epoch_is_told(world: World, start: Start, kind: Kind, engine: Engine) -> None:
    (first, first_server), (second, _) = start(), start()
    chat = first.topic("chat", history=LONG, envelope=numbered)
    missed: list[tuple[Position | None, Position | None]] = []
    chat.missed.connect(lambda after, before: missed.append((after, before)))
    ann, peer = world.connect(first_server)
    joined = chat.join(peer)
    world.until(lambda: joined.is_done)
    chat.publish("old")
    (old,) = world.received(ann, 1)
    kind.forget(engine.url)
    published = second.topic("chat", history=LONG, envelope=numbered).publish("new")
    world.until(lambda: published.is_done)
    assert texts(world.received(ann, 1)) == ["new"]
    ((after, before),) = missed
    assert str(after) == str(old).partition(" ")[0]
    assert before is not None
    assert published.result is not None
    assert before.epoch == published.result.epoch != after.epoch  # type: ignore[union-attr]


def test_members_come_back_when_the_broker_has_lost_them(
    world: World, start: Start, kind: Kind, engine: Engine
) -> None:
    (first, first_server), (second, second_server), (third, third_server) = (start(lease=2) for _ in range(3))
    chat = first.topic("chat")
    left: list[Member] = []
    chat.member_left.connect(left.append)
    joined = (
        chat.join(world.connect(first_server)[1]),
        second.topic("chat").join(world.connect(second_server)[1], member={"name": "bob"}),
    )
    world.until(lambda: all(one.is_done for one in joined) and chat.members)
    kind.forget(engine.url)
    late = third.topic("chat")
    late.join(world.connect(third_server)[1])
    world.until(lambda: late.is_live and late.members, seconds=15)
    assert not left
    assert chat.members == late.members


def test_who_joins_leaves_and_joins_again_at_once_hears_the_others(world: World, start: Start) -> None:
    (first, first_server), (second, _) = start(), start()
    ann, peer = world.connect(first_server)
    chat = first.topic("chat")
    chat.join(peer)
    chat.leave(peer)
    joined = chat.join(peer)
    world.until(lambda: joined.is_done)
    chats = second.topic("chat")
    for text in ("one", "two"):
        published = chats.publish(text)
        world.until(lambda published=published: published.is_done)
        assert world.received(ann, 1) == [text]


def test_a_message_over_the_limit_of_the_broker_is_refused(world: World, start: Start) -> None:
    rooms, server = start()
    assert rooms.link is not None
    limit = rooms.link.broker.max_size
    if limit > 64 << 20:
        pytest.skip("this broker takes more than a test should send")
    for history in (None, LONG):
        with pytest.raises(MessageTooLargeError, match="limit of the broker"):
            rooms.topic(f"chat {history}", history=history).publish(bytes(limit))
    ann, peer = world.connect(server)
    chat = rooms.topic("chat", history=LONG)
    joined = chat.join(peer)
    world.until(lambda: joined.is_done)
    chat.publish(bytes(limit - 10))
    assert len(world.received(ann, 1)[0]) == limit - 10


def test_where_no_broker_is_attaching_fails(world: World, kind: Kind) -> None:
    with pytest.raises(BrokerUnavailableError, match=r"answers at 127\.0\.0\.1"):
        world.worker(Rooms(kind.broker(kind.url_of(free_port()))))


def test_a_broker_that_is_none_is_refused(world: World, kind: Kind) -> None:
    other = World()
    server = other.worker(Rooms())  # which speaks HTTP
    with pytest.raises(BrokerUnavailableError):
        world.worker(Rooms(kind.broker(kind.url_of(server.port))))
    other.close()


def test_wrong_credentials_are_named(world: World, kind: Kind, tmp_path: Path) -> None:
    engine = kind.engine(tmp_path)
    engine.options = kind.with_password
    engine.start()
    try:
        with pytest.raises(BrokerRefusedError, match="credentials"):
            world.worker(Rooms(kind.broker(engine.url.replace("://", "://ann:wrong@"))))
    finally:
        engine.close()


def test_an_address_that_is_none_is_refused(kind: Kind) -> None:
    with pytest.raises(InvalidOptionError, match="://HOST:PORT"):
        kind.broker("http://localhost")


class Deaf:
    """A listener that does nothing."""

    def on_message(self, channel: Channel, entry: Entry) -> None:
        """Take a message."""

    def on_gap(self, channel: Channel) -> None:
        """Note a gap."""

    def on_lost(self, error: Exception) -> None:
        """Note that the connection is lost."""

    def on_connected(self) -> None:
        """Note that it is made again."""


class Hearing(Deaf):
    """A listener that keeps what it hears."""

    def __init__(self) -> None:
        self.heard: asyncio.Queue[bytes] = asyncio.Queue()

    def on_message(self, channel: Channel, entry: Entry) -> None:
        """Take a message."""
        self.heard.put_nowait(entry.data)


def test_the_last_of_calls_that_overlap_says_whether_a_channel_is_subscribed_to(kind: Kind, engine: Engine) -> None:
    async def main() -> list[bytes]:
        broker, listener = kind.broker(engine.url), Hearing()
        await broker.start("game", listener)
        one, other = Channel("plain", "one"), Channel("plain", "other")
        calls = (broker.subscribe(one), broker.unsubscribe(one), broker.subscribe(one))
        await asyncio.gather(*calls, broker.subscribe(other), broker.unsubscribe(other))
        for text in (b"a", b"b"):
            await broker.publish(other, b"not heard")
            await broker.publish(one, text)
        heard = [await asyncio.wait_for(listener.heard.get(), 30) for _ in range(2)]
        await broker.stop()
        return heard

    assert asyncio.run(main()) == [b"a", b"b"]


def test_a_broker_that_is_stopped_while_it_connects_anew_leaves_no_connection(kind: Kind, engine: Engine) -> None:
    async def main() -> None:
        for turns in range(40):
            broker = kind.broker(engine.url)
            await broker.start("game", Deaf())
            broker.reset()
            for _ in range(turns):
                await asyncio.sleep(0)
            await broker.stop()
            del broker
            gc.collect()

    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        asyncio.run(main())
        gc.collect()
    assert [str(one.message) for one in warned if one.category is ResourceWarning] == []
