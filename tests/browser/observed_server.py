"""A server in a thread that does what a test tells it, and notes how connections end; and a proxy that can fail."""

from __future__ import annotations

import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from pyws_browser import WebSocketServer

T = TypeVar("T")


class ObservedServer:
    """An echo server; `ends` has the close code of every connection that is over."""

    def __init__(self) -> None:
        self.ends: list[int] = []
        self.url = ""
        self._server = WebSocketServer()
        self._server.strict = True
        self._orders: list[Callable[[WebSocketServer], None]] = []
        self._is_ready, self._is_over = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run)

    def send(self, message: str | bytes, count: int = 1) -> None:
        """Let it send a message to everybody, as often as its buffer allows at once up to `count`."""

        def order(server: WebSocketServer) -> None:
            for id_ in list(server.peer_ids):
                peer = server.get_peer(id_)
                for _ in range(count):
                    if not peer.is_connected_to_host():
                        return
                    peer.send(message)

        self._orders.append(order)

    def wait_for(self, condition: Callable[[], T], seconds: float = 20) -> T:
        """Wait until something is the case, and return it."""
        end = time.monotonic() + seconds
        while not (value := condition()):
            assert time.monotonic() < end, f"the connections ended so: {self.ends}"
            time.sleep(0.005)
        return value

    def start(self) -> None:
        self._thread.start()
        assert self._is_ready.wait(10)

    def stop(self) -> None:
        self._is_over.set()
        self._thread.join(10)

    def _run(self) -> None:
        with self._server as server:
            server.bind_ip = "127.0.0.1"
            server.outbound_buffer_size = 1 << 28
            server.data_received.connect(self._echo)
            server.client_disconnected.connect(lambda id_, was_clean: self.ends.append(server.get_peer(id_).close_code))
            server.listen(0)
            self.url = f"ws://127.0.0.1:{server.port}/"
            self._is_ready.set()
            while not self._is_over.is_set():
                server.wait(0.002)
                server.poll()
                while self._orders:
                    self._orders.pop(0)(server)

    def _echo(self, id_: int) -> None:
        peer = self._server.get_peer(id_)
        for message in peer:
            if peer.is_connected_to_host():
                peer.send(message)


@contextmanager
def observed_server() -> Iterator[ObservedServer]:
    """Run one."""
    server = ObservedServer()
    server.start()
    try:
        yield server
    finally:
        server.stop()


class Cable:
    """A TCP proxy for one connection: `cut()` resets both sides, `unplug()` lets all bytes vanish from then on."""

    def __init__(self, url: str) -> None:
        host, _, port = url.removeprefix("ws://").rstrip("/").partition(":")
        self._target = host, int(port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._ends: list[socket.socket] = []
        self._is_unplugged = False
        self.url = f"ws://127.0.0.1:{self._listener.getsockname()[1]}/"
        self._threads = [threading.Thread(target=self._connect)]
        self._threads[0].start()

    def cut(self) -> None:
        """Break the connection, as a router that restarts."""
        for end in self._ends:
            end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._ends[0].shutdown(socket.SHUT_RD)  # wakes the thread that reads from it

    def unplug(self) -> None:
        """Lose all that is sent, without a word."""
        self._is_unplugged = True

    def remove(self) -> None:
        """Free what it holds."""
        self._listener.close()
        for end in self._ends:
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:  # it has been cut
                continue
        for thread in self._threads:
            thread.join(10)

    def _connect(self) -> None:
        try:
            near, _ = self._listener.accept()
        except OSError:  # removed before anybody came
            return
        far = socket.create_connection(self._target)
        self._ends += [near, far]
        for source, sink in ((near, far), (far, near)):
            thread = threading.Thread(target=self._carry, args=(source, sink))
            self._threads.append(thread)
            thread.start()

    def _carry(self, source: socket.socket, sink: socket.socket) -> None:
        try:
            while data := source.recv(65536):
                if not self._is_unplugged:
                    sink.sendall(data)
        except OSError:  # the other direction was cut first
            pass
        finally:
            try:
                sink.shutdown(socket.SHUT_RD)  # wakes the thread that reads from it
            except OSError:  # it is awake
                pass
            finally:
                source.close()
