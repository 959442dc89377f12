"""The opening handshake of both sides (RFC 6455 §4), by the Sans-I/O protocols of `websockets`.

They get exactly the bytes of the HTTP message; the bytes after its blank line belong to the frames.
"""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass
from email.utils import formatdate
from functools import partial
from http import HTTPStatus
from types import CoroutineType
from typing import TYPE_CHECKING, Final, cast

from websockets.client import ClientProtocol
from websockets.datastructures import Headers
from websockets.exceptions import InvalidOrigin, NegotiationError
from websockets.http11 import Request, Response
from websockets.server import ServerProtocol
from websockets.typing import Subprotocol
from websockets.uri import WebSocketURI

from ..errors import HandshakeError, InvalidStateError, InvalidSubprotocolError
from ..protocol.display import printable
from .head import MAX_ANSWER_BYTES, MAX_FIELDS, MAX_HEAD_BYTES, MAX_LINE_BYTES, Head, fields_of
from .negotiation import client_deflate, server_deflate, terms_of
from .refusal import Refusal
from .request import Problem, parse_request

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from websockets.typing import Origin

    from ..protocol.compression import Compression
    from ..protocol.url import WebSocketURL
    from .deflate import DeflateTerms

_STATUS_LINE: Final = re.compile(rb"HTTP/1\.[0-9] ([1-9][0-9]{2})(?: |\r\n)")
_DECIDING: Final = re.compile(rb"(?:connection|upgrade|sec-websocket-[a-z]+)[ \t]*:", re.IGNORECASE)
_TLS_RECORDS: Final = (b"\x15", b"\x16")
"""The first byte of TLS records that a server may send first: an alert, or a handshake (RFC 8446 §5.1)."""
_TEXT: Final = (("Content-Type", "text/plain; charset=utf-8"),)

_SILENT: Final = logging.getLogger(__name__)
_SILENT.setLevel(logging.CRITICAL + 1)


@dataclass
class StreamedResponse(Response):
    """An answer whose content is sent block by block, after an empty `body`."""

    content: Iterable[bytes] = ()

    def close(self) -> None:
        """Close the content."""
        close = getattr(self.content, "close", None)
        if close is not None:
            close()


