"""The three sides that the table is run against: the browser's own WebSocket, the package in a page, the desktop."""

from __future__ import annotations

import asyncio
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from typing import Any

from pyws_browser import (
    InvalidCloseCodeError,
    InvalidCloseReasonError,
    InvalidMessageTypeError,
    InvalidStateError,
    InvalidSubprotocolError,
    InvalidURLError,
    State,
    WebSocketError,
    WebSocketPeer,
)

IN_PYODIDE = sys.platform == "emscripten"
TURN = 0.005 if IN_PYODIDE else 0.001
LIMIT = 40.0
"""Seconds; Chromium lets a page wait for some of them after connections that failed."""

EXCEPTIONS = {
    InvalidURLError: "SyntaxError",
    InvalidSubprotocolError: "SyntaxError",
    InvalidCloseReasonError: "SyntaxError",
    InvalidCloseCodeError: "InvalidAccessError",
    InvalidStateError: "InvalidStateError",
    InvalidMessageTypeError: "TypeError",
}
"""What the standard throws, by our exceptions; each call has one for each name."""

End = tuple[int, str, bool]
"""Close code, close reason, and whether the end was clean."""


class RefusedError(Exception):
    """A call threw; `name` is what the standard calls the error."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


class Side(ABC):
    """One connection, in the standard's terms."""

    name = ""

    def __init__(self, urls: dict[str, str]) -> None:
        self._urls = urls
        self.messages: list[str | bytes] = []
        self.events: list[str] = []
        self.end: End | None = None

    def at(self, place: str) -> str:
        """Return the URL of a server, `echo` or `raw:/silent` say; what is a URL already stays one."""
        kind, _, path = place.partition(":")
        return self._urls[kind] + path if kind in self._urls else place

    @abstractmethod
    def connect(self, url: Any, protocols: Any = ()) -> None:
        """Construct the connection; raises RefusedError."""

    @property
    @abstractmethod
    def state(self) -> str:
        """The ready state."""

    @property
    @abstractmethod
    def url(self) -> str:
        """The URL as the connection has it."""

    @property
    @abstractmethod
    def protocol(self) -> str:
        """The subprotocol that was chosen."""

    @property
    @abstractmethod
    def buffered(self) -> int:
        """The bytes that were put and not handed on."""

    @abstractmethod
    def send(self, message: Any) -> None:
        """Send; raises RefusedError."""

    @abstractmethod
    def close(self, *arguments: Any) -> None:
        """Close; raises RefusedError."""

    @abstractmethod
    def poll(self) -> None:
        """Take in what has happened."""

    @abstractmethod
    def give_up(self) -> None:
        """Leave nothing open."""

    async def until(self, condition: Callable[[], object]) -> None:
        """Wait until something is the case."""
        limit = time.monotonic() + LIMIT
        self.poll()
        while not condition():
            assert time.monotonic() < limit, (self.name, self.state, self.events, self.end)
            await asyncio.sleep(TURN)
            self.poll()

    async def opened(self, place: str, protocols: Iterable[str] = ()) -> None:
        """Connect, and wait until the connection is open."""
        self.connect(self.at(place), protocols)
        await self.until(lambda: self.state != "CONNECTING")

    async def ended(self) -> End:
        """Wait for the end."""
        await self.until(lambda: self.end is not None)
        assert self.end is not None
        return self.end


