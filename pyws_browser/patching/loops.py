"""asyncio's event loop in a page: `create_connection()` makes bridges to the browser's WebSockets."""

from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING, Any

from ..transport import IN_BROWSER
from .transplant import set_attribute, when_taken_back

if TYPE_CHECKING:
    from collections.abc import Callable

_patched: set[type] = set()


async def _create_connection(self: Any, protocol_factory: Callable[[], Any], *arguments: Any, **named: Any) -> Any:
    from .bridge import create_connection

    return await create_connection(self, protocol_factory, *arguments, **named)


async def _getaddrinfo(
    self: Any,
    host: Any,
    port: Any,
    *,
    family: int = 0,
    type: int = 0,  # noqa: A002
    proto: int = 0,
    flags: int = 0,
) -> list[Any]:
    """Return the name itself as its address: the browser resolves it."""
    address = (host.decode() if isinstance(host, bytes) else str(host), int(port or 0))
    return [(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", address)]


async def _sock_connect(self: Any, sock: Any, address: Any) -> None:
    """Do nothing: `create_connection()` gets the socket, and the request names the server."""


def patch() -> None:
    """Patch the class of the running loop; on the desktop, asyncio's own loops."""
    kind: type = type(asyncio.get_event_loop()) if IN_BROWSER else asyncio.BaseEventLoop
    if kind in _patched:
        return
    _patched.add(kind)
    when_taken_back(_patched.clear)
    set_attribute(kind, "create_connection", _create_connection)
    if IN_BROWSER:
        set_attribute(kind, "getaddrinfo", _getaddrinfo)
        set_attribute(kind, "sock_connect", _sock_connect)
