"""broadcast(): one message to many connections, without waiting for any of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..transport import IN_BROWSER
from ..transport.base import State
from .data import as_message, is_data
from .exceptions import ConcurrencyError

if TYPE_CHECKING or not IN_BROWSER:
    from ..wire.shared import SharedMessage

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .connection import Connection
    from .data import Data


def broadcast(
    connections: Iterable[Connection], message: Data, *, text: bool | None = None, raise_exceptions: bool = False
) -> None:
    """Send a message to all of `connections` that are open, as `websockets.broadcast`.

    On CPython it is framed, and where that was agreed on compressed, once for all of them. It never waits: what a slow
    connection does not take piles up, until its pings time out. A connection in the middle of a fragmented message, or
    one that fails, is left out; that is logged, or, with `raise_exceptions`, raised as an ExceptionGroup once all
    others have been served. Raises InvalidMessageTypeError for what is no message.
    """
    if not is_data(message):
        raise TypeError("broadcast() takes str or bytes-like, no fragments: join them")
    data = as_message(message, text=text)
    shared = None if IN_BROWSER else SharedMessage(data)
    problems: list[Exception] = []
    for connection in connections:
        if connection.state is not State.OPEN:
            continue
        problem: Exception
        try:
            connection.put(data, shared)
        except ConcurrencyError as exc:
            problem = exc
        except Exception as exc:  # one that fails must not keep the others from being served
            problem = RuntimeError(f"failed to write message to {connection!r}")
            problem.__cause__ = exc
        else:
            continue
        if raise_exceptions:
            problems.append(problem)
        else:
            connection.logger.warning("skipped broadcast: %s", problem, exc_info=problem.__cause__)
    if problems:
        raise ExceptionGroup("skipped broadcast", problems)
