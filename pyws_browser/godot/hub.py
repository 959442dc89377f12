"""Multiplayer sessions over WebSocket, as Godot has them (`gd_mp_api`).

Theory of operation. The server is peer 1, and gives every client an id. A packet goes to a target: the id of one peer,
0 for all, or -id for all but one. The wire format is a `Dialect`, which handles bytes and nothing else.

A `Session` is what one program sees: `Hub` is the server's, `Membership` a client's. It takes messages out of the inbox
of a connection and keeps packets for the program up to the limits; the rest waits in the inbox, and TCP holds the
sender back.

This module and the dialects are loaded when a session begins, because most programs have no sessions.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from functools import partial
from typing import TYPE_CHECKING, Final, Protocol, TypeAlias, TypeVarTuple
from warnings import warn
from weakref import WeakMethod, proxy

from ..errors import (
    InboundOverflowError,
    MultiplayerProtocolError,
    NoSuchPeerError,
    NotConnectedError,
    OutboundBufferFullError,
    WebSocketError,
)
from ..peer.broadcasting import Fanout, is_there
from ..peer.links import Clock
from ..protocol.rules import CloseCode, encode_text
from .dialects import ALL, SERVER, Dialect, Envelope, Kind, reaches

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ..peer.links import Event, Link
    from ..peer.slow_readers import SlowPolicy
    from ..protocol.vocabulary import Message
    from ..signals import Signal

    Events: TypeAlias = deque[Event]

_Arguments = TypeVarTuple("_Arguments")

_MUST_ARRIVE: Final = "close"
"""The policy for the server's messages about peers: a client that misses one has a wrong view of the session."""


ENVELOPES_IN_A_ROW: Final = 128
"""The share of one client at a time: the packets of all clients wait for the program in one queue."""

TAKE_TIME: Final = 0.005
"""Seconds of a client's poll in which it takes envelopes; the next poll goes on."""

MANY_EVENTS: Final = 1024
"""While so many signals wait to be emitted, a client takes no more envelopes."""


class Owner(Protocol):
    """The client or the server that a session belongs to: its limits, and its signals."""

    max_queued_packets: int
    inbound_buffer_size: int
    outbound_buffer_size: int
    peer_packet: Signal[int]
    peer_error: Signal[int, WebSocketError]
    peer_connected: Signal[int]
    peer_disconnected: Signal[int]
    server_disconnected: Signal[()]
    connection_failed: Signal[()]
    connection_succeeded: Signal[()]


class Session(ABC):
    """The common part of server and client: the packets that wait for the program.

    `events` collects the calls that emit signals; the signals and the limits belong to the owner.
    """

    def __init__(self, owner: Owner, events: Events, dialect: Dialect) -> None:
        self.unique_id = 0
        """This program's own id, 0 as long as it has none."""
        # A weak reference, because its owner refers to it: an unreferenced client is freed at once.
        self._owner: Owner = proxy(owner)
        self._events = events
        self._dialect = dialect
        self._packets: deque[tuple[int, bytes]] = deque()
        self._size = 0

    # Called by the program.

    @property
    def packet_count(self) -> int:
        """How many packets can be fetched."""
        return len(self._packets)

    @property
    def next_source(self) -> int:
        """Who sent the packet that is fetched next; there is one."""
        return self._packets[0][0]

    def fetch(self) -> bytes | None:
        """Fetch a packet, None if there is none."""
        if not self._packets:
            return None
        _, data = self._packets.popleft()
        self._size -= len(data)
        return data

    @abstractmethod
    def put(self, target: int, data: bytes) -> None:
        """Send a packet; if it raises, nothing was sent to any peer."""

    # Events of a connection.

    @abstractmethod
    def join(self, link: Link) -> None:
        """Record that a connection is open."""

    @abstractmethod
    def take(self, link: Link) -> bool:
        """Take the messages of a connection; return False if there was no room for all of them."""

    @abstractmethod
    def leave(self, link: Link) -> None:
        """Record that a connection has ended; all its messages were taken."""

    @property
    def has_room(self) -> bool:
        """Whether another packet may be kept."""
        return len(self._packets) < self._owner.max_queued_packets and self._size < self._owner.inbound_buffer_size

    @property
    def is_half_full(self) -> bool:
        """Whether the packets that are kept take half of their room, or more."""
        owner = self._owner
        return 2 * len(self._packets) >= owner.max_queued_packets or 2 * self._size >= owner.inbound_buffer_size

    def forget(self, link: Link) -> None:
        """Drop the unfetched packets of a connection; no signal is emitted for them."""
        link.transport.inbox.clear()
        kept = [(source, data) for source, data in self._packets if source != link.id]
        self._packets.clear()
        self._packets.extend(kept)
        self._size = sum(len(data) for _, data in kept)

    def _keep(self, link: Link, source: int, data: bytes) -> None:
        self._packets.append((source, data))
        self._size += len(data)
        self._note(link, partial(self._owner.peer_packet.emit, source), True)

    def _tell(self, link: Link, signal: Signal[*_Arguments], *arguments: *_Arguments) -> None:
        self._events.append((link, partial(signal.emit, *arguments), False))

    def _report(self, link: Link, error: WebSocketError) -> None:
        self._note(link, partial(_report, self._owner.peer_error, link.id, error), False)

    def _note(self, link: Link, tell: Callable[[], object], is_message: bool) -> None:
        """Record an event that a client can cause any number of times; it counts until its signal is emitted."""
        link.waiting += 1
        self._events.append((link, partial(_tell_next, link, tell), is_message))


