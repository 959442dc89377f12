"""One message to many connections, which is made into a frame once. CPython only, as servers are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .errors import OutboundBufferFullError
from .transport import IN_BROWSER
from .transport.base import OPEN

if TYPE_CHECKING or not IN_BROWSER:
    from .wire.shared import SharedMessage

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .multiplayer_peer import Link
    from .transport.base import Message


def is_there(link: Link) -> bool:
    """Tell whether the program knows of a connection, and can send to it."""
    return link.is_announced and link.transport.ready_state is OPEN


def send_to_all(links: Iterable[Link], message: Message) -> dict[int, OutboundBufferFullError]:
    """Send a message to all that are there; return, by their ids, why it does not fit for some of them."""
    shared = SharedMessage(message)
    too_slow: dict[int, OutboundBufferFullError] = {}
    for link in links:
        if is_there(link):
            try:
                link.transport.send_shared(shared)
            except OutboundBufferFullError as exc:
                too_slow[link.id] = exc
    return too_slow


def broadcast(links: Iterable[Link], message: Message) -> None:
    """Send a message to all that are there.

    Raises OutboundBufferFullError once all others were sent it, if it does not fit for some.
    """
    too_slow = send_to_all(links, message)
    if too_slow:
        cause = next(iter(too_slow.values()))
        raise OutboundBufferFullError(
            f"{len(too_slow)} clients were not sent it, all others were: disconnect_peer() those in peer_ids, or "
            f"let them miss it. The first: {cause}",
            tuple(too_slow),
        ) from cause
