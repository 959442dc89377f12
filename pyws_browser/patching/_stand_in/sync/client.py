"""The names of `websockets.sync.client`; `patch_websockets()` implements them."""

from __future__ import annotations

from typing import Any

from .connection import Connection


class ClientConnection(Connection):
    """A client's connection."""


class reconnect:  # noqa: N801
    """Connect to a server, again and again."""

    def __exit__(self, *arguments: Any) -> None:
        """Close the connection."""
        try:
            self.connection.__exit__(*arguments)
        finally:
            del self.connection

    connection: Any


def connect(*_arguments: Any, **_named: Any) -> Any:
    """Connect to a server."""


def unix_connect(*_arguments: Any, **_named: Any) -> Any:
    """Connect to a server at a unix socket."""


def unix_reconnect(*_arguments: Any, **_named: Any) -> Any:
    """Connect to a server at a unix socket, again and again."""