class Hub(Session):
    """The server's side."""

    def __init__(
        self,
        owner: Owner,
        events: Events,
        dialect: Dialect,
        links: Mapping[int, Link],
        fanout: Fanout,
    ) -> None:
        super().__init__(owner, events, dialect)
        self.unique_id = SERVER
        self._links = links
        self._fanout = fanout

    def put(self, target: int, data: bytes) -> None:
        """Send to one client or to several."""
        if target == SERVER:
            raise NoSuchPeerError("the server itself is peer 1: set_target_peer() to a client, or to 0 for all of them")
        message = self._dialect.pack(SERVER, target, data)
        receivers = self._receivers(SERVER, target)
        if target > SERVER:
            try:
                receivers[0].transport.send(message)
            except OutboundBufferFullError as exc:
                raise OutboundBufferFullError(f"peer {target} was not sent it: {exc}") from None
            return
        limit = self._owner.outbound_buffer_size
        if len(message) > limit:
            raise OutboundBufferFullError(
                f"nothing was sent to any peer: {len(message)} bytes exceed outbound_buffer_size, which is {limit}"
            )
        self._post(receivers, message)

    def join(self, link: Link) -> None:
        """Tell the new client its id, and announce it and the others to each other."""
        self._announce(link, Kind.ID, link.id)
        self._announce(link, Kind.ADD, SERVER)
        self._announce_to_all(link, Kind.ADD)
        for other in sorted(self._receivers(link.id, ALL), key=lambda other: other.id):
            self._announce(link, Kind.ADD, other.id)
        self._tell(link, self._owner.peer_connected, link.id)

    def take(self, link: Link) -> bool:
        """Relay and keep packets; a client gets at most half of the room that is left, and one row at a time.

        The next poll takes what is left in the inbox. Nothing is taken while the signals of a whole row wait.
        """
        if link.waiting >= ENVELOPES_IN_A_ROW:
            return False
        inbox = link.transport.inbox
        packets = self._packets
        most = _half_way(len(packets), self._owner.max_queued_packets)
        largest = _half_way(self._size, self._owner.inbound_buffer_size)
        for _ in range(min(len(inbox), ENVELOPES_IN_A_ROW)):
            message = _as_bytes(inbox[0])
            try:
                envelope = self._dialect.from_client(link.id, message)
                is_mine = reaches(envelope.target, SERVER)
                if is_mine and (len(packets) >= most or self._size >= largest):
                    return False
                if is_mine:
                    self._keep(link, link.id, envelope.data)
                self._relay(envelope, message)
            except (MultiplayerProtocolError, NoSuchPeerError, OutboundBufferFullError) as exc:
                self._report(link, exc)
            inbox.popleft()
        return not inbox

    def leave(self, link: Link) -> None:
        """Tell the others. Packets of a gone client that could not be kept are lost, which is reported."""
        inbox = link.transport.inbox
        if inbox:
            self._report(
                link,
                InboundOverflowError(
                    f"peer {link.id} is gone, and {len(inbox)} of its packets are lost because too many waited to be "
                    "fetched: fetch packets more often, or raise max_queued_packets or inbound_buffer_size"
                ),
            )
            inbox.clear()
        self._announce_to_all(link, Kind.REMOVE)
        self._tell(link, self._owner.peer_disconnected, link.id)

    def _relay(self, envelope: Envelope, message: bytes) -> None:
        if envelope.target == SERVER:
            return
        receivers = self._receivers(envelope.source, envelope.target)
        if len(message) > self._owner.outbound_buffer_size:
            raise OutboundBufferFullError(
                f"{len(message)} bytes are not relayed, for outbound_buffer_size is {self._owner.outbound_buffer_size}"
            )
        self._post(receivers, message)

    def _receivers(self, source: int, target: int) -> list[Link]:
        """Return the clients that get a packet. Raises NoSuchPeerError if the target does not exist."""
        if target > SERVER:
            link = self._links.get(target)
            if link is None or not is_there(link) or target == source:
                raise NoSuchPeerError(f"no other client has the id {target}: it may have just left")
            return [link]
        return [
            link for link in self._links.values() if link.id != source and reaches(target, link.id) and is_there(link)
        ]

    def _announce(self, link: Link, kind: Kind, id_: int) -> None:
        notice = self._dialect.notice(kind, id_)
        if notice is not None:
            self._post([link], notice, _MUST_ARRIVE)

    def _announce_to_all(self, whom: Link, kind: Kind) -> None:
        notice = self._dialect.notice(kind, whom.id)
        if notice is not None:
            self._post(self._receivers(whom.id, ALL), notice, _MUST_ARRIVE)

    def _post(self, links: list[Link], message: bytes, policy: SlowPolicy | None = None) -> None:
        """Send to all; a client that becomes slow is reported."""
        for link in self._fanout.send(links, message, policy):
            waiting, limit = link.transport.buffered_amount, link.transport.options.outbound_buffer_size
            self._report(
                link,
                OutboundBufferFullError(
                    f"peer {link.id} reads too slowly: {waiting} of the {limit} bytes of its outbound buffer wait, "
                    f"and {len(message)} more have no room; slow_policy says what happens to it"
                ),
            )


