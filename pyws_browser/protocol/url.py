"""URLs of WebSockets (WHATWG WebSockets §3.1), and their hosts.

A desktop program and a page understand a URL alike only if both parse it by the same standard. So standard parsers read
it: the browser's `URL` in a page, and `ada_url`, the parser of Node, on CPython. This module adds the rules for
WebSockets: `http:` stands for `ws:`, a fragment is an error, some ports are blocked, and errors say what to do.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from ..errors import BlockedPortError, InvalidURLError
from .display import printable, without_password
from .rules import BLOCKED_PORTS, MAX_PORT, encode_text

if TYPE_CHECKING:
    from collections.abc import Callable
    from ipaddress import IPv6Address

_WEBSOCKET_SCHEMES = {"ws": "ws", "wss": "wss", "http": "ws", "https": "wss"}
_DEFAULT_PORTS = {"ws": 80, "wss": 443}
_MAX_LENGTH = 64 * 1024
"""In characters. No server reads longer ones; a browser beyond its own limit crashes the page."""

_SCHEME = re.compile(r"[\x00-\x20]*([A-Za-z][A-Za-z0-9+.\-\t\r\n]*):")
_IGNORED = {9: None, 10: None, 13: None}
_HOST_AND_PORT = re.compile(r"(\[[^\]]*\]|[^:\[\]]*)(?::([0-9]*))?")
_ENDS_IN_NUMBER = re.compile(r"(?:.*\.)?(?:[0-9]+|0[xX][0-9a-fA-F]*)\.?", re.DOTALL)
_NOT_IN_HOST = re.compile(r"[\x00-\x20/\\?#@\[\]]")
_LOOPBACK = re.compile(r"(?:.*\.)?localhost\.?|127(?:\.[0-9]+){3}|::1|::ffff:7f[0-9a-f]{2}:[0-9a-f]{1,4}", re.DOTALL)
_ZONE = re.compile(r"[A-Za-z0-9._~-]+")


class WebSocketURL(NamedTuple):
    """A URL that a WebSocket can be opened to.

    `scheme` is "ws" or "wss". `host` is ASCII, an IPv6 address without its brackets. `resource` is path and query as in
    the request line. `userinfo` is "user:password", "user" or "", percent-encoded.
    """

    scheme: str
    host: str
    port: int
    resource: str = "/"
    userinfo: str = ""

    @property
    def username(self) -> str:
        """The user to log in as, percent-decoded."""
        return _percent_decode(self.userinfo.partition(":")[0])

    @property
    def password(self) -> str:
        """The password, percent-decoded."""
        return _percent_decode(self.userinfo.partition(":")[2])

    @property
    def secure(self) -> bool:
        """Whether the connection uses TLS."""
        return self.scheme == "wss"

    @property
    def default_port(self) -> int:
        """The port of a URL of this scheme that names none."""
        return _DEFAULT_PORTS[self.scheme]

    @property
    def authority(self) -> str:
        """Host and port as in the Host header, without a default port."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == self.default_port else f"{host}:{self.port}"

    @property
    def shown(self) -> str:
        """The URL for errors, logs and `repr()`, its password hidden."""
        return without_password(str(self))

    @property
    def origin(self) -> tuple[str, str, int]:
        """Scheme, host and port."""
        return self[:3]

    def __repr__(self) -> str:
        return f"<WebSocketURL {self.shown}>"

    def __str__(self) -> str:
        return f"{self.scheme}://{self.userinfo + '@' if self.userinfo else ''}{self.authority}{self.resource}"


class ParsedURL(NamedTuple):
    """A parsed URL, with the names of WHATWG URL §6.1."""

    href: str
    protocol: str
    username: str
    password: str
    hostname: str
    port: str
    pathname: str
    search: str


def _read_by_ada(url: str, base: str | None) -> ParsedURL | None:
    from ada_url import URL  # at the first URL, because it takes some milliseconds to load

    try:
        read = URL(url, base)
    except ValueError:
        return None
    return ParsedURL(
        *(read.href, read.protocol, read.username, read.password, read.hostname, read.port, read.pathname, read.search)
    )


_read: Callable[[str, str | None], ParsedURL | None] = _read_by_ada


def read_urls_by(parser: Callable[[str, str | None], ParsedURL | None]) -> None:
    """Set another parser of the standard, such as the browser's in a page.

    It takes a URL and its base URL, and returns None for an invalid one.
    """
    global _read  # noqa: PLW0603  a platform chooses once, when the package is imported
    _read = parser


