"""A cancelled wait raises what its canceller recognises: anyio looks at the message, asyncio at the count."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import anyio
import pytest

from pyws_browser import aio

from .parties import CONNECT, pair

SHORT = 0.02
"""Seconds after which the time limits here end a wait that nothing else would end."""

Operation = Callable[[Any], Awaitable[object]]


async def iterate(connection: Any) -> None:
    async for _ in connection:
        pass


async def stream(connection: Any) -> None:
    async for _ in connection.recv_streaming():
        pass


async def send_until_it_waits(connection: Any) -> None:
    while True:
        await connection.send(bytes(100_000))


async def send_fragments_until_it_waits(connection: Any) -> None:
    async def fragments() -> AsyncIterator[bytes]:
        while True:
            yield bytes(100_000)

    await connection.send(fragments())


async def ping(connection: Any) -> None:
    await (await connection.ping())


OPERATIONS: dict[str, Operation] = {
    "recv": lambda connection: connection.recv(),
    "async for": iterate,
    "recv_streaming": stream,
    "send": send_until_it_waits,
    "send fragments": send_fragments_until_it_waits,
    "ping": ping,
    "close": lambda connection: connection.close(),
    "wait_closed": lambda connection: connection.wait_closed(),
}
"""What waits on a connection whose other side reads, says and answers nothing."""


async def within_timeout(operation: Awaitable[object]) -> None:
    async with asyncio.timeout(SHORT):
        await operation


LIMITS: dict[str, Callable[[Awaitable[object]], Awaitable[object]]] = {
    "timeout": within_timeout,
    "wait_for": lambda operation: asyncio.wait_for(operation, SHORT),
}

over_both = pytest.mark.parametrize("client", CONNECT)
over_operations = pytest.mark.parametrize("operation", OPERATIONS)


@asynccontextmanager
async def mute(client: str, urls: dict[str, str]) -> AsyncIterator[Any]:
    """Give a connection to a server that does nothing once it has opened; it is cut at the end."""
    connection = await CONNECT[client](urls["raw"] + "/mute", compression=None, ping_interval=None)
    try:
        yield connection
    finally:
        connection.transport.abort()
        await connection.wait_closed()


def cancellations() -> int:
    task = asyncio.current_task()
    assert task is not None
    return task.cancelling()


@over_both
@over_operations
async def test_move_on_after_ends_a_wait_and_the_program_goes_on(
    operation: str, client: str, contract_urls: dict[str, str]
) -> None:
    async with mute(client, contract_urls) as connection:
        with anyio.move_on_after(SHORT) as scope:
            await OPERATIONS[operation](connection)
        assert scope.cancelled_caught
        assert cancellations() == 0


@over_both
@over_operations
async def test_fail_after_raises_its_timeout_error(operation: str, client: str, contract_urls: dict[str, str]) -> None:
    async with mute(client, contract_urls) as connection:
        with pytest.raises(TimeoutError), anyio.fail_after(SHORT):
            await OPERATIONS[operation](connection)
        assert cancellations() == 0


@over_both
@over_operations
@pytest.mark.parametrize("limit", LIMITS)
async def test_the_time_limits_of_asyncio_end_a_wait(
    limit: str, operation: str, client: str, contract_urls: dict[str, str]
) -> None:
    async with mute(client, contract_urls) as connection:
        with pytest.raises(TimeoutError):
            await LIMITS[limit](OPERATIONS[operation](connection))
        assert cancellations() == 0


@over_both
@over_operations
async def test_the_message_of_a_cancellation_comes(operation: str, client: str, contract_urls: dict[str, str]) -> None:
    async with mute(client, contract_urls) as connection:
        task = asyncio.ensure_future(OPERATIONS[operation](connection))
        await asyncio.sleep(SHORT)
        task.cancel("why")
        with pytest.raises(asyncio.CancelledError) as caught:
            await task
        assert caught.value.args == ("why",)


@over_both
async def test_connecting_is_ended_by_time_limits_and_told_the_message(
    client: str, contract_urls: dict[str, str]
) -> None:
    def connecting() -> Any:
        return CONNECT[client](contract_urls["raw"] + "/silent")

    with anyio.move_on_after(SHORT) as scope:
        await connecting()
    assert scope.cancelled_caught
    with pytest.raises(TimeoutError), anyio.fail_after(SHORT):
        async with connecting():
            pass
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(SHORT):
            await connecting()
    assert cancellations() == 0

    async def connect() -> None:
        await connecting()

    task = asyncio.ensure_future(connect())
    await asyncio.sleep(SHORT)
    task.cancel("why")
    with pytest.raises(asyncio.CancelledError) as caught:
        await task
    assert caught.value.args == ("why",)


@over_both
async def test_waiting_to_connect_again_is_ended_by_a_time_limit(client: str, unused_url: str) -> None:
    with anyio.move_on_after(SHORT) as scope:
        async for _ in CONNECT[client](unused_url):
            pytest.fail("somebody listens there")
    assert scope.cancelled_caught


async def test_a_scope_that_is_cancelled_around_the_whole_connection_ends_it() -> None:
    async with anyio.create_task_group() as tasks:

        async def program() -> None:
            async with pair() as connection:
                tasks.cancel_scope.cancel()
                await connection.recv()

        tasks.start_soon(program)
    assert tasks.cancel_scope.cancelled_caught
    assert cancellations() == 0


async def test_an_inner_scope_leaves_the_cancellation_of_an_outer_one_alone() -> None:
    async with pair() as connection:
        with anyio.move_on_after(SHORT) as outer:
            with anyio.move_on_after(60) as inner:
                await connection.recv()
            pytest.fail("the outer scope's cancellation went no further than the inner one")
        assert (outer.cancelled_caught, inner.cancelled_caught) == (True, False)
        await connection.send("still usable")
        assert await connection.recv() == "still usable"


async def test_a_failing_task_ends_the_waits_of_its_task_group() -> None:
    async def fail() -> None:
        await asyncio.sleep(0)
        raise LookupError("of the other task")

    async def receive_beside_it(connection: Any) -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(connection.recv())
            tasks.create_task(fail())

    async with pair() as connection:
        with pytest.raises(ExceptionGroup, match="unhandled") as caught:
            await receive_beside_it(connection)
        assert caught.group_contains(LookupError)
        await connection.send("still usable")
        assert await connection.recv() == "still usable"


async def test_a_servers_handler_is_told_the_message_of_its_cancellation() -> None:
    told: asyncio.Future[tuple[Any, ...]] = asyncio.get_running_loop().create_future()
    handling: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

    async def handler(connection: Any) -> None:
        handling.set_result(asyncio.current_task())
        try:
            await connection.recv()
        except asyncio.CancelledError as exc:
            told.set_result(exc.args)
            raise

    async with pair(handler, "our server") as connection:
        (await handling).cancel("the program ends")
        assert await told == ("the program ends",)
        await connection.wait_closed()
        assert connection.close_code == 1011


async def test_serving_for_ever_is_ended_by_a_scope() -> None:
    with anyio.move_on_after(SHORT) as scope:
        async with aio.serve(iterate, "127.0.0.1", 0) as server:
            await server.serve_forever()
    assert scope.cancelled_caught
    assert cancellations() == 0
