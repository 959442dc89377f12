"""Which failures to connect are worth another attempt."""

from __future__ import annotations

from typing import Final

from .exceptions import InvalidMessage, InvalidStatus

_RETRIED: Final = frozenset({500, 502, 503, 504})


def process_exception(error: Exception) -> Exception | None:
    """Return None if it is worth another attempt, else the exception to be raised, as that of `websockets` does.

    Worth one are network errors and time limits, a server that hangs up before it has answered, and the HTTP statuses
    500, 502, 503 and 504. In a page every failure is, since no reason is known.
    """
    if isinstance(error, OSError):  # of which TimeoutError is one
        return None
    if isinstance(error, InvalidMessage) and isinstance(error.__cause__, EOFError):
        return None
    if isinstance(error, InvalidStatus) and error.status in _RETRIED:
        return None
    return error
