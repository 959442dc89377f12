"""Connections between an engine and this package, in both roles."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from pyws_browser import Signal, WebSocketClient, WebSocketPeer, WebSocketServer

from ..support import pump
from .engine import Engine, Thing


def free_port() -> int:
    """Return a port for an engine to listen at, which cannot tell one that the system chose."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def log_of(owner: WebSocketClient | WebSocketServer) -> list[tuple[Any, ...]]:
    """Return a list that grows by what the signals say."""
    log: list[tuple[Any, ...]] = []
    for name, signal in vars(owner).items():
        if isinstance(signal, Signal):
            signal.connect(lambda *arguments, name=name: log.append((name, *arguments)))
    return log


class Pair:
    """A connection: `thing` is the engine's end, `owner` this package's, and the ids are those of their peers."""

    our_closed: str
    their_close_request: str
    their_closed: str

    def __init__(self, engine: Engine, thing: Thing, owner: WebSocketClient | WebSocketServer) -> None:
        self.engine = engine
        self.thing = thing
        self.owner = owner
        self.log = log_of(owner)
        self.thing_id = 1
        self.owner_id = 1

    def connect(self, protocols: Sequence[str] = (), offered: Sequence[str] = ()) -> None:
        """Let the server listen, and the client connect to it."""
        raise NotImplementedError

    @property
    def peer(self) -> WebSocketPeer:
        return self.owner.get_peer(self.owner_id)

    def their(self, method: str, *arguments: Any) -> Any:
        """Call a method of the engine's peer."""
        return self.thing.peer(self.thing_id, method, *arguments)

    def arrived(self) -> WebSocketPeer:
        """Wait for a packet from the engine, and return the peer to fetch it from."""
        pump(self.owner, until=self.peer.get_available_packet_count)
        return self.peer

    def arrives(self, count: int) -> None:
        """Wait until the engine has been told of so many packets."""
        self.thing.wait("data_received", self.owner, count=count)


class EngineListens(Pair):
    our_closed = "connection_closed"
    their_close_request = "client_close_request"
    their_closed = "client_disconnected"

    def __init__(self, engine: Engine) -> None:
        self.client = WebSocketClient(web_limits=False)
        super().__init__(engine, engine.new("their server", "server"), self.client)

    def connect(self, protocols: Sequence[str] = (), offered: Sequence[str] = ()) -> None:
        """Let the engine listen."""
        port = free_port()
        assert self.thing.listen(port, list(protocols)) == 0
        self.client.connect_to_url(f"ws://127.0.0.1:{port}/", offered)
        self.thing_id = self.thing.wait("client_connected", self.owner)[0]
        pump(self.owner, until=lambda: self.log)


class EngineConnects(Pair):
    our_closed = "client_disconnected"
    their_close_request = "server_close_request"
    their_closed = "connection_closed"

    def __init__(self, engine: Engine) -> None:
        self.server = WebSocketServer()
        self.server.strict = True
        self.server.bind_ip = "127.0.0.1"
        super().__init__(engine, engine.new("their client", "client"), self.server)

    def connect(self, protocols: Sequence[str] = (), offered: Sequence[str] = ()) -> None:
        """Let the engine connect."""
        self.server.listen(0, protocols)
        assert self.thing.connect_to_url(f"ws://127.0.0.1:{self.server.port}/way?x=1", list(offered)) == 0
        self.thing.wait("connection_established", self.server)
        (self.owner_id,) = self.server.peer_ids


@pytest.fixture(params=[EngineListens, EngineConnects])
def pair(request: pytest.FixtureRequest, engine: Engine) -> Iterator[Any]:
    """A client and a server, not connected yet."""
    pair = request.param(engine)
    with pair.owner:
        yield pair
