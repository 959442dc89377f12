"""A server of plain sockets for what a proper one never does: silence, refusals and broken frames."""

from __future__ import annotations

import base64
import hashlib
import socket
import socketserver
import struct
import threading
import time
from contextlib import suppress

from ..web_platform.table import DEFLATE_ANSWERS

SLOW_SIZE = 6 * 1024 * 1024
SLOW_TIME = 2.0
"""Bytes that `/slow` takes in slowly, and the seconds that it needs for them at least."""

_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

_HANDSHAKE = b"Upgrade: websocket\r\nConnection: Upgrade\r\n"

_BROKEN = {
    "/bad-utf8": b"\x81\x02\xc3\x28",
    "/reserved-bit": b"\xc1\x01x",
    "/masked": b"\x81\x81\x01\x02\x03\x04y",
    "/unknown-opcode": b"\x83\x01x",
    "/long-ping": b"\x89\x7e\x00\x7e" + b"x" * 126,
    "/lonely-continuation": b"\x80\x01x",
    "/bad-close-code": b"\x88\x02\x03\xed",
    "/half-a-close-code": b"\x88\x01\x03",
}

_ANSWERS = {
    "/wrong-accept": (b"101 Switching Protocols", _HANDSHAKE + b"Sec-WebSocket-Accept: bm90IHRoaXMgb25lISEhISE=\r\n"),
    "/no-accept": (b"101 Switching Protocols", _HANDSHAKE),
    "/no-upgrade": (b"101 Switching Protocols", b"Connection: Upgrade\r\n{accept}"),
    "/no-connection": (b"101 Switching Protocols", b"Upgrade: websocket\r\n{accept}"),
    "/other-upgrade": (b"101 Switching Protocols", b"Upgrade: h2c\r\nConnection: Upgrade\r\n{accept}"),
    "/mixed-case": (b"101 Welcome", b"uPGRADE: WebSocket\r\nCONNECTION: keep-alive, UPGRADE\r\n{accept}"),
    "/plain-200": (b"200 OK", b"Content-Length: 0\r\nConnection: close\r\n{accept}"),
    "/not-found": (b"404 Not Found", b"Content-Length: 0\r\nConnection: close\r\n"),
    "/redirect": (b"302 Found", b"Location: /mute\r\nContent-Length: 0\r\nConnection: close\r\n"),
    "/unoffered-protocol": (b"101 Switching Protocols", _HANDSHAKE + b"Sec-WebSocket-Protocol: nobody\r\n{accept}"),
    "/two-protocols": (b"101 Switching Protocols", _HANDSHAKE + b"Sec-WebSocket-Protocol: chat, game\r\n{accept}"),
    "/choose-game": (b"101 Switching Protocols", _HANDSHAKE + b"Sec-WebSocket-Protocol: game\r\n{accept}"),
    "/unoffered-extension": (
        b"101 Switching Protocols",
        _HANDSHAKE + b"Sec-WebSocket-Extensions: x-made-up\r\n{accept}",
    ),
    "/many-fields": (
        b"101 Switching Protocols",
        b"".join(b"X-%d: x\r\n" % number for number in range(1000)) + _HANDSHAKE + b"{accept}",
    ),
    "/long-field": (b"101 Switching Protocols", _HANDSHAKE + b"{accept}X: " + b"x" * 200_000 + b"\r\n"),
    **{
        f"/deflate{number}": (
            b"101 Switching Protocols",
            _HANDSHAKE + b"Sec-WebSocket-Extensions: permessage-deflate" + parameters.encode() + b"\r\n{accept}",
        )
        for number, (parameters, _) in enumerate(DEFLATE_ANSWERS)
    },
    "/set-cookie": (b"101 Switching Protocols", _HANDSHAKE + b"Set-Cookie: a=b\r\n{accept}"),
}
"""Answers to the handshake: the status, and the headers; the connection stays as long as the server."""

_LAST_WORDS = {
    "/empty-close": b"\x88\x00",
    "/close-1000": b"\x88\x02\x03\xe8",
    "/close-1001": b"\x88\x02\x03\xe9",
    "/close-1011": b"\x88\x07\x03\xf3sorry",
    "/close-3000": b"\x88\x02\x0b\xb8",
    "/close-4999": b"\x88\x02\x13\x87",
    "/close-long-reason": b"\x88\x7d\x03\xe8" + b"r" * 123,
    "/close-reason-in-utf8": b"\x88\x07\x03\xe8" + "gr\xfcn".encode(),
    "/close-reason-bad-utf8": b"\x88\x04\x03\xe8\xc3\x28",
    "/close-1004": b"\x88\x02\x03\xec",
    "/close-1015": b"\x88\x02\x03\xf7",
    "/close-999": b"\x88\x02\x03\xe7",
    "/close-5000": b"\x88\x02\x13\x88",
    "/end-of-stream": b"",
    "/message-with-handshake": b"\x81\x05hello\x82\x02\x00\xff\x81\x00\x82\x00\x88\x02\x03\xe8",
    "/message-behind-close": b"\x81\x05hello\x88\x02\x03\xe8\x81\x04late",
    "/ping-and-pong": b"\x8a\x04what\x89\x02hi\x81\x02ok\x88\x02\x03\xe8",
}
"""What is said behind a good handshake; then the client's Close frame is read, and the connection ends."""


