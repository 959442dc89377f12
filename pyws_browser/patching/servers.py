"""Refuses the servers of `websockets` in a page, which cannot listen."""

from __future__ import annotations

import sys
from types import FunctionType
from typing import Any, Final

from ..protocol import rules
from ..transport import IN_BROWSER
from .settings import refuse
from .transplant import set_code, set_methods

_MODULES: Final = ("websockets.asyncio.server", "websockets.legacy.server", "websockets.sync.server")


def refuse_to_serve(*_arguments: Any, **_named: Any) -> Any:
    """Raise UnsupportedInBrowserError."""
    raise refuse(str(rules.unsupported("serve()")))


def _serve(*_arguments: Any, **_named: Any) -> Any:
    from importlib import import_module

    import_module("pyws_browser.patching.servers").refuse_to_serve()


def patch() -> None:
    """Refuse `serve()` in the modules that are loaded; on the desktop, where tests need a server, leave them."""
    if not IN_BROWSER:
        return
    for name in _MODULES:
        for attribute in ("serve", "unix_serve"):
            value = getattr(sys.modules.get(name), attribute, None)
            if isinstance(value, FunctionType):
                set_code(value, _serve)  # type: ignore[arg-type]
            elif isinstance(value, type):
                set_methods(value, {"__init__": refuse_to_serve})
