"""Which failures to connect are worth another attempt."""

from __future__ import annotations

from typing import Final

from .exceptions import InvalidMessage, InvalidStatus

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
