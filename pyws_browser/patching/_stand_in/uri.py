"""Parses WebSocket URIs."""

from __future__ import annotations

import dataclasses
from urllib.parse import urlsplit

from .exceptions import InvalidURI


@dataclasses.dataclass
class WebSocketURI:
    """The parts of a URI."""

    secure: bool
    host: str
    port: int
    path: str
    query: str
    username: str | None = None
    password: str | None = None

    @property
    def resource_name(self) -> str:
        """Path and query."""
        return (self.path or "/") + (f"?{self.query}" if self.query else "")

    @property
    def user_info(self) -> tuple[str, str] | None:
        """User name and password, if there are any."""
        return None if self.username is None or self.password is None else (self.username, self.password)


def parse_uri(uri: str) -> WebSocketURI:
    """Return the parts of a URI; raises InvalidURI."""
    parts = urlsplit(uri)
    if parts.scheme not in ("ws", "wss"):
        raise InvalidURI(uri, "scheme isn't ws or wss")
    if not parts.hostname:
        raise InvalidURI(uri, "hostname isn't provided")
    if parts.fragment:
        raise InvalidURI(uri, "fragment identifier is meaningless")
    secure = parts.scheme == "wss"
    port = parts.port or (443 if secure else 80)
    return WebSocketURI(secure, parts.hostname, port, parts.path, parts.query, parts.username, parts.password)
