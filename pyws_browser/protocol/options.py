"""Options: the settings that a connection is opened with."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from .compression import Compression
from .display import without_password

if TYPE_CHECKING:
    from socket import socket
    from ssl import SSLContext


class Options(NamedTuple):
    """The settings that a connection is opened with. Sizes are in bytes, times in seconds.

    A frozen dataclass is slower: it takes 9.5 µs to make and 9.9 µs to copy with a change, this named tuple 0.6 µs and
    1.3 µs (CPython 3.11; 3.13 is similar), while the whole of `WebSocketPeer()` takes 5 µs.
    """

    subprotocols: tuple[str, ...] = ()
    """The subprotocols to offer or to accept, in the order of preference."""
    headers: tuple[tuple[str, str], ...] = ()
    """Further headers of the opening handshake."""
    tls: SSLContext | None = None
    """The TLS context of wss; None for the system's certificates."""
    inbound_buffer_size: int = 16 * 1024 * 1024
    """The limit for all messages in the inbox, and for one incoming message if `max_message_size` is 0."""
    outbound_buffer_size: int = 16 * 1024 * 1024
    """The limit for all messages that wait to be sent."""
    max_queued_packets: int = 65536
    """The limit for how many messages wait in the inbox."""
    handshake_timeout: float = 10.0
    """The time from the first dial until the connection is open."""
    close_timeout: float = 10.0
    """The time that the other side has to answer the Close frame."""
    heartbeat_interval: float = 0.0
    """The time between two pings; 0 for no pings."""
    web_limits: bool = False
    """Whether to keep to the limits of a browser."""
    compression: Compression | None = Compression()
    """The terms of permessage-deflate to offer or to accept; None for no compression."""
    max_outbound_packets: int = 0
    """The limit for how many messages wait to be sent; 0 for none."""
    proxy: str | bool | None = True
    """The URL of a proxy, True for the one that the system names, None or False for none."""
    unix_path: str | None = None
    """The path of the unix socket to connect to, in place of an address."""
    sock: socket | None = None
    """The connected socket to use."""
    heartbeat_timeout: float = 0.0
    """The time in which a ping has to be answered; 0 for `heartbeat_interval`."""
    keeps_handshake: bool = False
    """Whether to keep `handshake_request` and `handshake_response`."""
    server_hostname: str = ""
    """The name that the certificate must have; "" for the host of the URL."""
    parses_ahead: bool = False
    """Whether all messages of one read go into the inbox, even if more than `max_queued_packets`.

    They take memory either way.
    """
    backpressure: bool = False
    """Whether a page holds the sender back, where the engine can."""
    dial: tuple[str, int] | None = None
    """The host and the port to connect to, in place of those of the URL."""
    local_addr: tuple[str, int] | None = None
    """The host and the port to connect from."""
    family: int = 0
    """The family of the addresses to try; 0 for any."""
    keeps_fragments: bool = False
    """Whether the transport records where fragments end: see `Transport.take_fragments()`."""
    max_fragment_size: int = 0
    """The limit for one fragment; 0 for that of a message."""
    proxy_tls: SSLContext | None = None
    """The TLS context for an HTTPS proxy; None for the system's certificates."""
    proxy_server_hostname: str = ""
    """The name that the certificate of an HTTPS proxy must have; "" for the host of its URL."""
    attempt_delay: float = 0.0
    """The time until the next address is tried; 0 for that of RFC 8305."""
    lookup_flags: int = 0
    """The flags of `socket.getaddrinfo()`."""
    tls_handshake_timeout: float = 0.0
    """The time that TLS's handshake may take; 0 for what is left of `handshake_timeout`."""
    max_message_size: int = 0
    """The limit for one message that comes, where it is another one than that of the inbox."""
    tls_shutdown_timeout: float = 0.0
    """The time in which the TCP connection has to end after the Close frames; 0 for that of the transport."""

    def __repr__(self) -> str:
        """Show the fields that differ from the defaults, without header values and the proxy's password."""
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
