"""Parses the bytes that a client library sends (a request, then masked frames), and makes frames for it.

It is a small parser for libraries that keep to the protocol. `pyws_browser.wire` has the strict parser for untrusted
peers, which pages do not need.
"""

from __future__ import annotations

import base64
import hashlib
import sys
from struct import Struct
from typing import TYPE_CHECKING, Final, NamedTuple

from ..errors import RemoteProtocolError

if TYPE_CHECKING:
    from collections.abc import Iterator

CONTINUATION: Final = 0x0
TEXT: Final = 0x1
BINARY: Final = 0x2
CLOSE: Final = 0x8
PING: Final = 0x9
PONG: Final = 0xA

_FIN: Final = 0x80
_RESERVED: Final = 0x70
_OPCODES: Final = frozenset((CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG))
_ACCEPT_GUID: Final = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455 §4.2.2
_MAX_HEAD: Final = 64 * 1024

_short: Final = Struct("!BB").pack
_medium: Final = Struct("!BBH").pack
_long: Final = Struct("!BBQ").pack


class HTTPRequest(NamedTuple):
    """The head of a request."""

    method: str
    target: str
    headers: list[tuple[str, str]]

    def get(self, name: str) -> str:
        """Return the values of a header, joined by commas; "" if there is none."""
        return ", ".join(value for key, value in self.headers if key.lower() == name)

    @property
    def is_upgrade(self) -> bool:
        """Whether it requests a WebSocket."""
        return self.method == "GET" and self.get("upgrade").lower() == "websocket"


def read_request(data: bytes) -> tuple[HTTPRequest, bytes] | None:
    """Return the request and the bytes after it, None while its head is not complete.

    Raises RemoteProtocolError for bytes that are not HTTP.
    """
    head, end, rest = data.partition(b"\r\n\r\n")
    if not end:
        if len(data) > _MAX_HEAD or not data[:1].isalpha():
            raise RemoteProtocolError("no HTTP request")
        return None
    first, *lines = head.decode("latin-1").split("\r\n")
    parts = first.split(" ")
    if len(parts) != 3 or not parts[2].startswith("HTTP/1"):
        raise RemoteProtocolError("no HTTP request")
    pairs = [line.partition(":") for line in lines]
    return HTTPRequest(parts[0], parts[1], [(name.strip(), value.strip()) for name, _, value in pairs]), rest


def answer(request: HTTPRequest, subprotocol: str) -> bytes:
    """Return the answer that accepts a request for a WebSocket."""
    digest = hashlib.sha1(request.get("sec-websocket-key").encode() + _ACCEPT_GUID)  # noqa: S324  RFC 6455 says so
    lines = [
        "HTTP/1.1 101 Switching Protocols",
        "Upgrade: websocket",
        "Connection: Upgrade",
        f"Sec-WebSocket-Accept: {base64.b64encode(digest.digest()).decode()}",
        *([f"Sec-WebSocket-Protocol: {subprotocol}"] if subprotocol else []),
    ]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


def frame(opcode: int, payload: bytes) -> bytes:
    """Return a whole frame as a server sends it."""
    size = len(payload)
    if size < 126:
        head = _short(_FIN | opcode, size)
    elif size < 0x10000:
        head = _medium(_FIN | opcode, 126, size)
    else:
        head = _long(_FIN | opcode, 127, size)
    return head + payload


class ClientFrames:
    """Turns the bytes of a library into messages and control frames."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._parts: list[bytes] = []
        self._kind = CONTINUATION

    def feed(self, data: bytes) -> Iterator[tuple[int, bytes]]:
        """Yield what is complete: TEXT, BINARY or a control opcode, and the payload of the whole message.

        Raises RemoteProtocolError for frames that a client may not send.
        """
        self._buffer += data
        while (found := self._next()) is not None:
            first, payload = found
            opcode = first & 0x0F
            if first & _RESERVED or opcode not in _OPCODES:
                raise RemoteProtocolError(f"the library sent a frame that begins with {first:#04x}")
            if opcode >= CLOSE:
                yield opcode, payload
                continue
            if opcode != CONTINUATION:
                self._kind = opcode
            if first & _FIN and not self._parts:
                yield self._kind, payload
                continue
            self._parts.append(payload)
            if first & _FIN:
                whole, self._parts = b"".join(self._parts), []
                yield self._kind, whole

    def _next(self) -> tuple[int, bytes] | None:
        """Remove the next frame from the buffer; return its first byte and its payload."""
        buffer = self._buffer
        if len(buffer) < 2:
            return None
        size, start = buffer[1] & 0x7F, 2
        if size > 125:
            start = 4 if size == 126 else 10
            if len(buffer) < start:
                return None
            size = int.from_bytes(buffer[2:start], "big")
        if not buffer[1] & 0x80:
            raise RemoteProtocolError("the library sent a frame without a mask")
        end = start + 4 + size
        if len(buffer) < end:
            return None
        key, masked, first = bytes(buffer[start : start + 4]), bytes(buffer[start + 4 : end]), buffer[0]
        del buffer[:end]
        return first, unmasked(masked, key)


def unmasked(payload: bytes, key: bytes) -> bytes:
    """Return a payload without its mask (RFC 6455 §5.3)."""
    size = len(payload)
    if key == b"\0\0\0\0":
        return payload
    mask = int.from_bytes((key * (size // 4 + 1))[:size], sys.byteorder)
    return (int.from_bytes(payload, sys.byteorder) ^ mask).to_bytes(size, sys.byteorder)
