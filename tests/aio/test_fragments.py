"""recv_streaming(): a message fragment by fragment, as it comes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
import websockets.exceptions

from pyws_browser.aio import ConcurrencyError, ConnectionClosedError, connect
from pyws_browser.transport.native.transport import MAX_WAITING_FRAGMENTS

from .parties import CONNECT, SERVE, pair, served


async def all_of(parts: AsyncIterator[Any]) -> list[Any]:
    return [part async for part in parts]


@pytest.mark.parametrize("client", CONNECT)
@pytest.mark.parametrize("server", SERVE)
@pytest.mark.parametrize(
    ("sent", "decode", "received"),
    [
        ("whole", None, ["whole"]),
        (b"whole", True, ["whole"]),
        ("whole", False, [b"whole"]),
        (["a", "b\U0001f331"], None, ["a", "b\U0001f331", ""]),
        ([b"a", b"b"], None, [b"a", b"b", b""]),
        (["a", "b"], False, [b"a", b"b", b""]),
        ([b"a" * 70_000, b"b" * 5_000], None, [b"a" * 70_000, b"b" * 5_000, b""]),
    ],
)
async def test_fragments_stay_apart_also_if_nobody_waits_for_them(
    client: str, server: str, sent: Any, decode: bool | None, received: list[Any]
) -> None:
    async def handler(connection: Any) -> None:
        await connection.send("first")
        await connection.send(sent)
        await connection.send(sent)
        await connection.send("last")

    async with served(handler, server, compression=None) as url, CONNECT[client](url) as connection:
        assert await connection.recv() == "first"
        await asyncio.sleep(0.01)
        assert await all_of(connection.recv_streaming(decode)) == received
        assert await connection.recv() == (sent if isinstance(sent, (str, bytes)) else sent[0][:0].join(sent))
        assert await all_of(connection.recv_streaming()) == ["last"]


async def test_each_fragment_is_given_when_it_comes() -> None:
    gates = [asyncio.Event() for _ in range(3)]

    async def parts() -> AsyncIterator[str]:
        for number, gate in enumerate(gates):
            await gate.wait()
            yield f"part {number} \U0001f331"

    async def handler(connection: Any) -> None:
        await connection.send(parts())

    received = []
    async with served(handler) as url, connect(url) as connection:
        gates[0].set()
        async for part in connection.recv_streaming():
            received.append(part)
            if len(received) < len(gates):
                gates[len(received)].set()
    assert received == [f"part {number} \U0001f331" for number in range(3)] + [""]


async def test_a_compressed_message_comes_in_its_fragments_too() -> None:
    async def handler(connection: Any) -> None:
        await connection.send([b"x" * 3000, b"y" * 3000])

    async with served(handler) as url, connect(url) as connection:
        parts = await all_of(connection.recv_streaming())
    assert b"".join(parts) == b"x" * 3000 + b"y" * 3000
    assert len(parts) == 3


@pytest.mark.parametrize("client", CONNECT)
async def test_a_character_may_be_cut_by_the_end_of_a_fragment(client: str) -> None:
    async def handler(connection: Any) -> None:
        await connection.send([b"\xc3", b"\xa9\xe2\x82", b"\xac"])
        await connection.send([b"\xc3", b"\xa9\xe2"])
        await connection.wait_closed()

    async with served(handler) as url, CONNECT[client](url) as connection:
        assert "".join(await all_of(connection.recv_streaming(decode=True))) == "é€"
        with pytest.raises(websockets.exceptions.ConnectionClosedError) as caught:
            await all_of(connection.recv_streaming(decode=True))
        assert caught.value.sent is not None
        assert caught.value.sent.code == 1007


async def test_a_message_that_is_all_here_is_nobody_elses_either() -> None:
    async def handler(connection: Any) -> None:
        await connection.send(["a", "b"])
        await connection.send("next")
        await connection.wait_closed()

    async with served(handler) as url, connect(url) as connection:
        await asyncio.sleep(0.01)
        stream = connection.recv_streaming()
        assert await anext(stream) == "a"
        with pytest.raises(ConcurrencyError):
            await connection.recv()
        await stream.aclose()
        assert await connection.recv() == "next"


async def test_before_the_first_fragment_it_can_be_cancelled() -> None:
    async with pair() as connection:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await all_of(connection.recv_streaming())
        await connection.send("x")
        assert await connection.recv() == "x"


async def test_from_the_first_fragment_on_the_message_is_nobody_elses() -> None:
    gate = asyncio.Event()

    async def parts() -> AsyncIterator[str]:
        yield "a"
        await gate.wait()
        yield "b"

    async def handler(connection: Any) -> None:
        await connection.send(parts())
        await connection.wait_closed()

    async with served(handler) as url, connect(url) as connection:
        stream = connection.recv_streaming()
        assert await anext(stream) == "a"
        with pytest.raises(ConcurrencyError, match="cannot call recv while"):
            await connection.recv()
        with pytest.raises(ConcurrencyError, match="cannot call recv_streaming while"):
            await anext(connection.recv_streaming())
        waiting = asyncio.ensure_future(anext(stream))
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        gate.set()
        with pytest.raises(ConcurrencyError):
            await connection.recv()


async def test_an_end_in_the_middle_raises_after_what_came() -> None:
    async def parts() -> AsyncIterator[str]:
        yield "a"
        yield "b"
        await asyncio.Event().wait()

    async def handler(connection: Any) -> None:
        sending = asyncio.ensure_future(connection.send(parts()))
        await connection.recv()
        connection.transport.abort()
        sending.cancel()

    async with served(handler, "our server") as url, connect(url) as connection:
        stream = connection.recv_streaming()
        received = [await anext(stream), await anext(stream)]
        await connection.send("enough")
        with pytest.raises(ConnectionClosedError):
            await anext(stream)
        with pytest.raises(ConnectionClosedError):
            await connection.recv()
    assert received == ["a", "b"]


async def test_who_is_slow_to_take_fragments_holds_the_sender_back() -> None:
    sent = 0
    count = 400

    async def parts() -> AsyncIterator[bytes]:
        nonlocal sent
        while sent < count:
            sent += 1
            yield bytes(64 * 1024)

    async def handler(connection: Any) -> None:
        await connection.send(parts())

    async with (
        served(handler, "our server", compression=None) as url,
        connect(url, max_size=(None, 64 * 1024)) as connection,
    ):
        stream = connection.recv_streaming()
        total = len(await anext(stream))
        before = -1
        while before < sent:  # until it goes no further
            before = sent
            await asyncio.sleep(0.05)
        assert MAX_WAITING_FRAGMENTS < sent < count
        async for part in stream:
            total += len(part)
    assert total == count * 64 * 1024


async def test_a_message_of_many_fragments_is_received_whole_after_a_stream_was_given_up() -> None:
    async def handler(connection: Any) -> None:
        await connection.recv()
        await connection.send([str(number % 10) for number in range(300)])

    async with served(handler) as url, connect(url) as connection:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await all_of(connection.recv_streaming())
        await connection.send("go")
        assert await connection.recv() == "0123456789" * 30


@pytest.mark.parametrize("compression", ["deflate", None])
async def test_a_fragment_over_its_limit_fails_the_connection(compression: str | None) -> None:
    async def size(connection: Any) -> None:
        await connection.send(str(len(await connection.recv())))

    options = {"max_size": (None, 2000), "compression": compression}
    async with served(size, "our server", **options) as url:
        async with connect(url, compression=compression) as connection:
            await connection.send([b"x" * 2000] * 5)
            assert await connection.recv() == "10000"
        for message in (b"x" * 2001, [b"x" * 2000, b"x" * 2001]):
            async with connect(url, compression=compression) as connection:
                await connection.send(message)
                with pytest.raises(ConnectionClosedError) as caught:
                    await connection.recv()
                assert caught.value.rcvd is not None
                assert caught.value.rcvd.code == 1009
