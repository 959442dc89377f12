"""The places that a server has for open connections (`max_connections`)."""

from __future__ import annotations

from typing import Final

from ..protocol.admission import Response

FULL: Final = Response(
    503, "This server has as many connections as it may have: try again later.\n", {"Retry-After": "5"}
)
"""The answer to a client for whom there is no place."""


class Places:
    """Counts the places that are taken; `limit` is how many there are, None for any number."""

    def __init__(self) -> None:
        self.limit: int | None = None
        self._taken: set[Place] = set()

    def is_free(self) -> bool:
        """Tell whether another connection may be open."""
        return self.limit is None or len(self._taken) < self.limit

    def take(self, place: Place) -> None:
        """Give a place to a connection."""
        self._taken.add(place)

    def give_back(self, place: Place) -> None:
        """Take a place back; harmless if it was not taken."""
        self._taken.discard(place)


class Place:
    """The place of one connection, which takes it when its handshake is accepted."""

    __slots__ = ("_places",)

    def __init__(self, places: Places) -> None:
        self._places = places

    def refusal(self) -> Response | None:
        """Return the answer to a client for whom there is no place, None if there is one."""
        return None if self._places.is_free() else FULL

    def take(self) -> None:
        """Take it."""
        self._places.take(self)

    def give_back(self) -> None:
        """Leave it to another connection."""
        self._places.give_back(self)
