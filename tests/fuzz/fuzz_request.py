"""Requests: the path that a program judges is the one that the peer shows, for any request line, Host and fields."""

from __future__ import annotations

from urllib.parse import urlsplit

import atheris

with atheris.instrument_imports(include=["pyws_browser.wire"]):
    from pyws_browser.protocol.url import WebSocketURL
    from pyws_browser.wire.handshake import ServerHandshake
    from pyws_browser.wire.request import Problem, parse_request

from tests.fuzz.target import run

REQUEST = (
    b"GET %b HTTP/1.1\r\nHost: %b\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n%b\r\n"
)
SINGLE = ("Host", "Origin", "Authorization", "Sec-WebSocket-Key", "Sec-WebSocket-Version", "Content-Length")


def judge(head: bytes) -> None:
    asked = parse_request(head)
    if isinstance(asked, Problem):
        if asked.status not in (400, 405, 414, 431, 505) or not asked.why.isprintable():
            raise RuntimeError(f"{head!r} is refused by {asked}")
        return
    path, headers = asked.request.path, asked.request.headers
    if not (path.startswith("/") and path.isascii() and path.isprintable()) or " " in path:
        raise RuntimeError(f"{path!r} is judged")
    shown = urlsplit(str(WebSocketURL("ws", asked.host, 80 if asked.port is None else asked.port, path)))
    query = f"?{shown.query}" if shown.query or path.endswith("?") else ""
    is_same = shown.path + query == path and (shown.hostname or "") == asked.host
    if not is_same or shown.fragment or shown.username is not None:
        raise RuntimeError(f"{path!r} at {asked.host!r} is judged, {shown} is shown")
    if any(len(headers.get_all(name)) > 1 for name in SINGLE):
        raise RuntimeError(f"{headers} are judged")
    for name in headers:
        if not isinstance(headers.get(name), str) or any(c in headers[name] for c in "\r\n\0\x1b"):
            raise RuntimeError(f"{headers!r} are judged")


def show(head: bytes) -> None:
    """See to it that what a whole handshake keeps is what was judged."""
    server = ServerHandshake()
    if server.receive(head) is None or server.request is None:
        return
    if (server.path, server.request.path) != (server.messages[0].path, server.path):
        raise RuntimeError(f"{server.path!r} is shown, {server.messages[0].path!r} was judged")


def fuzz_one_input(data: bytes) -> None:
    if not data:
        return
    kind, data = data[0] % 4, data[1:]
    parts = data.split(b"\0", 2)
    if kind == 0:
        head = data + b"\r\n\r\n"
    elif kind == 1:
        head = REQUEST % (data, b"game.example", b"")
    elif kind == 2:
        head = REQUEST % (b"/public", data, b"")
    else:
        target, host, fields = (*parts, b"", b"")[:3]
        head = REQUEST % (target or b"/", host or b"a", fields)
    head = head.partition(b"\r\n\r\n")[0] + b"\r\n\r\n"
    judge(head)
    show(head)


SEEDS = [
    b"\x00GET /a?b HTTP/1.1\r\nHost: a:80",
    b"\x00HEAD / HTTP/1.0",
    b"\x01/x/../admin",
    b"\x01/.%2e/admin?",
    b"\x01//evil.example/a",
    b"\x01http://game.example/a?b",
    b"\x01ws://game.example",
    b"\x01http://user@game.example:80/",
    b"\x01/ad\tmin",
    b"\x01/admin#",
    b"\x01\\admin",
    b"\x02a/admin?",
    b"\x02GAME.example:8000",
    b"\x02user@a",
    b"\x02a:1:2",
    b"\x02",
    b"\x02[::1]:80",
    b"\x02[fe80::1%25eth0]",
    b"\x02[::ffff:1.2.3.4]",
    b"\x02b\xfccher.example",
    b"\x02a%2fb",
    b"\x03/\0a\0Cookie: a\r\ncookie: b\r\nX: \xff\r\n",
    b"\x03/\0a\0Host: b\r\n",
    b"\x03/\0a\0Authorization: a\r\nAuthorization: b\r\n",
    b"\x03/\0a\0X: a\r\n b\r\n",
]

if __name__ == "__main__":
    run(fuzz_one_input, SEEDS)
