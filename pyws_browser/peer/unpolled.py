"""A warning for programs that wait for a connection and never poll it, which would wait for ever in silence."""

from __future__ import annotations

from math import inf
from time import monotonic
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from ..transport.base import Transport

TIME: Final = 1.0
"""Seconds after which a program that asks again and has not polled is warned."""


def look(peer: object, transport: Transport, asked_at: float) -> float:
    """Log a warning if the program asks again how its connecting goes, and never polled.

    `asked_at` is what the last look returned, 0.0 at first. From the warning on it is `inf`, since one is enough.
    """
    if asked_at == inf or not transport.is_unpolled():
        return asked_at
    now = monotonic()
    if not asked_at or now - asked_at < TIME:
        return asked_at or now
    import logging  # which a page need not load before

    logging.getLogger("pyws_browser").warning(
        "%r was never polled, and so it cannot connect: call its poll() in the loop that waits for it, once a frame is "
        "often enough",
        peer,
    )
    return inf
