"""Time limits for what the other side does, which do not charge it with the time in which this side did not look."""

from __future__ import annotations

LOOKS = 4
"""A look counts for this part of a time limit at most, however long ago the one before was."""


class TimeLimit:
    """A limit of `seconds`, from `now` on; times are those of `time.monotonic()`.

    What came while nobody polled lies unread, and what was to be sent lies unsent: that is not the other side's delay.
    So a program that polls after a long pause does not find every limit exceeded. Of each pause a quarter of the limit
    counts at most. A program that polls more often than that, or at `next_look`, gets the limit exactly.
    """

    __slots__ = ("_left", "_looked_at", "_seconds", "next_look")

    def __init__(self, seconds: float, now: float) -> None:
        self.next_look: float = 0.0
        """When `is_over()` has to be called for the time to be counted."""
        self._seconds = self._left = seconds
        self._looked_at = now
        self.restart(now)

    @property
    def is_fresh(self) -> bool:
        """Whether nobody has looked since it began."""
        return self._left == self._seconds

    def restart(self, now: float) -> None:
        """Begin anew, with the same number of seconds."""
        self._left = self._seconds
        self._looked_at = now
        self.next_look = now + self._seconds / LOOKS

    def skip(self, now: float) -> None:
        """Count nothing of the time since the look before."""
        self._looked_at = now
        self.next_look = max(self.next_look, now + min(self._left, self._seconds / LOOKS) / LOOKS)

    def is_over(self, now: float) -> bool:
        """Count the time since the look before; return whether the limit is reached."""
        share = self._seconds / LOOKS
        self._left -= min(now - self._looked_at, share)
        self._looked_at = now
        if now >= self.next_look:
            # It stays where it is in between, so that a caller that sleeps until then needs no wake-up for each look.
            self.next_look = now + max(min(self._left, share), 0.0)
        return self._left <= 0.0
