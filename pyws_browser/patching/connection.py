"""The asyncio connection that libraries get in a page: `aio.ClientConnection` with further attributes."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from websockets.datastructures import Headers
from websockets.http11 import Request, Response

from .. import aio
from ..protocol.rules import CloseCode
from ..protocol.vocabulary import State
from .arguments import page_code
from .settings import note

if TYPE_CHECKING:
    from asyncio import Future
    from collections.abc import Awaitable, Sequence

    from ..compat.data import Data
    from ..protocol.url import WebSocketURL


def _state_type() -> Any:
    try:
        return import_module("websockets.protocol").State
    except ImportError:  # websockets before 11
        return import_module("websockets.connection").State


TheirState: Any = _state_type()


class LibraryConnection(aio.ClientConnection):
    """A client's connection with the properties of `websockets`, as far as a page knows them.

    Sending and receiving are those of `aio`. A page cannot ping, so `ping()` is answered here: it only checks that the
    connection is open.
    """

    offered: Sequence[str] | None = None
    """The subprotocols that the library offered; None if `carry` added none."""

    @property
    def state(self) -> Any:
        """The state as a `websockets.protocol.State`, which libraries compare by identity."""
        return TheirState(int(self._transport.ready_state))

    @property
    def subprotocol(self) -> Any:
        """The negotiated subprotocol, unless `carry` added it."""
        chosen = self._transport.subprotocol or None
        return chosen if self.offered is None or chosen in self.offered else None

    @property
    def request(self) -> Any:
        """The request as far as a page knows it: its path."""
        return request_of(self._transport.url)

    @request.setter
    def request(self, value: object) -> None:
        """Ignore a new value."""

    @property
    def response(self) -> Any:
        """The answer as far as a page knows it: 101, and the subprotocol."""
        return response_of(self.subprotocol)

    @property
    def protocol(self) -> Any:
        """The view of the protocol that libraries read."""
        return ProtocolView(self)

    @property
    def transport(self) -> Any:
        """The stand-in for asyncio's transport."""
        return TransportView(self)

    @property
    def remote_address(self) -> Any:
        """Host and port of the URL."""
        url = self._transport.url
        return url.host, url.port

    @property
    def local_address(self) -> Any:
        """None: a page does not know its own address."""
        return None

    @property
    def latency(self) -> float:
        """0.0, as before the first ping."""
        return 0.0

    async def ping(self, data: Data | None = None) -> Awaitable[float]:
        """Return a future that is done if the connection is open; raises ConnectionClosed if it is not."""
        await self.pong()
        note("ping()", "the browser keeps pings to itself; whether the connection is open is all that it tells")
        waiter: Future[float] = self._loop.create_future()
        waiter.set_result(0.0)
        return waiter

    async def pong(self, data: Data = b"") -> None:
        """Raise ConnectionClosed unless the connection is open."""
        if self._transport.ready_state is not State.OPEN:
            await self._raise_closed()

    async def close(self, code: int = CloseCode.NORMAL_CLOSURE, reason: str = "") -> None:
        """Close; a code that a page may not send becomes 1000 for 1001, and 3000 more for the others."""
        await super().close(page_code(code), reason)

    def cut(self) -> None:
        """End the connection without a handshake."""
        self._abort()


class ProtocolView:
    """The attributes of `connection.protocol` that libraries use."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self.logger: Any = connection.logger
        self.extensions: list[Any] = []
        self.id: Any = connection.id

    @property
    def state(self) -> Any:
        """The state of the connection."""
        return self._connection.state

    @property
    def subprotocol(self) -> Any:
        """The negotiated subprotocol."""
        return self._connection.subprotocol

    @property
    def close_code(self) -> int | None:
        """The code of the received Close frame, 1006 if none came; None before the end."""
        code: int | None = self._connection.close_code
        return code

    @property
    def close_reason(self) -> str | None:
        """The reason in that frame."""
        reason: str | None = self._connection.close_reason
        return reason

    @property
    def close_exc(self) -> Any:
        """The exception that says how the connection ended."""
        return self._connection.closed_error()

    @property
    def close_rcvd(self) -> Any:
        """The received Close frame."""
        return self._connection.closed_error().rcvd if self.close_code is not None else None

    @property
    def close_sent(self) -> Any:
        """The sent Close frame."""
        return self._connection.closed_error().sent if self.close_code is not None else None


class TransportView:
    """The methods of `connection.transport` that libraries use."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """Return the other side's address as far as a page knows it; the default for other names."""
        return self._connection.remote_address if name == "peername" else default

    def is_closing(self) -> bool:
        """Tell whether the connection is not open any more."""
        return bool(self._connection.state is not TheirState.OPEN)

    def get_write_buffer_size(self) -> int:
        """Return 0: the browser buffers."""
        return 0

    def close(self) -> None:
        """Cut the connection."""
        self._connection.cut()

    abort = close


def request_of(url: WebSocketURL) -> Request:
    """Return what a page knows of the request to a URL."""
    return Request(url.resource, Headers({"Host": url.authority}))


def response_of(subprotocol: str | None) -> Response:
    """Return what a page knows of the answer that opened a connection."""
    headers = Headers({"Upgrade": "websocket", "Connection": "Upgrade"})
    if subprotocol:
        headers["Sec-WebSocket-Protocol"] = subprotocol
    return Response(101, "Switching Protocols", headers)
