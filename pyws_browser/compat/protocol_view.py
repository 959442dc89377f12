"""A `connection.protocol` for programs that expect the Sans-I/O protocol of `websockets`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from logging import Logger, LoggerAdapter
    from uuid import UUID

    from websockets.extensions import Extension
    from websockets.http11 import Request, Response
    from websockets.uri import WebSocketURI

    from ..protocol.vocabulary import State
    from .exceptions import ConnectionClosed


class Viewed(Protocol):
    """A connection of `aio` or `sync`."""

    id: UUID
    logger: LoggerAdapter[Any]

    @property
    def state(self) -> State:
        """Its state."""

    @property
    def subprotocol(self) -> str | None:
        """Its subprotocol."""

    @property
    def request(self) -> Request | None:
        """The request of its handshake."""

    @property
    def response(self) -> Response | None:
        """The answer to the request."""

    @property
    def close_code(self) -> int | None:
        """The code that it was closed with."""

    @property
    def close_reason(self) -> str | None:
        """The reason that it was closed with."""

    def closed_error(self) -> ConnectionClosed:
        """Return how it ended."""


class ProtocolView:
    """The state of a connection under the names of a `websockets` protocol, without a protocol behind it."""

    def __init__(self, connection: Viewed, url: str) -> None:
        self._connection = connection
        self._url = url

    @property
    def id(self) -> UUID:
        """Unique to the connection."""
        return self._connection.id

    @property
    def logger(self) -> Logger | LoggerAdapter[Any]:
        """The logger of the connection."""
        return self._connection.logger

    @property
    def state(self) -> State:
        """CONNECTING, OPEN, CLOSING or CLOSED."""
        return self._connection.state

    @property
    def subprotocol(self) -> str | None:
        """The negotiated subprotocol, None if there is none."""
        return self._connection.subprotocol

    @property
    def close_code(self) -> int | None:
        """The code of the received Close frame; None before the end."""
        return self._connection.close_code

    @property
    def close_reason(self) -> str | None:
        """The reason in the received Close frame; None before the end."""
        return self._connection.close_reason

    @property
    def close_exc(self) -> ConnectionClosed:
        """How the connection ended; raises InvalidStateError before that."""
        return self._connection.closed_error()

    @property
    def uri(self) -> WebSocketURI:
        """The URI of the connection, in its parts; it needs `websockets`."""
        from websockets.uri import parse_uri

        return parse_uri(self._url)

    @property
    def extensions(self) -> list[Extension]:
        """The negotiated extensions as objects of `websockets`, for reading only; empty in a page."""
        response = self._connection.response
        return [] if response is None else _extensions_of(response.headers.get_all("Sec-WebSocket-Extensions"))


def _extensions_of(fields: list[str]) -> list[Extension]:
    from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory
    from websockets.headers import parse_extension

    factory = ClientPerMessageDeflateFactory(client_max_window_bits=True)
    return [
        factory.process_response_params(parameters, [])
        for field in fields
        for name, parameters in parse_extension(field)
        if name == factory.name
    ]
