"""How a connection comes about: dial, TLS, the opening handshake, on either side.

An opening is polled until it returns what was opened, or raises why nothing came of it. Its phases are methods; each
does what can be done without waiting and returns whether the next one, which it has named, can go on at once.
"""

from __future__ import annotations

import functools
import ssl
import time
from typing import TYPE_CHECKING, Final, NamedTuple

from ...admission import Request, Response
from ...errors import ConnectError, ConnectTimeoutError, InvalidURLError, NotConnectedError, TLSError
from ...url import parse_url
from ...wire.handshake import MAX_HEAD_BYTES, ClientHandshake, ServerHandshake
from .dial import Dialler
from .stream import TCPStream, TLSStream

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    from websockets import http11

    from ...admission import Admission
    from ...url import WebSocketURL
    from ...wire.deflate import DeflateTerms
    from ..base import Options

REFUSAL_TIMEOUT: Final = 2.0
"""Seconds that a refused client has to take its answer and to end the TCP connection."""

_READING_TIME: Final = 0.02
"""Seconds after which a poll throws away no more of what a refused client sends."""


class Opened(NamedTuple):
    """An open connection; `rest` is what came behind the handshake."""

    stream: TCPStream | TLSStream
    remote_address: tuple[str, int]
    url: WebSocketURL
    subprotocol: str
    deflate: DeflateTerms | None
    rest: bytes


class Opening:
    """One attempt to open a connection, which ends in `poll()` or in `close()`; `wake` asks for another poll."""

    _handshake: ClientHandshake | ServerHandshake

    def __init__(
        self, url: WebSocketURL, options: Options, phase: Callable[[], bool], wake: Callable[[], None]
    ) -> None:
        self.deadline = time.monotonic() + options.handshake_timeout
        """When `poll()` has to be called even if nothing arrives, in `time.monotonic()`'s seconds."""
        self.remote_address = ("", 0)
        self._url = url
        self._options = options
        self._phase = phase
        self._wake = wake
        self._stream: TCPStream | TLSStream | None = None
        self._unsent = b""
        self._is_flushed = True
        self._opened: Opened | None = None

    def poll(self) -> Opened | None:
        """Do what can be done without waiting; return what was opened, from then on its owner's, or None so far.

        Raises a ConnectError if nothing comes of it; `close()` is called then.
        """
        while self._opened is None and self._phase():
            pass
        if self._opened is None and time.monotonic() >= self.deadline:
            self._time_out()
        return self._opened

    def close(self) -> None:
        """Free what it holds."""
        if self._stream is not None:
            self._stream.close()
            self._stream = None

    @property
    def wants_write(self) -> bool:
        """Whether there is something that the kernel did not take."""
        return not self._is_flushed

    def fileno(self) -> int:
        """Return the socket's descriptor. Raises NotConnectedError before there is one."""
        if self._stream is None:
            raise NotConnectedError("there is no TCP connection: not yet, or no longer")
        return self._stream.sock.fileno()

    def _time_out(self) -> None:
        raise ConnectTimeoutError(self._options.handshake_timeout)

    def _adopt_socket(self, sock: socket.socket, address: tuple[str, int]) -> None:
        self._stream = TCPStream(sock)
        # An IPv4 client of a server for both families.
        self.remote_address = (address[0].removeprefix("::ffff:"), address[1])

    def _connected_stream(self) -> TCPStream | TLSStream:
        assert self._stream is not None  # noqa: S101  a phase that needs it follows one that made it
        return self._stream

    def _is_tls_ready(self) -> bool:
        try:
            return self._connected_stream().handshake()
        except ssl.SSLCertVerificationError as exc:
            raise TLSError(f"the certificate of {self._url.host} was not accepted: {exc.verify_message}") from exc
        except (ssl.SSLError, OSError) as exc:
            raise TLSError(f"no TLS connection to {self._url.host}: {reason_of(exc)}") from exc

    def _read(self, receive: Callable[[bytes], bytes | None]) -> bytes | None:
        """Hand over what has come; return what follows once it is complete."""
        while True:
            try:
                data = self._connected_stream().read()
            except OSError as exc:
                raise ConnectError(f"the connection broke: {reason_of(exc)}") from exc
            if data is None:
                return None
            if not data:
                raise self._handshake.receive_eof()
            rest = receive(data)
            if rest is not None:
                return rest

    def _flush(self) -> bool:
        """Hand what is to be sent to the kernel; return whether all of it is gone."""
        stream = self._connected_stream()
        try:
            while self._unsent:
                taken = stream.write((self._unsent,))
                if not taken:
                    break
                self._unsent = self._unsent[taken:]
            self._is_flushed = stream.flush() and not self._unsent
        except OSError:  # reading what came before is what tells why
            self._unsent = b""
            self._is_flushed = True
        if not self._is_flushed:
            self._wake()
        return self._is_flushed

    def _finish(self, rest: bytes) -> None:
        handshake = self._handshake
        self._opened = Opened(
            self._connected_stream(), self.remote_address, self._url, handshake.subprotocol, handshake.deflate, rest
        )
        self._stream = None


