"""A server's answer other than an upgrade: its status, its header fields, and the beginning of its content.

It may be HTTP/1.0, as the error pages of proxies often are. Faults in it do not hide its status.
"""

from __future__ import annotations

import re
from math import inf
from typing import Final

from websockets.datastructures import Headers
from websockets.exceptions import InvalidStatus
from websockets.http11 import Response

from ..errors import HandshakeError
from ..protocol.display import printable, without_password
from .head import MAX_LINE_BYTES, fields_of

MAX_BODY_BYTES: Final = 64 * 1024
"""How much of the content is kept for the exception."""

_MAX_LINES: Final = 64 * 1024
"""The most bytes of all lines between chunks."""

_REDIRECTS: Final = (300, 301, 302, 303, 307, 308)
_SUCCESSES: Final = range(200, 300)
_BAD_REQUEST: Final = 400
_NOT_FOUND: Final = 404
_UPGRADE_REQUIRED: Final = 426
_HTTPS_PORT: Final = b"HTTP request was sent to HTTPS port"  # a phrase in nginx's error page
_SHOWN: Final = 200
"""The most characters of a server's text in an error."""

_CHUNK_SIZE: Final = re.compile(rb"([0-9a-fA-F]{1,16})[ \t]*(;.*)?", re.DOTALL)
_LENGTH: Final = re.compile(r"[0-9]{1,18}")
_NO_CONTENT: Final = (204, 304)


class Refusal:
    """Made from a complete head; `receive()` reads the content."""

    def __init__(self, head: bytes) -> None:
        first, *lines = head.decode("latin-1").split("\r\n")[:-2]
        status, _, self._phrase = first.partition(" ")[2].partition(" ")
        self.status: int = int(status)
        self._fields = fields_of(lines)
        self._content = bytearray()
        self._raw = bytearray()
        self._left: float = inf
        """Bytes of the content, or of the current chunk, that are still to come."""
        self._is_chunked = False
        self._is_whole = False
        self._is_over = False
        self._expects_line_end = False
        self._is_in_trailer = False
        self._lines_size = 0
        self._find_length()

    def receive(self, data: bytes) -> bool:
        """Read bytes of the content; return whether enough has come."""
        if not self._is_over and self._is_chunked:
            self._raw += data
            while self._receive_chunk():
                pass
        elif not self._is_over:
            self._take(data)
            if not self._left:
                self._end(is_whole=True)
        if len(self._content) > MAX_BODY_BYTES:
            del self._content[MAX_BODY_BYTES:]
            self._end(is_whole=False)
        return self._is_over

    def receive_eof(self) -> None:
        """Record that the server closed the connection."""
        if not self._is_over:
            self._end(is_whole=self._left == inf and not self._is_chunked)

    @property
    def error(self) -> HandshakeError:
        """The exception from the content received so far."""
        content = bytes(self._content)
        line = f"HTTP {self.status} {printable(self._phrase)}".rstrip()
        error = HandshakeError(
            f"the server refused: {line}{'' if self._is_whole else ' (not all of its content came)'}{self._advice()}",
            self.status,
            self._fields,
            content,
        )
        error.__cause__ = InvalidStatus(Response(self.status, self._phrase, Headers(self._fields), content))
        return error

    def _advice(self) -> str:
        """Return advice after a colon, or "" if the status says it all."""
        location = next((value for field, value in self._fields if field.lower() == "location"), "")
        if self.status in _REDIRECTS and location:
            return f": it sends to {printable(without_password(location), _SHOWN)}, so connect there"
        if self.status in _SUCCESSES or self.status == _NOT_FOUND:
            return ": a web server answered, and there is no WebSocket at this path: is the URL's path right?"
        if self.status == _UPGRADE_REQUIRED:
            return ": something between here and the server took out the upgrade: a proxy has to pass it on"
        if self.status == _BAD_REQUEST and _HTTPS_PORT in self._content:
            return ": the port speaks TLS: is wss: meant?"
        return ""

    def _find_length(self) -> None:
        """Determine how the content ends (RFC 9112 §6.3)."""
        codings = self._values("transfer-encoding")
        lengths = set(self._values("content-length"))
        if self.status in _NO_CONTENT:
            self._end(is_whole=True)
        elif codings:
            self._is_chunked = codings[-1].lower() == "chunked"
            self._left = 0 if self._is_chunked else inf
        elif lengths:
            length = lengths.pop()
            if lengths or not _LENGTH.fullmatch(length):
                self._end(is_whole=False)
                return
            self._left = int(length)
            if not self._left:
                self._end(is_whole=True)

    def _values(self, name: str) -> list[str]:
        values = [value for field, value in self._fields if field.lower() == name]
        return [part.strip(" \t") for value in values for part in value.split(",") if part.strip(" \t")]

    def _take(self, data: bytes | bytearray) -> None:
        taken = data if self._left == inf else data[: int(self._left)]
        self._left -= len(taken)
        self._content += taken[: MAX_BODY_BYTES + 1 - len(self._content)]

    def _receive_chunk(self) -> bool:
        """Parse one part of the chunked coding (RFC 9112 §7.1); return whether to try the next at once."""
        raw = self._raw
        if self._left:
            taken = raw[: int(self._left)]
            del raw[: len(taken)]
            self._take(taken)
            self._expects_line_end = not self._left
            return self._expects_line_end and len(self._content) <= MAX_BODY_BYTES
        end = raw.find(b"\r\n")
        if end < 0:
            if len(raw) > MAX_LINE_BYTES:
                self._end(is_whole=False)
            return False
        line = bytes(raw[:end])
        del raw[: end + 2]
        return self._read_line(line)

    def _read_line(self, line: bytes) -> bool:
        self._lines_size += len(line) + 2
        size = _CHUNK_SIZE.fullmatch(line)
        if self._lines_size > _MAX_LINES:
            self._end(is_whole=False)
        elif self._expects_line_end and not line:
            self._expects_line_end = False
        elif self._is_in_trailer:
            if not line:
                self._end(is_whole=True)
        elif self._expects_line_end or size is None:
            self._end(is_whole=False)
        else:
            self._left = int(size[1], 16)
            self._is_in_trailer = not self._left
        return not self._is_over

    def _end(self, *, is_whole: bool) -> None:
        self._is_over = True
        self._is_whole = is_whole
