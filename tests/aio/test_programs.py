"""Whole programs as people write them for `websockets`: run as they are, then with nothing but the imports changed."""

from __future__ import annotations

import textwrap
from importlib.metadata import version
from typing import Any

import pytest

IMPORTS = {
    "websockets": {
        "client": "from websockets.asyncio.client import connect",
        "server": "from websockets.asyncio.server import serve, broadcast, basic_auth, ServerConnection",
        "exceptions": "from websockets.exceptions import *",
    },
    "ours": {
        "client": "from pyws_browser.aio import connect",
        "server": "from pyws_browser.aio import serve, broadcast, basic_auth, ServerConnection",
        "exceptions": "from pyws_browser.compat.exceptions import *",
    },
    "ours, their exceptions": {
        "client": "from pyws_browser.aio import connect",
        "server": "from pyws_browser.aio import serve, broadcast, basic_auth, ServerConnection",
        "exceptions": "from websockets.exceptions import *",
    },
}

# Each has a coroutine function `main()`, which raises or returns what is expected of it.
HELLO = """
    async def hello(websocket):
        name = await websocket.recv()
        await websocket.send(f"Hello {name}!")

    async def main():
        async with serve(hello, "127.0.0.1", 0) as server:
            async with connect(f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}") as websocket:
                await websocket.send("Ann")
                greeting = await websocket.recv()
        return greeting

    EXPECTED = "Hello Ann!"
"""

COUNTER = """
    USERS = set()
    VALUE = 0

    def users_event():
        return json.dumps({"type": "users", "count": len(USERS)})

    def value_event():
        return json.dumps({"type": "value", "value": VALUE})

    async def counter(websocket):
        global VALUE
        try:
            USERS.add(websocket)
            broadcast(USERS, users_event())
            await websocket.send(value_event())
            async for message in websocket:
                VALUE += {"plus": 1, "minus": -1}[json.loads(message)["action"]]
                broadcast(USERS, value_event())
        finally:
            USERS.remove(websocket)
            broadcast(USERS, users_event())

    async def until(websocket, event):
        while json.loads(await websocket.recv()) != event:
            pass

    async def main():
        async with serve(counter, "127.0.0.1", 0) as server:
            url = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"
            async with connect(url) as one, connect(url) as other:
                await until(one, {"type": "users", "count": 2})
                for action in ("plus", "plus", "minus", "plus"):
                    await one.send(json.dumps({"action": action}))
                await until(other, {"type": "value", "value": 2})
                await other.close()
                await until(one, {"type": "users", "count": 1})
        return VALUE

    EXPECTED = 2
"""

CONSUMER_AND_PRODUCER = """
    async def handler(websocket):
        queue = asyncio.Queue()

        async def consumer():
            async for message in websocket:
                await queue.put(message.upper())

        async def producer():
            while True:
                await websocket.send(await queue.get())

        tasks = [asyncio.create_task(consumer()), asyncio.create_task(producer())]
        done, pending = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in pending:
            task.cancel()

    async def main():
        async with serve(handler, "127.0.0.1", 0) as server:
            async with connect(f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}") as websocket:
                for word in "one two three".split():
                    await websocket.send(word)
                answers = [await asyncio.wait_for(websocket.recv(), 10) for _ in range(3)]
        return answers

    EXPECTED = ["ONE", "TWO", "THREE"]
"""

AUTHENTICATION = """
    TOKENS = {"s3cret": "ann"}

    async def process_request(connection, request):
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if token not in TOKENS:
            return connection.respond(http.HTTPStatus.UNAUTHORIZED, "Missing or wrong token\\n")
        connection.username = TOKENS[token]

    async def whoami(websocket):
        await websocket.send(websocket.username)

    async def main():
        answers = []
        async with serve(whoami, "127.0.0.1", 0, process_request=process_request) as server:
            url = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"
            try:
                await connect(url)
            except InvalidStatus as exc:
                answers.append((exc.response.status_code, bytes(exc.response.body)))
            headers = {"Authorization": "Bearer s3cret"}
            async with connect(url, additional_headers=headers) as websocket:
                answers.append(await websocket.recv())
        return answers

    EXPECTED = [(401, b"Missing or wrong token\\n"), "ann"]
"""

BASIC_AUTHENTICATION = """
    async def hello(websocket):
        await websocket.send(f"Hello {websocket.username}!")

    async def main():
        auth = basic_auth(realm="example", credentials=("mary", "p@ssw0rd"))
        async with serve(hello, "127.0.0.1", 0, process_request=auth) as server:
            port = server.sockets[0].getsockname()[1]
            async with connect(f"ws://mary:p%40ssw0rd@127.0.0.1:{port}") as websocket:
                return await websocket.recv()

    EXPECTED = "Hello mary!"
"""

