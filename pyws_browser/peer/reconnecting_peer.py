"""ReconnectingPeer: a polled peer that connects again when its connection was lost."""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING

from ..errors import InvalidOptionError
from ..protocol.vocabulary import State
from .reconnection import Backoff, Reconnection, ReconnectState
from .websocket_peer import WebSocketPeer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from socket import socket
    from ssl import SSLContext

    from .websocket_peer import Connector


class ReconnectingPeer(WebSocketPeer):
    """A `WebSocketPeer` whose `poll()` connects again after a loss, as `backoff` says: what `async for` does, polled.

    The program does what it does with any peer, and sends what has to be said first (who it is, what it wants to
    hear) whenever `reconnection.state` becomes CONNECTED; `reconnection.changed` tells. While it waits for the next
    attempt, the state is CLOSED. There is no attempt before the packets that came last have been fetched, none after
    `close()` or `abort()`, and none after a close code that `backoff.final_codes` names.

    It needs no timer: in a background tab, whose polls come once a second or once a minute, it connects at the first
    that is due.
    """

    def __init__(
        self, *, backoff: Backoff | None = None, web_limits: bool | None = None, connector: Connector | None = None
    ) -> None:
        super().__init__(web_limits=web_limits, connector=connector)
        self._reconnection = Reconnection(backoff or Backoff())
        self._url: str | Callable[[], str] = ""
        self._protocols: Iterable[str] | Callable[[], Iterable[str]] | None = None
        self._tls: SSLContext | None = None
        self._attempt_number = 0  # counts the calls by which the program changes its mind as well
        self._is_attempting = False

    @property
    def reconnection(self) -> Reconnection:
        """Its state, the number of attempts, the delay, and the last error."""
        return self._reconnection

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
            self._check_closed()
        self._url, self._protocols, self._tls = url, protocols, tls
        self._attempt()

    def poll(self) -> None:
        """Do all that can be done without waiting; connect again if that is due.

        What a function connected to `reconnection.changed`, or the one that gives the URL, raises comes out here. The
        next poll goes on from where this one was.
        """
        super().poll()
        reconnection = self.reconnection
        if self._is_attempting:  # a function that gives the URL polls
            return
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
        self._attempt_number += 1
        self.reconnection.stop()

    def abort(self) -> None:
        """End the connection at once, and connect no more."""
        super().abort()
        self._attempt_number += 1
        self.reconnection.stop()

    def _is_due(self) -> bool:
        return monotonic() >= self.reconnection.next_attempt and not self.get_available_packet_count()

    def _attempt(self) -> None:
        """Begin to connect, and emit that; if a function of the program's calls it off meanwhile, do nothing."""
        self._attempt_number += 1
        number = self._attempt_number
        self.reconnection.begin()
        try:
            url, protocols = self._ask()
            if number == self._attempt_number:
                super().connect_to_url(url, protocols, tls=self._tls)
        except BaseException as exc:  # a KeyboardInterrupt too leaves a state that is true
            if number == self._attempt_number:
                self._has_failed(number, exc)
            raise
        if number == self._attempt_number:
            self.reconnection.tell_beginning()

    def _ask(self) -> tuple[str, Iterable[str] | None]:
        url, protocols = self._url, self._protocols
        self._is_attempting, was_attempting = True, self._is_attempting
        try:
            return url() if callable(url) else url, protocols() if callable(protocols) else protocols
        finally:
            self._is_attempting = was_attempting

    def _has_failed(self, number: int, error: BaseException) -> None:
        self.reconnection.tell_beginning()
        if number != self._attempt_number:
            return
        if callable(self._url) or callable(self._protocols):  # they may do better the next time
            self._has_ended(None, error)
        else:
            self.reconnection.restart()
            self.reconnection.stop()

    def _has_opened(self) -> bool:
        return self._transport is not None and self._transport.has_opened

    def _has_ended(self, code: int | None, error: BaseException | None) -> None:
        self.reconnection.has_ended(monotonic(), code, error)
