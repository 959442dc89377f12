"""WebSocketServer: listens and holds its clients' peers by id (Godot 3 `WebSocketServer`). CPython only."""

from __future__ import annotations

import errno
import logging
from _thread import get_ident
from contextlib import ExitStack
from typing import TYPE_CHECKING, Final
from warnings import warn

from ..errors import (
    Error,
    InvalidOptionError,
    InvalidStateError,
    ListenError,
    NoSuchPeerError,
    OutboundBufferFullError,
)
from ..godot.dialects import SERVER
from ..godot.multiplayer_peer import ConnectionStatus
from ..peer.slow_readers import checked_policy
from ..protocol import rules
from ..transport.native.leaving import Lost, see_off
from .acceptor import NOT_NOW, Acceptor
from .client import ClientPeer, ServedClient
from .listener import advice_on, given_listener, listening_socket
from .polled import PolledServer
from .watch import Watch

if TYPE_CHECKING:
    import socket
    from collections.abc import Container, Hashable, Iterable
    from types import TracebackType
    from typing import Self

    from typing_extensions import Buffer

    from ..peer.links import Link
    from ..peer.slow_readers import SlowPolicy
    from ..peer.websocket_peer import WebSocketPeer
    from ..protocol.vocabulary import Message

_logger: Final = logging.getLogger("pyws_browser.server")

_NO_KEYS: Final = "packets of a multiplayer session have no keys: set slow_policy to 'close' or 'drop'"
_TOO_LARGE: Final = "it was not sent, because it is larger than the {} bytes of outbound_buffer_size: raise that"


