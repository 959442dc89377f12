"""Time limits, which count what both sides had a turn for."""

from __future__ import annotations

from pyws_browser.transport.limit import LOOKS, TimeLimit


def test_a_limit_counts_a_quarter_of_itself_at_most_for_each_look() -> None:
    limit = TimeLimit(10.0, now=0.0)
    assert [limit.is_over(1000.0 * look) for look in range(1, LOOKS + 1)] == [False] * (LOOKS - 1) + [True]


def test_what_is_skipped_does_not_count() -> None:
    limit = TimeLimit(10.0, now=0.0)
    for now in range(1, 1000):
        limit.skip(float(now))
    assert limit.next_look > 999.0
    assert not limit.is_over(999.0)
    assert [limit.is_over(999.0 + second) for second in (2, 4, 6, 8, 10)] == [False] * 4 + [True]