ENDS = """
    async def handler(websocket):
        code, _, reason = (await websocket.recv()).partition(" ")
        await websocket.close(int(code), reason)

    async def main():
        ends = []
        async with serve(handler, "127.0.0.1", 0) as server:
            for farewell in ("1000 bye", "1001", "1011 oh", "4000 private"):
                async with connect(f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}") as websocket:
                    await websocket.send(farewell)
                    try:
                        await websocket.recv()
                    except ConnectionClosedOK as exc:
                        ends.append(("ok", exc.rcvd.code, exc.rcvd.reason, str(exc)))
                    except ConnectionClosed as exc:
                        ends.append(("error", exc.rcvd.code, exc.rcvd.reason, str(exc)))
                    ends.append((websocket.close_code, websocket.close_reason))
        return ends

    EXPECTED = [
        ("ok", 1000, "bye", "received 1000 (OK) bye; then sent 1000 (OK) bye"), (1000, "bye"),
        ("ok", 1001, "", "received 1001 (going away); then sent 1001 (going away)"), (1001, ""),
        ("error", 1011, "oh", "received 1011 (internal error) oh; then sent 1011 (internal error) oh"), (1011, "oh"),
        ("error", 4000, "private", "received 4000 (private use) private; then sent 4000 (private use) private"),
        (4000, "private"),
    ]
"""

SHUTDOWN = """
    async def handler(websocket):
        async for message in websocket:
            await websocket.send(message)

    async def main():
        server = await serve(handler, "127.0.0.1", 0)
        serving = asyncio.create_task(server.serve_forever())
        websocket = await connect(f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}")
        await websocket.send("before")
        answers = [await websocket.recv()]
        serving.cancel()
        try:
            await serving
        except asyncio.CancelledError:
            answers.append("cancelled")
        async for message in websocket:
            answers.append(message)
        return [*answers, websocket.close_code]

    EXPECTED = ["before", "cancelled", 1001]
"""

KEEPALIVE = """
    async def handler(websocket):
        await websocket.wait_closed()

    async def main():
        async with serve(handler, "127.0.0.1", 0, ping_interval=0.02, ping_timeout=5) as server:
            url = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"
            async with connect(url, ping_interval=0.02, ping_timeout=5) as websocket:
                await asyncio.sleep(0.1)
                pong_waiter = await websocket.ping("data")
                latency = await pong_waiter
        return 0 <= latency < 5

    EXPECTED = True
"""

BAD_URIS = """
    async def main():
        problems = []
        for uri in ("ftp://example.com", "ws://example.com/#fragment", "nothing"):
            try:
                connect(uri)
            except InvalidURI:
                problems.append(uri)
        return problems

    EXPECTED = ["ftp://example.com", "ws://example.com/#fragment", "nothing"]
"""

ROUTING = """
    async def echo(websocket):
        async for message in websocket:
            await websocket.send(message)

    async def shout(websocket):
        async for message in websocket:
            await websocket.send(message.upper())

    async def router(websocket: ServerConnection):
        handler = {"/echo": echo, "/shout": shout}.get(websocket.request.path)
        if handler is None:
            await websocket.close(4404, "no such path")
        else:
            await handler(websocket)

    async def main():
        answers = []
        async with serve(router, "127.0.0.1", 0) as server:
            for path in ("/echo", "/shout", "/nowhere"):
                async with connect(f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}{path}") as websocket:
                    try:
                        await websocket.send("hi")
                        answers.append(await websocket.recv())
                    except ConnectionClosed as exc:
                        answers.append(exc.rcvd.code)
        return answers

    EXPECTED = ["hi", "HI", 4404]
"""

PROGRAMS = {
    name.lower(): source for name, source in list(globals().items()) if name.isupper() and isinstance(source, str)
}


IS_REFERENCE = int(version("websockets").partition(".")[0]) >= 17
"""Older ones decode no user names and shut down in another way; ours does as the newest does with any of them."""


@pytest.mark.parametrize("server", IMPORTS)
@pytest.mark.parametrize("client", IMPORTS)
@pytest.mark.parametrize("program", PROGRAMS)
async def test_a_program_does_the_same_with_any_imports(program: str, client: str, server: str) -> None:
    if "websockets" in (client, server) and not IS_REFERENCE:
        pytest.skip("this websockets is older than the one to compare with")
    imports = [
        "import asyncio, http, json",
        IMPORTS[client]["client"],
        IMPORTS[server]["server"],
        IMPORTS[client]["exceptions"],
    ]
    namespace: dict[str, Any] = {"__name__": program}
    exec("\n".join(imports) + textwrap.dedent(PROGRAMS[program]), namespace)
    assert await namespace["main"]() == namespace["EXPECTED"]
