"""The opening handshake of both sides (RFC 6455 §4), by the Sans-I/O protocols of `websockets`.

They are given exactly the bytes of the HTTP message; what follows its blank line belongs to the frames.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from websockets.client import ClientProtocol
from websockets.exceptions import InvalidStatus, NegotiationError
from websockets.extensions.permessage_deflate import (
    ClientPerMessageDeflateFactory,
    PerMessageDeflate,
    ServerPerMessageDeflateFactory,
)
from websockets.http11 import Request, Response
from websockets.server import ServerProtocol
from websockets.typing import Subprotocol
from websockets.uri import WebSocketURI

from ..errors import HandshakeError
from .deflate import DeflateTerms

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from websockets.extensions import Extension

    from ..compression import Compression
    from ..url import WebSocketURL

MAX_HEAD_BYTES: Final = 16 * 1024
"""How long an HTTP message may be up to its blank line."""
MAX_BODY_BYTES: Final = 64 * 1024
"""How much of a refusing answer's content is kept for the exception."""

_LARGEST_WINDOW: Final = 15  # bits (RFC 7692 §7.1.2)
_END_OF_HEAD: Final = b"\r\n\r\n"


class _Head:
    """Gathers bytes until the blank line that ends an HTTP head."""

    def __init__(self) -> None:
        self._received = bytearray()

    def feed(self, data: bytes) -> tuple[bytes, bytes] | None:
        """Return the head and what follows it, once it is complete."""
        searched = max(0, len(self._received) - len(_END_OF_HEAD))
        self._received += data
        end = self._received.find(_END_OF_HEAD, searched)
        if end < 0 and len(self._received) <= MAX_HEAD_BYTES:
            return None
        end += len(_END_OF_HEAD)
        if not len(_END_OF_HEAD) <= end <= MAX_HEAD_BYTES:
            raise HandshakeError(f"the HTTP head is longer than {MAX_HEAD_BYTES} bytes")
        return bytes(self._received[:end]), bytes(self._received[end:])


class ClientHandshake:
    """The client's side: a request to send, an answer to judge.

    `receive()` is fed until it returns bytes; from then on `subprotocol` and `deflate` are known. `compression` None
    offers none.
    """

    def __init__(
        self,
        url: WebSocketURL,
        subprotocols: Sequence[str] = (),
        headers: Iterable[tuple[str, str]] = (),
        compression: Compression | None = None,
    ) -> None:
        path, _, query = url.resource.partition("?")
        credentials = (url.username, url.password) if url.username or url.password else (None, None)
        self._protocol = ClientProtocol(
            WebSocketURI(url.secure, url.host, url.port, path, query, *credentials),
            subprotocols=[Subprotocol(name) for name in subprotocols] or None,
            extensions=None if compression is None else [_client_deflate(compression)],
        )
        self._offered = subprotocols
        self._head = _Head()
        self._is_refused = False
        request = self._protocol.connect()
        for name, value in headers:
            request.headers[name] = value
        self._protocol.send_request(request)
        self.request = b"".join(self._protocol.data_to_send())
        self.subprotocol = ""
        self.deflate: DeflateTerms | None = None

    def receive(self, data: bytes) -> bytes | None:
        """Take bytes in; return what follows the answer once that is complete and agrees to the upgrade.

        Raises HandshakeError if it does not agree. Such an answer is read to its end first, for its content.
        """
        rest = b""
        if not self._is_refused:
            found = self._head.feed(data)
            if found is None:
                return None
            data, rest = found
        self._protocol.receive_data(data)
        response = self._response()
        if response is not None:
            self.subprotocol = self._protocol.subprotocol or ""
            self.deflate = _terms(self._protocol.extensions)
            if self._offered and not self.subprotocol:
                raise _handshake_error(
                    f"the server chose none of the subprotocols {', '.join(self._offered)}, with which a browser gives "
                    "up, and so does this: offer one that the server knows, or none",
                    response,
                )
            return rest
        self._is_refused = True
        return self.receive(rest) if rest else None

    def receive_eof(self) -> HandshakeError:
        """Be told that the server closed the connection; return what to make of it."""
        try:
            if self._is_refused:
                self._protocol.receive_eof()
                self._response()
        except HandshakeError as exc:
            return exc
        return HandshakeError(
            "the server closed the connection before its answer was complete: is it a WebSocket server?"
        )

    def _response(self) -> Response | None:
        """Return the answer if there is one; raise HandshakeError if it is not the right one."""
        events = self._protocol.events_received()
        response = events[0] if events and isinstance(events[0], Response) else None
        problem = self._protocol.handshake_exc
        if problem is None:
            return response
        if isinstance(problem, InvalidStatus):
            raise _handshake_error(
                f"the server refused: {_status_line(problem.response)}", problem.response
            ) from problem
        raise _handshake_error(f"the server's answer is wrong: {_explain(problem)}", response) from problem


