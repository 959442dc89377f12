"""What is left of a connection that has ended, or that nobody refers to any more: nothing."""

from __future__ import annotations

import asyncio
import gc
import socket
import threading
import tracemalloc
import warnings
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
import trustme

from pyws_browser import (
    Backoff,
    MemoryNetwork,
    ReconnectingPeer,
    State,
    WebSocketClient,
    WebSocketPeer,
    WebSocketServer,
    aio,
    sync,
)
from pyws_browser.transport.base import Transport
from pyws_browser.transport.native import ServerTransport
from pyws_browser.transport.native.opening import Opening
from pyws_browser.transport.native.stream import TCPStream, TLSStream
from pyws_browser.wire.messages import MessageStream

from ..aio.parties import url_of
from ..support import LIMIT, client_context, pump, server_context
from ..wire.raw import MASK, frame
from .test_faults import Wire

PARTS = (Transport, MessageStream, Opening, TCPStream, TLSStream, WebSocketPeer, aio.connection.Connection)
TEXT, BINARY = 1, 2
SIZE = 4 * 1024 * 1024
REQUEST = (
    b"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n"
)


def parts() -> set[int]:
    """Return which parts of connections exist."""
    return {id(thing) for thing in gc.get_objects() if isinstance(thing, PARTS)}


