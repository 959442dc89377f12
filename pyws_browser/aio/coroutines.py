"""Coroutines that the compiled modules need.

They are not compiled themselves: mypyc's coroutines pass exceptions on in a form that Python 3.12 deprecates.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    from .sending import Sender


async def drain(sender: Sender) -> None:
    """Wait until at most the low water mark waits to be sent, or the connection is no longer open."""
    while (waiter := sender.next_drain()) is not None:
        try:
            await waiter
        finally:
            sender.forget(waiter)


async def when_readable(loop: asyncio.AbstractEventLoop, sock: socket.socket, tell: Callable[[], object]) -> None:
    """Call `tell` when there is something to read, which a read of zero bytes shows."""
    try:
        with suppress(OSError):  # the poll gets the same error, and handles it
            await loop.sock_recv(sock, 0)
    except asyncio.CancelledError:
        return
    tell()
