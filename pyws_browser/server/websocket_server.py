"""WebSocketServer: listens and holds its clients' peers by id (Godot 3 `WebSocketServer`). CPython only."""

from __future__ import annotations

import errno
import logging
from _thread import get_ident
from collections import deque
from contextlib import ExitStack
from functools import partial
from itertools import groupby
from math import inf
from operator import itemgetter
from random import SystemRandom
from time import monotonic
from types import CoroutineType
from typing import TYPE_CHECKING, Final
from warnings import warn
from weakref import WeakMethod

from ..errors import (
    Error,
    InvalidOptionError,
    InvalidStateError,
    ListenError,
    NoSuchPeerError,
    OutboundBufferFullError,
    WrongThreadError,
)
from ..godot.dialects import SERVER
from ..godot.multiplayer_peer import ConnectionStatus
from ..peer.broadcasting import Fanout
from ..peer.links import EMIT_TIME, Clock, Link
from ..peer.slow_readers import checked_policy
from ..peer.websocket_peer import WebSocketPeer
from ..protocol import rules
from ..protocol.admission import Admission, Response
from ..protocol.openings import Openings
from ..protocol.options import Options
from ..protocol.rules import CloseCode
from ..protocol.vocabulary import OPEN
from ..signals import Signal
from ..transport.native import ServerTransport
from ..transport.native.leaving import Lost, see_off
from .listener import given_listener, listening_socket
from .settings import ServerSettings
from .watch import Watch

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Container, Hashable, Iterable, Iterator
    from types import TracebackType
    from typing import Self

    from typing_extensions import Buffer

    from ..peer.links import Event
    from ..peer.slow_readers import SlowPolicy
    from ..protocol.admission import Request
    from ..protocol.vocabulary import CloseStatus

_MAX_ID: Final = 2**31 - 1
_random = SystemRandom()

_ACCEPT_PAUSE: Final = 0.1
"""Seconds until it is tried again to accept a connection for which there was no descriptor."""

_LISTENER_GONE: Final = (errno.EBADF, errno.EINVAL, errno.ENOTSOCK, errno.EOPNOTSUPP)
"""What `accept()` says of a socket that does not listen any more."""

_MAX_ACCEPTED: Final = 32
"""How many connections one poll accepts, so that a crowd at the door does not make it long; the next one goes on."""

_MAX_REFUSED: Final = 100
"""How many clients are told at a time that they are refused; others are dropped."""

_logger: Final = logging.getLogger("pyws_browser.server")

_NO_KEYS: Final = "packets of a multiplayer session have no keys: set slow_policy to 'close' or 'drop'"
_TOO_LARGE: Final = "it was sent to nobody, for it is larger than the {} bytes of outbound_buffer_size: raise that"

_AGAIN: Final = {"Retry-After": "5"}
_NOT_NOW: Final = Response(503, "This server takes no new connections now: try again later.\n", _AGAIN)
_FULL: Final = Response(503, "This server has as many connections as it may have: try again later.\n", _AGAIN)


class ClientPeer(WebSocketPeer):
    """The peer of a client, which the server polls; the program may do so as well."""

    on_change: Callable[[], object] | None = None
    """Tells the server that a poll of the program did what the descriptor shows no longer."""

    def poll(self) -> None:
        """Do all that can be done without waiting; the server's next poll tells what came of it."""
        transport = self._transport
        if self.on_change is None or not isinstance(transport, ServerTransport):
            super().poll()
            return
        before = _what_is_watched(transport)
        super().poll()
        if _what_is_watched(transport) != before:
            self.on_change()


def _what_is_watched(transport: ServerTransport) -> tuple[object, ...]:
    return (
        transport.received_count,
        transport.ready_state,
        transport.is_held_back,
        transport.wants_write,
        transport.deadline,
    )


