"""Whom an asyncio server lets in, and what happens to its hooks when nobody waits for their answer any more."""

from __future__ import annotations

import asyncio
import base64
from typing import Any

import pytest
from websockets.asyncio.client import connect as connect_theirs

from pyws_browser.aio import ServerConnection, basic_auth, connect, serve

from ..server.test_belief import FORGED
from ..server.test_server import request
from .parties import echo, url_of


async def ask(server: Any, data: bytes) -> int:
    """Send a request; return the status of the answer."""
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname()[:2])
    writer.write(data)
    try:
        return int((await reader.readuntil(b"\r\n\r\n"))[9:12])
    finally:
        writer.close()
        await writer.wait_closed()


@pytest.mark.parametrize(("data", "status"), FORGED.values(), ids=FORGED)
async def test_an_asyncio_server_shows_the_path_that_was_judged(data: bytes, status: int) -> None:
    judged: list[str] = []
    shown: list[str] = []
    is_shown = asyncio.Event()

    def judge(connection: Any, asked: Any) -> None:
        judged.append(asked.path)

    async def handler(connection: Any) -> None:
        shown.extend((connection.request.path, connection._transport.url.resource))
        is_shown.set()

    async with serve(handler, "127.0.0.1", 0, process_request=judge) as listening:
        reader, writer = await asyncio.open_connection(*listening.sockets[0].getsockname()[:2])
        writer.write(data)
        assert int((await reader.readuntil(b"\r\n\r\n"))[9:12]) == status
        if status == 101:
            await is_shown.wait()
        writer.close()
    assert shown == judged * 2
    assert bool(judged) is (status == 101)


