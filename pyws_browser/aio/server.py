"""serve(): a server under asyncio, as `websockets.asyncio.server.serve`. CPython only."""

from __future__ import annotations

import asyncio
import logging
from operator import attrgetter
from os import fspath
from socket import SOCK_STREAM
from typing import TYPE_CHECKING, Any
from weakref import ref

from ..compat import arguments
from ..compat.admission import Policy
from ..errors import InvalidOptionError
from ..protocol import admission
from ..protocol.openings import MAX_HANDSHAKES, Openings, check_max_handshakes
from ..protocol.rules import MAX_PORT, CloseCode, check_close
from ..protocol.vocabulary import State
from ..transport.native import ServerTransport
from ..transport.native.leaving import Lost
from .auth import basic_auth
from .broadcasting import broadcast
from .listening import BACKLOG, Binding, Listener, SocketFile, bound_sockets, unix_socket
from .server_connection import ServerConnection

if TYPE_CHECKING:
    import socket
    from collections.abc import Awaitable, Callable, Generator, Sequence
    from logging import Logger, LoggerAdapter
    from os import PathLike
    from ssl import SSLContext
    from types import TracebackType
    from typing import Self

    from ..compat.admission import Origins, ProcessRequest, ProcessResponse, SelectSubprotocol
    from ..protocol.compression import Compression
    from ..protocol.options import Options
    from .lifecycle import Trace

    Handler = Callable[["ServerConnection"], Awaitable[object]]


__all__ = ["Server", "ServerConnection", "basic_auth", "broadcast", "serve", "unix_serve"]


