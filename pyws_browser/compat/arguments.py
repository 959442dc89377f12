"""Turns the arguments of `connect()` and `serve()` into the options of a transport, and refuses unsupported ones.

Names and defaults are those of `websockets.asyncio`.
"""

from __future__ import annotations

import platform
import sys
from math import inf
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias
from warnings import warn

from .._version import __version__
from ..errors import InvalidOptionError
from ..protocol import rules
from ..protocol.compression import Compression
from ..protocol.options import Options
from ..transport import IN_BROWSER

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from ssl import SSLContext

    from ..protocol.codecs import Codec

    Marks: TypeAlias = int | tuple[int | None, int | None] | None

AGENT: Final = f"Python/{platform.python_version().rpartition('.')[0]} pyws_browser/{__version__}"
"""The `User-Agent` and the `Server` header."""

ANY_PAGE: Final = "http://page.invalid/"
"""Completes a relative URL in a page, for checking it."""

PAGE_INBOX_BYTES: Final = 16 * 1024 * 1024
PAGE_INBOX_COUNT: Final = 65536
"""The default limit for unread messages in a page, which cannot hold the sender back."""

UNREAD_BYTES: Final = 16 * 1024 * 1024
"""What may wait to be received where no `max_size` says it: in messages, and in parts of a message each."""

_UNLIMITED: Final = sys.maxsize
_MAX_WINDOW: Final = 15  # bits (RFC 7692 §7.1.2)
_TCP: Final = 6
"""`socket.IPPROTO_TCP`, which a page does not load."""

_OF_TLS: Final = frozenset({"ssl_handshake_timeout", "ssl_shutdown_timeout"})
OF_CONNECT: Final = _OF_TLS | {
    *("flags", "proto", "happy_eyeballs_delay", "interleave", "all_errors"),
    *("proxy_ssl", "proxy_server_hostname"),
}
OF_CREATE_SERVER: Final = _OF_TLS | {"family", "flags", "reuse_address", "keep_alive"}
OF_CREATE_UNIX_SERVER: Final = _OF_TLS | {"cleanup_socket"}
OF_SOCKET: Final = frozenset({"family", "backlog", "reuse_port", "dualstack_ipv6"})
"""The arguments of asyncio's functions, and of `socket.create_server()`, that the signatures here do not name."""

_OF_ASYNCIO_SERVERS: Final = OF_CREATE_SERVER | OF_CREATE_UNIX_SERVER | {"reuse_port", "start_serving"}

DEFAULT_TLS: Final[Any] = object()
"""Stands for a missing `ssl` argument, because None has a meaning of its own."""


class ArgumentTypeError(InvalidOptionError, TypeError):
    """An argument has the wrong type."""


class Limits(NamedTuple):
    """The settings of a connection besides its transport's options."""

    write_limit: tuple[int, int]
    low_queue: int
    max_size: int


def limits(
    max_size: int | tuple[int | None, int | None] | None, max_queue: Marks, write_limit: Marks, *, web: bool
) -> tuple[Limits, dict[str, Any]]:
    """Return the limits of a connection, and the fields of its transport's options that hold them."""
    size, fragment_size = _sizes(max_size)
    high, low = _marks(max_queue, "max_queue")
    options: dict[str, Any] = {
        "max_queued_packets": max(high, 1),
        "inbound_buffer_size": size if size < _UNLIMITED else UNREAD_BYTES,
        "max_message_size": size,
        "max_fragment_size": fragment_size,
        "outbound_buffer_size": _UNLIMITED,
    }
    if web:
        options["max_queued_packets"] = max(high, PAGE_INBOX_COUNT)
        options["inbound_buffer_size"] = max(size, PAGE_INBOX_BYTES)
        options["max_message_size"] = 0
    return Limits(_marks(write_limit, "write_limit"), low, size), options


def times(
    open_timeout: float | None, close_timeout: float | None, ping_interval: float | None, ping_timeout: float | None
) -> dict[str, Any]:
    """Return the fields of the options that hold the time limits, in seconds; None means no limit, or no pings."""
    return {
        "handshake_timeout": _seconds(open_timeout, "open_timeout", or_zero=True),
        "close_timeout": _seconds(close_timeout, "close_timeout", or_zero=True),
        "heartbeat_interval": 0.0 if ping_interval is None else _seconds(ping_interval, "ping_interval"),
        "heartbeat_timeout": _seconds(ping_timeout, "ping_timeout"),
    }


def compression_of(
    compression: str | Compression | None, extensions: Sequence[Any] | None = None, *, is_client: bool = True
) -> Compression | None:
    """Return how to compress; raises InvalidOptionError for unknown values.

    `compression` is "deflate", a `Compression` or None. `extensions` may have one factory of
    `websockets.extensions.permessage_deflate`, which takes precedence.
    """
    if extensions:
        return _compression_of_factory(extensions, is_client=is_client)
    if isinstance(compression, Compression):
        return compression
    if compression not in ("deflate", None):
        raise InvalidOptionError(f"unsupported compression: {compression}")
    return None if compression is None else Compression()


