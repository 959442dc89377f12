"""The rules that hold on both sides, as data and as functions without I/O.

Every transport checks here before it acts, so bad input raises the same exception in a page and on the desktop, before
anything is sent. Sources: the WHATWG WebSockets standard, Fetch (ports) and RFC 6455 (close codes). The rules for URLs
are in `url.py`.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum
from typing import TYPE_CHECKING

from ..errors import (
    InvalidCloseCodeError,
    InvalidCloseReasonError,
    InvalidHeaderError,
    InvalidMessageTypeError,
    InvalidOptionError,
    InvalidSubprotocolError,
    InvalidTextError,
    UnsupportedCloseCodeError,
    UnsupportedInBrowserError,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from typing_extensions import Buffer  # for type checkers, which bring it along

MAX_REASON_BYTES = 123
"""A Close frame holds 125 bytes, two of which are the code (RFC 6455 §5.5)."""


MAX_PORT = 65535

MAX_PING_BYTES = 125
"""The most bytes in a control frame (RFC 6455 §5.5)."""


class CloseCode(IntEnum):
    """The close codes of RFC 6455 §7.4.1 and of the IANA registry."""

    NORMAL_CLOSURE = 1000
    GOING_AWAY = 1001
    PROTOCOL_ERROR = 1002
    UNSUPPORTED_DATA = 1003
    NO_STATUS_RECEIVED = 1005  # never on the wire: a Close frame without a code came
    ABNORMAL_CLOSURE = 1006  # never on the wire: no Close frame came
    INVALID_PAYLOAD_DATA = 1007
    POLICY_VIOLATION = 1008
    MESSAGE_TOO_BIG = 1009
    MANDATORY_EXTENSION = 1010
    INTERNAL_ERROR = 1011
    SERVICE_RESTART = 1012
    TRY_AGAIN_LATER = 1013
    BAD_GATEWAY = 1014
    TLS_HANDSHAKE = 1015  # never on the wire: TLS failed
    NO_STATUS_RCVD = 1005  # this one and the next are the names of `websockets`
    INVALID_DATA = 1007
    INBOUND_TEXT_INVALID = 4007  # ours, in a page in place of 1007
    INBOUND_OVERFLOW = 4008  # ours, for a page that is flooded
    INBOUND_MESSAGE_TOO_BIG = 4009  # ours, in a page in place of 1009
    PROGRAM_FAILED = 4011  # ours, in a page in place of 1011
    TOO_SLOW = 4013  # ours, in a page in place of 1013


_WIRE_CODES = frozenset({1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014})

BLOCKED_PORTS = frozenset(
    {
        *(0, 1, 7, 9, 11, 13, 15, 17, 19, 20, 21, 22, 23, 25, 37, 42, 43, 53, 69, 77, 79, 87, 95, 101, 102, 103, 104),
        *(109, 110, 111, 113, 115, 117, 119, 123, 135, 137, 139, 143, 161, 179, 389, 427, 465, 512, 513, 514, 515),
        *(526, 530, 531, 532, 540, 548, 554, 556, 563, 587, 601, 636, 989, 990, 993, 995, 1719, 1720, 1723, 2049),
        *(3659, 4045, 4190, 5060, 5061, 6000, 6566, 6665, 6666, 6667, 6668, 6669, 6679, 6697, 10080),
    }
)
"""Fetch, "bad port"."""

_TOKEN_CHARACTERS = frozenset("!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")

_HANDSHAKE_HEADERS = frozenset(
    {
        *("host", "upgrade", "connection", "content-length", "transfer-encoding", "sec-websocket-key"),
        *("sec-websocket-version", "sec-websocket-protocol", "sec-websocket-extensions", "sec-websocket-accept"),
    }
)

UNSUPPORTED_IN_BROWSER: dict[str, str] = {
    "get_connected_host()": "a page does not know whom it is connected to; look at get_requested_url()",
    "get_connected_port()": "a page does not know whom it is connected to; look at get_requested_url()",
    "set_no_delay()": "the browser decides about TCP; hand several messages over together with batch()",
    "fileno()": "a page has no file descriptors; call poll() once a frame",
    "ping()": "the browser keeps pings to itself; send a message of your own and have it answered",
    "pong()": "the browser answers pings by itself; send a message of your own as a sign of life",
    "local_address": "a page does not know its own address; let the server report it",
    "remote_address": "a page does not know whom it is connected to; look at the URL it connected to",
    "transport": "a page has no sockets; leave it out",
    "latency": "the browser keeps pings to itself; time a message of your own and its answer",
    "heartbeat_interval": "the browser keeps pings to itself; let the server ping, the browser answers",
    "handshake_headers": "a page may set no headers; put a token into the URL, a subprotocol or the first message",
    "compression": "the browser decides, and compresses where the server agrees to; let the server's setting say how",
    "extensions": "the browser decides, and compresses where the server agrees to; let the server's setting say how",
    "custom_headers": "a page may set no headers; put a token into the URL, a subprotocol or the first message",
    "proxy": "the browser goes through the proxy that it was set to use; set it there",
    "unix_path": "a page has no files; let the server listen at a port",
    "sock": "a page has no sockets; give the URL alone",
    "additional_headers": "a page may set no headers; put a token into the URL, a subprotocol or the first message",
    "user_agent_header": "the browser names itself; put what the server should know into the URL",
    "origin": "the browser sends the page's own; let the server accept that",
    "ping_interval": "the browser keeps pings to itself; let the server ping, the browser answers",
    "ping_timeout": "the browser keeps pings to itself; let the server ping, the browser answers",
    "host": "the browser connects to the URL's; write it into the URL",
    "port": "the browser connects to the URL's; write it into the URL",
    "local_addr": "the browser decides about TCP; leave it out",
    "family": "the browser decides about TCP; leave it out",
    "ssl": "the browser checks certificates by its own store; install the certificate there",
    "server_hostname": "the browser checks the name in the URL; use that of the certificate",
    "other_arguments": "it is about a socket, and a page has none; leave it out",
    "sync": "this engine, or code that JavaScript calls, cannot wait; await pyws_browser.aio.connect() instead",
    "serve()": "a page cannot listen; run the server on CPython and connect to it",
    "tls": "the browser checks certificates by its own store; install the certificate there",
    "verify_ssl": "the browser always checks certificates, by its own store; install the certificate there",
    "trusted_ssl_certificate": "the browser checks certificates by its own store; install the certificate there",
    "WebSocketServer": "a page cannot listen; run the server on CPython and connect to it",
}


def unsupported(feature: str, name: str = "") -> UnsupportedInBrowserError:
    """Return the exception that explains why a page cannot use `feature`, and what to do instead."""
    return UnsupportedInBrowserError(
        f"{name or feature} is not available in a browser: {UNSUPPORTED_IN_BROWSER[feature]}"
    )


def is_wire_close_code(code: int) -> bool:
    """Tell whether `code` may be in a Close frame (RFC 6455 §7.4)."""
    return code in _WIRE_CODES or 3000 <= code <= 4999


def check_close(code: int | None, reason: str, *, web: bool) -> None:
    """Check the arguments of `close()`.

    `code` None closes without a code. `web` allows only what a page may send: 1000 and 3000–4999.

    Raises:
        InvalidCloseCodeError: the code may not be sent at all, or a reason came without a code.
        UnsupportedCloseCodeError: the code may be sent, but not by a page.
        InvalidCloseReasonError: the reason is longer than 123 bytes of UTF-8, or no string.

    """
    if code is None:
        if reason:
            raise InvalidCloseCodeError("a close reason needs a close code: call close(1000, reason)")
        return
    if not isinstance(code, int) or isinstance(code, bool) or not is_wire_close_code(code):
        raise InvalidCloseCodeError(
            f"{code!r} may not be sent as a close code: use 1000 or 3000–4999, on the desktop also 1001–1003, 1007–1014"
        )
    if web and code != CloseCode.NORMAL_CLOSURE and code < 3000:
        raise UnsupportedCloseCodeError(
            f"close code {code} is not available in a browser: a page may send 1000 or one of 3000–4999"
        )
    if not isinstance(reason, str):
        raise InvalidCloseReasonError(f"a close reason is a str, not {type(reason).__name__}")
    size = len(encode_text(reason))
    if size > MAX_REASON_BYTES:
        raise InvalidCloseReasonError(f"a close reason holds {MAX_REASON_BYTES} bytes of UTF-8, this one has {size}")


def encode_text(text: str) -> bytes:
    """Return `text` as UTF-8, lone surrogates replaced by U+FFFD as in a browser (Web IDL, `USVString`)."""
    try:
        return text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace").encode()


def size_of(message: str | bytes, limit: int) -> int:
    """Return the size of a message in bytes; for a text that is below `limit` anyway, a lower bound."""
    # A character has four bytes of UTF-8 at most.
    if isinstance(message, str) and 4 * len(message) > limit:
        return len(encode_text(message))
    return len(message)


def as_bytes(data: Buffer) -> bytes:
    """Return the bytes of any bytes-like object, without a copy if it is `bytes`.

    Raises InvalidMessageTypeError for everything else.
    """
    if isinstance(data, bytes):
        return data
    try:
        view = memoryview(data)
        if view.format.endswith("O"):  # pointers to Python objects, as in arrays of numpy ("O") and ctypes ("<O")
            raise TypeError
        return bytes(view)
    except (TypeError, ValueError):  # ValueError for a memoryview that was released
        kind = type(data).__name__
        advice = "send_text() sends str" if isinstance(data, str) else _advice(data)
        raise InvalidMessageTypeError(f"a packet is bytes-like, not {kind}: {advice}") from None


def as_message(message: str | Buffer) -> str | bytes:
    """Return str as it is and the bytes of anything bytes-like; raises InvalidMessageTypeError for everything else."""
    if isinstance(message, str):
        return message
    try:
        return as_bytes(message)
    except InvalidMessageTypeError:
        kind = type(message).__name__
        raise InvalidMessageTypeError(f"a message is str or bytes-like, not {kind}: {_advice(message)}") from None


def _advice(data: object) -> str:
    """Return advice for an object that is not bytes-like."""
    if isinstance(data, memoryview):
        return "it was released, so copy it before"
    if type(data).__name__ == "JsProxy" and hasattr(data, "to_bytes"):  # by its name, as the desktop knows no such type
        return "send its to_bytes()"
    return "encode it first"


def check_ping(payload: Buffer) -> bytes:
    """Return the bytes of a ping's payload; raises InvalidOptionError for more than 125 of them (RFC 6455 §5.5)."""
    data = as_bytes(payload)
    if len(data) > MAX_PING_BYTES:
        raise InvalidOptionError(f"a ping carries at most {MAX_PING_BYTES} bytes, not {len(data)}")
    return data


