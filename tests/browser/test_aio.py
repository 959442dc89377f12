"""aio.connect() in a page and in a worker: programs for `websockets` run with the import changed."""

from __future__ import annotations

import asyncio
import textwrap
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest
import websockets.asyncio.client
import websockets.asyncio.server
from websockets.exceptions import ConnectionClosed

from ..contract.server import unused_port

if TYPE_CHECKING:
    from .interpreter import Interpreter


async def handler(connection: Any) -> None:
    """Do what the path says."""
    what, _, argument = connection.request.path[1:].partition("/")
    if what == "echo":
        async for message in connection:
            await connection.send(message)
    elif what == "count":
        for number in range(int(argument)):
            await connection.send(str(number))
    elif what == "close":
        await connection.close(int(argument), "bye")
    elif what == "abort":
        connection.transport.abort()
    elif what == "big":
        await connection.send(bytes(int(argument)))
        await connection.wait_closed()
    elif what == "slow":
        await asyncio.sleep(1.0)
        total = 0
        async for message in connection:
            total += len(message)
            if message == b"end":
                await connection.send(str(total))


@pytest.fixture(scope="module")
def aio_url() -> Iterator[str]:
    """Run a server of `websockets` in a thread."""
    loop = asyncio.new_event_loop()
    is_ready = threading.Event()
    port = 0

    async def serve() -> None:
        nonlocal port
        server = await websockets.asyncio.server.serve(
            handler, "127.0.0.1", 0, max_size=None, subprotocols=["chat"], select_subprotocol=_select
        )
        port = server.sockets[0].getsockname()[1]
        is_ready.set()
        await server.serve_forever()

    def run() -> None:
        asyncio.set_event_loop(loop)
        serving = loop.create_task(serve())
        loop.run_forever()
        serving.cancel()
        loop.run_until_complete(asyncio.gather(serving, return_exceptions=True))
        loop.close()

    thread = threading.Thread(target=run)
    thread.start()
    assert is_ready.wait(20)
    yield f"ws://127.0.0.1:{port}/"
    loop.call_soon_threadsafe(loop.stop)
    thread.join(20)


def _select(connection: Any, offered: Any) -> Any:
    return offered[0] if offered else None


@pytest.fixture
def run(python_place: Interpreter, aio_url: str) -> Any:
    """Give a function that runs source with `URL` and the usual imports."""

    def run(source: str) -> Any:
        prelude = (
            "import asyncio, time\n"
            "from pyws_browser import UnsupportedInBrowserError\n"
            "from pyws_browser.aio import *\n"
            "from pyws_browser.compat.exceptions import *\n"
        )
        return python_place.run(prelude + textwrap.dedent(source), URL=aio_url)

    return run


def test_messages_of_every_kind_come_back(run: Any) -> None:
    assert run("""
        sent = ["text", "", "grün 🌱", b"bytes", b"", bytes(range(256)) * 300, "x" * 200_000]
        async with connect(URL + "echo") as ws:
            for message in sent:
                await ws.send(message)
            received = [await ws.recv() for _ in sent]
        assert received == sent
        [ws.close_code, ws.close_reason, int(ws.state)]
    """) == [1000, "", 3]


def test_bytes_of_javascripts_are_no_fragments(run: Any) -> None:
    assert "send its to_bytes()" in run("""
        import js
        async with connect(URL + "echo") as ws:
            try:
                await ws.send(js.Uint8Array.new(3))
            except TypeError as exc:
                said = str(exc)
        said
    """)


def test_bytes_that_are_to_be_text_and_are_none_end_the_connection(run: Any) -> None:
    assert run("""
        async with connect(URL + "echo") as ws:
            await ws.send(b"\\xff")
            try:
                await ws.recv(decode=True)
            except ConnectionClosedError as exc:
                ended = [exc.sent.code, type(exc.__cause__).__name__]
        ended
    """) == [4007, "InvalidTextError"]


def test_iteration_over_a_flood_loses_none(run: Any) -> None:
    assert run("""
        async with connect(URL + "count/5000") as ws:
            received = [message async for message in ws]
        received == [str(number) for number in range(5000)]
    """)


