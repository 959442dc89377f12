"""Signal: tell whoever wants to know (Godot's signals)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVarTuple

if TYPE_CHECKING:
    from collections.abc import Callable

Arguments = TypeVarTuple("Arguments")


class Signal(Generic[*Arguments]):
    """Calls the functions that were connected to it, in the order in which they were.

    A function that raises does not keep the others from being called: its exception goes on to the emitter when all
    have been, several of them as an ExceptionGroup.
    """

    def __init__(self) -> None:
        self._callbacks: list[Callable[[*Arguments], object]] = []

    def connect(self, callback: Callable[[*Arguments], object]) -> None:
        """Have `callback` called from now on. Raises ValueError if it is already."""
        if callback in self._callbacks:
            raise ValueError(f"{callback!r} is connected already: disconnect() it first")
        self._callbacks.append(callback)

    def disconnect(self, callback: Callable[[*Arguments], object]) -> None:
        """Have `callback` called no more. Raises ValueError if it was not connected."""
        if callback not in self._callbacks:
            raise ValueError(f"{callback!r} is not connected")
        self._callbacks.remove(callback)

    def is_connected(self, callback: Callable[[*Arguments], object]) -> bool:
        """Tell whether `callback` is connected."""
        return callback in self._callbacks

    def has_connections(self) -> bool:
        """Tell whether anything is connected (Godot 4)."""
        return bool(self._callbacks)

    def emit(self, *arguments: *Arguments) -> None:
        """Call every connected function."""
        problems: list[Exception] = []
        for callback in tuple(self._callbacks):
            try:
                callback(*arguments)
            except Exception as exc:  # it is raised again below
                problems.append(exc)
        if len(problems) == 1:
            raise problems[0]
        if problems:
            raise ExceptionGroup("several functions connected to a signal failed", problems)
