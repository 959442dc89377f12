"""The places of a server for open connections (`max_connections`)."""

from __future__ import annotations

from typing import Final

from ..protocol.admission import Response

FULL: Final = Response(
    503, "This server has as many connections as it may have: try again later.\n", {"Retry-After": "5"}
)
"""The answer to a client when no place is free."""


class Places:
    """Counts the taken places; `limit` is their number, None for no limit."""

    def __init__(self) -> None:
        self.limit: int | None = None
        self._taken: set[Place] = set()

    def is_free(self) -> bool:
        """Tell whether a place is free."""
        return self.limit is None or len(self._taken) < self.limit

    def take(self, place: Place) -> None:
        """Take a place for a connection."""
        self._taken.add(place)

    def give_back(self, place: Place) -> None:
        """Free a place; does nothing if it was not taken."""
        self._taken.discard(place)


class Place:
    """The place of one connection, which takes it when its handshake is accepted."""

    __slots__ = ("_places",)

    def __init__(self, places: Places) -> None:
        self._places = places

    def refusal(self) -> Response | None:
        """Return the refusal if no place is free, else None."""
        return None if self._places.is_free() else FULL

    def take(self) -> None:
        """Take the place."""
        self._places.take(self)

    def give_back(self) -> None:
        """Free the place."""
        self._places.give_back(self)
