"""Stands in for `WebSocketServer` in a page."""

from __future__ import annotations

from ..protocol import rules


class WebSocketServer:
    """Not available in a page: constructing one raises UnsupportedInBrowserError."""

    def __init__(self, *_: object, **__: object) -> None:
        raise rules.unsupported("WebSocketServer")
