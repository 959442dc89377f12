"""Options: what a connection is opened with."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from .compression import Compression
from .display import without_password

if TYPE_CHECKING:
    from socket import socket
    from ssl import SSLContext


class Options(NamedTuple):
    """What a connection is opened with. Sizes are in bytes, times in seconds.

    `heartbeat_timeout` 0 stands for the interval. `keeps_handshake` is for those who want to look at
    `handshake_request` and `handshake_response` later. `server_hostname` is the name that the certificate is checked
    for, if it is not that of the URL. `parses_ahead` lets messages into `inbox` that came in one read, more than
    `max_queued_packets` if need be; they take memory either way. `backpressure` asks a page to hold the sender back
    where the engine can. `dial` is the host and the port to connect to in place of the URL's, `local_addr` the host and
    the port to connect from, `family` that of the addresses to be tried (0 for any). `keeps_fragments` has the
    transport tell fragments apart, see `take_fragments()`. `max_fragment_size` is the limit for one, 0 for that of a
    message. `proxy_tls` and `proxy_server_hostname` are for an HTTPS proxy. `attempt_delay` is the time until the next
    address is tried, 0 for that of RFC 8305, and `lookup_flags` are those of `socket.getaddrinfo()`.
    """

    subprotocols: tuple[str, ...] = ()
    headers: tuple[tuple[str, str], ...] = ()
    tls: SSLContext | None = None
    inbound_buffer_size: int = 16 * 1024 * 1024
    outbound_buffer_size: int = 16 * 1024 * 1024
    max_queued_packets: int = 65536
    handshake_timeout: float = 10.0
    close_timeout: float = 10.0
    heartbeat_interval: float = 0.0
    web_limits: bool = False
    compression: Compression | None = Compression()
    max_outbound_packets: int = 0
    proxy: str | bool | None = True
    unix_path: str | None = None
    sock: socket | None = None
    heartbeat_timeout: float = 0.0
    keeps_handshake: bool = False
    server_hostname: str = ""
    parses_ahead: bool = False
    backpressure: bool = False
    dial: tuple[str, int] | None = None
    local_addr: tuple[str, int] | None = None
    family: int = 0
    keeps_fragments: bool = False
    max_fragment_size: int = 0
    proxy_tls: SSLContext | None = None
    proxy_server_hostname: str = ""
    attempt_delay: float = 0.0
    lookup_flags: int = 0

    def __repr__(self) -> str:
        """Show what differs from the defaults, without passwords: not the headers' values, nor those of the proxy."""
        shown = []
        for name, value, default in zip(self._fields, self, Options(), strict=True):
            if value == default:
                continue
            text = repr(value)
            if name == "headers":
                text = repr([field for field, _ in self.headers])
            elif name == "proxy" and isinstance(value, str):
                text = repr(without_password(value))
            shown.append(f"{name}={text}")
        return f"Options({', '.join(shown)})"