def test_fragments_go_out_as_one_message(run: Any) -> None:
    assert run("""
        async def parts():
            for part in "abc":
                await asyncio.sleep(0)
                yield part
        async with connect(URL + "echo") as ws:
            await ws.send(parts())
            await ws.send([b"1", bytearray(b"2")])
            await ws.send("as bytes", text=False)
            received = [await ws.recv(), await ws.recv(decode=True), await ws.recv(decode=True)]
            await ws.send("streamed")
            received += [part async for part in ws.recv_streaming()]
        received
    """) == ["abc", "12", "as bytes", "streamed"]


def test_the_subprotocol(run: Any) -> None:
    assert (
        run("""
        async with connect(URL + "echo", subprotocols=["chat", "x"]) as ws:
            name = ws.subprotocol
        name
    """)
        == "chat"
    )


@pytest.mark.parametrize(("code", "kind"), [(1000, "OK"), (1001, "OK"), (1011, "Error"), (4000, "Error")])
def test_how_it_ended(run: Any, code: int, kind: str) -> None:
    assert run(f"""
        ws = await connect(URL + "close/{code}")
        try:
            await ws.recv()
        except ConnectionClosed as error:
            outcome = [type(error).__name__, error.rcvd, error.sent, error.rcvd_then_sent, error.code, str(error)[:13]]
        outcome
    """) == [f"ConnectionClosed{kind}", [code, "bye"], [code, "bye"], True, code, f"received {code}"]


def test_a_lost_connection_is_an_error(run: Any) -> None:
    assert run("""
        ws = await connect(URL + "abort")
        try:
            await ws.send("x")
            await ws.recv()
        except ConnectionClosedError as error:
            outcome = [error.rcvd, error.sent, ws.close_code]
        outcome
    """) == [None, None, 1006]


def test_no_connection_is_an_os_error(run: Any) -> None:
    assert run(
        """
        outcome = []
        try:
            await connect("ws://127.0.0.1:PORT/")
        except OSError as error:
            outcome.append(type(error).__name__)
        try:
            connect("ftp://nowhere/")
        except InvalidURI as error:
            outcome.append(error.uri)
        outcome
    """.replace("PORT", str(unused_port()))
    ) == ["OpeningError", "ftp://nowhere/"]


@pytest.mark.parametrize(
    "argument",
    [
        "additional_headers={'X': 'y'}",
        "origin='https://x.example'",
        "server_hostname='x'",
        "proxy='http://x'",
        "sock=1",
        "host='x'",
        "port=8000",
        "local_addr=('127.0.0.1', 0)",
    ],
)
def test_what_a_page_cannot_do_is_refused_at_once(run: Any, argument: str) -> None:
    told, logged = run(f"""
        import logging

        logged = []
        handler = logging.Handler()
        handler.emit = lambda record: logged.append(record.levelname)
        logging.getLogger("pyws_browser").addHandler(handler)
        try:
            connect(URL, {argument})
        except UnsupportedInBrowserError as error:
            told = str(error)
        finally:
            logging.getLogger("pyws_browser").removeHandler(handler)
        [told, logged]
    """)
    assert told.startswith(argument.partition("=")[0])
    assert logged == ["WARNING"]


def test_what_changes_no_message_is_taken_in_a_page(run: Any) -> None:
    assert (
        run("""
        taken = dict(compression=None, user_agent_header="me", ping_interval=5, ping_timeout=5, family=2)
        async with connect(URL + "echo", additional_headers={}, extensions=[], **taken) as ws:
            await ws.send("x")
            outcome = await ws.recv()
        outcome
    """)
        == "x"
    )


def test_what_a_page_does_not_know(run: Any) -> None:
    assert run("""
        outcome = []
        async with connect(URL + "echo") as ws:
            for use in (ws.ping, ws.pong, lambda: ws.close(1001)):
                try:
                    await use()
                except UnsupportedInBrowserError as error:
                    outcome.append(str(error).split(" is ")[0])
            for name in ("latency", "local_address", "remote_address", "transport"):
                try:
                    getattr(ws, name)
                except UnsupportedInBrowserError as error:
                    outcome.append(str(error).split(" is ")[0])
            outcome += [ws.request, ws.response]
        try:
            serve(None, "", 0)
        except UnsupportedInBrowserError as error:
            outcome.append(str(error).split(" is ")[0])
        outcome
    """) == [
        "ping()",
        "pong()",
        "close code 1001",
        "latency",
        "local_address",
        "remote_address",
        "transport",
        None,
        None,
        "serve()",
    ]