def _compression_of_factory(extensions: Sequence[Any], *, is_client: bool) -> Compression:
    kind = f"{'Client' if is_client else 'Server'}PerMessageDeflateFactory"
    factory = extensions[0]
    if len(extensions) > 1 or type(factory).__name__ != kind:
        raise InvalidOptionError(f"the only extension there is here is one {kind}, not {extensions!r}")
    if factory.server_no_context_takeover != factory.client_no_context_takeover:
        raise InvalidOptionError("no_context_takeover is for both sides or for none here: set it for both")
    settings = dict(factory.compress_settings or {})
    level = settings.pop("level", Compression().level)
    settings.pop("memLevel", None)  # derived from the window here
    if settings:
        raise InvalidOptionError(f"of compress_settings, level and memLevel are known here, not {', '.join(settings)}")
    bits = [factory.client_max_window_bits, factory.server_max_window_bits]
    own, peer = bits if is_client else reversed(bits)
    return Compression(
        level=level,
        window_bits=_MAX_WINDOW if own in (None, True) else own,
        peer_window_bits=_MAX_WINDOW if peer in (None, True) else peer,
        no_context_takeover=factory.client_no_context_takeover,
    )


_FORMER_NAMES: Final = {
    "connect()": {
        "extra_headers": "additional_headers",
        "headers": "additional_headers",
        "header": "additional_headers",
        "timeout": "open_timeout",
        "protocols": "subprotocols",
        "ssl_context": "ssl",
        "sslopt": "ssl",
        "heartbeat": "ping_interval",
    },
    "serve()": {
        "extra_headers": "process_response",
        "protocols": "subprotocols",
        "ssl_context": "ssl",
        "origin": "origins",
        "timeout": "open_timeout",
        "heartbeat": "ping_interval",
        "max_message_size": "max_size",
    },
}
"""Names that earlier releases of `websockets` and other libraries have for arguments."""


def renamed_ssl(others: dict[str, Any], ssl: Any) -> Any:
    """Return `ssl_context`, the name of `ssl` before `websockets` 13; removes it from `others`."""
    if "ssl_context" not in others:
        return ssl
    warn("ssl_context was renamed to ssl", DeprecationWarning, stacklevel=4)
    return others.pop("ssl_context")


def check_others(others: Mapping[str, Any], *, function: str = "connect()", known: frozenset[str] = OF_CONNECT) -> None:
    """Raise TypeError for an argument that is not among those that `function` takes besides its own."""
    for name in others.keys() - known:
        meant = _FORMER_NAMES.get(function, {}).get(name)
        hint = ""
        if meant is not None:
            hint = f": did you mean {meant!r}?"
        elif name in _OF_ASYNCIO_SERVERS:
            hint = ": asyncio has it, but not for this kind of server"
        raise TypeError(f"{function} got an unexpected keyword argument {name!r}{hint}")