class Server:
    """The server that `serve()` returns; it listens once awaited or entered by `async with`.

    Its methods are those of `asyncio.Server`; `close()` also closes the connections, and waits for their handlers.
    """

    def __init__(
        self,
        handler: Handler,
        host: str | Sequence[str] | None,
        port: int | None,
        *,
        options: Options,
        limits: arguments.Limits,
        policy: Policy,
        trace: Trace | None,
        logger: Logger | LoggerAdapter[Any],
        factory: type[ServerConnection],
        sock: socket.socket | None,
        start_serving: bool,
        binding: Binding,
        max_handshakes: int,
    ) -> None:
        self.logger = logger
        self._handler = handler
        self._host = host
        self._port = port
        self._options = options
        self._limits = limits
        self._policy = policy
        self._trace = trace
        self._factory = factory
        self._sock = sock
        self._starts_at_once = start_serving
        self._binding = binding
        self.unix_path: str | bytes | None = None
        self.removes_file: bool = False
        """Set by `unix_serve()`: the path to listen at, and whether the file of the socket goes with the server."""
        self._file: SocketFile | None = None
        self._listeners: list[Listener] | None = None
        self._is_serving = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._opening: Openings[ServerConnection] = Openings()
        self._max_handshakes = max_handshakes
        self._handled: dict[ServerConnection, asyncio.Task[None]] = {}
        self._closing: asyncio.Task[None] | None = None
        self._goodbye: tuple[int, str] | None = None
        self._closed: asyncio.Future[None] | None = None

    # server = await serve(...), async with serve(...) as server

    def __await__(self) -> Generator[Any, None, Self]:
        return self._listen().__await__()

    async def __aenter__(self) -> Self:
        return await self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()
        await self.wait_closed()

    @property
    def connections(self) -> set[ServerConnection]:
        """The connections that are open, for `broadcast()`."""
        return {connection for connection in self._handled if connection.state is State.OPEN}

    @property
    def sockets(self) -> tuple[socket.socket, ...]:
        """The listening sockets."""
        return tuple(listener.sock for listener in self._listeners or () if listener.sock.fileno() >= 0)

    def get_loop(self) -> asyncio.AbstractEventLoop:
        """Return the event loop that it runs on."""
        return self._running_loop()

    def is_serving(self) -> bool:
        """Tell whether it accepts connections."""
        return self._is_serving

    async def start_serving(self) -> None:
        """Begin to accept connections, after `start_serving=False`."""
        self._running_loop()
        if not self._is_serving and self._closing is None:
            for listener in self._listeners or ():
                listener.sock.listen(self._binding.backlog)
            self._is_serving = True
            for listener in self._listeners or ():
                listener.start()
                self.logger.info("server listening on %s", _name_of(listener.sock))

    async def serve_forever(self) -> None:
        """Serve until `close()` is called, or until it is cancelled, which closes the server."""
        await self.start_serving()
        try:
            await self.wait_closed()
        except asyncio.CancelledError:
            self.close()
            await self.wait_closed()
            raise

    def close(self, close_connections: bool = True, code: int = CloseCode.GOING_AWAY, reason: str = "") -> None:
        """Stop accepting, and close the connections with `code`; `wait_closed()` waits for them and their handlers.

        With `close_connections=False`, connections stay open until the clients end them. Data that a client did not
        receive within `close_timeout` is lost, and the number of bytes is logged. A second call does nothing. Raises
        InvalidCloseCodeError and InvalidCloseReasonError.
        """
        check_close(code, reason, web=False)
        if self._closing is None:
            loop = self._running_loop()
            self._is_serving = False
            for listener in self._listeners or ():
                listener.close()
            if self._file is not None:
                self._file.remove()
            self._goodbye = (code, reason) if close_connections else None
            self._closing = loop.create_task(self._close())

    async def wait_closed(self) -> None:
        """Wait until the server is closed, all its connections are, and their handlers have returned."""
        self._running_loop()
        assert self._closed is not None  # noqa: S101  made together with the loop
        await asyncio.shield(self._closed)

    # Called by its connections.

    def has_opened(self, connection: ServerConnection) -> None:
        """Start the handler of a connection."""
        if connection in self._opening:
            self._opening.discard(connection)
            self._handled[connection] = self._running_loop().create_task(self._handle(connection))
            if self._goodbye is not None:  # it was accepted at the last moment
                connection.begin_to_close(*self._goodbye)

    def has_closed(self, connection: ServerConnection) -> None:
        """Forget a connection that never opened."""
        self._opening.discard(connection)

    # The internals.

    async def _listen(self) -> Self:
        if self._listeners is None:
            self._loop = loop = asyncio.get_running_loop()
            self._closed = loop.create_future()
            if self.unix_path is not None:
                self._sock = unix_socket(self.unix_path)
            if self._sock is not None:
                sockets = [self._sock]
            else:
                sockets = await bound_sockets(self._host, self._port, self._binding)
            self._file = SocketFile(sockets[0]) if self.removes_file else None
            self._listeners = [Listener(sock, loop, self._accept) for sock in sockets]
            if self._starts_at_once:
                try:
                    await self.start_serving()
                except OSError:  # another one listens there since
                    for listener in self._listeners:
                        listener.close()
                    self._listeners = None
                    raise
        return self

    def _running_loop(self) -> asyncio.AbstractEventLoop:
        if self._loop is None:
            raise RuntimeError("the server was not started: await serve(...), or enter it by `async with`")
        return self._loop

    def _accept(self, sock: socket.socket, address: Any) -> None:
        policy = self._policy
        self._make_way()

        def choose(offered: Sequence[str]) -> str | None:
            connection = reference()  # the connection refers to its request, and the request to this function
            return None if connection is None else policy.choose(connection, offered)

        try:
            transport = ServerTransport(
                sock,
                address,
                self._options,
                admission.Admission(
                    policy.origins,
                    choose,
                    policy.server_header,
                    is_asked=True,
                ),
            )
        except Exception:
            sock.close()
            self.logger.exception("a client could not be taken in")
            return
        try:
            connection = self._factory(transport, self, self._limits, policy, self._trace)
        except Exception:  # the program's own class
            transport.abort()
            self.logger.exception("create_connection failed")
            return
        reference = ref(connection)
        self._opening.add(connection, transport.remote_address()[0])

    def _make_way(self) -> None:
        """Make room for another handshake; requests that wait for the program do not count."""
        while len(self._opening) >= self._max_handshakes:
            oldest = self._opening.next_to_go(attrgetter("waits_for_its_client"))
            if oldest is None:
                return
            self._opening.discard(oldest)
            oldest.hang_up()

    async def _handle(self, connection: ServerConnection) -> None:
        try:
            async with connection:
                await self._handler(connection)
        except Exception:
            connection.logger.exception("connection handler failed")
        finally:
            del self._handled[connection]

    async def _close(self) -> None:
        self.logger.info("server closing")
        opening = list(self._opening)
        for connection in opening:
            connection.give_up_opening()
        leaving = self.connections if self._goodbye is not None else set()
        for connection in leaving:
            if self._goodbye is not None:
                connection.begin_to_close(*self._goodbye)
        for connection in opening:
            await connection.wait_closed()
        while self._handled:
            await asyncio.wait(self._handled.values())
        sizes = [connection.lost for connection in leaving if connection.lost]
        if sizes:
            self.logger.warning("close(): %s", Lost(sum(sizes), len(sizes)))
        self.logger.info("server closed")
        assert self._closed is not None  # noqa: S101
        self._closed.set_result(None)