class ClientHandshake:
    """The client's side: makes a request, and checks the answer.

    Call `receive()` until it returns bytes; from then on `subprotocol` and `deflate` are known. `compression` None
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
            extensions=None if compression is None else [client_deflate(compression)],
            logger=_SILENT,  # it would log headers with passwords, and untrusted text
        )
        self._offered = subprotocols
        self._is_secure = url.secure
        self._has_begun = False
        self._head = Head(MAX_ANSWER_BYTES)
        self._interim_size = 0
        self._refusal: Refusal | None = None
        request = self._protocol.connect()
        for name, value in headers:
            if name.lower() in ("host", "connection"):  # one of each
                del request.headers[name]
            request.headers[name] = value
        self._protocol.send_request(request)
        self._request = request
        self._received: Response | None = None
        # Not `serialize()`: what it does with a value that is not ASCII depends on the release of `websockets`.
        self.request: bytes = f"GET {request.path} HTTP/1.1\r\n{request.headers}".encode("latin-1")
        self.subprotocol: str = ""
        self.deflate: DeflateTerms | None = None

    def receive(self, data: bytes) -> bytes | None:
        """Read bytes; return those after the answer once it is complete and accepts the upgrade.

        Raises HandshakeError for a refusal, which is first read to its end, for its content.
        """
        if self._refusal is None:
            if not self._has_begun and data:
                self._has_begun = True
                if data[:1] in _TLS_RECORDS:
                    raise HandshakeError("the server speaks TLS at this port: is wss: meant?")
            found = self._feed(data)
            if found is None:
                return None
            head, data = found
            if head.split(b" ", 2)[1][:3] == b"101":
                self._accept(head)
                return data
            self._refusal = Refusal(head)
        if self._refusal.receive(data):
            raise self._refusal.error
        return None

    @property
    def messages(self) -> tuple[Request, Response]:
        """The request, and the answer that accepted the upgrade."""
        assert self._received is not None  # noqa: S101  it is asked for once there is one
        return self._request, self._received

    def receive_eof(self) -> HandshakeError:
        """Record that the server closed the connection; return the error."""
        if self._refusal is None:
            problem = "the server closed the connection before its answer was complete"
            advice = "?" if self._is_secure else ", and is ws: right, or wss: meant?"
            error = HandshakeError(f"{problem}: is it a WebSocket server{advice}")
            part = "headers" if self._head.has_begun else "status line"
            error.__cause__ = EOFError(f"connection closed while reading HTTP {part}")
            return error
        self._refusal.receive_eof()
        return self._refusal.error

    @property
    def refusal(self) -> HandshakeError | None:
        """The error of a refusal whose content is still coming."""
        return None if self._refusal is None else self._refusal.error

    def _feed(self, data: bytes) -> tuple[bytes, bytes] | None:
        """Return the head of the answer and the bytes after it; interim answers are skipped (RFC 9110 §15.2)."""
        while (found := self._head.feed(data)) is not None:
            head, data = found
            status = _STATUS_LINE.match(head)
            if status is None:
                line = printable(head.partition(b"\r\n")[0].decode("latin-1"), 80)
                problem = ValueError(f"unsupported protocol; expected HTTP/1.1: {line}")
                raise HandshakeError(f"the server's answer is wrong: invalid HTTP status line '{line}'") from problem
            if status[1] == b"101" or not status[1].startswith(b"1"):
                break
            if status[1] == b"102":  # the rest may take minutes
                raise HandshakeError(
                    "the server answers 102, and a WebSocket waits for no work: let it answer with 101"
                )
            self._interim_size += len(head)
            if self._interim_size > MAX_HEAD_BYTES:
                raise HandshakeError(f"the server's interim answers are longer than {MAX_HEAD_BYTES} bytes")
            self._head = Head(MAX_ANSWER_BYTES)
        return found

    def _accept(self, head: bytes) -> None:
        """Check an answer that accepts the upgrade; raises HandshakeError if it is wrong."""
        protocol = self._protocol
        short = _without_the_rest(head)
        protocol.receive_data(short)
        events = protocol.events_received()
        response = events[0] if events and isinstance(events[0], Response) else None
        problem = protocol.handshake_exc
        if problem is not None:
            _escape(problem)
            why = printable(_explain(problem))
            raise _handshake_error(f"the server's answer is wrong: {why}", response) from problem
        assert response is not None  # noqa: S101  the head is complete, so it was read or is a problem
        if short is not head:
            response.headers = Headers(fields_of(head.decode("latin-1").split("\r\n")[1:-2]))
        self._received = response
        self.subprotocol = protocol.subprotocol or ""
        self.deflate = terms_of(protocol.extensions)
        if self._offered and not self.subprotocol:
            raise _handshake_error(
                f"the server chose none of the subprotocols {', '.join(self._offered)}, with which a browser gives "
                "up, and so does this: offer one that the server knows, or none",
                response,
            )


def _without_the_rest(head: bytes) -> bytes:
    """Return an answer that exceeds the parser's limits, reduced to the fields that decide."""
    status, *fields = head.split(b"\r\n")[:-2]
    if len(fields) <= MAX_FIELDS and max(map(len, fields), default=0) <= MAX_LINE_BYTES:
        return head
    deciding = [field for field in fields if _DECIDING.match(field)]
    return b"\r\n".join((status, *deciding, b"", b""))


