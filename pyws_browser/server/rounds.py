"""The round of a poll: which clients are served, and how much time each one gets."""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    from .client import ServedClient
    from .watch import Watch

POLL_TIME: Final = 0.01
"""Seconds of a poll for reading and parsing, for all clients together; the next poll goes on."""

POLL_SHARE: Final = 0.005
"""Seconds of it for one client, less where many are active."""

_LEAST_SHARE: Final = 0.0005


class Rounds:
    """Serves the active clients as long as there is time."""

    def __init__(self) -> None:
        self.held_back: dict[int, ServedClient] = {}
        """Clients that are not read until the program fetches packets; each round checks them."""
        self.left: dict[int, ServedClient] = {}
        """Clients for which the previous round had no time; they come first."""

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
        """Serve the active clients, and those that were left over."""
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
        except BaseException:  # for example Ctrl-C: the next poll serves the clients that were not reached
            for client in active.values():
                if not client.is_over:
                    watch.disturb(client.id)
            raise

    def _share(self, clients: dict[int, ServedClient], look_after: Callable[[ServedClient], None]) -> None:
        """Serve clients as long as there is time; the others come first in the next poll."""
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
