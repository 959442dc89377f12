"""Who floods a server, and the bystander beside it: plain blocking sockets in a process of their own.

Asked to `flood`, it opens a connection and sends messages made beforehand as fast as the server takes them, until it is
asked to `stop`; to `watch`, it sends small messages one after the other on a second connection and times the echoes.
"""

from __future__ import annotations

import os
import socket
import ssl
import struct
import sys
import threading
import time
from contextlib import suppress
from typing import Any

from .counterpart import deflated_frame, frame, frame_size
from .processes import questions, reply
from .processors import place_counterpart

ECHOED = 1
"""The size of a message that is sent back; the flood has none so small."""

LAST = 2
"""The size of a bystander's last message."""

_CHUNK = 256 * 1024
_LEAST_ROUND_TRIPS = 5
_OPEN_PATIENCE = 20.0
_PAUSE = 0.001

PATIENCE = 1.0
"""Seconds without an answer after which a contestant counts as stuck."""

_REQUEST = (
    "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{}\r\n"
)
_DEFLATE = "Sec-WebSocket-Extensions: permessage-deflate\r\n"


class Flooder:
    """One flood at a time."""

    def __init__(self, authority: str) -> None:
        self._tls = ssl.create_default_context(cafile=authority)
        self._sock: socket.socket | None = None
        self._thread: threading.Thread | None = None

    def flood(self, port: int, size: int, *, deflate: bool, tls: bool) -> dict[str, Any]:
        key = os.urandom(4)
        message = deflated_frame(size, key) if deflate else frame(bytes(size), key)
        chunk = message * max(1, _CHUNK // len(message))
        self._sock = sock = self._open(port, deflate=deflate, tls=tls, patience=_OPEN_PATIENCE)
        sock.settimeout(PATIENCE)
        # With no linger the server need not read what is on the way when the flood is over.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._thread = threading.Thread(target=_send_on, args=(sock, chunk), daemon=True)
        self._thread.start()
        return {}

    def stop(self) -> dict[str, Any]:
        if self._sock is None or self._thread is None:
            return {}  # it did not begin
        with suppress(OSError):  # the server may have ended the connection
            socket.socket.shutdown(self._sock, socket.SHUT_RDWR)  # that of TLS would have the thread send plain text
        self._thread.join(PATIENCE)
        self._sock.close()
        self._sock = self._thread = None
        return {}

    def watch(self, port: int, seconds: float, *, tls: bool) -> dict[str, Any]:
        """Return the seconds of the longest round trip; `is_stuck` if one took longer than PATIENCE."""
        start = time.perf_counter()
        try:
            with self._open(port, deflate=False, tls=tls, patience=PATIENCE) as sock:
                return {"gap": _longest_round_trip(sock, seconds), "is_stuck": False}
        except TimeoutError:
            return {"gap": time.perf_counter() - start, "is_stuck": True}

    def _open(self, port: int, *, deflate: bool, tls: bool, patience: float) -> socket.socket:
        sock = socket.create_connection(("127.0.0.1", port), timeout=patience)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, True)
        if tls:
            sock = self._tls.wrap_socket(sock, server_hostname="127.0.0.1")
        sock.sendall(_REQUEST.format(_DEFLATE if deflate else "").encode())
        answer = b""
        while not answer.endswith(b"\r\n\r\n"):
            data = sock.recv(1)
            assert data, "the server ended a connection"
            answer += data
        assert answer.startswith(b"HTTP/1.1 101"), answer
        assert (b"permessage-deflate" in answer) is deflate, answer
        return sock


def _longest_round_trip(sock: socket.socket, seconds: float) -> float:
    key = os.urandom(4)
    echoed, last = frame(bytes(ECHOED), key), frame(bytes(LAST), key)
    answer = frame_size(ECHOED, masked=False)
    longest, count = 0.0, 0
    start = now = time.perf_counter()
    while now < start + seconds or count < _LEAST_ROUND_TRIPS:
        sock.sendall(echoed)
        got = 0
        while got < answer:
            data = sock.recv(answer - got)
            assert data, "the server ended the bystander's connection"
            got += len(data)
        longest = max(longest, time.perf_counter() - now)
        count += 1
        time.sleep(_PAUSE)
        now = time.perf_counter()
    sock.sendall(last)
    return longest


def _send_on(sock: socket.socket, chunk: bytes) -> None:
    view = memoryview(chunk)
    with suppress(OSError):  # that of `stop()`
        while True:
            sent = 0
            while sent < len(view):
                with suppress(TimeoutError):  # a server that is stuck is flooded all the same
                    sent += sock.send(view[sent:])


def main() -> None:
    """Answer questions of the form {"do": METHOD, ARGUMENT: VALUE, ...}; run as: CAFILE."""
    place_counterpart()
    flooder = Flooder(sys.argv[1])
    for question in questions():
        try:
            answer = getattr(flooder, question.pop("do"))(**question)
        except (OSError, AssertionError) as exc:
            answer = {"error": f"{type(exc).__name__}: {exc}"}
        reply(**answer)
