"""Answers that a client may get of servers and proxies: proper ones, mutated ones, and junk.

``python -m tests.fuzz.answers [COUNT [SEED]]`` has `aio.connect()`, `sync.connect()` and `WebSocketPeer` connect to a
server, or through a proxy, that gives them, and fails at an error that is not documented.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import socket
import sys
import threading
import time
import traceback
from collections import Counter
from contextlib import suppress
from random import Random

from pyws_browser import WebSocketPeer, aio, sync
from pyws_browser.errors import ConnectError, WebSocketError
from pyws_browser.protocol.vocabulary import State

ACCEPT = b"ACCEPT"
KINDS = ("server", "http", "socks5")
DOCUMENTED = (aio.InvalidHandshake, aio.InvalidURI, OSError)
"""What `connect()` raises if the answer was not the right one; TimeoutError is an OSError."""

_UPGRADE = [b"Upgrade: websocket", b"Connection: Upgrade", b"Sec-WebSocket-Accept: ACCEPT"]
_STATUS_LINES = [
    *(b"HTTP/1.1 101 Switching Protocols", b"HTTP/1.0 101 Switching Protocols", b"HTTP/1.1 101", b"HTTP/1.1  101 x"),
    *(b"HTTP/1.0 503 Service Unavailable", b"HTTP/1.1 404 Not Found", b"HTTP/1.1 302 Found", b"HTTP/1.1 200 OK"),
    *(b"HTTP/1.1 407 Who", b"HTTP/1.0 200 Connection established", b"HTTP/1.1 999 ?", b"HTTP/1.1 1000 ?"),
    *(b"HTTP/2 200", b"HTTP/0.9 200 OK", b"<html>", b"ICY 200 OK", b"HTTP/1.1 204 No", b"HTTP/1.1 103 Early"),
    *(b"HTTP/1.1 500 \x1b[2J\x9b\xff", b"HTTP/1.1 -1 x", b"HTTP/1.1 \xd9\xa1\xd9\xa0\xd9\xa1 x", b"", b"\0", b"HTTP/"),
]
_FIELDS = [
    *_UPGRADE,
    *(b"Upgrade: ;", b"Upgrade: websocket, h2c", b"Upgrade:", b"Upgrade: a/b/c", b'Upgrade: "', b"Connection:"),
    *(b"Connection: ,", b"Connection: close", b"Connection: a b", b"Sec-WebSocket-Accept: x", b"Sec-WebSocket-Accept:"),
    *(b"Sec-WebSocket-Extensions: ;;", b"Sec-WebSocket-Extensions:", b"Sec-WebSocket-Extensions: permessage-deflate"),
    *(
        b"Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=%b" % bits
        for bits in (b"99", b"8", b'"')
    ),
    b"Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits=8; client_max_window_bits=8",
    *(b"Sec-WebSocket-Protocol: chat", b"Sec-WebSocket-Protocol:", b"Sec-WebSocket-Protocol: ,", b"Location: /"),
    *(
        b"Location: ws://[::1",
        b"Location: ws://u:p@h:99999/",
        b"Location: \xff\x9b",
        b"Location:",
        b"Location: ftp://h",
    ),
    *(b"Transfer-Encoding: chunked", b"Transfer-Encoding: gzip", b"Transfer-Encoding: ,", b"Content-Length: 3"),
    *(b"Content-Length: 99999999999999999999", b"Content-Length: -1", b"Content-Length: 0", b"Content-Length: 3, 4"),
    *(b"Content-Encoding: gzip", b"X: \x1b[2J", b"X: a\rb", b"X: a\nb", b"X\0: y", b": y", b"no field", b" folded"),
    *(b"X: \xc3\xbc\x9b", b"Proxy-Authenticate: Basic", b"X: " + b"y" * 9000, b"X-Y: z"),
]
_CONTENTS = [
    b"",
    b"abc",
    b"3\r\nabc\r\n0\r\n\r\n",
    b"3\r\nabcx",
    b"\x81\x02hi\x88\x00",
    b"\xff" * 300,
    b"0\r\n" + b"\r" * 9,
]
_SOCKS = [
    b"\x05\x00",
    b"\x05\x02\x01\x00",
    b"\x05\x00\x05\x00\x00\x01" + bytes(6),
    b"\x05\x00\x05\x00\x00\x03\x04here12",
]
_SOCKS += [
    b"\x05\x00\x05\x00\x00\x04" + bytes(18),
    b"\x05\x00\x05\x05\x00\x01",
    b"\x05\xff",
    b"\x04\x00",
    b"\x05\x00\x05\0\0\7",
]
_INTERESTING = [
    b"\r\n",
    b"\r\n\r\n",
    b"\n",
    b"\r",
    b"\0",
    b"\x1b",
    b":",
    b",",
    b";",
    b'"',
    b"=",
    b" ",
    b"\xff",
    b"\x9b",
]


def answer_of(random: Random) -> tuple[str, bytes]:
    """Return who answers, and what; ACCEPT in it stands for the right key."""
    kind = random.choice(KINDS)
    if kind == "socks5":
        answer = random.choice(_SOCKS) + random.choice([b"", *_CONTENTS])
    else:
        first = _STATUS_LINES[0] if random.random() < 0.4 else random.choice(_STATUS_LINES)
        fields = list(_UPGRADE) if random.random() < 0.8 else []
        for _ in range(random.choice([0, 1, 1, 1, 2, 2, 5, 200])):
            fields.insert(random.randrange(len(fields) + 1), random.choice(_FIELDS))
        answer = b"\r\n".join([first, *fields, b"", b""]) + random.choice(_CONTENTS)
        if random.random() < 0.1:
            answer = random.choice(_INTERESTING) + answer
    for _ in range(random.choice([0, 0, 0, 0, 1, 2, 8])):
        answer = _mutated(answer, random)
    return kind, answer


def _mutated(answer: bytes, random: Random) -> bytes:
    at, end = sorted(random.randrange(len(answer) + 1) for _ in range(2))
    return random.choice(
        [
            answer[:at],
            answer[:at] + answer[end:],
            answer[:at] + random.choice(_INTERESTING) + answer[at:],
            answer[:at] + random.randbytes(random.randrange(4)) + answer[at + 1 :],
            answer[:end] + answer[at:end] * random.choice([1, 2, 50]) + answer[end:],
        ]
    )


def filled_in(answer: bytes, request: bytes) -> bytes:
    """Return the answer with the right key for this request."""
    key = request.partition(b"Sec-WebSocket-Key: ")[2].partition(b"\r\n")[0]
    accept = base64.b64encode(hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest())
    return answer.replace(ACCEPT, accept)


def check_cause(cause: WebSocketError | None) -> None:
    """Raise AssertionError unless it is what `close_cause` may be if no connection came about."""
    assert isinstance(cause, ConnectError), repr(cause)
    assert str(cause).isprintable(), repr(cause)
    assert len(str(cause)) < 1000, repr(cause)
    for name, value in getattr(cause, "headers", ()):
        assert name.isprintable(), repr(cause)
        assert not set(value) & set("\r\n\0\x1b"), repr(value)


def check_error(error: Exception) -> None:
    """Raise AssertionError unless it is what `connect()` is documented to raise for an answer."""
    assert isinstance(error, DOCUMENTED), repr(error)
    assert isinstance(error, WebSocketError), repr(error)
    assert "".join(traceback.format_exception(error)).replace("\n", "").isprintable(), repr(error)
    assert len(str(error)) < 1000, repr(error)
    assert "u:p@" not in str(error) + repr(error), repr(error)


class Answering:
    """A server, and a proxy, whose next answer is said before each connection; it runs in a thread."""

    def __init__(self) -> None:
        self.answer = b""
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.authority: str = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def close(self) -> None:
        """End the thread."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._listener.close()

    def _serve(self) -> None:
        with suppress(OSError):  # the end
            while True:
                client, _ = self._listener.accept()
                with client, suppress(OSError):
                    client.settimeout(5)
                    request = client.recv(65536)
                    client.sendall(filled_in(self.answer, request))
                    client.shutdown(socket.SHUT_WR)
                    while client.recv(65536):
                        pass


