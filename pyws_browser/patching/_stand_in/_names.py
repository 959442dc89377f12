"""Placeholder classes and functions, which a page cannot use and which raise when they are called."""

from __future__ import annotations

from importlib import import_module
from typing import Any


def _refuse(name: str) -> Any:
    raise import_module("pyws_browser.errors").UnsupportedInBrowserError(
        f"{name} is not available in a page: install websockets there for its Sans-I/O part; a page cannot listen"
    )


def make_class(module: str, name: str) -> type:
    """Return a class without instances, for annotations and `isinstance()`."""

    def __init__(self: Any, *_arguments: Any, **_named: Any) -> None:  # noqa: N807
        _refuse(name)

    return type(name, (), {"__module__": module, "__init__": __init__})


def make_function(module: str, name: str) -> Any:
    """Return a function that raises."""

    def function(*_arguments: Any, **_named: Any) -> Any:
        _refuse(f"{name}()")

    function.__module__, function.__name__, function.__qualname__ = module, name, name
    return function
