"""WebSocketMultiplayerPeer: the common base of client and server (Godot 3 `WebSocketMultiplayerPeer`)."""

from __future__ import annotations

from abc import abstractmethod
from collections import deque
from functools import partial
from itertools import repeat
from typing import TYPE_CHECKING, Final

from ..errors import Error, InvalidOptionError, InvalidStateError, NoPacketError, NotMultiplayerError, WebSocketError
from ..packet_peer import PacketPeer, power_of_two
from ..peer.settings import ConnectionSettings
from ..protocol.rules import as_bytes
from ..protocol.vocabulary import NamedNumber
from ..signals import Signal
from .dialects import ALL, SERVER

if TYPE_CHECKING:
    from collections.abc import Callable

    from typing_extensions import Buffer

    from ..peer.links import Event, Link
    from ..peer.websocket_peer import WebSocketPeer
    from ..protocol.options import Options
    from ..protocol.vocabulary import CloseStatus
    from .dialects import Dialect
    from .hub import Session

_OK: Final = Error.OK
_KIB = 1024
_DIALECT = 3


class ConnectionStatus(NamedNumber):
    """Godot `NetworkedMultiplayerPeer.ConnectionStatus`."""

    DISCONNECTED = 0
    CONNECTING = 1
    CONNECTED = 2


class TransferMode(NamedNumber):
    """Godot `NetworkedMultiplayerPeer.TransferMode`; over WebSocket every packet is reliable and in order."""

    UNRELIABLE = 0
    UNRELIABLE_ORDERED = 1
    RELIABLE = 2


