"""A client of the server: its connection, its peer, and the server's records of both."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING

from ..peer.links import Link
from ..peer.websocket_peer import WebSocketPeer
from ..transport.native import ServerTransport

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..packet_peer import PacketPeer
    from ..protocol.admission import Response
    from .places import Place


class ClientPeer(WebSocketPeer):
    """The peer of a client. The server polls it, and the program may, too."""

    id: int = 0
    """The id by which the server knows it."""

    on_change: Callable[[], object] | None = None
    """Called when the program's own poll took something that the descriptor no longer shows to the server."""

    def poll(self) -> None:
        """Do all work that needs no waiting; the server's next poll emits the signals."""
        transport = self._transport
        if self.on_change is None or not isinstance(transport, ServerTransport):
            super().poll()
            return
        before = _what_is_watched(transport)
        super().poll()
        if _what_is_watched(transport) != before:
            self.on_change()


def _what_is_watched(transport: ServerTransport) -> tuple[object, ...]:
    return (
        transport.received_count,
        transport.ready_state,
        transport.is_held_back,
        transport.wants_write,
        transport.deadline,
    )


class ServedClient(Link):
    """One connection from its acceptance on; `fd`, `interest` and `due` belong to `Watch`."""

    __slots__ = ("due", "fd", "interest", "is_opening", "is_over", "is_refused", "place", "was_asked")

    peer: ClientPeer
    transport: ServerTransport

    def __init__(
        self, id_: int, transport: ServerTransport, owner: PacketPeer, place: Place, *, is_refused: bool
    ) -> None:
        super().__init__(id_, transport, owner, ClientPeer)
        self.peer.id = id_
        self.place: Place = place
        self.is_refused: bool = is_refused
        """Whether it stays only until it has its refusal."""
        self.is_opening: bool = True
        self.fd: int = transport.fileno()
        self.interest: int = 0
        self.due: float = inf
        self.is_over: bool = False
        """Whether its end was recorded."""
        self.was_asked: bool = False
        """Whether the program was asked about its request."""

    def end(self) -> None:
        """Record the end of the connection, and drop the functions that refer to the server: they form a cycle."""
        self.is_over = True
        self.place.give_back()
        self.peer.on_change = None
        self.transport.set_wakeup(None)
        self.transport.on_release = None

    def begin_to_close(self, code: int, reason: str, not_now: Response) -> None:
        """Begin to close the connection; answer a request that waits for the program with `not_now`."""
        request = self.transport.request
        if request is not None and not request.is_answered:
            request.reject(not_now)
        else:
            self.peer.close(code, reason)

    def waits_for_its_client(self) -> bool:
        """Tell whether a handshake waits for the client, and not for the program."""
        return self.transport.request is None and not self.transport.is_streaming