class WebSocketServer(PolledServer):
    """Accepts WebSocket connections; `poll()` it often (Godot 3 `WebSocketServer`).

    `client_connected(id, protocol)`, `data_received(id)` once for every message, `client_close_request(id, code,
    reason)` when the client begins to close, and `client_disconnected(id, was_clean_close)` are emitted in `poll()`, in
    the order in which things happened. `get_peer(id)` gives the `WebSocketPeer` to talk through. A client's peer and
    its unfetched packets stay until `client_disconnected` has been emitted.

    `request_failed(id)` is emitted when a request that was passed to `process_request` does not become a connection: it
    was refused, a rule forbade it, or its client left. Then delete what that function stored under the id.

    In multiplayer mode (`gd_mp_api`) the server is a peer itself, whose id is 1. Then `peer_connected(id)`,
    `peer_disconnected(id)`, `peer_packet(source)` and `peer_error(id, error)` are emitted, and of those above only
    `client_close_request`. What clients send to each other is relayed.

    `slow_policy` says what happens to a client that reads more slowly than the server broadcasts. Under "drop",
    `client_missed(id, messages, bytes)` reports what it missed once there is room again.

    Settings apply to later connections. In a page the constructor raises UnsupportedInBrowserError.
    """

    def listen(
        self,
        port: int,
        protocols: Iterable[str] | None = None,
        gd_mp_api: bool = False,
        *,
        dialect: int = 3,
        sock: socket.socket | None = None,
    ) -> None:
        """Listen at `port` of `bind_ip`; 0 picks a free port (Godot `WebSocketServer.listen`).

        `protocols` are the supported subprotocols, `supported_protocols` if None. If there are any, a client must offer
        one of them. `gd_mp_api` begins a multiplayer session: `dialect` 3 is for clients of Godot 3, 4 for those of
        Godot 4, and it makes `put_var()` write the Variants of that version. `sock` is a listening socket to use in
        place of `port` and `bind_ip`, for example a unix socket; the server owns it from then on.

        Raises:
            InvalidOptionError, InvalidSubprotocolError: an argument or a certificate is invalid.
            ListenError: it listens already, the port is taken (both ERR_ALREADY_IN_USE), or the address is not this
                machine's.

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
                f"cannot listen at port {port} of {self._bind_ip}: {exc.strerror}{advice_on(exc.errno)}",
                Error.ERR_ALREADY_IN_USE if in_use else Error.ERR_CANT_CREATE,
            ) from exc
        self._session = None
        if spoken is not None:
            from ..godot.hub import Hub

            self._session = Hub(self, self._events, spoken, self._clients, self._fanout)
            self.variant_version = spoken.version
        self._thread = get_ident()
        self._watch = Watch(self._listener)
        for fd, (_, callback) in self._watched.items():
            self._watch.watch(fd, callback)
        self._acceptor = Acceptor(self._listener, self._watch, self._places)

    @property
    def port(self) -> int:
        """The port it listens at; 0 if it does not listen, or listens at a unix socket."""
        address = None if self._listener is None else self._listener.getsockname()
        return int(address[1]) if isinstance(address, tuple) else 0

    def is_listening(self) -> bool:
        """Tell whether it listens."""
        return self._listener is not None

    def stop(self, code: int = 1000, reason: str = "", *, drain: float = 0.0) -> None:
        """Close every connection without waiting for answers, and stop listening; emits no signals (Godot).

        `code` and `reason` are those of `disconnect_peer()`; 1001 says that the server goes away. Waiting data is sent
        for at most `drain` seconds, while this call blocks; with 0 only what the kernel takes at once is sent. A
        ResourceWarning, and the logger `pyws_browser.server`, report how many bytes were lost. A client that goes on
        sending is read for 0.1 more seconds, so that the last messages reach it. Held requests are answered with 503.

        Raises, before anything is done:
            InvalidCloseCodeError, InvalidCloseReasonError, InvalidOptionError: an argument is invalid.
            WrongThreadError: `listen()` was called in another thread.

        """
        rules.check_close(code, reason, web=False)
        if not drain >= 0:
            raise InvalidOptionError(f"drain is a number of seconds from 0 on, not {drain!r}")
        if self._listener is not None:
            self._check_thread()
        self._fanout.release()
        transports = [client.transport for client in self._clients.values()]
        lost = Lost()
        with ExitStack() as ends:  # all steps run, even if one of them raises
            ends.callback(self._stop_listening)
            for client in self._clients.values():
                ends.callback(client.end)
                ends.callback(client.transport.abort)
            with ExitStack() as beginnings:
                for client in self._clients.values():
                    beginnings.callback(client.begin_to_close, code, reason, NOT_NOW)
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

    # The clients.

    @property
    def peer_ids(self) -> tuple[int, ...]:
        """The ids of the connected clients."""
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
        """What happens to clients that read too slowly for broadcasts; it may be changed at any time.

        A client becomes slow when a message does not fit into its `outbound_buffer_size`, where each waiting message
        counts as its size and 128 bytes. It stays slow until half of that has been sent.

        - "close", the default: it is closed with 1013, after the waiting messages.
        - "drop": it misses messages, and `client_missed` reports how many once it is no longer slow.
        - "latest": of the messages with the same `key` it gets the newest, once it is no longer slow. If the kept
          messages exceed `outbound_buffer_size` too, it is closed. A multiplayer session has no keys.

        Raises InvalidOptionError for other values.
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
        to: Iterable[int] | None = None,
        without: Container[int] = (),
        slow: SlowPolicy | None = None,
        key: Hashable = None,
    ) -> None:
        """Send a message to all clients, or to those with ids in `to`, except those with ids in `without`.

        str goes as text, bytes-like as binary. Of several broadcasts between two polls the first goes out at once; the
        others go out together with the next `poll()` or `wait()`, which is much faster. The same holds for broadcasts
        within one poll.

        The message is framed once, and compressed once where that was negotiated, so this is faster than a `send()` to
        each peer. Clients that are not open are skipped, and so are unknown ids in `to`, because a client may have just
        left. Where compression keeps its window between messages, a broadcast empties that window.

        A slow client makes it neither wait nor raise: `slow_policy`, or `slow` for this message, says what happens.
        Under "latest" the message replaces waiting ones with the same `key`.

        Raises:
            InvalidMessageTypeError, InvalidOptionError: nothing was sent to any peer.
            InvalidStateError: in a multiplayer session; use `put_packet()` there.
            OutboundBufferFullError: it is larger than `outbound_buffer_size`; nothing was sent to any peer.

        """
        if self._session is not None:
            raise InvalidStateError("in a multiplayer session set_target_peer(0) and put_packet() reach everybody")
        checked = rules.as_message(message)
        clients = self._clients
        if to is None:
            receivers = [client for client in clients.values() if client.id not in without]
        elif without != ():
            receivers = [clients[id_] for id_ in to if id_ in clients and id_ not in without]
        else:
            receivers = [clients[id_] for id_ in to if id_ in clients]
        self.fan_out(receivers, checked, None if slow is None else checked_policy(slow), key)

    def fan_out(self, links: Iterable[Link], message: Message, slow: SlowPolicy | None, key: Hashable) -> None:
        """Do what `broadcast()` does, for some connections; internal."""
        self._check_thread()
        self.check_outbound(message)
        self._fanout.send(links, message, slow, key)
        if self._is_waited_for and self._fanout.is_gathering and self._watch is not None:
            self._watch.wake()

    def check_outbound(self, message: Message) -> None:
        """Raise OutboundBufferFullError if a message is too large for any client; internal."""
        if rules.size_of(message, self.outbound_buffer_size) > self.outbound_buffer_size:
            raise OutboundBufferFullError(_TOO_LARGE.format(self.outbound_buffer_size))

    def link_of(self, peer: WebSocketPeer) -> Link | None:
        """Return the connection of a client's peer, None if it is not a client of this server; internal."""
        client = self._clients.get(peer.id) if isinstance(peer, ClientPeer) else None
        return client if client is not None and client.is_announced and client.peer is peer else None

    def _client(self, id_: int) -> ServedClient:
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

    def _use_instead(self) -> str:
        return (
            "a server sends and receives through its clients' peers, as in get_peer(id).put_packet(...); "
            "listen(port, gd_mp_api=True) begins a multiplayer session, in which the server itself does"
        )

    def _stop_listening(self) -> None:
        for registry in (self._clients, self._rounds, self._emission, self._fanout):
            registry.clear()
        self._acceptor = None
        if self._watch is not None:
            self._watch.close()
            self._watch = None
        if self._listener is not None:
            self._listener.close()
            self._listener = None