def as_text(data: bytes) -> str:
    """Return the text whose UTF-8 is `data`; raises InvalidTextError for anything else (RFC 6455 §5.6)."""
    try:
        return data.decode()
    except UnicodeDecodeError as exc:
        raise InvalidTextError(
            f"a text packet must be UTF-8, and byte {exc.start} is not: put it with WRITE_MODE_BINARY"
        ) from None


def is_token(text: str) -> bool:
    """Tell whether `text` is a token (RFC 9110 §5.6.2)."""
    return bool(text) and _TOKEN_CHARACTERS.issuperset(text)


def check_subprotocols(protocols: Iterable[str]) -> tuple[str, ...]:
    """Return the subprotocols as a tuple.

    Raises InvalidSubprotocolError if one is not a token or is repeated (WHATWG WebSockets, constructor).
    """
    if isinstance(protocols, str):
        protocols = (protocols,)
    if not isinstance(protocols, Iterable):
        raise InvalidSubprotocolError(f"subprotocols are some str, not {protocols!r}")
    names = tuple(protocols)
    for name in names:
        if not isinstance(name, str) or not is_token(name):
            raise InvalidSubprotocolError(
                f"{name!r} is not a subprotocol: use ASCII letters, digits and !#$%&'*+-.^_`|~ without spaces or commas"
            )
    if len(set(names)) < len(names):
        raise InvalidSubprotocolError(f"a subprotocol may be named once: {', '.join(names)}")
    return names


