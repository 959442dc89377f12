"""A network that is slow in one direction, or goes dead: a relay between a client and a server, both real."""

from __future__ import annotations

import socket
import threading
import time
from contextlib import suppress
from types import TracebackType
from typing import Literal, Self

BUFFER = 16 * 1024
"""Bytes that each socket of a slow direction holds back, or twice as many, as Linux counts them."""


def small_socket() -> socket.socket:
    """Return a socket whose kernel holds little back, so that what waits does so in the program that sends."""
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, BUFFER)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER)
    return sock


class SlowLink:
    """Relays one connection to `port`; `slow` is the direction in which `rate` bytes pass a second."""

    def __init__(self, port: int, slow: Literal["up", "down"], rate: int) -> None:
        self.is_dead = threading.Event()
        """Set by a test: from then on nothing is read or passed on any more."""
        self._slow = slow
        self._rate = rate
        self._target = port
        self._ended = threading.Event()
        self._listener = small_socket()
        self._listener.bind(("127.0.0.1", 0))
        self._listener.listen(1)
        self.port: int = self._listener.getsockname()[1]
        self._sockets: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept)]

    def __enter__(self) -> Self:
        self._threads[0].start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._ended.set()
        for sock in (self._listener, *self._sockets):
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(10)
        for sock in (self._listener, *self._sockets):
            sock.close()

    def _accept(self) -> None:
        try:
            client, _ = self._listener.accept()
        except OSError:
            return
        server = small_socket()
        self._sockets += [client, server]
        server.connect(("127.0.0.1", self._target))
        for direction, source, target in (("up", client, server), ("down", server, client)):
            thread = threading.Thread(target=self._relay, args=(source, target, direction == self._slow))
            self._threads.append(thread)
            thread.start()

    def _relay(self, source: socket.socket, target: socket.socket, is_slow: bool) -> None:
        with suppress(OSError):
            while data := source.recv(4096):
                if self.is_dead.is_set():
                    self._ended.wait()
                    return
                target.sendall(data)
                if is_slow:
                    time.sleep(len(data) / self._rate)
        with suppress(OSError):
            target.shutdown(socket.SHUT_WR)
