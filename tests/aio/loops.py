"""An event loop that offers what Windows' Proactor loop offers: operations that complete, no watching of sockets."""

from __future__ import annotations

import asyncio
import socket
from typing import Any


class CompletionLoop(asyncio.SelectorEventLoop):
    """Refuses `add_reader()` and its kin to everybody but itself; a read of no bytes waits for input."""

    def add_reader(self, *_: Any) -> None:
        raise NotImplementedError

    remove_reader = add_writer = remove_writer = add_reader  # type: ignore[assignment]

    # What asyncio's own operations call when they are over, by the names that are refused to others here.

    def _sock_read_done(self, fd: int, future: Any, handle: Any = None) -> None:
        if handle is None or not handle.cancelled():
            self._remove_reader(fd)

    def _sock_write_done(self, fd: int, future: Any, handle: Any = None) -> None:
        if handle is None or not handle.cancelled():
            self._remove_writer(fd)

    async def sock_recv(self, sock: socket.socket, n: int) -> bytes:
        if n:
            return await super().sock_recv(sock, n)
        readable: asyncio.Future[None] = self.create_future()
        descriptor = sock.fileno()

        def wake() -> None:
            if not readable.done():
                readable.set_result(None)

        self._add_reader(descriptor, wake)
        try:
            await readable
        finally:
            self._remove_reader(descriptor)
        return b""