class Membership(Session):
    """A client's side of one connection."""

    def __init__(
        self,
        owner: Owner,
        events: Events,
        dialect: Dialect,
        link: Link,
        may_leave_rest: Callable[[], bool],
    ) -> None:
        super().__init__(owner, events, dialect)
        self._link = link
        # A weak reference: a method of the owner, which has this object, would form a reference cycle.
        self._ask_for_leave = WeakMethod(may_leave_rest)
        self._has_succeeded = False

    def _may_leave_rest(self) -> bool:
        ask = self._ask_for_leave()
        return ask is not None and ask()

    def put(self, target: int, data: bytes) -> None:
        """Send to the server, which passes it on."""
        if not self.unique_id:
            raise NotConnectedError("the server has not given this client an id: wait for connection_succeeded")
        if target == self.unique_id:
            raise NoSuchPeerError(f"{target} is this client's own id: set_target_peer() to another, or to 0 for all")
        if not self._dialect.has_relay and not reaches(target, SERVER):
            raise NoSuchPeerError("a client of Godot 4's dialect reaches nobody but the server: set_target_peer(1)")
        self._link.peer.send(self._dialect.pack(self.unique_id, target, data))

    def join(self, link: Link) -> None:
        """Wait for the id."""

    def take(self, link: Link) -> bool:
        """Keep packets, and record which peers come and go, as long as there is time; the next poll takes the rest.

        None is taken while many signals wait.
        """
        inbox = link.transport.inbox
        if len(self._events) >= MANY_EVENTS and self._may_leave_rest():
            return False
        clock = Clock()
        row = 1
        while inbox and self.has_room:
            if not row:
                if clock.is_over(TAKE_TIME) and self._may_leave_rest():
                    break
                row = clock.row
            row -= 1
            try:
                envelopes = self._dialect.from_server(_as_bytes(inbox.popleft()), self.unique_id)
            except MultiplayerProtocolError as exc:
                self._report(link, exc)
                if not self._dialect.has_relay and not self.unique_id:  # only the first message tells the id
                    link.peer.close(CloseCode.NORMAL_CLOSURE, "the first message was no id")
                    inbox.clear()
            else:
                for envelope in envelopes:
                    self._handle(envelope)
        return not inbox

    def leave(self, link: Link) -> None:
        """Report whether a session ended or never began."""
        self._tell(link, self._owner.server_disconnected if self._has_succeeded else self._owner.connection_failed)

    def _handle(self, envelope: Envelope) -> None:
        kind, source, _, data, peer = envelope
        link = self._link
        if kind is Kind.DATA:
            self._keep(link, source, data)
        elif kind is Kind.ID:
            self.unique_id = peer
        elif kind is Kind.REMOVE:
            self._tell(link, self._owner.peer_disconnected, peer)
        else:
            self._tell(link, self._owner.peer_connected, peer)
            if peer == SERVER and not self._has_succeeded:
                self._has_succeeded = True
                self._tell(link, self._owner.connection_succeeded)


def _tell_next(link: Link, tell: Callable[[], object]) -> None:
    link.waiting -= 1
    tell()


def _half_way(taken: int, limit: int) -> int:
    """Return half of the room that is left, which is what may be taken."""
    return taken + (limit - taken + 1) // 2


def _as_bytes(message: Message) -> bytes:
    """Return the bytes of an envelope, which may come as text too."""
    return encode_text(message) if isinstance(message, str) else message


def _report(signal: Signal[int, WebSocketError], id_: int, error: WebSocketError) -> None:
    """Emit `peer_error`, or log once for each kind that it is not connected: clients can cause any number."""
    if signal.has_connections():
        signal.emit(id_, error)
    else:
        kind = type(error).__name__
        warn(f"{kind} about a multiplayer peer: connect a function to peer_error to see it", RuntimeWarning, 2)
