"""connect(): a client's connection for code that blocks, as `websockets.sync.client.connect`."""

from __future__ import annotations

import logging
import time
from time import monotonic
from typing import TYPE_CHECKING, Any, Final, Literal, overload
from weakref import finalize

from ..compat import arguments
from ..compat.exceptions import InvalidStatus, InvalidURI, OpeningTimeoutError, SecurityError
from ..compat.headers import headers_of
from ..compat.openings import invalid_proxy, opening_error
from ..compat.page import take_in_page
from ..compat.retrying import process_exception, raise_if_final
from ..errors import InvalidOptionError, InvalidProxyError, InvalidURLError
from ..peer.reconnection import Backoff, Reconnection
from ..peer.settings import web_limits_by_default
from ..protocol.url import parse_url
from ..protocol.vocabulary import CLOSED, OPEN, State
from ..transport import IN_BROWSER
from ..transport import connect as open_transport
from .connection import Connection

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from logging import Logger, LoggerAdapter
    from os import PathLike
    from socket import socket
    from ssl import SSLContext
    from types import TracebackType

    from ..compat.headers import Headers
    from ..peer.websocket_peer import Connector
    from ..protocol.codecs import Codec
    from ..protocol.compression import Compression
    from ..protocol.options import Options

__all__ = ["ClientConnection", "connect", "reconnect", "unix_connect", "unix_reconnect"]

MAX_REDIRECTS: Final = 10

_SYSTEM_PATH: Final = {"address", "source_address", "timeout"}
"""The arguments of `socket.create_connection()`; `all_errors` is asyncio's as well."""


class ClientConnection(Connection):
    """A client's connection, made by `connect()`."""

    def opened(self, uri: str, open_timeout: float | None) -> None:
        """Wait until it is open; if this raises what `connect()` raises, everything is released first."""
        transport = self._transport
        with self._driver:
            try:
                self._driver.wait(lambda: transport.ready_state is not State.CONNECTING)
                if not transport.has_opened:
                    self._driver.wait(lambda: transport.ready_state is CLOSED)
            except BaseException:
                self._abort()
                raise
        if not transport.has_opened:
            status = transport.close_status
            error = opening_error(None if status is None else status.cause, uri, open_timeout)
            if isinstance(error, OpeningTimeoutError):
                error.args = ("timed out while waiting for handshake response",)
            raise error
        self._driver.start()
        if not IN_BROWSER:
            finalize(self, self._driver.abandon).atexit = False