class WebSocketMultiplayerPeer(PacketPeer, ConnectionSettings):
    """A client or a server of one or of many connections.

    It reports events by signals, which are emitted in `poll()`. It sends and receives packets itself only in
    multiplayer mode; otherwise use the peers of its connections, which `get_peer()` returns.

    In multiplayer mode, `peer_connected(id)` and `peer_disconnected(id)` report which peers come and go, and
    `peer_packet(source)` every packet. `peer_error(id, error)` reports a peer that broke a rule or was too slow; its
    packet was dropped (Godot prints a line). `max_queued_packets` and `inbound_buffer_size` bound the packets that
    wait; so fetch them, even on a server that only relays.
    """

    TARGET_PEER_BROADCAST = ALL
    TARGET_PEER_SERVER = SERVER
    CONNECTION_DISCONNECTED = ConnectionStatus.DISCONNECTED
    CONNECTION_CONNECTING = ConnectionStatus.CONNECTING
    CONNECTION_CONNECTED = ConnectionStatus.CONNECTED
    TRANSFER_MODE_UNRELIABLE = TransferMode.UNRELIABLE
    TRANSFER_MODE_UNRELIABLE_ORDERED = TransferMode.UNRELIABLE_ORDERED
    TRANSFER_MODE_RELIABLE = TransferMode.RELIABLE

    def __init__(self, options: Options) -> None:
        PacketPeer.__init__(self)
        ConnectionSettings.__init__(self, options)
        failed = self._on_task_failed
        self.peer_connected: Signal[int] = Signal(failed)
        self.peer_disconnected: Signal[int] = Signal(failed)
        self.peer_packet: Signal[int] = Signal(failed)
        self.peer_error: Signal[int, WebSocketError] = Signal(failed)
        # Used by clients only, but in Godot both have them.
        self.connection_succeeded: Signal[()] = Signal()
        self.connection_failed: Signal[()] = Signal()
        self.server_disconnected: Signal[()] = Signal()
        self._target = ALL
        self._session: Session | None = None
        self._events: deque[Event] = deque()

    @abstractmethod
    def poll(self) -> None:
        """Do all work that needs no waiting, and emit the signals of what happened."""

    @abstractmethod
    def get_peer(self, id: int) -> WebSocketPeer:  # noqa: A002  Godot's name
        """Return the peer of a connection. Raises NoSuchPeerError."""

    @abstractmethod
    def get_connection_status(self) -> ConnectionStatus:
        """Return the status (Godot)."""

    @abstractmethod
    def is_server(self) -> bool:
        """Tell whether this is a server (Godot)."""

    @abstractmethod
    def get_unique_id(self) -> int:
        """Return the id in the multiplayer session: 1 for the server, 0 for a client without an id (Godot)."""

    def set_buffers(
        self,
        input_buffer_size_kb: int,
        input_max_packets: int,
        output_buffer_size_kb: int,
        output_max_packets: int,
    ) -> None:
        """Limit what may wait in each direction of a connection, in KiB and in packets (Godot 3).

        As in Godot, numbers are rounded up to the next power of two. The properties `inbound_buffer_size`,
        `max_queued_packets`, `outbound_buffer_size` and `max_outbound_packets` take any number.

        Raises:
            InvalidOptionError: a number is not a whole one from 1 on.
            InvalidStateError: there is a connection, or it listens.

        """
        if self.get_connection_status() is not ConnectionStatus.DISCONNECTED:
            raise InvalidStateError("set_buffers() is for before it connects or listens: disconnect or stop it first")
        sizes = (input_buffer_size_kb, input_max_packets, output_buffer_size_kb, output_max_packets)
        for size in sizes:
            if not isinstance(size, int) or size < 1:
                raise InvalidOptionError(f"set_buffers() takes whole numbers from 1 on, not {size!r}")
        inbound, packets, outbound, outbound_packets = map(power_of_two, sizes)
        self.inbound_buffer_size = inbound * _KIB
        self.max_queued_packets = packets
        self.outbound_buffer_size = outbound * _KIB
        self.max_outbound_packets = outbound_packets

    @property
    def transfer_mode(self) -> TransferMode:
        """RELIABLE; WebSocket has no other mode, so others are refused (Godot)."""
        return TransferMode.RELIABLE

    @transfer_mode.setter
    def transfer_mode(self, mode: TransferMode) -> None:
        if mode != TransferMode.RELIABLE:
            raise InvalidOptionError("over WebSocket the transfer mode is TRANSFER_MODE_RELIABLE, always")

    # Packets in multiplayer mode.

    def set_target_peer(self, id: int) -> None:  # noqa: A002
        """Let `put_packet()` send to one peer, to all (0, the default), or to all but one (-id) (Godot).

        1 is the server, so -1 is all but the server. A Godot server gets what is sent to -1 all the same; one of this
        package does not. In Godot 4's dialect a client reaches the server only.
        """
        if not isinstance(id, int) or not -(2**31) < id < 2**31:
            raise InvalidOptionError(f"a target is an id of 31 bits, 0, or a negative id, not {id!r}")
        self._target = id

    def get_packet_peer(self) -> int:
        """Return the sender of the next packet (Godot). Raises NoPacketError if there is none."""
        session = self._multiplayer()
        if not session.packet_count:
            raise NoPacketError("there is no packet whose sender could be told: connect to peer_packet")
        return session.next_source

    def get_available_packet_count(self) -> int:
        """Return how many packets can be fetched; they stay after the end, until the next session.

        Raises NotMultiplayerError, as `get_packet()` and `put_packet()` do.
        """
        return self._multiplayer().packet_count

    def get_packet(self) -> bytes:
        """Fetch the next packet; ask `get_packet_peer()` before for its sender. Raises NoPacketError."""
        packet = self._multiplayer().fetch()
        if packet is None:
            self._packet_error = Error.ERR_UNAVAILABLE
            raise NoPacketError("no packet of the session waits: connect to peer_packet, which is emitted for each")
        if self._packet_error is not _OK:
            self._packet_error = _OK
        return packet

    def put_packet(self, packet: Buffer) -> None:
        """Send a packet to the target that was set, as a binary message (Godot).

        Raises:
            NotMultiplayerError: this is not a multiplayer session.
            NoSuchPeerError: the target is not there, or is this program itself.
            NotConnectedError: the connection is not open, or the server has not given an id yet.
            OutboundBufferFullError: it does not fit for the one receiver, or it is larger than `outbound_buffer_size`;
                nothing was sent to any peer. Of many, one without room is no reason: a server's `slow_policy` says what
                happens to it, and `peer_error` tells of it.

        """
        self._multiplayer().put(self._target, as_bytes(packet))

    def _dialect(self, gd_mp_api: bool, version: int) -> Dialect | None:
        """Return the dialect of the new session, None for no session. Raises InvalidOptionError."""
        if not gd_mp_api:
            if version != _DIALECT:
                raise InvalidOptionError("dialect is that of a multiplayer session: give gd_mp_api=True as well")
            return None
        from .dialects import dialect_of

        return dialect_of(version)

    def _multiplayer(self) -> Session:
        if self._session is None:
            raise NotMultiplayerError(self._use_instead())
        return self._session

    @abstractmethod
    def _use_instead(self) -> str:
        """Return advice what to call without a multiplayer session."""

    # What happens on a connection becomes events, which are emitted at the end of a poll.

    @abstractmethod
    def _on_open(self, link: Link) -> Callable[[], object]: ...

    @abstractmethod
    def _on_message(self, link: Link) -> Callable[[], object]: ...

    @abstractmethod
    def _on_close_request(self, link: Link, status: CloseStatus) -> Callable[[], object]: ...

    @abstractmethod
    def _on_closed(self, link: Link, status: CloseStatus) -> Callable[[], object]: ...

    def _take_in(self, link: Link) -> bool:
        """Record the messages of a connection; return False if not all could be taken."""
        transport = link.transport
        session = self._session
        if transport.has_opened and not link.is_announced:
            link.is_announced = True
            if session is None:
                self._events.append((link, self._on_open(link), False))
            else:
                session.join(link)
        if session is not None:
            return session.take(link)
        new = transport.received_count - link.received
        if new:
            link.received += new
            self._events.extend(repeat((link, self._on_message(link), True), new))
        return True

    def _take_end(self, link: Link, status: CloseStatus) -> None:
        """Record the end of a connection that was open."""
        if status.by_other_side:
            self._events.append((link, self._on_close_request(link, status), False))
        if self._session is None:
            self._events.append((link, self._on_closed(link, status), False))
        else:
            self._session.leave(link)

    def _on_task_failed(self, exc: Exception, arguments: tuple[object, ...]) -> None:
        """Keep the exception of a coroutine function that was connected to a signal; the next poll raises it."""
        self._events.append((None, partial(_raise, exc), False))


def _raise(exc: Exception) -> None:
    raise exc
