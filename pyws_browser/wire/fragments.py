"""Where the fragments of messages end (RFC 6455 §5.4), for programs that take them one by one as they come."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

MAX_FRAGMENTS: Final = 1024
"""Fragments of a message that are told apart; further ones are given together with the last."""


class Fragments:
    """The ends of fragments: those of the message that is under way, and those of messages that are complete."""

    def __init__(self) -> None:
        self.ends: list[int] = []
        """Of the message under way, in characters or bytes from the beginning of what was not taken out yet."""
        self.complete: list[tuple[int, list[int]]] = []
        """Indices in the inbox of messages that came in fragments, and their ends; for the caller to take out."""
        self.taken: int = 0
        """Payload bytes of the message under way that were taken out."""

    def end_fragment(self, position: int) -> None:
        """Note the end of a fragment of the message under way."""
        if len(self.ends) < MAX_FRAGMENTS:
            self.ends.append(position)
        else:
            self.ends[-1] = position

    def end_message(self, index: int) -> None:
        """Note that the message is complete, and where in the inbox it stands."""
        if len(self.ends) > 1:
            self.complete.append((index, self.ends))
        self.ends = []
        self.taken = 0


def split(message: str | bytes, ends: Sequence[int]) -> list[str | bytes]:
    """Return the fragments of a message; all of it is one if it has no `ends`."""
    if not ends:
        return [message]
    starts = [0, *ends[:-1]]
    return [message[start:end] for start, end in zip(starts, ends, strict=True)]
