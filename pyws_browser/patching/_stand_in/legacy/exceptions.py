"""The exceptions of the legacy client, none of which a page raises."""

from __future__ import annotations

from typing import Any

from ..exceptions import InvalidHandshake, ProtocolError

WebSocketProtocolError = ProtocolError


class InvalidStatusCode(InvalidHandshake):  # type: ignore[misc]
    """The server refused with an HTTP status."""

    def __init__(self, status_code: int, headers: Any) -> None:
        super().__init__(f"server rejected WebSocket connection: HTTP {status_code}", status_code)
        self.status_code = status_code
        self.headers = headers


class AbortHandshake(InvalidHandshake):  # type: ignore[misc]
    """Raised by servers."""


class RedirectHandshake(InvalidHandshake):  # type: ignore[misc]
    """Raised by clients that follow redirects."""
