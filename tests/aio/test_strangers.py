"""serve() beside clients that mean no good, and beside functions of the program that fail: the others are served."""

from __future__ import annotations

import asyncio
import logging
import socket
from contextlib import ExitStack
from typing import Any

import pytest

from pyws_browser import InvalidOptionError
from pyws_browser.aio import ServerConnection, connect, serve
from pyws_browser.compat.exceptions import InvalidMessage, InvalidStatus

from .parties import echo, url_of


class MistakeError(Exception):
    """What the program's functions raise here."""


def fail(*_: Any, **__: Any) -> Any:
    raise MistakeError


async def fail_later(*_: Any) -> Any:
    await asyncio.sleep(0)
    raise MistakeError


async def is_served(connection: Any) -> bool:
    await connection.send("are you there?")
    return bool(await connection.recv() == "are you there?")


def mistakes(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Return the loggers that told of a mistake, with its traceback."""
    return [
        record.name
        for record in caplog.records
        if record.levelno == logging.ERROR and record.exc_info and record.exc_info[0] is MistakeError
        if record.name.endswith(".server")
    ]


@pytest.mark.parametrize("sent", [b"", b"GET / HTTP/1.1\r\nHost: a\r\n", b"POST / HTTP/1.1\r\n\r\n"])
async def test_half_open_connections_keep_nobody_out(sent: bytes) -> None:
    async with serve(echo, "127.0.0.1", 0, max_handshakes=5) as server, connect(url_of(server)) as bystander:
        with ExitStack() as stack:
            for _ in range(20):
                sock = stack.enter_context(socket.create_connection(server.sockets[0].getsockname()))
                sock.sendall(sent)
                await asyncio.sleep(0)
            for _ in range(10):
                async with connect(url_of(server)) as honest:
                    assert await is_served(honest)
            assert len(server._opening) <= 5
            assert await is_served(bystander)


async def test_requests_that_wait_for_the_program_are_not_dropped_for_others() -> None:
    is_decided = asyncio.Event()
    decisions = 0

    async def decide(connection: ServerConnection, request: Any) -> None:
        nonlocal decisions
        decisions += 1
        await is_decided.wait()

    async with serve(echo, "127.0.0.1", 0, max_handshakes=2, process_request=decide) as server:
        tasks = []
        for asked in range(1, 6):
            tasks.append(asyncio.create_task(connect(url_of(server)).__aenter__()))
            while decisions < asked:
                await asyncio.sleep(0.001)
        is_decided.set()
        for connection in await asyncio.gather(*tasks):
            assert await is_served(connection)
            await connection.close()


@pytest.mark.parametrize("count", [0, -1, 2.5, None])
def test_the_limit_of_handshakes_is_a_whole_number(count: Any) -> None:
    with pytest.raises(InvalidOptionError, match="max_handshakes"):
        serve(echo, "127.0.0.1", 0, max_handshakes=count)


@pytest.mark.parametrize("hook", ["process_request", "process_response", "select_subprotocol"])
@pytest.mark.parametrize("function", [fail, fail_later])
async def test_a_hook_that_fails_answers_500(hook: str, function: Any, caplog: pytest.LogCaptureFixture) -> None:
    if hook == "select_subprotocol" and function is fail_later:
        pytest.skip("it is a plain function")

    def for_victims(connection: Any, *arguments: Any) -> Any:
        if connection.request is not None and connection.request.path == "/victim":
            return function()
        return None

    async with serve(echo, "127.0.0.1", 0, **{hook: for_victims}) as server, connect(url_of(server)) as bystander:
        with pytest.raises(InvalidStatus) as caught:
            await connect(url_of(server) + "victim", subprotocols=["v1"])
        assert caught.value.response.status_code == 500
        assert await is_served(bystander)
    assert mistakes(caplog) == ["pyws_browser.server"]


async def test_a_handler_that_fails_closes_with_1011(caplog: pytest.LogCaptureFixture) -> None:
    async def handle(connection: ServerConnection) -> None:
        async for message in connection:
            if message == "fail":
                raise MistakeError
            await connection.send(message)

    async with (
        serve(handle, "127.0.0.1", 0) as server,
        connect(url_of(server)) as bystander,
        connect(url_of(server)) as victim,
    ):
        await victim.send("fail")
        await victim.wait_closed()
        assert victim.close_code == 1011
        assert await is_served(bystander)
    assert mistakes(caplog) == ["pyws_browser.server"]


async def test_a_trace_that_fails_closes_with_1011(caplog: pytest.LogCaptureFixture) -> None:
    def trace(connection: Any, frame: Any) -> None:
        if b"fail" in bytes(frame.payload if isinstance(frame.payload, bytes) else frame.payload.encode()):
            raise MistakeError

    async with (
        serve(echo, "127.0.0.1", 0, trace=trace, compression=None) as server,
        connect(url_of(server)) as bystander,
        connect(url_of(server)) as victim,
    ):
        await victim.send("fail")
        await victim.wait_closed()
        assert victim.close_code == 1011
        assert await is_served(bystander)
    assert mistakes(caplog) == ["pyws_browser.server"]


async def test_a_connection_class_that_fails_takes_nobody_else_with_it(caplog: pytest.LogCaptureFixture) -> None:
    class Picky(ServerConnection):
        count = 0

        def __init__(self, *arguments: Any, **named: Any) -> None:
            type(self).count += 1
            if self.count == 2:
                raise MistakeError
            super().__init__(*arguments, **named)

    async with serve(echo, "127.0.0.1", 0, create_connection=Picky) as server, connect(url_of(server)) as bystander:
        with pytest.raises((OSError, InvalidMessage)):
            await connect(url_of(server))
        async with connect(url_of(server)) as later:
            assert await is_served(later)
        assert await is_served(bystander)
    assert mistakes(caplog) == ["pyws_browser.server"]