@pytest.fixture(autouse=True)
def no_collector() -> Iterator[None]:
    """Only counted references free anything."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.fixture
def wire() -> Iterator[Wire]:
    wire = Wire()
    yield wire
    wire.close()


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@contextmanager
def echo(context: Any = None, **settings: Any) -> Iterator[WebSocketServer]:
    """Serve in a thread."""
    is_over = threading.Event()
    with WebSocketServer() as server:
        server.bind_ip = "127.0.0.1"
        server.tls = context
        is_ready = threading.Event()

        def run() -> None:
            server.listen(0, **settings)
            is_ready.set()
            while not is_over.is_set():
                server.wait(0.01)
                server.poll()
            server.stop()

        thread = threading.Thread(target=run)
        thread.start()
        is_ready.wait(LIMIT)
        try:
            yield server
        finally:
            is_over.set()
            thread.join(LIMIT)


def leave_peer(port: int, authority: trustme.CA) -> None:
    peer = WebSocketPeer()
    peer.connect_to_url(f"ws://127.0.0.1:{port}/")
    pump(peer, until=lambda: peer.ready_state is State.OPEN)


def leave_peer_over_tls(port: int, authority: trustme.CA) -> None:
    peer = WebSocketPeer()
    peer.connect_to_url(f"wss://127.0.0.1:{port}/", tls=client_context(authority))
    pump(peer, until=lambda: peer.ready_state is State.OPEN)


def leave_peer_that_connects(port: int, authority: trustme.CA) -> None:
    peer = WebSocketPeer()
    peer.connect_to_url(f"ws://127.0.0.1:{port}/")
    peer.poll()


def leave_peer_that_looks_up_a_name(port: int, authority: trustme.CA) -> None:
    peer = WebSocketPeer()
    peer.connect_to_url(f"ws://127.0.0.1.{'x' * 64}.invalid:{port}/")
    pump(peer, until=lambda: peer.ready_state is State.CLOSED)


def leave_client(port: int, authority: trustme.CA) -> None:
    client = WebSocketClient()
    client.connect_to_url(f"ws://127.0.0.1:{port}/")
    pump(client, until=lambda: client.get_peer(1).ready_state is State.OPEN)


def leave_multiplayer_client(port: int, authority: trustme.CA) -> None:
    client = WebSocketClient()
    client.connect_to_url(f"ws://127.0.0.1:{port}/", gd_mp_api=True)
    pump(client, until=lambda: client.get_peer(1).ready_state is State.OPEN)


def leave_reconnecting_peer(port: int, authority: trustme.CA) -> None:
    peer = ReconnectingPeer(backoff=Backoff(first_delay=0.001, max_delay=0.001))
    is_first = True

    def url() -> str:
        nonlocal is_first
        if is_first:
            is_first = False
            raise OSError("no token yet")
        return f"ws://127.0.0.1:{port}/"

    with pytest.raises(OSError, match="token"):
        peer.connect_to_url(url)
    pump(peer, until=lambda: peer.ready_state is State.OPEN)


def leave_blocking_connection(port: int, authority: trustme.CA) -> None:
    connection = sync.connect(f"ws://127.0.0.1:{port}/")
    connection.send("hello")


def leave_server(port: int, authority: trustme.CA) -> None:
    server = WebSocketServer()
    server.bind_ip = "127.0.0.1"
    server.listen(0, gd_mp_api=True)
    with socket.create_connection(("127.0.0.1", server.port)) as sock:
        sock.sendall(REQUEST)
        pump(server, until=lambda: server.peer_ids)


def leave_memory(port: int, authority: trustme.CA) -> None:
    network = MemoryNetwork()
    listener = network.listen("ws://here/")
    client = network.peer()
    client.connect_to_url("ws://here/")
    server = listener.accept()
    assert server is not None
    client.poll()
    client.send("hello")
    server.poll()


@pytest.mark.parametrize(
    "leave",
    [
        leave_peer,
        leave_peer_over_tls,
        leave_peer_that_connects,
        leave_peer_that_looks_up_a_name,
        leave_client,
        leave_multiplayer_client,
        leave_reconnecting_peer,
        leave_blocking_connection,
        leave_server,
        leave_memory,
    ],
    ids=lambda leave: leave.__name__,
)
def test_nothing_is_left_of_what_nobody_refers_to(
    leave: Callable[[int, trustme.CA], None], authority: trustme.CA
) -> None:
    is_secure = leave is leave_peer_over_tls
    with echo(server_context(authority, "127.0.0.1") if is_secure else None) as server, warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # as Python's sockets warn of what is not closed
        leave(server.port, authority)  # what is made once, and kept
        wait_until_left(server)
        before = parts()
        leave(server.port, authority)
        wait_until_left(server)
        wait_until(lambda: parts() <= before)  # the thread of a blocking connection ends after its socket has closed


def wait_until_left(server: WebSocketServer) -> None:
    """Wait until the server has accepted all who connected, which it does in turn, and all of them have left."""
    with socket.create_connection(("127.0.0.1", server.port)) as last:
        port = last.getsockname()[1]
        wait_until(lambda: any(c.transport.remote_address()[1] == port for c in [*server._clients.values()]))
    wait_until(lambda: not server._clients)


def wait_until(condition: Callable[[], object]) -> None:
    pause = threading.Event()
    for _ in range(int(LIMIT / 0.005)):
        if condition():
            return
        pause.wait(0.005)
    pytest.fail("it never came about")


def test_a_peer_that_nobody_refers_to_closes_its_socket_and_warns(wire: Wire) -> None:
    peer = WebSocketPeer()
    wire.open(peer)
    with pytest.warns(ResourceWarning, match="unclosed.*socket"):
        del peer
    assert wire.sock.recv(1) == b""


# How the other side ends the connection: in the middle of a message that it has begun.
ENDS = {
    "without a Close frame": b"",
    "with a Close frame": frame(8, b"\x03\xe8"),
    "with an error": frame(3, b""),
    "with text that is none": frame(0, b"\xff" * 100_000),
}


@pytest.mark.parametrize(
    ("opcode", "end"),
    [(opcode, end) for opcode in (TEXT, BINARY) for end in ENDS if (opcode, end) != (BINARY, "with text that is none")],
)
def test_a_peer_that_has_ended_holds_nothing(wire: Wire, opcode: int, end: str) -> None:
    peer = WebSocketPeer()
    begun = frame(opcode, b"x" * SIZE, fin=False)
    tracemalloc.start()
    try:
        wire.open(peer)
        before = tracemalloc.get_traced_memory()[0]
        sender = threading.Thread(target=wire.sock.sendall, args=(begun,))
        sender.start()
        pump(peer, until=lambda: peer._transport._messages.size_under_way == SIZE)  # type: ignore[union-attr]
        sender.join()
        assert tracemalloc.get_traced_memory()[0] - before >= SIZE
        wire.sock.sendall(ENDS[end])
        wire.sock.shutdown(socket.SHUT_WR)
        pump(peer, until=lambda: peer.ready_state is State.CLOSED)
        assert tracemalloc.get_traced_memory()[0] - before < 50_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("fails", [False, True], ids=["by a network error", "by what nobody foresaw"])
def test_an_error_that_is_kept_refers_to_no_frame(wire: Wire, fails: bool) -> None:
    peer = WebSocketPeer()
    wire.open(peer)
    if fails:
        assert peer._transport is not None
        peer._transport.set_trace(lambda frame: 1 // 0)
        wire.sock.sendall(frame(TEXT, b"hello"))
        with pytest.raises(ZeroDivisionError):
            pump(peer, until=lambda: False)
    else:
        wire.reset()
        pump(peer, until=lambda: peer.ready_state is State.CLOSED)
    error: BaseException | None = peer.close_cause
    assert error is not None
    while error is not None:
        assert error.__traceback__ is None
        error = error.__cause__ or error.__context__


# An unfinished message of 16 KB that inflates to 16 MiB, from one client after the other, none of whom says goodbye.
BOMBS = 20
MOST_GROWTH = 40 * 1024 * 1024


def bomb() -> bytes:
    deflater = zlib.compressobj(9, zlib.DEFLATED, -15)
    inflated = bytes(16 * 1024 * 1024 - 100)
    return frame(0x40 | BINARY, deflater.compress(inflated) + deflater.flush(zlib.Z_SYNC_FLUSH), fin=False, mask=MASK)


def resident() -> int:
    """Return how many bytes of memory this process has."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


