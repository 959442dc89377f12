"""What is answered or polled late: the last of many pings, and a connection after a pause longer than its limits."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
import trustme

from pyws_browser import State, WebSocketPeer, WebSocketServer, aio
from pyws_browser.wire.messages import MAX_WAITING_PONGS

from ..support import LIMIT, client_context, pump, server_context
from .test_faults import Wire

PINGS = [b"%d" % number for number in range(2 * MAX_WAITING_PONGS + 1)]
PAUSE = 0.8
"""Seconds without a poll."""

SHORTER = 0.6
"""Seconds of the time limits that are shorter than that pause."""


def ping_frames(mask: bytes = b"") -> bytes:
    return b"".join(
        bytes((0x89, len(payload) | 0x80 * bool(mask)))
        + mask
        + bytes(byte ^ mask[i % 4] for i, byte in enumerate(payload))
        if mask
        else bytes((0x89, len(payload))) + payload
        for payload in PINGS
    )


def last_pong(data: bytes, *, masked: bool) -> bytes:
    """Return the payload of the last frame, all of which are short pongs."""
    payload = b""
    while data:
        assert data[0] == 0x8A
        length, start = data[1] & 0x7F, 6 if masked else 2
        mask = data[2:6] if masked else bytes(4)
        payload = bytes(byte ^ mask[i % 4] for i, byte in enumerate(data[start : start + length]))
        data = data[start + length :]
    return payload


@pytest.fixture
def wire() -> Iterator[Wire]:
    wire = Wire()
    yield wire
    wire.close()


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


def test_a_peer_answers_the_last_of_many_pings_in_the_same_poll(wire: Wire) -> None:
    peer = WebSocketPeer(web_limits=False)
    wire.open(peer)
    wire.sock.sendall(ping_frames())
    time.sleep(0.05)
    peer.poll()
    wire.sock.settimeout(LIMIT)
    assert last_pong(wire.sock.recv(65536), masked=True) == PINGS[-1]
    peer.abort()


def handshaken(sock: socket.socket, server: WebSocketServer) -> None:
    """Open a connection of a raw socket, which may be one of TLS whose handshake is over."""
    sock.sendall(
        b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )
    pump(server, until=lambda: server.peer_ids)
    sock.settimeout(LIMIT)
    assert sock.recv(65536).endswith(b"\r\n\r\n")


def test_a_server_answers_the_last_of_many_pings_in_the_same_poll() -> None:
    with WebSocketServer() as server:
        server.bind_ip = "127.0.0.1"
        server.listen(0)
        with socket.create_connection(("127.0.0.1", server.port)) as sock:
            handshaken(sock, server)
            sock.sendall(ping_frames(b"mask"))
            time.sleep(0.05)
            server.poll()
            assert last_pong(sock.recv(65536), masked=False) == PINGS[-1]


@pytest.mark.parametrize("scheme", ["ws", "wss"])
def test_aio_answers_the_last_of_many_pings_without_any_other_activity(scheme: str, authority: trustme.CA) -> None:
    server_tls, client_tls = (
        (None, None) if scheme == "ws" else (server_context(authority, "localhost"), client_context(authority))
    )

    async def handler(connection: Any) -> None:
        await connection.wait_closed()

    async def run() -> None:
        async with aio.serve(handler, "127.0.0.1", 0, ssl=server_tls) as server:
            url = f"{scheme}://localhost:{server.sockets[0].getsockname()[1]}/"
            async with aio.connect(url, ssl=client_tls) as connection:
                pongs = [await connection.ping(payload) for payload in PINGS]
                await asyncio.wait_for(pongs[-1], LIMIT / 2)

    asyncio.run(run())


def test_the_latency_of_a_ping_counts_from_when_it_left(wire: Wire) -> None:
    peer = WebSocketPeer(web_limits=False)
    peer.outbound_buffer_size = 64_000_000
    wire.open(peer)
    peer.send(bytes(32_000_000))
    peer.ping(b"?")
    end = time.monotonic() + SHORTER
    while time.monotonic() < end:
        peer.poll()
    wire.sock.setblocking(False)
    received = b""
    left = time.monotonic()

    def has_ping() -> bool:
        nonlocal received
        try:
            received = (received + wire.sock.recv(1_000_000))[-7:]
        except BlockingIOError:
            return False
        return len(received) == 7 and received[:2] == b"\x89\x81"

    pump(peer, until=has_ping)
    wire.sock.sendall(b"\x8a\x01?")
    pump(peer, until=lambda: peer.latency > 0)
    assert peer.latency < time.monotonic() - left
    peer.abort()


@pytest.mark.parametrize("polls", range(6))
def test_a_pause_at_whichever_step_of_the_opening_is_not_the_servers_delay(polls: int, authority: trustme.CA) -> None:
    with WebSocketServer() as server, WebSocketPeer(web_limits=False) as peer:
        server.bind_ip = "127.0.0.1"
        server.tls = server_context(authority, "localhost")
        server.listen(0)
        peer.handshake_timeout = SHORTER
        peer.connect_to_url(f"wss://localhost:{server.port}/", tls=client_context(authority))
        for _ in range(polls):
            peer.poll()
            server.poll()
        time.sleep(PAUSE)
        pump(peer, server, until=lambda: peer.ready_state is not State.CONNECTING)
        assert peer.ready_state is State.OPEN, peer.close_cause


@pytest.mark.parametrize("polls", range(6))
def test_a_pause_of_a_server_is_not_its_clients_delay(polls: int, authority: trustme.CA) -> None:
    with WebSocketServer() as server, WebSocketPeer(web_limits=False) as peer:
        server.bind_ip = "127.0.0.1"
        server.tls = server_context(authority, "localhost")
        server.handshake_timeout = server.close_timeout = server.heartbeat_interval = SHORTER
        server.listen(0)
        peer.connect_to_url(f"wss://localhost:{server.port}/", tls=client_context(authority))
        for _ in range(polls):
            peer.poll()
            server.poll()
        end = time.monotonic() + PAUSE
        while time.monotonic() < end:
            peer.poll()
        pump(peer, server, until=lambda: server.peer_ids and peer.is_connected_to_host())
        for _ in range(3):  # the pong of each ping comes while it pauses
            end = time.monotonic() + PAUSE
            while time.monotonic() < end:
                peer.poll()
            server.poll()
        assert server.peer_ids
        server.disconnect_peer(server.peer_ids[0], 4000)
        end = time.monotonic() + PAUSE
        while time.monotonic() < end:
            peer.poll()
        pump(peer, server, until=lambda: not server.peer_ids)
        assert (peer.close_code, peer.was_clean_close) == (4000, True)


def test_a_program_that_blocks_its_event_loop_does_not_end_its_connections() -> None:
    limits: dict[str, Any] = {
        "open_timeout": SHORTER,
        "close_timeout": SHORTER,
        "ping_interval": SHORTER,
        "ping_timeout": SHORTER,
    }

    async def echo(connection: Any) -> None:
        async for message in connection:
            await connection.send(message)

    async def run() -> None:
        async with aio.serve(echo, "127.0.0.1", 0, **limits) as server:
            connecting = asyncio.ensure_future(_connected(server, limits))
            await asyncio.sleep(0)
            time.sleep(PAUSE)
            connection = await connecting
            for _ in range(3):
                time.sleep(PAUSE)
                await connection.send("still there")
                assert await connection.recv() == "still there"
            closing = asyncio.ensure_future(connection.close())
            await asyncio.sleep(0)
            time.sleep(PAUSE)
            await closing
            assert connection.close_code == 1000

    asyncio.run(asyncio.wait_for(run(), LIMIT))


async def _connected(server: Any, limits: dict[str, Any]) -> Any:
    return await aio.connect(f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/", **limits)


def test_a_silent_server_is_given_up_by_a_program_that_polls_seldom(wire: Wire) -> None:
    with WebSocketPeer(web_limits=False) as peer:
        peer.handshake_timeout = 0.2
        peer.connect_to_url(wire.url)
        polls = 0
        while peer.ready_state is not State.CLOSED:
            peer.poll()
            time.sleep(0.1)
            polls += 1
        assert polls <= 8


def test_what_waits_goes_out_after_the_other_side_has_closed_first(wire: Wire) -> None:
    peer = WebSocketPeer(web_limits=False)
    peer.outbound_buffer_size = 64_000_000
    wire.open(peer)
    peer.send(bytes(32_000_000))
    wire.sock.sendall(b"\x88\x02\x03\xe8")
    wire.sock.setblocking(False)
    received = 0
    slow_until = time.monotonic() + 3.0  # longer than LINGER_TIMEOUT

    def take_in() -> bool:
        nonlocal received
        time.sleep(0.02 if time.monotonic() < slow_until else 0)
        with suppress(BlockingIOError):
            received += len(wire.sock.recv(50_000 if time.monotonic() < slow_until else 4_000_000))
        return received >= 32_000_000 + 14 + 8

    pump(peer, until=take_in)
    wire.sock.close()
    pump(peer, until=lambda: peer.ready_state is State.CLOSED)
    assert (peer.get_close_code(), peer.was_clean_close) == (1000, True)
