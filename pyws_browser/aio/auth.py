"""basic_auth(): let in who knows a name and a password (RFC 7617), as `websockets.asyncio.server.basic_auth`."""

from __future__ import annotations

import base64
import hmac
import inspect
from collections.abc import Iterable
from http import HTTPStatus
from typing import TYPE_CHECKING, Protocol, TypeAlias, cast

from ..compat.arguments import ArgumentTypeError
from ..errors import InvalidOptionError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from websockets.http11 import Request, Response

    Pair: TypeAlias = tuple[str, str]
    Check: TypeAlias = Callable[[str, str], bool | Awaitable[bool]]


class Authenticated(Protocol):
    """The connection of a client that gives its name."""

    username: str

    def respond(self, status: int, text: str) -> Response:
        """Return a plain text answer."""


def basic_auth(
    realm: str = "", credentials: Pair | Iterable[Pair] | None = None, check_credentials: Check | None = None
) -> Callable[[Authenticated, Request], Awaitable[Response | None]]:
    """Return a `process_request` for `serve()` that asks for HTTP Basic Authentication.

    `credentials` are a pair of name and password, or several; or `check_credentials(name, password)`, a function or a
    coroutine function, tells whether they are right. The connection's `username` is the user who was let in.

    Raises InvalidOptionError unless exactly one of the two is given, in its form.
    """
    if (credentials is None) == (check_credentials is None):
        raise InvalidOptionError("provide either credentials or check_credentials")
    check = check_credentials if credentials is None else _check_of(credentials)
    challenge = f'Basic realm="{_quoted(realm)}", charset="UTF-8"'

    async def process_request(connection: Authenticated, request: Request) -> Response | None:
        given = _given(request.headers.get("Authorization"))
        if given is not None and check is not None:
            verdict = check(*given)
            if await verdict if inspect.isawaitable(verdict) else verdict:
                connection.username = given[0]
                return None
        text = "Missing or unsupported credentials\n" if given is None else "Invalid credentials\n"
        response = connection.respond(HTTPStatus.UNAUTHORIZED, text)
        response.headers["WWW-Authenticate"] = challenge
        return response

    return process_request


def _check_of(credentials: Pair | Iterable[Pair]) -> Check:
    pairs = [credentials] if _is_pair(credentials) or not isinstance(credentials, Iterable) else list(credentials)
    if not all(map(_is_pair, pairs)):
        raise ArgumentTypeError(f"invalid credentials argument: {credentials}")
    passwords = {name: password.encode() for name, password in cast("list[Pair]", pairs)}

    def check(name: str, password: str) -> bool:
        expected = passwords.get(name)
        # Compared in any case, so that the time taken does not tell which names there are.
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
    except ValueError:  # neither Base64 nor UTF-8, or not even ASCII
        return None
    return (name, password) if colon else None


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')