@pytest.mark.parametrize(
    ("value", "status"),
    [
        (b"Basic " + base64.b64encode(b"mary:secret"), 101),
        (b"Basic \xff", 401),
        (b"Basic \xff\xfe\xfd\xfc", 401),
        (b"Basic " + base64.b64encode(b"mary:\xff"), 401),
        (b"\xff", 401),
        (b"Basic", 401),
        (b"Basic " + base64.b64encode("märy:secret".encode("latin-1")), 401),
        (b"Basic a\r\nAuthorization: Basic a", 400),
    ],
)
async def test_basic_auth_takes_whatever_comes_for_credentials(
    value: bytes, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    auth = basic_auth("game", credentials=("mary", "secret"))
    async with serve(echo, "127.0.0.1", 0, process_request=auth) as server:
        data = request().replace(b"\r\n\r\n", b"\r\nAuthorization: " + value + b"\r\n\r\n")
        assert await ask(server, data) == status
    assert "opening handshake failed" not in caplog.text


@pytest.mark.parametrize("name", ["Authorization", "Origin", "Host", "Sec-WebSocket-Key", "Content-Length"])
async def test_a_header_that_may_come_once_and_comes_twice_is_refused(name: str) -> None:
    asked: list[Any] = []
    async with serve(echo, "127.0.0.1", 0, process_request=lambda _, given: asked.append(given)) as server:
        data = request().replace(b"\r\n\r\n", f"\r\n{name}: a\r\n{name}: b\r\n\r\n".encode())
        assert await ask(server, data) == 400
    assert asked == []


async def test_any_other_header_that_comes_twice_has_one_value() -> None:
    seen: list[str] = []

    def look(connection: Any, asked: Any) -> None:
        seen.append(asked.headers.get("X-Token"))
        seen.append(asked.headers["Cookie"])

    async with serve(echo, "127.0.0.1", 0, process_request=look) as server:
        data = request().replace(b"\r\n\r\n", b"\r\nX-Token: a\r\nX-Token: b\r\nCookie: a\r\ncookie: b\r\n\r\n")
        assert await ask(server, data) == 101
    assert seen == ["a, b", "a; b"]


async def test_process_request_sees_method_and_protocol() -> None:
    seen: list[str] = []

    def look(connection: ServerConnection, asked: Any) -> Any:
        seen.extend((asked.method, asked.protocol))
        assert connection.request is asked
        return connection.respond(200, "OK")

    async with serve(echo, "127.0.0.1", 0, process_request=look) as server:
        assert await ask(server, b"HEAD / HTTP/1.0\r\n\r\n") == 200
    assert seen == ["HEAD", "HTTP/1.0"]


class Hook:
    """A hook that waits for ever, and tells how it fared."""

    def __init__(self) -> None:
        self.begun = 0
        self.cancelled = 0
        self.all_begun = asyncio.Event()
        self.all_cancelled = asyncio.Event()
        self.wanted = 1

    async def __call__(self, *_: Any) -> None:
        self.begun += 1
        if self.begun == self.wanted:
            self.all_begun.set()
        try:
            await asyncio.get_running_loop().create_future()
        except asyncio.CancelledError:
            self.cancelled += 1
            if self.cancelled == self.wanted:
                self.all_cancelled.set()
            raise


@pytest.mark.parametrize("name", ["process_request", "process_response"])
async def test_hooks_are_cancelled_when_their_clients_leave(name: str) -> None:
    hook = Hook()
    hook.wanted = 50
    async with serve(echo, "127.0.0.1", 0, **{name: hook}) as server:
        address = server.sockets[0].getsockname()[:2]
        writers = [(await asyncio.open_connection(*address))[1] for _ in range(hook.wanted)]
        for writer in writers:
            writer.write(request())
        await hook.all_begun.wait()
        for writer in writers:
            writer.close()
        await hook.all_cancelled.wait()


async def test_a_check_of_credentials_is_cancelled_when_its_client_leaves() -> None:
    hook = Hook()
    auth = basic_auth("game", check_credentials=hook)  # type: ignore[arg-type]
    async with serve(echo, "127.0.0.1", 0, process_request=auth) as server:
        _, writer = await asyncio.open_connection(*server.sockets[0].getsockname()[:2])
        writer.write(request(Authorization="Basic " + base64.b64encode(b"a:b").decode()))
        await hook.all_begun.wait()
        writer.close()
        await hook.all_cancelled.wait()


async def test_a_hook_is_cancelled_when_its_time_is_over(caplog: pytest.LogCaptureFixture) -> None:
    hook = Hook()
    async with serve(echo, "127.0.0.1", 0, process_request=hook, open_timeout=0.05) as server:
        assert await ask(server, request()) == 503
        await hook.all_cancelled.wait()
    assert "opening handshake failed" not in caplog.text


async def test_a_hook_is_cancelled_when_the_server_closes() -> None:
    hook = Hook()
    async with serve(echo, "127.0.0.1", 0, process_request=hook) as server:
        asking = asyncio.ensure_future(ask(server, request()))
        await hook.all_begun.wait()
    assert await asking == 503
    await hook.all_cancelled.wait()


async def test_a_hook_that_goes_on_nevertheless_does_no_harm(caplog: pytest.LogCaptureFixture) -> None:
    has_begun, is_over = asyncio.Event(), asyncio.Event()

    async def stubborn(connection: Any, asked: Any) -> None:
        has_begun.set()
        try:
            await asyncio.get_running_loop().create_future()
        except asyncio.CancelledError:
            is_over.set()

    async with serve(echo, "127.0.0.1", 0, process_request=stubborn) as server:
        _, writer = await asyncio.open_connection(*server.sockets[0].getsockname()[:2])
        writer.write(request())
        await has_begun.wait()
        writer.close()
        await is_over.wait()
        async with serve(echo, "127.0.0.1", 0) as other, connect(url_of(other)) as bystander:
            await bystander.send("x")
            assert await bystander.recv() == "x"
    assert "opening handshake failed" not in caplog.text


@pytest.mark.parametrize("connect", [connect, connect_theirs])
async def test_a_hook_whose_client_waits_is_not_cancelled(connect: Any) -> None:
    decided = asyncio.Event()

    async def slow(connection: Any, asked: Any) -> None:
        asyncio.get_running_loop().call_later(0.05, decided.set)
        await decided.wait()

    async with serve(echo, "127.0.0.1", 0, process_request=slow) as server, connect(url_of(server)) as connection:
        await connection.send("x")
        assert await connection.recv() == "x"
