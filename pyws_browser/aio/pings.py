"""The pings that a program sent, and the pongs that they wait for (RFC 6455 §5.5.2 and §5.5.3)."""

from __future__ import annotations

import os
from time import monotonic
from typing import TYPE_CHECKING

from ..compat.exceptions import ConcurrencyError

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop, Future

    from ..compat.exceptions import ConnectionClosed
    from ..transport.base import Transport


class Pings:
    """The pings of one connection, in the order in which they were sent."""

    def __init__(self, transport: Transport, loop: AbstractEventLoop) -> None:
        self.latency: float = 0.0
        """Seconds that the last answered ping took, keepalive pings included."""
        self._transport = transport
        self._loop = loop
        self._waiting: dict[bytes, tuple[Future[float], float]] = {}
        transport.on_ping = self._note
        transport.on_pong = self._answer

    def send(self, payload: bytes | None) -> Future[float]:
        """Send a ping, with four random bytes if `payload` is None; the future gets the latency in seconds.

        Raises ConcurrencyError if a ping with this payload waits for its pong.
        """
        if payload in self._waiting:
            raise ConcurrencyError("already waiting for a pong with the same data")
        while payload is None or payload in self._waiting:
            payload = os.urandom(4)
        answered: Future[float] = self._loop.create_future()
        self._waiting[payload] = answered, monotonic()
        self._transport.ping(payload)
        return answered

    def end(self, error: ConnectionClosed) -> None:
        """Raise `error` in every task that waits for a pong."""
        for answered, _ in self._waiting.values():
            if not answered.done():
                answered.set_exception(error)
                answered.exception()  # so that nothing warns if no task awaits it
        self._waiting.clear()

    def _note(self, payload: bytes, at: float) -> None:
        """Measure the latency from when the ping left: it may have waited behind other data."""
        waiting = self._waiting.get(payload)
        if waiting is not None:
            self._waiting[payload] = waiting[0], at

    def _answer(self, payload: bytes) -> None:
        """Match a pong with its ping and all earlier ones, since one pong may answer several pings."""
        if payload not in self._waiting:
            self.latency = self._transport.latency
            return
        now = monotonic()
        for sent in list(self._waiting):
            answered, at = self._waiting.pop(sent)
            if not answered.done():
                answered.set_result(now - at)
            if sent == payload:
                self.latency = now - at
                return
