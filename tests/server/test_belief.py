"""What a server believes of a request: the path that a program judges is the path that it is shown later."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import suppress
from urllib.parse import urlsplit

import pytest

from pyws_browser import Request, WebSocketServer

from ..support import pump
from .test_server import request

HEAD = request()
FORGED = {  # requests, each made to be judged as one path and to be shown as another
    "a path in Host": (HEAD.replace(b"GET /", b"GET /public").replace(b"Host: test", b"Host: a/admin?"), 400),
    "a query in Host": (HEAD.replace(b"GET /", b"GET /public").replace(b"Host: test", b"Host: a?x"), 400),
    "a backslash in Host": (HEAD.replace(b"GET /", b"GET /public").replace(b"Host: test", rb"Host: a\admin?"), 400),
    "a fragment in Host": (HEAD.replace(b"GET /", b"GET /public").replace(b"Host: test", b"Host: a#"), 400),
    "a user in Host": (HEAD.replace(b"Host: test", b"Host: b@a"), 400),
    "two ports in Host": (HEAD.replace(b"Host: test", b"Host: a:1:2"), 400),
    "an empty Host": (HEAD.replace(b"Host: test", b"Host:"), 400),
    "no Host": (HEAD.replace(b"Host: test\r\n", b""), 400),
    "dot segments": (HEAD.replace(b"GET /", b"GET /x/../admin"), 101),
    "encoded dot segments": (HEAD.replace(b"GET /", b"GET /.%2e/admin"), 101),
    "two slashes": (HEAD.replace(b"GET /", b"GET //evil.example/admin"), 101),
    "encoded characters": (HEAD.replace(b"GET /", b"GET /%61dmin%00%2f"), 101),
    "a tab": (HEAD.replace(b"GET /", b"GET /ad\tmin"), 400),
    "a NUL": (HEAD.replace(b"GET /", b"GET /admin\x00"), 400),
    "an escape": (HEAD.replace(b"GET /", b"GET /admin\x1b[2J"), 400),
    "a backslash": (HEAD.replace(b"GET /", rb"GET \admin"), 400),
    "a backslash within": (HEAD.replace(b"GET /", rb"GET /x\..\admin"), 400),
    "no slash": (HEAD.replace(b"GET /", b"GET d/admin"), 400),
    "a fragment": (HEAD.replace(b"GET /", b"GET /public#/../admin"), 400),
    "not ASCII": (HEAD.replace(b"GET /", b"GET /\xe4dmin"), 400),
    "a whole URL": (HEAD.replace(b"GET /", b"GET http://test/admin?a"), 101),
    "a whole URL without a path": (HEAD.replace(b"GET /", b"GET ws://TEST"), 101),
    "a whole URL of another host": (HEAD.replace(b"GET /", b"GET http://evil.example/admin"), 400),
    "an IPv6 address with a zone": (HEAD.replace(b"Host: test", b"Host: [fe80::1%25lo]:80"), 101),
}


def is_one_truth(judged: str, url: str) -> bool:
    """Tell whether the URL shows the path that was judged, for any reader of URLs."""
    shown = urlsplit(url)
    query = f"?{shown.query}" if shown.query else ""
    return shown.path + query == judged and url.endswith(judged) and not shown.fragment and shown.username is None


@pytest.fixture
def server() -> Iterator[WebSocketServer]:
    with WebSocketServer() as server:
        server.bind_ip = "127.0.0.1"
        server.listen(0)
        yield server


@pytest.mark.parametrize(("data", "status"), FORGED.values(), ids=FORGED)
def test_a_polled_server_shows_the_path_that_was_judged(server: WebSocketServer, data: bytes, status: int) -> None:
    judged: list[str] = []
    connected: list[int] = []

    def judge(asked: Request) -> None:
        judged.append(asked.path)

    server.process_request = judge
    server.client_connected.connect(lambda id_, protocol: connected.append(id_))
    with socket.create_connection(("127.0.0.1", server.port)) as sock:
        sock.sendall(data)
        sock.setblocking(False)
        answer = bytearray()

        def is_answered() -> bool:
            with suppress(BlockingIOError):
                answer.extend(sock.recv(4096))
            return b"\r\n\r\n" in answer

        pump(server, until=is_answered)
        assert int(answer[9:12]) == status
        if status == 101:
            pump(server, until=lambda: connected)
            peer = server.get_peer(connected[0])
            assert is_one_truth(judged[0], peer.requested_url)
            assert peer.get_requested_url() == peer.requested_url
        else:
            assert judged == []