class reconnect:  # noqa: N801  it is called like a function
    """Connect to the WebSocket server at `uri`: `with`, or `for`, which connects again after each end.

    ::

        for websocket in reconnect("wss://example.com/chat"):
            try:
                for message in websocket:
                    print(message)
            except ConnectionClosed:
                continue

    The arguments are those of `connect()`; `process_exception`, `reconnect_delays` and `backoff` are as those of
    `aio.connect()`.
    """

    def __init__(
        self,
        uri: str,
        *,
        sock: socket | None = None,
        ssl: SSLContext | bool | None = arguments.DEFAULT_TLS,
        server_hostname: str | None = None,
        origin: str | None = None,
        extensions: Sequence[Any] | None = None,
        subprotocols: Sequence[str] | None = None,
        compression: str | Compression | None = "deflate",
        additional_headers: Headers | None = None,
        user_agent_header: str | None = arguments.AGENT,
        proxy: str | bool | None = True,
        process_exception: Callable[[Exception], Exception | None] = process_exception,
        open_timeout: float | None = 10,
        ping_interval: float | None = 20,
        ping_timeout: float | None = 20,
        close_timeout: float | None = 10,
        reconnect_delays: Callable[[], Iterator[float]] | None = None,
        max_size: int | tuple[int | None, int | None] | None = 2**20,
        max_queue: arguments.Marks = 16,
        write_limit: arguments.Marks = None,
        logger: Logger | LoggerAdapter[Any] | None = None,
        create_connection: type[ClientConnection] | None = None,
        unix_path: str | PathLike[str] | None = None,
        backoff: Backoff | None = None,
        connector: Connector | None = None,
        trusted_origins: Sequence[str] = (),
        codec: Codec | str = "json",
        **others: Any,
    ) -> None:
        web = IN_BROWSER or web_limits_by_default()
        path = {name: others.pop(name) for name in _SYSTEM_PATH & others.keys()}
        ssl = arguments.renamed_ssl(others, ssl)
        arguments.check_others(others)
        if path.get("timeout") is not None:
            raise InvalidOptionError(
                "timeout is not supported: open_timeout covers name look-up, TCP, TLS and handshake"
            )
        self.uri = uri
        self.logger: Logger | LoggerAdapter[Any] = logger or logging.getLogger("pyws_browser.client")
        self.process_exception = process_exception
        self.open_timeout = open_timeout
        self.trusted_origins: frozenset[tuple[str, str, int]] = frozenset()
        self.reconnection: Reconnection = Reconnection(backoff or Backoff(), reconnect_delays)
        """The state of the loop; the signal `changed` reports each change."""
        self.connection: ClientConnection | None = None
        self._asked_uri = uri
        self._ssl = None if ssl is None and IN_BROWSER else ssl
        dialling: dict[str, Any] = {}
        self._headers: dict[str, str | None] = {}
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
                "sock": sock,
                "unix_path": unix_path,
                "host": path.get("address"),
                "local_addr": path.get("source_address"),
            }
            take_in_page({**given, **others}, self.logger)
            compression, extensions, additional_headers, ping_interval = "deflate", None, None, None
        else:
            from ..compat import reaching

            server_hostname = reaching.host_of(server_hostname or None, "server_hostname")
            self.trusted_origins = reaching.origins_of(trusted_origins)
            unix_path, proxy = reaching.unix_path_of(unix_path), reaching.proxy_of(proxy)
            self._headers = {"Origin": origin, "User-Agent": user_agent_header}
            dialling = {
                **arguments.proxy_tls_of(others, proxy),
                **arguments.asyncio_arguments(others),
                "dial": reaching.local_addr_of(path.get("address")),
                "local_addr": reaching.local_addr_of(path.get("source_address")),
            }
        # Like `sendall()`, unless the program says how much may wait.
        marks = (32 * 1024, 8 * 1024) if IN_BROWSER else (0, 0)
        self._limits, limits = arguments.limits(
            max_size, max_queue, marks if write_limit is None else write_limit, web=web
        )
        self._options = arguments.base_options(
            web_limits=web,
            subprotocols=arguments.subprotocols_of(subprotocols),
            headers=headers_of(additional_headers, self._headers),
            compression=arguments.compression_of(compression, extensions),
            server_hostname=server_hostname or "",
            proxy=None if web or unix_path is not None or sock is not None else proxy,
            sock=sock,
            unix_path=unix_path,
            **dialling,
            **limits,
            **arguments.times(open_timeout, close_timeout, ping_interval, ping_timeout),
        )
        self._codec: Codec | str = arguments.codec_of(codec)
        self._connector: Connector = connector or open_transport
        self._factory = create_connection or ClientConnection
        arguments.tls_of(self._ssl, server_hostname, secure=self._is_secure(uri))

    # with reconnect(...) as ...

    def __enter__(self) -> ClientConnection:
        if self.connection is not None:
            raise RuntimeError("connect() isn't reentrant")
        self.connection = self.connect()
        return self.connection.__enter__()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        connection, self.connection = self.connection, None
        if connection is not None:
            connection.__exit__(kind, error, traceback)

    # for ... in reconnect(...)

    def __iter__(self) -> Iterator[ClientConnection]:
        """Connect again after each end, as `backoff` says; `process_exception` decides which failures are final."""
        reconnection = self.reconnection
        try:
            while True:
                reconnection.is_connecting()
                try:
                    connection = self.connect()
                except Exception as exc:
                    raise_if_final(self.process_exception, exc)
                    delay = reconnection.has_ended(monotonic(), None, exc)
                    if delay is None:
                        raise
                    self._wait(delay, exc)
                    continue
                with connection:
                    reconnection.has_opened(monotonic())
                    yield connection
                    is_given_up = connection.state is OPEN or connection.was_closed_here
                if is_given_up:
                    reconnection.restart()
                    continue
                error = connection.closed_error()
                delay = reconnection.has_ended(monotonic(), connection.close_code, error)
                if delay is None:
                    if connection.close_code in reconnection.backoff.final_codes:
                        return
                    raise error
                self._wait(delay, error)
        finally:
            reconnection.stop()

    def connect(self) -> ClientConnection:
        """Connect, and follow redirects; raises what `connect()` raises."""
        uri, options, ssl = self.uri, self._options, self._ssl
        trusted = self.trusted_origins | {self._origin(uri)}
        given_up_at = monotonic() + options.handshake_timeout
        for _ in range(MAX_REDIRECTS):
            options = options._replace(handshake_timeout=max(given_up_at - monotonic(), 0.001))
            try:
                return self._open(uri, options, ssl)
            except InvalidStatus as refusal:
                self._asked_uri = uri
                target = self.process_redirect(refusal)
                if target is refusal:
                    raise
                if isinstance(target, Exception):
                    raise target from refusal
                uri = target
                if self._origin(uri) not in trusted:
                    from ..compat.reaching import options_elsewhere

                    options = options_elsewhere(options, uri, self._headers.get("User-Agent"), self.logger)
                    ssl = arguments.DEFAULT_TLS
        raise SecurityError(f"more than {MAX_REDIRECTS} redirects")

    def process_redirect(self, exc: Exception) -> Exception | str:
        """Return the URI to connect to in place of the one that was refused, or the exception to raise."""
        from ..compat.reaching import redirect_target

        return redirect_target(exc, self._asked_uri, self._options, has_address=self._options.dial is not None)

    def _open(self, uri: str, options: Options, ssl: SSLContext | bool | None) -> ClientConnection:
        tls = arguments.tls_of(ssl, options.server_hostname, secure=self._is_secure(uri))
        try:
            transport = self._connector(uri, options._replace(tls=tls))
        except InvalidURLError as exc:
            raise InvalidURI(uri, str(exc)) from exc
        except InvalidProxyError as exc:
            raise invalid_proxy(options.proxy, exc) from exc
        try:
            connection = self._factory(transport, self._limits, logger=self.logger)
        except BaseException:
            transport.abort()
            raise
        if self._codec != "json":
            connection.codec = self._codec
        connection.opened(uri, self.open_timeout)
        return connection

    def _wait(self, delay: float, error: Exception) -> None:
        self.logger.info("reconnecting in %.1f seconds: %s: %s", delay, type(error).__name__, error)
        _sleep(delay)

    def _is_secure(self, uri: str) -> bool:
        return self._parse(uri)[0]

    def _origin(self, uri: str) -> tuple[str, str, int]:
        return self._parse(uri)[1]

    def _parse(self, uri: str) -> tuple[bool, tuple[str, str, int]]:
        try:
            url = parse_url(uri, arguments.ANY_PAGE if IN_BROWSER else None)
        except InvalidURLError as exc:
            raise InvalidURI(uri, str(exc)) from exc
        return url.secure, url.origin


