"""A topic as a worker keeps it: who has joined, what is stored, and how both follow the broker."""

from __future__ import annotations

from abc import abstractmethod
from functools import partial
from typing import TYPE_CHECKING, Final

from ..errors import OutboundBufferFullError
from ..signals import Signal
from .following import Follower
from .log import Log
from .payload import MARKER, decode
from .presence import Presence
from .vocabulary import Channel, Member, Position

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from ..peer.slow_readers import SlowPolicy
    from ..protocol.vocabulary import Message
    from .hosts import Host
    from .joining import Waiting
    from .office import Office
    from .vocabulary import Entry, History, Page

    Envelope = Callable[[Message, Position], Message]

_SETTLE_TIME: Final = 3.0
"""Seconds for the other workers to say who is there, once the broker has lost it."""


class Followed:
    """What a topic does by itself; `Topic` adds what a program asks of it."""

    __slots__ = (
        "__weakref__",
        "_channel",
        "_counts",
        "_envelope",
        "_follower",
        "_generation",
        "_groups",
        "_is_plain_live",
        "_is_starting",
        "_joined_signal",
        "_left_signal",
        "_log",
        "_map",
        "_missed_signal",
        "_presence",
        "_published",
        "_rooms",
        "_waiting",
        "history",
        "name",
        "slow",
    )

    def __init__(
        self, rooms: Office, name: str, history: History | None, slow: SlowPolicy, envelope: Envelope | None
    ) -> None:
        self.name: str = name
        self.history: History | None = history
        self.slow: SlowPolicy = slow
        self._rooms = rooms
        self._envelope = envelope
        self._groups: dict[Host, dict[object, Member | None]] = {}
        self._missed_signal: Signal[Position | None, Position | None] | None = None
        self._joined_signal: Signal[Member] | None = None
        self._left_signal: Signal[Member] | None = None
        self._log = None if history is None else Log(history)
        self._presence: Presence | None = None
        self._waiting: dict[tuple[Host, object], Waiting] = {}  # by their servers and handles there
        self._is_starting = False  # what follows is for a broker only
        self._is_plain_live = False
        self._published = 0
        self._generation = 0  # of what was asked of the broker
        self._counts: dict[str, int] | None = None  # of plain messages, by the workers that published them
        self._follower: Follower | None = None
        self._channel = Channel("plain" if history is None else "log", name, history)
        self._map = Channel("map", name)
        if rooms.has_broker and self._log is not None:
            self._follower = Follower(self._log, self._deliver, self._tell_missed, self._ask_log)

    # Signals, which are made when they are asked for: most topics have no use for them.

    @property
    def missed(self) -> Signal[Position | None, Position | None]:
        """Emitted with `after` and `before` when messages between them are lost."""
        if self._missed_signal is None:
            self._missed_signal = Signal()
        return self._missed_signal

    @property
    def member_joined(self) -> Signal[Member]:
        """Emitted when somebody is present."""
        if self._joined_signal is None:
            self._joined_signal = Signal()
        return self._joined_signal

    @property
    def member_left(self) -> Signal[Member]:
        """Emitted when somebody is present no longer."""
        if self._left_signal is None:
            self._left_signal = Signal()
        return self._left_signal

    # The state.

    @property
    def members(self) -> tuple[Member, ...]:
        """Those who are present, at all workers; complete as long as a peer of this worker has joined."""
        return () if self._presence is None else tuple(self._presence.members.values())

    @property
    def peer_count(self) -> int:
        """How many peers of this worker have joined."""
        return sum(map(len, self._groups.values()))

    @property
    def position(self) -> Position | None:
        """The position of the newest message that is known here; None without history, or if none is known."""
        return self._log.position if self._log is not None and self._log.epoch else None

    @property
    def is_live(self) -> bool:
        """Whether everything that is published at other workers arrives here; True without a broker."""
        if not self._rooms.has_broker:
            return True
        is_live = self._is_plain_live if self._follower is None else self._follower.is_live
        return is_live and self._presence is not None and self._presence.is_live

    def __repr__(self) -> str:
        return f"<Topic {self.name!r} with {self.peer_count} peers>"

    @abstractmethod
    def _admit(self, waiting: Waiting) -> None:
        """Let a peer in that waited until the broker was read."""

    def _send(self, message: Message, excluded: tuple[Host, object] | None, key: str | None) -> None:
        for host, group in self._groups.items():
            without = excluded[1] if excluded is not None and excluded[0] is host else None
            host.send(group.keys(), message, without, self.slow, key)

    # What comes from the broker.

    def on_message(self, channel: Channel, entry: Entry) -> None:
        """Take a message; called by `Rooms`."""
        if channel.kind == "map":
            if self._presence is not None:
                self._presence.on_entry(entry)
        elif channel.kind == "log":
            if self._follower is not None:
                self._follower.on_entry(entry)
        elif entry.key != self._rooms.worker and self._is_starting:
            self._take_plain(entry)

    def _take_plain(self, entry: Entry) -> None:
        """Send a message of another worker to the peers here; those of one worker are counted."""
        if self._counts is None:
            self._counts = {}
        last = self._counts.get(entry.key)
        self._counts[entry.key] = entry.offset
        if last is not None and entry.offset != last + 1:
            self._tell_missed(None, None)
        message, key = decode(entry.data)
        self._try_to_send(message, key, None, None)

    def _deliver(self, entry: Entry) -> None:
        """Send a message of the history to the peers here."""
        excluded = self._rooms.take_excluded(entry.id)
        if entry.data == MARKER:
            return
        message, key = decode(entry.data)
        self._try_to_send(self._enveloped(message, entry), key, excluded, entry)

    def _enveloped(self, message: Message, entry: Entry) -> Message:
        return message if self._envelope is None else self._envelope(message, Position(entry.epoch, entry.offset))

    def _try_to_send(
        self, message: Message, key: str | None, excluded: tuple[Host, object] | None, entry: Entry | None
    ) -> None:
        try:
            self._send(message, excluded, key)
        except OutboundBufferFullError:  # another worker's limit was larger
            if entry is None:
                self._tell_missed(None, None)
            else:
                self._tell_missed(Position(entry.epoch, entry.before), Position(entry.epoch, entry.offset + 1))

    def on_gap(self) -> None:
        """Note that something may have been missed; called by `Rooms`."""
        if self._follower is None:
            if self._is_plain_live:
                self._tell_missed(None, None)
            self._counts = None
            if self._is_plain_live or not self._is_starting:
                self._is_plain_live = False
                self._ask_plain()
        else:
            self._follower.catch_up()
        if self._presence is not None:
            self._ask_map()

    def on_workers_gone(self, workers: Iterable[str]) -> None:
        """Note that the members of workers have left; called by `Rooms`."""
        if self._presence is None or self._rooms.link is None:
            return
        there = self._presence.workers()
        for worker in workers:
            if worker in there:
                self._presence.remove_worker(worker)
                self._rooms.call(partial(self._rooms.link.clear, self._map, worker), _ignore)

    @property
    def is_used(self) -> bool:
        """Whether somebody has joined, or is about to."""
        return bool(self._groups or self._waiting)

    @property
    def has_log(self) -> bool:
        """Whether messages are kept here and nowhere else."""
        if self._log is None or self._rooms.has_broker:
            return False
        self._log.trim()
        return self._log.floor < self._log.last

    def _tell_missed(self, after: Position | None, before: Position | None) -> None:
        if self._missed_signal is not None:
            self._missed_signal.emit(after, before)

    def _present(self) -> Presence:
        if self._presence is None:
            self._presence = Presence(self._rooms.worker, self._tell_joined, self._tell_left)
        return self._presence

    def _tell_joined(self, member: Member) -> None:
        if self._joined_signal is not None:
            self._joined_signal.emit(member)

    def _tell_left(self, member: Member) -> None:
        if self._left_signal is not None:
            self._left_signal.emit(member)

    def _start(self) -> None:
        """Follow the topic at the broker."""
        if self._is_starting:
            return
        self._is_starting = True
        self._present()
        if self._follower is None:
            self._ask_plain()
        else:
            self._follower.catch_up()
        self._ask_map()

    def _stop(self) -> None:
        """Follow the topic no longer: nobody is here."""
        self._rooms.release(self)
        if not self._is_starting:
            return
        self._generation += 1
        self._is_starting = False
        self._is_plain_live = False
        self._counts = None
        if self._follower is not None:
            self._follower.pause()
        self._presence = None
        self._rooms.stop_following(self._channel, self._map)

    def _ask_plain(self) -> None:
        self._rooms.follow(self._channel, None, partial(self._on_subscribed, self._generation))

    def _on_subscribed(self, generation: int, page: Page | None) -> None:
        if generation != self._generation:
            return
        self._is_plain_live = True
        self._look()

    def _ask_log(self, after: Position | None) -> None:
        self._rooms.follow(self._channel, after, partial(self._on_log, self._generation))

    def _on_log(self, generation: int, page: Page | None) -> None:
        if self._follower is not None and page is not None and generation == self._generation:
            self._follower.on_page(page)
            self._look()

    def _ask_map(self) -> None:
        if self._present().begin_reading():
            self._rooms.follow(self._map, None, partial(self._on_map, self._generation))

    def _on_map(self, generation: int, page: Page | None) -> None:
        if self._presence is None or page is None or generation != self._generation:
            return
        reading = self._presence.on_page(page)
        if reading.amiss and self._rooms.link is not None:
            self._rooms.run(partial(self._rooms.link.members.keep_again, self._map, reading.amiss))
        if reading.again:
            self._ask_map()
        if not reading.is_settled:
            self._rooms.later(_SETTLE_TIME, partial(self._ask_map_again, generation))
        self._know_workers()
        self._look()

    def _ask_map_again(self, generation: int) -> None:
        if generation == self._generation:
            self._ask_map()

    def _know_workers(self) -> None:
        if self._presence is not None and self._rooms.link is not None:
            self._rooms.run(partial(self._rooms.link.know, self._presence.workers()))

    def _look(self) -> None:
        """Let those in who wait, if everything is known."""
        if self.is_live:
            waiting, self._waiting = self._waiting, {}
            for one in waiting.values():
                self._admit(one)


def _ignore(result: object, error: BaseException | None) -> None:
    """Leave it: the keys are removed again by the next worker that finds them."""
