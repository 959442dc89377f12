"""The transports, and the one place that chooses among them."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    from .base import Options, Transport

IN_BROWSER: Final[bool] = sys.platform == "emscripten"
"""Whether this is Pyodide: a page, a worker, or Node."""


_open: Callable[[str, Options], Transport]
if IN_BROWSER:
    from .browser import BrowserTransport

    _open = BrowserTransport
else:
    from . import native

    _open = native.connect


def connect(url: str, options: Options) -> Transport:
    """Begin a connection with this platform's own means."""
    return _open(url, options)
