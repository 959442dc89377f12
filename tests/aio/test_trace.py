"""What a program is told for debugging: frames, and lines in its log."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest

from pyws_browser import Backoff, MemoryNetwork
from pyws_browser.aio import ConnectionClosedError, broadcast, connect, serve
from pyws_browser.protocol.trace import TracedFrame

from .parties import echo, served, url_of


async def test_every_frame_is_told_in_order_on_both_sides() -> None:
    told: dict[str, list[str]] = {"client": [], "server": []}

    def note(side: str) -> Any:
        return lambda connection, frame: told[side].append(f"{'>' if frame.is_sent else '<'} {frame.kind}")

    async with serve(echo, "127.0.0.1", 0, trace=note("server")) as server:
        connection = await connect(url_of(server), trace=note("client"), compression=None)
        await connection.send("text")
        await connection.recv()
        await (await connection.ping())
        await connection.send([b"1", b"2"])
        await connection.recv()
        await connection.close()
    fragments = ["binary", "continuation", "continuation"]
    assert told["client"] == [
        *("> text", "< text", "> ping", "< pong"),
        *(f"> {kind}" for kind in fragments),
        *("< binary", "> close", "< close"),
    ]
    assert told["server"] == [
        *("< text", "> text", "< ping", "> pong"),
        *(f"< {kind}" for kind in fragments),
        *("> binary", "< close", "> close"),
    ]


async def test_a_broadcast_is_told_for_each_connection() -> None:
    told: list[TracedFrame] = []
    async with serve(
        lambda connection: connection.wait_closed(), "127.0.0.1", 0, trace=lambda _, frame: told.append(frame)
    ) as server:
        one, other = await connect(url_of(server)), await connect(url_of(server))
        while len(server.connections) < 2:
            await asyncio.sleep(0.001)
        broadcast(server.connections, "to all")
        assert [await one.recv(), await other.recv()] == ["to all"] * 2
        assert [(frame.is_sent, frame.kind) for frame in told] == [(True, "text")] * 2
        await one.close()
        await other.close()


async def test_in_memory_messages_and_closes_are_told() -> None:
    network = MemoryNetwork()
    listener = network.listen("ws://game.test/")
    told: list[TracedFrame] = []
    connecting = asyncio.ensure_future(
        connect("ws://game.test/", connector=network.connect, trace=lambda _, frame: told.append(frame))._connect()
    )
    while (server := listener.accept()) is None:
        await asyncio.sleep(0)
    connection = await connecting
    await connection.send("out")
    server.send(b"in")
    assert await connection.recv() == b"in"
    server.close(1000, "bye")
    await connection.wait_closed()
    assert told == [
        TracedFrame(True, "text", "out"),
        TracedFrame(False, "binary", b"in"),
        TracedFrame(False, "close", b"\x03\xe8bye"),
        TracedFrame(True, "close", b"\x03\xe8bye"),
    ]


async def test_a_text_is_shown_alike_on_both_sides() -> None:
    lines: list[str] = []

    def trace(_: object, frame: TracedFrame) -> None:
        lines.append(str(frame))

    async with served() as url, connect(url, compression=None, trace=trace) as connection:
        await connection.send("ä")
        await connection.recv()
    assert lines[:2] == ["> text 'ä' [1 character]", "< text 'ä' [1 character]"]


@pytest.mark.parametrize(
    ("frame", "line"),
    [
        (TracedFrame(True, "text", "hello"), "> text 'hello' [5 characters]"),
        (TracedFrame(False, "binary", b"\x00" * 100), f"< binary {bytes(48)!r}… [100 bytes]"),
        (TracedFrame(True, "close", b"\x03\xe8bye"), "> close 1000 b'bye' [5 bytes]"),
        (TracedFrame.from_head(False, 0x41, b"x"), "< text b'x' [1 byte, continued, compressed]"),
        (TracedFrame.from_head(True, 0x81, "grün".encode()), "> text 'grün' [4 characters]"),
        (TracedFrame.from_head(True, 0x01, "ü".encode()[:1]), "> text '\ufffd' [1 character, continued]"),
        (TracedFrame.from_head(True, 0x81, b"y" * 49), f"> text {'y' * 48!r}… [49 characters]"),
        (TracedFrame.from_head(False, 0x8A, memoryview(b"")), "< pong b'' [0 bytes]"),
    ],
)
def test_a_frame_is_a_line_with_its_payload_elided(frame: TracedFrame, line: str) -> None:
    assert str(frame) == line


async def test_a_logger_that_debugs_is_told_of_frames_and_of_whose_they_are(caplog: pytest.LogCaptureFixture) -> None:
    secret = "s" * 1000
    logger = logging.getLogger("test.client")
    with caplog.at_level(logging.DEBUG, "test.client"):
        async with served() as url, connect(url, logger=logger, compression=None) as connection:
            await connection.send(secret)
            await connection.recv()
    records = [record for record in caplog.records if record.name == "test.client"]
    lines = [record.getMessage() for record in records]
    assert lines[0] == f"connection open: {url}"
    assert [line[:6] for line in lines[1:3]] == ["> text", "< text"]
    assert "sent 1000 (OK); then received 1000 (OK)" in lines[-1]
    assert not any(secret in line for line in lines)
    assert all(record.websocket.id == connection.id for record in records)  # type: ignore[attr-defined]


async def test_a_logger_that_does_not_debug_costs_nothing() -> None:
    async with served() as url, connect(url) as connection:
        assert connection._transport._messages.trace is None


async def test_no_log_line_has_a_password_or_a_control_character_of_a_stranger(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def handler(connection: Any) -> None:
        await connection.send("\x1b[2J\n")
        await connection.close(4000, "\x1b[2J\nforged \u202e")

    async def until_the_end(url: str) -> None:
        async for connection in connect(url, backoff=Backoff(first_delay=0.001, max_delay=0.001, max_attempts=2)):
            assert await connection.recv() == "\x1b[2J\n"
            await connection.wait_closed()
            assert connection.close_reason == "\x1b[2J\nforged \u202e"
            logging.getLogger().warning("closed", exc_info=connection.closed_error())

    with caplog.at_level(logging.DEBUG):
        async with served(handler) as url:
            with pytest.raises(ConnectionClosedError):
                await until_the_end(url.replace("ws://", "ws://user:secret@"))
    ours = [record for record in caplog.records if not record.name.startswith(("websockets", "asyncio"))]
    assert {record.name for record in ours} >= {"root", "pyws_browser.client"}
    for record in ours:
        line = logging.Formatter("%(message)s").format(record)
        assert line.replace("\n", "").isprintable()
        assert "secret" not in line
        assert not line.startswith("forged")
    assert any(r"\x1b[2J\nforged \u202e" in record.getMessage() for record in ours)
