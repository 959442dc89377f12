"""What a connection does, whoever is on the other side: messages, order, ends, limits."""

from __future__ import annotations

import asyncio
import ctypes
from array import array
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

import pytest
import websockets.exceptions

from pyws_browser import InvalidCloseReasonError, InvalidMessageTypeError, InvalidOptionError, InvalidTextError
from pyws_browser.aio import Close, ConcurrencyError, ConnectionClosedError, ConnectionClosedOK, State, connect, serve

from .parties import CONNECT, SERVE, echo, pair, served

MESSAGES = ["text", "", "grün 🌱", b"bytes", b"", bytes(range(256)) * 300, "x" * 200_000]

both_servers = pytest.mark.parametrize("server", SERVE)
both_clients = pytest.mark.parametrize("client", CONNECT)
every_pair = pytest.mark.parametrize(
    ("client", "server"), [(client, server) for client in CONNECT for server in SERVE][:3]
)


async def slowly(*items: Any) -> AsyncIterator[Any]:
    for item in items:
        await asyncio.sleep(0)
        yield item


@every_pair
async def test_messages_of_every_kind_come_back_in_order(client: str, server: str) -> None:
    async with served(echo, server) as url, CONNECT[client](url) as connection:
        for message in MESSAGES:
            await connection.send(message)
        assert [await connection.recv() for _ in MESSAGES] == MESSAGES


@every_pair
async def test_a_flood_of_small_messages_loses_none(client: str, server: str) -> None:
    async def count(connection: Any) -> None:
        for number in range(3000):
            await connection.send(str(number))

    async with served(count, server) as url, CONNECT[client](url) as connection:
        assert [message async for message in connection] == [str(number) for number in range(3000)]


@both_servers
@pytest.mark.parametrize(
    ("message", "text", "received"),
    [
        ("as text", None, "as text"),
        ("as binary", False, b"as binary"),
        (b"as text", True, "as text"),
        (bytearray(b"mutable"), None, b"mutable"),
        (memoryview(b"a view")[2:], None, b"view"),
        (["fragments ", "of ", "text"], None, "fragments of text"),
        ([b"of ", bytearray(b"bytes")], None, b"of bytes"),
        (["as ", "binary"], False, b"as binary"),
        (["gr\u00fcn".encode()[:3], "gr\u00fcn".encode()[3:]], True, "grün"),
        ((item for item in ("a", "b")), None, "ab"),
    ],
)
async def test_what_is_sent_as_what(message: Any, text: bool | None, received: Any, server: str) -> None:
    if hasattr(message, "send"):  # a generator serves once, and this test runs on several loops
        message = ["a", "b"]
    async with pair(kind=server) as connection:
        await connection.send(message, text=text)
        assert await connection.recv() == received


async def test_an_asynchronous_iterable_is_one_message_in_fragments() -> None:
    async def handler(connection: Any) -> None:
        await connection.send([fragment async for fragment in connection.recv_streaming()])

    async with pair(handler) as connection:
        await connection.send(slowly("one", "two", "three"))
        assert await connection.recv() == "onetwothree"


async def test_fragments_go_out_as_frames_of_their_own() -> None:
    frames: list[Any] = []

    async def handler(connection: Any) -> None:
        async for frame in connection.recv_streaming():
            frames.append(frame)

    async with served(handler) as url, connect(url) as connection:
        await connection.send(["one", "two"])
        await connection.wait_closed()
    assert frames == ["one", "two", ""]


async def test_an_empty_iterable_sends_nothing() -> None:
    async with pair() as connection:
        await connection.send([])
        await connection.send(slowly())
        await connection.send("next")
        assert await connection.recv() == "next"


async def test_other_messages_wait_for_the_last_fragment() -> None:
    async with pair() as connection:
        gate = asyncio.Event()

        async def fragments() -> AsyncIterator[str]:
            yield "one"
            await gate.wait()
            yield "two"

        slow = asyncio.create_task(connection.send(fragments()))
        await asyncio.sleep(0.01)
        quick = asyncio.create_task(connection.send("quick"))
        await asyncio.sleep(0.01)
        assert not quick.done()
        gate.set()
        await asyncio.gather(slow, quick)
        assert [await connection.recv(), await connection.recv()] == ["onetwo", "quick"]


