"""Options: what a connection is opened with."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from .compression import Compression

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
    message.
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
