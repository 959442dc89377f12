"""Ending tasks, also those in which a library swallows the cancellation."""

from __future__ import annotations

import asyncio
from typing import Any, Final

_PATIENCE: Final = 0.2
"""Seconds until a task is cancelled once more."""


async def end_tasks(*tasks: asyncio.Task[Any] | None) -> None:
    """Cancel tasks, and wait until they have ended.

    `asyncio.wait_for()` of CPython 3.11, which clients of brokers use, loses a cancellation that comes at the moment at
    which what it waits for is done.
    """
    left = {task for task in tasks if task is not None}
    while left:
        for task in left:
            task.cancel()
        left = (await asyncio.wait(left, timeout=_PATIENCE))[1]
