"""connect(): a client's connection under asyncio, as `websockets.asyncio.client.connect`."""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Iterator
from time import monotonic
from typing import TYPE_CHECKING, Any, Final

from ..compat import arguments
from ..compat.exceptions import InvalidStatus, InvalidURI, SecurityError
from ..compat.headers import headers_of
from ..compat.openings import invalid_proxy, opening_error
from ..compat.page import take_headers_in_page, take_in_page
from ..compat.retrying import process_exception as process_exception
from ..compat.retrying import raise_if_final
from ..errors import InvalidOptionError, InvalidProxyError, InvalidURLError
from ..peer.reconnection import Backoff, Reconnection
from ..peer.settings import web_limits_by_default
from ..protocol.url import parse_url
from ..protocol.vocabulary import State
from ..transport import IN_BROWSER, count_returns
from ..transport import connect as open_transport
from .connection import Connection
from .waiter import Waiter

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Sequence
    from logging import Logger, LoggerAdapter
    from os import PathLike
    from socket import socket
    from ssl import SSLContext
    from types import TracebackType
    from typing import TypeAlias, TypeVar

    from ..compat.headers import Headers
    from ..peer.websocket_peer import Connector
    from ..protocol.codecs import Codec
    from ..protocol.compression import Compression
    from ..protocol.options import Options
    from ..protocol.url import WebSocketURL
    from .lifecycle import Trace

    T = TypeVar("T")
    Provider: TypeAlias = T | Callable[[], T | Awaitable[T]]

MAX_REDIRECTS: Final = 10
_LOOK: Final = 0.25
"""Seconds between two checks whether the network or the page has come back."""


class ClientConnection(Connection):
    """A client's connection, made by `connect()`."""

    async def opened(self, uri: str, open_timeout: float | None) -> None:
        """Wait until it is open; if this raises what `connect()` raises, everything is released first."""
        self._opening = Waiter(self._loop)
        try:
            while self._transport.ready_state is State.CONNECTING:
                await self._opening
        except BaseException:  # cancelled, or the coroutine is closed
            self._abort()
            raise
        if not self._transport.has_opened:
            await self.wait_closed()
            status = self._transport.close_status
            raise opening_error(status.cause if status is not None else None, uri, open_timeout)

    def _on_state(self, state: State) -> None:
        super()._on_state(state)
        self._opening.wake()


