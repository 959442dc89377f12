"""Changes classes and functions of other packages in place; each change can be undone.

A change in place reaches every reference, including those of modules that imported the class or function before.
"""

from __future__ import annotations

import functools
import inspect
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FunctionType

_MISSING: Final = object()

_taken_back_by: list[Callable[[], None]] = []


def set_attribute(owner: Any, name: str, value: Any) -> None:
    """Set an attribute of a class or a module."""
    before = vars(owner).get(name, _MISSING)
    setattr(owner, name, value)

    def take_back() -> None:
        if before is _MISSING:
            delattr(owner, name)
        else:
            setattr(owner, name, before)

    _taken_back_by.append(take_back)


def set_methods(owner: type, methods: dict[str, Any]) -> None:
    """Set methods and properties of a class; a function keeps the signature of the one that it replaces."""
    for name, method in methods.items():
        before = vars(owner).get(name)
        if inspect.isfunction(before) and inspect.isfunction(method):
            method = _with_signature(method, before)  # noqa: PLW2901
        set_attribute(owner, name, method)


def set_code(function: FunctionType, replacement: FunctionType) -> None:
    """Replace the code of a function by that of `replacement`, which must use no globals and no closure."""
    names = ("__code__", "__defaults__", "__kwdefaults__")
    before = {name: getattr(function, name) for name in names}
    with suppress(ValueError):  # a function without a readable signature
        set_attribute(function, "__signature__", inspect.signature(function))
    for name in names:
        setattr(function, name, getattr(replacement, name))

    def take_back() -> None:
        for name, value in before.items():
            setattr(function, name, value)

    _taken_back_by.append(take_back)


def take_back_all() -> None:
    """Undo every change, the latest first."""
    while _taken_back_by:
        _taken_back_by.pop()()


def when_taken_back(function: Callable[[], None]) -> None:
    """Let `take_back_all()` call `function`."""
    _taken_back_by.append(function)


def _with_signature(method: Any, before: Any) -> Any:
    """Return a copy of `method` whose signature is that of `before`: libraries inspect it for argument names."""
    copy = type(method)(method.__code__, method.__globals__, method.__name__, method.__defaults__, method.__closure__)
    copy.__kwdefaults__ = method.__kwdefaults__
    return functools.update_wrapper(copy, before)
