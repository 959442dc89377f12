"""Whom a server lets in: a client's request for a connection, and the answer to it. CPython only."""

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
    fetched when the client has taken in the one before, and a `close()` that it has is called at the end, also when the
    client leaves early. Name its Content-Length in `headers` if you know it. A client that takes in no whole block for
    60 seconds is cut off. What `content` raises is logged, and ends the connection.

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
        """The words for the status (RFC 9110 §15)."""
        try:
            return HTTPStatus(self.status).phrase
        except ValueError:
            return ""

    def __repr__(self) -> str:
        return f"<Response {self.status} {self.reason}>"


class Admission(NamedTuple):
    """What a server looks at before it accepts a connection.

    `origins` are those that a request may come from: strings, regular expressions that match a whole origin, and None
    for requests without one; None in place of the sequence allows all. `select_subprotocol` chooses among what the
    client offers, and may choose None; None in its place chooses as Godot does. `server_header` is the value of
    `Server`, None for no such header. `refusal` is the answer to every request. `is_asked` says that every request that
    is proper HTTP waits for an answer by the program; `origins_come_first` that it is not asked about requests for a
    WebSocket from other origins. `place` is what an open connection needs, None for nothing.
    """

    origins: Origins | None = None
    select_subprotocol: SubprotocolChoice | None = None
    server_header: str | None = None
    refusal: Response | None = None
    is_asked: bool = False
    origins_come_first: bool = False
    place: Place | None = None


class Place(Protocol):
    """What an open connection takes, and of which a server may have a certain number."""

    def refusal(self) -> Response | None:
        """Return why there is none, None if there is one."""

    def take(self) -> None:
        """Take it: the connection is going to be open."""


class Desk(Protocol):
    """Where requests are answered."""

    def prepare(self) -> http11.Response:
        """Return the answer that the rules ask for."""

    def refusal(self, response: Response) -> http11.Response:
        """Return this refusal in the other form."""

    def answer(self, response: http11.Response) -> None:
        """Send it."""


class Request:
    """A client's request for a connection, which waits to be answered with `accept()` or `reject()`.

    It has not been judged yet: it is proper HTTP, but it need not be a WebSocket's. `path` has the query with it, and
    is the path that the peer's `requested_url` shows later. `headers` is a multi-valued mapping that knows no case.
    `headers.get(name, default)` gives one value; that of a header that came several times is all of them, with ", "
    between (for Cookie "; "), and `headers.get_all(name)` gives a list of them. A request in which a header comes twice
    that may come once, such as Authorization or Origin, was answered with 400 already. `remote_address` is the IP
    address and the port that it came from. `tls` is the TLS session, whose `getpeercert()` tells who the client is, or
    None. `id` is what the client will have, 0 outside a `WebSocketServer`. It must be answered within
    `handshake_timeout`, or the answer is 503.
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
        """Whether the client left before it was answered: there is nobody to decide about any more."""
        return self._has_left

    @property
    def is_held(self) -> bool:
        """Whether `hold()` was called."""
        return self._is_held

    def hold(self) -> None:
        """Let the request wait for `accept()` or `reject()`; the result of `process_request` is ignored."""
        self._is_held = True

    def accept(self, headers: Fields = ()) -> bool:
        """Open the connection; return False if a rule forbids it and it was refused, or if the client has left.

        `headers` go into the answer, behind those of `handshake_headers`. The rules are those of RFC 6455 §4.2.1 and
        those that the server was given. Raises what `select_subprotocol` raised, with the request unanswered;
        InvalidStateError if there was an answer already, and InvalidHeaderError.
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
        """Answer with something else than a connection; if the client has left, only `content` is closed.

        Raises InvalidStateError if there was an answer already.
        """
        if not self._has_left:
            self.answer(self._unanswered().refusal(response))
        else:
            close = getattr(response.content, "close", None)
            if close is not None:
                close()

    def prepare(self) -> http11.Response:
        """Return what `accept()` would answer, an upgrade or a refusal, in the form that `websockets` has for it.

        For `answer()`, with changes. Raises as `accept()` does.
        """
        return self._unanswered().prepare()

    def answer(self, response: http11.Response) -> None:
        """Answer with what `prepare()` gave, or with another refusal in that form.

        Raises InvalidStateError if there was an answer already, if the client has left, and for an upgrade that
        `prepare()` did not agree to.
        """
        self._unanswered().answer(response)
        self._desk = None

    def note_leaving(self) -> None:
        """Hold no more of the connection, because the client has left."""
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
