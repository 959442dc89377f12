"""Records where the fragments of messages end (RFC 6455 §5.4), for programs that read them one by one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

MAX_FRAGMENTS: Final = 1024
"""The most fragments of a message that are kept apart; further ones are joined with the last."""


class Fragments:
    """The ends of the fragments of the current message, and of complete messages."""

    def __init__(self) -> None:
        self.ends: list[int] = []
        """Those of the current message, in characters or bytes from the first one that was not taken out."""
        self.complete: list[tuple[int, list[int]]] = []
        """The inbox indices of messages that came in fragments, and their ends; for the caller to take."""
        self.taken: int = 0
        """Payload bytes of the current message that were taken out."""

    def end_fragment(self, position: int) -> None:
        """Record the end of a fragment of the current message."""
        if len(self.ends) < MAX_FRAGMENTS:
            self.ends.append(position)
        else:
            self.ends[-1] = position

    def end_message(self, index: int) -> None:
        """Record that the message is complete, and its inbox index."""
        if len(self.ends) > 1:
            self.complete.append((index, self.ends))
        self.ends = []
        self.taken = 0


def split(message: str | bytes, ends: Sequence[int]) -> list[str | bytes]:
    """Return the fragments of a message; without `ends` it is one fragment."""
    if not ends:
        return [message]
    starts = [0, *ends[:-1]]
    return [message[start:end] for start, end in zip(starts, ends, strict=True)]
