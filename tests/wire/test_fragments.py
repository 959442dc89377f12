"""The ends of fragments, and the fragments that they make of a message."""

from __future__ import annotations

import pytest

from pyws_browser.wire.fragments import MAX_FRAGMENTS, Fragments, split


@pytest.mark.parametrize(
    ("message", "ends", "fragments"),
    [
        ("abcdef", [], ["abcdef"]),
        ("abcdef", [2, 2, 6], ["ab", "", "cdef"]),
        (b"abcdef", [1, 6], [b"a", b"bcdef"]),
        ("", [], [""]),
    ],
)
def test_a_message_is_split_at_the_ends(message: str | bytes, ends: list[int], fragments: list[str | bytes]) -> None:
    assert split(message, ends) == fragments


def test_there_are_so_many_fragments_at_most_and_the_last_one_has_the_rest() -> None:
    fragments = Fragments()
    for position in range(1, MAX_FRAGMENTS + 11):
        fragments.end_fragment(position)
    fragments.end_message(3)
    ((index, ends),) = fragments.complete
    assert index == 3
    assert len(ends) == MAX_FRAGMENTS
    assert ends[-1] == MAX_FRAGMENTS + 10


def test_a_message_of_one_frame_has_no_ends() -> None:
    fragments = Fragments()
    fragments.end_fragment(10)
    fragments.end_message(0)
    assert fragments.complete == []
    assert fragments.ends == []
