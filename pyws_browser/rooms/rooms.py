"""Rooms: topics that peers join, within one process or, over a broker, in many."""

from __future__ import annotations

import logging
from functools import partial
from secrets import token_hex
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakValueDictionary

from ..errors import InvalidOptionError, InvalidStateError
from ..peer.slow_readers import checked_policy
from ..protocol.rules import CloseCode
from ..signals import Signal
from .errors import BrokerTimeoutError, BrokerUnavailableError, MessageTooLargeError
from .hosts import host_for
from .link import Link, Owner
from .payload import split_plain, with_origin
from .pending import Pending
from .topic import Topic
from .vocabulary import RoomsState, check_history, check_rooms_name, check_topic_name

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from types import TracebackType
    from typing import Self

    from ..peer.slow_readers import SlowPolicy
    from ..protocol.vocabulary import Message
    from .bridge import Bridge
    from .broker import Broker
    from .followed import Envelope
    from .hosts import Host, Peer
    from .vocabulary import Channel, Entry, History, Page, Position

_logger: Final = logging.getLogger("pyws_browser.rooms")

_START_TIME: Final = 15.0
_STOP_TIME: Final = 10.0
"""Seconds that a polled server's thread waits for a broker at the beginning, and at the end."""

_FEWEST_KEPT: Final = 64
_MOST_EXCLUDED: Final = 10_000

_LOST: Final = "the broker is lost, try again"


