"""A GraphQL server with a subscription that counts, over graphql-transport-ws: `python server.py [PORT]`."""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

from graphql import build_schema, parse, subscribe

from pyws_browser.aio import ServerConnection, serve

SCHEMA = build_schema("type Query { hello: String } type Subscription { count(to: Int!): Int }")


async def count(_root: object, _info: object, to: int) -> Any:
    """Give the numbers from 1 on, four a second."""
    for number in range(1, to + 1):
        yield {"count": number}
        await asyncio.sleep(0.25)


SCHEMA.subscription_type.fields["count"].subscribe = count


async def handle(websocket: ServerConnection) -> None:
    """Serve one client."""
    async for text in websocket:
        message = json.loads(text)
        if message["type"] == "connection_init":
            await websocket.send(json.dumps({"type": "connection_ack"}))
        elif message["type"] == "subscribe":
            await run(websocket, message["id"], message["payload"]["query"])


async def run(websocket: ServerConnection, number: str, query: str) -> None:
    """Send what a subscription gives."""
    results: Any = subscribe(SCHEMA, parse(query))
    async for result in await results if asyncio.iscoroutine(results) else results:
        await websocket.send(json.dumps({"id": number, "type": "next", "payload": {"data": result.data}}))
    await websocket.send(json.dumps({"id": number, "type": "complete"}))


async def main(port: int = 9081) -> None:
    """Serve until the program is interrupted."""
    async with serve(handle, "127.0.0.1", port, subprotocols=["graphql-transport-ws"]) as server:
        print(f"listening at ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/", flush=True)
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(*map(int, sys.argv[1:])))
