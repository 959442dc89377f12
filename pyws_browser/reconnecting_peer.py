"""ReconnectingPeer: a polled peer that connects again when its connection was lost."""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING

from .errors import InvalidOptionError
from .peer import WebSocketPeer
from .reconnection import Backoff, Reconnection, ReconnectState
from .transport.base import State

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from socket import socket
    from ssl import SSLContext

    from .peer import Connector


class ReconnectingPeer(WebSocketPeer):
    """A `WebSocketPeer` whose `poll()` connects again after a loss, as `backoff` says: what `async for` does, polled.

    The program does what it does with any peer, and sends what has to be said first (who it is, what it wants to
    hear) whenever `reconnection.state` becomes CONNECTED; `reconnection.changed` tells. While it waits for the next
    attempt, the state is CLOSED. There is no attempt before the packets that came last have been fetched, none after
    `close()` or `abort()`, and none after a close code that is final.

    It needs no timer: in a background tab, whose polls come once a second or once a minute, it connects at the first
    that is due.
    """

    def __init__(
        self, *, backoff: Backoff | None = None, web_limits: bool | None = None, connector: Connector | None = None
    ) -> None:
        super().__init__(web_limits=web_limits, connector=connector)
        self.reconnection: Reconnection = Reconnection(backoff or Backoff())
        """Its state, the number of attempts, the delay, and the last error."""
        self._url: str | Callable[[], str] = ""
        self._protocols: Iterable[str] | Callable[[], Iterable[str]] | None = None
        self._tls: SSLContext | None = None
        self._next_attempt = 0.0

    def connect_to_url(
        self,
        url: str | Callable[[], str],
        protocols: Iterable[str] | Callable[[], Iterable[str]] | None = None,
        *,
        tls: SSLContext | None = None,
        sock: socket | None = None,
    ) -> None:
        """Begin to connect, as `WebSocketPeer.connect_to_url()`; functions are asked again for every attempt.

        So a URL, or a subprotocol, can carry a token that expires. What they raise comes out here, and later out of
        `poll()`, and counts as a failed attempt. Without functions, what is raised here is raised for good: there is no
        other attempt. A `sock` would do for one connection only: InvalidOptionError.
        """
        self._check_closed()
        if sock is not None:
            raise InvalidOptionError("a socket serves one connection, and this peer makes new ones: give no sock")
        if self.reconnection.state is ReconnectState.WAITING:
            self.reconnection.stop()
        self._url, self._protocols, self._tls = url, protocols, tls
        self._attempt()

    def poll(self) -> None:
        """Do all that can be done without waiting; connect again if that is due."""
        super().poll()
        reconnection = self.reconnection
        if reconnection.state is ReconnectState.CONNECTING and self._has_opened():
            reconnection.has_opened(monotonic())
        if reconnection.state in (ReconnectState.CONNECTING, ReconnectState.CONNECTED):
            if self.get_ready_state() is State.CLOSED:
                code = self.get_close_code() if self._has_opened() else None
                self._has_ended(code, self.close_cause)
        elif reconnection.state is ReconnectState.WAITING and self._is_due():
            self._attempt()

    def close(self, code: int | None = 1000, reason: str = "") -> None:
        """Close, and stay closed."""
        super().close(code, reason)
        self.reconnection.stop()

    def abort(self) -> None:
        """End the connection at once, and connect no more."""
        super().abort()
        self.reconnection.stop()

    def _is_due(self) -> bool:
        return monotonic() >= self._next_attempt and not self.get_available_packet_count()

    def _attempt(self) -> None:
        url, protocols = self._url, self._protocols
        self.reconnection.is_connecting()
        try:
            super().connect_to_url(
                url() if callable(url) else url, protocols() if callable(protocols) else protocols, tls=self._tls
            )
        except Exception as exc:
            if callable(url) or callable(protocols):  # they may do better the next time
                self._has_ended(None, exc)
            else:
                self.reconnection.restart()
                self.reconnection.stop()
            raise

    def _has_opened(self) -> bool:
        return self._transport is not None and self._transport.has_opened

    def _has_ended(self, code: int | None, error: BaseException | None) -> None:
        now = monotonic()
        delay = self.reconnection.has_ended(now, code, error)
        self._next_attempt = 0.0 if delay is None else now + delay