class ServerHandshake:
    """The server's side: a request to judge, an answer to send.

    `receive()` is fed until it returns bytes; from then on `response` is to be sent, and `failure` says whether it
    refuses. `path`, `headers`, `subprotocol` and `deflate` are those of the request that was accepted. `compression`
    None accepts none.
    """

    def __init__(
        self,
        subprotocols: Sequence[str] = (),
        headers: Iterable[tuple[str, str]] = (),
        compression: Compression | None = None,
    ) -> None:
        self._protocol = _GodotServerProtocol(
            subprotocols=[Subprotocol(name) for name in subprotocols],
            extensions=None if compression is None else [_server_deflate(compression)],
        )
        self._extra_headers = headers
        self._head = _Head()
        self.response = b""
        self.failure: HandshakeError | None = None
        self.path = "/"
        self.host = ""
        self.headers: tuple[tuple[str, str], ...] = ()
        self.subprotocol = ""
        self.deflate: DeflateTerms | None = None

    def receive(self, data: bytes) -> bytes | None:
        """Take bytes in; return what follows the request once that is complete and answered."""
        try:
            found = self._head.feed(data)
        except HandshakeError as exc:
            self._answer(self._protocol.reject(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, f"{exc}.\n"), exc)
            return b""
        if found is None:
            return None
        head, rest = found
        self._protocol.receive_data(head)
        events = self._protocol.events_received()
        if not events:
            problem = self._protocol.handshake_exc or HandshakeError("the request is not HTTP")
            failure = HandshakeError(f"the client's request is no valid HTTP: {_explain(problem)}", 400)
            self._answer(self._protocol.reject(HTTPStatus.BAD_REQUEST, f"{failure}.\n"), failure)
            return b""
        request = events[0]
        assert isinstance(request, Request)  # noqa: S101  the only event before the handshake is complete
        self.path = request.path
        self.host = request.headers.get("Host", "")
        self.headers = tuple(request.headers.raw_items())
        response = self._protocol.accept(request)
        if response.status_code != HTTPStatus.SWITCHING_PROTOCOLS:
            failure = HandshakeError(f"the client was refused: {_status_line(response)}", response.status_code)
            self._answer(response, failure)
            return b""
        self.subprotocol = self._protocol.subprotocol or ""
        self.deflate = _terms(self._protocol.extensions)
        self._answer(response, None)
        return rest

    def receive_eof(self) -> HandshakeError:
        """Be told that the client closed the connection; return what to make of it."""
        return HandshakeError("the client closed the connection before its request was complete")

    def _answer(self, response: Response, failure: HandshakeError | None) -> None:
        if failure is None:
            for name, value in self._extra_headers:
                response.headers[name] = value
        self.failure = failure
        self.response = response.serialize()


class _GodotServerProtocol(ServerProtocol):
    def select_subprotocol(self, subprotocols: Sequence[Subprotocol]) -> Subprotocol | None:
        """Choose as Godot's server does: the first of the client's that is known here, and refuse if there is none."""
        supported = self.available_subprotocols or ()
        if not subprotocols and not supported:
            return None
        for name in subprotocols:
            if name in supported:
                return name
        raise NegotiationError(f"offer one of the subprotocols this server knows: {', '.join(supported) or 'none'}")


def _client_deflate(compression: Compression) -> ClientPerMessageDeflateFactory:
    peer_bits = compression.peer_window_bits
    return ClientPerMessageDeflateFactory(
        server_no_context_takeover=compression.no_context_takeover,
        client_no_context_takeover=compression.no_context_takeover,
        server_max_window_bits=peer_bits if peer_bits < _LARGEST_WINDOW else None,
        client_max_window_bits=True,  # the server may ask for any; as all browsers offer it
    )


def _server_deflate(compression: Compression) -> ServerPerMessageDeflateFactory:
    peer_bits = compression.peer_window_bits
    return ServerPerMessageDeflateFactory(
        server_no_context_takeover=compression.no_context_takeover,
        client_no_context_takeover=compression.no_context_takeover,
        server_max_window_bits=compression.window_bits,
        client_max_window_bits=peer_bits if peer_bits < _LARGEST_WINDOW else None,
    )


def _terms(extensions: list[Extension]) -> DeflateTerms | None:
    """Return what was agreed on about compression, and drop the extension: its zlib states take 300 KiB."""
    agreed = next((extension for extension in extensions if isinstance(extension, PerMessageDeflate)), None)
    extensions.clear()
    if agreed is None:
        return None
    return DeflateTerms(
        agreed.local_max_window_bits,
        not agreed.local_no_context_takeover,
        agreed.remote_max_window_bits,
        not agreed.remote_no_context_takeover,
    )


def _handshake_error(message: str, response: Response | None) -> HandshakeError:
    if response is None:
        return HandshakeError(message)
    return HandshakeError(
        message, response.status_code, tuple(response.headers.raw_items()), bytes(response.body[:MAX_BODY_BYTES])
    )


def _status_line(response: Response) -> str:
    return f"HTTP {response.status_code} {response.reason_phrase}".rstrip()


def _explain(problem: BaseException) -> str:
    """Return the whole chain in one line: `websockets` keeps the telling part in `__cause__`."""
    parts = []
    cause: BaseException | None = problem
    while cause is not None:
        parts.append(str(cause))
        cause = cause.__cause__
    return "; ".join(parts)