@pytest.mark.parametrize(
    "buffer",
    [array("h"), array("h", [1]), array("d", [0.5]), (ctypes.c_int * 2)(1, 2), memoryview(b"abcd")[::2]],
    ids=["empty", "numbers", "fractions", "ctypes", "with steps"],
)
async def test_a_buffer_goes_as_the_bytes_in_it_whatever_its_items_are(buffer: Any) -> None:
    payload = memoryview(buffer).tobytes()
    async with pair() as connection:
        await connection.send(buffer)
        assert await connection.recv() == payload
        await connection.send([buffer, buffer])
        assert await connection.recv() == 2 * payload


@pytest.mark.parametrize("message", [1, None, object(), {"a": 1}, [1], [b"a", "b"], ["a", b"b"]])
async def test_what_is_no_message_is_a_type_error(message: Any) -> None:
    async with served() as url:
        connection = await connect(url)
        with pytest.raises(InvalidMessageTypeError) as caught:
            await connection.send(message)
        assert isinstance(caught.value, TypeError)
        await connection.close()


@pytest.mark.parametrize("message", [b"\xff", [b"\xc3", b"\xff"]])
async def test_bytes_that_are_no_utf_8_do_not_go_as_text(message: Any) -> None:
    async with served() as url:
        connection = await connect(url)
        with pytest.raises(InvalidTextError):
            await connection.send(message, text=True)
        await connection.close()


async def test_an_error_among_the_fragments_fails_the_connection() -> None:
    async def fragments() -> AsyncIterator[str]:
        yield "one"
        raise LookupError("no more")

    async with served() as url:
        connection = await connect(url)
        with pytest.raises(LookupError):
            await connection.send(fragments())
        with pytest.raises(ConnectionClosedError) as caught:
            await connection.recv()
        assert caught.value.sent == Close(1011, "error in fragmented message")


@pytest.mark.parametrize(
    ("sent", "decode", "received"),
    [("a", True, "a"), ("a", False, b"a"), (b"a", True, "a"), (b"a", False, b"a"), (b"a", None, b"a")],
)
async def test_decode_overrides_what_recv_gives(sent: Any, decode: bool | None, received: Any) -> None:
    async with pair() as connection:
        await connection.send(sent)
        assert await connection.recv(decode=decode) == received


@both_clients
async def test_bytes_that_are_to_be_text_and_are_none_end_the_connection(client: str) -> None:
    async with served() as url, CONNECT[client](url) as connection:
        await connection.send(b"\xff")
        with pytest.raises(websockets.exceptions.ConnectionClosedError) as caught:
            await connection.recv(decode=True)
        assert caught.value.sent is not None
        assert caught.value.sent.code == 1007
        with pytest.raises(websockets.exceptions.ConnectionClosedError):
            await connection.recv()


@both_clients
async def test_an_iterator_of_messages_can_be_closed_and_the_connection_goes_on(client: str) -> None:
    async with served() as url, CONNECT[client](url) as connection:
        for text in ("a", "b", "c"):
            await connection.send(text)
        async with aclosing(aiter(connection)) as messages:
            async for message in messages:
                assert message == "a"
                break
        assert await anext(messages, "no more") == "no more"
        assert [await anext(aiter(connection)), await connection.recv()] == ["b", "c"]


async def test_only_one_task_receives() -> None:
    async with pair() as connection:
        first = asyncio.create_task(connection.recv())
        await asyncio.sleep(0)
        with pytest.raises(ConcurrencyError):
            await connection.recv()
        await connection.send("for the first")
        assert await first == "for the first"


@pytest.mark.parametrize(("raw", "sent"), [(b"\x82\x7f" + bytes([0x7F] * 8), 1009), (b"\x83\x00", 1002)])
async def test_the_close_code_is_that_of_the_frame_that_came_and_none_came(raw: bytes, sent: int) -> None:
    async def handler(connection: Any) -> None:
        connection.transport.write(raw)
        await connection.wait_closed()

    async with served(handler) as url:
        connection = await connect(url, compression=None)
        with pytest.raises(ConnectionClosedError) as caught:
            await connection.recv()
        assert caught.value.sent is not None
        assert (caught.value.rcvd, caught.value.sent.code) == (None, sent)
        assert (connection.close_code, connection.close_reason) == (1006, "")


