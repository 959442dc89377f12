"""Rooms without a broker at a server under asyncio."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from pyws_browser import InvalidOptionError, WebSocketServer
from pyws_browser.aio import Connection, ServerConnection, connect, serve
from pyws_browser.rooms import History, Member, Rooms

Body = Callable[[Rooms, Callable[[], Awaitable[tuple[Connection, ServerConnection]]]], Awaitable[None]]


def run(body: Body) -> None:
    """Run a body with rooms, and with what connects a client and gives the server's side of it too."""

    async def main() -> None:
        arrived: asyncio.Queue[ServerConnection] = asyncio.Queue()

        async def handler(websocket: ServerConnection) -> None:
            arrived.put_nowait(websocket)
            await websocket.wait_closed()

        clients: list[Connection] = []
        async with Rooms() as rooms, serve(handler, "127.0.0.1", 0) as server:
            await rooms.attach(server)

            async def client() -> tuple[Connection, ServerConnection]:
                connection = await connect(f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}")
                clients.append(connection)
                return connection, await arrived.get()

            await body(rooms, client)
            for connection in clients:
                await connection.close()

    asyncio.run(asyncio.wait_for(main(), 60))


def test_who_has_joined_gets_what_is_published_and_what_was() -> None:
    async def body(rooms: Rooms, client: Callable[[], Awaitable[tuple[Connection, ServerConnection]]]) -> None:
        chat = rooms.topic("chat", history=History())
        position = await chat.publish("before")
        (ann, ann_side), (bob, bob_side) = await client(), await client()
        joined = await chat.join(ann_side)
        assert (joined.is_whole, joined.position) == (True, position)
        await chat.join(bob_side, since=position)
        await chat.publish("after", without=ann_side)
        await chat.publish("last")
        assert [await ann.recv() for _ in range(2)] == ["before", "last"]
        assert [await bob.recv() for _ in range(2)] == ["after", "last"]

    run(body)


def test_a_peer_leaves_when_it_closes() -> None:
    async def body(rooms: Rooms, client: Callable[[], Awaitable[tuple[Connection, ServerConnection]]]) -> None:
        chat = rooms.topic("chat")
        ann, side = await client()
        left: asyncio.Queue[Member] = asyncio.Queue()
        chat.member_left.connect(left.put_nowait)
        joined = await chat.join(side, member={"name": "ann"})
        await ann.close()
        assert await left.get() == joined.member
        assert chat.peer_count == 0

    run(body)


def test_servers_of_both_kinds_have_rooms_of_their_own() -> None:
    async def body(rooms: Rooms, client: Callable[[], Awaitable[tuple[Connection, ServerConnection]]]) -> None:
        with pytest.raises(InvalidOptionError, match="asyncio"):
            rooms.attach(WebSocketServer())

    run(body)