class ClientOpening(Opening):
    """A client's: it dials, and asks."""

    _handshake: ClientHandshake

    def __init__(self, url: WebSocketURL, options: Options, wake: Callable[[], None]) -> None:
        super().__init__(url, options, self._dial, wake)
        self._handshake = ClientHandshake(url, options.subprotocols, options.headers, options.compression)
        self._dialler = Dialler(url.host, url.port, wake)

    def close(self) -> None:
        """Free what it holds."""
        self._dialler.close()
        super().close()

    def _dial(self) -> bool:
        sock = self._dialler.poll()
        if sock is None:
            return False
        self._adopt_socket(sock, sock.getpeername()[:2])
        self._phase = self._start_tls
        return True

    def _start_tls(self) -> bool:
        stream = self._stream
        assert isinstance(stream, TCPStream)  # noqa: S101
        if self._url.secure:
            self._stream = TLSStream(stream, self._options.tls or _default_context(), self._url.host)
        self._phase = self._ask
        return True

    def _ask(self) -> bool:
        if not self._is_tls_ready():
            return False
        self._unsent = self._handshake.request
        self._phase = self._await_response
        return True

    def _await_response(self) -> bool:
        self._flush()
        rest = self._read(self._handshake.receive)
        if rest is not None:
            self._finish(rest)
        return False


class ServerOpening(Opening):
    """A server's, of a socket that was just accepted: it is asked, and answers."""

    _handshake: ServerHandshake

    def __init__(
        self,
        sock: socket.socket,
        address: tuple[str, int],
        url: WebSocketURL,
        options: Options,
        admission: Admission,
        wake: Callable[[], None],
    ) -> None:
        super().__init__(url, options, self._await_tls, wake)
        self.request: Request | None = None
        """What waits for an answer by the program, if the admission says that it is asked."""
        self._adopt_socket(sock, address)
        if options.tls is not None:
            assert isinstance(self._stream, TCPStream)  # noqa: S101
            self._stream = TLSStream(self._stream, options.tls, None)
        self._admission = admission
        self._handshake = ServerHandshake(
            options.subprotocols,
            options.headers,
            options.compression,
            origins=admission.origins,
            choose=admission.select_subprotocol,
            server_header=admission.server_header,
        )
        self._rest = b""
        self._has_shut_down = False

    def close(self) -> None:
        """Free what it holds."""
        self.request = None
        super().close()

    # What a request asks for.

    def prepare(self) -> http11.Response:
        """Return the answer that the rules ask for."""
        return self._handshake.prepare()

    def refusal(self, response: Response) -> http11.Response:
        """Return this refusal in the other form."""
        return self._handshake.refusal(response.status, response.reason, response.headers, response.body)

    def answer(self, response: http11.Response) -> None:
        """Let the next poll send it."""
        self._handshake.answer(response)
        self._wake()

    # The phases.

    def _await_tls(self) -> bool:
        if not self._is_tls_ready():
            return False
        self._phase = self._await_request
        return True

    def _await_request(self) -> bool:
        rest = self._read(self._handshake.receive_request)
        if rest is None:
            return False
        self._rest = rest
        handshake, admission = self._handshake, self._admission
        if handshake.failure is not None:
            self._phase = self._send_answer
        elif admission.refusal is not None:
            handshake.answer(self.refusal(admission.refusal))
            self._phase = self._send_answer
        elif admission.is_asked:
            assert handshake.request is not None  # noqa: S101
            tls = self._stream.session if isinstance(self._stream, TLSStream) else None
            self.request = Request(handshake.request, self.remote_address, tls, self)
            self._phase = self._await_answer
        else:
            handshake.answer(handshake.prepare())
            self._phase = self._send_answer
        return True

    def _await_answer(self) -> bool:
        """See to it that the client is still there; it may even have sent more."""
        if self._handshake.response:
            self.request = None
            self._phase = self._send_answer
            return True
        rest = self._read(self._keep_rest)
        if rest is None:
            return False
        assert self.request is not None  # noqa: S101
        self.request.reject(Response(400, "The server had not answered yet: wait for that before you go on.\n"))
        return True

    def _keep_rest(self, data: bytes) -> bytes | None:
        self._rest += data
        return None if len(self._rest) <= MAX_HEAD_BYTES else b""

    def _send_answer(self) -> bool:
        if self._handshake.failure is not None:
            self.deadline = time.monotonic() + self._options.handshake_timeout
            self._phase = self._dismiss
        else:
            self._phase = self._await_sent
        self._unsent = self._handshake.response
        return True

    def _await_sent(self) -> bool:
        if not self._flush():
            return False
        handshake, url = self._handshake, self._url
        try:
            self._url = parse_url(f"{url.scheme}://{handshake.host or url.authority}{handshake.path}")
        except InvalidURLError:  # a Host header that only this client understands; the address serves
            self._url = url._replace(resource=handshake.path)
        self._finish(self._rest)
        return False

    def _dismiss(self) -> bool:
        """See a refused client off: its answer is sent, and what it still sends is thrown away until it leaves."""
        assert self._handshake.failure is not None  # noqa: S101
        if self._flush() and not self._has_shut_down:
            self._connected_stream().shut_down()
            self._has_shut_down = True
            self.deadline = time.monotonic() + REFUSAL_TIMEOUT
        end = time.monotonic() + _READING_TIME
        while time.monotonic() < end:
            try:
                data = self._connected_stream().read()
            except OSError:  # a reset, which is as good as an end
                data = b""
            if data is None:
                return False
            if not data:
                raise self._handshake.failure
        self._wake()
        return False

    def _time_out(self) -> None:
        if self._handshake.failure is not None:
            raise self._handshake.failure
        if self.request is None:
            super()._time_out()
        else:
            self.request.reject(Response(503, "The server took too long to decide: try again later.\n"))


def reason_of(exc: OSError) -> str:
    """Return what an OSError says, in the shortest words it has."""
    return getattr(exc, "reason", None) or exc.strerror or str(exc)


@functools.cache
def _default_context() -> ssl.SSLContext:
    """The system's trusted certificates, host names checked."""
    context = ssl.create_default_context()
    context.set_alpn_protocols(["http/1.1"])
    return context
