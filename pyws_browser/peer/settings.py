"""The settings of a connection, as the properties that peers and servers have in common.

They are read when a connection is opened: a later change holds for the next one.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from ..attributes import KnownAttributes
from ..errors import InvalidOptionError
from ..protocol import rules
from ..protocol.compression import Compression

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ..protocol.options import Options


class ConnectionSettings(KnownAttributes):
    """Limits, time limits, and the fields of the opening handshake."""

    def __init__(self, options: Options) -> None:
        self._options = options

    @property
    def supported_protocols(self) -> tuple[str, ...]:
        """The subprotocols to offer or to accept, in the order of preference (Godot 4)."""
        return self._options.subprotocols

    @supported_protocols.setter
    def supported_protocols(self, protocols: Iterable[str]) -> None:
        self._options = self._options._replace(subprotocols=rules.check_subprotocols(protocols))

    @property
    def handshake_headers(self) -> tuple[tuple[str, str], ...]:
        """Further headers of the opening handshake (Godot 4; not in a page).

        A mapping, pairs, or Godot's "Name: value" strings can be assigned.
        """
        return self._options.headers

    @handshake_headers.setter
    def handshake_headers(self, headers: Mapping[str, str] | Iterable[str | tuple[str, str]]) -> None:
        pairs = rules.check_headers(headers)
        if pairs:
            self._refuse_in_browser("handshake_headers")
        self._options = self._options._replace(headers=pairs)

    @property
    def inbound_buffer_size(self) -> int:
        """The most bytes of one message, and of all unfetched packets (Godot 4); 16 MiB by default.

        A larger message ends the connection with 1009, in a page with 4009. Where more packets wait, the desktop lets
        TCP hold the sender back, and a page closes with 4008 unless it has `backpressure`.
        """
        return self._options.inbound_buffer_size

    @inbound_buffer_size.setter
    def inbound_buffer_size(self, size: int) -> None:
        self._options = self._options._replace(inbound_buffer_size=_whole(size, "inbound_buffer_size"))

    @property
    def outbound_buffer_size(self) -> int:
        """Payload bytes that may wait to be sent (Godot 4); 16 MiB by default."""
        return self._options.outbound_buffer_size

    @outbound_buffer_size.setter
    def outbound_buffer_size(self, size: int) -> None:
        self._options = self._options._replace(outbound_buffer_size=_whole(size, "outbound_buffer_size"))

    @property
    def max_queued_packets(self) -> int:
        """Packets that may wait to be fetched (Godot 4); 65,536 by default. See `inbound_buffer_size`."""
        return self._options.max_queued_packets

    @max_queued_packets.setter
    def max_queued_packets(self, count: int) -> None:
        self._options = self._options._replace(max_queued_packets=_whole(count, "max_queued_packets"))

    @property
    def max_outbound_packets(self) -> int:
        """Packets that may wait to be sent; 0, the default, for no limit except `outbound_buffer_size`.

        They are counted by their bytes, so more compressed or empty packets may wait.
        """
        return self._options.max_outbound_packets

    @max_outbound_packets.setter
    def max_outbound_packets(self, count: int) -> None:
        if count != 0:
            _whole(count, "max_outbound_packets")
        self._options = self._options._replace(max_outbound_packets=count)

    @property
    def handshake_timeout(self) -> float:
        """Seconds within which a connection has to be open (Godot); 10 by default.

        For this and the other time limits, a pause between two polls counts as at most a quarter of the limit: so a
        busy program first gets what has arrived in the meantime.
        """
        return self._options.handshake_timeout

    @handshake_timeout.setter
    def handshake_timeout(self, seconds: float) -> None:
        self._options = self._options._replace(handshake_timeout=_positive(seconds, "handshake_timeout"))

    @property
    def close_timeout(self) -> float:
        """Seconds within which the other side has to answer `close()`; 10 by default.

        They start when the Close frame has left. Until then they restart whenever the other side receives data, so that
        on a slow network everything sent before arrives.
        """
        return self._options.close_timeout

    @close_timeout.setter
    def close_timeout(self, seconds: float) -> None:
        self._options = self._options._replace(close_timeout=_positive(seconds, "close_timeout"))

    @property
    def heartbeat_interval(self) -> float:
        """Seconds between pings, 0 for none (Godot 4; not in a page).

        If the other side gives no sign of life for a whole interval after a ping has left, the connection ends with
        1006. A sign of life is any received data, and progress in sending data that waits.
        """
        return self._options.heartbeat_interval

    @heartbeat_interval.setter
    def heartbeat_interval(self, seconds: float) -> None:
        if seconds != 0:
            seconds = _positive(seconds, "heartbeat_interval")
            self._refuse_in_browser("heartbeat_interval")
        self._options = self._options._replace(heartbeat_interval=float(seconds))

    @property
    def compression(self) -> Compression | None:
        """How to use permessage-deflate if the other side agrees; None turns it off (RFC 7692; not in a page).

        True and False can be assigned too. In a page the browser decides, and every browser offers compression: None
        and False change nothing there, and other values are refused.
        """
        return self._options.compression

    @compression.setter
    def compression(self, compression: Compression | bool | None) -> None:
        wanted = _compression(compression)
        if wanted is not None:
            self._refuse_in_browser("compression")
        self._options = self._options._replace(compression=wanted)

    def _refuse_in_browser(self, feature: str) -> None:
        if self._options.web_limits:
            raise rules.unsupported(feature)


class ClientSettings(ConnectionSettings):
    """The settings of a client: those of a connection, and the way to the server."""

    @property
    def backpressure(self) -> bool:
        """Whether a page holds the sender back when the inbound limits are reached; False by default.

        That needs an engine with `WebSocketStream`, such as Chromium; elsewhere, and under `web_limits` on the desktop,
        the connection closes with 4008. Otherwise the desktop always holds the sender back. `has_backpressure` tells
        which applies.
        """
        return self._options.backpressure

    @backpressure.setter
    def backpressure(self, wanted: bool) -> None:
        if not isinstance(wanted, bool):
            raise InvalidOptionError(f"backpressure is True or False, not {wanted!r}")
        self._options = self._options._replace(backpressure=wanted)

    @property
    def proxy(self) -> str | bool | None:
        """The proxy to connect through: its URL, None for none, True for that of the environment (not in a page).

        The URL is http://, https:// or socks5://host:port, with user:password@ before the host where it is needed. True
        uses `https_proxy`, `no_proxy` and similar variables, and the system's settings on Windows and macOS, but no
        proxy for this machine itself. The proxy resolves the server's name. In a page None changes nothing, because the
        browser uses its own proxy settings, and other values are refused.
        """
        return self._options.proxy

    @proxy.setter
    def proxy(self, proxy: str | bool | None) -> None:
        if proxy not in (None, False):
            self._refuse_in_browser("proxy")
        if isinstance(proxy, str):
            from ..wire.proxy import parse_proxy

            parse_proxy(proxy)
        elif proxy not in (True, False, None):
            raise InvalidOptionError(f"proxy is a URL, None or True, not {proxy!r}")
        self._options = self._options._replace(proxy=proxy or None)

    @property
    def unix_path(self) -> str | None:
        """The path of the unix socket to connect to, None for the URL's host and port (not in a page).

        The URL still gives the Host header, the resource, and the name in the server's certificate.
        """
        return self._options.unix_path

    @unix_path.setter
    def unix_path(self, path: str | os.PathLike[str] | None) -> None:
        if path is not None:
            self._refuse_in_browser("unix_path")
            if not isinstance(path, (str, os.PathLike)):
                raise InvalidOptionError(f"unix_path is a path, or None, not {path!r}")
            path = os.fspath(path)
        self._options = self._options._replace(unix_path=path)


def web_limits_by_default() -> bool:
    """Tell whether the environment variable PYWS_WEB_LIMITS limits peers to what a page can do."""
    return os.environ.get("PYWS_WEB_LIMITS", "") not in ("", "0")


def _whole(value: int, name: str) -> int:
    if not isinstance(value, int) or value < 1:
        raise InvalidOptionError(f"{name} is a whole number from 1 on, not {value!r}")
    return value


def _positive(value: float, name: str) -> float:
    if not isinstance(value, (int, float)) or not value > 0:
        raise InvalidOptionError(f"{name} is a number of seconds above 0, not {value!r}")
    try:
        return float(value)
    except OverflowError as exc:
        raise InvalidOptionError(f"{name} is a number of seconds, and not so many: {exc}") from None


def _compression(value: Compression | bool | None) -> Compression | None:
    if value is True:
        return Compression()
    if not value:
        return None
    if not isinstance(value, Compression):
        raise InvalidOptionError(f"compression is a Compression, True or False, not {value!r}")
    bits = range(9, 16)
    if value.min_size < 0 or value.level not in range(1, 10):
        raise InvalidOptionError(f"{value!r} cannot be used: min_size is from 0 on, level from 1 to 9")
    if value.window_bits not in bits or value.peer_window_bits not in bits:
        raise InvalidOptionError(f"{value!r} cannot be used: window_bits and peer_window_bits are from 9 to 15")
    return value
