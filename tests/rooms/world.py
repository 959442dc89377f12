"""Servers of either kind, whose peers join topics, and their clients."""

from __future__ import annotations

import time
from collections.abc import Callable

from pyws_browser import State, WebSocketPeer, WebSocketServer
from pyws_browser.rooms import Rooms

LIMIT = 30.0


class World:
    """Workers in one process, each a polled server with rooms, and the clients of them."""

    def __init__(self) -> None:
        self.servers: list[WebSocketServer] = []
        self.rooms: list[Rooms] = []
        self.clients: list[WebSocketPeer] = []

    def worker(self, rooms: Rooms) -> WebSocketServer:
        server = WebSocketServer()
        server.strict = True
        server.bind_ip = "127.0.0.1"
        server.listen(0)
        self.servers.append(server)
        self.rooms.append(rooms)
        rooms.attach(server)
        return server

    def connect(self, server: WebSocketServer) -> tuple[WebSocketPeer, WebSocketPeer]:
        """Return a client, and the server's peer of it."""
        client = WebSocketPeer(web_limits=False)
        client.compression = None
        known = set(server.peer_ids)
        client.connect_to_url(f"ws://127.0.0.1:{server.port}/")
        self.clients.append(client)
        self.until(lambda: client.ready_state is State.OPEN and set(server.peer_ids) - known)
        (id_,) = set(server.peer_ids) - known
        return client, server.get_peer(id_)

    def poll(self) -> None:
        for party in (*self.servers, *self.clients):
            party.poll()

    def until(self, condition: Callable[[], object], seconds: float = LIMIT) -> None:
        end = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < end, "it did not come about"
            self.poll()
            time.sleep(0.0005)

    def received(self, client: WebSocketPeer, count: int) -> list[str | bytes]:
        """Return the next messages of a client."""
        self.until(lambda: client.get_available_packet_count() >= count)
        return [message for message in (client.receive() for _ in range(count)) if message is not None]

    def nothing_more(self, client: WebSocketPeer, server: WebSocketServer, peer: WebSocketPeer) -> bool:
        """Tell whether nothing is on its way to a client: what is sent now is the next that it gets."""
        peer.send("the end")
        return self.received(client, 1) == ["the end"]

    def close(self) -> None:
        for rooms in self.rooms:
            rooms.close()
        for client in self.clients:
            client.abort()
        for server in self.servers:
            server.stop()
