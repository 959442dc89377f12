"""Small messages that the other side does not take in: each takes far more memory than its payload."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator

import pytest

from pyws_browser import OutboundBufferFullError, WebSocketPeer, WebSocketServer
from pyws_browser.aio import connect
from pyws_browser.transport.base import MOST_WAITING

from ..support import pump


@pytest.fixture
def unread() -> Iterator[WebSocketPeer]:
    """A peer whose other side reads nothing."""
    with WebSocketServer() as server:
        server.bind_ip = "127.0.0.1"
        server.listen(0)
        peer = WebSocketPeer()
        peer.connect_to_url(f"ws://127.0.0.1:{server.port}/")
        pump(peer, server, until=lambda: peer.is_connected_to_host() and server.peer_ids)
        sock = socket.socket(fileno=socket.dup(peer.fileno()))
        with sock:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        yield peer
        peer.abort()


@pytest.mark.parametrize("message", [b"", b"x", "", "x"])
def test_no_more_messages_wait_than_memory_is_meant_for_however_small_they_are(
    unread: WebSocketPeer, message: str | bytes
) -> None:
    def send_all() -> None:
        for _ in range(20 * MOST_WAITING):
            unread.send(message)

    with pytest.raises(OutboundBufferFullError, match="131,072 messages wait"):
        send_all()
    assert unread.is_connected_to_host()


def test_an_asyncio_sender_of_empty_messages_waits_as_others_do() -> None:
    async def main() -> None:
        with WebSocketServer() as server:
            server.bind_ip = "127.0.0.1"
            server.listen(0)
            opening = asyncio.ensure_future(connect(f"ws://127.0.0.1:{server.port}/", ping_interval=None))
            while not opening.done():
                server.poll()
                await asyncio.sleep(0)
            websocket = await opening

            async def send_for_ever() -> None:
                while True:
                    await websocket.send(b"")

            sender = asyncio.ensure_future(send_for_ever())
            async with asyncio.timeout(60):
                while not websocket._sender._waiting:
                    await asyncio.sleep(0)
            sender.cancel()
            websocket.transport.abort()

    asyncio.run(main())
