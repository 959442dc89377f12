"""Signal: call every connected function (Godot's signals)."""

from __future__ import annotations

from functools import partial
from types import CoroutineType, MethodType
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVarTuple
from weakref import WeakMethod

from .errors import InvalidOptionError, InvalidStateError

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop, Task
    from collections.abc import Callable

Arguments = TypeVarTuple("Arguments")

# `inspect` has these too, but loading it in a page takes time.
_GENERATOR: Final = 0x20 | 0x200
_COROUTINE: Final = 0x80


class Signal(Generic[*Arguments]):
    """Calls the connected functions, in the order in which they were connected.

    If a function raises, the others are still called; then its exception goes to the emitter, several of them as an
    ExceptionGroup. KeyboardInterrupt and SystemExit go to the emitter at once.

    A coroutine function can be connected while an event loop runs. Each call of it is a task of the loop that runs when
    the signal is emitted. `failed` is called with the exception of such a task and with the arguments of the signal; if
    it is None, the exception is logged (logger `pyws_browser`, ERROR).
    """

    __slots__ = ("_callbacks", "_failed", "_tasks")

    def __init__(self, failed: Callable[[Exception, tuple[object, ...]], object] | None = None) -> None:
        # A tuple, which `emit()` need not copy: a function may connect and disconnect others while it is called.
        self._callbacks: tuple[Callable[[*Arguments], object], ...] = ()
        # A weak reference: the method's object has the signal, which would form a reference cycle.
        self._failed = WeakMethod(failed) if isinstance(failed, MethodType) else lambda: failed
        self._tasks: set[Task[Any]] = set()  # an event loop keeps weak references only

    def connect(self, callback: Callable[[*Arguments], object]) -> None:
        """Call `callback` whenever the signal is emitted.

        Raises:
            InvalidOptionError: it is not callable, it is a coroutine function and no event loop runs in this thread, or
                it is a generator function, whose call would do nothing (a ValueError).
            ValueError: it is connected already.

        """
        if not callable(callback):
            raise InvalidOptionError(f"connect() takes a function, not {callback!r}")
        if _flags_of(callback) & _GENERATOR:
            raise InvalidOptionError(f"{callback!r} is a generator function, whose call does nothing: take out `yield`")
        if is_coroutine_function(callback) and _running_loop() is None:
            raise InvalidOptionError(
                f"{callback!r} is a coroutine function, and no event loop runs it: connect a plain one, or connect "
                "it within a coroutine"
            )
        if callback in self._callbacks:
            raise ValueError(f"{callback!r} is connected already: disconnect() it first")
        self._callbacks = (*self._callbacks, callback)

    def disconnect(self, callback: Callable[[*Arguments], object]) -> None:
        """Stop calling `callback`. Raises ValueError if it was not connected."""
        if callback not in self._callbacks:
            raise ValueError(f"{callback!r} is not connected")
        callbacks = list(self._callbacks)
        callbacks.remove(callback)
        self._callbacks = tuple(callbacks)

    def is_connected(self, callback: Callable[[*Arguments], object]) -> bool:
        """Tell whether `callback` is connected."""
        return callback in self._callbacks

    def has_connections(self) -> bool:
        """Tell whether anything is connected (Godot 4)."""
        return bool(self._callbacks)

    def emit(self, *arguments: *Arguments) -> None:
        """Call every connected function."""
        problems: list[Exception] | None = None
        for callback in self._callbacks:
            try:
                result = callback(*arguments)
                if result is not None and type(result) is CoroutineType:
                    self._start(result, callback, arguments)
            except Exception as exc:  # raised again below
                problems = [*(problems or ()), exc]
            except BaseException as exc:
                if problems:
                    exc.__context__ = _one_of(problems)
                raise
        if problems:
            raise _one_of(problems)

    def _start(self, coroutine: CoroutineType[Any, Any, Any], callback: object, arguments: tuple[object, ...]) -> None:
        loop = _running_loop()
        if loop is None:
            coroutine.close()
            raise InvalidStateError(
                f"{callback!r} returned a coroutine, and no event loop runs here: emit the signal (call poll()) within "
                "a coroutine, or connect a plain function"
            )
        task = loop.create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(partial(self._on_done, arguments))

    def _on_done(self, arguments: tuple[object, ...], task: Task[Any]) -> None:
        self._tasks.discard(task)
        exc = None if task.cancelled() else task.exception()
        if not isinstance(exc, Exception):  # KeyboardInterrupt and SystemExit leave the loop
            return
        failed = self._failed()
        if failed is not None:
            failed(exc, arguments)
        else:
            import logging  # loaded here, because a page rarely needs it

            logging.getLogger("pyws_browser").error("a coroutine connected to a signal failed", exc_info=exc)


def _one_of(problems: list[Exception]) -> Exception:
    if len(problems) == 1:
        return problems[0]
    return ExceptionGroup("several functions connected to a signal failed", problems)


def is_coroutine_function(callback: object) -> bool:
    """Tell whether a call returns a coroutine: for functions, methods, partials, and objects with `__call__()`."""
    return bool(_flags_of(callback) & _COROUTINE)


def _running_loop() -> AbstractEventLoop | None:
    from asyncio import get_running_loop  # loaded here, because a page rarely needs it

    try:
        return get_running_loop()
    except RuntimeError:
        return None


def _flags_of(callback: Any) -> int:
    """Return the flags of the code behind a callback (`inspect`, "Code Objects Bit Flags"), 0 if there is none."""
    while isinstance(callback, partial):
        callback = callback.func
    code = getattr(callback, "__code__", None)
    if code is None and not isinstance(callback, type):  # an object whose class has `__call__()`
        code = getattr(type(callback).__call__, "__code__", None)
    return code.co_flags if code is not None else 0
