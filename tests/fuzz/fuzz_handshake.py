"""The opening handshakes of both sides, and of proxies: a proper answer, or the error that is meant for it."""

from __future__ import annotations

import base64
import hashlib

import atheris

with atheris.instrument_imports(include=["pyws_browser.wire"]):
    from pyws_browser.errors import HandshakeError, ProxyError
    from pyws_browser.protocol.compression import Compression
    from pyws_browser.protocol.url import parse_url
    from pyws_browser.wire.handshake import ClientHandshake, ServerHandshake
    from pyws_browser.wire.head import MAX_HEAD_BYTES
    from pyws_browser.wire.proxy import Proxy
    from pyws_browser.wire.tunnel import tunnel_through

from tests.fuzz.target import cut, run

URL = parse_url("ws://game.example/")
ACCEPT = b"ACCEPT"


def serve(pieces: list[bytes]) -> tuple[object, ...] | None:
    server = ServerHandshake(("chat", "game"), (), Compression(), origins=("https://game.example", None))
    for number, piece in enumerate(pieces):
        rest = server.receive(piece)
        if rest is None:
            continue
        status = int(server.response[9:12])
        if (status == 101) == (server.failure is not None) or b"\r\n\r\n" not in server.response:
            raise RuntimeError(f"{server.response!r} with {server.failure}")
        rest = rest + b"".join(pieces[number + 1 :]) if status == 101 else b""
        if status >= 400:  # which of several faults is named depends on what came first
            return ("rejected",)
        return status, server.path, server.subprotocol, server.deflate, rest
    return None


def connect(pieces: list[bytes]) -> tuple[object, ...] | None:
    client = ClientHandshake(URL, ("chat", "game"), (), Compression())
    key = client.request.partition(b"Sec-WebSocket-Key: ")[2].partition(b"\r\n")[0]
    accept = base64.b64encode(hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest())
    try:
        for piece in pieces:
            rest = client.receive(piece.replace(ACCEPT, accept))
            if rest is not None:
                return client.subprotocol, client.deflate
    except HandshakeError as exc:
        return exc.status, exc.headers
    return (client.receive_eof().status,)


def pass_proxy(scheme: str, pieces: list[bytes]) -> object:
    tunnel = tunnel_through(Proxy(scheme, "proxy.example", 1, "user", "word"), "game.example", 80)
    try:
        return any(tunnel.receive(piece) for piece in pieces)
    except ProxyError as exc:
        return exc.status


def fuzz_one_input(data: bytes) -> None:
    if len(data) < 4:
        return
    kind, sizes, data = data[0] % 4, data[1:4], data[4:]
    pieces = cut(data, sizes)
    if kind == 0:
        whole, parts = serve([data]), serve(pieces)
        if whole != parts and len(data) <= MAX_HEAD_BYTES:
            raise RuntimeError(f"{whole} as one, {parts} in pieces")
    elif kind == 1:
        connect(pieces)
    else:
        pass_proxy(("http", "socks5")[kind - 2], pieces)


SEEDS = [
    b"\x00\x10\x10\x10GET /a?b HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\nOrigin: https://game.example\r\n"
    b"Sec-WebSocket-Protocol: game\r\n"
    b"Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits=10\r\n\r\n\x81",
    b"\x00\x10\x10\x10\x00 is no method HTTP/1.1\r\nHost: a\r\n",
    b"\x00\x10\x10\x10POST / HTTP/1.0\r\nX:\r\n y\r\nContent-Length: 1\r\n\r\nx",
    b"\x01\x10\x10\x10HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Accept: ACCEPT\r\nSec-WebSocket-Protocol: game\r\n"
    b"Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=10\r\n\r\n",
    b"\x01\x10\x10\x10HTTP/1.1 403 No\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
    b"\x02\x10\x10\x10HTTP/1.1 407 Who\r\nProxy-Authenticate: Basic\r\n\r\n",
    b"\x02\x10\x10\x10HTTP/1.0 200 OK\r\n\r\n",
    b"\x03\x01\x01\x01\x05\x02\x01\x00\x05\x00\x00\x03\x04here\x00\x50",
]

if __name__ == "__main__":
    run(fuzz_one_input, SEEDS)
