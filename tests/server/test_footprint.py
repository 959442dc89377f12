"""What an idle connection weighs, so that a server may have very many."""

from __future__ import annotations

import gc
import socket
import tracemalloc
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from pyws_browser import WebSocketServer

from ..support import LIMIT, pump

_MOST = 6 * 1024
_REQUEST = (
    "GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{}\r\n"
)


@pytest.fixture
def traced() -> Iterator[None]:
    tracemalloc.start()
    yield
    tracemalloc.stop()


@pytest.mark.parametrize(
    "extension", ["", "Sec-WebSocket-Extensions: permessage-deflate\r\n"], ids=["plain", "deflate"]
)
def test_an_idle_connection_takes_at_most_6_kib(traced: None, extension: str) -> None:
    request = _REQUEST.format(extension).encode()
    with ExitStack() as stack, WebSocketServer() as server:
        server.strict = True
        server.bind_ip = "127.0.0.1"
        server.listen(0)

        def connect(count: int) -> None:
            wanted = len(server.peer_ids) + count
            for _ in range(count):
                sock = stack.enter_context(socket.create_connection(("127.0.0.1", server.port), LIMIT))
                sock.sendall(request)
            pump(server, until=lambda: len(server.peer_ids) == wanted)
            server.poll()
            gc.collect()

        connect(20)
        before = tracemalloc.get_traced_memory()[0]
        connect(100)
        assert (tracemalloc.get_traced_memory()[0] - before) / 100 <= _MOST