async def test_who_does_not_wait_for_the_close_frame_has_no_close_timeout() -> None:
    over = asyncio.Event()

    async def deaf(connection: Any) -> None:
        connection.transport.pause_reading()
        await connection.send("I hear nothing from now on")
        await over.wait()
        connection.transport.resume_reading()

    async with served(deaf) as url:
        connection = await connect(url, close_timeout=0)
        await connection.recv()
        await connection.close()
        assert connection.close_code == 1006
        over.set()


# Pings.


@both_servers
async def test_a_ping_is_answered_and_measures_latency(server: str) -> None:
    async with pair(kind=server) as connection:
        latency = await (await connection.ping())
        assert 0 < latency < 10
        assert connection.latency == latency


async def test_a_pong_answers_the_pings_before_its_own() -> None:
    async with pair() as connection:
        waiters = [await connection.ping(data) for data in (b"1", "2", bytearray(b"3"))]
        with pytest.raises(ConcurrencyError):
            await connection.ping(b"3")
        await asyncio.gather(*waiters)


async def test_a_ping_has_at_most_125_bytes() -> None:
    async with pair() as connection:
        with pytest.raises(InvalidOptionError):
            await connection.ping(bytes(126))
        with pytest.raises(TypeError):
            await connection.ping(1)


async def test_an_unsolicited_pong_goes_out_and_does_no_harm() -> None:
    async with pair() as connection:
        await connection.pong(b"still here")
        await connection.send("x")
        assert await connection.recv() == "x"


async def test_pings_without_an_answer_end_with_the_connection() -> None:
    closes = asyncio.Event()

    async def handler(connection: Any) -> None:
        connection.transport.pause_reading()
        await closes.wait()
        connection.transport.abort()

    async with served(handler) as url:
        connection = await connect(url)
        waiter = await connection.ping()
        closes.set()
        with pytest.raises(ConnectionClosedError):
            await waiter


async def test_the_keepalive_gives_up_on_who_does_not_answer() -> None:
    over = asyncio.Event()

    async def handler(connection: Any) -> None:
        connection.transport.pause_reading()
        await over.wait()
        connection.transport.abort()

    async with served(handler) as url:
        connection = await connect(url, ping_interval=0.05, ping_timeout=0.1)
        with pytest.raises(ConnectionClosedError) as caught:
            await connection.recv()
        over.set()
    assert caught.value.rcvd is None
    assert caught.value.sent == Close(1011, "keepalive ping timeout")
    assert "no close frame received" in str(caught.value)


async def test_the_keepalive_keeps_a_connection_whose_messages_nobody_fetches() -> None:
    async def handler(connection: Any) -> None:
        for _ in range(100):
            await connection.send(bytes(1000))

    async with served(handler) as url, connect(url, ping_interval=0.02, ping_timeout=0.05, max_queue=1) as connection:
        await asyncio.sleep(0.3)
        assert len([message async for message in connection]) == 100


# Ends.


@every_pair
@pytest.mark.parametrize(("code", "reason"), [(1000, ""), (1001, "bye"), (3000, "ours"), (4999, "grün")])
async def test_both_sides_see_the_close_code(client: str, server: str, code: int, reason: str) -> None:
    seen: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

    async def handler(connection: Any) -> None:
        await connection.wait_closed()
        seen.set_result((connection.close_code, connection.close_reason))

    async with served(handler, server) as url:
        connection = await CONNECT[client](url)
        await connection.close(code, reason)
        assert await seen == (code, reason)
        assert (connection.close_code, connection.close_reason) == (code, reason)
        assert connection.state == State.CLOSED


