"""The life of a connection whose methods wait: its state, and how it ends."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, NoReturn
from uuid import UUID, uuid4
from weakref import proxy

from ..compat.endings import closed_error, closing_frames
from ..compat.exceptions import Close, ConnectionClosed
from ..compat.protocol_view import ProtocolView
from ..errors import InvalidStateError, NotConnectedError
from ..protocol import rules
from ..protocol.rules import CloseCode
from ..protocol.vocabulary import CLOSED, OPEN, State
from ..transport import IN_BROWSER
from ..transport.base import Demand
from .pings import Pings

if TYPE_CHECKING or not IN_BROWSER:
    from .driver import Driver
    from .secure_socket import SecureSocket
else:
    from .page_driver import Driver

if TYPE_CHECKING:
    from logging import Logger, LoggerAdapter
    from socket import socket
    from ssl import SSLObject
    from types import TracebackType
    from typing import Self

    from websockets.http11 import Request, Response

    from ..compat.arguments import Limits
    from ..errors import WebSocketError
    from ..transport.base import Transport


class Lifecycle:
    """A connection from its opening to its end, without its messages; `Connection` documents the arguments."""

    def __init__(
        self, transport: Transport, limits: Limits, *, logger: Logger | LoggerAdapter[Any] | None = None
    ) -> None:
        self.id: UUID = uuid4()
        """Unique to the connection; for logs."""
        self.logger: LoggerAdapter[Any] = logging.LoggerAdapter(
            logger or logging.getLogger("pyws_browser"), {"websocket": proxy(self)}
        )
        """The logger, which gives every record this connection as `websocket`."""
        self._transport = transport
        transport.demand = Demand.NOTHING
        self._inbox = transport.inbox
        self._high, self._low = limits.write_limit
        self._max_size = limits.max_size
        self._has_own_limit = limits.max_size < transport.options.inbound_buffer_size
        self._asked_to_close: Close | None = None
        self._failure: WebSocketError | None = None
        self._is_receiving = False
        self._is_sending_fragments = False
        self._pings = Pings(transport)
        self._driver = Driver(transport)

    # The state.

    @property
    def state(self) -> State:
        """CONNECTING, OPEN, CLOSING or CLOSED; in a page, as of the last call."""
        return self._transport.ready_state

    @property
    def subprotocol(self) -> str | None:
        """The negotiated subprotocol, None if there is none."""
        return self._transport.subprotocol or None

    @property
    def request(self) -> Request | None:
        """The opening handshake's request; None in a page, which cannot see it."""
        return None if self._transport.options.web_limits else self._transport.handshake_request

    @property
    def response(self) -> Response | None:
        """The answer to the request; None in a page, which cannot see it."""
        return None if self._transport.options.web_limits else self._transport.handshake_response

    @property
    def protocol(self) -> ProtocolView:
        """Its state under the names of a `websockets` protocol: `close_exc`, `uri` and others."""
        return ProtocolView(self, str(self._transport.url))

    @property
    def local_address(self) -> tuple[str, int]:
        """The host and the port of this side; not in a page."""
        self._refuse_in_browser("local_address")
        return self._transport.local_address()

    @property
    def remote_address(self) -> tuple[str, int]:
        """The host and the port of the other side; not in a page."""
        self._refuse_in_browser("remote_address")
        return self._transport.remote_address()

    @property
    def socket(self) -> socket | SecureSocket:
        """The socket below, for `getpeername()` and similar; not in a page. Raises NotConnectedError after the end."""
        self._refuse_in_browser("transport")
        sock: socket | None = getattr(self._transport, "sock", None)
        if sock is None:
            raise NotConnectedError("a connection in memory has no socket")
        session: SSLObject | None = getattr(self._transport, "tls", None)
        return sock if session is None else SecureSocket(sock, session)

    @property
    def latency(self) -> float:
        """Seconds between the last answered ping and its pong, 0.0 before the first; not in a page."""
        self._refuse_in_browser("latency")
        return self._pings.latency or self._transport.latency

    @property
    def close_code(self) -> int | None:
        """The code of the received Close frame: 1005 if it had none, 1006 if no frame came, None before the end."""
        close = self._received_close()
        return None if close is None else close.code

    @property
    def close_reason(self) -> str | None:
        """The reason in the received Close frame, "" if no frame came; None before the end."""
        close = self._received_close()
        return None if close is None else close.reason

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._transport.url.shown} {self.state.name}>"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close with 1000, or if the block raised with 1011 (in a page 4011)."""
        failed = CloseCode.PROGRAM_FAILED if self._transport.options.web_limits else CloseCode.INTERNAL_ERROR
        self.close(CloseCode.NORMAL_CLOSURE if kind is None else failed)

    # Closing.

    def close(self, code: int = CloseCode.NORMAL_CLOSURE, reason: str = "") -> None:
        """Close the connection, and wait until it is closed, at most `close_timeout`; a second call does no harm.

        Messages that were sent before go out first. Messages that arrive later are discarded. A page may send 1000 and
        3000–4999.

        Raises:
            InvalidCloseCodeError, InvalidCloseReasonError: nothing was sent, the connection stays open.
            UnsupportedInBrowserError: a code that only the desktop may send.

        """
        rules.check_close(code, reason, web=self._transport.options.web_limits)
        with self._driver:
            self._begin_to_close(code, reason)
            self._wait_closed()

    @property
    def was_closed_here(self) -> bool:
        """Whether this side called `close()`."""
        status = self._transport.close_status
        return self._asked_to_close is not None and (status is None or not status.by_other_side)

    def closed_error(self) -> ConnectionClosed:
        """Return how the connection ended; it has ended."""
        status = self._transport.close_status
        if status is None:
            raise InvalidStateError("the connection is not closed: close() ends it")
        return closed_error(status, self._asked_to_close, self._failure)

    # The internals.

    def _begin_to_close(self, code: int, reason: str) -> None:
        """Begin the closing that `close()` waits for. The lock is held."""
        transport = self._transport
        if transport.ready_state is OPEN:
            transport.poll()  # what has arrived can still be received
        if transport.ready_state not in (State.CONNECTING, OPEN):
            return
        if self._is_sending_fragments and not transport.drop_fragments():
            code, reason = CloseCode.INTERNAL_ERROR, "close during fragmented message"
        self._asked_to_close = Close(int(code), reason)
        transport.close(code, reason)
        self._driver.wake()
        self._driver.notify()

    def _abort(self) -> None:
        """Cut the connection. The lock is held."""
        self._transport.abort()
        self._driver.wake()
        self._driver.notify()

    def _wait_closed(self) -> None:
        transport = self._transport
        self._driver.wait(lambda: transport.ready_state is CLOSED)
        self._pings.end()

    def _raise_closed(self) -> NoReturn:
        if self._transport.ready_state is State.CONNECTING:
            raise NotConnectedError("the connection is not open yet")
        self._wait_closed()
        raise self.closed_error() from None

    def _received_close(self) -> Close | None:
        status = self._transport.close_status
        if status is None:
            return None
        return closing_frames(status, self._asked_to_close)[0] or Close(CloseCode.ABNORMAL_CLOSURE)

    def _refuse_in_browser(self, feature: str) -> None:
        if self._transport.options.web_limits:
            raise rules.unsupported(feature)
