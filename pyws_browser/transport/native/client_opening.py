"""Opens a client's connection: dial, perhaps a proxy, perhaps TLS, then the request."""

from __future__ import annotations

import functools
import ssl
from enum import IntEnum
from typing import TYPE_CHECKING, Final

from ...errors import ConnectError, ConnectTimeoutError, InvalidOptionError, ProxyError, TLSError
from ...wire.handshake import ClientHandshake
from ...wire.proxy import proxy_for
from ...wire.tunnel import tunnel_through
from .dial import Dialler, GivenSocket, UnixDialler
from .opening import Opening, reason_of
from .stream import TLSStream

if TYPE_CHECKING:
    from collections.abc import Callable

    from ...protocol.options import Options
    from ...protocol.url import WebSocketURL
    from ...wire.proxy import Proxy
    from ...wire.tunnel import Tunnel


class ClientPhase(IntEnum):
    """What comes next. Without a proxy START_TLS follows on DIAL. Each phase has its method in `_STEPS`."""

    DIAL = 0
    GREET_PROXY = 1
    PASS_PROXY = 2
    START_TLS = 3
    ASK = 4
    AWAIT_RESPONSE = 5


class ClientOpening(Opening):
    """The opening of a client: it dials the server or a proxy, and sends the request.

    Raises InvalidOptionError if the options contradict each other.
    """

    _handshake: ClientHandshake

    def __init__(self, url: WebSocketURL, options: Options, wake: Callable[[], None]) -> None:
        super().__init__(url, options, wake)
        self._phase = ClientPhase.DIAL
        self._handshake = ClientHandshake(url, options.subprotocols, options.headers, options.compression)
        self._proxy: Proxy | None = None
        self._target: tuple[str, int] = options.dial or (url.host, url.port)
        self._dialler: Dialler | UnixDialler | GivenSocket
        if options.sock is None and options.unix_path is None:
            self._proxy = proxy_for(options.proxy, url._replace(host=self._target[0], port=self._target[1]))
            if self._proxy is not None and "%" in self._target[0]:
                raise InvalidOptionError(
                    f"the zone in {self._target[0]} is known to this machine alone, not to a proxy: set proxy to None"
                )
            host, port = self._target if self._proxy is None else (self._proxy.host, self._proxy.port)
            self._dialler = Dialler(
                host,
                port,
                wake,
                family=options.family,
                local_addr=options.local_addr,
                attempt_delay=options.attempt_delay,
                lookup_flags=options.lookup_flags,
            )
        elif isinstance(options.proxy, str) or (options.sock is not None and options.unix_path is not None):
            raise InvalidOptionError("proxy, unix_path and sock are three ways to the server: set one of them")
        elif options.sock is not None:
            self._dialler = GivenSocket(options.sock)
        else:
            assert options.unix_path is not None  # noqa: S101
            self._dialler = UnixDialler(options.unix_path)
        self._tunnel: Tunnel | None = None

    def close(self) -> None:
        """Release the resources."""
        self._dialler.close()
        super().close()

    @property
    def dialling(self) -> tuple[int, ...]:
        """The descriptors of pending attempts, while there is no connection."""
        return self._dialler.filenos if self._stream is None else ()

    @property
    def next_poll(self) -> float:
        """When another attempt is due, or the time limit must be checked."""
        look = super().next_poll
        return min(look, self._dialler.next_attempt) if self._stream is None else look

    def _step(self) -> bool:
        return _STEPS[self._phase](self)

    def _dial(self) -> bool:
        proxy = self._proxy
        try:
            sock = self._dialler.poll()
        except ConnectError as exc:
            if proxy is None:
                raise
            raise ProxyError(f"the proxy {proxy} cannot be reached: {exc}") from exc
        if sock is None:
            return False
        try:
            self._adopt_socket(sock, sock.getpeername())
        except OSError as exc:
            sock.close()
            raise ConnectError(f"the connection broke at once: {reason_of(exc)}") from exc
        if proxy is None:
            self._phase = ClientPhase.START_TLS
        elif proxy.scheme == "https":
            options = self._options
            self._secure(options.proxy_tls or _default_context(), options.proxy_server_hostname or proxy.host)
            self._phase = ClientPhase.GREET_PROXY
        else:
            self._phase = ClientPhase.GREET_PROXY
        return True

    def _greet_proxy(self) -> bool:
        assert self._proxy is not None  # noqa: S101
        if not self._is_tls_ready(self._proxy.host):
            return False
        self._tunnel = tunnel_through(self._proxy, *self._target)
        self._phase = ClientPhase.PASS_PROXY
        return True

    def _pass_proxy(self) -> bool:
        tunnel = self._tunnel
        assert tunnel is not None  # noqa: S101
        stream = self._connected_stream()
        while True:
            self._unsent, tunnel.to_send = memoryview(bytes(self._unsent) + tunnel.to_send), b""
            self._flush()
            try:
                data = stream.read()
            except OSError as exc:
                raise ProxyError(f"the connection to the proxy {self._proxy} broke: {reason_of(exc)}") from exc
            if data is None:
                if self._has_to_stop(stream):
                    return False
                continue
            if not data:
                problem = f"the proxy {self._proxy} closed the connection before its answer was complete"
                raise ProxyError(problem) from EOFError(problem)
            if tunnel.receive(data):
                self._phase = ClientPhase.START_TLS
                return True

    def _start_tls(self) -> bool:
        if self._url.secure:
            self._secure(self._options.tls or _default_context(), self._options.server_hostname or self._url.host)
        self._phase = ClientPhase.ASK
        return True

    def _ask(self) -> bool:
        if not self._is_tls_ready(self._url.host):
            return False
        self._unsent = memoryview(self._handshake.request)
        self._phase = ClientPhase.AWAIT_RESPONSE
        return True

    def _await_response(self) -> bool:
        self._flush()
        rest = self._read(self._handshake.receive)
        if rest is not None:
            self._finish(rest)
        return False

    def _time_out(self) -> None:
        if self._handshake.refusal is not None:
            raise self._handshake.refusal
        if self._phase is ClientPhase.PASS_PROXY:
            seconds = self._options.handshake_timeout
            raise ConnectTimeoutError(seconds, f"the proxy {self._proxy} had not connected")
        super()._time_out()

    def _secure(self, context: ssl.SSLContext, host: str) -> None:
        try:
            self._stream = TLSStream(self._connected_stream(), context, host)
        except ValueError as exc:  # raised as by the resolver, which may not have been called
            raise TLSError(f"no certificate can be for {host}: {exc}") from exc


_STEPS: Final[dict[ClientPhase, Callable[[ClientOpening], bool]]] = {
    ClientPhase.DIAL: ClientOpening._dial,
    ClientPhase.GREET_PROXY: ClientOpening._greet_proxy,
    ClientPhase.PASS_PROXY: ClientOpening._pass_proxy,
    ClientPhase.START_TLS: ClientOpening._start_tls,
    ClientPhase.ASK: ClientOpening._ask,
    ClientPhase.AWAIT_RESPONSE: ClientOpening._await_response,
}
"""What `poll()` calls, by the phase."""


@functools.cache
def _default_context() -> ssl.SSLContext:
    """The system's trusted certificates, host names checked."""
    context = ssl.create_default_context()
    context.set_alpn_protocols(["http/1.1"])
    return context
