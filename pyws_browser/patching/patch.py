"""patch_websockets(): third-party code that speaks WebSocket runs in a page unchanged."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import TYPE_CHECKING

from ..errors import InvalidOptionError
from ..peer.settings import web_limits_by_default
from ..transport import IN_BROWSER
from .finder import PatchingFinder, forget_patched, patch_loaded
from .settings import Settings, forget_notes, logger
from .stand_ins import forget_stand_ins, is_superseded
from .transplant import take_back_all

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .settings import Carry

_finder = PatchingFinder()


def patch_websockets(*, carry: Carry | None = None, drop: Iterable[str] = ()) -> None:
    """Make libraries that use WebSockets, by `websockets` or by asyncio, run in a page unchanged.

    ::

        import pyws_browser
        pyws_browser.patch_websockets()

        import gql   # and so on: it connects by the browser's own WebSocket

    The connecting functions and classes of `websockets` (new, legacy and blocking) keep their names and types and open
    the browser's own WebSocket. It may be called before or after `websockets`, and the libraries that use it, are
    imported. Libraries that open WebSockets by asyncio's `create_connection()`, such as aiohttp, get a transport that
    uses the browser's WebSocket.

    A page may set no handshake headers. Those that only inform (User-Agent and the like) are left out, with a line in
    the log. Others raise UnsupportedInBrowserError, which names them, unless one of these handles them:

    - `drop`: names of headers that the server can do without; their case does not matter.
    - `carry`: a function, or a coroutine function, that moves headers to where a page can put them. It is called as
      `carry(uri, headers, subprotocols)` for every connection with such headers, and returns `(uri, subprotocols)`.
      Its `headers` is a mapping in which the case of names does not matter, `subprotocols` a list or None.

    A second call replaces `carry` and `drop`. `unpatch_websockets()` undoes everything. On CPython it does nothing,
    except under `PYWS_WEB_LIMITS=1`: then a desktop test shows that the program will run in a page.

    Raises:
        InvalidOptionError: `carry` is not a function, or `drop` is not a collection of names.

    """
    if carry is not None and not callable(carry):
        raise InvalidOptionError(f"carry is a function of (uri, headers, subprotocols), not {carry!r}")
    names = list(drop)
    if isinstance(drop, str) or not all(isinstance(name, str) for name in names):
        raise InvalidOptionError(f'drop is a list of headers\' names, as in ["X-Client"], not {drop!r}')
    Settings.carry = carry
    Settings.drop = frozenset(name.lower() for name in names)
    if not IN_BROWSER and not web_limits_by_default():
        return
    from . import loops

    if is_superseded():
        forget_stand_ins()
        forget_patched()
    if _finder not in sys.meta_path:
        sys.meta_path.insert(0, _finder)
    _warn_of_modules_without()
    patch_loaded()
    loops.patch()


def unpatch_websockets() -> None:
    """Undo `patch_websockets()` and restore `websockets` and asyncio. Open connections stay open."""
    if _finder in sys.meta_path:
        sys.meta_path.remove(_finder)
    take_back_all()
    forget_patched()
    forget_stand_ins()
    forget_notes()
    Settings.carry = None
    Settings.drop = frozenset()


def _warn_of_modules_without() -> None:
    """Warn about modules that failed to import `websockets` before, and went on without it."""
    for name, module in list(sys.modules.items()):
        if isinstance(module, ModuleType) and vars(module).get("websockets", module) is None:
            logger.warning(
                "%s was imported before websockets was installed, and does without it: call patch_websockets() and "
                "install websockets first, or importlib.reload() that module",
                name,
            )
