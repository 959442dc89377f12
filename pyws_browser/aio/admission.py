"""Calls `process_request` and `process_response` during a handshake; each is a function or a coroutine function."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

from ..compat.admission import checked, give, prepared, refusal_of

if TYPE_CHECKING:
    from websockets.http11 import Response

    from ..compat.admission import Judged, Policy
    from ..protocol import admission as core


async def judge(connection: Judged, pending: core.Request, policy: Policy) -> None:
    """Call the hooks, and answer the request; an exception of a hook is logged, and answered with 500.

    `process_response` is called for every answer, a 500 included. This is cancelled once nobody waits for an answer.
    """
    request = pending.original
    try:
        response = await _ask(policy.process_request, connection, request)
    except Exception as exc:
        response = refusal_of(connection, exc, "process_request failed")
    if response is None:
        if pending.is_answered or pending.has_left:  # and the hook ignored its cancellation
            return
        response = prepared(connection, pending)
    elif policy.server_header is not None and "Server" not in response.headers:
        response.headers["Server"] = policy.server_header
    try:
        response = await _ask(policy.process_response, connection, request, response) or response
    except Exception as exc:
        response = refusal_of(connection, exc, "process_response failed")
    give(connection, pending, response)


async def _ask(hook: Any, *arguments: Any) -> Response | None:
    if hook is None:
        return None
    answer = hook(*arguments)
    return checked(hook, await answer if inspect.isawaitable(answer) else answer)
