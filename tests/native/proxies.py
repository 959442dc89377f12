"""Little proxies on loopback: for HTTP CONNECT, for SOCKS5, and one that says what it is told."""

from __future__ import annotations

import base64
import select
import socket
import ssl
import struct
import threading
from collections.abc import Callable
from contextlib import suppress

from ..support import LIMIT

Conversation = Callable[["Proxy", socket.socket], socket.socket | None]


class Proxy:
    """Listens in a thread; a conversation with each client gives the socket to relay to, or None to hang up."""

    def __init__(
        self, converse: Conversation, *, names: dict[str, str] | None = None, tls: ssl.SSLContext | None = None
    ):
        self.asked: list[tuple[str, int]] = []
        self.credentials: list[tuple[str, str]] = []
        self._converse = converse
        self._names = names or {}
        self._tls = tls
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(0.05)
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._serve, name="proxy")
        self._thread.start()

    @property
    def authority(self) -> str:
        return f"127.0.0.1:{self._listener.getsockname()[1]}"

    def close(self) -> None:
        self._is_over.set()
        self._thread.join(LIMIT)
        assert not self._thread.is_alive()
        self._listener.close()

    def connect(self, host: str, port: int) -> socket.socket:
        """Connect to where a client wants to be; names are known to the proxy alone."""
        self.asked.append((host, port))
        return socket.create_connection((self._names.get(host, host), port), LIMIT)

    def _serve(self) -> None:
        while not self._is_over.is_set():
            try:
                client, _ = self._listener.accept()
            except TimeoutError:
                continue
            client.settimeout(LIMIT)
            with client, suppress(OSError):
                if self._tls is None:
                    self._look_after(client)
                else:
                    with self._tls.wrap_socket(client, server_side=True) as secured:
                        self._look_after(secured)

    def _look_after(self, client: socket.socket) -> None:
        server = self._converse(self, client)
        if server is not None:
            with server:
                self._relay(client, server)

    def _relay(self, client: socket.socket, server: socket.socket) -> None:
        ways = {client: server, server: client}
        while not self._is_over.is_set():
            for source in select.select(list(ways), [], [], 0.05)[0]:
                data = source.recv(65536)
                if not data:
                    return
                ways[source].sendall(data)
                while isinstance(source, ssl.SSLSocket) and source.pending():
                    ways[source].sendall(source.recv(65536))


def read_head(sock: socket.socket) -> bytes:
    head = b""
    while b"\r\n\r\n" not in head:
        piece = sock.recv(4096)
        if not piece:
            raise ConnectionError("the client left")
        head += piece
    return head


def read(sock: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        piece = sock.recv(size - len(data))
        if not piece:
            raise ConnectionError("the client left")
        data += piece
    return data


def http_connect(user: str = "", password: str = "") -> Conversation:
    """Answer CONNECT; want a password if there is one."""

    def converse(proxy: Proxy, client: socket.socket) -> socket.socket | None:
        lines = read_head(client).decode().split("\r\n")
        method, target, version = lines[0].split(" ")
        fields = dict(line.split(": ", 1) for line in lines[1:] if line)
        assert (method, version, fields["Host"]) == ("CONNECT", "HTTP/1.1", target)
        given = fields.get("Proxy-Authorization", "")
        if given:
            name, _, word = base64.b64decode(given.removeprefix("Basic ")).decode().partition(":")
            proxy.credentials.append((name, word))
        if user and proxy.credentials[-1:] != [(user, password)]:
            client.sendall(b"HTTP/1.1 407 Who Are You\r\nProxy-Authenticate: Basic\r\nContent-Length: 0\r\n\r\n")
            return None
        host, _, port = target.rpartition(":")
        try:
            server = proxy.connect(host.strip("[]"), int(port))
        except OSError:
            client.sendall(b"HTTP/1.1 502 Bad Gateway\r\n\r\n")
            return None
        client.sendall(b"HTTP/1.1 200 Connection established\r\nVia: test\r\n\r\n")
        return server

    return converse


def socks5(user: str = "", password: str = "") -> Conversation:
    """Answer as RFC 1928 has it; want a password if there is one (RFC 1929)."""

    def converse(proxy: Proxy, client: socket.socket) -> socket.socket | None:
        version, count = read(client, 2)
        methods = read(client, count)
        assert version == 5
        wanted = 2 if user else 0
        if wanted not in methods:
            client.sendall(b"\x05\xff")
            return None
        client.sendall(bytes((5, wanted)))
        if user:
            _, size = read(client, 2)
            name = read(client, size).decode()
            word = read(client, read(client, 1)[0]).decode()
            proxy.credentials.append((name, word))
            is_right = (name, word) == (user, password)
            client.sendall(bytes((1, 0 if is_right else 1)))
            if not is_right:
                return None
        _, command, _, kind = read(client, 4)
        assert command == 1
        if kind == 3:
            host = read(client, read(client, 1)[0]).decode()
        else:
            family, size = (socket.AF_INET, 4) if kind == 1 else (socket.AF_INET6, 16)
            host = socket.inet_ntop(family, read(client, size))
        (port,) = struct.unpack("!H", read(client, 2))
        try:
            server = proxy.connect(host, port)
        except OSError:
            client.sendall(b"\x05\x05\x00\x01" + bytes(6))
            return None
        for byte in b"\x05\x00\x00\x03\x04here\x12\x34":  # a reply may come in pieces
            client.sendall(bytes((byte,)))
        return server

    return converse


def script(*answers: bytes, hang: bool = False) -> Conversation:
    """Give these answers, one for everything that the client says; then hang up, or say nothing more."""

    def converse(proxy: Proxy, client: socket.socket) -> socket.socket | None:
        for answer in answers:
            assert client.recv(4096)
            client.sendall(answer)
        while hang and client.recv(4096):
            pass
        return None

    return converse
