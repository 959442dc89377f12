"""`patch_websockets()` under a page's limits: libraries that open WebSockets by asyncio's `create_connection()`."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import pytest

from pyws_browser import RemoteProtocolError, UnsupportedInBrowserError, patch_websockets
from pyws_browser.patching.client_frames import (
    BINARY,
    CLOSE,
    CONTINUATION,
    PING,
    TEXT,
    ClientFrames,
    frame,
    read_request,
    unmasked,
)
from pyws_browser.wire.frames import FrameSerialiser

from ..contract.server import unused_port
from .test_websockets import Seen, run

REQUEST = b"GET /x HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nX: a\r\nX: b\r\n\r\n"


def run_session(program: Callable[[aiohttp.ClientSession, str], Awaitable[None]], **arguments: Any) -> Seen:
    async def in_session(url: str) -> None:
        async with aiohttp.ClientSession() as session:
            await program(session, url)

    return run(in_session, **arguments)


def test_messages_of_every_size_go_both_ways_in_order() -> None:
    patch_websockets()
    messages: list[str | bytes] = ["", "a", "ä" * 125, b"\0" * 126, b"x" * 65535, "y" * 65536, b"z" * 300_000]
    messages += [str(number) for number in range(500)]

    async def program(session: aiohttp.ClientSession, url: str) -> None:
        async with session.ws_connect(url, max_msg_size=0) as connection:
            for message in messages:
                await (connection.send_str(message) if isinstance(message, str) else connection.send_bytes(message))
            assert [(await connection.receive()).data for _ in messages] == messages

    run_session(program, max_size=None)


def test_a_ping_is_answered() -> None:
    patch_websockets()

    async def program(session: aiohttp.ClientSession, url: str) -> None:
        async with session.ws_connect(url, autoping=False) as connection:
            await connection.ping(b"here")
            assert (await connection.receive())[:2] == (aiohttp.WSMsgType.PONG, b"here")

    run_session(program)


def test_the_server_closes() -> None:
    patch_websockets()

    async def program(session: aiohttp.ClientSession, url: str) -> None:
        async with session.ws_connect(url) as connection:
            await connection.send_str("go")
            assert (await connection.receive()).data == "go"
            assert (await connection.receive())[:3] == (aiohttp.WSMsgType.CLOSE, 1012, "restart")
            assert connection.close_code == 1012

    run_session(program)


@pytest.mark.parametrize(("code", "sent"), [(1000, 1000), (1001, 1000), (1011, 4011), (4321, 4321)])
def test_the_library_closes(code: int, sent: int) -> None:
    patch_websockets()

    async def program(session: aiohttp.ClientSession, url: str) -> None:
        connection = await session.ws_connect(url)
        assert await connection.close(code=code)
        assert connection.close_code == code

    assert run_session(program).codes == [sent]


def test_subprotocols_and_the_url_are_the_librarys_and_carry_may_change_them() -> None:
    patch_websockets(carry=lambda uri, headers, subprotocols: (uri + "&key=" + headers["X-Key"], subprotocols))

    async def program(session: aiohttp.ClientSession, url: str) -> None:
        async with session.ws_connect(url, protocols=["chat"], headers={"X-Key": "k"}) as connection:
            assert connection.protocol == "chat"

    assert run_session(program, subprotocols=["chat"]).paths == ["/path?x=1&key=k"]


def test_headers_that_the_server_would_miss_are_refused_by_name() -> None:
    patch_websockets()

    async def program(session: aiohttp.ClientSession, url: str) -> None:
        with pytest.raises(UnsupportedInBrowserError, match="Authorization"):
            await session.ws_connect(url, headers={"Authorization": "secret"})

    run_session(program)


def test_plain_http_is_refused_with_the_way_round() -> None:
    patch_websockets()

    async def program(session: aiohttp.ClientSession, url: str) -> None:
        with pytest.raises(UnsupportedInBrowserError, match=r"GET http://127\.0\.0\.1:\d+/.*pyfetch"):
            await session.get(url.replace("ws:", "http:"))

    run_session(program)


class Recorder(asyncio.Protocol):
    """A library that sends what it is given, and keeps what happens."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.received = b""
        self.lost: asyncio.Future[BaseException | None] = asyncio.get_running_loop().create_future()
        self.answered = asyncio.Event()

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        transport.write(self.data)

    def data_received(self, data: bytes) -> None:
        self.received += data
        self.answered.set()

    def connection_lost(self, exc: BaseException | None) -> None:
        self.lost.set_result(exc)


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"\x16\x03\x01\x02\x00", "TLS of the library's own is not available in a page"),
        (b"\x00\x01", "a protocol other than WebSocket is not available"),
        (b"HELO example\r\n\r\n", "a protocol other than WebSocket is not available"),
        (b"POST / HTTP/1.1\r\nHost: a\r\n\r\n", "POST http://a/ is not available"),
    ],
)
def test_what_is_no_websocket_is_refused(data: bytes, problem: str) -> None:
    patch_websockets()

    async def program(_: str) -> None:
        _, protocol = await asyncio.get_running_loop().create_connection(lambda: Recorder(data), "127.0.0.1", 1)
        assert problem in str(await protocol.lost)

    run(program)