@pytest.mark.parametrize(
    ("code", "kind"), [(1000, ConnectionClosedOK), (1001, ConnectionClosedOK), (1011, ConnectionClosedError)]
)
async def test_who_uses_a_closed_connection_is_told_how_it_ended(code: int, kind: type[Exception]) -> None:
    async def handler(connection: Any) -> None:
        await connection.close(code, "bye")

    async with served(handler) as url:
        connection = await connect(url)
        await connection.wait_closed()
        for use in (connection.recv, lambda: connection.send("x"), connection.ping, lambda: connection.send(["x"])):
            with pytest.raises(kind) as caught:
                await use()
            assert caught.value.rcvd == caught.value.sent == Close(code, "bye")
            assert caught.value.rcvd_then_sent is True
            assert (caught.value.code, caught.value.reason) == (code, "bye")
            assert isinstance(caught.value, websockets.exceptions.ConnectionClosed)


async def test_iteration_ends_quietly_or_raises() -> None:
    async def handler(connection: Any) -> None:
        await connection.send("one")
        await connection.close(int(connection.request.path[1:]))

    async with served(handler) as url:
        for code in (1000, 1001):
            async with connect(url + str(code)) as connection:
                assert [message async for message in connection] == ["one"]
        async with connect(url + "1011") as connection:
            assert await anext(aiter(connection)) == "one"
            with pytest.raises(ConnectionClosedError):
                await anext(aiter(connection))


async def test_what_arrived_before_the_end_can_be_received_after_it() -> None:
    async def handler(connection: Any) -> None:
        for number in range(40):
            await connection.send(str(number))

    async with served(handler) as url:
        connection = await connect(url)
        await asyncio.sleep(0.1)
        assert [message async for message in connection] == [str(number) for number in range(40)]
        assert connection.close_code == 1000


async def test_what_came_before_it_closed_can_be_received_after_it() -> None:
    sent = asyncio.Event()

    async def send(connection: Any) -> None:
        await connection.send("just in time")
        sent.set()
        await connection.wait_closed()

    async with pair(send) as connection:
        await sent.wait()
        await connection.close()
        assert await connection.recv() == "just in time"
        with pytest.raises(ConnectionClosedOK):
            await connection.recv()


async def test_a_lost_connection_is_an_error_without_frames() -> None:
    async def handler(connection: Any) -> None:
        connection.transport.abort()

    async with served(handler) as url:
        connection = await connect(url)
        with pytest.raises(ConnectionClosedError) as caught:
            await connection.recv()
        assert (caught.value.rcvd, caught.value.sent, caught.value.rcvd_then_sent) == (None, None, None)
        assert str(caught.value) == "no close frame received or sent"
        assert caught.value.__cause__ is not None
        assert connection.close_code == 1006


async def test_leaving_the_block_with_an_error_closes_with_1011() -> None:
    seen: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

    async def handler(connection: Any) -> None:
        await connection.wait_closed()
        seen.set_result(connection.close_code)

    async with served(handler) as url:
        with pytest.raises(LookupError):
            async with connect(url):
                raise LookupError
        assert await seen == 1011


async def test_a_reason_that_is_too_long_is_refused_and_the_connection_stays() -> None:
    async with pair() as connection:
        with pytest.raises(InvalidCloseReasonError):
            await connection.close(1000, "x" * 124)
        await connection.send("x")
        assert await connection.recv() == "x"


async def test_closing_twice_and_from_several_tasks_is_harmless() -> None:
    async with pair() as connection:
        await asyncio.gather(*(connection.close() for _ in range(5)))
        await connection.close(1011)
        assert connection.close_code == 1000


async def test_the_end_wakes_whoever_receives() -> None:
    async with pair() as connection:
        receiver = asyncio.create_task(connection.recv())
        await asyncio.sleep(0)
        await connection.close()
        with pytest.raises(ConnectionClosedOK):
            await receiver


async def test_a_server_that_does_not_answer_the_close_frame_is_left_after_a_while() -> None:
    over = asyncio.Event()

    async def handler(connection: Any) -> None:
        connection.transport.pause_reading()
        await over.wait()
        connection.transport.abort()

    async with served(handler) as url:
        connection = await connect(url, close_timeout=0.1)
        await connection.close()
        over.set()
    assert connection.close_code == 1006
    with pytest.raises(ConnectionClosedError) as caught:
        await connection.recv()
    assert (caught.value.rcvd, caught.value.sent) == (None, Close(1000, ""))


# Limits.


