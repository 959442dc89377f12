"""basic_auth(): ask clients for a name and a password (RFC 7617), as `websockets.asyncio.server.basic_auth`."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING

from ..compat.auth import check_of, given, refuse

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    from websockets.http11 import Request, Response

    from ..compat.auth import Authenticated, Check, Pair


def basic_auth(
    realm: str = "", credentials: Pair | Iterable[Pair] | None = None, check_credentials: Check | None = None
) -> Callable[[Authenticated, Request], Awaitable[Response | None]]:
    """Return a `process_request` for `serve()` that asks for HTTP Basic Authentication.

    `credentials` are a pair of name and password, or several; or `check_credentials(name, password)`, a function or a
    coroutine function, tells whether they are right. The connection's `username` is the name of the authenticated user.

    Raises InvalidOptionError unless exactly one of the two is given, in its form.
    """
    check = check_of(credentials, check_credentials)

    async def process_request(connection: Authenticated, request: Request) -> Response | None:
        pair = given(request)
        if pair is not None:
            verdict = check(*pair)
            if await verdict if inspect.isawaitable(verdict) else verdict:
                connection.username = pair[0]
                return None
        return refuse(connection, realm, pair)

    return process_request
