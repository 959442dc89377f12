"""Asks a proxy for a connection: HTTP CONNECT (RFC 9110 §9.3.6) and SOCKS5 (RFC 1928, RFC 1929).

No I/O: send `to_send` next, and pass received bytes to `receive()`. The proxy resolves names.
"""

from __future__ import annotations

import re
from base64 import b64encode
from ipaddress import ip_address
from typing import TYPE_CHECKING, Final, Protocol

from ..errors import ProxyError
from ..protocol.display import printable
from .head import MAX_HEAD_BYTES, fields_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from .proxy import Proxy

_END_OF_HEAD: Final = b"\r\n\r\n"
_MAX_NAME: Final = 255  # bytes (RFC 1928 §5)
_STATUS_LINE: Final = re.compile(r"HTTP/1\.[01] [1-5][0-9]{2}( |$)")


class Tunnel(Protocol):
    """A conversation with a proxy."""

    to_send: bytes

    def receive(self, data: bytes) -> bool:
        """Read bytes; return whether the proxy has connected us. Raises ProxyError if it does not."""


def tunnel_through(proxy: Proxy, host: str, port: int) -> Tunnel:
    """Return the conversation that requests a connection to `host` and `port` from this proxy."""
    kind = SOCKSTunnel if proxy.scheme == "socks5" else HTTPTunnel
    return kind(proxy, host, port)


class HTTPTunnel:
    """A request with the method CONNECT."""

    def __init__(self, proxy: Proxy, host: str, port: int) -> None:
        target = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        lines = [f"CONNECT {target} HTTP/1.1", f"Host: {target}"]
        if proxy.username or proxy.password:
            credentials = b64encode(f"{proxy.username}:{proxy.password}".encode()).decode()
            lines.append(f"Proxy-Authorization: Basic {credentials}")
        self._proxy = proxy
        self._received = b""
        self._interim_size = 0
        self.to_send: bytes = "\r\n".join([*lines, "", ""]).encode()

    def receive(self, data: bytes) -> bool:
        """Read bytes; return whether the proxy has connected us. Raises ProxyError if it does not."""
        self._received += data
        while True:
            head, end, rest = self._received.partition(_END_OF_HEAD)
            self._interim_size += len(head) if end else 0
            if max(len(head), self._interim_size) > MAX_HEAD_BYTES or not b"HTTP/1."[: len(head)] == head[:7]:
                raise self._malformed() from ValueError("no HTTP")
            if not end:
                return False
            lines = head.decode("latin-1").split("\r\n")
            if not _STATUS_LINE.match(lines[0]):
                raise self._malformed() from ValueError("no HTTP")
            status_line = lines[0].partition(" ")[2]
            status = status_line[:3]
            if not status.startswith("1"):  # an interim answer, which another one follows (RFC 9110 §15.2)
                break
            self._received = rest
        if not status.startswith("2"):
            advice = ": put user:password@ before the host of its URL" if status == "407" else ""
            raise ProxyError(
                f"the proxy {self._proxy} refused: HTTP {printable(status_line)}{advice}",
                int(status),
                fields_of(lines[1:]),
            )
        if rest:
            raise ProxyError(f"the proxy {self._proxy} connects to something that speaks before it is asked")
        return True

    def _malformed(self) -> ProxyError:
        return ProxyError(f"the answer of the proxy {self._proxy} is not HTTP: is it another kind of proxy?")


class SOCKSTunnel:
    """A greeting, a password if the proxy wants one, and a request."""

    def __init__(self, proxy: Proxy, host: str, port: int) -> None:
        self._proxy = proxy
        self._request = b"\x05\x01\x00" + _socks_address(host) + port.to_bytes(2, "big")
        self._received = b""
        self._next: Callable[[], bool | None] = self._read_method
        has_credentials = bool(proxy.username or proxy.password)
        self._methods = b"\x00\x02" if has_credentials else b"\x00"
        self.to_send: bytes = bytes((5, len(self._methods))) + self._methods

    def receive(self, data: bytes) -> bool:
        """Read bytes; return whether the proxy has connected us. Raises ProxyError if it does not."""
        self._received += data
        while (is_connected := self._next()) is False:
            pass
        if is_connected and self._received:
            raise ProxyError(f"the proxy {self._proxy} connects to something that speaks before it is asked")
        return bool(is_connected)

    # Each returns True at the end, False to go on with the next, None to wait for more bytes.

    def _read_method(self) -> bool | None:
        answer = self._take(2)
        if answer is None:
            return None
        if answer[0] != 5:
            raise ProxyError(f"the proxy {self._proxy} does not speak SOCKS5: is it another kind of proxy?")
        method = answer[1:]
        if method not in self._methods:
            raise ProxyError(
                f"the proxy {self._proxy} wants another authentication than was offered: "
                "put user:password@ before the host of its URL"
            )
        if method == b"\x02":
            name, password = self._proxy.username.encode(), self._proxy.password.encode()
            self.to_send += bytes((1, len(name))) + name + bytes((len(password),)) + password
            self._next = self._read_authentication
        else:
            self.to_send += self._request
            self._next = self._read_reply
        return False

    def _read_authentication(self) -> bool | None:
        answer = self._take(2)
        if answer is None:
            return None
        if answer[1]:
            raise ProxyError(f"the proxy {self._proxy} does not accept this user and password")
        self.to_send += self._request
        self._next = self._read_reply
        return False

    def _read_reply(self) -> bool | None:
        received = self._received
        if received[:1] not in (b"", b"\x05"):
            raise ProxyError(f"the answer of the proxy {self._proxy} is not SOCKS5's")
        if len(received) > 1 and received[1]:
            why = _REPLIES.get(received[1], f"reply {received[1]}")
            raise ProxyError(f"the proxy {self._proxy} could not connect: {why}")
        if len(received) < 5:
            return None
        kind = received[3]
        sizes = {1: 4, 3: 1 + received[4], 4: 16}
        if kind not in sizes:
            raise ProxyError(f"the answer of the proxy {self._proxy} has an address of the unknown kind {kind}")
        return None if self._take(4 + sizes[kind] + 2) is None else True

    def _take(self, size: int) -> bytes | None:
        if len(self._received) < size:
            return None
        taken, self._received = self._received[:size], self._received[size:]
        return taken


_REPLIES: Final = {
    1: "general failure",
    2: "its rules do not allow it",
    3: "the network cannot be reached",
    4: "the host cannot be reached",
    5: "the connection was refused",
    6: "the time to live is over",
    7: "it does not know the command",
    8: "it does not know this kind of address",
}
"""RFC 1928 §6."""


def _socks_address(host: str) -> bytes:
    try:
        address = ip_address(host)
    except ValueError:
        name = host.encode()
        if len(name) > _MAX_NAME:
            raise ProxyError(f"a SOCKS5 proxy takes no name of more than {_MAX_NAME} bytes, as {host} is") from None
        return bytes((3, len(name))) + name
    return bytes((1 if address.version == 4 else 4,)) + address.packed
