"""broadcast(): one message to many connections, as `websockets.sync.server.broadcast`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..compat.data import as_message, is_data

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ..compat.data import Data
    from .connection import Connection


def broadcast(
    connections: Iterable[Connection],
    message: Data,
    *,
    text: bool | None = None,
    raise_exceptions: bool = False,
    **_of_the_executor: Any,
) -> None:
    """Send a message to all of `connections` that are open, without waiting for any of them.

    A connection in the middle of a fragmented message, or one that fails, is left out; that is logged, or, with
    `raise_exceptions`, raised as an ExceptionGroup once all others have been served. The further arguments of
    `websockets`, which configure its thread pool, are ignored: there is no pool here.

    Raises TypeError if `message` is neither str nor bytes-like.
    """
    if not is_data(message):
        raise TypeError("broadcast() takes str or bytes-like, no fragments: join them")
    data = as_message(message, text=text)
    problems: list[Exception] = []
    for connection in connections:
        try:
            problem = connection.offer(data)
        except Exception as exc:  # one that fails must not keep the others from being served
            problem = RuntimeError("failed to write message")
            problem.__cause__ = exc
        if problem is None:
            continue
        if raise_exceptions:
            problems.append(problem)
        else:
            connection.logger.warning("skipped broadcast: %s", problem, exc_info=problem.__cause__)
    if problems:
        raise ExceptionGroup("skipped broadcast", problems)
