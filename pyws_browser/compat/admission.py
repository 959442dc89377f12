"""Which requests a server accepts, and its answers; shared by the servers of `aio` and `sync`."""

from __future__ import annotations

from email.utils import formatdate
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol, TypeAlias

from websockets import exceptions
from websockets.datastructures import Headers
from websockets.http11 import Request, Response

from ..errors import InvalidOptionError
from ..protocol import admission as core
from ..protocol.display import printable
from ..wire.handshake import StreamedResponse, refusing
from .exceptions import NegotiationError

if TYPE_CHECKING:
    import re
    from collections.abc import Awaitable, Callable, Sequence
    from logging import Logger, LoggerAdapter

    Answer: TypeAlias = Response | core.Response | None
    ProcessRequest: TypeAlias = Callable[[Any, Request], Awaitable[Answer] | Answer]
    ProcessResponse: TypeAlias = Callable[[Any, Request, Response], Awaitable[Answer] | Answer]
    SelectSubprotocol: TypeAlias = Callable[[Any, Sequence[str]], str | None]
    Origins: TypeAlias = Sequence[str | re.Pattern[str] | None]

_FAILED: Final = "Failed to open a WebSocket connection.\nSee server log for more information.\n"
_CLOSING: Final = "Server is shutting down.\n"


class Serving(Protocol):
    """The server of a connection."""

    logger: Logger | LoggerAdapter[Any]

    @property
    def connections(self) -> set[Any]:
        """The connections that are open, for `broadcast()`."""

    def is_serving(self) -> bool:
        """Tell whether it accepts connections."""


class Judged(Protocol):
    """A connection whose request is judged."""

    logger: LoggerAdapter[Any]

    @property
    def server(self) -> Serving:
        """Its server."""

    def respond(self, status: int, text: str) -> Response:
        """Return a plain text answer."""


class Policy(NamedTuple):
    """The arguments of a server that concern handshakes."""

    origins: Origins | None = None
    subprotocols: tuple[str, ...] = ()
    select_subprotocol: SelectSubprotocol | None = None
    process_request: ProcessRequest | None = None
    process_response: ProcessResponse | None = None
    server_header: str | None = None

    @property
    def is_immediate(self) -> bool:
        """Whether no hook can block."""
        return self.process_request is None and self.process_response is None

    def choose(self, connection: Judged, offered: Sequence[str]) -> str | None:
        """Return the subprotocol: the first of the server's that the client offers. Raises NegotiationError."""
        if self.select_subprotocol is not None:
            return self.select_subprotocol(connection, offered)
        if not self.subprotocols:
            return None
        for name in self.subprotocols:
            if name in offered:
                return name
        raise NegotiationError(f"offer one of the subprotocols this server knows: {', '.join(self.subprotocols)}")


def respond(status: int, text: str, server_header: str | None) -> Response:
    """Return a plain text answer that closes the connection; its headers may be changed."""
    known = HTTPStatus(status)
    body = text.encode()
    headers = Headers(
        [
            ("Date", formatdate(usegmt=True)),
            ("Connection", "close"),
            ("Content-Length", str(len(body))),
            ("Content-Type", "text/plain; charset=utf-8"),
        ]
    )
    if server_header is not None:
        headers["Server"] = server_header
    return Response(known.value, known.phrase, headers, body)


def judge_at_once(connection: Judged, pending: core.Request) -> None:
    """Like `judge()`, without hooks that wait."""
    give(connection, pending, prepared(connection, pending))


def give(connection: Judged, pending: core.Request, response: Response) -> None:
    """Send the answer if the client still waits for it; no client is accepted once the server closes.

    An answer that cannot be sent, such as an upgrade made by the program, is replaced by a 500.
    """
    if pending.is_answered or pending.has_left:
        if isinstance(response, StreamedResponse):
            response.close()
        return
    if response.status_code == HTTPStatus.SWITCHING_PROTOCOLS and not connection.server.is_serving():
        response = connection.respond(HTTPStatus.SERVICE_UNAVAILABLE, _CLOSING)
    try:
        pending.answer(response)
    except Exception as exc:
        response = refusal_of(connection, exc)
        pending.answer(response)
    if response.status_code != HTTPStatus.SWITCHING_PROTOCOLS:
        phrase = printable(response.reason_phrase)
        connection.logger.info("connection rejected (%d %s)", response.status_code, phrase)


def prepared(connection: Judged, pending: core.Request) -> Response:
    """Return the answer by the rules; an exception of `select_subprotocol` is logged, and answered with 500."""
    try:
        return pending.prepare()
    except Exception as exc:
        return refusal_of(connection, exc)


def refusal_of(connection: Judged, exc: Exception, what: str = "opening handshake failed") -> Response:
    """Return the answer for an exception."""
    if isinstance(exc, exceptions.NegotiationError):  # our exception is one of these
        return connection.respond(HTTPStatus.BAD_REQUEST, f"{exc}\n")
    connection.logger.error(what, exc_info=exc)
    return connection.respond(HTTPStatus.INTERNAL_SERVER_ERROR, _FAILED)


def checked(hook: object, answer: Any) -> Response | None:
    """Return the answer of a hook; raises InvalidOptionError for any other type."""
    if isinstance(answer, core.Response):
        return refusing(answer.status, answer.reason, answer.headers, answer.body, answer.content)
    if not isinstance(answer, (Response, type(None))):
        raise InvalidOptionError(f"{hook!r} returned {answer!r}: return connection.respond(...), or None to go on")
    return answer
