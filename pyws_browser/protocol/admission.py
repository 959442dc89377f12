"""A client's request for a connection, and the server's answer. CPython only."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, NamedTuple, Protocol, TypeAlias

from ..errors import InvalidOptionError, InvalidStateError
from . import rules

if TYPE_CHECKING:
    import re
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from ssl import SSLObject

    from websockets import http11
    from websockets.datastructures import Headers

    Fields: TypeAlias = Mapping[str, str] | Iterable[str | tuple[str, str]]
    Origins: TypeAlias = Sequence[str | re.Pattern[str] | None]
    SubprotocolChoice: TypeAlias = Callable[[Sequence[str]], str | None]


class Response:
    """An HTTP answer other than the upgrade: a refusal, or the answer to a health check.

    `body` may be text, which goes out as UTF-8. `headers` are a mapping, pairs or "Name: value" strings; the length,
    the date, `Connection: close` and, where none is given, a Content-Type are added.

    `content` is for an answer that is too large for memory: an iterable of bytes in place of `body`. The next block is
    fetched when the client has received the previous one. Its `close()` method, if any, is called at the end, also when
    the client leaves early. Put Content-Length into `headers` if you know it. A client that does not receive a whole
    block within 60 seconds is cut off. An exception of `content` is logged, and ends the connection.

    Raises InvalidOptionError for a status that is not from 200 to 599 or a `content` that cannot be iterated over, and
    InvalidHeaderError.
    """

    __slots__ = ("body", "content", "headers", "status")

    def __init__(
        self, status: int, body: str | bytes = b"", headers: Fields = (), *, content: Iterable[bytes] | None = None
    ) -> None:
        if not isinstance(status, int) or not 200 <= status <= 599:
            raise InvalidOptionError(f"the status of an answer is from 200 to 599, not {status!r}")
        self.status: int = int(status)
        self.headers: tuple[tuple[str, str], ...] = rules.check_fields(headers)
        if isinstance(body, str):
            body = body.encode()
        if not any(name.lower() == "content-type" for name, _ in self.headers):
            self.headers = (*self.headers, ("Content-Type", "text/plain; charset=utf-8"))
        self.body: bytes = body
        if content is not None and not hasattr(content, "__iter__"):
            raise InvalidOptionError(f"content is an iterable of bytes, not {content!r}")
        self.content: Iterable[bytes] | None = content

    @property
    def reason(self) -> str:
        """The reason phrase of the status (RFC 9110 §15)."""
        try:
            return HTTPStatus(self.status).phrase
        except ValueError:
            return ""

    def __repr__(self) -> str:
        return f"<Response {self.status} {self.reason}>"


class Admission(NamedTuple):
    """The rules by which a server accepts connections.

    `origins` lists the origins that may connect: strings, regular expressions that match a whole origin, and None for
    requests without one; None in place of the sequence allows all. `select_subprotocol` chooses among what the client
    offers, and may choose None; None in its place chooses as Godot does. `server_header` is the value of `Server`, None
    for no such header. `refusal` is the answer to every request. `is_asked` says that the program answers every valid
    HTTP request; `origins_come_first` that WebSocket requests from other origins are refused without asking it. `place`
    is what an open connection takes up, None for nothing.
    """

    origins: Origins | None = None
    select_subprotocol: SubprotocolChoice | None = None
    server_header: str | None = None
    refusal: Response | None = None
    is_asked: bool = False
    origins_come_first: bool = False
    place: Place | None = None


class Place(Protocol):
    """A place for one open connection, of which a server has a limited number."""

    def refusal(self) -> Response | None:
        """Return the refusal if there is no place, else None."""

    def take(self) -> None:
        """Take the place: the connection will be open."""


class Desk(Protocol):
    """The handshake that answers a request."""

    def prepare(self) -> http11.Response:
        """Return the answer by the rules."""

    def refusal(self, response: Response) -> http11.Response:
        """Return this refusal in the form of `websockets`."""

    def answer(self, response: http11.Response) -> None:
        """Send it."""


class Request:
    """A client's request for a connection, which waits to be answered with `accept()` or `reject()`.

    It is valid HTTP, but not checked further: it may not ask for a WebSocket. `path` includes the query, and is the
    path in the peer's later `requested_url`. `headers` is a case-insensitive multi-valued mapping. `headers.get(name,
    default)` returns one value: several values are joined with ", " (for Cookie with "; "), and `headers.get_all(name)`
    returns a list of them. A request that repeats a header which may come only once, such as Authorization or Origin,
    has already been answered with 400. `remote_address` is the client's IP address and port. `tls` is the TLS session,
    whose `getpeercert()` identifies the client, or None. `id` is the id that the client will have, 0 outside a
    `WebSocketServer`. Answer it within `handshake_timeout`, or the client gets 503.
    """

    __slots__ = (
        "_desk",
        "_has_left",
        "_is_held",
        "headers",
        "id",
        "method",
        "original",
        "path",
        "remote_address",
        "tls",
    )

    def __init__(
        self,
        request: http11.Request,
        remote_address: tuple[str, int],
        tls: SSLObject | None,
        desk: Desk,
    ) -> None:
        self.original: http11.Request = request
        """The request in the form that `websockets` has for it."""
        self.method: str = request.method
        self.path: str = request.path
        self.headers: Headers = request.headers
        self.remote_address: tuple[str, int] = remote_address
        self.tls: SSLObject | None = tls
        self.id: int = 0
        self._is_held = False
        self._has_left = False
        self._desk: Desk | None = desk

    @property
    def is_answered(self) -> bool:
        """Whether it was answered."""
        return self._desk is None and not self._has_left

    @property
    def has_left(self) -> bool:
        """Whether the client left before it was answered, so that no answer is needed."""
        return self._has_left

    @property
    def is_held(self) -> bool:
        """Whether `hold()` was called."""
        return self._is_held

    def hold(self) -> None:
        """Let the request wait for `accept()` or `reject()`; the result of `process_request` is ignored."""
        self._is_held = True

    def accept(self, headers: Fields = ()) -> bool:
        """Open the connection; return False if a rule made it a refusal, or if the client has left.

        `headers` go into the answer, after those of `handshake_headers`. The rules are those of RFC 6455 §4.2.1 and the
        server's settings. Raises what `select_subprotocol` raised, and leaves the request unanswered; InvalidStateError
        if there was an answer already, and InvalidHeaderError.
        """
        fields = rules.check_headers(headers)
        if self._has_left:
            return False
        response = self.prepare()
        is_accepted = response.status_code == HTTPStatus.SWITCHING_PROTOCOLS
        if is_accepted:
            for name, value in fields:
                response.headers[name] = value
        self.answer(response)
        return is_accepted

    def reject(self, response: Response) -> None:
        """Reject the request with `response`; if the client has left, only close `content`.

        Raises InvalidStateError if the request was answered already.
        """
        if not self._has_left:
            self.answer(self._unanswered().refusal(response))
        else:
            close = getattr(response.content, "close", None)
            if close is not None:
                close()

    def prepare(self) -> http11.Response:
        """Return the answer of `accept()`, an upgrade or a refusal, in the form of `websockets`.

        Change it and pass it to `answer()`. Raises what `accept()` raises.
        """
        return self._unanswered().prepare()

    def answer(self, response: http11.Response) -> None:
        """Answer with the result of `prepare()`, or with a refusal in that form.

        Raises InvalidStateError if the request was answered already, if the client has left, or for an upgrade that
        `prepare()` did not return.
        """
        self._unanswered().answer(response)
        self._desk = None

    def note_leaving(self) -> None:
        """Drop the references to the connection, because the client has left."""
        if self._desk is not None:
            self._desk = None
            self._has_left = True

    def _unanswered(self) -> Desk:
        if self._has_left:
            raise InvalidStateError(f"the client that asked for {self.path!r} has left: look at has_left")
        if self._desk is None:
            raise InvalidStateError(
                f"the request for {self.path!r} was answered already: answer it once, within handshake_timeout and "
                "before the server stops"
            )
        return self._desk

    def __repr__(self) -> str:
        return f"<Request {self.method} {self.path} from {self.remote_address[0]}:{self.remote_address[1]}>"
