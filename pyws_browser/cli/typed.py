"""Lines that outlive a connection: lines typed without a connection go out over the next one."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


class Lines:
    """The lines of an input, read by a task; use it with `async with`."""

    def __init__(self, lines: AsyncIterator[str]) -> None:
        self._lines = lines
        self._returned: deque[str] = deque()
        self._queue: asyncio.Queue[str | None] = asyncio.Queue(maxsize=1)
        self._error: BaseException | None = None
        self._task: asyncio.Task[None] | None = None
        self.has_ended: bool = False
        """Whether the input has ended."""
        self.is_left: bool = False
        """Whether a line asked for the end."""

    async def __aenter__(self) -> Lines:
        self._task = asyncio.create_task(self._read())
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop reading."""
        assert self._task is not None  # noqa: S101
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def next(self) -> str | None:
        """Return the next line, None after the last one. Cancelling it loses no line."""
        if self._returned:
            return self._returned.popleft()
        if self.has_ended:
            return None
        line = await self._queue.get()
        if line is None:
            self.has_ended = True
            if self._error is not None:
                raise self._error
        return line

    def put_back(self, line: str) -> None:
        """Let `next()` return a line again that was not sent."""
        self._returned.appendleft(line)

    async def _read(self) -> None:
        try:
            async for line in self._lines:
                await self._queue.put(line)
        except OSError as exc:
            self._error = exc
        await self._queue.put(None)