def test_frames_that_break_the_protocol_end_the_connection() -> None:
    patch_websockets()

    async def program(url: str) -> None:
        host = url.split("/")[2].encode()
        request = b"GET / HTTP/1.1\r\nHost: " + host + b"\r\nUpgrade: websocket\r\nSec-WebSocket-Key: a\r\n\r\n"
        _, protocol = await asyncio.get_running_loop().create_connection(lambda: Recorder(request), "127.0.0.1", 1)
        await protocol.answered.wait()
        assert protocol.received.startswith(b"HTTP/1.1 101 ")
        protocol.transport.write(b"\x81\x01a")  # it has no mask
        assert isinstance(await protocol.lost, RemoteProtocolError)

    run(program)


def test_a_server_that_is_not_there_is_an_os_error() -> None:
    patch_websockets()
    port = unused_port()

    async def program(_: str) -> None:
        request = REQUEST.replace(b"X: a\r\nX: b\r\n", b"").replace(b"127.0.0.1", b"127.0.0.1:%d" % port)
        _, protocol = await asyncio.get_running_loop().create_connection(lambda: Recorder(request), "127.0.0.1", 1)
        assert isinstance(await protocol.lost, OSError)

    run(program)


class TestFrames:
    @pytest.mark.parametrize("size", [0, 1, 125, 126, 65535, 65536])
    @pytest.mark.parametrize("step", [1, 7, 100_000])
    def test_frames_of_any_size_are_read_from_pieces_of_any_size(self, size: int, step: int) -> None:
        if size > 1000 and step == 1:
            step = 1000
        payload = bytes(range(256)) * (size // 256 + 1)
        frames = FrameSerialiser(masked=True).serialise_one(0x82, payload[:size])
        data = b"".join([*frames, *FrameSerialiser(masked=True).serialise_one(0x89, b"p")])
        reader = ClientFrames()
        found = [item for start in range(0, len(data), step) for item in reader.feed(data[start : start + step])]
        assert found == [(BINARY, payload[:size]), (PING, b"p")]

    def test_fragments_are_put_together_with_control_frames_between(self) -> None:
        serialise = FrameSerialiser(masked=True).serialise_one
        data = b"".join(
            part
            for first, payload in ((TEXT, b"a"), (0x80 | PING, b""), (CONTINUATION, b"b"), (0x80, b"c"))
            for part in serialise(first, payload)
        )
        assert list(ClientFrames().feed(data)) == [(PING, b""), (TEXT, b"abc")]

    def test_a_mask_is_taken_off(self) -> None:
        assert unmasked(b"\x01\x02\x03\x04\x05", b"\x01\x02\x03\x04") == b"\0\0\0\0\x04"

    @pytest.mark.parametrize(("size", "head"), [(125, 2), (126, 4), (65536, 10)])
    def test_a_frame_for_the_library_has_no_mask(self, size: int, head: int) -> None:
        made = frame(CLOSE, b"x" * size)
        assert (made[0], made[1] & 0x80, len(made)) == (0x88, 0, head + size)

    def test_a_request_is_read_when_its_head_is_complete(self) -> None:
        assert read_request(REQUEST[:-1]) is None
        found = read_request(REQUEST + b"more")
        assert found is not None
        request, rest = found
        assert (request.method, request.target, request.get("x"), request.is_upgrade) == ("GET", "/x", "a, b", True)
        assert rest == b"more"
