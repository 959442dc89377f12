"""The servers that the libraries talk to: python-socketio's real one, graphql-core's subscriptions, and small ones.

The small ones speak just as much of their protocol as the programs use, and check what the libraries send. Run as a
program, it prints the URLs by name, as JSON, and serves until its standard input ends.
"""

from __future__ import annotations

import asyncio
import json
import ssl
import sys
from collections import Counter
from typing import Any

import socketio
from aiohttp import web
from graphql import GraphQLSchema, build_schema, graphql, parse, subscribe
from surrealdb.data.cbor import decode as from_cbor
from surrealdb.data.cbor import encode as to_cbor
from websockets.asyncio.server import ServerConnection, serve

joined: Counter[str] = Counter()
"""How often somebody came, by the path."""


async def ocpp(connection: ServerConnection) -> None:
    """A central system that accepts every charge point."""
    async for message in connection:
        kind, number, action, payload = json.loads(message)
        assert (kind, action, payload["chargePointModel"]) == (2, "BootNotification", "model")
        answer = {"status": "Accepted", "interval": 300, "currentTime": "2026-01-01T00:00:00Z"}
        await connection.send(json.dumps([3, number, answer]))


async def count_up(_root: object, _info: object, to: int) -> Any:
    for number in range(1, to + 1):
        yield {"count": number}


def make_schema() -> GraphQLSchema:
    schema = build_schema("type Query { hello: String } type Subscription { count(to: Int!): Int }")
    assert schema.subscription_type is not None
    schema.subscription_type.fields["count"].subscribe = count_up
    return schema


SCHEMA = make_schema()


async def graphql_ws(connection: ServerConnection) -> None:
    """graphql-transport-ws and the older graphql-ws, executed by graphql-core."""
    is_new = connection.subprotocol == "graphql-transport-ws"
    async for text in connection:
        message = json.loads(text)
        match message["type"]:
            case "connection_init":
                await connection.send(json.dumps({"type": "connection_ack"}))
            case "subscribe" | "start":
                await run_operation(connection, message["id"], message["payload"], "next" if is_new else "data")
            case "ping":
                await connection.send(json.dumps({"type": "pong"}))


async def run_operation(connection: ServerConnection, number: str, payload: dict[str, Any], kind: str) -> None:
    query = payload["query"]

    async def tell(result: Any) -> None:
        await connection.send(json.dumps({"id": number, "type": kind, "payload": {"data": result.data}}))

    if query.lstrip().startswith("subscription"):
        results: Any = subscribe(SCHEMA, parse(query))
        results = await results if asyncio.iscoroutine(results) else results
        async for result in results:
            await tell(result)
    else:
        await tell(await graphql(SCHEMA, query, {"hello": "world"}))
    await connection.send(json.dumps({"id": number, "type": "complete"}))


async def centrifugo(connection: ServerConnection) -> None:
    """Centrifugo's JSON protocol: what is published comes back to the channel."""
    async for text in connection:
        assert isinstance(text, str)
        for line in text.splitlines():
            command = json.loads(line)
            reply: dict[str, Any] = {"id": command.get("id", 0)}
            if "connect" in command:
                reply["connect"] = {"client": "c1", "version": "5", "ping": 25, "pong": True}
            elif "subscribe" in command:
                reply["subscribe"] = {}
            elif "publish" in command:
                publication = {"channel": command["publish"]["channel"], "pub": {"data": command["publish"]["data"]}}
                await connection.send(json.dumps({"push": publication}))
                reply["publish"] = {}
            if len(reply) > 1:
                await connection.send(json.dumps(reply))


async def polygon(connection: ServerConnection) -> None:
    """A feed of trades, which is restarted after the first one."""
    await connection.send(json.dumps([{"ev": "status", "status": "connected", "message": "here"}]))
    assert json.loads(await connection.recv()) == {"action": "auth", "params": "key"}
    await connection.send(json.dumps([{"ev": "status", "status": "auth_success", "message": "authenticated"}]))
    assert json.loads(await connection.recv()) == {"action": "subscribe", "params": "T.AAPL"}
    await connection.send(json.dumps([{"ev": "T", "sym": "AAPL", "p": 1.5, "s": 10}]))
    assert connection.request is not None
    joined["polygon"] += 1
    if joined["polygon"] % 2:
        await connection.close(1012, "restart")
    else:
        await connection.wait_closed()


