"""The wire formats of multiplayer sessions: that of Godot 3's `gd_mp_api`, and that of Godot 4.

- Godot 3 puts every packet into an envelope of 9 bytes: its kind, its sender and its target. The server tells the
  clients of each other, and relays what one sends to the others.
- Godot 4 sends the client its id as the first message, and bare packets from then on. They go from a client to the
  server or from the server to clients; there is no relay.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from enum import IntEnum
from struct import Struct
from typing import Final, NamedTuple

from ..errors import InvalidOptionError, MultiplayerProtocolError

ALL: Final = 0
"""The target that stands for all peers (Godot `TARGET_PEER_BROADCAST`)."""

SERVER: Final = 1
"""The server's id (Godot `TARGET_PEER_SERVER`)."""

_HEAD = Struct("<Bii")
_ID = Struct("<i")


class Kind(IntEnum):
    """The kinds of envelopes. A client may send only DATA."""

    DATA = 0
    ADD = 1
    REMOVE = 2
    ID = 3


class Envelope(NamedTuple):
    """One message; `peer` is the peer that it concerns, unless it is DATA."""

    kind: Kind
    source: int = SERVER
    target: int = ALL
    data: bytes = b""
    peer: int = 0


def reaches(target: int, id_: int) -> bool:
    """Tell whether a packet with this target is for the peer `id_`."""
    return target in (ALL, id_) or (target < 0 and target != -id_)


class Dialect(ABC):
    """The bytes that pass between a server and its clients."""

    version: int
    """The Godot that speaks it."""
    has_relay: bool
    """Whether the server passes on what clients send to each other."""

    @abstractmethod
    def notice(self, kind: Kind, id_: int) -> bytes | None:
        """Return the server's message about a peer, None if this dialect has none."""

    @abstractmethod
    def pack(self, source: int, target: int, data: bytes) -> bytes:
        """Return the message that carries a packet."""

    @abstractmethod
    def from_client(self, client: int, message: bytes) -> Envelope:
        """Parse a client's message. Raises MultiplayerProtocolError."""

    @abstractmethod
    def from_server(self, message: bytes, own_id: int) -> tuple[Envelope, ...]:
        """Parse the server's message; `own_id` is 0 until it is known. Raises MultiplayerProtocolError."""


class Godot3(Dialect):
    """Envelopes."""

    version = 3
    has_relay = True

    def notice(self, kind: Kind, id_: int) -> bytes:
        """Return an envelope with the id as its data."""
        return _HEAD.pack(kind, SERVER, ALL) + _ID.pack(id_)

    def pack(self, source: int, target: int, data: bytes) -> bytes:
        """Return an envelope."""
        return _HEAD.pack(Kind.DATA, source, target) + data

    def from_client(self, client: int, message: bytes) -> Envelope:
        """Read an envelope and check that it is the client's own."""
        kind, source, target = self._head(message)
        if kind != Kind.DATA:
            raise MultiplayerProtocolError(f"a client sent an envelope of type {kind}, and only 0 is for clients")
        if source != client:
            raise MultiplayerProtocolError(f"client {client} sent an envelope in the name of {source}")
        return Envelope(Kind.DATA, source, target, message[_HEAD.size :])

    def from_server(self, message: bytes, own_id: int) -> tuple[Envelope, ...]:
        """Read an envelope."""
        kind, source, target = self._head(message)
        data = message[_HEAD.size :]
        if kind == Kind.DATA:
            return (Envelope(Kind.DATA, source, target, data),)
        if kind > Kind.ID or len(data) < _ID.size:
            raise MultiplayerProtocolError(f"the server sent an envelope of type {kind} with {len(data)} bytes of data")
        return (Envelope(Kind(kind), peer=_checked_id(data[: _ID.size], above=int(kind == Kind.ID))),)

    def _head(self, message: bytes) -> tuple[int, int, int]:
        if len(message) < _HEAD.size:
            raise MultiplayerProtocolError(f"an envelope has {_HEAD.size} bytes or more, and {len(message)} came")
        kind, source, target = _HEAD.unpack_from(message)
        return kind, source, target


class Godot4(Dialect):
    """The id, then bare packets."""

    version = 4
    has_relay = False

    def notice(self, kind: Kind, id_: int) -> bytes | None:
        """Return the message that tells a client its id; this dialect has none about other peers."""
        return _ID.pack(id_) if kind is Kind.ID else None

    def pack(self, source: int, target: int, data: bytes) -> bytes:
        """Return the packet."""
        return data

    def from_client(self, client: int, message: bytes) -> Envelope:
        """Return the packet; a client can only send to the server."""
        return Envelope(Kind.DATA, client, SERVER, message)

    def from_server(self, message: bytes, own_id: int) -> tuple[Envelope, ...]:
        """Read the id, or a packet."""
        if own_id:
            return (Envelope(Kind.DATA, data=message),)
        if len(message) != _ID.size:
            raise MultiplayerProtocolError(f"the server's first message is an id of 4 bytes, and {len(message)} came")
        id_ = _checked_id(message, above=SERVER)
        return (Envelope(Kind.ID, peer=id_), Envelope(Kind.ADD, peer=SERVER))


def _checked_id(data: bytes, *, above: int) -> int:
    id_: int = _ID.unpack(data)[0]
    if id_ <= above:
        raise MultiplayerProtocolError(f"the server sent {id_} where an id above {above} has to be")
    return id_


_DIALECTS: Final[dict[int, type[Dialect]]] = {3: Godot3, 4: Godot4}


def dialect_of(version: int) -> Dialect:
    """Return the dialect of a Godot. Raises InvalidOptionError."""
    if version not in _DIALECTS:
        raise InvalidOptionError(f"dialect is 3 or 4, the Godot that the other side is like, not {version!r}")
    return _DIALECTS[version]()