class connect:  # noqa: N801  it is called like a function
    """Connect to the WebSocket server at `uri`: `async with`, `await`, or `async for`, which reconnects.

    ::

        async with connect("wss://example.com/chat") as websocket:
            await websocket.send("hello")
            async for message in websocket:
                print(message)

    The arguments are those of `websockets.asyncio.client.connect`, whose defaults they have; `docs/asyncio.md` goes
    through them. Further ones: `backoff` says how `async for` reconnects, `connector` opens the transport, as that of
    `WebSocketPeer` does, `trace(connection, frame)` is called for every frame, and `codec` says how `send_value()` and
    `receive_value()` make messages. `uri`, `subprotocols` and `additional_headers` may be functions or coroutine
    functions, which are called again for every attempt: for a token that expires, for example.

    A redirect to another origin (scheme, host and port) is followed as by `connect(target)`: it carries no
    `additional_headers`, `subprotocols`, `origin`, `ssl`, `server_hostname` or `user_agent_header` that were given for
    the first one, unless its origin is among `trusted_origins`, as in `["wss://b.example"]`. A subclass may override
    `process_redirect()`.

    Raises, when it connects:
        InvalidURI: the URI is none that a WebSocket can be opened to (raised at once if it is a str).
        InvalidProxy: what `proxy`, or the system, names is no proxy.
        OSError: no connection came about; in a page this is all that is known.
        InvalidHandshake: the server's answer, or the proxy's, was wrong; InvalidStatus if the server refused. A
            redirect that cannot be followed is an InvalidHandshake as well.
        InvalidOptionError, InvalidHeaderError, InvalidSubprotocolError: an argument has a value that cannot be used
            (raised at once unless a function gives it).
        TimeoutError: it took longer than `open_timeout`.
        UnsupportedInBrowserError: an argument was given that a page cannot honour; raised at once.

    """

    def __init__(
        self,
        uri: Provider[str],
        *,
        origin: str | None = None,
        subprotocols: Provider[Sequence[str] | None] = None,
        compression: str | Compression | None = "deflate",
        extensions: Sequence[Any] | None = None,
        additional_headers: Provider[Headers | None] = None,
        user_agent_header: str | None = arguments.AGENT,
        proxy: str | bool | None = True,
        process_exception: Callable[[Exception], Exception | None] | None = None,
        open_timeout: float | None = 10,
        ping_interval: float | None = 20,
        ping_timeout: float | None = 20,
        close_timeout: float | None = 10,
        reconnect_delays: Callable[[], Iterator[float]] | None = None,
        max_size: int | tuple[int | None, int | None] | None = 2**20,
        max_queue: arguments.Marks = 16,
        write_limit: arguments.Marks = 2**15,
        logger: Logger | LoggerAdapter[Any] | None = None,
        create_connection: type[ClientConnection] | None = None,
        ssl: SSLContext | bool | None = arguments.DEFAULT_TLS,
        server_hostname: str | None = None,
        host: str | None = None,
        port: int | None = None,
        local_addr: tuple[str, int] | None = None,
        family: int = 0,
        sock: socket | None = None,
        unix_path: str | PathLike[str] | None = None,
        backoff: Backoff | None = None,
        connector: Connector | None = None,
        trace: Trace | None = None,
        trusted_origins: Sequence[str] = (),
        codec: Codec | str = "json",
        **others: Any,
    ) -> None:
        web = IN_BROWSER or web_limits_by_default()
        arguments.check_others(others)
        self.logger: Logger | LoggerAdapter[Any] = logger or logging.getLogger("pyws_browser.client")
        if web:
            given: dict[str, Any] = {
                "origin": origin,
                "compression": compression,
                "extensions": extensions,
                "additional_headers": additional_headers,
                "user_agent_header": user_agent_header,
                "proxy": proxy,
                "ping_interval": ping_interval,
                "ping_timeout": ping_timeout,
                "ssl": None if ssl is arguments.DEFAULT_TLS else ssl,
                "server_hostname": server_hostname,
                "host": host,
                "port": port,
                "local_addr": local_addr,
                "family": family,
                "sock": sock,
                "unix_path": unix_path,
            }
            take_in_page({**given, **others}, self.logger)
            compression, extensions = "deflate", None
        self.uri = uri
        # They are read again for each attempt, and an iterator gives what it has once.
        if isinstance(subprotocols, Iterator):
            subprotocols = tuple(subprotocols)
        self.subprotocols: Provider[Sequence[str] | None] | Sequence[str] | None = subprotocols
        if isinstance(additional_headers, Iterator):
            additional_headers = tuple(additional_headers)
        self.additional_headers = additional_headers
        self.process_exception: Callable[[Exception], Exception | None] = (
            process_exception or globals()["process_exception"]
        )
        self.open_timeout = open_timeout
        self.trusted_origins: frozenset[tuple[str, str, int]] = frozenset()
        self.reconnection: Reconnection = Reconnection(backoff or Backoff(), reconnect_delays)
        """The state of `async for`; the signal `changed` reports each change."""
        self._asked_uri = uri if isinstance(uri, str) else ""
        self._ssl = ssl
        self._host = host
        self._port = port
        dialling: dict[str, Any] = {}
        if not web:
            from ..compat import reaching

            self._host, self._port = reaching.host_of(host), reaching.port_of(port)
            server_hostname = reaching.host_of(server_hostname or None, "server_hostname")
            local_addr, family = reaching.local_addr_of(local_addr), reaching.family_of(family)
            self.trusted_origins = reaching.origins_of(trusted_origins)
            unix_path, proxy = reaching.unix_path_of(unix_path), reaching.proxy_of(proxy)
            dialling = {**arguments.proxy_tls_of(others, proxy), **arguments.asyncio_arguments(others)}
        self._headers: dict[str, str | None] = {} if web else {"Origin": origin, "User-Agent": user_agent_header}
        self._limits, limits = arguments.limits(max_size, max_queue, write_limit, web=web)
        times = arguments.times(open_timeout, close_timeout, None if web else ping_interval, ping_timeout)
        self._options = arguments.base_options(
            web_limits=web,
            compression=arguments.compression_of(compression, extensions),
            server_hostname=server_hostname or "",
            proxy=None if web or unix_path is not None or sock is not None else proxy,
            sock=sock,
            unix_path=unix_path,
            local_addr=local_addr,
            family=family,
            **dialling,
            **limits,
            **times,
        )
        self._codec: Codec | str = arguments.codec_of(codec)
        self._connector: Connector = connector or open_transport
        self._factory = create_connection or ClientConnection
        self._trace = trace
        self._connection: ClientConnection | None = None
        if isinstance(uri, str):
            arguments.tls_of(ssl, server_hostname, secure=self._parse(uri).secure)
        if not callable(subprotocols):
            arguments.subprotocols_of(subprotocols)
        headers_of(None if callable(additional_headers) else additional_headers, self._headers)

    # ... = await connect(...)

    def __await__(self) -> Generator[Any, None, ClientConnection]:
        return self._connect().__await__()

    # async with connect(...) as ...

    async def __aenter__(self) -> ClientConnection:
        if self._connection is not None:
            raise RuntimeError("connect() isn't reentrant")
        self._connection = await self
        return self._connection

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.__aexit__(kind, error, traceback)

    # async for ... in connect(...)

    async def __aiter__(self) -> AsyncIterator[ClientConnection]:
        """Connect again after each end, as `backoff` says; `process_exception` decides which failures are final.

        It goes on after any close code, unless `backoff.final_codes` names it. If the program left or closed an open
        connection, the next attempt follows at once.
        """
        reconnection = self.reconnection
        try:
            while True:
                reconnection.is_connecting()
                try:
                    connection = await self._connect()
                except Exception as exc:
                    raise_if_final(self.process_exception, exc)
                    delay = reconnection.has_ended(monotonic(), None, exc)
                    if delay is None:
                        raise
                    await self._wait(delay, exc)
                    continue
                async with connection:
                    reconnection.has_opened(monotonic())
                    yield connection
                    is_given_up = connection.state == State.OPEN or connection.was_closed_here
                if is_given_up:
                    reconnection.restart()
                    continue
                error = connection.closed_error()
                delay = reconnection.has_ended(monotonic(), connection.close_code, error)
                if delay is None:
                    if connection.close_code in reconnection.backoff.final_codes:
                        return
                    raise error
                await self._wait(delay, error)
        finally:
            reconnection.stop()

    async def _wait(self, delay: float, error: Exception) -> None:
        self.logger.info("reconnecting in %.1f seconds: %s: %s", delay, type(error).__name__, error)
        if not IN_BROWSER:
            await asyncio.sleep(delay)
            return
        returns, end = count_returns(), monotonic() + delay
        while (left := end - monotonic()) > 0.0 and count_returns() == returns:
            await asyncio.sleep(min(left, _LOOK))

    # The steps of connecting.

    async def _connect(self) -> ClientConnection:
        uri = await _ask(self.uri)
        options = self._options._replace(
            headers=self._headers_of(await _ask(self.additional_headers)),
            subprotocols=arguments.subprotocols_of(await _ask(self.subprotocols)),
        )
        trusted = self.trusted_origins | {self._parse(uri).origin}
        ssl = self._ssl
        given_up_at = monotonic() + options.handshake_timeout
        for _ in range(MAX_REDIRECTS):
            options = options._replace(handshake_timeout=max(given_up_at - monotonic(), 0.001))
            try:
                return await self._open(uri, options, ssl)
            except InvalidStatus as refusal:
                self._asked_uri = uri
                target = self.process_redirect(refusal)
                if target is refusal:
                    raise
                if isinstance(target, Exception):
                    raise target from refusal
                uri = target
                if self._parse(uri).origin not in trusted:
                    from ..compat.reaching import options_elsewhere

                    options = options_elsewhere(options, uri, self._headers.get("User-Agent"), self.logger)
                    ssl = arguments.DEFAULT_TLS
        raise SecurityError(f"more than {MAX_REDIRECTS} redirects")

    def _headers_of(self, headers: Headers | None) -> tuple[tuple[str, str], ...]:
        if self._options.web_limits:
            take_headers_in_page(headers, self.logger)
            return ()
        return headers_of(headers, self._headers)

    def process_redirect(self, exc: Exception) -> Exception | str:
        """Return the URI to connect to in place of the one that was refused, or the exception to raise.

        It can be overridden, as in `websockets`: a method that returns `exc` follows no redirects.
        """
        from ..compat.reaching import redirect_target

        return redirect_target(exc, self._asked_uri, self._options, has_address=bool(self._host or self._port))

    async def _open(self, uri: str, options: Options, ssl: SSLContext | bool | None) -> ClientConnection:
        tls = arguments.tls_of(ssl, options.server_hostname, secure=self._parse(uri).secure)
        if self._host is not None or self._port is not None:
            url = parse_url(uri)
            options = options._replace(dial=(self._host or url.host, self._port or url.port))
        try:
            transport = self._connector(uri, options._replace(tls=tls))
        except InvalidURLError as exc:
            raise InvalidURI(uri, str(exc)) from exc
        except InvalidProxyError as exc:
            raise invalid_proxy(options.proxy, exc) from exc
        try:
            connection = self._factory(transport, **self._limits._asdict(), logger=self.logger, trace=self._trace)
        except BaseException:
            transport.abort()
            raise
        if self._codec != "json":
            connection.codec = self._codec
        await connection.opened(uri, self.open_timeout)
        return connection

    def _parse(self, uri: str) -> WebSocketURL:
        """Return the parts of a URI; raises InvalidURI. Only in a page can a relative URI be resolved."""
        try:
            return parse_url(uri, arguments.ANY_PAGE if IN_BROWSER else None)
        except InvalidURLError as exc:
            raise InvalidURI(uri, str(exc)) from exc


def unix_connect(
    path: str | PathLike[str] | None = None, uri: Provider[str] | None = None, **arguments_: Any
) -> connect:
    """Connect to a server that listens at a unix socket, or by `sock`; the arguments are those of `connect()`.

    `uri` gives the host and the path of the request; it is ws://localhost/, or wss://localhost/ if there is an `ssl`.
    Raises InvalidOptionError unless either `path` or `sock` is given.
    """
    if path is None and arguments_.get("sock") is None:
        raise InvalidOptionError("no path and sock were specified")
    if path is not None and arguments_.get("sock") is not None:
        raise InvalidOptionError("path and sock can not be specified at the same time")
    if uri is None:
        uri = "ws://localhost/" if arguments_.get("ssl") is None else "wss://localhost/"
    return connect(uri, unix_path=path, **arguments_)


async def _ask(provider: Any) -> Any:
    value = provider() if callable(provider) else provider
    return await value if inspect.isawaitable(value) else value
