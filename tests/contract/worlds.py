"""The places in which a contract case runs. A world gives out peers and URLs, and lets time pass."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Callable, Iterable

from pyws_browser import ConnectError, MemoryNetwork, State, WebSocketPeer
from pyws_browser.protocol.options import Options

from . import behaviours

TURN = 0.005 if sys.platform == "emscripten" else 0.001
"""Seconds between polls. In Pyodide less than 4 ms would not be waited at all: the loop would spin, and under load it
keeps the browser from delivering anything."""

LIMIT = 30.0
"""Seconds after which a case has failed; nothing here takes a fraction of it."""


class World:
    """A server somewhere, and peers here."""

    is_page = False
    """Whether a browser's limits hold."""

    holds_back = True
    """Whether a full queue holds the sender back."""

    quirks: frozenset[str] = frozenset()
    """In what the engine leaves the standard (`engine_quirks.py`)."""

    def __init__(self) -> None:
        self.peers: list[WebSocketPeer] = []
        self.connecting: dict[str, object] = {}
        """The arguments with which `aio.connect()` gets to the servers of this world."""

    def url(self, behaviour: str) -> str:
        """Return where a server behaves like that (`behaviours.py`, `raw_server.py`)."""
        raise NotImplementedError

    def make_peer(self) -> WebSocketPeer:
        raise NotImplementedError

    def peer(self, **settings: object) -> WebSocketPeer:
        """Return a new peer, with these properties set."""
        peer = self.make_peer()
        for name, value in settings.items():
            setattr(peer, name, value)
        self.peers.append(peer)
        return peer

    async def connected(self, behaviour: str = "echo", **settings: object) -> WebSocketPeer:
        """Return a new peer that was connected, and may have been disconnected since."""
        peer = self.peer(**settings)
        peer.connect_to_url(self.url(behaviour))
        await self.until(lambda: peer.ready_state is not State.CONNECTING)
        assert not isinstance(peer.close_cause, ConnectError), peer.close_cause
        return peer

    async def closed(self, peer: WebSocketPeer) -> WebSocketPeer:
        """Wait for the end of a peer's connection."""
        await self.until(lambda: peer.ready_state is State.CLOSED)
        return peer

    async def until(self, condition: Callable[[], object]) -> None:
        """Poll until something is the case."""
        end = time.monotonic() + LIMIT
        while not condition():
            assert time.monotonic() < end, [(peer, peer.close_code, peer.close_cause) for peer in self.peers]
            await self.turn()

    async def pass_time(self, seconds: float, *, without: WebSocketPeer) -> None:
        """Let time pass in which `without` is not polled, all others are."""
        self.peers.remove(without)
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            await self.turn()
        self.peers.append(without)

    async def turn(self) -> None:
        """Let a little time pass."""
        for peer in self.peers:
            peer.poll()
        await asyncio.sleep(TURN)

    async def go_on(self) -> None:
        """Let time pass until this is cancelled."""
        while True:
            await self.turn()

    def clean_up(self) -> None:
        for peer in self.peers:
            peer.abort()


class RemoteWorld(World):
    """A server behind a real network: `server.py` and `raw_server.py` tell their addresses."""

    def __init__(
        self, urls: dict[str, str], *, is_page: bool, backpressure: bool = False, quirks: Iterable[str] = ()
    ) -> None:
        super().__init__()
        self._urls = urls
        self._backpressure = backpressure
        self.is_page = is_page
        self.holds_back = backpressure or not is_page
        self.quirks = frozenset(quirks)

    def url(self, behaviour: str) -> str:
        kind, _, rest = behaviour.partition(":")
        return self._urls[kind] + rest if rest else self._urls["server"] + behaviour

    def make_peer(self) -> WebSocketPeer:
        peer = WebSocketPeer(web_limits=self.is_page)
        peer.backpressure = self._backpressure
        return peer


class MemoryWorld(World):
    """Listeners in memory, which behave as the real server does."""

    def __init__(self, *, is_page: bool) -> None:
        super().__init__()
        self.is_page = is_page
        self.holds_back = not is_page
        self._network = MemoryNetwork()
        self.connecting = {"connector": self._network.connect}
        self._listeners: dict[str, object] = {}
        self._server_peers: list[WebSocketPeer] = []
        self._slow_peers: list[WebSocketPeer] = []
        self._slow_at = 0.0

    def url(self, behaviour: str) -> str:
        kind, _, rest = behaviour.partition(":")
        url = f"ws://memory.test/{rest or behaviour}"
        if kind != "nobody" and url not in self._listeners:
            protocols = ("chat", "game") if kind == "protocols" else ()
            self._listeners[url] = (kind, self._network.listen(url, protocols))
        return url

    def make_peer(self) -> WebSocketPeer:
        return self._network.peer(web_limits=self.is_page)

    async def turn(self) -> None:
        for kind, listener in self._listeners.values():
            if kind == "raw" and listener._url.endswith("/silent"):
                continue  # a server that never answers the handshake
            is_slow = kind == "raw" and listener._url.endswith("/slow")
            peer = listener.accept(Options(max_queued_packets=1) if is_slow else None)
            if peer is not None and is_slow:
                self._slow_peers.append(peer)
            elif peer is not None and kind != "raw":
                self._server_peers.append(peer)
                behaviours.opened(peer)
            elif peer is not None:
                self.mute = peer  # kept alive, never polled: a server that never answers the Close frame
        for peer in self._server_peers:
            peer.poll()
            if peer.ready_state is State.OPEN:
                behaviours.received(peer)
        if time.monotonic() >= self._slow_at:
            self._slow_at = time.monotonic() + 0.04  # seconds for a message
            for peer in self._slow_peers:
                peer.poll()
                peer.receive()
        await super().turn()
