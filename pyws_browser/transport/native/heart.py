"""Pings and what they tell: how long the way is, and whether anybody is still there (RFC 6455 §5.5.2)."""

from __future__ import annotations

from math import inf

from ...errors import HeartbeatTimeoutError


class Heart:
    """Keeps the time of one connection's pings; `interval` is in seconds, 0 for none of its own.

    Who gives no sign of life for `timeout` seconds after a ping is taken for gone, 0 stands for the interval.

    Its caller tells it what happens, with the time by `time.monotonic()`.
    """

    def __init__(self, interval: float, timeout: float = 0.0) -> None:
        self.latency: float = 0.0
        """Seconds that the last answered ping took."""
        self.next_beat: float = inf
        """When `beat()` has something to do."""
        self._interval = interval
        self._timeout = timeout or interval
        self._next_ping = inf
        self._last_life = 0.0
        self._asked_at = -inf  # when the first ping went out that nothing came after
        self._beats = 0
        self._ping = b""
        self._ping_sent_at = 0.0

    def start(self, now: float) -> None:
        """Be told that the connection is open."""
        self._last_life = now
        if self._interval:
            self.next_beat = self._next_ping = now + self._interval

    def feel_life(self, now: float) -> None:
        """Be told that anything at all came."""
        self._last_life = now

    def feel_ping(self, payload: bytes, now: float) -> None:
        """Be told of a ping that goes out."""
        self._ping, self._ping_sent_at = payload, now

    def feel_pong(self, payload: bytes, now: float) -> None:
        """Be told of a pong that came; only the one of the last ping measures."""
        if payload == self._ping:
            self.latency = now - self._ping_sent_at

    def beat(self, now: float) -> bytes:
        """Return the payload of the ping that is due, b"" if none is yet.

        Raises HeartbeatTimeoutError if nothing came within the time limit after a ping: any sign of life counts, not
        only its pong.
        """
        if self._is_waiting() and now >= self._asked_at + self._timeout:
            raise HeartbeatTimeoutError(self._timeout)
        payload = b""
        if now >= self._next_ping:
            if not self._is_waiting():
                self._asked_at = now
            self._next_ping = now + self._interval
            self._beats += 1
            payload = self._beats.to_bytes(8, "big")
        self.next_beat = min(self._next_ping, self._asked_at + self._timeout) if self._is_waiting() else self._next_ping
        return payload

    def _is_waiting(self) -> bool:
        return self._asked_at > self._last_life
