"""A worker for chaos: `python -m tests.chaos.worker PORT BROKER_URL LEASE`.

A client of /sub joins the topic, and gets JSON: what `joined` says, each message with its position, and what was
missed. A client of /pub sends [id, text], and gets [id, position] or [id, null]. /who answers with the names of
those present.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Coroutine
from typing import Any
from urllib.parse import parse_qs, urlsplit

from pyws_browser.aio import ConnectionClosed, ServerConnection, serve
from pyws_browser.rooms import History, Joined, Position, Rooms

from .brokers import broker_of

HISTORY = History(messages=100_000, seconds=3600)


def envelope(message: str | bytes, position: Position) -> str:
    return json.dumps({"at": str(position), "text": str(message)})


def greet(joined: Joined) -> str:
    return json.dumps({"whole": joined.is_whole, "at": str(joined.position)})


async def main(port: int, url: str, lease: float) -> None:
    rooms = Rooms(broker_of(url), name="chaos", lease=lease, lost_limit=3 * lease)
    topic = rooms.topic("topic", history=HISTORY, envelope=envelope)
    subscribers: set[ServerConnection] = set()
    tasks: set[asyncio.Future[None]] = set()

    def start(coroutine: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(coroutine)
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    def tell_missed(after: Position | None, before: Position | None) -> None:
        for connection in subscribers:
            start(tell(connection, {"missed": [str(after), str(before)]}))

    async def tell(connection: ServerConnection, what: object) -> None:
        try:
            await connection.send(json.dumps(what))
        except ConnectionClosed:
            return

    async def publish(connection: ServerConnection, id_: str, text: str) -> None:
        outcome = topic.publish(text, id=id_)
        try:
            await tell(connection, [id_, str(await outcome)])
        except Exception:  # it is published again
            await tell(connection, [id_, None])

    async def handler(connection: ServerConnection) -> None:
        assert connection.request is not None
        parts = urlsplit(connection.request.path)
        asked = {name: values[0] for name, values in parse_qs(parts.query).items()}
        try:
            if parts.path == "/sub":
                topic.join(connection, since=asked.get("since"), member={"name": asked["name"]}, greet=greet)
                subscribers.add(connection)
                await connection.wait_closed()
            elif parts.path == "/pub":
                async for message in connection:
                    start(publish(connection, *json.loads(message)))
            else:
                await tell(connection, sorted(member.data["name"] for member in topic.members))
        except ConnectionClosed:
            return
        finally:
            subscribers.discard(connection)

    topic.missed.connect(tell_missed)
    async with serve(handler, "127.0.0.1", port, compression=None, start_serving=False) as server:
        await rooms.attach(server)
        await server.start_serving()
        print("up", flush=True)
        await asyncio.Future()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), sys.argv[2], float(sys.argv[3])))