def check_headers(headers: Mapping[str, str] | Iterable[str | tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    """Return handshake headers as pairs.

    They have the forms of `check_fields()`. Raises InvalidHeaderError as that does, and for headers that the handshake
    sets.
    """
    pairs = check_fields(headers)
    for name, _ in pairs:
        if name.lower() in _HANDSHAKE_HEADERS:
            raise InvalidHeaderError(f"{name} is set by the handshake itself: leave it out")
    return pairs


def check_fields(headers: Mapping[str, str] | Iterable[str | tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    """Return the fields of an HTTP message as pairs.

    They come as a mapping, as pairs, or as Godot's "Name: value" strings. Raises InvalidHeaderError if one could not
    stand in a header block (RFC 9110 §5).
    """
    items = headers.items() if hasattr(headers, "items") else headers
    if not isinstance(items, Iterable):
        raise InvalidHeaderError(f"headers are a mapping, pairs or 'Name: value' strings, not {headers!r}")
    return tuple(map(_field, items))


def _field(item: object) -> tuple[str, str]:
    pair = item.partition(":")[::2] if isinstance(item, str) else item
    match pair:
        case (str(name), str(value)) if is_token(name):
            value = value.strip(" \t")
            if value.isascii() and all(c.isprintable() or c == "\t" for c in value):
                return name, value
    # Only its name is shown: the value may be a password.
    name = str(pair[0]).split(" ")[0] if isinstance(pair, (tuple, list)) and pair else type(item).__name__
    raise InvalidHeaderError(f"{name!r} is not a header: give printable ASCII, as in 'Name: value'")
