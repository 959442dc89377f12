"""`websockets.sync.client` in a page: `connect` blocks where the engine can suspend Python (JSPI)."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from websockets.protocol import State as TheirState
from websockets.sync import client as theirs

from .. import sync
from ..compat.arguments import ANY_PAGE
from ..compat.exceptions import ConnectionClosed, ConnectionClosedOK
from ..errors import InvalidStateError
from ..peer.reconnection import Backoff
from ..protocol.rules import CloseCode
from ..protocol.url import parse_url
from ..protocol.vocabulary import State
from ..transport import IN_BROWSER
from .arguments import page_code, translate
from .connection import ProtocolView, request_of, response_of
from .opening import connection_type
from .settings import note
from .transplant import set_code, set_methods

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from types import TracebackType

    from ..compat.data import Data
    from ..protocol.vocabulary import Message


class PageConnection(theirs.ClientConnection):
    """A `websockets.sync.client.ClientConnection` that passes everything on to a connection of `pyws_browser.sync`."""

    def __init__(self, page: Any, uri: str, offered: Sequence[str] | None, logger: Any) -> None:
        self._page = page
        self._url = parse_url(uri, ANY_PAGE)
        self._offered = offered
        self.id: Any = uuid4()
        self.logger: Any = logger
        self.request: Any = request_of(self._url)
        self.response: Any = response_of(self.subprotocol)
        self.latency: float = 0.0

    @property
    def state(self) -> Any:
        """The state as a `websockets.protocol.State`."""
        return TheirState(int(self._page.state))

    @property
    def subprotocol(self) -> Any:
        """The negotiated subprotocol, unless `carry` added it."""
        chosen = self._page.subprotocol
        return chosen if self._offered is None or chosen in self._offered else None

    @property
    def protocol(self) -> Any:
        """The view of the protocol that libraries read."""
        return ProtocolView(self)

    @protocol.setter
    def protocol(self, value: object) -> None:
        """Ignore a new value."""

    @property
    def close_code(self) -> int | None:
        """The code of the received Close frame; None before the end."""
        code: int | None = self._page.close_code
        return code

    @property
    def close_reason(self) -> str | None:
        """The reason in that frame."""
        reason: str | None = self._page.close_reason
        return reason

    @property
    def remote_address(self) -> Any:
        """Host and port of the URL."""
        return self._url.host, self._url.port

    @property
    def local_address(self) -> Any:
        """None: a page does not know its own address."""
        return None

    def __enter__(self) -> Any:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close with 1000, or if the block raised with 1011 (which a page sends as 4011)."""
        self.close(CloseCode.NORMAL_CLOSURE if kind is None else CloseCode.INTERNAL_ERROR)

    def __iter__(self) -> Iterator[Message]:
        """Receive until the connection is closed normally."""
        try:
            while True:
                yield self.recv()
        except ConnectionClosedOK:
            return

    def recv(self, timeout: float | None = None, decode: bool | None = None) -> Any:
        """Wait for the next message."""
        return self._page.recv(timeout, decode)

    def recv_streaming(self, decode: bool | None = None) -> Iterator[Any]:
        """Return the next message as one: a page does not see fragments."""
        yield self.recv(decode=decode)

    def send(self, message: Data | Iterable[Data], text: bool | None = None) -> None:
        """Send a message, or an iterable as one."""
        self._page.send(message, text=text)

    def close(self, code: int = CloseCode.NORMAL_CLOSURE, reason: str = "") -> None:
        """Close; a code that a page may not send becomes another one."""
        self._page.close(page_code(code), reason)

    def ping(self, data: Data | None = None, ack_on_close: bool = False) -> Any:
        """Return an event that is set if the connection is open; raises ConnectionClosed if it is not."""
        from threading import Event

        self.pong()
        note("ping()", "the browser keeps pings to itself; whether the connection is open is all that it tells")
        event = Event()
        event.set()
        return event

    def pong(self, data: Data = b"") -> None:
        """Raise ConnectionClosed unless the connection is open."""
        if self._page.state is not State.OPEN:
            raise self.closed_error()

    def closed_error(self) -> Any:
        """Return how the connection ended, once it is not open."""
        try:
            self._page.send("")
        except ConnectionClosed as exc:
            return exc
        raise InvalidStateError("the connection is open: close() ends it")

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._url.shown} {self.state.name}>"


def connect(uri: str, **arguments: Any) -> Any:
    """Connect, and return the connection; with `legacy=False`, return an object that reconnects."""
    if arguments.pop("legacy", None) is False:
        return theirs.reconnect(uri, **arguments)
    factory = connection_type(arguments.pop("create_connection", None), theirs.ClientConnection, PageConnection)
    logger = arguments.pop("logger", None) or logging.getLogger("websockets.client")
    handshake, passed = translate(uri, arguments)
    passed.pop("process_exception", None)
    carried, subprotocols = handshake.carried_at_once()
    page = sync.connect(carried, subprotocols=subprotocols, **passed)
    offered = None if handshake.to_carry is None else handshake.subprotocols or ()
    return factory(page, uri, offered, logger)


def _connect(uri: str, **arguments: Any) -> Any:
    from importlib import import_module

    return import_module("pyws_browser.patching.sync_client").connect(uri, **arguments)


def _unix_connect(*_arguments: Any, **_named: Any) -> Any:
    from importlib import import_module

    import_module("pyws_browser.patching.opening").refuse_unix()


# websockets 17 also has a class that connects again after each end.


def _init(self: Any, uri: str, **arguments: Any) -> None:
    self.uri = uri
    self.process_exception = arguments.pop("process_exception", None) or _default_process_exception
    arguments.pop("reconnect_delays", None)
    self.page_arguments = arguments


def _default_process_exception(error: Exception) -> Exception | None:
    return None if isinstance(error, OSError) else error


def _open(self: Any) -> Any:
    return connect(self.uri, **self.page_arguments)


def _enter(self: Any) -> Any:
    if hasattr(self, "connection"):
        raise RuntimeError("connect() isn't reentrant")
    self.connection = self.connect()
    return self.connection.__enter__()


def _iter(self: Any) -> Iterator[Any]:
    delays: Iterator[float] | None = None
    while True:
        try:
            with self as connection:
                yield connection
        except Exception as exc:
            try:
                verdict = self.process_exception(exc)
            except Exception as raised:
                verdict = raised
            if verdict is exc:
                raise
            if verdict is not None:
                raise verdict from exc
            delays = delays or Backoff().delays()
            _sleep(next(delays))
        else:
            delays = None


def patch() -> None:
    """Replace the code of the module's functions."""
    set_code(theirs.connect, _connect)  # type: ignore[arg-type]
    set_code(theirs.unix_connect, _unix_connect)  # type: ignore[arg-type]
    if hasattr(theirs, "reconnect"):
        set_methods(theirs.reconnect, {"__init__": _init, "connect": _open, "__enter__": _enter, "__iter__": _iter})
        set_code(theirs.unix_reconnect, _unix_connect)  # type: ignore[arg-type]


if IN_BROWSER:
    from ..transport.page.waiting import sleep as _sleep
else:
    from time import sleep as _sleep  # type: ignore[assignment]
