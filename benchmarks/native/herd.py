"""The clients of one server: thousands of plain sockets in one process, most of them idle.

Asked to `connect`, it opens connections and tells how many there are; to `shout`, it sends one message on each active
connection; to `echo`, it sends one on each active one and reads the answers, many times over; to `drain`, it reads so
many bytes from every connection.
"""

from __future__ import annotations

import os
import select  # epoll: poll() would look at ten thousand sockets to read from a hundred
import socket
import struct
import time
from contextlib import suppress
from typing import Any

from .counterpart import frame, frame_size
from .descriptors import raise_limit
from .processes import questions, reply
from .processors import place_counterpart

_GROUP = 64
"""Connections that are opened at a time: not every server has a longer backlog."""

_PATIENCE = 60.0
_REQUEST = (
    "GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{}\r\n"
)
_DEFLATE = "Sec-WebSocket-Extensions: permessage-deflate\r\n"
_SIZE = 16


class Herd:
    """All the connections; those that came first are the active ones."""

    def __init__(self) -> None:
        self._socks: dict[int, socket.socket] = {}
        self._active: list[socket.socket] = []
        self._readable = select.epoll()
        self._message = frame(bytes(_SIZE), os.urandom(4))

    def connect(self, port: int, count: int, *, is_active: bool = False, deflate: bool = False) -> dict[str, Any]:
        request = _REQUEST.format(_DEFLATE if deflate else "").encode()
        made: list[socket.socket] = []
        while len(made) < count:
            group = [self._open(port) for _ in range(min(_GROUP, count - len(made)))]
            for sock in group:
                sock.sendall(request)
            for sock in group:
                answer = b""
                while not answer.endswith(b"\r\n\r\n"):
                    data = sock.recv(4096)
                    assert data, "the server ended a connection"
                    answer += data
                assert answer.startswith(b"HTTP/1.1 101"), answer
                sock.setblocking(False)
                self._readable.register(sock, select.EPOLLIN)
            made += group
        self._socks |= {sock.fileno(): sock for sock in made}
        if is_active:
            self._active += made
        return {"count": len(self._socks)}

    def shout(self) -> dict[str, Any]:
        for sock in self._active:
            sock.send(self._message)
        return {}

    def echo(self, rounds: int) -> dict[str, Any]:
        """Return the seconds of a round."""
        start = time.perf_counter()
        for _ in range(rounds):
            self.shout()
            self.collect()
        return {"seconds": (time.perf_counter() - start) / rounds}

    def collect(self) -> dict[str, Any]:
        """Read the answers to a shout."""
        self._read(dict.fromkeys((sock.fileno() for sock in self._active), frame_size(_SIZE, masked=False)))
        return {}

    def drain(self, size: int) -> dict[str, Any]:
        self._read(dict.fromkeys(self._socks, size))
        return {}

    def _read(self, missing: dict[int, int]) -> None:
        """Read so many bytes by descriptor."""
        end = time.monotonic() + _PATIENCE
        while missing:
            assert time.monotonic() < end, f"{len(missing)} connections got too little"
            for fd, _ in self._readable.poll(1.0):
                data = self._socks[fd].recv(65536)
                assert data, "the server ended a connection"
                missing[fd] -= len(data)
                if not missing[fd]:
                    del missing[fd]

    @staticmethod
    def _open(port: int) -> socket.socket:
        sock = socket.create_connection(("127.0.0.1", port), timeout=_PATIENCE)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, True)
        with suppress(OSError):  # or ten thousand of them would linger
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        return sock


def main() -> None:
    """Answer questions of the form {"do": METHOD, ARGUMENT: VALUE, ...}."""
    place_counterpart()
    reply(room=raise_limit())
    herd = Herd()
    for question in questions():
        try:
            answer = getattr(herd, question.pop("do"))(**question)
        except (OSError, AssertionError) as exc:
            answer = {"error": f"{type(exc).__name__}: {exc}"}
        reply(**answer)
