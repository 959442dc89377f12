"""A `connection.transport` for programs that expect an asyncio transport, as in `websockets`. CPython only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..errors import NotConnectedError
from ..protocol.vocabulary import State

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..transport.base import Transport


class SocketView:
    """The socket below a connection, with the methods of `asyncio.Transport` that make sense for a WebSocket."""

    def __init__(self, transport: Transport, abort: Callable[[], None]) -> None:
        self._transport = transport
        self._abort = abort

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """Return "socket", "peername", "sockname", "ssl_object", "sslcontext", "peercert", "cipher" or `default`.

        Returns `default` for what is unknown, and for every other name.
        """
        try:
            found = self._extra_info(name)
        except (NotConnectedError, OSError):
            found = self._address(name)
        return default if found is None else found

    def get_write_buffer_size(self) -> int:
        """Return how many bytes wait to be sent."""
        return self._transport.buffered_amount

    def is_closing(self) -> bool:
        """Tell whether the connection is closing or closed."""
        return self._transport.ready_state in (State.CLOSING, State.CLOSED)

    def close(self) -> None:
        """Send what the kernel takes now, and cut the connection without a closing handshake."""
        if self._transport.ready_state is State.OPEN:
            self._transport.release()
        self._abort()

    def abort(self) -> None:
        """Cut the connection at once."""
        self._abort()

    def _address(self, name: str) -> Any:
        """Return an address that stays known after the end, as in asyncio."""
        if name not in ("peername", "sockname"):
            return None
        transport = self._transport
        address = transport.remote_address() if name == "peername" else transport.local_address()
        return address if address[0] else None

    def _extra_info(self, name: str) -> Any:
        if name in ("socket", "peername", "sockname"):
            sock = getattr(self._transport, "sock", None)
            if name == "socket":
                return sock
            if sock is None:
                return None
            return sock.getpeername() if name == "peername" else sock.getsockname()
        tls = getattr(self._transport, "tls", None)
        if tls is None or name == "ssl_object":
            return tls
        if name == "sslcontext":
            return tls.context
        if name == "peercert":
            return tls.getpeercert()
        return tls.cipher() if name == "cipher" else None
