"""The servers of the contract cases, run in a thread: the package's own, and one of plain sockets."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from pyws_browser import WebSocketServer

from . import behaviours
from .raw_server import RawServer


@contextmanager
def contract_server() -> Iterator[dict[str, str]]:
    """Run the servers; give the URL of each kind, to which a path is appended."""
    ports: dict[str, int] = {}
    is_ready, is_over = threading.Event(), threading.Event()

    def run() -> None:
        with _listening() as server, _listening("chat", "game") as with_protocols:
            ports.update(server=server.port, protocols=with_protocols.port)
            is_ready.set()
            while not is_over.is_set():
                server.wait(0.002)
                server.poll()
                with_protocols.poll()

    thread = threading.Thread(target=run)
    thread.start()
    with RawServer() as raw:
        is_ready.wait(10)
        try:
            yield {
                "server": f"ws://127.0.0.1:{ports['server']}/",
                "protocols": f"ws://127.0.0.1:{ports['protocols']}",
                "raw": f"ws://127.0.0.1:{raw.port}",
                "nobody": f"ws://127.0.0.1:{unused_port()}",
            }
        finally:
            is_over.set()
            thread.join(10)


def _listening(*protocols: str) -> WebSocketServer:
    server = WebSocketServer()
    server.strict = True
    server.client_connected.connect(lambda id_, protocol: behaviours.opened(server.get_peer(id_)))
    server.data_received.connect(lambda id_: behaviours.received(server.get_peer(id_)))
    server.bind_ip = "127.0.0.1"
    server.listen(0, protocols)
    return server


def unused_port() -> int:
    """Return a port at which nobody listens."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port
