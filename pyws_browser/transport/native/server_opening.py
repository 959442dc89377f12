"""Opens a server's connection: perhaps TLS, then the request and the answer."""

from __future__ import annotations

import logging
import socket
import time
from contextlib import suppress
from enum import IntEnum
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from ...errors import ConnectError
from ...protocol.admission import Request, Response
from ...wire.handshake import ServerHandshake
from ...wire.head import MAX_HEAD_BYTES
from ..limit import TimeLimit
from .opening import Opening
from .stream import TLSStream

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from websockets import http11

    from ...protocol.admission import Admission
    from ...protocol.options import Options
    from ...protocol.url import WebSocketURL

_logger: Final = logging.getLogger("pyws_browser.server")

REFUSAL_TIMEOUT: Final = 2.0
"""Seconds that a refused client has to end the TCP connection after its answer was sent."""

_READING_TIME: Final = 0.02
"""Seconds after which a poll stops discarding what a refused client sends."""

CONTENT_TIMEOUT: Final = 60.0
"""Seconds in which a client has to receive the next block of a streamed answer."""

_CONTENT_BUFFER: Final = 256 * 1024
"""The size of the kernel's send buffer for such an answer.

Otherwise it would hold megabytes, for which a slow client needs minutes; and progress shows only when a third of the
buffer is free.
"""

_CONTENT_TIME: Final = 0.01
"""Seconds after which a poll stops sending such an answer, however fast the client reads."""


class ServerPhase(IntEnum):
    """The next phase. AWAIT_ANSWER waits for the program, DISMISS sees a refused client off.

    Each phase has its method in `_STEPS`.
    """

    AWAIT_TLS = 0
    AWAIT_REQUEST = 1
    AWAIT_ANSWER = 2
    SEND_ANSWER = 3
    AWAIT_SENT = 4
    DISMISS = 5


