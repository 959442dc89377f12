"""Pings and what they tell: how long the way is, and whether anybody is still there (RFC 6455 §5.5.2)."""

from __future__ import annotations

from math import inf

from ...errors import HeartbeatTimeoutError
from ..limit import TimeLimit


class Heart:
    """Keeps the time of one connection's pings; `interval` is in seconds, 0 for none of its own.

    Who gives no sign of life for `timeout` seconds after a ping is taken for gone, 0 stands for the interval. A sign of
    life is whatever comes. While a ping waits behind other data to be sent, it is also that the other side takes in
    some of that: the seconds run from when the ping left, or from when the other side took in something last.

    Its caller tells it what happens, with the time by `time.monotonic()`.
    """

    def __init__(self, interval: float, timeout: float = 0.0) -> None:
        self.latency: float = 0.0
        """Seconds that the last answered ping took."""
        self.next_beat: float = inf
        """When `beat()` has something to do."""
        self.left: list[tuple[bytes, float]] = []
        """The pings that have left, and when, for the caller to take out."""
        self._interval = interval
        self._timeout = timeout or interval
        self._next_ping = inf
        self._silence: TimeLimit | None = None  # while nothing has come since a ping
        self._asked = b""  # that ping
        self._beats = 0
        self._ping = b""
        self._ping_left_at = 0.0

    def start(self, now: float) -> None:
        """Be told that the connection is open."""
        if self._interval:
            self.next_beat = self._next_ping = now + self._interval

    def feel_life(self) -> None:
        """Be told that anything at all came."""
        self._silence = None

    def feel_progress(self, now: float) -> None:
        """Be told that the other side took in some of what it was late with."""
        if self._silence is not None:
            self._silence.restart(now)

    def feel_ping(self, payload: bytes, now: float) -> None:
        """Be told of a ping that left."""
        self._ping, self._ping_left_at = payload, now
        self.left.append((payload, now))
        if self._silence is not None and payload == self._asked:
            self._silence.restart(now)

    def feel_pong(self, payload: bytes, now: float) -> None:
        """Be told of a pong that came; only the one of the last ping measures."""
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
