"""WebSocketServer: listens and holds its clients' peers by id (Godot 3 `WebSocketServer`). CPython only."""

from __future__ import annotations

import errno
from _thread import get_ident
from functools import partial
from heapq import heappop, heappush
from math import inf
from random import SystemRandom
from time import monotonic
from typing import TYPE_CHECKING, Final
from warnings import warn

from . import rules
from .errors import (
    Error,
    InvalidOptionError,
    InvalidStateError,
    ListenError,
    NoSuchPeerError,
    WrongThreadError,
)
from .multiplayer_peer import SERVER, ConnectionStatus, Link, WebSocketMultiplayerPeer
from .signals import Signal
from .transport import IN_BROWSER
from .transport.base import Options

if TYPE_CHECKING or not IN_BROWSER:
    import selectors
    import socket

    from .transport.native import NativeTransport

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from ssl import SSLContext
    from types import TracebackType
    from typing import Self

    from .certificates import PEM
    from .peer import WebSocketPeer
    from .transport.base import CloseStatus

_BACKLOG: Final = 1024
_MAX_ID: Final = 2**31 - 1
_random = SystemRandom()


class _Client(Link):
    """One connection from its acceptance on; `fd` is -1 once it is closed, `interest` what it is watched for."""

    __slots__ = ("due", "fd", "interest")

    transport: NativeTransport

    def __init__(self, id_: int, transport: NativeTransport, owner: WebSocketServer) -> None:
        super().__init__(id_, transport, owner)
        self.fd = transport.fileno()
        self.interest = 0
        self.due = inf


