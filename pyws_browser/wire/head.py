"""The head of an HTTP message: its end, its limits, and the forms that the parser does not accept."""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from ..errors import HandshakeError
from ..protocol.rules import is_token

if TYPE_CHECKING:
    from collections.abc import Iterable

MAX_HEAD_BYTES: Final = 16 * 1024
"""The longest head of a request."""
MAX_ANSWER_BYTES: Final = 256 * 1024
"""The longest head of an answer, as in Chromium."""
MAX_LINE_BYTES: Final = 8 * 1024
"""The longest line of a request."""
MAX_FIELDS: Final = 128
"""The most fields of a request."""
_END_OF_HEAD: Final = b"\r\n\r\n"
_VERSION: Final = b"HTTP/"
_UNFIT: Final = re.compile(r"[^\t\x20-\x7e\x80-\xff]")
_BARE_LINE_FEED: Final = re.compile(rb"(?<!\r)\n\r?\n")
_FOLD: Final = re.compile(rb"\r\n[ \t]+")


class Head:
    """Gathers bytes until the blank line that ends an HTTP head; fields that go over several lines are made one.

    Input that cannot be HTTP, such as TLS or another protocol's greeting, is not buffered: its first line, or the part
    received, is returned at once for the caller to reject.
    """

    def __init__(self, most: int = MAX_HEAD_BYTES) -> None:
        self.status: HTTPStatus = HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
        """A server's answer to a head for which `feed()` raises."""
        self._most = most
        self._received = bytearray()
        self._is_http = False

    def feed(self, data: bytes) -> tuple[bytes, bytes] | None:
        """Return the head and the bytes after it, once it is complete.

        Raises HandshakeError if it is too long, or ends with line feeds alone.
        """
        searched = max(0, len(self._received) - len(_END_OF_HEAD))
        self._received += data
        if not self._is_http and not self._may_be_http():
            return bytes(self._received.partition(b"\n")[0].removesuffix(b"\r")) + _END_OF_HEAD, b""
        end = self._received.find(_END_OF_HEAD, searched)
        if end < 0 and len(self._received) <= self._most:
            if _BARE_LINE_FEED.search(self._received, searched):
                self.status = HTTPStatus.BAD_REQUEST
                raise HandshakeError("the lines of the HTTP head end with LF: they have to end with CR LF")
            return None
        end += len(_END_OF_HEAD)
        if not len(_END_OF_HEAD) <= end <= self._most:
            raise HandshakeError(f"the HTTP head is longer than {self._most} bytes")
        head = _FOLD.sub(b" ", self._received[:end])  # RFC 9112 §5.2, which `websockets` leaves out
        return head, bytes(self._received[end:])

    @property
    def has_begun(self) -> bool:
        """Whether the first line is complete."""
        return b"\n" in self._received

    def _may_be_http(self) -> bool:
        first_line, newline, _ = self._received.partition(b"\n")
        if not newline:
            return not first_line or _begins_as_http(first_line)
        self._is_http = _is_first_line(first_line)
        return self._is_http


def _begins_as_http(line: bytes | bytearray) -> bool:
    return line[:1].isalpha()


def _is_first_line(line: bytes | bytearray) -> bool:
    return _begins_as_http(line) and _VERSION in line


def problem_of(head: bytes) -> tuple[HTTPStatus, str] | None:
    """Return the status and the reason for a request that is refused before it is parsed."""
    first, *fields = head.split(b"\r\n")[:-2]
    if not _is_first_line(first):
        beginning = first[:80].decode("latin-1")
        return HTTPStatus.BAD_REQUEST, f"the client's request is not HTTP, but begins with {beginning!r}"
    if len(first) > MAX_LINE_BYTES:
        return HTTPStatus.REQUEST_URI_TOO_LONG, f"the request line is longer than {MAX_LINE_BYTES} bytes"
    if len(fields) > MAX_FIELDS or any(len(field) > MAX_LINE_BYTES for field in fields):
        return (
            HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
            f"there are more than {MAX_FIELDS} header fields, or one is longer than {MAX_LINE_BYTES} bytes",
        )
    return None


def fields_of(lines: Iterable[str]) -> tuple[tuple[str, str], ...]:
    """Return the header fields of an answer for information only, parsed leniently.

    Fields without a name are left out; invalid characters in values become spaces (RFC 9112 §5.5).
    """
    pairs = (line.partition(":")[::2] for line in lines)
    return tuple((name, _UNFIT.sub(" ", value).strip(" \t")) for name, value in pairs if is_token(name))
