"""A server of plain sockets that sends without looking, and notices when it is held back."""

from __future__ import annotations

import socket
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

from websockets.frames import Frame, Opcode

from pyws_browser.wire.handshake import ServerHandshake

if TYPE_CHECKING:
    from collections.abc import Iterator

_PATIENCE = 1.0
"""Seconds for which the kernel takes no byte until the server says that it is held back."""


class FloodServer:
    """Sends numbered messages to one client, once that has sent something; every third is binary, the rest are text.

    Each is its number, a blank, and padding. Behind the last it sends `last`, and leaves when the other side has
    said something.
    """

    def __init__(self, count: int, size: int, last: Frame | None) -> None:
        self._count, self._size, self._last = count, size, last
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._serve)
        self._client: socket.socket | None = None
        self.url = f"ws://127.0.0.1:{self._listener.getsockname()[1]}/"
        self.sent_bytes = 0
        self.is_held_back = threading.Event()
        self.has_sent_all = threading.Event()

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        for end in (self._listener, self._client):
            if end is not None:
                try:
                    end.shutdown(socket.SHUT_RDWR)
                except OSError:  # the other side was quicker
                    continue
        self._thread.join(20)

    def _serve(self) -> None:
        with self._listener:
            try:
                self._client, _ = self._listener.accept()
            except OSError:  # stopped before anybody came
                return
        with self._client as client:
            try:
                handshake = ServerHandshake()
                while handshake.receive(client.recv(65536)) is None:
                    pass
                client.sendall(handshake.response)
                client.recv(1024)
                self._flood(client)
                client.recv(65536)  # a Close frame, or nothing
            except ConnectionError:  # the page was left
                return

    def _flood(self, client: socket.socket) -> None:
        for first in range(0, self._count, 16):
            self._send(client, b"".join(map(self._frame, range(first, min(first + 16, self._count)))))
        if self._last is not None:
            self._send(client, self._last.serialize(mask=False))
        self.has_sent_all.set()

    def _frame(self, number: int) -> bytes:
        payload = b"%d " % number
        opcode = Opcode.TEXT if number % 3 else Opcode.BINARY
        return Frame(opcode, payload + b"x" * (self._size - len(payload))).serialize(mask=False)

    def _send(self, client: socket.socket, data: bytes) -> None:
        view = memoryview(data)
        while view:
            client.settimeout(_PATIENCE)
            try:
                sent = client.send(view)
            except TimeoutError:
                self.is_held_back.set()
                client.settimeout(None)
                continue
            self.sent_bytes += sent
            view = view[sent:]
        client.settimeout(None)


@contextmanager
def flood_server(count: int, size: int, last: Frame | None = None) -> Iterator[FloodServer]:
    """Run one."""
    server = FloodServer(count, size, last)
    server.start()
    try:
        yield server
    finally:
        server.stop()
