"""`websockets.legacy.client` in a page: `connect` and `WebSocketClientProtocol` keep their names and types."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from websockets.legacy import client as theirs

from .arguments import translate
from .connection import LibraryConnection
from .opening import CONNECT_METHODS, Opening, check_subclass, connection_type
from .transplant import set_code, set_methods

if TYPE_CHECKING:
    _Theirs = object  # the methods inherited from the original are replaced
else:
    _Theirs = theirs.WebSocketClientProtocol


class PageProtocol(LibraryConnection, _Theirs):
    """A page's connection that is a `websockets.legacy.client.WebSocketClientProtocol`."""

    @property
    def open(self) -> bool:
        """Whether the connection is open."""
        return bool(self.state.name == "OPEN")

    @property
    def closed(self) -> bool:
        """Whether the connection is closed."""
        return bool(self.state.name == "CLOSED")

    @property
    def host(self) -> Any:
        """The host of the URL."""
        return self._transport.url.host

    @property
    def port(self) -> Any:
        """The port of the URL."""
        return self._transport.url.port

    @property
    def secure(self) -> Any:
        """Whether the URL is wss."""
        return self._transport.url.secure

    @property
    def path(self) -> Any:
        """The path of the URL."""
        return self._transport.url.resource

    @path.setter
    def path(self, value: object) -> None:
        """Ignore a new value."""

    @property
    def request_headers(self) -> Any:
        """The headers that a page knows of."""
        return self.request.headers

    @property
    def response_headers(self) -> Any:
        """The headers that a page knows of."""
        return self.response.headers

    async def ensure_open(self) -> None:
        """Raise ConnectionClosed unless the connection is open."""
        await self.pong()


def _init(self: Any, uri: str, **arguments: Any) -> None:
    check_subclass(type(self), theirs.Connect)
    asked = arguments.pop("create_protocol", None) or arguments.pop("klass", None)
    arguments.pop("klass", None)
    factory = connection_type(asked, theirs.WebSocketClientProtocol, PageProtocol)
    arguments.setdefault("max_queue", 32)
    arguments.setdefault("close_timeout", arguments.pop("timeout", None) or 10)
    arguments.pop("timeout", None)
    arguments["process_exception"] = _retry
    self.open_timeout = arguments.get("open_timeout", 10)
    self.page_opening = Opening(*translate(uri, arguments), factory)
    self.logger = self.page_opening.connect.logger


def _retry(_error: Exception) -> None:
    """Treat every failure as temporary, as the legacy client does."""


def patch() -> None:
    """Replace what the module's `connect` does."""
    set_methods(theirs.Connect, {"__init__": _init, **CONNECT_METHODS})
    set_code(theirs.unix_connect, _unix_connect)  # type: ignore[arg-type]


def _unix_connect(*_arguments: Any, **_named: Any) -> Any:
    from importlib import import_module

    import_module("pyws_browser.patching.opening").refuse_unix()
