"""Pings, which measure the latency and show whether the other side is alive (RFC 6455 §5.5.2)."""

from __future__ import annotations

from math import inf

from ...errors import HeartbeatTimeoutError
from ..limit import TimeLimit


class Heart:
    """Schedules one connection's pings; `interval` is in seconds, 0 for no automatic pings.

    The other side counts as dead if it gives no sign of life for `timeout` seconds after a ping; 0 stands for the
    interval. Any received data is a sign of life. While a ping waits behind other data, so is progress in sending that
    data: the time starts when the ping leaves, and restarts with such progress.

    The caller records events here, with times of `time.monotonic()`.
    """

    def __init__(self, interval: float, timeout: float = 0.0) -> None:
        self.latency: float = 0.0
        """The latency of the last answered ping in seconds."""
        self.next_beat: float = inf
        """When `beat()` has work to do."""
        self.left: list[tuple[bytes, float]] = []
        """The sent pings and when they left, for the caller to take."""
        self._interval = interval
        self._timeout = timeout or interval
        self._next_ping = inf
        self._silence: TimeLimit | None = None  # set while nothing has come since a ping
        self._asked = b""  # that ping
        self._beats = 0
        self._ping = b""
        self._ping_left_at = 0.0

    def start(self, now: float) -> None:
        """Record that the connection is open."""
        if self._interval:
            self.next_beat = self._next_ping = now + self._interval

    def feel_life(self) -> None:
        """Record received data."""
        self._silence = None

    def feel_progress(self, now: float) -> None:
        """Record progress in sending data that waited."""
        if self._silence is not None:
            self._silence.restart(now)

    def feel_ping(self, payload: bytes, now: float) -> None:
        """Record a ping that left."""
        self._ping, self._ping_left_at = payload, now
        self.left.append((payload, now))
        if self._silence is not None and payload == self._asked:
            self._silence.restart(now)

    def feel_pong(self, payload: bytes, now: float) -> None:
        """Record a received pong; only that of the last ping sets the latency."""
        if payload == self._ping:
            self.latency = now - self._ping_left_at

    def beat(self, now: float) -> bytes:
        """Return the payload of the ping that is due, b"" if none is yet.

        Raises HeartbeatTimeoutError if there was no sign of life within the time limit after a ping.
        """
        if self._silence is not None and self._silence.is_over(now):
            raise HeartbeatTimeoutError(self._timeout)
        payload = b""
        if now >= self._next_ping:
            self._next_ping = now + self._interval
            self._beats += 1
            payload = self._beats.to_bytes(8, "big")
            if self._silence is None:
                self._silence = TimeLimit(self._timeout, now)
                self._asked = payload
        self.next_beat = self._next_ping if self._silence is None else min(self._next_ping, self._silence.next_look)
        return payload
