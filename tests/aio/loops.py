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

    async def sock_recv(self, sock: socket.socket, n: int) -> bytes:
        if n:
            return await super().sock_recv(sock, n)
        readable = self.create_future()
        descriptor = sock.fileno()
        self._add_reader(descriptor, lambda: readable.done() or readable.set_result(None))
        try:
            await readable
        finally:
            self._remove_reader(descriptor)
        return b""
