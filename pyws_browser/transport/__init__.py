"""The transports, and the one place that chooses among them."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from ..protocol.options import Options
    from .base import Transport

IN_BROWSER: Final[bool] = sys.platform == "emscripten"
"""Whether this is Pyodide: a page, a worker, or Node."""


if IN_BROWSER:
    from ..protocol.url import read_urls_by
    from .page.address import read_url

    read_urls_by(read_url)
else:
    from . import native


def count_returns() -> int:
    """Count how often the network or the page has come back, which is a reason to connect at once. 0 on the desktop."""
    if not IN_BROWSER:
        return 0
    from .page import returns

    return returns.count_returns()


def connect(url: str, options: Options) -> Transport:
    """Begin a connection with this platform's own means."""
    if not IN_BROWSER:
        return native.connect(url, options)
    # A page compiles what it imports, and this is nearly half of the package: it can wait until the first connection.
    from .page.transport import BrowserTransport

    return BrowserTransport(url, options)
