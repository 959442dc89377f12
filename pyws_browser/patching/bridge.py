"""The bridge below asyncio libraries: a transport that turns their WebSocket bytes into calls of the browser's.

The library makes its own handshake and its own frames. The bridge reads the request, opens the page's WebSocket to the
same URL, answers 101, and passes messages on in both directions. It answers pings itself, and refuses requests that are
not for a WebSocket.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

from ..aio.pump import make_pump
from ..aio.sending import Sender
from ..compat import arguments
from ..compat.exceptions import OpeningError
from ..errors import InvalidURLError, NotConnectedError, RemoteProtocolError, UnsupportedInBrowserError
from ..protocol import rules
from ..protocol.rules import CloseCode
from ..protocol.vocabulary import State
from ..transport import connect as open_transport
from .arguments import page_code
from .client_frames import BINARY, CLOSE, PING, PONG, TEXT, ClientFrames, answer, frame, read_request
from .headers import handshake_of
from .no_socket import NoSocket
from .settings import refuse

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..aio.pump import Pump
    from ..transport.base import Transport
    from .client_frames import HTTPRequest

_LOOK: Final = 0.01
"""Seconds between two checks of how much the browser has sent, for which there is no event."""

_CLOSE_TIMEOUT: Final = 10.0
"""Seconds in which a library is to answer a Close frame, and to close."""

_OF_REQUEST: Final = frozenset({"content-type", "content-length", "keep-alive", "sec-websocket-protocol"})
"""Headers of a WebSocket request, besides those of the handshake, that can be left out."""

_PLAIN: Final = (
    "{} is not available in a page: asyncio's connections carry WebSockets alone there; for HTTP use "
    "pyodide.http.pyfetch() or pyodide-http, and let a library that begins with HTTP begin with a WebSocket, as "
    "python-socketio does with transports=['websocket']"
)


class Bridge(asyncio.Transport):
    """The asyncio transport that `create_connection()` returns."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, protocol: Any, address: tuple[str, int], *, secure: bool
    ) -> None:
        super().__init__(
            {
                "peername": address,
                "sockname": ("0.0.0.0", 0),  # noqa: S104  a page is not told its own
                "socket": NoSocket(address),
                "sslcontext": secure or None,
            }
        )
        self._loop = loop
        self._protocol = protocol
        self._address = address
        self._secure = secure
        self._unread = b""  # of the request
        self._frames = ClientFrames()
        self._request: HTTPRequest | None = None
        self._transport: Transport | None = None
        self._offered: list[str] = []
        self._pump: Pump | None = None
        self._sender: Sender | None = None
        self._opening: asyncio.Task[None] | None = None
        self._is_open = False
        self._is_closing = False
        self._is_closed_here = False
        self._has_told_end = False
        self._is_lost = False
        self._is_paused = False
        self._close_sent: int | None = None
        self._high, self._low = 64 * 1024, 16 * 1024
        self._is_writing_paused = False

    # The interface of asyncio's transports.

    def get_protocol(self) -> Any:
        """Return the library's protocol."""
        return self._protocol

    def set_protocol(self, protocol: Any) -> None:
        """Switch to another protocol, as after an upgrade."""
        self._protocol = protocol

    def is_closing(self) -> bool:
        """Tell whether it is closing or closed."""
        return self._is_closing

    def is_reading(self) -> bool:
        """Tell whether messages are passed on."""
        return not self._is_paused and not self._is_closing

    def pause_reading(self) -> None:
        """Let messages wait."""
        self._is_paused = True

    def resume_reading(self) -> None:
        """Pass on waiting and new messages."""
        self._is_paused = False
        if self._pump is not None:
            self._loop.call_soon(self._after_turn)

    def get_write_buffer_size(self) -> int:
        """Return how many bytes the browser has not sent."""
        return 0 if self._transport is None else self._transport.buffered_amount

    def get_write_buffer_limits(self) -> tuple[int, int]:
        """Return low and high water in bytes."""
        return self._low, self._high

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Set low and high water in bytes."""
        self._high = high if high is not None else 64 * 1024 if low is None else 4 * low
        self._low = low if low is not None else self._high // 4

    def can_write_eof(self) -> bool:
        """Return False: a WebSocket cannot be half-closed."""
        return False

    def write_eof(self) -> None:
        """Refuse to close one half."""
        raise NotImplementedError

    def writelines(self, list_of_data: Any) -> None:
        """Write several pieces as one."""
        self.write(b"".join(list_of_data))

    def write(self, data: Any) -> None:
        """Read bytes from the library: its request, then its frames."""
        if self._is_lost:
            return
        if self._is_open:
            self._read_frames(data)
            return
        self._unread += bytes(data)
        if self._request is None:
            self._read_request()

    def close(self) -> None:
        """Close the connection after sending what was written."""
        if not self._is_closing:
            self._is_closing = self._is_closed_here = True
            if self._opening is not None:
                self._opening.cancel()
            if self._transport is not None and self._transport.ready_state <= State.OPEN:
                self._transport.close(CloseCode.NORMAL_CLOSURE, "")
                self._update()
            self._lose_soon(None)

    def abort(self) -> None:
        """Cut the connection."""
        self._is_closing = self._is_closed_here = True
        self._cut()
        self._lose_soon(None)

    # The library's side.

    def _read_request(self) -> None:
        try:
            found = read_request(self._unread)
        except RemoteProtocolError:
            what = "TLS of the library's own" if self._unread[:1] == b"\x16" else "a protocol other than WebSocket"
            self._fail(refuse(_PLAIN.format(what)))
            return
        if found is None:
            return
        self._request, self._unread = found
        if not self._request.is_upgrade:
            self._fail(refuse(_PLAIN.format(f"{self._request.method} {self._url()}")))
            return
        self._opening = self._loop.create_task(self._open(self._request))

    def _url(self, scheme: str = "http") -> str:
        assert self._request is not None  # noqa: S101  it has been read
        host, port = self._address
        authority = self._request.get("host") or f"{f'[{host}]' if ':' in host else host}:{port}"
        return f"{scheme}{'s' if self._secure else ''}://{authority}{self._request.target}"

    async def _open(self, request: HTTPRequest) -> None:
        try:
            self._offered = [part.strip() for part in request.get("sec-websocket-protocol").split(",") if part.strip()]
            headers = [(name, value) for name, value in request.headers if name.lower() not in _OF_REQUEST]
            handshake = handshake_of(self._url("ws"), headers, self._offered or None)
            uri, subprotocols = await handshake.carried()
            limits, fields = arguments.limits(None, None, None, web=True)
            options = arguments.base_options(
                web_limits=True,
                subprotocols=rules.check_subprotocols(subprotocols or ()),
                **fields,
                **arguments.times(None, 10, None, None),
            )
            self._transport = open_transport(uri, options)
            self._sender = Sender(self._transport, self._loop, limits.write_limit)
            self._pump = make_pump(self._transport, self._loop, self._after_turn)
            self._pump.start()
        except Exception as exc:
            self._fail(OpeningError(str(exc)) if isinstance(exc, InvalidURLError) else exc)

    def _read_frames(self, data: Any) -> None:
        try:
            for opcode, payload in self._frames.feed(data):
                self._take(opcode, payload)
        except (RemoteProtocolError, UnicodeDecodeError) as exc:
            self._fail(exc)
        self._regulate()

    def _take(self, opcode: int, payload: bytes) -> None:
        transport, sender = self._transport, self._sender
        if transport is None or sender is None:
            return
        if transport.ready_state is not State.OPEN:
            if opcode == CLOSE and self._has_told_end:  # the library has answered
                self._is_closing = True
                self._lose_soon(None)
            return
        if opcode in (TEXT, BINARY):
            try:
                sender.put(payload.decode() if opcode == TEXT else payload)
            except NotConnectedError:  # the browser knows of the end before the page does
                return
        elif opcode == PING:
            self._loop.call_soon(self._give, frame(PONG, payload))
        elif opcode == CLOSE and self._close_sent is None:
            code = int.from_bytes(payload[:2], "big") if payload else int(CloseCode.NO_STATUS_RECEIVED)
            self._close_sent = code
            sender.flush()
            transport.close(page_code(code), payload[2:].decode())
            self._update()

    def _give(self, data: bytes) -> None:
        """Hand bytes to the library."""
        protocol = self._protocol
        if self._is_lost:
            return
        if not isinstance(protocol, asyncio.BufferedProtocol):
            protocol.data_received(data)
            return
        while data:
            buffer: Any = protocol.get_buffer(len(data))
            size = min(len(buffer), len(data))
            buffer[:size] = data[:size]
            protocol.buffer_updated(size)
            data = data[size:]

    def _regulate(self) -> None:
        """Pause the library while the browser has much to send."""
        if not self._is_writing_paused and self.get_write_buffer_size() > self._high:
            self._is_writing_paused = True
            self._protocol.pause_writing()
            self._loop.call_later(_LOOK, self._look)

    def _look(self) -> None:
        if self._is_lost:
            return
        if self.get_write_buffer_size() > self._low:
            self._loop.call_later(_LOOK, self._look)
            return
        self._is_writing_paused = False
        self._protocol.resume_writing()

    # The browser's side.

    def _after_turn(self) -> None:
        """Pass on what a poll of the page's WebSocket brought."""
        transport = self._transport
        if transport is None or self._is_lost:
            return
        if self._sender is not None:
            self._sender.end_turn()
        if transport.has_opened and not self._is_open:
            self._has_opened(transport)
        if transport.inbox and not self._is_paused:
            self._pass_on(transport)
        if transport.ready_state is State.CLOSED and not (transport.inbox and self._is_paused):
            self._has_ended(transport)

    def _has_opened(self, transport: Transport) -> None:
        assert self._request is not None  # noqa: S101  or nothing was opened
        self._is_open = True
        # The library did not ask for a subprotocol that `carry` added.
        chosen = transport.subprotocol if transport.subprotocol in self._offered else ""
        self._give(answer(self._request, chosen))
        rest, self._unread = self._unread, b""
        if rest:
            self._read_frames(rest)

    def _pass_on(self, transport: Transport) -> None:
        inbox = transport.inbox
        if self._is_closing:
            inbox.clear()
            return
        frames = [
            frame(TEXT, message.encode()) if isinstance(message, str) else frame(BINARY, message) for message in inbox
        ]
        inbox.clear()
        self._give(frames[0] if len(frames) == 1 else b"".join(frames))
        if self._pump is not None and self._pump.is_paused:
            self._pump.resume()

    def _has_ended(self, transport: Transport) -> None:
        status = transport.close_status
        assert status is not None  # noqa: S101  it is closed
        if self._has_told_end:
            return
        self._has_told_end = True
        if not self._is_open:
            self._is_closing = True
            cause = status.cause
            is_refusal = isinstance(cause, UnsupportedInBrowserError)
            self._lose_soon(cause if is_refusal else OpeningError(str(cause or "the connection was closed")))
            return
        if status.code == CloseCode.ABNORMAL_CLOSURE:
            self._is_closing = True
            self._lose_soon(ConnectionResetError(str(status.cause or "the connection was lost")))
            return
        code = status.code if self._close_sent is None else self._close_sent
        reason = b"" if code == CloseCode.NO_STATUS_RECEIVED else int(code).to_bytes(2, "big") + status.reason.encode()
        self._give(frame(CLOSE, reason))
        if self._close_sent is not None:
            self._is_closing = True
            self._lose_soon(None)
        elif not self._is_lost:  # as a server waits for the answer to its Close frame
            self._loop.call_later(_CLOSE_TIMEOUT, self._lose, None)

    def _fail(self, error: BaseException) -> None:
        self._is_closing = True
        self._cut()
        self._lose_soon(error)

    def _cut(self) -> None:
        if self._transport is not None:
            self._transport.abort()
            self._update()

    def _update(self) -> None:
        """Let the pump see the new state."""
        if self._pump is not None:
            self._pump.update()

    def _lose_soon(self, error: BaseException | None) -> None:
        self._loop.call_soon(self._lose, error)

    def _lose(self, error: BaseException | None) -> None:
        if self._is_lost:
            return
        if self._pump is not None:
            self._pump.stop()
        if error is None and not self._is_closed_here:
            self._protocol.eof_received()
        self._is_lost = self._is_closing = True
        protocol, self._protocol = self._protocol, None  # breaks the reference cycle, as asyncio's own transports do
        self._pump = self._sender = self._opening = None
        protocol.connection_lost(error)


async def create_connection(
    self: asyncio.AbstractEventLoop,
    protocol_factory: Callable[[], Any],
    host: str | None = None,
    port: int | None = None,
    *,
    ssl: Any = None,
    sock: Any = None,
    **_others: Any,
) -> tuple[Any, Any]:
    """Make a bridge, in place of asyncio's TCP connection."""
    if sock is not None:
        if host is None:
            host, port = "socket.invalid", 0
        sock.close()
    protocol = protocol_factory()
    bridge = Bridge(self, protocol, (host or "", port or 0), secure=bool(ssl))
    protocol.connection_made(bridge)
    return bridge, protocol
