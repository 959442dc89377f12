"""A stand-in for the socket below the bridge."""

from __future__ import annotations

import socket
from typing import Any


class NoSocket:
    """The socket methods that libraries call on a transport; a page has no sockets."""

    def __init__(self, address: tuple[str, int]) -> None:
        self.family: int = socket.AF_INET
        self.type: int = socket.SOCK_STREAM
        self.proto: int = 0
        self._address = address

    def getpeername(self) -> tuple[str, int]:
        """Return host and port of the other side."""
        return self._address

    def getsockname(self) -> tuple[str, int]:
        """Return no address: a page does not know its own."""
        return ("0.0.0.0", 0)  # noqa: S104

    def setsockopt(self, *_arguments: Any) -> None:
        """Accept any option: the browser decides about TCP."""

    def getsockopt(self, *_arguments: Any) -> int:
        """Return 0 for any option."""
        return 0

    def fileno(self) -> int:
        """Return -1, as for a closed socket."""
        return -1
