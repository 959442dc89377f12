"""ReconnectingPeer: a polled peer that connects again after a loss."""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING, Final

from ..errors import InvalidOptionError, NotConnectedError, OutboundBufferFullError
from ..protocol import rules
from ..protocol.vocabulary import State
from ..transport import count_returns
from .reconnection import Backoff, Reconnection, ReconnectState
from .waiting import WaitingMessages, size_of
from .websocket_peer import WebSocketPeer, WriteMode

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from socket import socket
    from ssl import SSLContext

    from typing_extensions import Buffer

    from ..protocol.vocabulary import Message
    from ..transport.base import Transport
    from .websocket_peer import Connector

_GOES_ON: Final = (ReconnectState.CONNECTING, ReconnectState.CONNECTED, ReconnectState.WAITING)
"""The states in which there is a connection, or will be one."""


class ReconnectingPeer(WebSocketPeer):
    """A `WebSocketPeer` whose `poll()` connects again after a loss, as `backoff` says.

    The program uses it like any peer. It sends its first messages (a login, a subscription) whenever
    `reconnection.state` becomes CONNECTED, which the signal `reconnection.changed` reports. While it waits for the next
    attempt, the ready state is CONNECTING, and `close_code` and `close_cause` say how the last connection ended. It is
    CLOSED before the first `connect_to_url()`, and when no attempt will follow: after `close()` or `abort()`, after a
    final close code, after `max_attempts`. The next attempt waits until the packets of the last connection have been
    fetched.

    `send()` needs an open connection, as on any peer, unless `waiting_buffer_size` lets messages wait for it.

    It needs no timer: in a background tab, whose polls come once a second or once a minute, it connects at the first
    that is due.
    """

    def __init__(
        self, *, backoff: Backoff | None = None, web_limits: bool | None = None, connector: Connector | None = None
    ) -> None:
        super().__init__(web_limits=web_limits, connector=connector)
        self._reconnection = Reconnection(Backoff() if backoff is None else backoff)
        self._waiting = WaitingMessages()
        self._url: str | Callable[[], str] = ""
        self._protocols: Iterable[str] | Callable[[], Iterable[str]] | None = None
        self._tls: SSLContext | None = None
        self._attempt_number = 0  # also counts calls of connect_to_url(), close() and abort()
        self._is_attempting = False
        self._is_greeting = False
        self._returns = count_returns()

    @property
    def reconnection(self) -> Reconnection:
        """The state, the number of attempts, the delay, and the last error."""
        return self._reconnection

    @property
    def waiting_buffer_size(self) -> int:
        """Bytes of messages that may wait for a connection; with 0, the default, `send()` raises meanwhile.

        They are sent in order once the connection is open, after `reconnection.changed` was emitted, so a function
        connected there sends first. Each message counts as its size and 64 bytes. Messages that were sent and then lost
        with a connection are not sent again.
        """
        return self._waiting.limit

    @waiting_buffer_size.setter
    def waiting_buffer_size(self, size: int) -> None:
        if not isinstance(size, int) or size < 0:
            raise InvalidOptionError(f"waiting_buffer_size is a number of bytes, 0 or more, not {size!r}")
        self._waiting.limit = size

    @property
    def waiting_messages(self) -> tuple[Message, ...]:
        """The messages that wait to be sent, oldest first.

        They stay when there is no further attempt; `close()`, `abort()` and `connect_to_url()` discard them.
        """
        return tuple(self._waiting.messages)

    def get_ready_state(self) -> State:
        """Return the ready state; it is also CONNECTING while it waits for the next attempt."""
        state = super().get_ready_state()
        if state is State.CLOSED and self._reconnection.state in _GOES_ON:
            return State.CONNECTING
        return state

    def connect_to_url(
        self,
        url: str | Callable[[], str],
        protocols: Iterable[str] | Callable[[], Iterable[str]] | None = None,
        *,
        tls: SSLContext | None = None,
        sock: socket | None = None,
    ) -> None:
        """Begin to connect, as `WebSocketPeer.connect_to_url()`; functions are called again for every attempt.

        So a URL, or a subprotocol, can carry a token that expires. Their exceptions come out here, or later out of
        `poll()`, and count as failed attempts. If no argument is a function, an exception here is final: no attempt
        follows. `sock` raises InvalidOptionError, because a socket serves one connection only.
        """
        self._check_free()
        if sock is not None:
            raise InvalidOptionError("a socket serves one connection, and this peer makes new ones: give no sock")
        if self.reconnection.state is ReconnectState.WAITING:
            self.reconnection.stop()
            self._check_free()
        self._waiting.clear()
        self._url, self._protocols, self._tls = url, protocols, tls
        self._attempt()

    def poll(self) -> None:
        """Do all work that needs no waiting; connect again if that is due.

        Exceptions of functions connected to `reconnection.changed`, and of the URL's function, come out here. The next
        poll goes on from there.
        """
        super().poll()
        reconnection = self.reconnection
        if self._is_attempting:  # the URL's function polls
            return
        if reconnection.state is ReconnectState.CONNECTING and self._has_opened():
            self._is_greeting = True  # messages sent now go before waiting ones
            try:
                reconnection.has_opened(monotonic())
            finally:
                self._is_greeting = False
        if reconnection.state in (ReconnectState.CONNECTING, ReconnectState.CONNECTED):
            if super().get_ready_state() is State.CLOSED:
                code = self.get_close_code() if self._has_opened() else None
                self._has_ended(code, self.close_cause)
        elif reconnection.state is ReconnectState.WAITING and self._is_due():
            self._attempt()
        if self._waiting.messages and self._is_open():
            self._send_waiting()

    def send(self, message: str | Buffer) -> None:
        """Send as `WebSocketPeer.send()` does, or let the message wait if `waiting_buffer_size` allows it.

        Raises OutboundBufferFullError if there is no room to wait, and NotConnectedError if messages may not wait or no
        attempt will follow.
        """
        if self._has_to_wait():
            self._wait_with(rules.as_message(message))
        else:
            super().send(message)

    def put_packet(self, packet: Buffer) -> None:
        """Send as `WebSocketPeer.put_packet()` does, or let the packet wait as `send()` does."""
        if self._has_to_wait():
            data = rules.as_bytes(packet)
            self._wait_with(rules.as_text(data) if self._write_mode is WriteMode.TEXT else data)
        else:
            super().put_packet(packet)

    def close(self, code: int | None = 1000, reason: str = "") -> None:
        """Close, and stay closed."""
        super().close(code, reason)
        self._waiting.clear()
        self._attempt_number += 1
        self.reconnection.stop()

    def abort(self) -> None:
        """End the connection at once, and do not connect again."""
        super().abort()
        self._waiting.clear()
        self._attempt_number += 1
        self.reconnection.stop()

    def _is_due(self) -> bool:
        returns = count_returns()
        has_returned, self._returns = returns != self._returns, returns
        if has_returned:
            self.reconnection.next_attempt = 0.0
        return monotonic() >= self.reconnection.next_attempt and not self.get_available_packet_count()

    def _attempt(self) -> None:
        """Begin to connect, and emit the new state, unless a function of the program cancels it meanwhile."""
        self._attempt_number += 1
        number = self._attempt_number
        self.reconnection.begin()
        try:
            url, protocols = self._ask()
            if number == self._attempt_number:
                super().connect_to_url(url, protocols, tls=self._tls)
        except BaseException as exc:  # the state must be right after a KeyboardInterrupt too
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
        if callable(self._url) or callable(self._protocols):  # they may succeed the next time
            self._has_ended(None, error)
        else:
            self.reconnection.restart()
            self.reconnection.stop()

    def _is_open(self) -> bool:
        return super().get_ready_state() is State.OPEN

    def _has_to_wait(self) -> bool:
        """Tell whether a message must wait, behind others or for a connection.

        Raises NotConnectedError if it may not.
        """
        if self._waiting.messages and not self._is_greeting and self._reconnection.state in _GOES_ON:
            self._check_thread()
            return True
        if self._is_open() or self._reconnection.state not in _GOES_ON:
            return False
        self._check_thread()
        if not self._waiting.limit:
            raise self._why_not_open()
        return True

    def _wait_with(self, message: Message) -> None:
        if size_of(message) > self._options.outbound_buffer_size:
            raise OutboundBufferFullError(
                f"{size_of(message)} bytes never fit into outbound_buffer_size, {self._options.outbound_buffer_size}"
            )
        if not self._waiting.put(message):
            raise OutboundBufferFullError(
                f"{len(self._waiting.messages)} messages wait for a connection, and this one does not fit into the "
                f"{self._waiting.limit} bytes of waiting_buffer_size"
            )

    def _send_waiting(self) -> None:
        messages = self._waiting
        while messages.messages and self._is_open():
            try:
                super().send(messages.messages[0])
            except OutboundBufferFullError:  # the rest goes with the next poll
                if self.get_current_outbound_buffered_amount():
                    return
                messages.take()  # outbound_buffer_size has become smaller than this message
                raise
            messages.take()

    def _connected(self) -> Transport:
        if self._is_open() or self._reconnection.state not in _GOES_ON:
            return super()._connected()
        self._check_thread()
        raise self._why_not_open()

    def _why_not_open(self) -> NotConnectedError:
        """Return the exception while there is no connection but one will follow."""
        cause = self._reconnection.error
        lost = f": {cause}" if cause is not None else ""
        when = ""
        if self._reconnection.state is ReconnectState.WAITING:
            when = f", and the next attempt comes in {max(self._reconnection.next_attempt - monotonic(), 0.0):.1f} s"
        error = NotConnectedError(
            f"there is no connection now{lost}{when}: poll() until the state is OPEN, or set waiting_buffer_size for "
            "messages to wait until then"
        )
        error.__cause__ = cause
        return error

    def _has_opened(self) -> bool:
        return self._transport is not None and self._transport.has_opened

    def _has_ended(self, code: int | None, error: BaseException | None) -> None:
        self.reconnection.has_ended(monotonic(), code, error)