class _Place:
    """One of the places for open connections (`max_connections`), which a connection takes once it is accepted."""

    __slots__ = ("_is_free", "_mark", "_taken")

    def __init__(self, taken: set[object], is_free: Callable[[], bool]) -> None:
        self._taken = taken
        self._mark = object()  # stands for this one in `taken`, to which it refers
        self._is_free = WeakMethod(is_free)

    def refusal(self) -> Response | None:
        """Return why there is none, None if there is one."""
        is_free = self._is_free()
        return None if is_free is None or is_free() else _FULL

    def take(self) -> None:
        """Take it."""
        self._taken.add(self._mark)

    def give_back(self) -> None:
        """Leave it to another one."""
        self._taken.discard(self._mark)


POLL_TIME: Final = 0.01
"""Seconds that a poll takes for reading and parsing, those of all clients together; the next poll goes on."""

POLL_SHARE: Final = 0.005
"""Seconds of it that one client may have, or less where many have something to do."""

_LEAST_SHARE: Final = 0.0005

EMIT_SHARE: Final = 0.002
"""Seconds of it for one client, where others wait as well."""


class _Client(Link):
    """One connection from its acceptance on; `fd`, `interest` and `due` are `Watch`'s."""

    __slots__ = ("due", "fd", "interest", "is_opening", "is_over", "is_refused", "place", "was_asked")

    peer: ClientPeer
    transport: ServerTransport

    def __init__(self, id_: int, transport: ServerTransport, owner: WebSocketServer, place: _Place) -> None:
        super().__init__(id_, transport, owner, ClientPeer)
        self.place = place
        self.is_opening = True
        self.fd = transport.fileno()
        self.interest = 0
        self.due = inf
        self.is_over = False  # and its end was noted
        self.is_refused = False
        self.was_asked = False

    def end(self) -> None:
        """Note that the connection has ended; what told the server of it is let go, and with it a reference cycle."""
        self.is_over = True
        self.place.give_back()
        self.peer.on_change = None
        self.transport.set_wakeup(None)
        self.transport.on_release = None


