"""Responses of the opening handshake: making and writing them, and what an error says of one."""

from __future__ import annotations

from dataclasses import dataclass
from email.utils import formatdate
from typing import TYPE_CHECKING

from websockets.datastructures import Headers
from websockets.http11 import Response

from ..errors import HandshakeError
from ..protocol.display import printable

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass
class StreamedResponse(Response):
    """An answer whose content is sent block by block, behind `body`, which is empty."""

    content: Iterable[bytes] = ()

    def close(self) -> None:
        """Free what the content holds."""
        close = getattr(self.content, "close", None)
        if close is not None:
            close()


def refusing(
    status: int,
    reason: str,
    headers: Iterable[tuple[str, str]] = (),
    body: bytes = b"",
    content: Iterable[bytes] | None = None,
) -> Response:
    """Return an answer that closes the connection; the length of `content` stands in `headers`, if it is known."""
    own = {"Date": formatdate(usegmt=True), "Connection": "close"}
    if content is None:
        own["Content-Length"] = str(len(body))
    names = {name.lower() for name in own}
    fields = Headers([*own.items(), *(field for field in headers if field[0].lower() not in names)])
    if content is None:
        return Response(status, reason, fields, body)
    return StreamedResponse(status, reason, fields, content=content)


def handshake_error(message: str, response: Response | None) -> HandshakeError:
    """Return the error of a client, with the server's response if one was read."""
    if response is None:
        return HandshakeError(message)
    return HandshakeError(message, response.status_code, tuple(response.headers.raw_items()), bytes(response.body))


def serialize(response: Response) -> bytes:
    """Write an answer; `serialize()` of `websockets` 15 and 16 writes other bytes than what a header was read from."""
    head = f"HTTP/1.1 {response.status_code} {response.reason_phrase}\r\n{response.headers}"
    return head.encode("latin-1") + response.body


def status_line(response: Response) -> str:
    """Return the status and its reason, safe to print."""
    return f"HTTP {response.status_code} {printable(response.reason_phrase)}".rstrip()


def escape(problem: BaseException) -> None:
    """Escape what a stranger wrote in the whole chain, which a traceback shows."""
    link: BaseException | None = problem
    while link is not None:
        link.args = tuple(printable(part) if isinstance(part, str) else part for part in link.args)
        value = getattr(link, "value", None)
        if isinstance(value, str):
            vars(link)["value"] = printable(value)
        link = link.__cause__ or link.__context__


def explain(problem: BaseException) -> str:
    """Return the whole chain in one line: `websockets` keeps the telling part in `__cause__`."""
    parts = []
    cause: BaseException | None = problem
    while cause is not None:
        parts.append(str(cause))
        cause = cause.__cause__
    return "; ".join(parts)
