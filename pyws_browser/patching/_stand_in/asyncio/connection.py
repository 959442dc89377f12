"""The names of `websockets.asyncio.connection`."""

from __future__ import annotations

from typing import Any


class Connection:
    """A connection."""


def broadcast(*_arguments: Any, **_named: Any) -> None:
    """Send a message to many connections."""