class WebSocketServer(WebSocketMultiplayerPeer):
    """Accepts WebSocket connections; `poll()` it often (Godot 3 `WebSocketServer`).

    `client_connected(id, protocol)`, `data_received(id)` once for every message, `client_close_request(id, code,
    reason)` when the client begins to close, and `client_disconnected(id, was_clean_close)` are emitted in `poll()`,
    in the order in which things happened. `get_peer(id)` gives the `WebSocketPeer` to talk through. A client's peer,
    with what was not fetched from it, is there until `client_disconnected` was emitted.

    In multiplayer mode (`gd_mp_api`) the server is a peer itself, whose id is 1. Then `peer_connected(id)`,
    `peer_disconnected(id)`, `peer_packet(source)` and `peer_error(id, error)` are emitted, and of those above only
    `client_close_request`. What clients send to each other is relayed. A client that takes in so little that
    `outbound_buffer_size` is not enough for what is relayed to it is disconnected with 1008.

    The settings hold for the connections that come after. In a page the constructor raises UnsupportedInBrowserError.
    """

    def __init__(self) -> None:
        if IN_BROWSER:
            raise rules.unsupported("WebSocketServer")
        super().__init__(Options(handshake_timeout=3.0))
        self.client_connected: Signal[int, str] = Signal()
        self.client_disconnected: Signal[int, bool] = Signal()
        self.client_close_request: Signal[int, int, str] = Signal()
        self.data_received: Signal[int] = Signal()
        self.tls: SSLContext | None = None
        """A server's SSLContext makes it wss. It may be replaced while the server listens."""
        self.refuse_new_connections = False
        """Whether new connections are dropped at once (Godot)."""
        self._bind_ip = "*"
        self._private_key: PEM | None = None
        self._ssl_certificate: PEM | None = None
        self._ca_chain: PEM | None = None
        self._tls: SSLContext | None = None  # of the three above
        self._listener: socket.socket | None = None
        self._selector: selectors.BaseSelector | None = None
        self._clients: dict[int, _Client] = {}
        self._by_fd: dict[int, _Client] = {}
        self._restless: dict[int, _Client] = {}  # to be polled although no descriptor says so
        self._held_back: dict[int, _Client] = {}  # read no further until the program fetches packets
        self._due: list[tuple[float, int]] = []  # a heap of deadlines; an entry counts if its client still has it
        self._thread = 0

    def listen(
        self, port: int, protocols: Iterable[str] | None = None, gd_mp_api: bool = False, *, dialect: int = 3
    ) -> None:
        """Listen at `port` of `bind_ip`, 0 for any free one (Godot `WebSocketServer.listen`).

        `protocols` are the subprotocols that are known, `supported_protocols` if None. If there are any, a client has
        to offer one of them. `gd_mp_api` begins a multiplayer session: `dialect` 3 is for clients of Godot 3, 4 for
        those of Godot 4, and it makes `put_var()` write the Variants of that version.

        Raises:
            InvalidOptionError, InvalidSubprotocolError: an argument or a certificate is not what it has to be.
            ListenError: it listens already, the port is taken (both ERR_ALREADY_IN_USE), or the address is not ours.

        """
        if self._listener is not None:
            raise ListenError("the server is listening: stop() it first", Error.ERR_ALREADY_IN_USE)
        if not isinstance(port, int) or not 0 <= port <= 65535:
            raise InvalidOptionError(f"a port is a whole number from 0 to 65535, not {port!r}")
        spoken = self._dialect(gd_mp_api, dialect)
        self._tls = self._context()
        if protocols is not None:
            self.supported_protocols = tuple(protocols)
        try:
            self._listener = _listening_socket(self._bind_ip, port)
        except OSError as exc:
            in_use = exc.errno == errno.EADDRINUSE
            raise ListenError(
                f"cannot listen at port {port} of {self._bind_ip}: {exc.strerror}",
                Error.ERR_ALREADY_IN_USE if in_use else Error.ERR_CANT_CREATE,
            ) from exc
        self._session = None
        if spoken is not None:
            from .multiplayer import Hub

            self._session = Hub(self, self._events, spoken, self._clients)
            self.variant_version = spoken.version
        self._thread = get_ident()
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._listener, selectors.EVENT_READ)

    @property
    def port(self) -> int:
        """The port it listens at, 0 if it does not."""
        if self._listener is None:
            return 0
        port: int = self._listener.getsockname()[1]
        return port

    def is_listening(self) -> bool:
        """Tell whether it listens."""
        return self._listener is not None

    def stop(self) -> None:
        """Close every connection with 1000, without waiting for answers, and listen no more; emits nothing (Godot)."""
        for client in self._clients.values():
            client.peer.close()
            client.transport.poll()
            client.transport.abort()
        for registry in (self._clients, self._by_fd, self._restless, self._held_back, self._due, self._events):
            registry.clear()
        if self._selector is not None:
            self._selector.close()
            self._selector = None
        if self._listener is not None:
            self._listener.close()
            self._listener = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def poll(self) -> None:
        """Accept, receive, send, and emit the signals of what happened.

        An exception from a connected function comes out here; what had not been emitted is emitted by the next poll.
        """
        if self._selector is None:
            return
        if get_ident() != self._thread:
            raise WrongThreadError("a server belongs to the thread that called listen()")
        for client in self._active():
            if client.fd >= 0:
                client.transport.poll()
                self._look_after(client)
        self._emit()

    def wait(self, timeout: float) -> bool:
        """Sleep until `poll()` has something to do, for `timeout` seconds at most; tell whether it has."""
        if self._selector is None:
            return False
        if self._restless or self._events or any(map(self._can_resume, self._held_back.values())):
            return True
        if self._due:
            timeout = min(timeout, self._due[0][0] - monotonic())
        return bool(self._selector.select(max(timeout, 0))) or (bool(self._due) and self._due[0][0] <= monotonic())

    # The clients.

    @property
    def peer_ids(self) -> tuple[int, ...]:
        """The ids of the clients that are connected."""
        return tuple(client.id for client in self._clients.values() if client.is_announced)

    def has_peer(self, id: int) -> bool:  # noqa: A002  Godot's name
        """Tell whether there is a client with this id."""
        client = self._clients.get(id)
        return client is not None and client.is_announced

    def get_peer(self, id: int) -> WebSocketPeer:  # noqa: A002
        """Return a client's peer. Raises NoSuchPeerError."""
        return self._client(id).peer

    def get_peer_address(self, id: int) -> str:  # noqa: A002
        """Return a client's IP address. Raises NoSuchPeerError."""
        return self._client(id).transport.remote_address()[0]

    def get_peer_port(self, id: int) -> int:  # noqa: A002
        """Return a client's port. Raises NoSuchPeerError."""
        return self._client(id).transport.remote_address()[1]

    def disconnect_peer(self, id: int, code: int | None = 1000, reason: str = "") -> None:  # noqa: A002
        """Begin to close a client's connection, as its peer's `close()` does. Raises NoSuchPeerError."""
        self._client(id).peer.close(code, reason)

    def _client(self, id_: int) -> _Client:
        client = self._clients.get(id_)
        if client is None or not client.is_announced:
            raise NoSuchPeerError(f"no client has the id {id_}: peer_ids lists those that are connected")
        return client

    # The state and the settings that are a server's.

    def is_server(self) -> bool:
        """Return True."""
        return True

    def get_unique_id(self) -> int:
        """Return 1, the server's id (Godot)."""
        return SERVER

    def get_connection_status(self) -> ConnectionStatus:
        """Return CONNECTED if it listens, DISCONNECTED if not (Godot)."""
        return ConnectionStatus.CONNECTED if self.is_listening() else ConnectionStatus.DISCONNECTED

    def set_extra_headers(self, headers: Mapping[str, str] | Iterable[str | tuple[str, str]] = ()) -> None:
        """Set `handshake_headers`, which go into the answer to every client (Godot 3.5)."""
        self.handshake_headers = headers

    @property
    def bind_ip(self) -> str:
        """The address to listen at; "*", as at first, is all of them, IPv6 and IPv4 (Godot)."""
        return self._bind_ip

    @bind_ip.setter
    def bind_ip(self, address: str) -> None:
        self._refuse_while_listening("bind_ip")
        self._bind_ip = address

    @property
    def private_key(self) -> PEM | None:
        """The key of `ssl_certificate`: the path of a PEM file, or PEM as str or bytes (Godot 3).

        Both of them make it wss, as `tls` does, which has everything else that can be set about TLS.
        """
        return self._private_key

    @private_key.setter
    def private_key(self, key: PEM | None) -> None:
        self._refuse_while_listening("private_key")
        self._private_key = key

    @property
    def ssl_certificate(self) -> PEM | None:
        """The certificate that clients are shown, in the forms of `private_key` (Godot 3)."""
        return self._ssl_certificate

    @ssl_certificate.setter
    def ssl_certificate(self, certificate: PEM | None) -> None:
        self._refuse_while_listening("ssl_certificate")
        self._ssl_certificate = certificate

    @property
    def ca_chain(self) -> PEM | None:
        """The certificates from `ssl_certificate` on to an authority that clients know, in the same forms (Godot 3)."""
        return self._ca_chain

    @ca_chain.setter
    def ca_chain(self, chain: PEM | None) -> None:
        self._refuse_while_listening("ca_chain")
        self._ca_chain = chain

    def _refuse_while_listening(self, name: str) -> None:
        if self.is_listening():
            raise InvalidStateError(f"{name} cannot change while the server listens: stop() it first")

    def _context(self) -> SSLContext | None:
        key, certificate, chain = self._private_key, self._ssl_certificate, self._ca_chain
        if key is None and certificate is None and chain is None:
            return None
        if self.tls is not None:
            raise InvalidOptionError("set either tls or private_key and ssl_certificate, for both would show a key")
        if key is None or certificate is None:
            raise InvalidOptionError("private_key and ssl_certificate belong together: set both for wss, none for ws")
        from .certificates import server_context

        return server_context(key, certificate, chain)

    # What is told.

    def _use_instead(self) -> str:
        return (
            "a server sends and receives through its clients' peers, as in get_peer(id).put_packet(...); "
            "listen(port, gd_mp_api=True) begins a multiplayer session, in which the server itself does"
        )

    def _on_open(self, link: Link) -> Callable[[], object]:
        return partial(self.client_connected.emit, link.id, link.transport.subprotocol)

    def _on_message(self, link: Link) -> Callable[[], object]:
        return partial(self.data_received.emit, link.id)

    def _on_close_request(self, link: Link, status: CloseStatus) -> Callable[[], object]:
        return partial(self.client_close_request.emit, link.id, status.code, status.reason)

    def _on_closed(self, link: Link, status: CloseStatus) -> Callable[[], object]:
        return partial(self.client_disconnected.emit, link.id, status.was_clean)

    # What a poll is made of.

    def _active(self) -> list[_Client]:
        """Return the clients that have something to do, new ones included."""
        assert self._selector is not None  # noqa: S101
        active = self._restless | self._held_back
        self._restless = {}
        is_knocking = False
        for key, _ in self._selector.select(0):
            client = self._by_fd.get(key.fd)
            if client is not None:
                active[client.id] = client
            else:
                is_knocking = True
        now = monotonic()
        while self._due and self._due[0][0] <= now:
            due, id_ = heappop(self._due)
            client = self._clients.get(id_)
            if client is not None and client.due == due:
                client.due = inf
                active[id_] = client
        if is_knocking:
            for client in self._accept():
                active[client.id] = client
        return list(active.values())

    def _accept(self) -> list[_Client]:
        assert self._listener is not None  # noqa: S101
        accepted: list[_Client] = []
        while True:
            try:
                sock, address = self._listener.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return accepted
            except OSError as exc:  # no descriptors left: those who are connected go on, the others wait
                warn(f"cannot accept another connection now: {exc.strerror}", ResourceWarning, stacklevel=4)
                return accepted
            if self.refuse_new_connections:
                sock.close()
                continue
            options = self._options._replace(tls=self.tls or self._tls)
            transport = NativeTransport.accept(sock, address, options)
            client = _Client(self._new_id(), transport, self)
            transport.set_wakeup(partial(self._disturb, client))
            self._clients[client.id] = self._by_fd[client.fd] = client
            accepted.append(client)

    def _new_id(self) -> int:
        """Return a random positive 31-bit id, as Godot's are; 1 is the server."""
        while True:
            id_ = _random.randint(2, _MAX_ID)
            if id_ not in self._clients:
                return id_

    def _disturb(self, client: _Client) -> None:
        """Be told by a transport that it wants to be polled."""
        self._restless[client.id] = client

    def _look_after(self, client: _Client) -> None:
        """See what a poll changed: what to tell, what to wait for, when to look again."""
        is_drained = self._take_in(client)
        status = client.transport.close_status
        if status is None and (client.transport.is_held_back or not is_drained):
            self._held_back[client.id] = client
        else:
            self._held_back.pop(client.id, None)
        self._watch(client)
        if status is not None:
            if client.is_announced:
                self._take_end(client, status)
            self._events.append(partial(self._clients.pop, client.id))

    def _can_resume(self, client: _Client) -> bool:
        """Tell whether a client that was held back has room again."""
        if self._session is not None and client.transport.inbox:
            return self._session.has_room
        return client.transport.can_resume

    def _watch(self, client: _Client) -> None:
        """Set what the selector and the deadlines hold of a client to what its transport needs now."""
        assert self._selector is not None  # noqa: S101
        transport = client.transport
        interest = 0
        if transport.close_status is None:
            interest |= 0 if transport.is_held_back else selectors.EVENT_READ
            interest |= selectors.EVENT_WRITE if transport.wants_write else 0
        if interest and not client.interest:
            self._selector.register(client.fd, interest)
        elif interest and interest != client.interest:
            self._selector.modify(client.fd, interest)
        elif client.interest and not interest:
            self._selector.unregister(client.fd)
        client.interest = interest
        if transport.close_status is not None:
            del self._by_fd[client.fd]
            client.fd = -1
        elif transport.deadline != client.due:
            client.due = transport.deadline
            if client.due != inf:
                heappush(self._due, (client.due, client.id))


def _listening_socket(address: str, port: int) -> socket.socket:
    """Return a non-blocking listener; "*" is both families where the system can do that with one socket."""
    if address != "*":
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        listener = socket.create_server((address, port), family=family, backlog=_BACKLOG)
    elif socket.has_dualstack_ipv6():
        listener = socket.create_server(("", port), family=socket.AF_INET6, backlog=_BACKLOG, dualstack_ipv6=True)
    else:
        listener = socket.create_server(("", port), backlog=_BACKLOG)
    listener.setblocking(False)
    return listener