def test_an_error_in_the_block_closes_with_4011(run: Any) -> None:
    assert (
        run("""
        try:
            async with connect(URL + "echo") as ws:
                raise LookupError
        except LookupError:
            pass
        ws.close_code
    """)
        == 4011
    )


def test_a_message_over_max_size_ends_the_connection(run: Any) -> None:
    assert run("""
        async with connect(URL + "big/2000", max_size=1000) as ws:
            try:
                await ws.recv()
            except ConnectionClosedError as error:
                outcome = [error.sent, type(error.__cause__).__name__]
        outcome
    """) == [[4009, ""], "MessageTooBigError"]


def test_send_waits_while_the_browsers_buffer_is_over_the_limit(run: Any) -> None:
    total, waited = run("""
        async with connect(URL + "slow") as ws:
            begin = time.monotonic()
            for _ in range(64):
                await ws.send(bytes(1 << 20))
            waited = time.monotonic() - begin
            await ws.send(b"end")
            total = await ws.recv()
        [total, waited]
    """)
    assert total == str(64 * (1 << 20) + 3)
    assert waited > 0.5


def test_tasks_that_are_cancelled_at_random_moments_lose_nothing(run: Any) -> None:
    assert run("""
        import random
        chance = random.Random(7)
        sent, received = [], []
        async with connect(URL + "echo", write_limit=1000) as ws:
            async def send():
                while True:
                    sent.append(f"{len(sent)} " + "x" * chance.choice([0, 10, 5000]))
                    await ws.send(sent[-1])
                    await asyncio.sleep(chance.choice([0, 0.005]))
            async def receive():
                if chance.random() < 0.5:
                    async for message in ws:
                        received.append(message)
                while True:
                    received.append([part async for part in ws.recv_streaming()][0])
            async def again_and_again(activity):
                for _ in range(80):
                    task = asyncio.ensure_future(activity())
                    for _ in range(chance.randrange(6)):
                        await asyncio.sleep(0)
                    await asyncio.wait([task], timeout=chance.choice([0.005, 0.02]))
                    task.cancel()
                    try:
                        await task
                    except asyncio.CancelledError:
                        pass
            await asyncio.gather(again_and_again(send), again_and_again(receive))
            while len(received) < len(sent):
                received.append(await asyncio.wait_for(ws.recv(), 10))
        [received == sent, len(sent) > 80, ws.close_code]
    """) == [True, True, 1000]


def test_closing_while_another_task_receives_ends_that(run: Any) -> None:
    assert run("""
        async with connect(URL + "count/3") as ws:
            pass
        kept = [message async for message in ws]
        ws = await connect(URL + "echo")
        async def receive():
            try:
                await ws.recv()
            except ConnectionClosedOK as error:
                return str(error)
        receiving = asyncio.ensure_future(receive())
        await asyncio.sleep(0)
        await ws.close()
        outcome = await receiving
        [kept == [str(number) for number in range(len(kept))], outcome]
    """) == [True, "sent 1000 (OK); then received 1000 (OK)"]


def test_cancelling_loses_nothing(run: Any) -> None:
    assert run("""
        received = []
        async with connect(URL + "echo") as ws:
            for number in range(100):
                receiver = asyncio.create_task(ws.recv())
                await ws.send(str(number))
                for _ in range(number % 7):
                    await asyncio.sleep(0)
                receiver.cancel()
                try:
                    received.append(await receiver)
                except asyncio.CancelledError:
                    received.append(await asyncio.wait_for(ws.recv(), 10))
            try:
                async with asyncio.timeout(0.01):
                    await ws.recv()
            except TimeoutError:
                received.append("nothing more")
        received == [*map(str, range(100)), "nothing more"]
    """)


def test_a_consumer_and_a_producer_side_by_side(run: Any) -> None:
    assert run("""
        async def produce(ws):
            for number in range(200):
                await ws.send(str(number))
                if number % 50 == 0:
                    await asyncio.sleep(0)

        async def consume(ws):
            return [await ws.recv() for _ in range(200)]

        async with connect(URL + "echo") as ws:
            _, received = await asyncio.gather(produce(ws), consume(ws))
        received == [str(number) for number in range(200)]
    """)


