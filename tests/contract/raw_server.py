"""A server of plain sockets for what a proper one never does: silence, refusals and broken frames."""

from __future__ import annotations

import base64
import hashlib
import socket
import socketserver
import struct
import threading

_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

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


class _Connection(socketserver.BaseRequestHandler):
    server: RawServer

    def handle(self) -> None:
        request = b""
        while b"\r\n\r\n" not in request:
            data = self.request.recv(4096)
            if not data:
                return
            request += data
        path = request.split(b" ", 2)[1].decode()
        if path == "/silent":
            self.server.ended.wait()
        elif path == "/forbidden":
            self.request.sendall(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 7\r\nConnection: close\r\n\r\nnot you")
        else:
            self.request.sendall(_upgrade(request))
            self._behave(path)

    def _behave(self, path: str) -> None:
        if path == "/mute":
            self.server.ended.wait()
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
    headers = dict(line.split(b": ", 1) for line in request.split(b"\r\n")[1:] if b": " in line)
    key = {name.lower(): value for name, value in headers.items()}[b"sec-websocket-key"]
    accept = base64.b64encode(hashlib.sha1(key + _GUID).digest())
    return (
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n"
    )
