"""Sets the processor of a process. The kernel's own choice is chance: two that talk may share one or not.

On a virtual machine it takes 30 µs to wake another processor, twice as long as the rest of a round trip.
"""

from __future__ import annotations

import os
import sys

_ALL = sorted(os.sched_getaffinity(0)) if sys.platform == "linux" else []


def place_counterpart() -> None:
    """Keep this process on the last processor."""
    _place(_ALL[-1:])


def place_contestant(*, beside: bool = False) -> None:
    """Keep this process off the counterpart's processor, or on it, where no other one has to be woken."""
    _place(_ALL[-1:] if beside else _ALL[:-1])


def _place(processors: list[int]) -> None:
    if len(_ALL) > 1 and sys.platform == "linux":
        os.sched_setaffinity(0, processors)
