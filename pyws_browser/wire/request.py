"""Parses a client's request by RFC 9112: returns its parts, or the answer that refuses it.

The data that a program judges (`path`, `headers`) and sees later (`requested_url`) comes from here alone. A request
that two parsers could understand differently is refused: its Host or its target is invalid, or a field that may come
only once is repeated.
"""

from __future__ import annotations

import ipaddress
import re
from http import HTTPStatus
from typing import Final, NamedTuple

from websockets.datastructures import Headers
from websockets.http11 import Request

from ..protocol.rules import MAX_PORT
from ..protocol.url import ipv6_text
from .head import problem_of

_REQUEST_LINE: Final = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+) ([^ ]+) HTTP/([0-9]\.[0-9])")
_TOKEN: Final = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE: Final = re.compile(rb"[\t\x20-\x7e\x80-\xff]*")

_ORIGIN_FORM: Final = re.compile(r"/[^?#\\]*(?:\?[^#]*)?")
"""RFC 9112 §3.2.1. Browsers do not encode some characters of a query that RFC 3986 says to encode."""
_ABSOLUTE_FORM: Final = re.compile(r"(?:https?|wss?)://([^/?#\\]*)(/[^?#\\]*)?(\?[^#]*)?", re.IGNORECASE)
"""RFC 9112 §3.2.2."""

_HOST: Final = re.compile(r"(?:([A-Za-z0-9._~!$&'()*+,;=-]+)|\[([^\]]*)\])(?::([0-9]*))?")
"""RFC 3986 §3.2.2, without percent-encoding: no host name needs it, and some programs decode it."""
_ADDRESS: Final = re.compile(r"([0-9A-Fa-f:.]+)(?:%[A-Za-z0-9._~%-]+)?")
"""An IPv6 address. Some clients add the zone, which means nothing to a server (RFC 6874 §1)."""

_SINGLE: Final = (
    "Host",
    "Authorization",
    "Content-Length",
    "Content-Type",
    "From",
    "If-Modified-Since",
    "If-Unmodified-Since",
    "Max-Forwards",
    "Origin",
    "Proxy-Authorization",
    "Referer",
    "Sec-WebSocket-Key",
    "Sec-WebSocket-Version",
    "User-Agent",
)
"""Fields that may come only once (RFC 9110, RFC 6454 §7.3, RFC 6455 §11.3)."""


class RequestHeaders(Headers):
    """The fields of a request: a multi-valued mapping that ignores case.

    `headers[name]` and `headers.get(name)` give one value. Where a field comes several times, that is all of its values
    combined, with ", " between them (RFC 9110 §5.3); with "; " for Cookie (RFC 9113 §8.2.3). `headers.get_all(name)`
    gives them one by one.
    """

    __slots__ = ()

    def __getitem__(self, key: str) -> str:
        values = self.get_all(key)
        if not values:
            raise KeyError(key)
        return ("; " if key.lower() == "cookie" else ", ").join(values)


class Asked(NamedTuple):
    """A valid request; `host` and `port` are those of Host, "" and None if HTTP/1.0 has none."""

    request: Request
    host: str
    port: int | None


class Problem(NamedTuple):
    """The answer to an invalid request; `fields` go into its head."""

    status: HTTPStatus
    why: str
    fields: tuple[tuple[str, str], ...] = ()


def parse_request(head: bytes) -> Asked | Problem:
    """Read the head of a request, its blank line included."""
    problem = problem_of(head)
    if problem is not None:
        return Problem(*problem)
    first, *lines = head.split(b"\r\n")[:-2]
    line = _REQUEST_LINE.fullmatch(first)
    if line is None:
        return _bad("the request line is not valid HTTP: send a method, a target and HTTP/1.1, with single spaces")
    method, target, version = line[1].decode(), line[2].decode("latin-1"), line[3].decode()
    if version not in ("1.1", "1.0"):
        return Problem(HTTPStatus.HTTP_VERSION_NOT_SUPPORTED, f"HTTP/{version} is not supported: use HTTP/1.1")
    headers = _parse_fields(lines)
    if isinstance(headers, Problem):
        return headers
    if method != "GET" and _has_content(headers):
        return _only_get()
    if _has_content(headers):
        return _bad("a request for a WebSocket has no content")
    return _read_target(method, target, version, headers)


def parse_host(value: str) -> tuple[str, int | None] | None:
    """Read the value of a Host field; return host and port, or None if it is not valid.

    The host is in lower case, an IPv6 address without brackets and zone. The port is None where none is given.
    """
    found = _HOST.fullmatch(value)
    if found is None or len(found[3] or "") > len(str(MAX_PORT)):
        return None
    port = int(found[3]) if found[3] else None
    if port is not None and port > MAX_PORT:
        return None
    if found[1] is not None:
        return found[1].lower(), port
    address = _ADDRESS.fullmatch(found[2])
    try:
        return None if address is None else (ipv6_text(ipaddress.IPv6Address(address[1])), port)
    except ValueError:
        return None


def _parse_fields(lines: list[bytes]) -> RequestHeaders | Problem:
    headers = RequestHeaders()
    for line in lines:
        name, colon, value = line.partition(b":")
        value = value.strip(b" \t")
        if not colon or _TOKEN.fullmatch(name) is None or _VALUE.fullmatch(value) is None:
            return _bad("a header field is not valid HTTP: send 'Name: value', without control characters")
        headers[name.decode()] = value.decode("latin-1")
    for single in _SINGLE:
        if len(headers.get_all(single)) > 1:
            return _bad(f"the header {single} comes more than once")
    return headers


def _has_content(headers: Headers) -> bool:
    return "Transfer-Encoding" in headers or headers.get("Content-Length", "0") != "0"


def _read_target(method: str, target: str, version: str, headers: RequestHeaders) -> Asked | Problem:
    if not (target.isascii() and target.isprintable()):
        return _bad("the target of the request has control characters or others that are to be percent-encoded")
    if (method == "OPTIONS" and target == "*") or method == "CONNECT":
        return _only_get()
    value = headers.get("Host")
    absolute = _ABSOLUTE_FORM.fullmatch(target)
    if absolute is not None:
        # By RFC 9112 §3.2.2 the target decides; clients send the same in both, so a difference is refused.
        if value is not None and value.lower() != absolute[1].lower():
            return _bad("the header Host and the host in the target of the request differ")
        value = absolute[1]
        target = (absolute[2] or "/") + (absolute[3] or "")
    elif _ORIGIN_FORM.fullmatch(target) is None:
        return _bad("the target of the request is not a path: begin it with '/', without '#' or a backslash")
    if value is None and version == "1.1":
        return _bad("a request has one Host, which names the server")
    host = ("", None) if value is None else parse_host(value)
    if host is None:
        return _bad("the header Host is not a valid host with a port")
    request = Request(target, headers)
    # The constructor of `websockets` 15 and 16 does not know them.
    request.method = method
    request.protocol = f"HTTP/{version}"
    return Asked(request, *host)


def _bad(why: str) -> Problem:
    return Problem(HTTPStatus.BAD_REQUEST, why)


def _only_get() -> Problem:
    return Problem(HTTPStatus.METHOD_NOT_ALLOWED, "only GET opens a WebSocket", (("Allow", "GET"),))
