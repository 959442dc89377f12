"""The servers whose peers join topics: what rooms need of a polled server, and of one under asyncio."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol, cast

from ..aio.broadcasting import broadcast
from ..aio.connection import Connection
from ..aio.server import Server
from ..errors import InvalidOptionError
from ..peer.websocket_peer import WebSocketPeer
from ..server.websocket_server import WebSocketServer
from .bridge import LoopBridge, ThreadBridge

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from ..peer.links import Link
    from ..peer.slow_readers import SlowPolicy
    from ..protocol.vocabulary import Message
    from .bridge import Bridge

    Peer = Any  # a WebSocketPeer of a server, or an aio.Connection


class Host(Protocol):
    """A server. A handle stands for one of its peers."""

    def handle_of(self, peer: object) -> object | None:
        """Return the handle of a peer that is open; None if it is none of this server."""

    def watch(self, handle: object) -> None:
        """Have `on_left(handle)` called once the peer has closed."""

    def send(
        self, handles: Collection[object], message: Message, without: object | None, slow: SlowPolicy, key: object
    ) -> None:
        """Send a message to peers, but to `without`."""

    def check(self, message: Message) -> None:
        """Raise OutboundBufferFullError if the message is too large for any peer."""

    def close(self, handle: object, code: int, reason: str) -> None:
        """Begin to close the connection of a peer."""

    def bridge(self) -> Bridge:
        """Return what calls a broker."""

    def detach(self) -> None:
        """Let go of the server."""


class PolledHost:
    """A `WebSocketServer`. The handle of a peer is its `Link`."""

    def __init__(
        self,
        server: WebSocketServer,
        on_left: Callable[[Host, object], object],
        on_missed: Callable[[object, int, int], object],
    ) -> None:
        self.server = server
        self._on_left = on_left
        self._on_missed = on_missed
        self._links: dict[int, Link] = {}  # of those that are watched, by their ids
        self._leave = self._on_disconnected  # methods are made anew whenever they are asked for
        self._miss = self._on_client_missed
        server.client_disconnected.connect(self._leave)
        server.client_missed.connect(self._miss)

    def handle_of(self, peer: object) -> Link | None:
        """Return the handle of an open peer of this server."""
        return self.server.link_of(peer) if isinstance(peer, WebSocketPeer) else None

    def watch(self, handle: object) -> None:
        """Have the end of a peer told."""
        link = cast("Link", handle)
        self._links[link.id] = link

    def send(
        self, handles: Collection[object], message: Message, without: object | None, slow: SlowPolicy, key: object
    ) -> None:
        """Send a message to peers."""
        links = cast("Collection[Link]", handles)
        if without is not None:
            links = [link for link in links if link is not without]
        self.server.fan_out(links, message, slow, key)

    def check(self, message: Message) -> None:
        """Raise OutboundBufferFullError if the message is too large for any peer."""
        self.server.check_outbound(message)

    def close(self, handle: object, code: int, reason: str) -> None:
        """Begin to close the connection of a peer."""
        cast("Link", handle).peer.close(code, reason)

    def bridge(self) -> Bridge:
        """Return what calls a broker."""
        return ThreadBridge(self.server)

    def detach(self) -> None:
        """Let go of the server."""
        self.server.client_disconnected.disconnect(self._leave)
        self.server.client_missed.disconnect(self._miss)

    def _on_disconnected(self, id_: int, was_clean: bool) -> None:
        link = self._links.pop(id_, None)
        if link is not None:
            self._on_left(self, link)

    def _on_client_missed(self, id_: int, messages: int, size: int) -> None:
        self._on_missed(self.server.get_peer(id_), messages, size)


class AioHost:
    """Servers of `aio.serve()` on one event loop. The handle of a connection is itself."""

    def __init__(
        self, on_left: Callable[[Host, object], object], on_missed: Callable[[object, int, int], object]
    ) -> None:
        self._on_left = on_left
        self._on_missed = on_missed
        self._loop = asyncio.get_running_loop()

    def handle_of(self, peer: object) -> Connection | None:
        """Return the handle of an open peer of this server."""
        return peer if isinstance(peer, Connection) and peer.loop is self._loop else None

    def watch(self, handle: object) -> None:
        """Have the end of a peer told."""
        cast(Connection, handle).when_closed(partial(self._on_left, self))

    def send(
        self, handles: Collection[object], message: Message, without: object | None, slow: SlowPolicy, key: object
    ) -> None:
        """Send a message to peers."""
        connections = cast("Collection[Connection]", handles)
        if without is not None:
            connections = [connection for connection in connections if connection is not without]
        broadcast(connections, message, slow=slow, key=cast(Any, key), on_missed=self._on_missed)

    def check(self, message: Message) -> None:
        """Do nothing: there is no limit."""

    def close(self, handle: object, code: int, reason: str) -> None:
        """Begin to close the connection of a peer."""
        cast(Connection, handle).begin_to_close(code, reason)

    def bridge(self) -> Bridge:
        """Return what calls a broker."""
        return LoopBridge()

    def detach(self) -> None:
        """Do nothing: connections that close tell it, and nobody listens any more."""


def host_for(
    server: object,
    hosts: list[Host],
    on_left: Callable[[Host, object], object],
    on_missed: Callable[[object, int, int], object],
) -> Host | None:
    """Return the host of a server, None if one of `hosts` is. Raises InvalidOptionError for what is no server."""
    if isinstance(server, WebSocketServer):
        if any(isinstance(host, AioHost) for host in hosts):
            raise InvalidOptionError("these rooms have servers of asyncio: give a polled server Rooms of its own")
        if any(isinstance(host, PolledHost) and host.server is server for host in hosts):
            raise InvalidOptionError("the server is attached already")
        return PolledHost(server, on_left, on_missed)
    if isinstance(server, Server):
        if any(isinstance(host, PolledHost) for host in hosts):
            raise InvalidOptionError("these rooms have polled servers: give a server of asyncio Rooms of its own")
        return None if hosts else AioHost(on_left, on_missed)
    raise InvalidOptionError(f"attach() takes a WebSocketServer, or what aio.serve() gives, not {server!r}")
