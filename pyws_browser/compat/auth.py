"""HTTP Basic Authentication (RFC 7617): names and passwords, and the answer to a client without them."""

from __future__ import annotations

import base64
import hmac
from collections.abc import Iterable
from http import HTTPStatus
from typing import TYPE_CHECKING, Protocol, TypeAlias, cast

from ..errors import InvalidOptionError
from .arguments import ArgumentTypeError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from websockets.http11 import Request, Response

    Pair: TypeAlias = tuple[str, str]
    Check: TypeAlias = Callable[[str, str], bool | Awaitable[bool]]


class Authenticated(Protocol):
    """The connection of a client that logs in."""

    username: str

    def respond(self, status: int, text: str) -> Response:
        """Return a plain text answer."""


def check_of(credentials: Pair | Iterable[Pair] | None, check_credentials: Check | None) -> Check:
    """Return a function that checks a name and a password.

    Raises InvalidOptionError unless exactly one of the two is given, and ArgumentTypeError for bad credentials.
    """
    if (credentials is None) == (check_credentials is None):
        raise InvalidOptionError("provide either credentials or check_credentials")
    if check_credentials is not None:
        return check_credentials
    assert credentials is not None  # noqa: S101
    return _check_of(credentials)


def given(request: Request) -> Pair | None:
    """Return the name and the password in a request, None if it has none."""
    return _given(request.headers.get("Authorization"))


def refuse(connection: Authenticated, realm: str, pair: Pair | None) -> Response:
    """Return the answer that asks for a name and a password."""
    text = "Missing or unsupported credentials\n" if pair is None else "Invalid credentials\n"
    response = connection.respond(HTTPStatus.UNAUTHORIZED, text)
    response.headers["WWW-Authenticate"] = f'Basic realm="{_quoted(realm)}", charset="UTF-8"'
    return response


def _check_of(credentials: Pair | Iterable[Pair]) -> Check:
    pairs = [credentials] if _is_pair(credentials) or not isinstance(credentials, Iterable) else list(credentials)
    if not all(map(_is_pair, pairs)):
        raise ArgumentTypeError(f"invalid credentials argument: {credentials}")
    passwords = {name: password.encode() for name, password in cast("list[Pair]", pairs)}

    def check(name: str, password: str) -> bool:
        expected = passwords.get(name)
        # Always compared, so that the time taken does not reveal which names exist.
        return hmac.compare_digest(expected or b"", password.encode()) and expected is not None

    return check


def _is_pair(value: object) -> bool:
    return isinstance(value, (tuple, list)) and len(value) == 2 and all(isinstance(part, str) for part in value)


def _given(header: str | None) -> tuple[str, str] | None:
    """Return the name and the password in an Authorization header, None if it has none."""
    scheme, _, encoded = (header or "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        name, colon, password = base64.b64decode(encoded.strip(), validate=True).decode().partition(":")
    except ValueError:  # not Base64, not UTF-8, or not ASCII
        return None
    return (name, password) if colon else None


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')
