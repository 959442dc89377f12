"""Time limits for the other side, which do not count the time in which this side did not look."""

from __future__ import annotations

LOOKS = 4
"""One look counts at most this part of a time limit, however long ago the previous look was."""


class TimeLimit:
    """A limit of `seconds`, from `now` on; times are those of `time.monotonic()`.

    Data that came while the program did not poll is unread, and data to send is unsent: that is not the other side's
    delay. So a program that polls after a long pause does not find every limit exceeded. Of each pause a quarter of the
    limit counts at most. A program that polls more often than that, or at `next_look`, gets the limit exactly.
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
        """Whether there was no look since it began."""
        return self._left == self._seconds

    def restart(self, now: float) -> None:
        """Restart with the same number of seconds."""
        self._left = self._seconds
        self._looked_at = now
        self.next_look = now + self._seconds / LOOKS

    def skip(self, now: float) -> None:
        """Do not count the time since the previous look."""
        self._looked_at = now
        self.next_look = max(self.next_look, now + min(self._left, self._seconds / LOOKS) / LOOKS)

    def is_over(self, now: float) -> bool:
        """Count the time since the previous look; return whether the limit is reached."""
        share = self._seconds / LOOKS
        self._left -= min(now - self._looked_at, share)
        self._looked_at = now
        if now >= self.next_look:
            # It is not moved in between, so that a caller who sleeps until then needs no wake-up for each look.
            self.next_look = now + max(min(self._left, share), 0.0)
        return self._left <= 0.0