class ServerOpening(Opening):
    """A server's opening, on a socket that was just accepted: reads the request, and answers it."""

    _handshake: ServerHandshake

    def __init__(
        self,
        sock: socket.socket,
        address: tuple[Any, ...] | str | bytes,
        url: WebSocketURL,
        options: Options,
        admission: Admission,
        wake: Callable[[], None],
    ) -> None:
        super().__init__(url, options, wake)
        self._phase = ServerPhase.AWAIT_TLS
        self.request: Request | None = None
        """The request that waits for the program's answer, if the admission asks the program."""
        self._adopt_socket(sock, address)
        if options.tls is not None:
            self._stream = TLSStream(self._connected_stream(), options.tls, None)
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
        self._content: Iterator[bytes] | None = None
        self._has_shut_down = False

    def close(self) -> None:
        """Release the resources."""
        if self.request is not None:
            self.request.note_leaving()
            self.request = None
        self._content = None
        self._handshake.drop_content()
        super().close()

    @property
    def is_streaming(self) -> bool:
        """Whether it is sending an answer's content, which may take long."""
        return self._content is not None

    # Called by a request.

    def prepare(self) -> http11.Response:
        """Return the answer by the rules, or a refusal if no place is free."""
        response = self._handshake.prepare()
        place = self._admission.place
        if place is not None and response.status_code == HTTPStatus.SWITCHING_PROTOCOLS:
            refusal = place.refusal()
            if refusal is not None:
                return self.refusal(refusal)
        return response

    def refusal(self, response: Response) -> http11.Response:
        """Return this refusal in the form of `websockets`."""
        return self._handshake.refusal(
            response.status, response.reason, response.headers, response.body, response.content
        )

    def answer(self, response: http11.Response) -> None:
        """Let the next poll send it."""
        self._handshake.answer(response)
        place = self._admission.place
        if self._stream is None:  # the client has left
            self._handshake.drop_content()
        elif place is not None and self._handshake.failure is None:
            place.take()
        self._wake()

    # The phases.

    def _step(self) -> bool:
        return _STEPS[self._phase](self)

    def _await_tls(self) -> bool:
        if not self._is_tls_ready(self.remote_address[0]):
            return False
        self._phase = ServerPhase.AWAIT_REQUEST
        return True

    def _await_request(self) -> bool:
        rest = self._read(self._handshake.receive_request)
        if rest is None:
            return False
        self._rest = rest
        handshake, admission = self._handshake, self._admission
        if handshake.failure is not None:
            self._phase = ServerPhase.SEND_ANSWER
        elif admission.refusal is not None:
            handshake.answer(self.refusal(admission.refusal))
            self._phase = ServerPhase.SEND_ANSWER
        elif admission.origins_come_first and (refusal := handshake.refuse_origin()) is not None:
            handshake.answer(refusal)
            self._phase = ServerPhase.SEND_ANSWER
        elif admission.is_asked:
            assert handshake.request is not None  # noqa: S101
            self.request = Request(handshake.request, self.remote_address, self.tls, self)
            self._phase = ServerPhase.AWAIT_ANSWER
        else:
            self.answer(self.prepare())
            self._phase = ServerPhase.SEND_ANSWER
        return True

    def _await_answer(self) -> bool:
        """Check that the client is still there; it may even have sent more."""
        if self._handshake.response:
            self.request = None
            self._phase = ServerPhase.SEND_ANSWER
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
            self._limit.restart(time.monotonic())
            self._phase = ServerPhase.DISMISS
        else:
            self._phase = ServerPhase.AWAIT_SENT
        self._unsent = memoryview(self._handshake.response)
        if self._handshake.content is not None:
            self._content = iter(self._handshake.content)
            with suppress(OSError):  # reset already: reading will tell
                self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _CONTENT_BUFFER)
        return True

    def _await_sent(self) -> bool:
        if not self._flush():
            return False
        # The path that the program has judged: parsing it again could give another path.
        handshake, url = self._handshake, self._url
        self._url = url._replace(
            host=handshake.host,
            port=url.default_port if handshake.port is None else handshake.port,
            resource=handshake.path,
        )
        self._finish(self._rest)
        return False

    def _dismiss(self) -> bool:
        """See a refused client off: send its answer, and discard what it sends until it leaves."""
        assert self._handshake.failure is not None  # noqa: S101
        if self._send_content() and not self._has_shut_down:
            self._connected_stream().shut_down()
            self._has_shut_down = True
            self._limit = TimeLimit(REFUSAL_TIMEOUT, time.monotonic())
        stream = self._connected_stream()
        end = time.monotonic() + _READING_TIME
        while time.monotonic() < end:
            try:
                data = stream.read()
            except OSError:  # a reset, which is an end, too
                data = b""
            if data is None:
                if stream.is_busy:
                    continue
                return False
            if not data:
                raise self._handshake.failure
        self._wake()
        return False

    def _send_content(self) -> bool:
        """Send as fast as the client reads, within a time limit; return whether the whole answer was sent."""
        end = time.monotonic() + _CONTENT_TIME
        while self._flush():
            if self._content is None:
                return True
            now = time.monotonic()
            if now >= end:
                self._wake()
                return False
            try:
                block = next(self._content, None)
                self._unsent = memoryview(b"" if block is None else block)
            except Exception as exc:  # an error of the program or its disk: only this connection ends
                _logger.exception("the content of an answer failed, which ends the connection")
                raise ConnectError(f"the content of the answer failed: {exc!r}") from exc
            if block is None:
                self._content = None
                self._handshake.drop_content()
                return True
            self._limit = TimeLimit(CONTENT_TIMEOUT, now)
        return False

    def _time_out(self) -> None:
        if self._handshake.failure is not None:
            raise self._handshake.failure
        if self.request is None:
            super()._time_out()
        else:
            self.request.reject(Response(503, "The server took too long to decide: try again later.\n"))


_STEPS: Final[dict[ServerPhase, Callable[[ServerOpening], bool]]] = {
    ServerPhase.AWAIT_TLS: ServerOpening._await_tls,
    ServerPhase.AWAIT_REQUEST: ServerOpening._await_request,
    ServerPhase.AWAIT_ANSWER: ServerOpening._await_answer,
    ServerPhase.SEND_ANSWER: ServerOpening._send_answer,
    ServerPhase.AWAIT_SENT: ServerOpening._await_sent,
    ServerPhase.DISMISS: ServerOpening._dismiss,
}
"""What `poll()` calls, by the phase."""
