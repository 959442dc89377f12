"""serve(): a server with a thread for each connection, as `websockets.sync.server.serve`. CPython only."""

from __future__ import annotations

import logging
import os
import selectors
import socket
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from ..compat import arguments
from ..compat.admission import Policy
from ..errors import InvalidOptionError
from ..protocol import admission
from ..protocol.rules import CloseCode, check_close
from ..protocol.vocabulary import OPEN
from ..transport.native import ServerTransport
from .auth import basic_auth
from .broadcasting import broadcast
from .server_connection import ServerConnection

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from logging import Logger, LoggerAdapter
    from ssl import SSLContext
    from types import TracebackType
    from typing import Self

    from ..compat.admission import Origins, ProcessRequest, ProcessResponse, SelectSubprotocol
    from ..protocol.compression import Compression
    from ..protocol.options import Options

    Handler = Callable[["ServerConnection"], object]

__all__ = ["Server", "ServerConnection", "basic_auth", "broadcast", "serve", "unix_serve"]


class Server:
    """The server that `serve()` returns: a `socketserver.BaseServer` in its methods. A `with` block shuts it down."""

    def __init__(
        self,
        sock: socket.socket,
        handler: Handler,
        *,
        options: Options,
        limits: arguments.Limits,
        policy: Policy,
        logger: Logger | LoggerAdapter[Any],
        factory: type[ServerConnection],
    ) -> None:
        self.socket: socket.socket = sock
        """The listening socket."""
        self.logger: Logger | LoggerAdapter[Any] = logger
        self.tls: SSLContext | None = options.tls
        self._handler = handler
        self._options = options
        self._limits = limits
        self._policy = policy
        self._factory = factory
        self._lock = threading.Lock()
        self._is_closing = False
        self._waker, self._wakes = socket.socketpair()
        self._connections: set[ServerConnection] = set()
        self._threads: set[threading.Thread] = set()
        self._is_running = False
        self.socket_closed: threading.Event = threading.Event()
        """Set once it no longer accepts."""

    @property
    def connections(self) -> set[ServerConnection]:
        """The connections that are open, for `broadcast()`."""
        with self._lock:
            return {connection for connection in self._connections if connection.state is OPEN}

    @property
    def handler_threads(self) -> set[threading.Thread]:
        """The threads of its connections."""
        with self._lock:
            return set(self._threads)

    def is_serving(self) -> bool:
        """Tell whether it accepts connections."""
        return not self._is_closing

    def fileno(self) -> int:
        """Return the descriptor of the listening socket."""
        return self.socket.fileno()

    def serve_forever(self) -> None:
        """Accept connections until `shutdown()` is called in another thread."""
        with self._lock:
            if self._is_closing or self._is_running:
                return
            self._is_running = True
        self.logger.info("server listening on %s", _name_of(self.socket))
        try:
            with selectors.DefaultSelector() as selector:
                selector.register(self._waker, selectors.EVENT_READ)
                self.socket.setblocking(False)
                selector.register(self.socket, selectors.EVENT_READ)
                while not self._is_closing:
                    selector.select()
                    if not self._is_closing:
                        self._accept()
        finally:
            self.socket_closed.set()

    def shutdown(self, close_connections: bool = True, code: int = CloseCode.GOING_AWAY, reason: str = "") -> None:
        """Stop accepting, close the connections with `code`, and wait for their handlers.

        A client in the middle of its handshake is answered with 503. With `close_connections=False`, connections stay
        open until the clients end them. A second call does nothing. Raises InvalidCloseCodeError and
        InvalidCloseReasonError.
        """
        check_close(code, reason, web=False)
        with self._lock:
            is_first, self._is_closing = not self._is_closing, True
            was_running = self._is_running
        if is_first:
            self.logger.info("server closing")
            with suppress(OSError):
                self._wakes.send(b"\0")
            if was_running:
                self.socket_closed.wait()
            self.socket_closed.set()
            self.socket.close()
            self._waker.close()
            self._wakes.close()
        for connection in self._all_connections():
            connection.give_up_opening()
        if close_connections:
            for connection in self._all_connections():
                connection.begin_to_close(code, reason)
        for thread in self.handler_threads - {threading.current_thread()}:
            thread.join()
        if is_first:
            self.logger.info("server closed")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.shutdown()

    def _all_connections(self) -> list[ServerConnection]:
        with self._lock:
            return list(self._connections)

    def _accept(self) -> None:
        try:
            sock, address = self.socket.accept()
        except OSError:  # the client has left, or there are no descriptors
            return
        thread = threading.Thread(target=self._serve, args=(sock, address))
        with self._lock:
            self._threads.add(thread)
        thread.start()

    def _serve(self, sock: socket.socket, address: Any) -> None:
        """Open one connection, and run its handler."""
        connection: ServerConnection | None = None
        try:
            connection = self._take_in(sock, address)
            if connection is not None and connection.open():
                with connection:
                    self._handler(connection)
        except Exception:
            logger = self.logger if connection is None else connection.logger
            logger.error("connection handler failed", exc_info=True)
        finally:
            if connection is not None:
                connection.hang_up()
            with self._lock:
                if connection is not None:
                    self._connections.discard(connection)
                self._threads.discard(threading.current_thread())

    def _take_in(self, sock: socket.socket, address: Any) -> ServerConnection | None:
        policy = self._policy

        def choose(offered: Sequence[str]) -> str | None:
            return policy.choose(connection, offered)

        admitted = admission.Admission(policy.origins, choose, policy.server_header, is_asked=True)
        try:
            transport = ServerTransport(sock, address, self._options, admitted)
        except Exception:
            sock.close()
            self.logger.exception("a client could not be taken in")
            return None
        try:
            connection = self._factory(transport, self, self._limits, policy)
        except Exception:  # the program's own class
            transport.abort()
            self.logger.exception("create_connection failed")
            return None
        with self._lock:
            self._connections.add(connection)
        return connection