def test_reconnecting(run: Any) -> None:
    assert run("""
        urls = [URL + "close/1011", URL + "abort", URL + "count/3"]
        connector = connect(lambda: urls.pop(0), backoff=Backoff(first_delay=0.01, max_delay=0.01))
        states, received = [], []
        connector.reconnection.changed.connect(lambda state: states.append(state.name))
        async for ws in connector:
            try:
                async for message in ws:
                    received.append(message)
            except ConnectionClosed:
                continue
            break
        once = ["CONNECTING", "CONNECTED"]
        assert states[:8] == [*once, "WAITING", *once, "WAITING", *once], states
        received
    """) == ["0", "1", "2"]


def test_a_waiting_task_is_resumed_inside_the_event(run: Any) -> None:
    """Between the event and the task there is no turn of the event loop."""
    assert run("""
        async with connect(URL + "echo") as ws:
            loop = asyncio.get_running_loop()
            order = []

            async def receive():
                order.append(await ws.recv())

            receiver = asyncio.ensure_future(receive())
            await asyncio.sleep(0)
            after_turn = ws._pump._after_turn

            def watched():
                after_turn()
                order.append("the event is over")

            ws._pump._after_turn = watched
            await ws.send("x")
            await receiver
            await asyncio.sleep(0)
        order[:2]
    """) == ["x", "the event is over"]


def test_nothing_is_left_behind(run: Any) -> None:
    """A thousand connections leave no proxy that grows; a dozen show it as well."""
    assert run("""
        import gc
        async def visit():
            async with connect(URL + "echo") as ws:
                await ws.send("x")
                await ws.recv()
            return ws._transport._alarm
        left = [await visit() for _ in range(12)]
        gc.collect()
        left == [None] * 12
    """)


def test_the_trace_tells_of_messages_and_closes(run: Any) -> None:
    assert run("""
        told = []
        async with connect(URL + "echo", trace=lambda ws, frame: told.append(str(frame))) as ws:
            await ws.send("x")
            await ws.recv()
        told
    """) == [
        "> text 'x' [1 character]",
        "< text 'x' [1 character]",
        "< close 1000 b'' [2 bytes]",
        "> close 1000 b'' [2 bytes]",
    ]


def test_blocking_code_waits_where_the_engine_can(run: Any) -> None:
    assert run("""
        from pyws_browser import sync
        with sync.connect(URL + "echo") as ws:
            ws.send("x")
            received = [ws.recv(timeout=20)]
            try:
                ws.recv(timeout=0.01)
            except TimeoutError:
                received.append("nothing more")
            ws.send([b"a", b"b"])
            received.append(ws.recv(decode=True))
        with sync.connect(URL + "count/300") as ws:
            received.append(len(list(ws)))
        [*received, ws.close_code]
    """) == ["x", "nothing more", "ab", 300, 1000]


def test_blocking_code_is_told_to_await_where_it_cannot_wait(run: Any) -> None:
    assert "await pyws_browser.aio.connect()" in run("""
        import js
        from pyodide.ffi import create_proxy
        from pyws_browser import sync
        said = []

        def called_by_javascript(*_):
            try:
                sync.connect(URL + "echo")
            except UnsupportedInBrowserError as error:
                said.append(str(error))

        proxy = create_proxy(called_by_javascript)
        js.setTimeout(proxy, 0)
        while not said:
            await asyncio.sleep(0.01)
        proxy.destroy()
        said[0]
    """)


def test_importing_the_package_loads_no_asyncio_side(python_place: Interpreter) -> None:
    python_place.restart()
    loaded = python_place.run("""
        import sys
        import pyws_browser
        parts = ("pyws_browser.aio", "pyws_browser.peer.reconnection")
        [name for name in sys.modules if name.startswith(parts)]
    """)
    assert loaded == []


def test_the_other_side_sees_the_close(aio_url: str) -> None:
    """The server of these tests is there, and says so to a client of `websockets` too."""

    async def visit() -> int | None:
        async with websockets.asyncio.client.connect(aio_url + "close/1011") as connection:
            with pytest.raises(ConnectionClosed):
                await connection.recv()
            return connection.close_code

    assert asyncio.run(visit()) == 1011
