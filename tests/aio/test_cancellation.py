"""Whatever is cancelled whenever, the connection stays usable, and every message comes once and in order."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from random import Random
from typing import Any

import anyio
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from pyws_browser.aio import Close, ConnectionClosedError, State, connect

from .conftest import FACTORIES
from .parties import CONNECT, SERVE, echo, pair, served, url_of

SIZES = st.sampled_from([0, 1, 100, 3000, 70_000])
TURNS = st.integers(0, 4)
SIDES = st.sampled_from(["client", "server"])


class Enough(Exception):  # noqa: N818  it is no error
    """Ends the tasks of a group."""


async def _pass(turns: int) -> None:
    for _ in range(turns):
        await asyncio.sleep(0)


async def by_cancelling(operation: Coroutine[Any, Any, Any], turns: int, *message: str) -> Any:
    task = asyncio.ensure_future(operation)
    await _pass(turns)
    task.cancel(*message)
    try:
        return await task
    except asyncio.CancelledError as exc:
        assert exc.args == message
        return None


async def by_cancelling_with_a_message(operation: Coroutine[Any, Any, Any], turns: int) -> Any:
    return await by_cancelling(operation, turns, "enough")


async def by_a_timeout(operation: Coroutine[Any, Any, Any], turns: int) -> Any:
    async def expire() -> None:
        await _pass(turns)
        limit.reschedule(asyncio.get_running_loop().time())

    try:
        async with asyncio.timeout(None) as limit:
            expiring = asyncio.ensure_future(expire())
            try:
                return await operation
            finally:
                expiring.cancel()
    except TimeoutError:
        return None


async def by_a_task_group(operation: Coroutine[Any, Any, Any], turns: int) -> Any:
    try:
        async with asyncio.TaskGroup() as group:
            task = group.create_task(operation)
            await _pass(turns)
            raise Enough
    except* Enough:
        pass
    return None if task.cancelled() else task.result()


async def by_a_scope_of_anyio(operation: Coroutine[Any, Any, Any], turns: int) -> Any:
    async def cancel() -> None:
        await _pass(turns)
        scope.cancel()

    with anyio.CancelScope() as scope:
        cancelling = asyncio.ensure_future(cancel())
        try:
            return await operation
        finally:
            cancelling.cancel()
    return None


WAYS = [by_cancelling, by_cancelling_with_a_message, by_a_timeout, by_a_task_group, by_a_scope_of_anyio]
"""Each runs an operation, ends it after some turns of the loop, and returns its result, None if it was cancelled."""

PARTIES = {
    "ours": (CONNECT["our client"], SERVE["our server"]),
    "our client": (CONNECT["our client"], SERVE["websockets' server"]),
    "our server": (CONNECT["websockets' client"], SERVE["our server"]),
    "websockets'": (CONNECT["websockets' client"], SERVE["websockets' server"]),
}
"""Clients and servers; those of the library show that what is asked of ours is what it does."""


class Cancelling(RuleBasedStateMachine):
    """A client and a server, each of whose operations may be cancelled after some turns of the loop."""

    factory: Any = staticmethod(asyncio.SelectorEventLoop)
    parties: Any = PARTIES["ours"]

    @initialize(max_queue=st.sampled_from([1, 2, 16]), write_limit=st.sampled_from([0, 1000, 32768]))
    def connected(self, max_queue: int, write_limit: int) -> None:
        self.runner = asyncio.Runner(loop_factory=self.factory)
        self.handed: asyncio.Queue[Any] = asyncio.Queue()
        self.sent: dict[str, list[bytes]] = {"client": [], "server": []}
        self.received: dict[str, list[bytes]] = {"client": [], "server": []}
        self.tasks: dict[str, asyncio.Task[Any]] = {}

        async def open_both() -> None:
            async def handler(connection: Any) -> None:
                self.handed.put_nowait(connection)
                await connection.wait_closed()

            limits: dict[str, Any] = {"max_queue": max_queue, "write_limit": write_limit, "compression": None}
            connect_to, serve_at = self.parties
            self.server = await serve_at(handler, "127.0.0.1", 0, **limits)
            self.sides = {"client": await connect_to(url_of(self.server), **limits), "server": await self.handed.get()}

        self.run(open_both())

    def run(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        async def limited() -> Any:
            async with asyncio.timeout(20):
                return await coroutine

        return self.runner.run(limited())

    @rule(side=SIDES, size=SIZES, turns=TURNS, way=st.sampled_from(WAYS))
    def send_and_perhaps_cancel(self, side: str, size: int, turns: int, way: Any) -> None:
        number = len(self.sent[side])
        message = number.to_bytes(4, "big") + bytes(size)
        self.sent[side].append(message)  # a message that was handed over goes out, even if the waiting is cancelled
        self.run(way(self.sides[side].send(message), turns + 1))

    @rule(side=SIDES, turns=TURNS, way=st.sampled_from(WAYS))
    def receive_and_perhaps_cancel(self, side: str, turns: int, way: Any) -> None:
        message = self.run(way(self.sides[side].recv(), turns))
        if message is not None:
            self.received[side].append(message)

    @rule(side=SIDES, turns=TURNS, way=st.sampled_from(WAYS))
    def iterate_and_cancel(self, side: str, turns: int, way: Any) -> None:
        async def iterate() -> None:
            async for message in self.sides[side]:
                self.received[side].append(message)

        self.run(way(iterate(), turns))

    @rule(side=SIDES, turns=TURNS, way=st.sampled_from(WAYS))
    def ping_and_perhaps_cancel(self, side: str, turns: int, way: Any) -> None:
        async def ping() -> None:
            await (await self.sides[side].ping())

        self.run(way(ping(), turns))

    @rule(side=SIDES, turns=TURNS, way=st.sampled_from(WAYS))
    def wait_closed_and_cancel(self, side: str, turns: int, way: Any) -> None:
        self.run(way(self.sides[side].wait_closed(), turns))

    @precondition(lambda self: len(self.received["client"]) < len(self.sent["server"]))
    @rule()
    def time_out_at_receiving(self) -> None:
        async def with_timeout() -> None:
            try:
                async with asyncio.timeout(0.001):
                    self.received["client"].append(await self.sides["client"].recv())
            except TimeoutError:
                pass

        self.run(with_timeout())

    @invariant()
    def what_came_is_what_was_sent(self) -> None:
        if hasattr(self, "sides"):
            assert self.received["client"] == self.sent["server"][: len(self.received["client"])]
            assert self.received["server"] == self.sent["client"][: len(self.received["server"])]

    def teardown(self) -> None:
        if hasattr(self, "sides"):
            self.run(self.fetch_the_rest())
            assert self.received["client"] == self.sent["server"]
            assert self.received["server"] == self.sent["client"]
            self.run(self.close())
            self.runner.close()

    async def fetch_the_rest(self) -> None:
        async def fetch(side: str, other: str) -> None:
            while len(self.received[side]) < len(self.sent[other]):
                self.received[side].append(await self.sides[side].recv())

        await asyncio.gather(fetch("client", "server"), fetch("server", "client"))

    async def close(self) -> None:
        assert all(connection.state == State.OPEN for connection in self.sides.values())
        await self.sides["client"].close()
        self.server.close()
        await self.server.wait_closed()
        assert self.sides["server"].close_code == 1000


@pytest.mark.parametrize(
    ("kind", "parties"),
    [*((kind, "ours") for kind in FACTORIES), *(("asyncio", parties) for parties in PARTIES if parties != "ours")],
)
def test_no_message_is_lost_doubled_or_moved_however_operations_are_cancelled(kind: str, parties: str) -> None:
    machine = type("Cancelling", (Cancelling,), {"factory": staticmethod(FACTORIES[kind]), "parties": PARTIES[parties]})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=25,
            stateful_step_count=25,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
        ),
    )


@pytest.mark.parametrize("server", SERVE)
@pytest.mark.parametrize("arguments", [{}, {"max_queue": 1, "write_limit": 1}])
async def test_tasks_that_are_cancelled_at_random_moments_lose_nothing(server: str, arguments: dict[str, Any]) -> None:
    random = Random(5)
    handled: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

    async def handler(connection: Any) -> None:
        handled.set_result(connection)
        await connection.wait_closed()

    async def send(connection: Any, sent: list[bytes]) -> None:
        while True:
            sent.append(len(sent).to_bytes(4, "big") + bytes(random.choice([0, 10, 1000, 70_000])))
            await connection.send(sent[-1])
            if random.random() < 0.3:
                await asyncio.sleep(0)

    async def receive(connection: Any, received: list[bytes]) -> None:
        if random.random() < 0.5:
            async for message in connection:
                received.append(message)
        while True:
            try:
                async with asyncio.timeout(random.random() * 0.005):
                    received.append(await connection.recv())
            except TimeoutError:
                pass

    async def ping(connection: Any, _: list[bytes]) -> None:
        while True:
            await (await connection.ping())

    async def again_and_again(activity: Any, connection: Any, messages: list[bytes]) -> None:
        for _ in range(60):
            task = asyncio.ensure_future(activity(connection, messages))
            for _ in range(random.randrange(8)):
                await asyncio.sleep(0)
            await asyncio.wait([task], timeout=random.choice([0, 0.001, 0.01]))
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

    async def fetch_the_rest(connection: Any, received: list[bytes]) -> None:
        while (message := await connection.recv()) != b"end":
            received.append(message)

    async with served(handler, server, **arguments) as url, connect(url, **arguments) as client:
        other = await handled
        up: tuple[list[bytes], list[bytes]] = [], []
        down: tuple[list[bytes], list[bytes]] = [], []
        await asyncio.gather(
            again_and_again(send, client, up[0]),
            again_and_again(receive, other, up[1]),
            again_and_again(send, other, down[0]),
            again_and_again(receive, client, down[1]),
            again_and_again(ping, client, []),
        )
        await asyncio.gather(
            client.send(b"end"), other.send(b"end"), fetch_the_rest(other, up[1]), fetch_the_rest(client, down[1])
        )
    assert up[0] == up[1]
    assert down[0] == down[1]


async def test_connecting_can_be_cancelled_and_leaves_nothing_open() -> None:
    accepted = asyncio.Event()
    ended = asyncio.Event()

    async def never_answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        accepted.set()
        while await reader.read(1000):
            pass
        writer.close()
        await writer.wait_closed()
        ended.set()

    async with await asyncio.start_server(never_answer, "127.0.0.1", 0) as server:
        connecting = asyncio.ensure_future(connect(url_of(server))._connect())
        await accepted.wait()
        connecting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await connecting
        await ended.wait()


async def test_closing_can_be_cancelled_and_goes_on() -> None:
    async with served() as url:
        connection = await connect(url)
        closing = asyncio.create_task(connection.close())
        await asyncio.sleep(0)
        closing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await closing
        await connection.wait_closed()
        assert connection.close_code == 1000


async def test_iteration_goes_on_after_it_was_cancelled() -> None:
    async with pair() as connection:
        iterating = asyncio.ensure_future(anext(aiter(connection)))
        await asyncio.sleep(0.01)
        iterating.cancel()
        await asyncio.gather(iterating, return_exceptions=True)
        await connection.send("x")
        assert await anext(aiter(connection)) == "x"


async def test_a_message_that_comes_as_its_receiver_is_cancelled_is_there_for_the_next() -> None:
    async with pair() as connection:
        for number in range(50):
            receiver = asyncio.create_task(connection.recv())
            await connection.send(str(number))
            for _ in range(number % 5):
                await asyncio.sleep(0)
            receiver.cancel()
            [outcome] = await asyncio.gather(receiver, return_exceptions=True)
            if isinstance(outcome, asyncio.CancelledError):
                outcome = await connection.recv()
            assert outcome == str(number)


async def test_waiting_for_the_first_fragment_can_be_cancelled() -> None:
    async def never() -> AsyncIterator[str]:
        await asyncio.sleep(1000)
        yield ""

    async with pair() as connection:
        sending = asyncio.create_task(connection.send(never()))
        await asyncio.sleep(0.01)
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)
        await connection.send("x")
        assert await connection.recv() == "x"


async def test_a_message_cancelled_in_the_middle_cannot_be_taken_back_and_ends_the_connection() -> None:
    async def half() -> AsyncIterator[str]:
        yield "half"
        await asyncio.sleep(1000)

    async with served(echo) as url:
        connection = await connect(url)
        sending = asyncio.create_task(connection.send(half()))
        await asyncio.sleep(0.02)
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)
        with pytest.raises(ConnectionClosedError) as caught:
            await connection.recv()
        assert caught.value.sent == Close(1011, "error in fragmented message")