class Rooms(Owner):
    """Topics, to which the peers of a server are joined.

    Without a broker they are those of this process. With one, all that share its `name` are one, and this process is
    one worker among them. `lease` is how many seconds after its death the members of a worker have left for all, and a
    third of that is how long a worker may hear nothing until `state` is LOST. After `lost_limit` seconds of that its
    peers are closed with 1012, so that they connect to a worker that hears.

    `state_changed(state)` is emitted with a `RoomsState`. `peer_missed(peer, messages, bytes)` tells what a slow peer
    missed in topics whose `slow` is "drop", when it is slow no longer.

    Rooms belong to the thread of the server.
    """

    def __init__(
        self, broker: Broker | None = None, *, name: str = "rooms", lease: float = 10.0, lost_limit: float = 30.0
    ) -> None:
        for what, seconds in (("lease", lease), ("lost_limit", lost_limit)):
            if not isinstance(seconds, (int, float)) or not 0.5 <= seconds <= 86_400:
                raise InvalidOptionError(f"{what} is a number of seconds from 0.5 to 86,400, not {seconds!r}")
        self.name: str = check_rooms_name(name)
        self.worker: str = token_hex(4)
        """The id of this process among the workers."""
        self.state_changed: Signal[RoomsState] = Signal()
        self.peer_missed: Signal[Any, int, int] = Signal()
        self.has_broker: bool = broker is not None
        """Whether other workers may be there."""
        self.link: Link | None = None
        """What tells the broker; None before `attach()`, and without one. For the package's own use."""
        self._broker = broker
        self._lease = float(lease)
        self._lost_limit = float(lost_limit)
        self._state = RoomsState.CONNECTED if broker is None else RoomsState.CONNECTING
        self._hosts: list[Host] = []
        self._bridge: Bridge | None = None
        self._topics: WeakValueDictionary[str, Topic] = WeakValueDictionary()
        self._kept: set[Topic] = set()
        self._kept_limit = _FEWEST_KEPT
        self._joined: dict[Host, dict[object, list[Topic]]] = {}
        self._member_count = 0
        self._message_count = 0
        self._excluded: dict[str, tuple[Host, object]] = {}
        self._started: Pending[None] | None = None

    # Its beginning and its end.

    def attach(self, server: object) -> Pending[None]:
        """Let the peers of a server join topics: a `WebSocketServer`, or what `aio.serve()` gives.

        With a broker it connects to it: a polled server waits for that here, under asyncio `await` what this returns.

        Raises:
            InvalidOptionError: it is no server, is attached already, or is not of the kind of those before it.
            InvalidStateError: the rooms are closed.
            BrokerUnavailableError: nobody answers at the address of the broker, or something that is none.
            BrokerRefusedError: the broker refuses the credentials, or cannot do what rooms need.

        """
        self._check_open()
        host = host_for(server, self._hosts, self._on_left, self._on_missed)
        if host is not None:
            self._hosts.append(host)
        if self._broker is None:
            return Pending.of(None)
        if self._started is None and host is not None:
            self._start(self._broker, host)
        assert self._started is not None  # noqa: S101
        return self._started

    def _start(self, broker: Broker, host: Host) -> None:
        self._bridge = bridge = host.bridge()
        self.link = link = Link(broker, self.worker, self, bridge, lease=self._lease, lost_limit=self._lost_limit)
        self._started = started = Pending[None]()
        try:
            bridge.wait_for(partial(link.start, self.name), _START_TIME, partial(self._on_started, started))
        except BaseException:
            self._hosts.remove(host)
            host.detach()
            bridge.close()
            self._bridge = self._started = self.link = None
            raise

    def _on_started(self, started: Pending[None], result: object, error: BaseException | None) -> None:
        if isinstance(error, Exception):
            started.fail(error, "connecting to the broker")
        else:
            started.succeed(None)

    @property
    def state(self) -> RoomsState:
        """The state of the connection to the broker."""
        return self._state

    def close(self) -> Pending[None]:
        """Let all peers leave, and disconnect from the broker; under asyncio `await` what this returns.

        The connections of the peers stay open. The members of this worker have left for all others at once.
        """
        if self._state is RoomsState.CLOSED:
            return Pending.of(None)
        closed = Pending[None]()
        for host, handles in list(self._joined.items()):
            for handle in list(handles):
                self._on_left(host, handle)
        self._kept.clear()
        for host in self._hosts:
            host.detach()
        self._set_state(RoomsState.CLOSED)
        if self._bridge is None or self.link is None:
            closed.succeed(None)
        else:
            bridge = self._bridge
            try:
                bridge.wait_for(self.link.stop, _STOP_TIME, partial(self._on_stopped, bridge, closed))
            except BaseException:
                bridge.close()
                raise
        return closed

    def _on_stopped(self, bridge: Bridge, closed: Pending[None], result: object, error: BaseException | None) -> None:
        bridge.close()
        if isinstance(error, Exception):
            closed.fail(error, "disconnecting from the broker")
        else:
            closed.succeed(None)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    def __repr__(self) -> str:
        return f"<Rooms {self.name!r} {self._state.name}, worker {self.worker}>"

    # Topics.

    def topic(
        self,
        name: str,
        *,
        history: History | None = None,
        slow: SlowPolicy = "close",
        envelope: Envelope | None = None,
    ) -> Topic:
        """Return the topic of this name; it exists as soon as somebody joins it or publishes there.

        `history` says how much of it is kept, None for nothing: all workers have to say the same. `slow` is what
        happens to a peer that takes in too little (`WebSocketServer.slow_policy`). `envelope(message, position)`
        returns what the clients get of a message in a topic with history: so they learn the position that they resume
        from. These are those of the first call as long as the topic is used.

        Raises:
            InvalidTopicError: the name is empty, longer than 200 bytes of UTF-8, or not printable.
            InvalidOptionError: the others are not what they have to be, or differ from those of the topic.
            InvalidStateError: the rooms are closed.

        """
        self._check_open()
        checked_policy(slow)
        kept = check_history(history)
        if envelope is not None and (kept is None or not callable(envelope)):
            raise InvalidOptionError("envelope is a function of message and position, for a topic with a History")
        known = self._topics.get(check_topic_name(name))
        if known is not None:
            if known.history != kept or known.slow != slow:
                raise InvalidOptionError(
                    f"{name!r} is in use with history={known.history}, slow={known.slow!r}: ask for it with the same"
                )
            return known
        topic = Topic(self, name, kept, slow, envelope)
        self._topics[name] = topic
        return topic

    # What topics need of it.

    def handle_of(self, peer: Peer) -> tuple[Host, object]:
        """Return the server that a peer belongs to, and its handle there."""
        self._check_open()
        for host in self._hosts:
            handle = host.handle_of(peer)
            if handle is not None:
                return host, handle
        if not self._hosts:
            raise InvalidStateError("no server is attached: attach(server) first")
        raise InvalidOptionError(
            f"{peer!r} is no open connection of an attached server: attach() its server, and take the peer that "
            "get_peer(id), or the handler, gives"
        )

    def remember(self, host: Host, handle: object, topic: Topic) -> None:
        """Note that a peer joins a topic."""
        handles = self._joined.setdefault(host, {})
        topics = handles.get(handle)
        if topics is None:
            handles[handle] = topics = []
            host.watch(handle)
        topics.append(topic)
        self.keep_alive(topic)

    def forget(self, host: Host, handle: object, topic: Topic) -> None:
        """Note that a peer leaves a topic."""
        topics = self._joined.get(host, {}).get(handle)
        if topics is not None and topic in topics:
            topics.remove(topic)

    def keep_alive(self, topic: Topic) -> None:
        """Keep a topic as long as it is used, or messages are kept there."""
        self._kept.add(topic)
        if len(self._kept) > self._kept_limit:
            self._kept = {topic for topic in self._kept if topic.is_used or topic.has_log}
            self._kept_limit = max(2 * len(self._kept), _FEWEST_KEPT)

    def release(self, topic: Topic) -> None:
        """Note that a topic is not used."""
        if not topic.has_log:
            self._kept.discard(topic)

    def new_member_id(self) -> str:
        """Return an id that no other member has."""
        self._member_count += 1
        return f"{self.worker}/{self._member_count}"

    def check_size(self, data: bytes) -> None:
        """Raise MessageTooLargeError if the broker does not take so much."""
        if self._broker is not None and len(data) > self._broker.max_size:
            raise MessageTooLargeError(
                f"the broker takes messages of {self._broker.max_size} bytes at most, not {len(data)}: send less, or "
                "raise the limit of the broker"
            )

    def check_outbound(self, message: Message) -> None:
        """Raise OutboundBufferFullError if no peer could take the message."""
        for host in self._hosts:
            host.check(message)

    def send_plain(self, channel: Channel, count: int, data: bytes) -> Pending[Position | None]:
        """Publish a message of a topic without history."""
        outcome: Pending[Position | None] = Pending()
        what = f"publishing in {channel.name!r}, to other workers"
        if self.link is None or self._state is not RoomsState.CONNECTED:
            error = BrokerUnavailableError("the broker is away: only the peers of this worker got the message")
            outcome.fail(error, what, level=logging.DEBUG)
            return outcome
        data = with_origin(self.worker, count, data)
        self.call(partial(self.link.broker.publish, channel, data), partial(_settle, outcome, what))
        return outcome

    def send_kept(
        self, channel: Channel, data: bytes, id_: str, excluded: tuple[Host, object] | None
    ) -> Pending[Position | None]:
        """Publish a message of a topic with history."""
        outcome: Pending[Position | None] = Pending()
        what = f"publishing in {channel.name!r}"
        if self.link is None:
            outcome.fail(BrokerUnavailableError("no server is attached: attach(server) first"), what)
            return outcome
        if not id_:
            self._message_count += 1
            id_ = f"{self.worker}-{self._message_count}"
        if excluded is not None:
            self._excluded[id_] = excluded
            if len(self._excluded) > _MOST_EXCLUDED:
                del self._excluded[next(iter(self._excluded))]
        self.call(partial(self.link.keep, channel, data, id_), partial(_settle, outcome, what))
        return outcome

    def take_excluded(self, id_: str) -> tuple[Host, object] | None:
        """Return who is not to get the message with this id."""
        return self._excluded.pop(id_, None) if self._excluded else None

    def call(
        self,
        make: Callable[[], Coroutine[Any, Any, Any]],
        done: Callable[[Any, BaseException | None], object],
    ) -> None:
        """Run a coroutine beside the broker."""
        if self._bridge is not None:
            self._bridge.call(make, done)

    def run(self, function: Callable[[], object]) -> None:
        """Call a function beside the broker."""
        if self._bridge is not None:
            self._bridge.run(function)

    def follow(self, channel: Channel, after: Position | None, done: Callable[[Page | None], object]) -> None:
        """Subscribe to a channel, and read what is stored of it."""
        if self.link is None:
            return

        def finish(page: Page | None, error: BaseException | None) -> None:
            if error is not None:
                raise error  # a bug, for what a broker refuses was tried again
            done(page)

        self.run(partial(self.link.want, channel))
        self.call(partial(self.link.follow, channel, after), finish)

    def stop_following(self, *channels: Channel) -> None:
        """Subscribe to channels no longer."""
        if self.link is not None:
            for channel in channels:
                self.run(partial(self.link.drop, channel))

    def later(self, seconds: float, function: Callable[[], object]) -> None:
        """Call a function in the thread of the server, after a while."""
        if self.link is not None:
            self.run(partial(self.link.later, seconds, function))

    # What the link tells.

    def on_message(self, channel: Channel, entry: Entry) -> None:
        """Take a message."""
        topic = self._topics.get(channel.name)
        if topic is not None and self._state is not RoomsState.CLOSED:
            topic.on_message(channel, split_plain(entry) if channel.kind == "plain" else entry)

    def on_gap(self, channel: Channel | None) -> None:
        """Note that messages of a channel may be lost, None for all of them."""
        for topic in list(self._kept):
            if topic.is_used and (channel is None or channel.name == topic.name):
                topic.on_gap()

    def on_state(self, state: RoomsState) -> None:
        """Note the state of the connection."""
        if self._state is not RoomsState.CLOSED:
            if state is RoomsState.LOST:
                _logger.warning("the broker is lost: other workers get nothing from here, nor this one from them")
            self._set_state(state)

    def on_workers_gone(self, workers: list[str]) -> None:
        """Let the members of workers leave."""
        for topic in list(self._kept):
            topic.on_workers_gone(workers)

    def on_deaf(self) -> None:
        """Send the peers to a worker that hears."""
        for host, handles in list(self._joined.items()):
            for handle in list(handles):
                host.close(handle, CloseCode.SERVICE_RESTART, _LOST)

    # What the servers tell.

    def _on_left(self, host: Host, handle: object) -> None:
        for topic in self._joined.get(host, {}).pop(handle, ()):
            topic.drop(host, handle)

    def _on_missed(self, peer: object, messages: int, size: int) -> None:
        self.peer_missed.emit(peer, messages, size)

    def _set_state(self, state: RoomsState) -> None:
        if state is not self._state:
            self._state = state
            self.state_changed.emit(state)

    def _check_open(self) -> None:
        if self._state is RoomsState.CLOSED:
            raise InvalidStateError("the rooms are closed: make other ones")


def _settle(
    outcome: Pending[Position | None], what: str, position: Position | None, error: BaseException | None
) -> None:
    if error is None:
        outcome.succeed(position)
    else:
        outcome.fail(error if isinstance(error, Exception) else BrokerTimeoutError(str(error)), what)