class RawSide(Side):
    """The browser's own WebSocket, with nothing of the package in between."""

    name = "raw"
    _js_socket: Any = None

    def connect(self, url: Any, protocols: Any = ()) -> None:
        """Call `new WebSocket()`."""
        import js
        from pyodide.ffi import to_js

        if isinstance(protocols, (tuple, list)):
            protocols = to_js(protocols)
        self._js_socket = self._call(js.WebSocket.new, url, protocols)
        self._js_socket.binaryType = "arraybuffer"
        self._js_queue = js.Array.new()
        listener = js.Array.prototype.push.bind(self._js_queue)
        for event in ("open", "message", "error", "close"):
            self._js_socket.addEventListener(event, listener)

    @property
    def state(self) -> str:
        """Its `readyState`."""
        return State(self._js_socket.readyState).name

    @property
    def url(self) -> str:
        """Its `url`."""
        return str(self._js_socket.url)

    @property
    def protocol(self) -> str:
        """Its `protocol`."""
        return str(self._js_socket.protocol)

    @property
    def buffered(self) -> int:
        """Its `bufferedAmount`."""
        return int(self._js_socket.bufferedAmount)

    def send(self, message: Any) -> None:
        """Call `send()` with what JavaScript would be given."""
        from pyodide.ffi import to_js

        try:
            view = memoryview(message)
        except TypeError:
            self._call(self._js_socket.send, message)
        else:
            self._call(self._js_socket.send, to_js(view.tobytes()))

    def close(self, *arguments: Any) -> None:
        """Call `close()`."""
        self._call(self._js_socket.close, *arguments)

    def poll(self) -> None:
        """Look at the events."""
        for js_event in self._js_queue.splice(0):
            self.events.append(js_event.type)
            if js_event.type == "message":
                data = js_event.data
                self.messages.append(data if isinstance(data, str) else data.to_bytes())
            elif js_event.type == "close":
                self.end = (js_event.code, js_event.reason, js_event.wasClean)

    def give_up(self) -> None:
        """Close."""
        if self._js_socket is not None:
            self._js_socket.close()

    def _call(self, function: Any, *arguments: Any) -> Any:
        from pyodide.ffi import JsException

        try:
            return function(*arguments)
        except JsException as exc:
            raise RefusedError(exc.name) from None


class PeerSide(Side):
    """The package: in a page over the browser's WebSocket, on the desktop under `web_limits`."""

    name = "page" if IN_PYODIDE else "desktop"

    def __init__(self, urls: dict[str, str]) -> None:
        super().__init__(urls)
        self._peer = WebSocketPeer(web_limits=True)
        self._peer.handshake_timeout = LIMIT
        self._was_open = False

    def connect(self, url: Any, protocols: Any = ()) -> None:
        """Call `connect_to_url()`."""
        self._call(self._peer.connect_to_url, url, protocols)

    @property
    def state(self) -> str:
        """Its ready state."""
        return self._peer.get_ready_state().name

    @property
    def url(self) -> str:
        """Its requested URL."""
        return self._peer.get_requested_url()

    @property
    def protocol(self) -> str:
        """Its selected protocol."""
        return self._peer.get_selected_protocol()

    @property
    def buffered(self) -> int:
        """Its outbound buffered amount."""
        return self._peer.get_current_outbound_buffered_amount()

    def send(self, message: Any) -> None:
        """Call `send()`."""
        self._call(self._peer.send, message)

    def close(self, *arguments: Any) -> None:
        """Call `close()`, whose default code is 1000 where the standard's is none."""
        self._call(self._peer.close, *arguments or (None,))

    def poll(self) -> None:
        """Call `poll()`, and say as events what has changed."""
        peer = self._peer
        peer.poll()
        if peer.is_connected_to_host() or peer.get_available_packet_count() or self._has_lived():
            self._say_open()
        for message in peer:
            self.events.append("message")
            self.messages.append(message)
        if peer.get_ready_state() is State.CLOSED and self.end is None:
            self.events.append("close")
            self.end = (peer.get_close_code(), peer.get_close_reason(), peer.was_clean_close)

    def give_up(self) -> None:
        """Abort."""
        self._peer.abort()

    def _say_open(self) -> None:
        if not self._was_open:
            self._was_open = True
            self.events.append("open")

    def _has_lived(self) -> bool:
        """Whether the connection was open before it ended between two polls."""
        return self._peer.get_ready_state() is State.CLOSED and self._peer.get_close_code() != 1006

    def _call(self, function: Callable[..., None], *arguments: Any) -> None:
        try:
            function(*arguments)
        except WebSocketError as exc:
            name = next((name for kind, name in EXCEPTIONS.items() if isinstance(exc, kind)), None)
            assert name is not None, f"{exc!r} stands for no error of the standard"
            raise RefusedError(name) from exc
