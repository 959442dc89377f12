"""A connection as a client or a server sees it, and its pending events."""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic
from typing import TYPE_CHECKING, Final, TypeAlias

from .websocket_peer import WebSocketPeer

if TYPE_CHECKING:
    from ..packet_peer import PacketPeer
    from ..transport.base import Transport

EMIT_TIME: Final = 0.01
"""Seconds of a poll for emitting signals, which run the program's functions; the next poll goes on."""

GATHER_SIZE: Final = 64 * 1024
"""Bytes that a fan-out gathers for one connection."""

_LONGEST_ROW: Final = 64
_LONG: Final = 0.0005


class Clock:
    """Tells when the time for a repeated step of a poll is over; `row` steps are done between two looks."""

    __slots__ = ("_begun_at", "_seen_at", "row")

    def __init__(self) -> None:
        self.row: int = 1
        self._begun_at = self._seen_at = 0.0

    def is_over(self, seconds: float) -> bool:
        """Tell whether `seconds` have passed since the first call."""
        now = monotonic()
        if not self._seen_at:
            self._begun_at = now
        elif now - self._seen_at > _LONG:
            self.row = max(self.row // 4, 1)
        else:
            self.row = min(2 * self.row, _LONGEST_ROW)
        self._seen_at = now
        return now - self._begun_at >= seconds


class Link:
    """One connection as a client or a server sees it, and which of its events it has noted.

    The connection's peer takes over its owner's settings for Variants.
    """

    __slots__ = (
        "gather_limit",
        "gathered",
        "has_failed",
        "id",
        "is_announced",
        "peer",
        "received",
        "transport",
        "waiting",
    )

    def __init__(
        self, id_: int, transport: Transport, owner: PacketPeer, kind: type[WebSocketPeer] = WebSocketPeer
    ) -> None:
        self.id: int = id_
        self.transport: Transport = transport
        self.peer: WebSocketPeer = kind.from_transport(transport)
        self.peer.variant_version = owner.variant_version
        self.peer.encode_buffer_max_size = owner.encode_buffer_max_size
        self.peer.allow_object_decoding = owner.allow_object_decoding
        self.received: int = 0
        self.is_announced: bool = False
        self.gather_limit: int = min(GATHER_SIZE, transport.options.outbound_buffer_size)
        """Gathered messages of this many bytes go out before the end of the poll."""
        self.gathered: int = 0
        """Bytes that a fan-out has gathered in the transport; 0 if it gathers nothing."""
        self.waiting: int = 0
        """How many unlimited events of it wait to be emitted (in a session)."""
        self.has_failed: bool = False
        """Whether a function of the program failed for this connection, whose messages emit no more signals."""


Event: TypeAlias = tuple["Link | None", Callable[[], object], bool]
"""What is due at the end of a poll: the connection that it is about, what to call, and whether it tells of a
message. Without a connection it is about the client or the server itself."""