def parse_url(url: str, base: str | None = None) -> WebSocketURL:
    """Read `url`; `base` is the page's own URL, against which a relative one is resolved (WHATWG URL §4.4).

    Raises:
        InvalidURLError: it is not a URL, its scheme is not ws, wss, http or https, or it has a fragment or more than
            65,536 characters.
        BlockedPortError: browsers block its port.

    The errors show no password.
    """
    if not isinstance(url, str):
        raise InvalidURLError(f"a URL is a str, not {type(url).__name__}")
    if len(url) > _MAX_LENGTH:
        raise InvalidURLError(f"a URL has at most {_MAX_LENGTH} characters, not {len(url)}: send the rest in a message")
    # What crosses into a browser is a USVString: a lone surrogate is U+FFFD from the start.
    text = encode_text(url).decode()
    read = _read(text, base)
    if read is None:
        raise _why_not(text, base)
    scheme = _WEBSOCKET_SCHEMES.get(read.protocol[:-1])
    if scheme is None:
        raise _wrong_scheme(text, base, read.protocol[:-1])
    if "#" in read.href:
        raise InvalidURLError(
            f"{_shown(text)} has a fragment, which a WebSocket URL may not: leave out the '#' and what follows"
        )
    host = read.hostname
    if "%" in host:  # Chromium encodes a space in a host, and other characters that the standard forbids there
        raise _no_host(_shown(text))
    result = WebSocketURL(
        scheme,
        host[1:-1] if host.startswith("[") else host,
        int(read.port) if read.port else _DEFAULT_PORTS[scheme],
        read.pathname + (read.search or ("?" if read.href.endswith("?") else "")),
        f"{read.username}:{read.password}" if read.password else read.username,
    )
    if result.port in BLOCKED_PORTS:
        raise BlockedPortError(
            f"{_shown(text)}: browsers refuse port {result.port}: let the server listen on another one"
        )
    return result


def parse_host(host: str) -> str:
    """Return a host name or an address as a URL has it; raises InvalidURLError for other text.

    An IPv6 address has no brackets. Unlike in a URL it may have a zone, the interface of a link-local address.
    """
    host = encode_text(host).decode()
    address, percent, zone = host.partition("%") if ":" in host else (host, "", "")
    if percent and not _ZONE.fullmatch(zone):
        raise InvalidURLError(f"{host!r} has no valid zone: write it as in fe80::1%eth0")
    bracketed = f"[{address}]" if ":" in address else address
    read = None if _NOT_IN_HOST.search(address) else _read(f"ws://{bracketed}/", None)
    if read is None or "%" in read.hostname:
        raise _host_error(bracketed, None, repr(host))
    return read.hostname.strip("[]") + percent + zone


def is_loopback(host: str) -> bool:
    """Tell whether a host, as a URL has it, is always this machine (W3C Secure Contexts §3.1, RFC 6761 §6.3)."""
    return _LOOPBACK.fullmatch(host) is not None


def ipv6_text(address: IPv6Address) -> str:
    """Return an address as the URL standard writes it; Python 3.13 writes IPv4-mapped ones differently."""
    if address.ipv4_mapped is None:
        return address.compressed
    high, low = divmod(int(address.ipv4_mapped), 0x10000)
    return f"::ffff:{high:x}:{low:x}"


def _shown(text: str) -> str:
    return repr(without_password(text))


def _why_not(text: str, base: str | None) -> InvalidURLError:
    """Return the error for an invalid URL, which names its most likely fault."""
    shown = _shown(text)
    found = _SCHEME.match(text)
    if found is None and (base is None or _read("/", base) is None):
        return _wrong_scheme(text, base, "")
    if found is not None and found[1].translate(_IGNORED).lower() not in _WEBSOCKET_SCHEMES:
        return _wrong_scheme(text, base, found[1])
    rest = text[found.end() if found else 0 :].translate(_IGNORED).lstrip("/\\")
    authority = re.split(r"[/\\?#]", rest, maxsplit=1)[0]
    split = _HOST_AND_PORT.fullmatch(authority.rpartition("@")[2])
    if split is None:
        return InvalidURLError(
            f"{shown} has no valid host and port: an IPv6 address needs brackets, a port is a number"
        )
    return _host_error(split[1], split[2], shown)


def _host_error(host: str, port: str | None, shown: str) -> InvalidURLError:
    if port and int(port.lstrip("0")[:6] or "0") > MAX_PORT:
        return InvalidURLError(f"{shown} has no valid port: ports end at {MAX_PORT}")
    if host.startswith("["):
        return InvalidURLError(f"{shown}: {printable(host)} is not an IPv6 address (a zone is not allowed)")
    if _ENDS_IN_NUMBER.fullmatch(host):
        return InvalidURLError(f"{shown}: {printable(host)} is not an IPv4 address")
    return _no_host(shown)


def _no_host(shown: str) -> InvalidURLError:
    return InvalidURLError(f"{shown} has no valid host name: write it as in ws://example.com/path")


def _wrong_scheme(text: str, base: str | None, scheme: str) -> InvalidURLError:
    shown = _shown(text)
    if _SCHEME.match(text) is not None:
        return InvalidURLError(f"{shown} has the scheme {scheme!r}: use ws:// or wss://")
    if base is None:
        return InvalidURLError(
            f"{shown} is relative, and there is no page to complete it: begin it with ws:// or wss://"
        )
    return InvalidURLError(
        f"{shown} cannot be resolved against {without_password(base)!r}: begin it with ws:// or wss://"
    )


def _percent_decode(text: str) -> str:
    if "%" not in text:
        return text
    from urllib.parse import unquote  # loaded here, because a page does not need it: its browser logs in by itself

    return unquote(text)
