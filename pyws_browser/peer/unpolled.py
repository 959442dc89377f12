"""A warning for programs that wait for a connection but never poll it: they would wait forever."""

from __future__ import annotations

from math import inf
from time import monotonic
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from ..transport.base import Transport

TIME: Final = 1.0
"""Seconds without a poll after which the program is warned."""


def look(peer: object, transport: Transport, asked_at: float) -> float:
    """Log a warning if the program checks the state again and again without polling.

    `asked_at` is what the last call returned, 0.0 at first. After the warning it is `inf`: one is enough.
    """
    if asked_at == inf or not transport.is_unpolled():
        return asked_at
    now = monotonic()
    if not asked_at or now - asked_at < TIME:
        return asked_at or now
    import logging  # loaded here, because a page rarely needs it

    logging.getLogger("pyws_browser").warning(
        "%r was never polled, and so it cannot connect: call its poll() in the loop that waits for it, once a frame is "
        "often enough",
        peer,
    )
    return inf
