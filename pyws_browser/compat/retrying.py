"""Which failures to connect are worth another attempt."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from .exceptions import InvalidMessage, InvalidStatus

if TYPE_CHECKING:
    from collections.abc import Callable

_RETRIED: Final = frozenset({500, 502, 503, 504})


def process_exception(error: Exception) -> Exception | None:
    """Return None if another attempt is worthwhile, else the exception to raise, as in `websockets`.

    Worthwhile after network errors, timeouts, a server that closes before it answers, and the HTTP statuses 500, 502,
    503 and 504. In a page always, because the reason is unknown.
    """
    if isinstance(error, OSError):  # TimeoutError is a subclass
        return None
    if isinstance(error, InvalidMessage) and isinstance(error.__cause__, EOFError):
        return None
    if isinstance(error, InvalidStatus) and error.status in _RETRIED:
        return None
    return error


def raise_if_final(process: Callable[[Exception], Exception | None], error: Exception) -> None:
    """Raise what `process`, a program's `process_exception`, says about a failed attempt, unless it wants another."""
    try:
        verdict = process(error)
    except Exception as exc:  # to raise is a frequent way of saying the same
        verdict = exc
    if verdict is error:
        raise error
    if verdict is not None:
        raise verdict from error
