"""WebSocketClient: one connection that reports its events by signals (Godot 3 `WebSocketClient`)."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, TypeAlias

from ..errors import AlreadyConnectedError, NoSuchPeerError
from ..peer.links import EMIT_TIME, Clock, Link
from ..peer.settings import ClientSettings, web_limits_by_default
from ..peer.websocket_peer import WebSocketPeer
from ..protocol import rules
from ..protocol.display import without_password
from ..protocol.options import Options
from ..protocol.vocabulary import State
from ..signals import Signal
from ..transport import IN_BROWSER, connect
from .dialects import SERVER
from .multiplayer_peer import ConnectionStatus, WebSocketMultiplayerPeer

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterable, Mapping
    from ssl import SSLContext
    from types import TracebackType
    from typing import Self

    from ..peer.websocket_peer import Connector
    from ..protocol.vocabulary import CloseStatus

    TrustedCertificate: TypeAlias = str | bytes | os.PathLike[str] | SSLContext


class ServerPeer(WebSocketPeer):
    """The peer of a client's connection, which the client polls."""

    is_watched: bool = False
    """Whether the program has asked for the descriptor, so it may sleep until it is readable."""

    def fileno(self) -> int:
        """Return a descriptor, as `WebSocketPeer.fileno()` does; it is for `poll()` of the client."""
        descriptor = super().fileno()
        self.is_watched = True
        return descriptor


