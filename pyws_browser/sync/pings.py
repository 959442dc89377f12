"""The pings that a program sent, and the pongs that they wait for (RFC 6455 §5.5.2 and §5.5.3)."""

from __future__ import annotations

import os
from time import monotonic
from typing import TYPE_CHECKING

from ..compat.exceptions import ConcurrencyError

if TYPE_CHECKING:
    from threading import Event

    from ..transport.base import Transport


class Pings:
    """The pings of one connection, in the order in which they were sent; the connection's lock guards them."""

    def __init__(self, transport: Transport) -> None:
        self.latency: float = 0.0
        """Seconds that the last answered ping of the program took."""
        self._transport = transport
        self._waiting: dict[bytes, tuple[Event, float, bool]] = {}
        transport.on_pong = self._answer

    def send(self, payload: bytes | None, *, ack_on_close: bool) -> Event:
        """Send a ping, with four random bytes if `payload` is None; the event is set when its pong has come.

        Raises ConcurrencyError if a ping with this payload waits for its pong.
        """
        from threading import Event

        if payload in self._waiting:
            raise ConcurrencyError("already waiting for a pong with the same data")
        while payload is None or payload in self._waiting:
            payload = os.urandom(4)
        answered = Event()
        self._waiting[payload] = answered, monotonic(), ack_on_close
        self._transport.ping(payload)
        return answered

    def end(self) -> None:
        """Set the events of pings with `ack_on_close`: the connection has ended."""
        waiting, self._waiting = self._waiting, {}
        for answered, _, ack_on_close in waiting.values():
            if ack_on_close:
                answered.set()

    def _answer(self, payload: bytes) -> None:
        """Match a pong with its ping and all earlier ones, since one pong may answer several pings."""
        if payload not in self._waiting:
            self.latency = self._transport.latency
            return
        now = monotonic()
        for sent in list(self._waiting):
            answered, at, _ = self._waiting.pop(sent)
            answered.set()
            if sent == payload:
                self.latency = now - at
                return
