"""An import hook: it changes the modules of `websockets` that open connections as soon as they are loaded."""

from __future__ import annotations

import sys
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from typing import TYPE_CHECKING, Any, Final

from ..transport import IN_BROWSER
from .stand_ins import find_stand_in

if TYPE_CHECKING:
    from collections.abc import Sequence
    from importlib.machinery import ModuleSpec
    from types import ModuleType

PATCHES: Final = {
    "websockets.asyncio.client": ".asyncio_client",
    "websockets.legacy.client": ".legacy_client",
    "websockets.sync.client": ".sync_client",
    "websockets.asyncio.server": ".servers",
    "websockets.legacy.server": ".servers",
    "websockets.sync.server": ".servers",
    "websockets.asyncio.connection": ".broadcasting",
    "websockets.exceptions": ".exceptions",
}
"""Maps a module of `websockets` to ours, whose `patch()` changes it once it is loaded."""


class PatchingFinder(MetaPathFinder):
    """Finds what the next finders find, and changes those modules after they are loaded."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return the spec of a module that is to be changed; None for all others."""
        if fullname != "ssl" and fullname.partition(".")[0] != "websockets":
            return None
        spec = self._found_by_others(fullname, path, target)
        if spec is None:
            return find_stand_in(fullname) if IN_BROWSER else None
        if fullname in PATCHES and spec.loader is not None:
            spec.loader = _PatchingLoader(spec.loader)
        return spec

    def _found_by_others(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None
    ) -> ModuleSpec | None:
        for finder in sys.meta_path:
            if finder is not self and finder is not None:
                try:
                    spec = finder.find_spec(fullname, path, target)
                except ModuleNotFoundError:  # Pyodide raises it for packages that it can load, such as ssl
                    continue
                if spec is not None:
                    return spec
        return None


class _PatchingLoader(Loader):
    """Loads a module with the original loader, and changes it then."""

    def __init__(self, loader: Any) -> None:
        self._loader = loader

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loader, name)

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        """Make the module as usual."""
        module: ModuleType | None = self._loader.create_module(spec)
        return module

    def exec_module(self, module: ModuleType) -> None:
        """Load the module, and change it."""
        self._loader.exec_module(module)
        if module.__spec__ is not None:
            module.__spec__.loader = module.__loader__ = self._loader
        patch_module(module.__name__)


_patched: set[str] = set()


def patch_module(name: str) -> None:
    """Change a module of `websockets` that is loaded, unless it was changed before."""
    if name not in _patched:
        _patched.add(name)
        import_module(PATCHES[name], __package__).patch()


def forget_patched() -> None:
    """Forget which modules were changed, and unload the modules that changed them, which refer to them."""
    _patched.clear()
    for name in {*PATCHES.values(), ".connection", ".opening"}:
        sys.modules.pop(f"{__package__}{name}", None)


def patch_loaded() -> None:
    """Change the modules that were loaded before."""
    for name in PATCHES:
        if name in sys.modules:
            patch_module(name)
