"""WebSocketServer: listens and holds its clients' peers by id (Godot 3 `WebSocketServer`). CPython only."""

from __future__ import annotations

import errno
from _thread import get_ident
from collections import deque
from functools import partial
from heapq import heappop, heappush
from math import inf
from random import SystemRandom
from time import monotonic
from typing import TYPE_CHECKING, Final
from warnings import warn

from . import rules
from .errors import Error, InvalidOptionError, ListenError, NoSuchPeerError, WrongThreadError
from .peer import WebSocketPeer
from .settings import ConnectionSettings
from .signals import Signal
from .transport import IN_BROWSER
from .transport.base import Options

if TYPE_CHECKING or not IN_BROWSER:
    import selectors
    import socket

    from .transport.native import NativeTransport

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from ssl import SSLContext
    from types import TracebackType
    from typing import Self

_BACKLOG: Final = 1024
_MAX_ID: Final = 2**31 - 1
_random = SystemRandom()


class _Client:
    """One connection from its acceptance on; `fd` is -1 once it is closed, `interest` what it is watched for."""

    __slots__ = ("due", "fd", "id", "interest", "is_announced", "peer", "received", "transport")

    def __init__(self, id_: int, transport: NativeTransport) -> None:
        self.id = id_
        self.transport = transport
        self.peer = WebSocketPeer.from_transport(transport)
        self.fd = transport.fileno()
        self.interest = 0
        self.due = inf
        self.received = 0
        self.is_announced = False


class WebSocketServer(ConnectionSettings):
    """Accepts WebSocket connections; `poll()` it often (Godot 3 `WebSocketServer`).

    `client_connected(id, protocol)`, `data_received(id)` once for every message, `client_close_request(id, code,
    reason)` when the client begins to close, and `client_disconnected(id, was_clean_close)` are emitted in `poll()`,
    in the order in which things happened. `get_peer(id)` gives the `WebSocketPeer` to talk through. A client's peer,
    with what was not fetched from it, is there until `client_disconnected` was emitted.

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
        self.bind_ip = "*"
        """The address to listen at; "*" is all of them, IPv6 and IPv4."""
        self.tls: SSLContext | None = None
        """A server's SSLContext makes it wss."""
        self.refuse_new_connections = False
        """Whether new connections are dropped at once (Godot)."""
        self._listener: socket.socket | None = None
        self._selector: selectors.BaseSelector | None = None
        self._clients: dict[int, _Client] = {}
        self._by_fd: dict[int, _Client] = {}
        self._restless: dict[int, _Client] = {}  # to be polled although no descriptor says so
        self._held_back: dict[int, _Client] = {}  # read no further until the program fetches packets
        self._due: list[tuple[float, int]] = []  # a heap of deadlines; an entry counts if its client still has it
        self._events: deque[Callable[[], object]] = deque()
        self._thread = 0

    def listen(self, port: int, protocols: Iterable[str] | None = None) -> None:
        """Listen at `port` of `bind_ip`, 0 for any free one (Godot `WebSocketServer.listen`).

        `protocols` are the subprotocols that are known, `supported_protocols` if None. If there are any, a client has
        to offer one of them.

        Raises:
            ListenError: it listens already, the port is taken (both ERR_ALREADY_IN_USE), or the address is not ours.

        """
        if self._listener is not None:
            raise ListenError("the server is listening: stop() it first", Error.ERR_ALREADY_IN_USE)
        if not isinstance(port, int) or not 0 <= port <= 65535:
            raise InvalidOptionError(f"a port is a whole number from 0 to 65535, not {port!r}")
        if protocols is not None:
            self.supported_protocols = tuple(protocols)
        try:
            self._listener = _listening_socket(self.bind_ip, port)
        except OSError as exc:
            in_use = exc.errno == errno.EADDRINUSE
            raise ListenError(
                f"cannot listen at port {port} of {self.bind_ip}: {exc.strerror}",
                Error.ERR_ALREADY_IN_USE if in_use else Error.ERR_CANT_CREATE,
            ) from exc
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
        while self._events:
            self._events.popleft()()

    def wait(self, timeout: float) -> bool:
        """Sleep until `poll()` has something to do, for `timeout` seconds at most; tell whether it has."""
        if self._selector is None:
            return False
        if self._restless or self._events or any(c.transport.can_resume for c in self._held_back.values()):
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
            transport = NativeTransport.accept(sock, address, self._options._replace(tls=self.tls))
            client = _Client(self._new_id(), transport)
            transport.wakeup = partial(self._disturb, client)
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
        transport = client.transport
        id_ = client.id
        if transport.has_opened and not client.is_announced:
            client.is_announced = True
            self._events.append(partial(self.client_connected.emit, id_, transport.subprotocol))
        while client.received < transport.received_count:
            client.received += 1
            self._events.append(partial(self.data_received.emit, id_))
        if transport.is_held_back:
            self._held_back[id_] = client
        else:
            self._held_back.pop(id_, None)
        self._watch(client)
        status = transport.close_status
        if status is not None:
            if client.is_announced:
                if status.by_other_side:
                    self._events.append(partial(self.client_close_request.emit, id_, status.code, status.reason))
                self._events.append(partial(self.client_disconnected.emit, id_, status.was_clean))
            self._events.append(partial(self._clients.pop, id_))

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
