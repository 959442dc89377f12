"""Modules that stand in for those that a page lacks: `ssl`, which no page needs, and `websockets` itself."""

from __future__ import annotations

from importlib.util import spec_from_file_location
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from importlib.machinery import ModuleSpec

_HERE: Final = Path(__file__).parent
_FILES: Final = {"ssl": "no_ssl.py"}


def find_stand_in(name: str) -> ModuleSpec | None:
    """Return the spec of what stands in for a module, None if nothing does."""
    return spec_from_file_location(name, _HERE / _FILES[name]) if name in _FILES else None
