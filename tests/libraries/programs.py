"""What somebody would write for each library: the same program runs in a page and on CPython.

Each is given the URLs of the servers by name, and returns what JSON can hold.
"""

from __future__ import annotations

import asyncio
from typing import Any


async def ocpp(urls: dict[str, str]) -> Any:
    import websockets
    from ocpp.v16 import ChargePoint, call

    async with websockets.connect(f"{urls['ocpp']}/CP_1", subprotocols=["ocpp1.6"]) as connection:
        point = ChargePoint("CP_1", connection)
        listening = asyncio.create_task(point.start())
        request = call.BootNotification(charge_point_model="model", charge_point_vendor="vendor")
        answer = await point.call(request)
        listening.cancel()
        return [str(answer.status), answer.interval]


async def cdp_use(urls: dict[str, str]) -> Any:
    from cdp_use.client import CDPClient

    async with CDPClient(urls["devtools"]) as client:
        version = await client.send.Browser.getVersion()
        targets = await client.send.Target.getTargets()
        return ["Chrome" in version["product"], any(target["type"] == "page" for target in targets["targetInfos"])]


async def gql(urls: dict[str, str]) -> Any:
    from gql import Client, gql
    from gql.transport.websockets import WebsocketsTransport

    async with Client(transport=WebsocketsTransport(url=urls["graphql"])) as session:
        hello = await session.execute(gql("query { hello }"))
        counts = [result["count"] async for result in session.subscribe(gql("subscription { count(to: 3) }"))]
        return [hello["hello"], counts]


async def centrifuge(urls: dict[str, str]) -> Any:
    from centrifuge import Client, SubscriptionEventHandler

    published: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

    class Handler(SubscriptionEventHandler):
        async def on_publication(self, context: Any) -> None:
            published.set_result(context.pub.data)

    client = Client(urls["centrifuge"])
    subscription = client.new_subscription("chat", events=Handler())
    await client.connect()
    await subscription.subscribe()
    await subscription.publish({"text": "hello"})
    result = await published
    await client.disconnect()
    return result


async def polygon(urls: dict[str, str]) -> Any:
    from polygon import WebSocketClient

    client = WebSocketClient("key", feed=urls["polygon"], subscriptions=["T.AAPL"], ping_interval=None)
    trades: list[Any] = []

    async def process(messages: Any) -> None:
        trades.extend([trade.symbol, trade.price] for trade in messages)
        if len(trades) == 2:  # one of each connection: the server restarts
            await client.close()

    await client.connect(process)
    return trades


async def surrealdb(urls: dict[str, str]) -> Any:
    from surrealdb import AsyncSurreal, Surreal

    awaited = AsyncSurreal(urls["surreal"])
    answers = [await awaited.version(), await awaited.query("RETURN 1 + 2")]
    await awaited.close()
    blocking = Surreal(urls["surreal"])
    answers += [blocking.version(), blocking.query("RETURN 1 + 2")]
    blocking.close()
    return answers


async def realtime(urls: dict[str, str]) -> Any:
    from realtime import AsyncRealtimeClient

    client = AsyncRealtimeClient(urls["realtime"], "key", initial_backoff=0.05)
    said: asyncio.Queue[Any] = asyncio.Queue()
    states: list[str] = []
    channel = client.channel("room").on_broadcast("say", said.put_nowait)
    is_joined = asyncio.Event()

    def note(state: Any, _error: Any) -> None:
        states.append(state.value)
        if state.value == "SUBSCRIBED":
            is_joined.set()

    await channel.subscribe(note)
    await is_joined.wait()
    is_joined.clear()
    await channel.send_broadcast("restart", {})
    await is_joined.wait()  # it has joined again
    await channel.send_broadcast("say", {"text": "hello"})
    heard = await said.get()
    await client.close()
    return [states, heard["payload"]]


async def openai(urls: dict[str, str]) -> Any:
    from openai import AsyncOpenAI, OpenAI

    where = {"api_key": "sk-test", "websocket_base_url": urls["openai"]}
    answers = []
    async with AsyncOpenAI(**where).realtime.connect(model="gpt-realtime") as connection:
        await connection.input_audio_buffer.clear()
        answers.append((await connection.recv()).type)
    with OpenAI(**where).realtime.connect(model="gpt-realtime") as blocking:
        blocking.input_audio_buffer.clear()
        answers.append(blocking.recv().type)
    return answers


async def socketio(urls: dict[str, str]) -> Any:
    from socketio import AsyncClient

    client = AsyncClient()
    await client.connect(urls["socketio"], transports=["websocket"])
    answers = [await client.call("echo", {"n": 1}), await client.call("echo", b"bytes" * 3) == b"bytes" * 3]
    await client.disconnect()
    return answers


async def httpx_ws(urls: dict[str, str]) -> Any:
    from httpx_ws import aconnect_ws

    async with aconnect_ws(urls["echo"]) as connection:
        await connection.send_text("hello")
        await connection.send_bytes(b"bytes")
        return [await connection.receive_text(), (await connection.receive_bytes()).decode()]


async def aiohttp(urls: dict[str, str]) -> Any:
    import aiohttp

    async with aiohttp.ClientSession() as session, session.ws_connect(urls["echo"]) as connection:
        await connection.send_str("hello")
        return await connection.receive_str()


async def speechmatics(urls: dict[str, str]) -> Any:
    from speechmatics.rt import AsyncClient

    client = AsyncClient(api_key="key", url=urls["speechmatics"])
    try:
        await client.start_session()
    except Exception as exc:
        return str(exc)
    await client.close()
    return "started"
