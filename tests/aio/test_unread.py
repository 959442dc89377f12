"""How much of what a program does not receive is taken in, if `max_size` is None: reading follows the program."""

from __future__ import annotations

import asyncio
import select
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from websockets.sync.client import ClientConnection
from websockets.sync.client import connect as their_connect
from websockets.sync.server import serve as their_serve

from pyws_browser import aio, sync
from pyws_browser.compat import arguments

LIMIT = 1024 * 1024
PIECE = 256 * 1024
TOTAL = 128 * PIECE
"""More than the limit and what two kernels' buffers take."""

KINDS = {"fragments": 1, "text in fragments": 1, "one frame": 1, "messages": TOTAL // PIECE}
"""What is sent, and how many messages it is."""


def pieces(kind: str, *, masked: bool) -> Iterator[bytes]:
    """Give TOTAL bytes of payload as frames; a mask of zeros changes nothing."""
    bit, mask = (0x80, bytes(4)) if masked else (0, b"")
    if kind == "one frame":
        yield bytes([0x82, bit | 127]) + TOTAL.to_bytes(8, "big") + mask
    for sent in range(0, TOTAL, PIECE):
        is_last = sent + PIECE == TOTAL
        head = {
            "fragments": 0x02 * (sent == 0) | 0x80 * is_last,
            "text in fragments": 0x01 * (sent == 0) | 0x80 * is_last,
            "messages": 0x82,
        }.get(kind)
        if head is not None:
            yield bytes([head, bit | 127]) + PIECE.to_bytes(8, "big") + mask
        yield b"a" * PIECE


class Flood:
    """Sends to a connection as fast as it takes it."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.is_stuck = threading.Event()
        """Set when nothing more could be sent for half a second, or all was."""
        self.sent = 0

    def to_server(self, url: str) -> None:
        """Send it to a server."""
        with their_connect(url, compression=None) as connection:
            self(connection)

    def __call__(self, connection: Any) -> None:
        sock: socket.socket = connection.socket
        for piece in pieces(self.kind, masked=isinstance(connection, ClientConnection)):
            left = memoryview(piece)
            while left:
                if not self.is_stuck.is_set() and not select.select([], [sock], [], 0.5)[1]:
                    self.is_stuck.set()
                count = sock.send(left[:PIECE])
                self.sent += count
                left = left[count:]
        self.is_stuck.set()
        connection.recv()


@pytest.fixture(autouse=True)
def limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arguments, "UNREAD_BYTES", LIMIT)


@contextmanager
def flooding(kind: str) -> Iterator[tuple[Flood, str]]:
    """Run a server that sends a flood to its client, and give that and the URL."""
    flood = Flood(kind)
    server = their_serve(flood, "127.0.0.1", 0)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield flood, f"ws://127.0.0.1:{server.socket.getsockname()[1]}/"
    finally:
        server.shutdown()
        thread.join()


def waiting(connection: Any) -> int:
    """Return how many bytes a connection of ours holds that the program has not received."""
    transport = connection._transport
    return sum(map(len, transport.inbox)) + transport._messages.size_under_way


def check_held_back(flood: Flood, connection: Any, *, least: int = LIMIT) -> None:
    assert flood.sent < TOTAL
    assert least <= waiting(connection) < LIMIT + 3 * 1024 * 1024  # a read, and what a parser makes of it


@pytest.mark.parametrize("kind", KINDS)
async def test_a_client_that_does_not_receive_holds_the_sender_back(kind: str) -> None:
    with flooding(kind) as (flood, url):
        async with aio.connect(url, max_size=None, max_queue=TOTAL, compression=None) as connection:
            await asyncio.to_thread(flood.is_stuck.wait)
            check_held_back(flood, connection)
            if kind != "messages":
                given_up = asyncio.ensure_future(connection.recv())
                await asyncio.sleep(0)
                given_up.cancel()
                await asyncio.gather(given_up, return_exceptions=True)
            for _ in range(KINDS[kind]):
                assert len(await connection.recv()) == TOTAL // KINDS[kind]
            await connection.send("enough")


@pytest.mark.parametrize("kind", KINDS)
async def test_a_server_that_does_not_receive_holds_the_sender_back(kind: str) -> None:
    flood = Flood(kind)
    accepted = asyncio.get_running_loop().create_future()
    done = asyncio.Event()

    async def handler(connection: Any) -> None:
        accepted.set_result(connection)
        await done.wait()

    async with aio.serve(handler, "127.0.0.1", 0, max_size=None, max_queue=TOTAL, compression=None) as server:
        url = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
        thread = threading.Thread(target=flood.to_server, args=(url,))
        thread.start()
        connection = await accepted
        await asyncio.to_thread(flood.is_stuck.wait)
        check_held_back(flood, connection)
        for _ in range(KINDS[kind]):
            assert len(await connection.recv()) == TOTAL // KINDS[kind]
        await connection.send("enough")
        await asyncio.to_thread(thread.join)
        done.set()


@pytest.mark.parametrize("kind", KINDS)
def test_a_blocking_client_that_does_not_receive_holds_the_sender_back(kind: str) -> None:
    with (
        flooding(kind) as (flood, url),
        sync.connect(url, max_size=None, max_queue=TOTAL, compression=None) as connection,
    ):
        flood.is_stuck.wait()
        check_held_back(flood, connection)
        if kind != "messages":
            with pytest.raises(TimeoutError):
                connection.recv(timeout=0)
        for _ in range(KINDS[kind]):
            assert len(connection.recv()) == TOTAL // KINDS[kind]
        connection.send("enough")


async def test_fragments_that_nobody_takes_are_no_more_than_max_queue_says() -> None:
    with flooding("fragments") as (flood, url):
        async with aio.connect(url, max_size=None, max_queue=2, compression=None) as connection:
            await asyncio.to_thread(flood.is_stuck.wait)
            check_held_back(flood, connection, least=2 * PIECE)
            assert sum([len(part) async for part in connection.recv_streaming()]) == TOTAL
            await connection.send("enough")