class ServerHandshake:
    """The server's side: checks a request, and makes the answer.

    Call `receive()` until it returns bytes; then send `response`; `failure` says whether it refuses. Or call
    `receive_request()`, and then answer `request` by `answer()`, unless there is a `failure` already. `path`, `host`,
    `port`, `subprotocol` and `deflate` are those of the request that was accepted.

    `compression` None accepts none; `origins`, `choose` (a subprotocol) and `server_header` are those of `Admission`.
    """

    def __init__(
        self,
        subprotocols: Sequence[str] = (),
        headers: Iterable[tuple[str, str]] = (),
        compression: Compression | None = None,
        *,
        origins: Sequence[str | re.Pattern[str] | None] | None = None,
        choose: Callable[[Sequence[str]], str | None] | None = None,
        server_header: str | None = None,
    ) -> None:
        # Made only for a complete request, because it takes more memory than a connection without one.
        self._make_protocol = partial(_Protocol, subprotocols, compression, origins, choose)
        self._headers = headers
        self._server_header = server_header
        self._head = Head()
        self._agreed: Response | None = None
        self.request: Request | None = None
        self.response: bytes = b""
        self._streamed: StreamedResponse | None = None
        self._messages: tuple[Request, Response] | None = None
        self.failure: HandshakeError | None = None
        self.path: str = "/"
        self.host: str = ""
        self.port: int | None = None
        self.subprotocol: str = ""
        self.deflate: DeflateTerms | None = None

    def receive(self, data: bytes) -> bytes | None:
        """Read bytes; return those after the request once it is complete and answered."""
        rest = self.receive_request(data)
        if rest is not None and self.failure is None:
            self.answer(self.prepare())
        return rest if self.failure is None else rest and b""

    def receive_request(self, data: bytes) -> bytes | None:
        """Read bytes; return those after the request once it is complete."""
        try:
            found = self._head.feed(data)
        except HandshakeError as exc:
            self._refuse(self._head.status, str(exc))
            return b""
        if found is None:
            return None
        head, rest = found
        asked = parse_request(head)
        if isinstance(asked, Problem):
            self._refuse(asked.status, asked.why, *asked.fields)
            return b""
        self._protocol = self._make_protocol()
        self.request, self.host, self.port = asked
        self.path = self.request.path
        return rest

    @property
    def content(self) -> Iterable[bytes] | None:
        """The content to send after `response`, for a streamed answer."""
        return None if self._streamed is None else self._streamed.content

    @property
    def messages(self) -> tuple[Request, Response]:
        """The request and the answer to it."""
        assert self._messages is not None  # noqa: S101  it is asked for once there is one
        return self._messages

    def receive_eof(self) -> HandshakeError:
        """Record that the client closed the connection; return the error."""
        if self.request is not None:
            return HandshakeError("the client closed the connection before its request was answered")
        return HandshakeError("the client closed the connection before its request was complete")

    def prepare(self) -> Response:
        """Return the answer by the rules: an upgrade, or a refusal. Raises what `choose` raised."""
        request = self.request
        assert request is not None  # noqa: S101
        if request.method != "GET":
            return self.refusal(405, "Method Not Allowed", [*_TEXT, ("Allow", "GET")], b"only GET opens a WebSocket.\n")
        if request.protocol != "HTTP/1.1":
            return self.refusal(505, "HTTP Version Not Supported", _TEXT, b"only HTTP/1.1 opens a WebSocket.\n")
        self._protocol.problem = None
        response = self._protocol.accept(request)
        if self._protocol.problem is not None:
            raise self._protocol.problem
        if response.status_code == HTTPStatus.SWITCHING_PROTOCOLS:
            self._agreed = response
            for name, value in self._headers:
                response.headers[name] = value
        return self._sign(response)

    def refuse_origin(self) -> Response | None:
        """Return the refusal of a WebSocket request whose origin may not connect, None for all others."""
        request = self.request
        assert request is not None  # noqa: S101
        if "websocket" in request.headers.get("Upgrade", "").lower():
            try:
                self._protocol.process_origin(request.headers)
            except InvalidOrigin as exc:
                return self.refusal(403, "Forbidden", _TEXT, f"this server takes no such client: {exc}.\n".encode())
        return None

    def refusal(
        self,
        status: int,
        reason: str,
        headers: Iterable[tuple[str, str]] = (),
        body: bytes = b"",
        content: Iterable[bytes] | None = None,
    ) -> Response:
        """Return an answer that closes the connection, as `refusing()` makes it."""
        return self._sign(refusing(status, reason, headers, body, content))

    def answer(self, response: Response) -> None:
        """Set the answer. Raises InvalidStateError for an upgrade that `prepare()` did not return."""
        if response.status_code != HTTPStatus.SWITCHING_PROTOCOLS:
            self.failure = HandshakeError(f"the client was refused: {_status_line(response)}", response.status_code)
        elif self._agreed is None:
            raise InvalidStateError("only an upgrade that prepare() gave can be answered")
        else:
            self.subprotocol = self._protocol.subprotocol or ""
            self.deflate = terms_of(self._protocol.extensions)
        if self.request is not None:
            self._messages = self.request, response
        self.response = _serialize(response)
        if isinstance(response, StreamedResponse):
            self._streamed = response
        if self.request is not None and self.request.method == "HEAD":
            self.response = self.response[: len(self.response) - len(response.body)]
            self.drop_content()

    def drop_content(self) -> None:
        """Stop sending `content`, and close it."""
        streamed, self._streamed = self._streamed, None
        if streamed is not None:
            streamed.close()

    def _refuse(self, status: HTTPStatus, why: str, *further: tuple[str, str]) -> None:
        self.answer(self.refusal(status, status.phrase, [*_TEXT, *further], f"{why}.\n".encode()))
        self.failure = HandshakeError(why, status)

    def _sign(self, response: Response) -> Response:
        if self._server_header is not None and "Server" not in response.headers:
            response.headers["Server"] = self._server_header
        return response


