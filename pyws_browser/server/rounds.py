"""A poll's round among the clients: who is looked after, and how much of the time each one gets."""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    from .client import ServedClient
    from .watch import Watch

POLL_TIME: Final = 0.01
"""Seconds that a poll takes for reading and parsing, for all clients together; the next poll goes on."""

POLL_SHARE: Final = 0.005
"""Seconds of it for one client, or less where many have something to do."""

_LEAST_SHARE: Final = 0.0005


class Rounds:
    """Looks after the clients that have something to do, as long as there is time."""

    def __init__(self) -> None:
        self.held_back: dict[int, ServedClient] = {}
        """Clients that are not read from until the program fetches packets; each round looks after them."""
        self.left: dict[int, ServedClient] = {}
        """Clients for whom the round before had no time; they come first."""

    def clear(self) -> None:
        """Forget all clients."""
        self.held_back.clear()
        self.left.clear()

    def run(
        self,
        active: dict[int, ServedClient],
        watch: Watch[ServedClient],
        look_after: Callable[[ServedClient], None],
    ) -> None:
        """Look after the active clients and after those that were left."""
        if self.left:
            active = self.left | active
            self.left.clear()
        if self.held_back:
            active |= self.held_back
        try:
            if len(active) == 1:
                for client in active.values():
                    if not client.is_over:
                        look_after(client)
            else:
                self._share(active, look_after)
        except BaseException:  # Ctrl-C, say: the next poll looks after the clients that were not reached
            for client in active.values():
                if not client.is_over:
                    watch.disturb(client.id)
            raise

    def _share(self, clients: dict[int, ServedClient], look_after: Callable[[ServedClient], None]) -> None:
        """Look after the clients for whom there is time; the others come first in the next poll."""
        share = min(max(POLL_TIME / len(clients), _LEAST_SHARE), POLL_SHARE)
        end = monotonic() + POLL_TIME
        left = iter(clients.values())
        for client in left:
            if not client.is_over:
                client.transport.turn_time = share
                look_after(client)
                if monotonic() >= end:
                    break
        self.left.update((client.id, client) for client in left)
