"""The arithmetic of pings."""

from __future__ import annotations

from math import inf

import pytest

from pyws_browser import HeartbeatTimeoutError
from pyws_browser.transport.native.heart import Heart


def beat_until(heart: Heart, end: float) -> None:
    """Beat whenever the heart asks for it, and have each ping leave at once, as where nothing waits before it."""
    while heart.next_beat <= end:
        now = heart.next_beat
        ping = heart.beat(now)
        if ping:
            heart.feel_ping(ping, now)


def test_without_an_interval_it_never_beats() -> None:
    heart = Heart(0)
    heart.start(100.0)
    assert heart.next_beat == inf


def test_it_beats_once_an_interval_with_a_new_payload() -> None:
    heart = Heart(5)
    heart.start(100.0)
    assert heart.next_beat == 105
    first = heart.beat(105.5)
    heart.feel_life()
    assert heart.beat(heart.next_beat) == b""
    assert heart.next_beat == 110.5
    assert heart.beat(111.0) not in (b"", first)


def test_a_whole_interval_without_life_ends_it() -> None:
    heart = Heart(5)
    heart.start(100.0)
    beat_until(heart, 109.9)
    with pytest.raises(HeartbeatTimeoutError, match="5 s"):
        beat_until(heart, 110.0)


def test_any_sign_of_life_will_do() -> None:
    heart = Heart(5)
    heart.start(100.0)
    for second in range(105, 200, 5):
        beat_until(heart, second + 0.1)
        heart.feel_life()


def test_the_time_runs_from_when_the_ping_left() -> None:
    heart = Heart(10, timeout=4)
    heart.start(100.0)
    ping = heart.beat(110.0)
    beat_until(heart, 113.0)
    heart.feel_ping(ping, 113.0)
    beat_until(heart, 116.9)
    with pytest.raises(HeartbeatTimeoutError):
        beat_until(heart, 117.0)


def test_as_long_as_the_other_side_takes_in_data_it_is_alive() -> None:
    heart = Heart(10, timeout=4)
    heart.start(100.0)
    heart.beat(110.0)
    for second in range(113, 160, 3):
        heart.beat(second)
        heart.feel_progress(second)
    with pytest.raises(HeartbeatTimeoutError):
        beat_until(heart, 163.0)


def test_a_ping_that_cannot_leave_because_nothing_is_taken_in_ends_it_as_well() -> None:
    heart = Heart(10, timeout=4)
    heart.start(100.0)
    heart.beat(110.0)
    for _ in range(3):
        heart.beat(heart.next_beat)
    assert heart.next_beat == 114
    with pytest.raises(HeartbeatTimeoutError):
        heart.beat(114)


def test_time_in_which_nobody_polled_is_not_silence_of_the_other_side() -> None:
    heart = Heart(5)
    heart.start(100.0)
    heart.feel_ping(heart.beat(105.0), 105.0)
    heart.beat(200.0)
    with pytest.raises(HeartbeatTimeoutError):
        beat_until(heart, 204.0)


def test_only_the_pong_of_the_last_ping_measures() -> None:
    heart = Heart(0)
    heart.feel_ping(b"one", 100.0)
    heart.feel_ping(b"two", 101.0)
    heart.feel_pong(b"one", 101.5)
    assert heart.latency == 0.0
    heart.feel_pong(b"two", 101.25)
    assert heart.latency == 0.25