def asyncio_arguments(others: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of the options for the arguments of asyncio's `create_connection()`.

    Addresses are tried in turns of their families here, whatever `interleave` says, and one error names them all.
    Raises InvalidOptionError for a bad value.
    """
    delay, flags, protocol = others.get("happy_eyeballs_delay"), others.get("flags") or 0, others.get("proto") or 0
    if delay is not None and (not isinstance(delay, (int, float)) or not delay > 0):
        raise InvalidOptionError(f"happy_eyeballs_delay is a number of seconds above 0, or None, not {delay!r}")
    if not isinstance(flags, int):
        raise InvalidOptionError(f"flags are those of socket.getaddrinfo(), not {flags!r}")
    if protocol not in (0, _TCP):
        raise InvalidOptionError(f"proto is 0 or socket.IPPROTO_TCP, not {protocol!r}")
    if others.get("all_errors"):
        raise InvalidOptionError("all_errors is not supported: the one error here names every address that was tried")
    return {"attempt_delay": delay or 0.0, "lookup_flags": int(flags), **tls_times(others)}


def tls_times(others: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of the options that hold the time limits of TLS, in seconds.

    Raises InvalidOptionError for one that is not above 0.
    """
    fields = {"tls_handshake_timeout": "ssl_handshake_timeout", "tls_shutdown_timeout": "ssl_shutdown_timeout"}
    return {field: 0.0 if others.get(name) is None else _seconds(others[name], name) for field, name in fields.items()}


def serving_tls(others: Mapping[str, Any], ssl: Any) -> dict[str, Any]:
    """Return the fields of a server's options that are about TLS; raises InvalidOptionError for a bad value."""
    for name in sorted(_OF_TLS):
        if ssl is None and others.get(name) is not None:
            raise InvalidOptionError(f"{name} is only meaningful with ssl")
    if ssl is not None and not hasattr(ssl, "wrap_bio"):
        raise ArgumentTypeError(f"ssl is an SSLContext or None, not {ssl!r}")
    return {"tls": ssl, **tls_times(others)}


def tls_of(ssl: SSLContext | bool | None, server_hostname: str | None = None, *, secure: bool) -> SSLContext | None:
    """Return the context to use, None for the default one; raises InvalidOptionError if it does not fit the URL.

    `ssl` is `DEFAULT_TLS` if the program did not pass it.
    """
    if server_hostname and not secure:
        raise InvalidOptionError("server_hostname belongs to wss://, and the URL is ws://")
    if ssl is None and secure:
        raise InvalidOptionError("ssl=None is incompatible with a wss:// URI")
    if ssl not in (None, False, DEFAULT_TLS) and not secure:
        raise InvalidOptionError("ssl argument is incompatible with a ws:// URI")
    if ssl in (None, True, DEFAULT_TLS) or IN_BROWSER:
        return None
    if not hasattr(ssl, "wrap_bio"):
        raise InvalidOptionError(f"ssl is an SSLContext or True, not {ssl!r}")
    return ssl  # type: ignore[return-value]


def proxy_tls_of(others: dict[str, Any], proxy: str | bool | None) -> dict[str, Any]:
    """Return the fields of the options for TLS to a proxy; removes its arguments from `others`."""
    given = [argument for argument in ("proxy_ssl", "proxy_server_hostname") if argument in others]
    context = others.pop("proxy_ssl", True)
    name = others.pop("proxy_server_hostname", None)
    scheme = proxy.partition("://")[0].lower() if isinstance(proxy, str) else ""
    if scheme == "https" and context is None:
        raise InvalidOptionError("proxy_ssl=None is incompatible with an https:// proxy")
    if given and scheme not in ("", "https"):
        raise InvalidOptionError(f"{given[0]} argument is incompatible with an {scheme}:// proxy")
    if context not in (None, True) and not hasattr(context, "wrap_bio"):
        raise InvalidOptionError(f"proxy_ssl is an SSLContext or True, not {context!r}")
    return {"proxy_tls": None if context is True else context, "proxy_server_hostname": name or ""}


def subprotocols_of(subprotocols: Sequence[str] | None) -> tuple[str, ...]:
    """Return the subprotocols; raises ArgumentTypeError for a str, and InvalidSubprotocolError for a bad one."""
    if isinstance(subprotocols, (str, bytes)):
        raise ArgumentTypeError(f"subprotocols must be a list, not a {type(subprotocols).__name__}")
    return rules.check_subprotocols(subprotocols or ())


def codec_of(codec: Codec | str) -> Codec | str:
    """Return the codec; "json" stays a name, so that a page loads no codec before its first use."""
    if codec == "json":
        return codec
    from ..protocol import codecs

    return codecs.codec_of(codec)


def base_options(**fields: Any) -> Options:
    """Return options with these fields, and the defaults of `aio` for the rest."""
    return Options(keeps_handshake=True, parses_ahead=True, keeps_fragments=True, **fields)


def _sizes(max_size: int | tuple[int | None, int | None] | None) -> tuple[int, int]:
    """Return the limits of a message and of a fragment."""
    sizes = max_size if isinstance(max_size, tuple) else (max_size, max_size)
    if any(size is not None and (not isinstance(size, int) or size < 1) for size in sizes) or len(sizes) != 2:
        raise InvalidOptionError(f"max_size is a number of bytes from 1 on, None, or a pair of those, not {max_size!r}")
    message, fragment = (_UNLIMITED if size is None else size for size in sizes)
    return message, min(message, fragment)


def _marks(value: Marks, name: str) -> tuple[int, int]:
    """Return the high and the low water mark; the low one defaults to a quarter of the high one."""
    high, low = value if isinstance(value, tuple) else (value, None)
    if high is None:
        high = _UNLIMITED if low is None else 4 * low
    if low is None:
        low = high // 4
    if not isinstance(high, int) or not isinstance(low, int) or not 0 <= low <= high:
        raise InvalidOptionError(f"{name} is (high, low) with high >= low >= 0, or the first alone, not {value!r}")
    return high, low


def _seconds(value: float | None, name: str, *, or_zero: bool = False) -> float:
    if value is None:
        return inf
    if not isinstance(value, (int, float)) or not (value > 0 or (or_zero and value == 0)):
        least = "from 0 on" if or_zero else "above 0"
        raise InvalidOptionError(f"{name} is a number of seconds {least}, or None, not {value!r}")
    return float(value)