class WebSocketClient(WebSocketMultiplayerPeer, ClientSettings):
    """Connects to a server; `poll()` it often (Godot 3 `WebSocketClient`).

    These signals are emitted in `poll()`, in the order in which things happened:

    - `connection_established(protocol)`: the connection is open. `get_peer(1)` is the peer to talk through.
    - `data_received()`: emitted once for every message. Messages wait in `get_peer(1)`.
    - `server_close_request(code, reason)`: the server began to close; 1005 is for a Close frame without a code.
    - `connection_closed(was_clean_close)`: an open connection has ended. Its messages can still be fetched.
    - `connection_error()`: connecting failed, and `get_peer(1).close_cause` says why.

    In multiplayer mode (`gd_mp_api`), `server_close_request` is emitted as well, and instead of the others:

    - `peer_connected(id)`, `peer_disconnected(id)`, `peer_packet(source)`, `peer_error(id, error)`
    - `connection_succeeded()`: the session has begun; it follows `peer_connected(1)`.
    - `connection_failed()`: it ended before it had begun.
    - `server_disconnected()`: the session has ended, whichever side closed it.

    `web_limits` and `connector` are those of `WebSocketPeer`. The settings are read when it connects.
    """

    def __init__(self, *, web_limits: bool | None = None, connector: Connector | None = None) -> None:
        if web_limits is None:
            web_limits = web_limits_by_default()
        super().__init__(Options(web_limits=IN_BROWSER or web_limits))
        failed = self._on_task_failed
        self.connection_established: Signal[str] = Signal(failed)
        self.connection_closed: Signal[bool] = Signal(failed)
        self.connection_error: Signal[()] = Signal(failed)
        self.server_close_request: Signal[int, str] = Signal(failed)
        self.data_received: Signal[()] = Signal(failed)
        self._connector: Connector = connector or connect
        self._verify_ssl = True
        self._certificate: TrustedCertificate | None = None
        self._peer = WebSocketPeer(web_limits=self._options.web_limits, connector=connector)
        self._link: Link | None = None  # until all signals of its end were emitted
        self._leaving: list[WebSocketPeer] = []
        self._is_behind = False

    def connect_to_url(
        self,
        url: str,
        protocols: Iterable[str] | None = None,
        gd_mp_api: bool = False,
        custom_headers: Mapping[str, str] | Iterable[str | tuple[str, str]] | None = None,
        *,
        dialect: int = 3,
    ) -> None:
        """Begin to connect; `poll()` goes on with it (Godot 3 `WebSocketClient.connect_to_url`).

        `protocols` are the subprotocols to offer, `supported_protocols` if None; `custom_headers` further headers of
        the request, as "Name: value" strings, pairs or a mapping, `handshake_headers` if None (not in a page).
        `gd_mp_api` joins a multiplayer session: `dialect` 3 is that of Godot 3, 4 that of Godot 4, which also makes
        `put_var()` write Godot 4's Variants.

        `get_peer(1)` is a new peer from now on. A connection that is still closing goes on closing without further
        signals.

        Raises:
            InvalidURLError, InvalidSubprotocolError, InvalidHeaderError, InvalidOptionError: nothing was begun.
            UnsupportedInBrowserError: custom headers in a page, or ws from an https page.
            AlreadyConnectedError: it connects or is connected.

        """
        if self._peer.ready_state in (State.CONNECTING, State.OPEN):
            raise AlreadyConnectedError(
                f"the client is connected to {without_password(self._peer.requested_url)}: disconnect_from_host() it, "
                "or take another"
            )
        spoken = self._dialect(gd_mp_api, dialect)
        options = self._options
        if protocols is not None:
            options = options._replace(subprotocols=rules.check_subprotocols(protocols))
        if custom_headers is not None:
            headers = rules.check_headers(custom_headers)
            if headers:
                self._refuse_in_browser("custom_headers")
            options = options._replace(headers=headers)
        if not options.web_limits:
            from ..transport.native.certificates import client_context  # imports ssl, which a page does not have

            options = options._replace(tls=client_context(self._certificate, verify=self._verify_ssl))
        link = Link(SERVER, self._connector(url, options), self, ServerPeer)
        if self._peer.ready_state is State.CLOSING:
            self._leaving.append(self._peer)
        self._events.clear()
        self._link = link
        self._peer = link.peer
        self._session = None
        if spoken is not None:
            from .hub import Membership

            self._session = Membership(self, self._events, spoken, link, self._may_leave_rest)
            self.variant_version = spoken.version

    def disconnect_from_host(self, code: int | None = 1000, reason: str = "") -> None:
        """Begin to close the connection, as `WebSocketPeer.close()` does (Godot 3).

        `connection_closed` follows once the server has answered. A connection that is not open yet is given up without
        a signal.
        """
        if self._peer.ready_state is State.CONNECTING:
            rules.check_close(code, reason, web=self._options.web_limits)
            self._link = None
            self._peer.abort()
        else:
            self._peer.close(code, reason)

    def poll(self) -> None:
        """Do all work that needs no waiting, and emit the signals of what happened.

        The connected functions get about 10 ms of a poll; the next poll goes on with what is left. A program that waits
        for `get_peer(1).fileno()` is woken for it.

        An exception from a connected function comes out here; the remaining signals are emitted by the next poll.
        """
        if self._leaving:
            for peer in self._leaving:
                peer.poll()
            self._leaving = [peer for peer in self._leaving if peer.ready_state is not State.CLOSED]
        self._peer.poll()
        link = self._link
        is_drained = True
        if link is not None:
            is_drained = self._take_in(link)
            status = link.transport.close_status
            if status is not None and is_drained:
                self._link = None
                if link.is_announced:
                    self._take_end(link, status)
                elif self._session is None:
                    self._events.append((link, self.connection_error.emit, False))
                else:
                    self._events.append((link, self.connection_failed.emit, False))
        self._emit()
        has_room = self._session is None or self._session.has_room  # or it waits for the program to fetch packets
        self._is_behind = bool(self._events) or (not is_drained and has_room)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close without waiting for the server's answer, and release everything; emits no signals."""
        self._link = None
        for peer in self._leaving:
            peer.abort()
        self._leaving.clear()
        self._events.clear()
        self._peer.__exit__(kind, error, traceback)

    # The state.

    def get_peer(self, id: int) -> WebSocketPeer:  # noqa: A002  Godot's name
        """Return the peer of the connection, whose id is 1 (Godot). Raises NoSuchPeerError for other ids.

        In multiplayer mode use it only for its state: packets put into it directly go out without an envelope.
        """
        if id != SERVER:
            raise NoSuchPeerError(f"a client has one peer, get_peer(1), and none with the id {id!r}")
        return self._peer

    def get_connection_status(self) -> ConnectionStatus:
        """Return whether it is disconnected, connecting or connected; it is connected while it closes (Godot).

        After a flood it stays connected until polls have emitted all its signals.
        """
        state = self._peer.ready_state
        if state is State.CLOSED and self._is_behind and (self._events or self._link is not None):
            return ConnectionStatus.CONNECTED
        if state is State.CONNECTING:
            return ConnectionStatus.CONNECTING
        return ConnectionStatus.DISCONNECTED if state is State.CLOSED else ConnectionStatus.CONNECTED

    def get_connected_host(self) -> str:
        """Return the server's IP address (not in a page)."""
        return self._peer.get_connected_host()

    def get_connected_port(self) -> int:
        """Return the server's port (not in a page)."""
        return self._peer.get_connected_port()

    def is_server(self) -> bool:
        """Return False."""
        return False

    def get_unique_id(self) -> int:
        """Return the id that the server gave in multiplayer mode, 0 before that; it stays after the end (Godot)."""
        return 0 if self._session is None else self._session.unique_id

    # The settings that are a client's.

    @property
    def verify_ssl(self) -> bool:
        """Whether the server's certificate is checked; True by default, and always in a page (Godot 3)."""
        return self._verify_ssl

    @verify_ssl.setter
    def verify_ssl(self, verify: bool) -> None:
        if not verify:
            self._refuse_in_browser("verify_ssl")
        self._verify_ssl = bool(verify)

    @property
    def trusted_ssl_certificate(self) -> TrustedCertificate | None:
        """The one certificate to trust in place of the system's (Godot 3; not in a page).

        The path of a PEM file, PEM as str or bytes, or a whole SSLContext: an authority's certificate, or the very one
        that the server shows. It is read when it connects.
        """
        return self._certificate

    @trusted_ssl_certificate.setter
    def trusted_ssl_certificate(self, certificate: TrustedCertificate | None) -> None:
        if certificate is not None:
            self._refuse_in_browser("trusted_ssl_certificate")
        self._certificate = certificate

    def __repr__(self) -> str:
        url = without_password(self._peer.requested_url)
        where = f" {url}" if url else ""
        return f"<WebSocketClient{where} {self.get_connection_status().name}>"

    # What a poll is made of.

    def _emit(self) -> None:
        """Emit due signals as long as there is time. If one raises, the next poll emits the rest."""
        events = self._events
        clock = Clock()
        row = 1  # a single event needs no look at the clock
        while events:
            if not row:
                if clock.is_over(EMIT_TIME) and self._may_leave_rest():
                    return
                row = clock.row
            row -= 1
            _, call, _ = events.popleft()
            call()

    def _may_leave_rest(self) -> bool:
        """Tell whether the next poll may go on.

        It may not if the program may sleep and its descriptor would not wake it. It may not either if unreported
        messages could fill the inbox of a connection without backpressure, which would end it.
        """
        transport = None if self._link is None else self._link.transport
        if isinstance(self._peer, ServerPeer) and self._peer.is_watched:
            return transport is not None and transport.shows_more()
        if transport is None or transport.has_backpressure:
            return True
        return not transport.is_half_full and (self._session is None or not self._session.is_half_full)

    # The signals of a client.

    def _use_instead(self) -> str:
        return (
            "a client sends and receives through get_peer(1), as in get_peer(1).put_packet(...); "
            "connect_to_url(..., gd_mp_api=True) joins a multiplayer session, in which the client itself does"
        )

    def _on_open(self, link: Link) -> Callable[[], object]:
        return partial(self.connection_established.emit, link.transport.subprotocol)

    def _on_message(self, link: Link) -> Callable[[], object]:
        return self.data_received.emit

    def _on_close_request(self, link: Link, status: CloseStatus) -> Callable[[], object]:
        return partial(self.server_close_request.emit, status.code, status.reason)

    def _on_closed(self, link: Link, status: CloseStatus) -> Callable[[], object]:
        return partial(self.connection_closed.emit, status.was_clean)
