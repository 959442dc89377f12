"""The two ends that the suite talks to: an echo client and an echo server, by the public polling API."""

from __future__ import annotations

import select
import time
from collections.abc import Callable

from pyws_browser import State, WebSocketPeer, WebSocketServer
from pyws_browser.protocol.compression import Compression

_SETTINGS = {
    "inbound_buffer_size": 64 * 1024 * 1024,  # section 9 sends 16 MiB, as one frame and in 65,536 fragments
    "outbound_buffer_size": 64 * 1024 * 1024,
    "compression": Compression(min_size=0),  # sections 12 and 13 want to see it
}


def echo_server() -> WebSocketServer:
    """Return a listening server that sends everything back."""
    server = WebSocketServer()
    server.strict = True
    for name, value in _SETTINGS.items():
        setattr(server, name, value)

    def echo(id_: int) -> None:
        peer = server.get_peer(id_)
        for message in peer:
            if peer.is_connected_to_host():
                peer.send(message)

    server.data_received.connect(echo)
    server.bind_ip = "127.0.0.1"
    server.listen(0)
    return server


def serve_until(server: WebSocketServer, is_over: Callable[[], bool]) -> None:
    """Poll a server."""
    while not is_over():
        server.wait(0.1)
        server.poll()


def run_client(url: str, time_limit: float = 1200.0) -> WebSocketPeer:
    """Connect, send everything back until the other side closes, and return the closed peer."""
    end = time.monotonic() + time_limit
    peer = WebSocketPeer()
    for name, value in _SETTINGS.items():
        setattr(peer, name, value)
    peer.connect_to_url(url)
    while peer.ready_state is not State.CLOSED and time.monotonic() < end:
        peer.poll()
        for message in peer:
            if peer.is_connected_to_host():
                peer.send(message)
        if peer.ready_state is State.CONNECTING:
            time.sleep(0.001)
        elif peer.ready_state is not State.CLOSED:
            waits_to_send = peer.get_current_outbound_buffered_amount() > 0
            select.select([peer], [peer] if waits_to_send else [], [], 0.05)
    peer.abort()
    return peer