class WebSocketServer(ServerSettings):
    """Accepts WebSocket connections; `poll()` it often (Godot 3 `WebSocketServer`).

    `client_connected(id, protocol)`, `data_received(id)` once for every message, `client_close_request(id, code,
    reason)` when the client begins to close, and `client_disconnected(id, was_clean_close)` are emitted in `poll()`,
    in the order in which things happened. `get_peer(id)` gives the `WebSocketPeer` to talk through. A client's peer,
    with what was not fetched from it, is there until `client_disconnected` was emitted.

    `request_failed(id)` is emitted when no connection comes of a request that `process_request` was asked about: it was
    refused, a rule forbade it, or its client left. So what that function noted under the id can go.

    In multiplayer mode (`gd_mp_api`) the server is a peer itself, whose id is 1. Then `peer_connected(id)`,
    `peer_disconnected(id)`, `peer_packet(source)` and `peer_error(id, error)` are emitted, and of those above only
    `client_close_request`. What clients send to each other is relayed.

    `slow_policy` says what happens to a client that takes in less than is sent to all; `client_missed(id, messages,
    bytes)` tells what it missed, if the policy is "drop", once there is room for more.

    The settings hold for the connections that come after. In a page the constructor raises UnsupportedInBrowserError.
    """

    def __init__(self) -> None:
        super().__init__(Options(handshake_timeout=3.0))
        failed = self._on_task_failed
        self.client_connected: Signal[int, str] = Signal(failed)
        self.client_disconnected: Signal[int, bool] = Signal(failed)
        self.client_close_request: Signal[int, int, str] = Signal(failed)
        self.data_received: Signal[int] = Signal(failed)
        self.request_failed: Signal[int] = Signal(failed)
        self.client_missed: Signal[int, int, int] = Signal(failed)
        self._fanout = Fanout(self._on_missed)
        self._listener: socket.socket | None = None
        self._watch: Watch[_Client] | None = None
        self._clients: dict[int, _Client] = {}
        self._held_back: dict[int, _Client] = {}  # read no further until the program fetches packets
        self._openings: Openings[_Client] = Openings()
        self._places: set[object] = set()  # that are taken by those who are open, or about to be
        self._left: dict[int, _Client] = {}  # for whom the poll before had no time
        self._waiting: dict[Link | None, deque[Event]] = {}  # events for which the polls before had none
        self._refused = 0  # clients that are there only to be told so
        self._thread = 0

    def listen(
        self,
        port: int,
        protocols: Iterable[str] | None = None,
        gd_mp_api: bool = False,
        *,
        dialect: int = 3,
        sock: socket.socket | None = None,
    ) -> None:
        """Listen at `port` of `bind_ip`, 0 for any free one (Godot `WebSocketServer.listen`).

        `protocols` are the subprotocols that are known, `supported_protocols` if None. If there are any, a client has
        to offer one of them. `gd_mp_api` begins a multiplayer session: `dialect` 3 is for clients of Godot 3, 4 for
        those of Godot 4, and it makes `put_var()` write the Variants of that version. `sock` is a listening socket to
        use in place of `port` and `bind_ip`, a unix socket say, which is the server's from then on.

        Raises:
            InvalidOptionError, InvalidSubprotocolError: an argument or a certificate is not what it has to be.
            ListenError: it listens already, the port is taken (both ERR_ALREADY_IN_USE), or the address is not ours.

        """
        if self._listener is not None:
            raise ListenError("the server is listening: stop() it first", Error.ERR_ALREADY_IN_USE)
        if not isinstance(port, int) or not 0 <= port <= 65535:
            raise InvalidOptionError(f"a port is a whole number from 0 to 65535, not {port!r}")
        spoken = self._dialect(gd_mp_api, dialect)
        if spoken is not None and self.slow_policy == "latest":
            raise InvalidOptionError(_NO_KEYS)
        self._tls = self._context()
        if protocols is not None:
            self.supported_protocols = protocols
        try:
            self._listener = listening_socket(self._bind_ip, port) if sock is None else given_listener(sock)
        except OSError as exc:
            in_use = exc.errno == errno.EADDRINUSE
            raise ListenError(
                f"cannot listen at port {port} of {self._bind_ip}: {exc.strerror}",
                Error.ERR_ALREADY_IN_USE if in_use else Error.ERR_CANT_CREATE,
            ) from exc
        self._session = None
        if spoken is not None:
            from ..godot.hub import Hub

            self._session = Hub(self, self._events, spoken, self._clients, self._fanout)
            self.variant_version = spoken.version
        self._thread = get_ident()
        self._watch = Watch(self._listener)

    @property
    def port(self) -> int:
        """The port it listens at, 0 if it does not, or at a unix socket."""
        address = None if self._listener is None else self._listener.getsockname()
        return int(address[1]) if isinstance(address, tuple) else 0

    def is_listening(self) -> bool:
        """Tell whether it listens."""
        return self._listener is not None

    def stop(self, code: int = 1000, reason: str = "", *, drain: float = 0.0) -> None:
        """Close every connection, without waiting for answers, and listen no more; emits nothing (Godot).

        `code` and `reason` are those of `disconnect_peer()`; 1001 says that the server goes away. What waits to be sent
        is sent for `drain` seconds at most, for which this call may last; with 0 only what the kernel takes at once. A
        ResourceWarning, and the logger `pyws_browser.server`, tell how many bytes were lost. A client that goes on
        sending is read for 0.1 seconds more, so that what it was sent arrives. Requests that were held are answered
        with 503.

        Raises, before anything is done:
            InvalidCloseCodeError, InvalidCloseReasonError, InvalidOptionError: an argument is not what it has to be.
            WrongThreadError: this is another thread than the one that called `listen()`.

        """
        rules.check_close(code, reason, web=False)
        if not drain >= 0:
            raise InvalidOptionError(f"drain is a number of seconds from 0 on, not {drain!r}")
        if self._listener is not None:
            self._check_thread()
        transports = [client.transport for client in self._clients.values()]
        lost = Lost()
        with ExitStack() as ends:  # all of it comes about, whatever a part of it raises
            ends.callback(self._stop_listening)
            for client in self._clients.values():
                ends.callback(client.end)
                ends.callback(client.transport.abort)
            with ExitStack() as beginnings:
                for client in self._clients.values():
                    beginnings.callback(_begin_to_close, client, code, reason)
            lost = see_off(transports, drain)
        if lost.size:
            _logger.warning("stop(): %s", lost)
            warn(f"{lost}: stop(drain=...) gives slow clients time", ResourceWarning, stacklevel=2)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def poll(self) -> None:
        """Accept, receive, send, and emit the signals of what happened.

        What a function of the program raises while it serves a client is logged, and ends the connection of that client
        with 1011; `strict` lets it come out here. An exception that nobody foresaw comes out in any case, when the
        others have been served, and has ended the one connection that it came from. What had not been emitted is
        emitted by the next poll. Raises ListenError, each time, if something else closed the socket it listens at.
        """
        watch = self._watch
        if watch is None:
            return
        self._check_thread()
        active, is_knocking = watch.look()
        if self._left:
            active = self._left | active
            self._left.clear()
        if self._held_back:
            active |= self._held_back
        try:
            if len(active) == 1:
                for client in active.values():
                    if not client.is_over:
                        self._look_after(client)
            elif active:
                self._look_after_many(active)
        except BaseException:  # Ctrl-C, say: whoever was not looked after is in the next poll
            for client in active.values():
                if not client.is_over:
                    watch.disturb(client.id)
            raise
        if is_knocking:
            for client in self._accept():
                self._look_after(client)
        if self._fanout.slow:
            self._fanout.look()
        if self._waiting:
            self._emit_in_turns()
        elif self._events:
            self._emit()
        if self._listener is not None and self._listener.fileno() < 0:
            raise _listener_gone()

    def wait(self, timeout: float | None) -> bool:
        """Sleep until `poll()` has something to do, for `timeout` seconds at most; tell whether it has.

        None and infinity are for any time, and a time that is over, a negative one, is none. It returns at once if the
        server does not listen. Raises InvalidOptionError for what is no number.
        """
        seconds = inf if timeout is None else timeout
        if not isinstance(seconds, (int, float)) or seconds != seconds:
            raise InvalidOptionError(f"wait() takes a number of seconds, or None for any time, not {timeout!r}")
        if self._watch is None:
            return False
        if self._events or self._waiting or self._left or self._fanout.has_news:
            return True
        if any(map(self._can_resume, self._held_back.values())):
            return True
        return self._watch.wait(seconds)

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

    @property
    def slow_policy(self) -> SlowPolicy:
        """What happens to a client that takes in less than is sent to all; it may be changed at any time.

        A client is slow from the message on for which there is no room in its `outbound_buffer_size`, where a message
        that waits counts as its size and 128 bytes, until it has taken in half of that.

        - "close", as at first: it is closed with 1013. What waits for it goes out first.
        - "drop": it misses messages, and `client_missed` tells how many once it is slow no longer.
        - "latest": of the messages with the same `key` it gets the newest, once it is slow no longer. If what is kept
          for that is more than `outbound_buffer_size` too, it is closed. In a multiplayer session there are no keys.

        Raises InvalidOptionError for anything else.
        """
        return self._fanout.policy

    @slow_policy.setter
    def slow_policy(self, policy: SlowPolicy) -> None:
        if checked_policy(policy) == "latest" and self._session is not None and self.is_listening():
            raise InvalidOptionError(_NO_KEYS)
        self._fanout.policy = policy

    def broadcast(
        self,
        message: str | Buffer,
        *,
        without: Container[int] = (),
        slow: SlowPolicy | None = None,
        key: Hashable = None,
    ) -> None:
        """Send a message to every client, but those whose ids are in `without`: str as text, bytes-like as binary.

        It is made into a frame once, and where that was agreed on compressed once, so this is faster than a `send()` to
        each peer. A client that is not open is left out. Where compression keeps its window between messages, what a
        peer sends next is compressed without that which came before the broadcast.

        A client that takes in too little makes it neither wait nor raise: `slow_policy` says what happens to it, or
        `slow` for this message. `key` says which earlier messages it stands in for under "latest".

        Raises:
            InvalidMessageTypeError, InvalidOptionError: nobody was sent anything.
            InvalidStateError: it is a multiplayer session, in which `put_packet()` does this.
            OutboundBufferFullError: it is larger than `outbound_buffer_size`; nobody was sent anything.

        """
        if self._session is not None:
            raise InvalidStateError("in a multiplayer session set_target_peer(0) and put_packet() reach everybody")
        self._check_thread()
        checked = rules.as_message(message)
        if rules.size_of(checked, self.outbound_buffer_size) > self.outbound_buffer_size:
            raise OutboundBufferFullError(_TOO_LARGE.format(self.outbound_buffer_size))
        policy = None if slow is None else checked_policy(slow)
        receivers = [client for client in self._clients.values() if client.id not in without]
        self._fanout.send(receivers, checked, policy, key)

    def _client(self, id_: int) -> _Client:
        client = self._clients.get(id_)
        if client is None or not client.is_announced:
            raise NoSuchPeerError(f"no client has the id {id_}: peer_ids lists those that are connected")
        return client

    # The state.

    def is_server(self) -> bool:
        """Return True."""
        return True

    def get_unique_id(self) -> int:
        """Return 1, the server's id (Godot)."""
        return SERVER

    def get_connection_status(self) -> ConnectionStatus:
        """Return CONNECTED if it listens, DISCONNECTED if not (Godot)."""
        return ConnectionStatus.CONNECTED if self.is_listening() else ConnectionStatus.DISCONNECTED

    # What is told.

    def _use_instead(self) -> str:
        return (
            "a server sends and receives through its clients' peers, as in get_peer(id).put_packet(...); "
            "listen(port, gd_mp_api=True) begins a multiplayer session, in which the server itself does"
        )

    def _on_missed(self, link: Link, messages: int, size: int) -> None:
        self._events.append((link, partial(self.client_missed.emit, link.id, messages, size), False))

    def _on_open(self, link: Link) -> Callable[[], object]:
        return partial(self.client_connected.emit, link.id, link.transport.subprotocol)

    def _on_message(self, link: Link) -> Callable[[], object]:
        return partial(self.data_received.emit, link.id)

    def _on_close_request(self, link: Link, status: CloseStatus) -> Callable[[], object]:
        return partial(self.client_close_request.emit, link.id, status.code, status.reason)

    def _on_closed(self, link: Link, status: CloseStatus) -> Callable[[], object]:
        return partial(self.client_disconnected.emit, link.id, status.was_clean)

    # What a poll is made of.

    def _stop_listening(self) -> None:
        for events in self._waiting.values():
            events.clear()
        for registry in (
            self._clients,
            self._held_back,
            self._openings,
            self._places,
            self._left,
            self._waiting,
            self._events,
        ):
            registry.clear()
        self._fanout.clear()
        self._refused = 0
        if self._watch is not None:
            self._watch.close()
            self._watch = None
        if self._listener is not None:
            self._listener.close()
            self._listener = None

    def _check_thread(self) -> None:
        if get_ident() != self._thread:
            raise WrongThreadError("a server belongs to the thread that called listen()")

    def _accept(self) -> Iterator[_Client]:
        """Take in those who knock, one after the other."""
        assert self._listener is not None and self._watch is not None  # noqa: S101, PT018
        options: Options | None = None  # one for all of them
        for _ in range(_MAX_ACCEPTED):
            try:
                sock, address = self._listener.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as exc:
                if exc.errno in _LISTENER_GONE:
                    self._events.append((None, partial(_raise, _listener_gone(exc)), False))
                    return
                # No descriptors are left: those who are connected go on, the others wait.
                self._watch.rest(_ACCEPT_PAUSE)
                warn(f"cannot accept another connection now: {exc.strerror}", ResourceWarning, stacklevel=3)
                return
            place = _Place(self._places, self._has_place)
            admission = self._admission(place)
            if admission.refusal is not None and self._refused >= _MAX_REFUSED:
                sock.close()
                continue
            if options is None:
                options = self._options._replace(tls=self.tls or self._tls)
            try:
                transport = ServerTransport(sock, address, options, admission)
            except OSError:  # the client is gone already, and so is its address
                sock.close()
                continue
            except BaseException:
                sock.close()
                raise
            client = _Client(self._new_id(), transport, self, place)
            client.is_refused = admission.refusal is not None
            self._refused += client.is_refused
            client.peer.on_change = self._watch.add(client)
            self._clients[client.id] = client
            self._openings.add(client, transport.remote_address()[0])
            yield client

    def _has_place(self) -> bool:
        """Tell whether another connection may be open."""
        return self._max_connections is None or len(self._places) < self._max_connections

    def _make_way(self) -> bool:
        """See to it that another handshake may begin; return False if those before it all wait for the program."""
        while len(self._openings) >= self._max_handshakes:
            oldest = self._openings.next_to_go(_waits_for_its_client)
            if oldest is None:
                return False
            oldest.peer.abort()
            self._look_after(oldest)
        return True

    def _admission(self, place: _Place) -> Admission:
        """Return what the next client is measured by."""
        refusal = None
        if self.refuse_new_connections:
            refusal = _NOT_NOW
        elif not self._has_place() or not self._make_way():
            refusal = _FULL
        choose = self.select_subprotocol
        is_asked = self.process_request is not None or choose is not None
        return Admission(
            self._origins, choose, self._server_header, refusal, is_asked, origins_come_first=True, place=place
        )

    def _judge(self, client: _Client, request: Request) -> None:
        """Ask the program about a request, and go on with what it said."""
        request.id = client.id
        try:
            response: object = self.process_request(request) if self.process_request is not None else None
            if isinstance(response, CoroutineType):
                response.close()
            if not request.is_held and not request.is_answered:
                if response is None:
                    request.accept()
                elif isinstance(response, Response):
                    request.reject(response)
                else:
                    raise InvalidOptionError(
                        f"process_request returned {response!r}: return a Response to refuse, or None to go on"
                    )
        except BaseException:
            if not request.is_answered:
                request.reject(Response(500, "The server failed to decide about this request.\n"))
            raise
        finally:
            if not client.is_over and self._clients.get(client.id) is client:  # and not stopped by what was called
                self._look_after(client)

    def _new_id(self) -> int:
        """Return a random positive 31-bit id, as Godot's are; 1 is the server."""
        while True:
            id_ = _random.randint(2, _MAX_ID)
            if id_ not in self._clients:
                return id_

    def _look_after(self, client: _Client) -> None:
        """Poll, and see what that changed: what to tell, what to wait for, when to look again."""
        problem: Exception | None = None
        is_drained = True
        try:
            try:
                client.transport.poll()
            finally:
                is_drained = self._take_in(client)
        except Exception as exc:  # it is raised when the others have been served
            problem = exc
        status = client.transport.close_status
        if self._session is not None and not is_drained and self._session.has_room:
            status = None  # the end comes behind what it sent, which is taken a row at a time
        if status is None and (client.transport.is_held_back or not is_drained):
            self._held_back[client.id] = client
        else:
            self._held_back.pop(client.id, None)
        assert self._watch is not None  # noqa: S101
        self._watch.update(client)
        request = client.transport.request
        if request is not None and not client.was_asked:
            client.was_asked = True
            self._events.append((client, partial(self._judge, client, request), False))
        if client.is_opening and (client.transport.has_opened or status is not None):
            client.is_opening = False
            self._openings.discard(client)
        if status is not None:
            client.end()
            self._refused -= client.is_refused
            if client.is_announced:
                self._take_end(client, status)
            elif client.was_asked:
                self._events.append((client, partial(self.request_failed.emit, client.id), False))
            self._events.append((client, partial(self._clients.pop, client.id), False))
        if problem is not None:
            self._events.append((None, partial(_raise, problem), False))

    def _look_after_many(self, clients: dict[int, _Client]) -> None:
        """Look after those for whom there is time; the others come first in the next poll."""
        share = min(max(POLL_TIME / len(clients), _LEAST_SHARE), POLL_SHARE)
        end = monotonic() + POLL_TIME
        left = iter(clients.values())
        for client in left:
            if not client.is_over:
                client.transport.turn_time = share
                self._look_after(client)
                if monotonic() >= end:
                    break
        self._left.update((client.id, client) for client in left)

    def _emit(self) -> None:
        """Call what is due, in the order in which it happened, as long as there is time.

        What is left is called by the next polls: of each client in its order, and one client after the other.
        """
        events = self._events
        self._call_row(events, 1)  # an event alone costs no look at the clock
        if not events:
            return
        clock = Clock()
        while events:
            if clock.is_over(EMIT_TIME):
                if self._session is None:  # or the packets are fetched in the order in which they came
                    self._sort_events()
                return
            self._call_row(events, clock.row)

    def _call_row(self, events: deque[Event], length: int) -> None:
        """Call the first `length` of the events, or as many as there are."""
        for _ in range(length):
            if not events:  # the server was stopped, say
                return
            link, call, is_message = events.popleft()
            if is_message and link.has_failed:  # type: ignore[union-attr]  # a message came on a connection
                continue
            try:
                call()
            except Exception as exc:
                if link is None or self.strict:
                    raise
                self._give_up(link.id, exc)

    def _emit_in_turns(self) -> None:
        """Call what has waited: of each client for a share of the time."""
        self._sort_events()
        waiting = self._waiting
        whole = Clock()
        while waiting and not whole.is_over(EMIT_TIME):
            link, events = next(iter(waiting.items()))
            share = Clock()
            try:
                while events and not share.is_over(EMIT_SHARE):
                    self._call_row(events, share.row)
            finally:
                waiting.pop(link, None)
                if events:
                    waiting[link] = events  # behind the others

    def _sort_events(self) -> None:
        """Put each client's events behind those of its that wait already."""
        for link, events in groupby(self._events, itemgetter(0)):
            self._waiting.setdefault(link, deque()).extend(events)
        self._events.clear()

    def _on_task_failed(self, exc: Exception, arguments: tuple[object, ...]) -> None:
        if self.strict:
            super()._on_task_failed(exc, arguments)
        else:
            self._give_up(arguments[0], exc)

    def _give_up(self, id_: object, exc: Exception) -> None:
        """End the connection of a client with 1011, because a function of the program failed while it served it."""
        _logger.error("a callback failed while it served client %s, whose connection ends", id_, exc_info=exc)
        client = self._clients.get(id_) if isinstance(id_, int) else None
        if client is None or client.has_failed:
            return
        client.has_failed = True
        if self._session is not None:
            self._session.forget(client)
        if client.transport.ready_state is OPEN:  # in its handshake it was answered with 500
            client.peer.close(CloseCode.INTERNAL_ERROR)
            self._look_after(client)

    def _can_resume(self, client: _Client) -> bool:
        """Tell whether a client that was held back has room again."""
        if self._session is not None and client.transport.inbox:
            return self._session.has_room
        return client.transport.can_resume


def _begin_to_close(client: _Client, code: int, reason: str) -> None:
    request = client.transport.request
    if request is not None and not request.is_answered:
        request.reject(_NOT_NOW)
    else:
        client.peer.close(code, reason)


def _waits_for_its_client(client: _Client) -> bool:
    """Tell whether a client that is not open has to send or to take something, and not the program to decide."""
    return client.transport.request is None and not client.transport.is_streaming


def _listener_gone(cause: OSError | None = None) -> ListenError:
    error = ListenError("the socket that the server listens at was closed: stop() the server, and listen() again")
    error.__cause__ = cause
    return error


def _raise(problem: Exception) -> None:
    raise problem
