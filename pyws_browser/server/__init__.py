"""WebSocketServer. CPython only; a page has `unavailable`."""
