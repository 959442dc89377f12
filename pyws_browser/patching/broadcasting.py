"""`websockets.broadcast()` in a page: that of `aio`."""

from __future__ import annotations

from typing import Any

from websockets.asyncio import connection as theirs

from ..transport import IN_BROWSER
from .transplant import set_code


def _broadcast(connections: Any, message: Any, raise_exceptions: bool = False, **named: Any) -> None:
    from importlib import import_module

    import_module("pyws_browser.aio").broadcast(connections, message, raise_exceptions=raise_exceptions, **named)


def patch() -> None:
    """Replace the function's code; on the desktop, where tests have servers, leave it."""
    if IN_BROWSER and hasattr(theirs, "broadcast"):
        set_code(theirs.broadcast, _broadcast)  # type: ignore[arg-type]
