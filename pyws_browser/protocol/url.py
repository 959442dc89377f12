r"""URLs as the WHATWG URL and WebSockets standards read them, for the four schemes that a WebSocket can have.

A desktop program and a page agree on what a URL means only if both read it by the same rules: `http:` stands for
`ws:`, a fragment is an error, a default port is dropped, `\` is `/`, and `0x7f.1` is 127.0.0.1.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from ..errors import BlockedPortError, InvalidURLError
from .display import printable, without_password
from .rules import BLOCKED_PORTS, MAX_PORT, encode_text

if TYPE_CHECKING:
    from ipaddress import IPv6Address

_WEBSOCKET_SCHEMES = {"ws": "ws", "wss": "wss", "http": "ws", "https": "wss"}
_DEFAULT_PORTS = {"ws": 80, "wss": 443}
_MAX_LENGTH = 64 * 1024
"""Characters. No server reads as many; a browser whose own limit is passed ends the page with it."""

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.\-]*):")
_C0_OR_SPACE = "".join(map(chr, range(0x21)))
_FORBIDDEN_IN_HOST = re.compile(r"[\x00-\x20\x7f#%/:<>?@\[\\\]^|]")
_IGNORED_IN_HOST = frozenset(
    {0xAD, 0x34F, 0x200B, 0x2060, 0x2064, 0xFEFF, *range(0x180B, 0x180E), *range(0xFE00, 0xFE10)}
)
"""UTS #46: characters that a name is the same without."""
_DOT = re.compile("[.\u3002\uff0e\uff61]")
_MAX_LABEL = 1000
"""Characters of another script; ICU, by which browsers read names, takes no more either."""
_BIDI_LETTERS = {"L": "L", "R": "R", "AL": "R", "AN": "A", "EN": "E", "NSM": "N"} | dict.fromkeys(
    ("ES", "CS", "ET", "ON", "BN"), "o"
)
_BIDI_LABEL = re.compile("(L([LEoN]*[LE])?|R([REoN]*[RE])?|R([RAoN]*[RA])?)N*|")
"""RFC 5893 §2, of what `_BIDI_LETTERS` makes of a label: left to right, or right to left with digits of one kind."""
_LOOPBACK = re.compile(r"(?:.*\.)?localhost\.?|127(?:\.[0-9]+){3}|::1|::ffff:7f[0-9a-f]{2}:[0-9a-f]{1,4}", re.DOTALL)
_ZONE = re.compile(r"[A-Za-z0-9._~-]+")
_SINGLE_DOT = re.compile(r"\.|%2e", re.IGNORECASE)
_DOUBLE_DOT = re.compile(r"(\.|%2e){2}", re.IGNORECASE)

# WHATWG URL, "percent-encode sets": what has to be encoded besides the controls and everything that is not ASCII.
_PATH_SET = frozenset(b' "#<>?^`{}')
_QUERY_SET = frozenset(b" \"#<>'")
_USERINFO_SET = frozenset(b' "#<>?^`{}/:;=@[\\]|')


