"""serve --relay with clients that take in nothing: the others are served, and the relay's memory is bounded."""

from __future__ import annotations

import asyncio

import pytest

from pyws_browser.aio import ConnectionClosedError, connect, serve
from pyws_browser.aio.broadcasting import BACKLOG
from pyws_browser.aio.client import ClientConnection
from pyws_browser.cli.serve import _relay

MESSAGE = 512 * 1024


async def received(client: ClientConnection) -> None:
    async for _ in client:
        pass


def test_three_that_read_nothing_are_closed_and_hold_up_nobody() -> None:
    async def main() -> None:
        most = 0
        async with serve(_relay, "127.0.0.1", 0, compression=None, ping_interval=None, close_timeout=30) as server:
            port = server.sockets[0].getsockname()[1]
            clients = [
                await connect(f"ws://127.0.0.1:{port}/", compression=None, max_queue=1, ping_interval=None)
                for _ in range(5)
            ]
            sender, bystander, *deaf = clients
            while len(server.connections) < 5:
                await asyncio.sleep(0.001)
            connections = list(server.connections)
            number = 0
            while len(server.connections) > 2:
                message = number.to_bytes(4, "big") + bytes(MESSAGE - 4)
                await sender.send(message)
                assert await bystander.recv() == message
                most = max(most, *(connection._transport.buffered_amount for connection in connections))
                number += 1
            assert BACKLOG < most <= BACKLOG + MESSAGE
            for client in deaf:
                with pytest.raises(ConnectionClosedError):
                    await received(client)
                assert client.close_code == 1013
            for client in clients:
                client.transport.abort()

    asyncio.run(main())
