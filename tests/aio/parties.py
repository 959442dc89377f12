"""Servers and clients of both libraries, by the names under which the tests are told to take them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import websockets.asyncio.client
import websockets.asyncio.server

from pyws_browser import aio

CONNECT = {"our client": aio.connect, "websockets' client": websockets.asyncio.client.connect}
SERVE = {"our server": aio.serve, "websockets' server": websockets.asyncio.server.serve}


def url_of(server: Any, path: str = "/", scheme: str = "ws") -> str:
    """Return the URL of a server that listens at 127.0.0.1."""
    return f"{scheme}://127.0.0.1:{server.sockets[0].getsockname()[1]}{path}"


async def echo(connection: Any) -> None:
    """Send every message back."""
    async for message in connection:
        await connection.send(message)


@asynccontextmanager
async def served(handler: Any = echo, kind: str = "websockets' server", **arguments: Any) -> AsyncIterator[str]:
    """Run a server, of `websockets` if not said otherwise, and give its URL."""
    async with SERVE[kind](handler, "127.0.0.1", 0, **arguments) as server:
        yield url_of(server)


@asynccontextmanager
async def pair(handler: Any = echo, kind: str = "websockets' server", **arguments: Any) -> AsyncIterator[Any]:
    """Give a connection of ours to a server; `arguments` are for `connect()`."""
    async with served(handler, kind) as url, aio.connect(url, **arguments) as connection:
        yield connection