async def surreal(connection: ServerConnection) -> None:
    """SurrealDB's RPC in CBOR."""
    assert connection.subprotocol == "cbor"
    async for message in connection:
        assert isinstance(message, bytes)
        request = from_cbor(message)
        result: Any = "surrealdb-9.9.9"
        if request["method"] == "query":
            result = [{"status": "OK", "time": "1ms", "result": [{"sum": 3}]}]
        await connection.send(to_cbor({"id": request["id"], "result": result}))


async def phoenix(connection: ServerConnection) -> None:
    """Supabase Realtime: joins are acknowledged; a broadcast "restart" ends every connection, as a restart does."""
    async for text in connection:
        message = json.loads(text)
        topic, event = message["topic"], message["event"]
        if event == "phx_join":
            joined["realtime"] += 1
        reply = {"status": "ok", "response": {"postgres_changes": []} if event == "phx_join" else {}}
        answer = {"topic": topic, "event": "phx_reply", "payload": reply, "ref": message.get("ref")}
        await connection.send(json.dumps({**answer, "join_ref": message.get("join_ref")}))
        if event == "broadcast" and message["payload"]["event"] == "restart":
            await connection.close(1012, "restart")
            return
        if event == "broadcast":
            await connection.send(json.dumps({**message, "ref": None}))


async def openai(connection: ServerConnection) -> None:
    """OpenAI's realtime API: it knows the key from the header, or from the subprotocol that pages use."""
    assert connection.request is not None
    headers = connection.request.headers
    offered = headers.get("Sec-WebSocket-Protocol", "")
    how = "header" if headers.get("Authorization") == "Bearer sk-test" else "subprotocol"
    assert how == "header" or "openai-insecure-api-key.sk-test" in offered
    assert connection.request.path.endswith("?model=gpt-realtime")
    async for text in connection:
        event = json.loads(text)
        assert event["type"] == "input_audio_buffer.clear"
        await connection.send(json.dumps({"type": "input_audio_buffer.cleared", "event_id": how}))


async def speechmatics(connection: ServerConnection) -> None:
    """The first answer of Speechmatics' real-time API, to those who bring a key."""
    assert connection.request is not None
    assert connection.request.headers["Authorization"] == "Bearer key"
    async for text in connection:
        if isinstance(text, str) and json.loads(text)["message"] == "StartRecognition":
            await connection.send(json.dumps({"message": "RecognitionStarted", "id": "s1"}))


async def echo(connection: ServerConnection) -> None:
    async for message in connection:
        await connection.send(message)


HANDLERS = {
    "ocpp": ocpp,
    "graphql": graphql_ws,
    "centrifuge": centrifugo,
    "polygon": polygon,
    "surreal": surreal,
    "realtime": phoenix,
    "openai": openai,
    "speechmatics": speechmatics,
    "echo": echo,
}


async def handle(connection: ServerConnection) -> None:
    assert connection.request is not None
    await HANDLERS[connection.request.path.split("?")[0].split("/")[1]](connection)


async def start_socketio() -> int:
    server = socketio.AsyncServer(async_mode="aiohttp", cors_allowed_origins="*")
    server.on("echo", lambda _sid, data: data)
    application = web.Application()
    server.attach(application)
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    return int(runner.addresses[0][1])


async def main(certificate: str) -> None:
    """Serve until standard input ends."""
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate)
    subprotocols: Any = ["ocpp1.6", "graphql-transport-ws", "graphql-ws", "cbor", "realtime"]

    def choose(_connection: ServerConnection, offered: Any) -> Any:
        return next((name for name in subprotocols if name in offered), None)

    async with (
        serve(handle, "127.0.0.1", 0, select_subprotocol=choose) as plain,
        serve(handle, "127.0.0.1", 0, select_subprotocol=choose, ssl=tls) as secure,
    ):
        origin = f"127.0.0.1:{plain.sockets[0].getsockname()[1]}"
        urls = {name: f"ws://{origin}/{name}" for name in HANDLERS}
        urls["polygon"] = f"127.0.0.1:{secure.sockets[0].getsockname()[1]}/polygon"  # a "feed" there
        urls["socketio"] = f"http://127.0.0.1:{await start_socketio()}"
        print(json.dumps(urls), flush=True)
        await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