def serve(
    handler: Handler,
    host: str | Sequence[str] | None = None,
    port: int | None = None,
    *,
    origins: Origins | None = None,
    subprotocols: Sequence[str] | None = None,
    select_subprotocol: SelectSubprotocol | None = None,
    compression: str | Compression | None = "deflate",
    extensions: Sequence[Any] | None = None,
    process_request: ProcessRequest | None = None,
    process_response: ProcessResponse | None = None,
    server_header: str | None = arguments.AGENT,
    open_timeout: float | None = 10,
    ping_interval: float | None = 20,
    ping_timeout: float | None = 20,
    close_timeout: float | None = 10,
    max_size: int | tuple[int | None, int | None] | None = 2**20,
    max_queue: arguments.Marks = 16,
    write_limit: arguments.Marks = 2**15,
    logger: Logger | LoggerAdapter[Any] | None = None,
    create_connection: type[ServerConnection] | None = None,
    ssl: SSLContext | None = None,
    sock: socket.socket | None = None,
    start_serving: bool = True,
    backlog: int = BACKLOG,
    reuse_port: bool | None = None,
    max_handshakes: int = MAX_HANDSHAKES,
    trace: Trace | None = None,
    **others: Any,
) -> Server:
    """Serve WebSocket connections at `host` and `port`, while entered by `async with`, or once awaited.

    ::

        async def echo(websocket):
            async for message in websocket:
                await websocket.send(message)

        async with serve(echo, "localhost", 8765) as server:
            await server.serve_forever()

    `handler` is called for every connection, in a task of its own; when it returns the connection is closed, with 1011
    if it raised. The arguments are those of `websockets.asyncio.server.serve`, and of asyncio's `create_server()`,
    whose meaning they have; `docs/asyncio.md` goes through them.

    `max_handshakes` is how many clients may be connected without a complete request. When another one comes, the oldest
    of those from the address with the most of them is dropped.

    Raises OSError when it starts to listen, if the address is not this machine's or the port is taken.
    """
    arguments.check_others(others, function="serve()", known=arguments.OF_CREATE_SERVER)
    if sock is not None and (host is not None or port is not None):
        raise InvalidOptionError("host/port and sock can not be specified at the same time")
    if sock is not None and sock.type != SOCK_STREAM:
        raise InvalidOptionError(f"sock is a stream socket, not {sock!r}")
    if port is not None and not 0 <= port <= MAX_PORT:
        raise InvalidOptionError(f"{port} is not a port: ports go up to {MAX_PORT}")
    limits, fields = arguments.limits(max_size, max_queue, write_limit, web=False)
    names = arguments.subprotocols_of(subprotocols)
    options = arguments.base_options(
        subprotocols=names,
        compression=arguments.compression_of(compression, extensions, is_client=False),
        **fields,
        **arguments.times(open_timeout, close_timeout, ping_interval, ping_timeout),
        **arguments.serving_tls(others, ssl),
    )
    return Server(
        handler,
        host,
        port,
        options=options,
        limits=limits,
        policy=Policy(origins, names, select_subprotocol, process_request, process_response, server_header),
        trace=trace,
        logger=logger or logging.getLogger("pyws_browser.server"),
        factory=create_connection or ServerConnection,
        sock=sock,
        start_serving=start_serving,
        binding=Binding.of({**others, "backlog": backlog, "reuse_port": reuse_port}),
        max_handshakes=check_max_handshakes(max_handshakes),
    )


def unix_serve(handler: Handler, path: str | PathLike[str] | None = None, **arguments_: Any) -> Server:
    """Serve at a unix socket: `sock`, or a new one at `path`. The arguments are those of `serve()`.

    Of asyncio's arguments it takes those of `create_unix_server()`. A socket that a dead server left at `path` is
    replaced. The server removes its file when it closes, unless `cleanup_socket` is False. Raises OSError when it
    starts to listen, and InvalidOptionError unless one of the two is given.
    """
    for name in ("host", "port", "family", "flags", "reuse_address", "reuse_port", "keep_alive"):
        if name in arguments_:
            raise TypeError(f"unix_serve() got an unexpected keyword argument {name!r}: it belongs to serve()")
    removes_file = bool(arguments_.pop("cleanup_socket", True))
    if path is None and arguments_.get("sock") is None:
        raise InvalidOptionError("path was not specified, and no sock specified")
    if path is not None and arguments_.get("sock") is not None:
        raise InvalidOptionError("path and sock can not be specified at the same time")
    server = serve(handler, **arguments_)
    server.removes_file = removes_file
    if path is not None:
        server.unix_path = fspath(path)
    return server


def _name_of(sock: socket.socket) -> str:
    name = sock.getsockname()
    return f"{name[0]}:{name[1]}" if isinstance(name, tuple) else str(name)
