"""WebSocketPeer: one end of one WebSocket connection, the same in a page and on the desktop."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, TypeAlias
from warnings import warn

from ..errors import (
    AlreadyConnectedError,
    Error,
    InvalidMessageTypeError,
    InvalidOptionError,
    NoPacketError,
    NotConnectedError,
    WebSocketError,
)
from ..packet_peer import PacketPeer
from ..protocol import rules
from ..protocol.options import Options
from ..protocol.vocabulary import OPEN, NamedNumber, State
from ..transport import IN_BROWSER, connect
from .endpoint import Endpoint, not_open
from .settings import ClientSettings, web_limits_by_default
from .values import Values

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from socket import socket
    from ssl import SSLContext
    from types import TracebackType
    from typing import Self

    from typing_extensions import Buffer

    from ..transport.base import Transport

    Connector: TypeAlias = Callable[[str, Options], Transport]


_CONNECTING: Final = State.CONNECTING
_OK: Final = Error.OK  # CPython 3.11 takes 0.1 µs to find a member in its enum


class WriteMode(NamedNumber):
    """How `put_packet()` sends (Godot `WebSocketPeer.WriteMode`)."""

    TEXT = 0
    BINARY = 1


class WebSocketPeer(Endpoint, Values, PacketPeer, ClientSettings):
    """One end of a WebSocket connection (Godot 3 and 4, `WebSocketPeer`).

    It connects with `connect_to_url()`; from then on the program calls `poll()` often, once a frame say. Nothing
    blocks, and between polls the state changes only by the program's own calls. A peer whose state is CLOSED can
    connect again. It belongs to the thread that connected it. The settings are read when it connects.

    `web_limits` restricts a desktop peer to what a page can do, so that a desktop test shows that the page will work;
    None leaves that to the environment variable PYWS_WEB_LIMITS. `connector` opens the connection; None uses the
    platform's own; `MemoryNetwork.connect` is another.
    """

    WRITE_MODE_TEXT = WriteMode.TEXT
    WRITE_MODE_BINARY = WriteMode.BINARY
    STATE_CONNECTING = State.CONNECTING
    STATE_OPEN = State.OPEN
    STATE_CLOSING = State.CLOSING
    STATE_CLOSED = State.CLOSED

    def __init__(self, *, web_limits: bool | None = None, connector: Connector | None = None) -> None:
        if web_limits is None:
            web_limits = web_limits_by_default()
        Endpoint.__init__(self)
        PacketPeer.__init__(self)
        ClientSettings.__init__(self, Options(web_limits=IN_BROWSER or web_limits))
        self._connector: Connector = connector or connect
        self._write_mode = WriteMode.BINARY

    @classmethod
    def from_transport(cls, transport: Transport) -> Self:
        """Return a peer for a connection that was opened elsewhere: by a server or an in-memory network."""
        peer = cls(web_limits=transport.options.web_limits)
        peer._options = transport.options
        peer._attach(transport)
        return peer

    # Connecting and closing.

    def connect_to_url(
        self,
        url: str,
        protocols: Iterable[str] | None = None,
        *,
        tls: SSLContext | None = None,
        sock: socket | None = None,
    ) -> None:
        """Begin to connect; `poll()` goes on with it (Godot 4 `WebSocketPeer.connect_to_url`).

        `url` is read by the WHATWG rules: ws, wss, http or https, no fragment, relative only in a page. `protocols` are
        the subprotocols to offer, `supported_protocols` if None. `tls` replaces the default certificate checks; `sock`
        is a connected socket, which the peer owns from then on (both CPython only). Unfetched packets of the previous
        connection are dropped.

        Raises:
            InvalidURLError, InvalidSubprotocolError, InvalidOptionError: nothing was begun.
            UnsupportedInBrowserError: `tls` or `sock` in a page, or ws from an https page.
            AlreadyConnectedError: it is connecting or connected, or it is closing with bytes left to send.

        An old connection that is closing ends without waiting for the other side's Close frame (Godot 4.6).

        """
        leaving = self._check_free()
        if tls is not None:
            self._refuse_in_browser("tls")
            _check_context(tls)
        if sock is not None:
            self._refuse_in_browser("sock")
        options = self._options._replace(tls=tls, sock=sock)
        if protocols is not None:
            options = options._replace(subprotocols=rules.check_subprotocols(protocols))
        transport = self._connector(url, options)
        if leaving is not None:
            leaving.see_off()
        self._attach(transport)

    def close(self, code: int | None = 1000, reason: str = "") -> None:
        """Begin the closing handshake (Godot and WHATWG, `close`).

        Messages put before go out first. Packets that arrive later are discarded; those that have arrived can still be
        fetched. Does nothing if the connection is closing or closed. `code` is 1000 or one of 3000–4999, on the desktop
        also any other that RFC 6455 §7.4 allows; None sends no code, which the other side sees as 1005. `reason` has at
        most 123 bytes of UTF-8.

        Raises:
            InvalidCloseCodeError, InvalidCloseReasonError: nothing was sent, the connection stays open.
            UnsupportedCloseCodeError: a code that only the desktop may send.

        """
        rules.check_close(code, reason, web=self._options.web_limits)
        transport = self._transport
        if transport is not None:
            self._check_thread()
            if transport.ready_state in (State.CONNECTING, State.OPEN):
                transport.close(code, reason)

    def abort(self) -> None:
        """End the connection at once, without a closing handshake; unsent data is lost."""
        if self._transport is not None:
            self._check_thread()
            self._transport.abort()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close without waiting for the other side's answer, and release everything."""
        transport = self._transport
        if transport is None:
            return
        self.close()
        unsent = transport.see_off()
        if unsent and not IN_BROWSER:
            warn(
                f"{unsent} bytes had not been sent when the peer was left: poll() until "
                "get_current_outbound_buffered_amount() is 0 before",
                ResourceWarning,
                stacklevel=2,
            )

    # The state.

    def get_ready_state(self) -> State:
        """Return the ready state; CLOSED before the first connection (Godot 4)."""
        transport = self._transport
        if transport is None:
            return State.CLOSED
        state = transport.ready_state
        if state is _CONNECTING:
            self._look_for_polls(transport)
        return state

    def is_connected_to_host(self) -> bool:
        """Tell whether the state is OPEN (Godot 3)."""
        return self.get_ready_state() is State.OPEN

    def get_close_code(self) -> int:
        """Return the close code once the state is CLOSED, -1 before (Godot 4).

        1005 stands for a Close frame without a code, 1006 for an end without a Close frame, as in a browser.
        """
        status = None if self._transport is None else self._transport.close_status
        return -1 if status is None else int(status.code)

    def get_close_reason(self) -> str:
        """Return the close reason once the state is CLOSED, "" before (Godot 4)."""
        status = None if self._transport is None else self._transport.close_status
        return "" if status is None else status.reason

    @property
    def was_clean_close(self) -> bool:
        """Whether the connection ended with a complete closing handshake, begun by either side."""
        status = None if self._transport is None else self._transport.close_status
        return status is not None and status.was_clean

    @property
    def close_cause(self) -> WebSocketError | None:
        """The exception that ended the connection, if any. A page knows little of it; the desktop names the cause."""
        status = None if self._transport is None else self._transport.close_status
        return None if status is None else status.cause

    def get_selected_protocol(self) -> str:
        """Return the negotiated subprotocol, "" for none (Godot 4)."""
        return "" if self._transport is None else self._transport.subprotocol

    def get_requested_url(self) -> str:
        """Return the URL in its normal form, as a browser's `url` has it; "" before the first connection (Godot 4)."""
        return "" if self._transport is None else str(self._transport.url)

    @property
    def has_backpressure(self) -> bool:
        """Whether a full inbound queue holds the sender back, or else ends the connection. See `backpressure`."""
        return self._transport is not None and self._transport.has_backpressure

    def get_connected_host(self) -> str:
        """Return the other side's IP address (Godot; not in a page)."""
        self._refuse_in_browser("get_connected_host()")
        return self._connected().remote_address()[0]

    def get_connected_port(self) -> int:
        """Return the other side's port (Godot; not in a page)."""
        self._refuse_in_browser("get_connected_port()")
        return self._connected().remote_address()[1]

    def set_no_delay(self, enabled: bool) -> None:
        """Switch Nagle's algorithm off or on; it is off from the start (Godot; not in a page)."""
        self._refuse_in_browser("set_no_delay()")
        self._connected().set_no_delay(enabled)

    def fileno(self) -> int:
        """Return a descriptor for `select` that is readable when `poll()` has something to do (not in a page).

        While the queue is full nothing is read: after fetching, call `poll()` once before waiting again. Raises
        NotConnectedError before there is a TCP connection.
        """
        self._refuse_in_browser("fileno()")
        if self._transport is None:
            raise NotConnectedError("the peer has no connection: call connect_to_url() first")
        return self._transport.fileno()

    def ping(self, payload: Buffer = b"") -> None:
        """Send a Ping frame of at most 125 bytes; the pong sets `latency` (RFC 6455 §5.5.2; not in a page)."""
        self._refuse_in_browser("ping()")
        self._connected().ping(rules.check_ping(payload))

    @property
    def latency(self) -> float:
        """Seconds from the last answered ping to its pong, 0.0 before the first (not in a page)."""
        self._refuse_in_browser("latency")
        return 0.0 if self._transport is None else self._transport.latency

    # Sending.

    def get_write_mode(self) -> WriteMode:
        """Return how `put_packet()` sends; BINARY by default (Godot 3)."""
        return self._write_mode

    def set_write_mode(self, mode: WriteMode) -> None:
        """Let `put_packet()` send text or binary messages (Godot 3)."""
        try:
            self._write_mode = WriteMode(mode)
        except ValueError:
            raise InvalidOptionError(f"not a write mode: {mode!r}; use WRITE_MODE_TEXT or WRITE_MODE_BINARY") from None

    def put_packet(self, packet: Buffer) -> None:
        """Send a packet as `write_mode` says, at once if possible (Godot `PacketPeer.put_packet`).

        Raises:
            NotConnectedError: the state is not OPEN.
            InvalidTextError: the mode is TEXT and the packet is not UTF-8.
            InvalidMessageTypeError: the packet is not bytes-like.
            OutboundBufferFullError: `outbound_buffer_size` would be exceeded. Nothing was sent, the connection stays.

        """
        data = rules.as_bytes(packet)
        message = rules.as_text(data) if self._write_mode is WriteMode.TEXT else data
        self._connected().send(message)

    def send_text(self, text: str) -> None:
        """Send a text message; raises as `send()` does (Godot 4)."""
        if not isinstance(text, str):
            raise InvalidMessageTypeError(f"a text is str, not {type(text).__name__}: send() sends bytes")
        self.send(text)

    @contextmanager
    def batch(self) -> Iterator[None]:
        """Gather messages inside the `with` block and send them together at its end, which is much faster."""
        transport = self._connected()
        if transport.is_held:  # by an outer batch, which will send them
            yield
            return
        transport.is_held = True
        try:
            yield
        finally:
            transport.is_held = False
            transport.release()

    # Receiving.

    def get_packet(self) -> bytes:
        """Fetch the next packet, text as its UTF-8; `was_string_packet()` then tells which it was (Godot).

        Raises NoPacketError if there is none.
        """
        message = self.receive()
        if message is None:
            self._packet_error = Error.ERR_UNAVAILABLE
            raise NoPacketError("there is no packet: poll(), and ask get_available_packet_count() before")
        if self._packet_error is not _OK:
            self._packet_error = _OK
        return message.encode() if isinstance(message, str) else message

    def _fetched_text(self) -> bool:
        return self.was_string_packet()

    # Godot's getters under Python's names.

    @property
    def write_mode(self) -> WriteMode:
        """How `put_packet()` sends."""
        return self._write_mode

    @write_mode.setter
    def write_mode(self, mode: WriteMode) -> None:
        self.set_write_mode(mode)

    @property
    def ready_state(self) -> State:
        """The same as `get_ready_state()`."""
        return self.get_ready_state()

    @property
    def close_code(self) -> int:
        """The same as `get_close_code()`."""
        return self.get_close_code()

    @property
    def close_reason(self) -> str:
        """The same as `get_close_reason()`."""
        return self.get_close_reason()

    @property
    def selected_protocol(self) -> str:
        """The same as `get_selected_protocol()`."""
        return self.get_selected_protocol()

    @property
    def requested_url(self) -> str:
        """The same as `get_requested_url()`."""
        return self.get_requested_url()

    def __repr__(self) -> str:
        where = f" {self._transport.url.shown}" if self._transport is not None else ""
        return f"<{type(self).__name__}{where} {self.get_ready_state().name}>"

    # The internals.

    def _check_free(self) -> Transport | None:
        """Raise AlreadyConnectedError unless the peer can connect; return the old connection if it is still closing."""
        transport = self._transport
        if transport is None:
            return None
        self._check_thread()
        if transport.ready_state is State.CLOSING:
            transport.poll()
        if transport.ready_state is State.CLOSED:
            return None
        if transport.ready_state is not State.CLOSING:
            raise AlreadyConnectedError(
                f"the peer is connected to {transport.url.shown}: close() it, or take another peer"
            )
        unsent = 0 if IN_BROWSER else transport.buffered_amount  # a browser goes on sending by itself
        if unsent:
            raise AlreadyConnectedError(
                f"the peer is closing, and {unsent} bytes for {transport.url.shown} are not sent yet: poll() until "
                "they are, abort() to give them up, or take another peer"
            )
        return transport

    def _connected(self) -> Transport:
        """Return the transport if it is OPEN."""
        transport = self._transport
        if transport is None:
            raise not_open(None)
        self._check_thread()
        if transport.ready_state is not OPEN:
            raise not_open(transport)
        return transport


def _check_context(tls: SSLContext) -> None:
    import ssl  # which a page does not have

    if not isinstance(tls, ssl.SSLContext):
        raise InvalidOptionError(f"tls is an ssl.SSLContext, not {tls!r}")