def throw_bombs(port: int, is_over: threading.Event, context: Any) -> None:
    content = bomb()
    for _ in range(BOMBS):
        with ExitStack() as stack:
            sock = stack.enter_context(socket.create_connection(("127.0.0.1", port), LIMIT))
            if context is not None:
                sock = stack.enter_context(context.wrap_socket(sock, server_hostname="127.0.0.1"))
            sock.sendall(REQUEST)
            assert sock.recv(4096).startswith(b"HTTP/1.1 101")
            sock.sendall(content)
            sock.shutdown(socket.SHUT_WR)
            while sock.recv(4096):
                pass
    is_over.set()


@pytest.mark.parametrize("is_secure", [False, True], ids=["plain", "tls"])
def test_a_server_holds_nothing_of_those_who_left(authority: trustme.CA, is_secure: bool) -> None:
    is_over = threading.Event()
    with WebSocketServer() as server:
        server.bind_ip = "127.0.0.1"
        server.heartbeat_interval = 25.0
        server.max_connections = 5
        server.tls = server_context(authority, "127.0.0.1") if is_secure else None
        server.listen(0)
        before = resident()
        context = client_context(authority) if is_secure else None
        threading.Thread(target=throw_bombs, args=(server.port, is_over, context)).start()
        pump(server, until=lambda: is_over.is_set() and not server._clients)
        assert resident() - before < MOST_GROWTH
        assert not server._watch._by_id  # type: ignore[union-attr]
        assert not [thing for thing in gc.get_objects() if isinstance(thing, ServerTransport)]


@pytest.mark.parametrize("is_secure", [False, True], ids=["plain", "tls"])
def test_an_aio_server_holds_nothing_of_those_who_left(authority: trustme.CA, is_secure: bool) -> None:
    is_over = threading.Event()

    async def handler(connection: aio.ServerConnection) -> None:
        with suppress(aio.ConnectionClosed):  # `pytest.raises` would keep its frame
            await connection.recv()

    async def main() -> None:
        context = server_context(authority, "127.0.0.1") if is_secure else None
        async with aio.serve(handler, "127.0.0.1", 0, ping_interval=25, max_size=2**24, ssl=context) as server:
            port = server.sockets[0].getsockname()[1]
            before = resident()
            other = client_context(authority) if is_secure else None
            threading.Thread(target=throw_bombs, args=(port, is_over, other)).start()
            while not is_over.is_set() or server._handled:
                await asyncio.sleep(0.01)
            assert resident() - before < MOST_GROWTH
            assert not [
                thing for thing in gc.get_objects() if isinstance(thing, (ServerTransport, aio.ServerConnection))
            ]

    asyncio.run(asyncio.wait_for(main(), LIMIT))


def test_an_aio_connection_that_is_closed_is_freed_at_once() -> None:
    async def handler(connection: aio.ServerConnection) -> None:
        async for message in connection:
            await connection.send(message)

    async def talk(url: str) -> None:
        async with aio.connect(url) as connection:
            await connection.send("hello")
            assert await connection.recv() == "hello"
            await (await connection.ping())

    async def main() -> None:
        async with aio.serve(handler, "127.0.0.1", 0) as server:
            await talk(url_of(server))
            while server._handled:
                await asyncio.sleep(0.01)
            await asyncio.sleep(0.01)
            before = parts()
            await talk(url_of(server))
            while server._handled:
                await asyncio.sleep(0.01)
            await asyncio.sleep(0.01)
            assert parts() <= before

    asyncio.run(asyncio.wait_for(main(), LIMIT))