class _Connection(socketserver.BaseRequestHandler):
    server: RawServer

    def handle(self) -> None:
        request = b""
        while b"\r\n\r\n" not in request:
            data = self.request.recv(4096)
            if not data:
                return
            request += data
        path, _, query = request.split(b" ", 2)[1].decode().partition("?")
        if path == "/silent":
            self.server.ended.wait()
        elif path == "/forbidden":
            self.request.sendall(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 7\r\nConnection: close\r\n\r\nnot you")
        elif path in _ANSWERS:
            self._answer(request, *_ANSWERS[path])
        elif path in _LAST_WORDS:
            self._greet(request, query)
            self.request.sendall(_LAST_WORDS[path])
            if _LAST_WORDS[path]:
                self._read_until_close()
        else:
            self._greet(request, query)
            self._behave(path)

    def _greet(self, request: bytes, query: str) -> None:
        """Answer the handshake, and with `?go` wait for a message of the client's before anything else is said."""
        self.request.sendall(_upgrade(request))
        if query == "go":
            self._read_frame()

    def _answer(self, request: bytes, status: bytes, headers: bytes) -> None:
        accept = headers.replace(b"{accept}", _accept(request))
        self.request.sendall(b"HTTP/1.1 " + status + b"\r\n" + accept + b"\r\n")
        if status.startswith(b"101"):
            self._wait_for_the_client()

    def _wait_for_the_client(self) -> None:
        """Keep the connection until the client or the server ends."""
        self.request.settimeout(0.2)
        while not self.server.ended.is_set():
            with suppress(TimeoutError):
                if not self.request.recv(1024):
                    return

    def _read_until_close(self) -> None:
        """Read frames, so that no reset follows what was said, until the client's Close frame has come."""
        while True:
            head = self._read(6)
            self._read(head[1] & 0x7F)
            if head[0] & 0x0F == 8:
                return

    def _behave(self, path: str) -> None:
        if path == "/mute":
            self.server.ended.wait()
        elif path == "/late-close":
            self._read_frame()
            time.sleep(0.3)
            self.request.sendall(b"\x88\x02\x0b\xb8")
        elif path == "/slow":
            self._read_slowly()
        elif path == "/fragments":
            self._send_fragments()
        elif path == "/reset-behind-close":
            self.request.sendall(b"\x81\x04fine" + b"\x88\x05\x03\xe8bye")
            self._read_frame()
            self.request.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.request.close()
        else:
            self.request.sendall(b"\x81\x04fine" + _BROKEN[path])
            self.request.recv(1024)

    def _read_slowly(self) -> None:
        """Read frames, slowly until SLOW_SIZE bytes have come, then fast; answer pings and the Close.

        What a kernel holds back of a message by itself comes to less than the rest.
        """
        self.request.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 * 1024)
        taken = 0
        while True:
            head = self._read(2)
            length = head[1] & 0x7F
            if length >= 126:
                length = int.from_bytes(self._read(2 if length == 126 else 8), "big")
            mask = self._read(4)
            if head[0] & 0x08:
                payload = bytes(byte ^ mask[index % 4] for index, byte in enumerate(self._read(length)))
                is_close = head[0] & 0x0F == 8
                self.request.sendall((b"\x88" if is_close else b"\x8a") + bytes((length,)) + payload)
                if is_close:
                    return
                continue
            while length:
                piece = self.request.recv(min(length, 64 * 1024))
                if not piece:
                    raise ConnectionError("the client left early")
                length -= len(piece)
                taken += len(piece)
                if taken < SLOW_SIZE:
                    time.sleep(SLOW_TIME * len(piece) / SLOW_SIZE)

    def _send_fragments(self) -> None:
        text = "grün und gut".encode()
        self.request.sendall(b"\x01\x03" + text[:3] + b"\x89\x00" + b"\x00\x02" + text[3:5])
        self.request.sendall(b"\x89\x0dare you there" + b"\x80" + bytes((len(text) - 5,)) + text[5:])
        self.request.sendall(b"\x02\x04one " + b"\x00\x00" + b"\x00\x04two " + b"\x80\x05three")
        self._read_frame()  # the pong of the empty ping
        answer = b"pong: " + self._read_frame()
        self.request.sendall(b"\x81" + bytes((len(answer),)) + answer + b"\x88\x02\x03\xe8")
        self._read_frame()

    def _read_frame(self) -> bytes:
        head = self._read(6)
        payload = self._read(head[1] & 0x7F)
        return bytes(byte ^ head[2 + index % 4] for index, byte in enumerate(payload))

    def _read(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            piece = self.request.recv(size - len(data))
            if not piece:
                raise ConnectionError("the client left early")
            data += piece
        return data


class RawServer(socketserver.ThreadingTCPServer):
    """Answers each connection in a thread of its own; leaving the `with` block ends them all."""

    daemon_threads = False

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Connection)
        self.ended = threading.Event()
        self.port: int = self.server_address[1]
        self._thread = threading.Thread(target=self.serve_forever, args=(0.05,))

    def __enter__(self) -> RawServer:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.ended.set()
        self.shutdown()
        self._thread.join()
        self.server_close()

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that resets the connection is one of the things under test."""


def _upgrade(request: bytes) -> bytes:
    return b"HTTP/1.1 101 Switching Protocols\r\n" + _HANDSHAKE + _accept(request) + b"\r\n"


def _accept(request: bytes) -> bytes:
    headers = dict(line.split(b": ", 1) for line in request.split(b"\r\n")[1:] if b": " in line)
    key = {name.lower(): value for name, value in headers.items()}[b"sec-websocket-key"]
    accept = base64.b64encode(hashlib.sha1(key + _GUID).digest())
    return b"Sec-WebSocket-Accept: " + accept + b"\r\n"
