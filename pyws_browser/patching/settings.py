"""The settings of `patch_websockets()`, and the log of what a page leaves out."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from ..errors import UnsupportedInBrowserError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    Carried: TypeAlias = tuple[str, Sequence[str] | None]
    Carry: TypeAlias = Callable[[str, Mapping[str, str], Sequence[str] | None], Carried | Awaitable[Carried]]

logger: Final = logging.getLogger("pyws_browser.client")


class Settings:
    """The arguments of the latest `patch_websockets()`."""

    carry: Carry | None = None
    drop: frozenset[str] = frozenset()


_noted: set[str] = set()


def note(what: str, why: str) -> None:
    """Log at INFO, once for each `what`, that a page ignores it; it changes no message."""
    if what not in _noted:
        _noted.add(what)
        logger.info("%s is left out in a page: %s", what, why)


def refuse(message: str) -> UnsupportedInBrowserError:
    """Return and log the error for what a page cannot do: libraries often hide the exceptions of `connect()`."""
    logger.warning("%s", message)
    return UnsupportedInBrowserError(message)


def forget_notes() -> None:
    """Forget what was logged, so that it is logged again; for tests and for `unpatch_websockets()`."""
    _noted.clear()


def shown(value: Any) -> str:
    """Return a short text for a value in a log line."""
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
