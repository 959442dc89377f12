"""The exceptions are those of `pyws_browser`, by the names of `websockets.exceptions`."""

from __future__ import annotations

from importlib import import_module
from typing import Any

_ours = import_module("pyws_browser.compat.exceptions")


def __getattr__(name: str) -> Any:
    return getattr(_ours, name)


def __dir__() -> list[str]:
    return list(_ours.__all__)
