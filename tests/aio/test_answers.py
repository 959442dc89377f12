"""Whatever a server or a proxy answers, a client connects or raises what is documented: by `aio`, by `sync`, polled."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from typing import Any

import pytest

from pyws_browser import Backoff, HandshakeError, WebSocketPeer, aio
from pyws_browser.compat import exceptions

from ..fuzz.answers import Answering, answer_of, by_aio, by_peer, by_sync
from ..support import pump

UPGRADE = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Accept": "ACCEPT"}


def upgrade(**changes: str) -> bytes:
    fields = UPGRADE | {name.replace("_", "-"): value for name, value in changes.items()}
    lines = ["HTTP/1.1 101 Switching Protocols", *(f"{name}: {value}" for name, value in fields.items()), "", ""]
    return "\r\n".join(lines).encode("latin-1")


def refusal(status: str, *fields: str) -> bytes:
    return "\r\n".join([f"HTTP/1.1 {status}", *fields, "Content-Length: 0", "", ""]).encode("latin-1")


SERVERS = {
    "InvalidHeaderFormat": [
        upgrade(Upgrade=";"),
        upgrade(Upgrade="a/b/c"),
        upgrade(Connection=";"),
        upgrade(Sec_WebSocket_Extensions=";;"),
        upgrade(Sec_WebSocket_Extensions="permessage-deflate; ="),
        upgrade(Sec_WebSocket_Protocol=";"),
        upgrade(Connection=""),
        upgrade(Upgrade=""),
        upgrade(Upgrade="\x9b31m"),
    ],
    "InvalidUpgrade": [upgrade(Connection="close"), upgrade(Upgrade="h2c"), upgrade(Upgrade="websocket, h2c")],
    "InvalidHeaderValue": [upgrade(Sec_WebSocket_Accept="x")],
    "InvalidHeader": [
        b"HTTP/1.1 101 Ok\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
        upgrade().replace(b"\r\n\r\n", b"\r\nSec-WebSocket-Accept: ACCEPT\r\n\r\n"),
        refusal("302 Found", "Location: /a", "Location: /b"),
    ],
    "NegotiationError": [
        upgrade(),
        upgrade(Sec_WebSocket_Protocol="other"),
        upgrade(Sec_WebSocket_Protocol="chat", Sec_WebSocket_Extensions="permessage-bzip2"),
        upgrade(
            Sec_WebSocket_Protocol="chat", Sec_WebSocket_Extensions="permessage-deflate; server_max_window_bits=99"
        ),
    ],
    "InvalidMessage": [
        b"",
        b"\x00",
        b"<html>no HTTP</html>",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"ICY 200 OK\r\n\r\n",
        b"junk" + upgrade(),
        b"\r\n" + upgrade(),
        upgrade()[:40],
        b"HTTP/1.0 " + upgrade()[9:],
        b"HTTP/1.1 101 Ok\r\nUpgrade: websocket\x1b\r\n\r\n",
        b"HTTP/1.1 101 Ok\r\nno field\r\n\r\n",
        b"HTTP/1.1 403\rNo\r\n\r\n",
        b"HTTP/1.1 101 Ok\r\nX: " + b"x" * 300_000,
        b"HTTP/1.1 103 Early\r\n\r\n" * 1000,
        upgrade().replace(b"\r\n", b"\n"),
        b"HTTP/1.1 102 Processing\r\n\r\n",
    ],
    "SecurityError": [
        refusal("302 Found", "Location: /"),
    ],
    "InvalidRedirect": [
        refusal("302 Found", "Location: ws://[::1"),
        refusal("302 Found", "Location: ws://u:p@h:99999/"),
        refusal("302 Found", "Location: ws://a\x9bb/"),
    ],
    "InvalidStatus": [
        b"HTTP/1.0 503 Service Unavailable\r\nConnection: close\r\n\r\n<html>no</html>",
        refusal("403 \x9b31m"),
        refusal("999 ?"),
        b"HTTP/1.1 503 Busy\r\nContent-Length: 99999999999\r\n\r\nno",
        b"HTTP/1.1 503 Busy\r\nTransfer-Encoding: chunked\r\n\r\nmany\r\n",
        b"HTTP/1.1 503 Busy\r\nX: \x1b[2J\r\nno field\r\n\r\n",
        b"HTTP/1.1 103 Early\r\n\r\n" + refusal("401 Who"),
        refusal("304 Not Modified"),
    ],
    "OPEN": [upgrade(Sec_WebSocket_Protocol="chat"), b"HTTP/1.1 100 \r\n\r\n" + upgrade(Sec_WebSocket_Protocol="chat")],
}
PROXIES = {
    "InvalidProxyStatus": [
        ("http", refusal("407 Who", "Proxy-Authenticate: Basic")),
        ("http", refusal("503 \x1b[2J\n", "X: \x1b[2J\x00", "no field", "X\x00: y")),
        ("http", b"HTTP/1.0 502 Bad Gateway\r\n\r\n"),
        ("http", refusal("302 Found", "Location: ws://[::1")),
    ],
    "InvalidProxyMessage": [
        ("http", b""),
        ("http", b"\x05\x00"),
        ("http", b"HTTP/1.1 200"),
        ("http", b"HTTP/1.1 200 Ok\r\nX: " + b"x" * 20_000 + b"\r\n\r\n"),
        ("socks5", b""),
    ],
    "ProxyError": [
        ("http", b"HTTP/1.1 200 OK\r\n\r\nmore"),
        ("socks5", b"HTTP/1.1 200 OK\r\n\r\n"),
        ("socks5", b"\x05\xff"),
        ("socks5", b"\x05\x00\x05\x05\x00\x01"),
    ],
}


@pytest.fixture(scope="module")
def answering() -> Iterator[Answering]:
    answering = Answering()
    yield answering
    answering.close()


@pytest.mark.parametrize(
    ("name", "answer"),
    [pytest.param(name, one, id=f"{name}{n}") for name, many in SERVERS.items() for n, one in enumerate(many)],
)
async def test_an_answer_of_a_server(answering: Answering, name: str, answer: bytes) -> None:
    answering.answer = answer
    url = f"ws://{answering.authority}/"
    assert await by_aio(url, None) == name
    assert by_sync(url, None) == name
    assert by_peer(url, None).partition(",")[0] == ("OPEN" if name == "OPEN" else "HandshakeError")


@pytest.mark.parametrize(
    ("name", "kind", "answer"),
    [pytest.param(name, *one, id=f"{name}{n}") for name, many in PROXIES.items() for n, one in enumerate(many)],
)
async def test_an_answer_of_a_proxy(
    answering: Answering, monkeypatch: pytest.MonkeyPatch, name: str, kind: str, answer: bytes
) -> None:
    answering.answer = answer
    proxy = f"{kind}://{answering.authority}"
    assert await by_aio("ws://game.example/", proxy) == name
    assert by_peer("ws://game.example/", proxy) == "ProxyError"
    monkeypatch.setenv("all_proxy", proxy)
    assert by_sync("ws://game.example/", proxy) == name


@pytest.mark.parametrize("seed", range(5))
async def test_random_answers(answering: Answering, seed: int) -> None:
    random = Random(seed)
    for _ in range(20):
        kind, answering.answer = answer_of(random)
        proxy = None if kind == "server" else f"{kind}://{answering.authority}"
        await by_aio(f"ws://{answering.authority}/", proxy)


async def test_an_error_page_of_a_proxy_in_front_of_the_server_is_tried_again(answering: Answering) -> None:
    answering.answer = b"HTTP/1.0 503 Service Unavailable\r\nConnection: close\r\n\r\n<html>no</html>"
    connector = aio.connect(
        f"ws://{answering.authority}/", backoff=Backoff(first_delay=0.001, max_delay=0.001, max_attempts=4)
    )

    async def connect() -> None:
        async for connection in connector:
            raise AssertionError(connection)

    with pytest.raises(exceptions.InvalidStatus) as caught:
        await connect()
    assert connector.reconnection.attempts == 4
    assert caught.value.response.status_code == 503
    assert caught.value.response.reason_phrase == "Service Unavailable"
    assert caught.value.response.body == b"<html>no</html>"


def test_a_polled_peer_has_the_page_too(answering: Answering) -> None:
    answering.answer = b"HTTP/1.0 503 Service Unavailable\r\nRetry-After: 5\r\n\r\n<html>no</html>"
    peer = WebSocketPeer()
    peer.connect_to_url(f"ws://{answering.authority}/")
    pump(peer, until=lambda: peer.close_cause)
    cause: Any = peer.close_cause
    assert isinstance(cause, HandshakeError)
    assert (cause.status, cause.headers, cause.body) == (503, (("Retry-After", "5"),), b"<html>no</html>")