def serve(
    handler: Handler,
    host: str | None = None,
    port: int | None = None,
    *,
    sock: socket.socket | None = None,
    ssl: SSLContext | None = None,
    origins: Origins | None = None,
    extensions: Sequence[Any] | None = None,
    subprotocols: Sequence[str] | None = None,
    select_subprotocol: SelectSubprotocol | None = None,
    compression: str | Compression | None = "deflate",
    process_request: ProcessRequest | None = None,
    process_response: ProcessResponse | None = None,
    server_header: str | None = arguments.AGENT,
    open_timeout: float | None = 10,
    ping_interval: float | None = 20,
    ping_timeout: float | None = 20,
    close_timeout: float | None = 10,
    max_size: int | tuple[int | None, int | None] | None = 2**20,
    max_queue: arguments.Marks = 16,
    logger: Logger | LoggerAdapter[Any] | None = None,
    create_connection: type[ServerConnection] | None = None,
    unix_path: str | os.PathLike[str] | None = None,
    **others: Any,
) -> Server:
    """Listen at `host` and `port` for WebSocket connections, which `serve_forever()` accepts.

    ::

        def echo(websocket):
            for message in websocket:
                websocket.send(message)

        with serve(echo, "localhost", 8765) as server:
            server.serve_forever()

    `handler` is called for every connection, in a thread of its own; when it returns the connection is closed, with
    1011 if it raised. The arguments are those of `websockets.sync.server.serve`, further ones those of
    `socket.create_server()`.

    Raises OSError if the address is not this machine's or the port is taken.
    """
    ssl = arguments.renamed_ssl(others, ssl)
    arguments.check_others(others, function="serve()", known=arguments.OF_SOCKET)
    limits, fields = arguments.limits(max_size, max_queue, 0, web=False)
    names = arguments.subprotocols_of(subprotocols)
    options = arguments.base_options(
        subprotocols=names,
        compression=arguments.compression_of(compression, extensions, is_client=False),
        **fields,
        **arguments.times(open_timeout, close_timeout, ping_interval, ping_timeout),
        **arguments.serving_tls({}, ssl),
    )
    if sock is None:
        if unix_path is not None:
            others.setdefault("family", socket.AF_UNIX)
            sock = socket.create_server(os.fspath(unix_path), **others)
        else:
            sock = socket.create_server((host, port or 0), **others)
    elif host is not None or port is not None or unix_path is not None:
        name = "host" if host is not None else "port" if port is not None else "path"
        raise InvalidOptionError(f"{name} is incompatible with sock")
    return Server(
        sock,
        handler,
        options=options,
        limits=limits,
        policy=Policy(origins, names, select_subprotocol, process_request, process_response, server_header),
        logger=logger or logging.getLogger("pyws_browser.server"),
        factory=create_connection or ServerConnection,
    )


def unix_serve(handler: Handler, path: str | os.PathLike[str] | None = None, **arguments_: Any) -> Server:
    """Serve at a unix socket: `sock`, or a new one at `path`. The arguments are those of `serve()`.

    Raises OSError if the socket cannot be made, and InvalidOptionError unless one of the two is given.
    """
    if path is None and arguments_.get("sock") is None:
        raise InvalidOptionError("missing path argument")
    return serve(handler, unix_path=path, **arguments_)


def _name_of(sock: socket.socket) -> str:
    name = sock.getsockname()
    return f"{name[0]}:{name[1]}" if isinstance(name, tuple) else str(name)
