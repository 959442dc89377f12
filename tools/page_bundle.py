"""Finds the modules of its package in one file, into which `page_wheel.py` has joined them; there it is `_bundle.py`.

One file is smaller to fetch than fifty, as what they have in common is compressed once. Python's own loader does the
rest, so tracebacks, `inspect` and `reload()` are as ever.
"""

from __future__ import annotations

import sys
from importlib.machinery import ModuleSpec, SourceFileLoader
from importlib.util import spec_from_file_location
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import ModuleType

FOLDER = __file__.rpartition("/")[0]
PREFIX = f"{__name__.rpartition('.')[0]}."

with open(f"{FOLDER}/_bundle.txt", "rb") as bundle:
    modules = (module.partition(b"\n") for module in bundle.read().split(b"\f")[1:])
    SOURCES = {f"{FOLDER}/{path.decode()}": source for path, _, source in modules}


class Loader(SourceFileLoader):
    """Loads what the bundle has."""

    def get_data(self, path: str) -> bytes:
        """Return the source."""
        return SOURCES[path] if path in SOURCES else super().get_data(path)

    def path_stats(self, path: str) -> dict[str, float]:
        """Tell that there is no such file, so that no bytecode is looked for beside it."""
        raise FileNotFoundError(path)


class Finder:
    """What the import system asks."""

    @staticmethod
    def find_spec(name: str, path: Sequence[str] | None = None, target: ModuleType | None = None) -> ModuleSpec | None:
        """Return how to load a module (`importlib.abc.MetaPathFinder`)."""
        if not name.startswith(PREFIX):
            return None
        stem = f"{FOLDER}/{name.removeprefix(PREFIX).replace('.', '/')}"
        for file, folders in ((f"{stem}.py", None), (f"{stem}/__init__.py", [stem])):
            if file in SOURCES:
                loader = Loader(name, file)
                return spec_from_file_location(name, file, loader=loader, submodule_search_locations=folders)
        return None


sys.meta_path.insert(0, Finder)
