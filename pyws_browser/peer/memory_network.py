"""Connections in memory: peers of one process that talk to each other without a network.

For tests of programs that use this package. A `MemoryNetwork` is a world of its own: a listener takes a URL in it, and
peers made by it connect there. Everything else is as on a real connection, the states, limits and errors included; what
one side sends waits "on the wire" until the other side polls.

::

    network = MemoryNetwork()
    listener = network.listen("ws://game.example/lobby")
    client = network.peer()
    client.connect_to_url("ws://game.example/lobby")
    server = listener.accept()
    client.poll()
    client.send("hello")
    server.poll()
    assert server.receive() == "hello"
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from ..errors import (
    AlreadyConnectedError,
    ConnectError,
    HandshakeError,
)
from ..protocol.options import Options
from ..protocol.rules import check_subprotocols
from ..protocol.url import parse_url
from ..protocol.vocabulary import State
from ..transport.memory import MemoryTransport
from .websocket_peer import WebSocketPeer

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ..transport.base import Transport


class MemoryNetwork:
    """A world of URLs in which peers of this process find each other."""

    __slots__ = ("_listeners",)

    def __init__(self) -> None:
        self._listeners: dict[str, MemoryListener] = {}

    def listen(self, url: str, protocols: Iterable[str] = ()) -> MemoryListener:
        """Listen at `url`; `protocols` are the supported subprotocols.

        Raises AlreadyConnectedError if it is taken.
        """
        parsed = parse_url(url)
        key = str(parsed)
        if key in self._listeners:
            raise AlreadyConnectedError(f"{parsed.shown} is taken: close() its listener first, or take another URL")
        listener = self._listeners[key] = MemoryListener(self, key, check_subprotocols(protocols))
        return listener

    def peer(self, *, web_limits: bool | None = None) -> WebSocketPeer:
        """Return a peer that connects within this network."""
        return WebSocketPeer(web_limits=web_limits, connector=self.connect)

    def connect(self, url: str, options: Options) -> Transport:
        """Begin a connection; pass this method as the `connector` of a `WebSocketPeer`."""
        client = MemoryTransport(parse_url(url), options)
        listener = self._listeners.get(str(client.url))
        if listener is None:
            client.refuse(ConnectError(f"nobody listens at {client.url.shown} in this network"))
        else:
            listener.waiting.append(client)
        return client

    def forget(self, url: str) -> None:
        """Free a URL."""
        del self._listeners[url]


class MemoryListener:
    """The listener at a URL of a `MemoryNetwork`."""

    def __init__(self, network: MemoryNetwork, url: str, protocols: tuple[str, ...]) -> None:
        self.waiting: deque[MemoryTransport] = deque()
        self._network = network
        self._url = url
        self._protocols = protocols

    def accept(self, options: Options | None = None) -> WebSocketPeer | None:
        """Return the server's side of the next connection, which is open, or None if no client waits.

        A client that offers only unsupported subprotocols is refused, and the next one is tried.
        """
        from ..peer.websocket_peer import WebSocketPeer

        while self.waiting:
            client = self.waiting.popleft()
            if client.ready_state is not State.CONNECTING:
                continue
            offered = client.options.subprotocols
            chosen = next((name for name in offered if name in self._protocols), "")
            if not chosen and (offered or self._protocols):
                client.refuse(HandshakeError("the server refused: no subprotocol is known to both sides", 400))
                continue
            server = MemoryTransport(client.url, options or Options())
            server.link(client.wire, chosen)
            client.link(server.wire, chosen)
            server.poll()
            return WebSocketPeer.from_transport(server)
        return None

    def close(self) -> None:
        """Stop listening, and refuse the peers that wait."""
        self._network.forget(self._url)
        while self.waiting:
            self.waiting.popleft().refuse(ConnectError("the listener was closed"))
