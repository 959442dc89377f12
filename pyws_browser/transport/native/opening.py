"""The common part of a client's and a server's opening.

An opening is polled until it returns the open connection, or raises the reason of its failure. Its phases are listed in
an enum, with a table of their methods. Such a method does all work that needs no waiting, sets the next phase when its
own is over, and returns whether that one can run at once.
"""

from __future__ import annotations

import os
import time
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from ...errors import ConnectError, ConnectTimeoutError, NotConnectedError
from ..limit import TimeLimit
from .stream import TCPStream, TLSStream
from .tls import tls_error

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable
    from ssl import SSLObject

    from websockets import http11

    from ...protocol.options import Options
    from ...protocol.url import WebSocketURL
    from ...wire.deflate import DeflateTerms
    from ...wire.handshake import ClientHandshake, ServerHandshake


READ_TIME: Final = 0.01
"""Seconds after which a poll stops reading."""


class Opened(NamedTuple):
    """An open connection; `rest` is the data that came after the handshake."""

    stream: TCPStream | TLSStream
    local_address: tuple[str, int]
    remote_address: tuple[str, int]
    url: WebSocketURL
    subprotocol: str
    deflate: DeflateTerms | None
    rest: bytes
    request: http11.Request
    response: http11.Response


class Opening(ABC):
    """One attempt to open a connection, which ends in `poll()` or in `close()`; `wake` asks for another poll."""

    _handshake: ClientHandshake | ServerHandshake

    def __init__(self, url: WebSocketURL, options: Options, wake: Callable[[], None]) -> None:
        self._limit = TimeLimit(options.handshake_timeout, time.monotonic())
        self._tls_limit: TimeLimit | None = None
        self.local_address: tuple[str, int] = ("", 0)
        self.remote_address: tuple[str, int] = ("", 0)
        self._url = url
        self._options = options
        self._wake = wake
        self._stream: TCPStream | TLSStream | None = None
        self._unsent = memoryview(b"")
        self._is_flushed = True
        self._opened: Opened | None = None

    def poll(self) -> Opened | None:
        """Do all work that needs no waiting; return the open connection, which the caller then owns, or None so far.

        Raises a ConnectError if it fails, after calling `close()`.
        """
        while self._opened is None and self._step():
            pass
        if self._opened is None:
            if self._tls_limit is not None and self._tls_limit.is_over(time.monotonic()):
                raise ConnectTimeoutError(self._options.tls_handshake_timeout)
            if self._limit.is_over(time.monotonic()):
                self._time_out()
        return self._opened

    @abstractmethod
    def _step(self) -> bool:
        """Run the current phase; return whether the next one can run at once."""

    def close(self) -> None:
        """Release the resources."""
        if self._stream is not None:
            self._stream.close()
            self._stream = None

    @property
    def wants_write(self) -> bool:
        """Whether data waits that the kernel did not take."""
        return not self._is_flushed

    @property
    def sock(self) -> socket.socket:
        """The socket. Raises NotConnectedError before there is one."""
        if self._stream is None:
            raise NotConnectedError("there is no TCP connection: not yet, or no longer")
        return self._stream.sock

    @property
    def tls(self) -> SSLObject | None:
        """The TLS session, if there is one."""
        return self._stream.session if isinstance(self._stream, TLSStream) else None

    def fileno(self) -> int:
        """Return the socket's descriptor; raises what `sock` raises."""
        return self.sock.fileno()

    @property
    def dialling(self) -> tuple[int, ...]:
        """The descriptors of which one becomes writable when dialling can go on."""
        return ()

    @property
    def is_unpolled(self) -> bool:
        """Whether `poll()` was never called."""
        return self._limit.is_fresh

    @property
    def next_poll(self) -> float:
        """When `poll()` has work even if nothing happens, by `time.monotonic()`."""
        if self._tls_limit is not None:
            return min(self._limit.next_look, self._tls_limit.next_look)
        return self._limit.next_look

    def _time_out(self) -> None:
        raise ConnectTimeoutError(self._options.handshake_timeout)

    def _adopt_socket(self, sock: socket.socket, address: tuple[Any, ...] | str | bytes) -> None:
        self._stream = TCPStream(sock)
        own_host, own_port = host_and_port(sock.getsockname())
        self.local_address = (own_host.removeprefix("::ffff:"), own_port)
        host, port = host_and_port(address)
        # An IPv4 client of a server for both families.
        self.remote_address = (host.removeprefix("::ffff:"), port)

    def _connected_stream(self) -> TCPStream | TLSStream:
        assert self._stream is not None  # noqa: S101  a phase that needs it follows one that made it
        return self._stream

    def _is_tls_ready(self, host: str) -> bool:
        """Continue the TLS handshake with `host`, if there is one; return whether it is done."""
        stream = self._connected_stream()
        try:
            while not stream.handshake():
                if self._has_to_stop(stream):
                    if self._tls_limit is None and self._options.tls_handshake_timeout:
                        self._tls_limit = TimeLimit(self._options.tls_handshake_timeout, time.monotonic())
                    self._note_flushed(stream.flush())  # a certificate may be larger than the kernel's buffer
                    return False
        except OSError as exc:
            raise tls_error(exc, host) from exc
        self._tls_limit = None
        return True

    def _has_to_stop(self, stream: TCPStream | TLSStream) -> bool:
        """Tell whether to continue in another poll, after a read or a TLS step without a result.

        A stream that is busy holds records in memory, which no descriptor shows.
        """
        if stream.is_busy:
            if not stream.shows_more():
                return False
            self._wake()
        return True

    def _read(self, receive: Callable[[bytes], bytes | None]) -> bytes | None:
        """Pass on received data; return the data after the message once it is complete."""
        stream = self._connected_stream()
        end = time.monotonic() + READ_TIME
        while True:
            try:
                data = stream.read()
            except OSError as exc:
                raise ConnectError(f"the connection broke: {reason_of(exc)}") from exc
            if data is None:
                if self._has_to_stop(stream):
                    return None
                continue
            if not data:
                raise self._handshake.receive_eof()
            rest = receive(data)
            if rest is not None:
                return rest
            if time.monotonic() >= end and stream.shows_more():
                self._wake()
                return None

    def _flush(self) -> bool:
        """Send to the kernel; return whether everything was sent."""
        stream = self._connected_stream()
        try:
            while self._unsent:
                taken = stream.write([self._unsent])
                if not taken:
                    break
                self._unsent = self._unsent[taken:]
            self._note_flushed(stream.flush() and not self._unsent)
        except OSError:  # reading what came before tells why
            self._unsent = memoryview(b"")
            self._is_flushed = True
        return self._is_flushed

    def _note_flushed(self, is_flushed: bool) -> None:
        """Note whether the kernel has taken everything; ask for another poll if it has begun not to."""
        if self._is_flushed and not is_flushed:
            self._wake()
        self._is_flushed = is_flushed

    def _finish(self, rest: bytes) -> None:
        handshake = self._handshake
        request, response = handshake.messages
        self._opened = Opened(
            self._connected_stream(),
            self.local_address,
            self.remote_address,
            self._url,
            handshake.subprotocol,
            handshake.deflate,
            rest,
            request,
            response,
        )
        self._stream = None


def host_and_port(address: tuple[Any, ...] | str | bytes) -> tuple[str, int]:
    """Return host and port of an address; for a unix socket its path, and 0."""
    if isinstance(address, tuple):
        return str(address[0]), int(address[1])
    return os.fsdecode(address), 0


def reason_of(exc: OSError) -> str:
    """Return the shortest message of an OSError."""
    return getattr(exc, "reason", None) or exc.strerror or str(exc)