@pytest.mark.parametrize("end", ["close", "cut off"])
async def test_the_end_comes_also_while_nothing_can_be_written(end: str) -> None:
    is_deaf, gate = asyncio.Event(), asyncio.Event()

    async def deaf(connection: Any) -> None:
        connection.transport.pause_reading()
        is_deaf.set()
        await gate.wait()
        connection.transport.abort()

    async def send(connection: Any) -> None:
        while True:
            await connection.send(bytes(40_000_000))  # more than any kernel takes

    async with served(deaf, compression=None) as url:
        connection = await connect(url, compression=None, close_timeout=0.1)
        await is_deaf.wait()
        sending = [asyncio.create_task(send(connection)) for _ in range(3)]
        while connection.transport.get_write_buffer_size() < 1_000_000:
            await asyncio.sleep(0)
        async with asyncio.timeout(5):
            if end == "close":
                await connection.close()
                gate.set()
            else:
                gate.set()
                await connection.wait_closed()
            results = await asyncio.gather(*sending, return_exceptions=True)
    assert [type(result) for result in results] == [ConnectionClosedError] * 3
    assert connection.close_code == 1006


async def test_a_message_over_max_size_fails_the_connection_with_1009() -> None:
    async def handler(connection: Any) -> None:
        await connection.send(bytes(1001))
        await connection.wait_closed()

    async with served(handler) as url, connect(url, max_size=1000) as connection:
        with pytest.raises(ConnectionClosedError) as caught:
            await connection.recv()
        assert caught.value.sent is not None
        assert caught.value.sent.code == 1009
        assert caught.value.rcvd is None


async def test_without_max_size_there_is_no_limit() -> None:
    async with (
        served(lambda connection: connection.send(bytes(5 << 20))) as url,
        connect(url, max_size=None) as connection,
    ):
        assert len(await connection.recv()) == 5 << 20


async def test_who_does_not_receive_holds_the_sender_back() -> None:
    sent = 0

    async def handler(connection: Any) -> None:
        nonlocal sent
        for _ in range(1000):
            await connection.send(bytes(50_000))
            sent += 1

    async with served(handler) as url, connect(url, max_queue=4, compression=None) as connection:
        await asyncio.sleep(0.3)
        held_at = sent
        assert held_at < 1000
        await asyncio.sleep(0.1)
        assert sent == held_at
        assert len([message async for message in connection]) == 1000


@both_servers
async def test_send_waits_while_the_other_side_does_not_take_anything(server: str) -> None:
    reads = asyncio.Event()
    received: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    async def handler(connection: Any) -> None:
        await reads.wait()
        received.set_result(sum([1 async for _ in connection]))

    async def flood(connection: Any) -> None:
        for _ in range(600):
            await connection.send(bytes(50_000))

    async with served(handler, server) as url:
        async with connect(url, compression=None) as connection:
            flooding = asyncio.create_task(flood(connection))
            await asyncio.sleep(0.3)
            assert not flooding.done()
            reads.set()
            await flooding
        assert await received == 600


@pytest.mark.parametrize(
    "arguments",
    [
        {"max_size": 0},
        {"max_size": (10, 0)},
        {"max_queue": (1, 2)},
        {"write_limit": -1},
        {"open_timeout": -1},
        {"ping_interval": 0},
        {"ping_timeout": "soon"},
        {"compression": "gzip"},
        {"extensions": ["x"]},
        {"proto": 17},
        {"happy_eyeballs_delay": -1},
        {"flags": "x"},
        {"all_errors": True},
        {"proxy_ssl": "x", "proxy": "https://proxy.example"},
    ],
)
async def test_arguments_out_of_range_are_refused_at_once(arguments: dict[str, Any]) -> None:
    with pytest.raises(InvalidOptionError):
        connect("ws://127.0.0.1/", **arguments)


def test_a_port_that_is_none_is_refused_at_once() -> None:
    with pytest.raises(InvalidOptionError, match="65536 is not a port"):
        serve(echo, "127.0.0.1", 65536)


async def test_an_argument_that_nobody_knows_is_a_type_error() -> None:
    with pytest.raises(TypeError, match="unknown"):
        connect("ws://127.0.0.1/", unknown=1)
