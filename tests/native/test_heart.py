"""The arithmetic of pings."""

from __future__ import annotations

from math import inf

import pytest

from pyws_browser import HeartbeatTimeoutError
from pyws_browser.transport.native.heart import Heart


def test_without_an_interval_it_never_beats() -> None:
    heart = Heart(0)
    heart.start(100.0)
    assert heart.next_beat == inf


def test_it_beats_once_an_interval_with_a_new_payload() -> None:
    heart = Heart(5)
    heart.start(100.0)
    assert heart.next_beat == 105
    first = heart.beat(105.5)
    assert heart.next_beat == 110.5
    heart.feel_life(106.0)
    assert heart.beat(111.0) != first


def test_a_whole_interval_without_life_ends_it() -> None:
    heart = Heart(5)
    heart.start(100.0)
    heart.beat(105.0)
    with pytest.raises(HeartbeatTimeoutError, match="5 s"):
        heart.beat(110.0)


def test_any_sign_of_life_will_do() -> None:
    heart = Heart(5)
    heart.start(100.0)
    heart.beat(105.0)
    heart.feel_life(105.1)
    heart.beat(110.0)


def test_only_the_pong_of_the_last_ping_measures() -> None:
    heart = Heart(0)
    heart.feel_ping(b"one", 100.0)
    heart.feel_ping(b"two", 101.0)
    heart.feel_pong(b"one", 101.5)
    assert heart.latency == 0.0
    heart.feel_pong(b"two", 101.25)
    assert heart.latency == 0.25
