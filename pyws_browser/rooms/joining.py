"""What `Topic.join()` gives."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ..errors import InvalidStateError
from .pending import Pending

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..protocol.vocabulary import Message
    from .errors import PositionError
    from .hosts import Host
    from .vocabulary import Member, Position

    Greet = Callable[["Joined"], "Message | None"]


class Joined(Pending["Joined"]):
    """What `Topic.join()` gives; await it, or look at `is_done`, before the rest."""

    __slots__ = ("_members_of", "cause", "member", "position", "was_whole")

    def __init__(self, members_of: Callable[[], tuple[Member, ...]]) -> None:
        super().__init__()
        self._members_of = members_of
        self.was_whole: bool | None = None  # until it is known
        self.cause: PositionError | None = None
        """Why `is_whole` is False, None if it is True."""
        self.position: Position | None = None
        """The position of the newest message when the peer joined; None in a topic without history, and before it is
        done."""
        self.member: Member | None = None
        """Who the peer is among the members, if `member` was given."""

    @property
    def is_whole(self) -> bool:
        """Whether everything that came after `since` was sent. Raises InvalidStateError before it is known."""
        if self.was_whole is None:
            raise InvalidStateError("it is not known yet: await this, or poll() until is_done")
        return self.was_whole

    @property
    def members(self) -> tuple[Member, ...]:
        """Those who are present in the topic now."""
        return self._members_of()


class Waiting(NamedTuple):
    """One who joins, until the broker was read."""

    host: Host
    handle: object
    since: Position | None
    greet: Greet | None
    joined: Joined
