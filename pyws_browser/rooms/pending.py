"""What comes about later: the outcome of a call that may have to wait for the broker."""

from __future__ import annotations

import logging
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

from ..errors import InvalidStateError

if TYPE_CHECKING:
    from asyncio import Future
    from collections.abc import Callable, Generator

T = TypeVar("T")

_logger: Final = logging.getLogger("pyws_browser.rooms")


def _wake(future: Future[None]) -> None:
    if not future.done():  # or the one who awaited it was cancelled
        future.set_result(None)


class Pending(Generic[T]):
    """The outcome of a call. Under asyncio it can be awaited; a polled program looks at `is_done`.

    A failure is logged (logger `pyws_browser.rooms`), so that one that nobody looks at is not lost: at WARNING, and at
    DEBUG where a peer has left that was joining, and where `Rooms.state` has told already that the broker is away.
    """

    __slots__ = ("_callbacks", "_error", "_is_done", "_result")

    def __init__(self) -> None:
        self._is_done = False
        self._result: T | None = None
        self._error: Exception | None = None
        self._callbacks: list[Callable[[], object]] | None = None

    @property
    def is_done(self) -> bool:
        """Whether it has come about, or failed."""
        return self._is_done

    @property
    def error(self) -> Exception | None:
        """Why it failed; None if it did not, or is not done."""
        return self._error

    @property
    def result(self) -> T:
        """What came of it. Raises `error` if it failed, InvalidStateError if it is not done."""
        if not self._is_done:
            raise InvalidStateError("the broker has not answered yet: await this, or poll() until is_done")
        if self._error is not None:
            raise self._error
        return self._result  # type: ignore[return-value]  # it is done

    def when_done(self, callback: Callable[[], object]) -> None:
        """Call `callback()` once it is done, at once if it is."""
        if self._is_done:
            callback()
        else:
            self._callbacks = [*(self._callbacks or ()), callback]

    def __await__(self) -> Generator[Any, None, T]:
        if not self._is_done:
            from asyncio import get_running_loop

            future = get_running_loop().create_future()
            self.when_done(partial(_wake, future))
            yield from future.__await__()
        return self.result

    @classmethod
    def of(cls, result: T) -> Pending[T]:
        """Return one that is done."""
        pending = Pending[T]()
        pending.succeed(result)
        return pending

    def succeed(self, result: T) -> None:
        """Set what came of it; called by `Rooms`."""
        self._result = result
        self._finish()

    def fail(self, error: Exception, what: str, *, level: int = logging.WARNING) -> None:
        """Set why it failed, and log it as `what`; called by `Rooms`."""
        self._error = error
        _logger.log(level, "%s failed: %s", what, error)
        self._finish()

    def _finish(self) -> None:
        self._is_done = True
        callbacks, self._callbacks = self._callbacks, None
        for callback in callbacks or ():
            callback()