def by_peer(url: str, proxy: str | None) -> str:
    """Connect a `WebSocketPeer`, and return what came of it."""
    peer = WebSocketPeer(web_limits=False)
    peer.handshake_timeout = 2
    peer.supported_protocols = ("chat",)
    peer.proxy = proxy
    peer.connect_to_url(url)
    while peer.ready_state in (State.CONNECTING, State.CLOSING):
        peer.poll()
        time.sleep(0)
    if peer.ready_state is State.OPEN:
        peer.abort()
        return "OPEN"
    if peer.close_cause is None or not isinstance(peer.close_cause, ConnectError):
        return f"OPEN, {type(peer.close_cause).__name__}"
    check_cause(peer.close_cause)
    return type(peer.close_cause).__name__


def by_sync(url: str, proxy: str | None) -> str:
    """Connect by `sync`, which takes no proxy."""
    try:
        sync.connect(url, open_timeout=2, close_timeout=0.01, subprotocols=["chat"]).close()
    except Exception as exc:
        check_error(exc)
        return type(exc).__name__
    return "OPEN"


async def by_aio(url: str, proxy: str | None) -> str:
    """Connect by `aio`."""
    try:
        async with aio.connect(url, proxy=proxy, open_timeout=2, close_timeout=0.01, subprotocols=["chat"]):
            return "OPEN"
    except Exception as exc:
        check_error(exc)
        return type(exc).__name__


def main(count: int = 20_000, seed: int = 0) -> None:
    """Try so many answers, and print what came of them."""
    results: dict[str, Counter[str]] = {}
    answering = Answering()
    random = Random(seed)
    with asyncio.Runner() as runner:
        try:
            for number in range(count):
                kind, answering.answer = answer_of(random)
                url = f"ws://{answering.authority}/"
                proxy = None if kind == "server" else f"{kind}://{answering.authority}"
                way = ("aio", "peer", "sync")[number % 3]
                if way == "aio":
                    result = runner.run(by_aio(url, proxy))
                elif way == "sync" and proxy is None:
                    result = by_sync(url, None)
                else:
                    result = by_peer(url, proxy)
                results.setdefault(f"{way} {kind}", Counter())[result] += 1
        except BaseException:
            print(f"number {number}, {kind}: {answering.answer!r}", file=sys.stderr)
            raise
        finally:
            answering.close()
    for way, counts in sorted(results.items()):
        print(way, dict(counts.most_common()))


if __name__ == "__main__":
    main(*map(int, sys.argv[1:3]))
