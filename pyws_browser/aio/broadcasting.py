"""broadcast(): one message to many connections, without waiting for any of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ..compat.data import as_message, is_data
from ..compat.exceptions import ConcurrencyError
from ..errors import InvalidOptionError
from ..peer.slow_readers import Slowness, checked_policy
from ..protocol.vocabulary import State
from ..transport import IN_BROWSER

if TYPE_CHECKING or not IN_BROWSER:
    from ..wire.shared import SharedMessage

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable

    from ..compat.data import Data
    from ..peer.slow_readers import SlowPolicy
    from .connection import Connection

BACKLOG: Final = 16 * 1024 * 1024
"""Bytes that may wait for one connection, unless the `limit` of `broadcast()` says otherwise."""


def broadcast(
    connections: Iterable[Connection],
    message: Data,
    *,
    text: bool | None = None,
    raise_exceptions: bool = False,
    slow: SlowPolicy = "close",
    key: Hashable = None,
    limit: int = BACKLOG,
    on_missed: Callable[[Connection, int, int], object] | None = None,
) -> None:
    """Send a message to all of `connections` that are open, as `websockets.broadcast`.

    On CPython the message is framed once, and compressed once where that was negotiated, for all of them. It never
    waits, and a slow connection never makes it raise. A connection in the middle of a fragmented message, or one that
    fails, is left out; that is logged, or, with `raise_exceptions`, raised as an ExceptionGroup once all others have
    been served.

    A connection becomes slow when a message finds more than `limit` bytes waiting for it; each waiting message counts
    as its size and 128 bytes. It stays slow until half of that has been sent. `slow` says what happens to it:

    - "close": it is closed with 1013 (in a page with 4013), and that is logged. What waits goes out first.
    - "drop": it misses messages. Once it is no longer slow, `on_missed(connection, messages, bytes)` is called once.
    - "latest": of the messages with the same `key` it gets the newest, once it is no longer slow. The kept messages may
      take `limit` bytes as well; if they take more, the connection is closed as under "close".

    Let the event loop run between many large messages: nothing is sent before it does.

    Raises:
        InvalidMessageTypeError: `message` is neither str nor bytes-like.
        InvalidOptionError: `slow` or `limit` has a value that cannot be used.

    """
    if not is_data(message):
        raise TypeError("broadcast() takes str or bytes-like, no fragments: join them")
    if not isinstance(limit, int) or limit < 1:
        raise InvalidOptionError(f"limit is a number of bytes from 1 on, not {limit!r}")
    slowness = Slowness(checked_policy(slow), key, limit, on_missed)
    data = as_message(message, text=text)
    shared = None if IN_BROWSER else SharedMessage(data)
    problems: list[Exception] = []
    for connection in connections:
        if connection.state != State.OPEN:
            continue
        problem: Exception
        try:
            connection.offer(data, shared, slowness)
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
