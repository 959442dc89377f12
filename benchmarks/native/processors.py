"""Which processor a process runs on: left to the kernel, two that talk share one or not, by chance."""

from __future__ import annotations

import os
import sys

_ALL = sorted(os.sched_getaffinity(0)) if sys.platform == "linux" else []


def place_counterpart() -> None:
    """Keep this process to the last processor."""
    _place(_ALL[-1:])


def place_contestant(*, beside: bool = False) -> None:
    """Keep this process away from the counterpart, or on the same processor, where neither has to be awakened."""
    _place(_ALL[-1:] if beside else _ALL[:-1])


def _place(processors: list[int]) -> None:
    if len(_ALL) > 1 and sys.platform == "linux":
        os.sched_setaffinity(0, processors)
