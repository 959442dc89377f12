"""Clients that ask for new keys of TLS without end: the others are served, and time limits run."""

from __future__ import annotations

import asyncio
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager

import pytest
import trustme

from pyws_browser import State, WebSocketPeer, WebSocketServer, aio

from ..support import LIMIT, client_context, pump, server_context
from .test_tls_records import Hostile

ECHOES = 10
REQUEST = (
    b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)


class Flooder(threading.Thread):
    """Sends KeyUpdate records until the server cuts its connection, before its request or after it."""

    def __init__(self, port: int, context: ssl.SSLContext, request: bytes) -> None:
        super().__init__()
        self.has_begun = threading.Event()
        self.was_cut = threading.Event()
        self._sock = socket.create_connection(("127.0.0.1", port), LIMIT)
        self._context = context
        self._request = request

    def run(self) -> None:
        hostile = Hostile(self._sock, self._context)
        try:
            while not self._is_secure(hostile):
                self._sock.sendall(hostile.to_send.read())
                hostile.arrived.write(self._sock.recv(65536))
            self._sock.sendall(hostile.to_send.read())
            self._sock.sendall(hostile.data(self._request))
            while True:
                self._sock.sendall(hostile.new_keys(100))
                self.has_begun.set()
        except OSError:
            self.was_cut.set()

    def stop(self) -> None:
        if not self.was_cut.is_set():
            self._sock.shutdown(socket.SHUT_RDWR)
        self.join(LIMIT)
        self._sock.close()

    def _is_secure(self, hostile: Hostile) -> bool:
        try:
            hostile.tls.do_handshake()
        except ssl.SSLWantReadError:
            return False
        return True


@contextmanager
def flooding(count: int, port: int, authority: trustme.CA, *, is_open: bool) -> Iterator[Sequence[Flooder]]:
    with ExitStack() as stack:
        flooders = [Flooder(port, client_context(authority), REQUEST if is_open else b"") for _ in range(count)]
        for flooder in flooders:
            stack.callback(flooder.stop)
            flooder.start()
        yield flooders


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


def all_of(flooders: Sequence[Flooder], what: Callable[[Flooder], threading.Event]) -> bool:
    return all(what(flooder).is_set() for flooder in flooders)


@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize("is_open", [False, True], ids=["before the request", "after it"])
def test_beside_new_keys_without_end_a_polled_server_serves_others(
    authority: trustme.CA, count: int, is_open: bool
) -> None:
    def echo(id_: int) -> None:
        peer = server.get_peer(id_)
        for message in peer:
            peer.send(message)

    with WebSocketServer() as server, WebSocketPeer() as bystander:
        server.bind_ip = "127.0.0.1"
        server.handshake_timeout = 1.0
        server.tls = server_context(authority, "127.0.0.1")
        server.data_received.connect(echo)
        server.listen(0)
        bystander.connect_to_url(f"wss://127.0.0.1:{server.port}/", tls=client_context(authority))
        pump(bystander, server, until=lambda: bystander.ready_state is State.OPEN)
        with flooding(count, server.port, authority, is_open=is_open) as flooders:
            pump(server, until=lambda: all_of(flooders, lambda each: each.has_begun))
            echoes = 0
            end = time.monotonic() + LIMIT
            while echoes < ECHOES or not (is_open or all_of(flooders, lambda each: each.was_cut)):
                assert time.monotonic() < end
                bystander.send(str(echoes))
                pump(server, bystander, until=bystander.get_available_packet_count)
                assert bystander.receive() == str(echoes)
                echoes += 1
            if is_open:
                assert not any(flooder.was_cut.is_set() for flooder in flooders)


@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize("is_open", [False, True], ids=["before the request", "after it"])
def test_beside_new_keys_without_end_an_aio_server_serves_others(
    authority: trustme.CA, count: int, is_open: bool
) -> None:
    async def echo(connection: aio.ServerConnection) -> None:
        async for message in connection:
            await connection.send(message)

    async def main() -> None:
        async with (
            asyncio.timeout(2 * LIMIT),
            aio.serve(
                echo, "127.0.0.1", 0, ssl=server_context(authority, "127.0.0.1"), open_timeout=1, ping_interval=None
            ) as server,
        ):
            port = server.sockets[0].getsockname()[1]
            async with aio.connect(
                f"wss://127.0.0.1:{port}/", ssl=client_context(authority), ping_interval=None
            ) as bystander:
                with flooding(count, port, authority, is_open=is_open) as flooders:
                    while not all_of(flooders, lambda each: each.has_begun):
                        await asyncio.sleep(0.001)
                    echoes = 0
                    while echoes < ECHOES or not (is_open or all_of(flooders, lambda each: each.was_cut)):
                        await bystander.send(str(echoes))
                        assert await bystander.recv() == str(echoes)
                        echoes += 1
                    if is_open:
                        assert not any(flooder.was_cut.is_set() for flooder in flooders)
            for connection in server.connections:
                connection.transport.abort()

    asyncio.run(main())