class WebSocketURL(NamedTuple):
    """A URL that a WebSocket can be opened to.

    `scheme` is "ws" or "wss". `host` is ASCII, an IPv6 address without its brackets. `resource` is path and query as
    they stand in the request line. `userinfo` is "user:password", "user" or "", percent-encoded.
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
        """Whether TLS is asked for."""
        return self.scheme == "wss"

    @property
    def default_port(self) -> int:
        """The port of a URL of this scheme that names none."""
        return _DEFAULT_PORTS[self.scheme]

    @property
    def authority(self) -> str:
        """Host and port as in the Host header; a default port is left out."""
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


def parse_url(url: str, base: str | None = None) -> WebSocketURL:
    """Read `url`; `base` is the page's own URL, against which a relative one is resolved (WHATWG URL §4.4).

    Raises:
        InvalidURLError: it is no URL, has another scheme than ws, wss, http or https, has a fragment, or more than
            65,536 characters.
        BlockedPortError: no browser connects to its port.

    The errors show no password.
    """
    if not isinstance(url, str):
        raise InvalidURLError(f"a URL is a str, not {type(url).__name__}")
    if len(url) > _MAX_LENGTH:
        raise InvalidURLError(f"a URL has at most {_MAX_LENGTH} characters, not {len(url)}: send the rest in a message")
    shown = repr(without_password(url))
    # What crosses into a browser is a USVString: a lone surrogate is U+FFFD from the start.
    text = encode_text(url).decode().strip(_C0_OR_SPACE).translate({9: None, 10: None, 13: None})
    found = _SCHEME.match(text)
    if base is not None and (found is None or _is_relative_with_scheme(text, found, base)):
        text = _resolve(text[found.end() :] if found else text, base)
        found = _SCHEME.match(text)
    if found is None:
        raise InvalidURLError(
            f"{shown} is relative, and there is no page to complete it: begin it with ws:// or wss://"
        )
    scheme = _WEBSOCKET_SCHEMES.get(found[1].lower())
    if scheme is None:
        raise InvalidURLError(f"{shown} has the scheme {found[1]!r}: use ws:// or wss://")
    if "#" in text:
        raise InvalidURLError(
            f"{shown} has a fragment, which a WebSocket URL may not: leave out the '#' and what follows"
        )
    rest = text[found.end() :].lstrip("/\\")
    authority = re.split(r"[/\\?]", rest, maxsplit=1)[0]
    userinfo, _, hostport = authority.rpartition("@")
    host, port = _split_port(hostport, shown)
    username, _, password = (_percent_encode(part, _USERINFO_SET) for part in userinfo.partition(":"))
    path, mark, query = rest[len(authority) :].partition("?")
    result = WebSocketURL(
        scheme,
        _parse_host(host, shown),
        _DEFAULT_PORTS[scheme] if port is None else port,
        _normalise_path(path) + mark + _percent_encode(query, _QUERY_SET),
        f"{username}:{password}" if password else username,
    )
    if result.port in BLOCKED_PORTS:
        raise BlockedPortError(f"{shown}: browsers refuse port {result.port}: let the server listen on another one")
    return result


def _is_relative_with_scheme(text: str, found: re.Match[str], base: str) -> bool:
    """`http:x` is relative to a page of the same scheme, `http://x` is not (special relative or authority state)."""
    return base.lower().startswith(found[0].lower()) and not text.startswith("//", found.end())


def _resolve(reference: str, base: str) -> str:
    found = re.match(r"(https?:|wss?:)//[^/?#]*", base, re.IGNORECASE)
    if found is None:
        raise InvalidURLError(
            f"{without_password(reference)!r} cannot be resolved against {without_password(base)!r}: "
            "begin it with ws:// or wss://"
        )
    reference = re.sub(r"[^?#]*", lambda path: path[0].replace("\\", "/"), reference, count=1)
    path_and_query = re.split("#", base[found.end() :], maxsplit=1)[0]
    path = path_and_query.partition("?")[0] or "/"
    if reference.startswith("//"):
        return found[1] + reference
    if reference.startswith("/"):
        return found[0] + reference
    if reference.startswith("?"):
        return found[0] + path + reference
    if not reference:
        return found[0] + path_and_query
    return found[0] + path[: path.rfind("/") + 1] + reference


def _split_port(hostport: str, shown: str) -> tuple[str, int | None]:
    found = re.fullmatch(r"(\[[^\]]*\]|[^:\[\]]*)(?::([0-9]*))?", hostport)
    if found is None:
        raise InvalidURLError(f"{shown} has no valid host and port: an IPv6 address needs brackets, a port is a number")
    port = _decimal(found[2]) if found[2] else None
    if port is not None and port > MAX_PORT:
        raise InvalidURLError(f"{shown} has no valid port: ports end at {MAX_PORT}")
    return found[1], port


def _decimal(digits: str) -> int:
    """Return the number; of one that is too large for a port and for an address, one that is so too.

    The longer a number is, the longer `int()` takes, and of more than some thousand digits it takes none.
    """
    return int(digits.lstrip("0")[:11] or "0")


def is_loopback(host: str) -> bool:
    """Tell whether a host, as a URL has it, is always this machine (W3C Secure Contexts §3.1, RFC 6761 §6.3)."""
    return _LOOPBACK.fullmatch(host) is not None


def parse_host(host: str) -> str:
    """Return the name or the address as a URL has it; raises InvalidURLError for what is neither.

    An IPv6 address has no brackets. Other than in a URL it may have a zone, the interface of a link-local address.
    """
    host = encode_text(host).decode()
    if ":" not in host:
        return _parse_host(host, repr(host))
    address, percent, zone = host.partition("%")
    if percent and not _ZONE.fullmatch(zone):
        raise InvalidURLError(f"{host!r} has no valid zone: write it as in fe80::1%eth0")
    return _parse_ipv6(address, repr(host)) + percent + zone


def _parse_host(host: str, shown: str) -> str:
    if host.startswith("["):
        return _parse_ipv6(host[1:-1], shown)
    host = _percent_decode(host)
    if not host.isascii():
        host = _domain_to_ascii(host)
    host = host.lower()
    is_valid = host and not _FORBIDDEN_IN_HOST.search(host)
    if not is_valid or ("xn--" in host and not all(map(_is_valid_label, host.split(".")))):
        raise InvalidURLError(f"{shown} has no valid host name: write it as in ws://example.com/path")
    labels = host.removesuffix(".").split(".")
    if labels[-1].isdigit() or _ipv4_number(labels[-1]) is not None:
        return _parse_ipv4(labels, shown)
    return host


def _parse_ipv6(text: str, shown: str) -> str:
    import ipaddress  # costs a page some milliseconds that few need

    try:
        if "%" in text:
            raise ValueError("a zone")
        address = ipaddress.IPv6Address(text)
    except ValueError:
        raise InvalidURLError(f"{shown}: [{printable(text)}] is no IPv6 address (nor may it have a zone)") from None
    return ipv6_text(address)


def ipv6_text(address: IPv6Address) -> str:
    """Return an address as the URL standard writes it; Python 3.13 writes one that maps an IPv4 address otherwise."""
    if address.ipv4_mapped is None:
        return address.compressed
    high, low = divmod(int(address.ipv4_mapped), 0x10000)
    return f"::ffff:{high:x}:{low:x}"


def _ipv4_number(label: str) -> int | None:
    """Read one part of an IPv4 address: decimal, octal after 0, hexadecimal after 0x."""
    if re.fullmatch(r"0[xX][0-9a-fA-F]*", label):
        return int(label[2:] or "0", 16)
    if re.fullmatch(r"0[0-7]*", label):
        return int(label, 8)
    return _decimal(label) if re.fullmatch(r"[1-9][0-9]*", label) else None


def _parse_ipv4(labels: list[str], shown: str) -> str:
    numbers = [_ipv4_number(label) for label in labels]
    *heads, last = numbers
    if (
        len(numbers) > 4
        or last is None
        or last >= 256 ** (5 - len(numbers))
        or any(number is None or number > 255 for number in heads)
    ):
        raise InvalidURLError(f"{shown}: {'.'.join(labels)} is no IPv4 address")
    address = last
    for index, number in enumerate(heads):
        address += (number or 0) << (8 * (3 - index))
    return ".".join(str(octet) for octet in address.to_bytes(4, "big"))


def _domain_to_ascii(domain: str) -> str:
    """Do what UTS #46 does to ordinary names: fold, normalise, and write each label that needs it as Punycode.

    What may not stand in a name comes out as a space, which no host may have.
    """
    import unicodedata  # only a name in another script needs it

    visible = "".join(character for character in domain if ord(character) not in _IGNORED_IN_HOST)
    labels = []
    for label in _DOT.split(visible):
        # Each character for itself: at the end of a word, Greek has another small sigma for the capital one.
        lower = "".join(map(str.lower, unicodedata.normalize("NFKC", label)))
        labels.append(unicodedata.normalize("NFKC", lower))
    directions = ["".join(_BIDI_LETTERS.get(unicodedata.bidirectional(c), "x") for c in label) for label in labels]
    is_right_to_left = re.search("[RA]", "".join(directions)) is not None
    if is_right_to_left and not all(map(_BIDI_LABEL.fullmatch, directions)):
        return " "
    begins_with_mark = any(label and unicodedata.category(label[0]).startswith("M") for label in labels)
    return " " if begins_with_mark else ".".join(map(_label_to_ascii, labels))


def _label_to_ascii(label: str) -> str:
    if "." in label or "\ufffd" in label or not label.isprintable():
        return " "
    if label.isascii():
        return label
    return "xn--" + label.encode("punycode").decode("ascii") if len(label) <= _MAX_LABEL else " "


def _is_valid_label(label: str) -> bool:
    """Tell whether a label is what `_domain_to_ascii` makes of the name that it stands for."""
    if not label.startswith("xn--"):
        return True
    if len(label) > 2 * _MAX_LABEL:
        return False
    try:
        name = label[4:].encode("ascii").decode("punycode")
        return not name.isascii() and _domain_to_ascii(name) == label
    except (UnicodeError, OverflowError):
        return False


def _normalise_path(path: str) -> str:
    """Percent-encode the path and take out its dot segments (path state)."""
    segments: list[str] = []
    parts = path.replace("\\", "/").split("/")[1:] or [""]
    for index, part in enumerate(parts):
        is_last = index == len(parts) - 1
        if _DOUBLE_DOT.fullmatch(part):
            del segments[-1:]
        elif not _SINGLE_DOT.fullmatch(part):
            segments.append(_percent_encode(part, _PATH_SET))
            continue
        if is_last:
            segments.append("")
    return "/" + "/".join(segments)


def _percent_encode(text: str, reserved: frozenset[int]) -> str:
    encoded = text.encode()
    return "".join(f"%{byte:02X}" if byte < 0x20 or byte > 0x7E or byte in reserved else chr(byte) for byte in encoded)


def _percent_decode(text: str) -> str:
    if "%" not in text:
        return text
    raw = re.sub(rb"%([0-9a-fA-F]{2})", lambda found: bytes((int(found[1], 16),)), text.encode())
    return raw.decode("utf-8", "replace")
