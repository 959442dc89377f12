"""The transports, and the one place that chooses among them."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from .base import Options, Transport

IN_BROWSER: Final[bool] = sys.platform == "emscripten"
"""Whether this is Pyodide: a page, a worker, or Node."""


if IN_BROWSER:
    from .browser import BrowserTransport as _Transport
else:
    from .native import ClientTransport as _Transport  # type: ignore[assignment]


def connect(url: str, options: Options) -> Transport:
    """Begin a connection with this platform's own means."""
    return _Transport(url, options)