@overload
def connect(uri: str, *, legacy: Literal[True] | None = None, **arguments_: Any) -> ClientConnection: ...


@overload
def connect(uri: str, *, legacy: Literal[False], **arguments_: Any) -> reconnect: ...


def connect(uri: str, *, legacy: bool | None = None, **arguments_: Any) -> ClientConnection | reconnect:
    """Connect to the server at `uri`, and return the connection when it is open; use it in a `with` block.

    The arguments are those of `websockets.sync.client.connect`, whose defaults they have: `ssl`, `server_hostname`,
    `origin`, `subprotocols`, `additional_headers`, `user_agent_header`, `compression`, `extensions`, `proxy`,
    `proxy_ssl`, `proxy_server_hostname`, `open_timeout`, `ping_interval`, `ping_timeout`, `close_timeout`, `max_size`,
    `max_queue`, `logger`, `create_connection`, `sock`, and `address` and `source_address` of
    `socket.create_connection()`; `write_limit`, `connector`, `trusted_origins` and `codec` are as those of
    `aio.connect()`. With `legacy=False` it returns what `reconnect()` returns. It raises what `aio.connect()` raises.
    """
    if IN_BROWSER:
        from ..transport.page.waiting import check_can_wait

        check_can_wait()
    connecter = reconnect(uri, **arguments_)
    return connecter if legacy is False else connecter.connect()


def unix_connect(
    path: str | PathLike[str] | None = None, uri: str | None = None, **arguments_: Any
) -> ClientConnection:
    """Connect to a server that listens at a unix socket, or by `sock`; the arguments are those of `connect()`.

    `uri` gives the host and the path of the request; it is ws://localhost/, or wss://localhost/ if there is an `ssl`.
    Raises InvalidOptionError unless either `path` or `sock` is given.
    """
    target = _at_unix_socket(path, uri, arguments_)
    connection: ClientConnection = connect(target, **arguments_)
    return connection


def unix_reconnect(path: str | PathLike[str] | None = None, uri: str | None = None, **arguments_: Any) -> reconnect:
    """Do what `reconnect()` does, at a unix socket."""
    uri = _at_unix_socket(path, uri, arguments_)
    return reconnect(uri, **arguments_)


def _at_unix_socket(path: str | PathLike[str] | None, uri: str | None, given: dict[str, Any]) -> str:
    if path is None and given.get("sock") is None:
        raise InvalidOptionError("missing path argument")
    if path is not None and given.get("sock") is not None:
        raise InvalidOptionError("path is incompatible with sock")
    given["unix_path"] = path
    return uri or ("ws://localhost/" if given.get("ssl") is None else "wss://localhost/")


def _sleep(seconds: float) -> None:
    if IN_BROWSER:
        from ..transport.page.waiting import sleep

        sleep(seconds)
    else:
        time.sleep(seconds)
