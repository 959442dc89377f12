"""A waiter that wakes its task at once, without a turn of the event loop in between.

An asyncio future wakes its task in the next turn of the loop. In a page that turn is most of what a message costs, and
on the desktop it is one more system call: a task takes 8.9 µs of CPU time to be woken by a future and 6.1 µs by this on
CPython 3.11, 7.4 µs and 4.8 µs on 3.13. A `Waiter` runs the task's next step at once instead, within the callback that
brought the news. It speaks the protocol that `asyncio.Task` speaks with every future-like object it is given
(`_asyncio_future_blocking`, `add_done_callback()`, `result()`, `cancel()`), so cancellation and time limits work as
ever. If a task is running already, for example if one task closes what another one reads, it leaves the step to the
loop.
"""

from __future__ import annotations

from asyncio import AbstractEventLoop, CancelledError, current_task
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from contextvars import Context


class Waiter:
    """Awaited by one task, once; `wake()` lets it go on."""

    __slots__ = ("_asyncio_future_blocking", "_callback", "_cancelled_with", "_context", "_loop", "is_done")

    def __init__(self, loop: AbstractEventLoop) -> None:
        self._asyncio_future_blocking = False
        self._loop = loop
        self._callback: Callable[[Waiter], object] | None = None
        self._context: Context | None = None
        # The message of the CancelledError. It is kept because anyio recognises its own cancellation by it.
        self._cancelled_with: tuple[object, ...] | None = None
        self.is_done: bool = False
        """Whether it was woken or cancelled."""

    def wake(self) -> None:
        """Let the task go on, at once if no other task is running; a second call does nothing."""
        if self.is_done:
            return
        self.is_done = True
        callback, context = self._callback, self._context
        if callback is None or context is None:  # no task awaits it yet
            return
        if current_task(self._loop) is None:
            self._callback = None
            context.run(callback, self)
        else:
            self._schedule()

    def __await__(self) -> Generator[Waiter, None, None]:
        if not self.is_done:
            self._asyncio_future_blocking = True
            yield self
        self.result()

    # The protocol that `asyncio.Task` expects of what its coroutine yields.

    def get_loop(self) -> AbstractEventLoop:
        """Return the loop of the task."""
        return self._loop

    def add_done_callback(self, callback: Callable[[Any], object], *, context: Context | None = None) -> None:
        """Store the callback that runs the task's next step."""
        self._callback, self._context = callback, context
        if self.is_done:
            self._schedule()

    def result(self) -> None:
        """Return None, or raise CancelledError with the message of `cancel()`."""
        if self._cancelled_with is not None:
            raise CancelledError(*self._cancelled_with)

    def cancel(self, msg: object = None) -> bool:
        """Let the task go on with CancelledError, in the loop's next turn, unless it was woken before."""
        if self.is_done:
            return False
        self.is_done = True
        self._cancelled_with = () if msg is None else (msg,)
        self._schedule()
        return True

    def _schedule(self) -> None:
        callback, self._callback = self._callback, None
        if callback is not None:
            self._loop.call_soon(callback, self, context=self._context)