def refusing(
    status: int,
    reason: str,
    headers: Iterable[tuple[str, str]] = (),
    body: bytes = b"",
    content: Iterable[bytes] | None = None,
) -> Response:
    """Return an answer that closes the connection; the length of `content` is in `headers`, if known."""
    own = {"Date": formatdate(usegmt=True), "Connection": "close"}
    if content is None:
        own["Content-Length"] = str(len(body))
    names = {name.lower() for name in own}
    fields = Headers([*own.items(), *(field for field in headers if field[0].lower() not in names)])
    if content is None:
        return Response(status, reason, fields, body)
    return StreamedResponse(status, reason, fields, content=content)


class _Protocol(ServerProtocol):
    def __init__(
        self,
        subprotocols: Sequence[str],
        compression: Compression | None,
        origins: Sequence[str | re.Pattern[str] | None] | None,
        choose: Callable[[Sequence[str]], str | None] | None,
    ) -> None:
        super().__init__(
            origins=cast("Sequence[Origin | re.Pattern[str] | None] | None", origins),
            subprotocols=[Subprotocol(name) for name in subprotocols],
            extensions=None if compression is None else [server_deflate(compression)],
            logger=_SILENT,  # errors are raised
        )
        self._choose = choose
        self.problem: Exception | None = None

    def select_subprotocol(self, subprotocols: Sequence[Subprotocol]) -> Subprotocol | None:
        """Choose as the program says, or as Godot's server does.

        Godot's server takes the client's first supported one, and refuses a client without any.
        """
        if self._choose is not None:
            return self._choose_freely(self._choose, subprotocols)
        supported = self.available_subprotocols or ()
        if not subprotocols and not supported:
            return None
        for name in subprotocols:
            if name in supported:
                return name
        raise NegotiationError(f"offer one of the subprotocols this server knows: {', '.join(supported) or 'none'}")

    def _choose_freely(
        self, choose: Callable[[Sequence[str]], str | None], offered: Sequence[Subprotocol]
    ) -> Subprotocol | None:
        try:
            chosen: object = choose(offered)
            if isinstance(chosen, CoroutineType):
                chosen.close()  # else Python warns that it was never awaited
            if chosen is not None and (not isinstance(chosen, str) or chosen not in offered):
                names = printable(", ".join(offered))
                raise InvalidSubprotocolError(
                    f"select_subprotocol chose {chosen!r}, which the client did not offer ({names}): "
                    "choose one of those, or None"
                )
        except Exception as exc:
            self.problem = exc
            raise
        return None if chosen is None else Subprotocol(str(chosen))


def _handshake_error(message: str, response: Response | None) -> HandshakeError:
    if response is None:
        return HandshakeError(message)
    return HandshakeError(message, response.status_code, tuple(response.headers.raw_items()), bytes(response.body))


def _serialize(response: Response) -> bytes:
    """Serialise an answer; `serialize()` of `websockets` 15 and 16 does not restore the bytes of a parsed header."""
    head = f"HTTP/1.1 {response.status_code} {response.reason_phrase}\r\n{response.headers}"
    return head.encode("latin-1") + response.body


def _status_line(response: Response) -> str:
    return f"HTTP {response.status_code} {printable(response.reason_phrase)}".rstrip()


def _escape(problem: BaseException) -> None:
    """Escape untrusted text in the whole chain, which a traceback shows."""
    link: BaseException | None = problem
    while link is not None:
        link.args = tuple(printable(part) if isinstance(part, str) else part for part in link.args)
        value = getattr(link, "value", None)
        if isinstance(value, str):
            vars(link)["value"] = printable(value)
        link = link.__cause__ or link.__context__


def _explain(problem: BaseException) -> str:
    """Return the whole chain in one line: `websockets` keeps the telling part in `__cause__`."""
    parts = []
    cause: BaseException | None = problem
    while cause is not None:
        parts.append(str(cause))
        cause = cause.__cause__
    return "; ".join(parts)
