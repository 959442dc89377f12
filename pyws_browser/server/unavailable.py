"""What a page has in the place of `server.py`."""

from __future__ import annotations

from ..protocol import rules


class WebSocketServer:
    """There is none in a page: constructing one raises UnsupportedInBrowserError."""

    def __init__(self, *_: object, **__: object) -> None:
        raise rules.unsupported("WebSocketServer")
