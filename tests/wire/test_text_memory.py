"""What a text costs in memory, of which one wide character may make four bytes for each other."""

from __future__ import annotations

import tracemalloc
from collections import deque

import pytest

from pyws_browser.transport.base import size_in_memory
from pyws_browser.wire.messages import MessageStream
from pyws_browser.wire.text import GrowingText

from .raw import CONTINUATION, TEXT, frame

PART = 64 * 1024
COUNT = 32
TEXTS = {
    "ASCII": "x" * PART,
    "one emoji in each part": "x" * (PART - 4) + "\U0001f600",
    "emoji": "\U0001f600" * (PART // 4),
    "Chinese": "漢" * (PART // 3),
    "German": "Grüße " * (PART // 8),
    "small parts with an emoji": "x" * 100 + "\U0001f600",
}


@pytest.mark.parametrize("part", TEXTS.values(), ids=TEXTS)
def test_an_unfinished_text_takes_no_more_than_its_bytes(part: str) -> None:
    stream = MessageStream(is_client=True, max_size=2**24)
    inbox: deque[str | bytes] = deque()
    count = COUNT * PART // len(part.encode())
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        for index in range(count):
            stream.receive(frame(CONTINUATION if index else TEXT, part.encode(), fin=False))
            stream.parse(inbox, 10)
        taken = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert taken < COUNT * PART + 8 * PART
    stream.receive(frame(CONTINUATION, b"."))
    stream.parse(inbox, 10)
    assert inbox.pop() == part * count + "."
    stream.receive(frame(TEXT, b"next", fin=False) + frame(CONTINUATION, b" one"))
    stream.parse(inbox, 10)
    assert inbox.pop() == "next one", "nothing is left of the text before"


@pytest.mark.parametrize(
    ("message", "size"),
    [(b"abc", 3), ("", 0), ("abc", 3), ("grün", 4), ("漢字", 4), ("漢字!", 6), ("hi \U0001f600", 16), (b"", 0)],
)
def test_the_size_of_a_message_in_memory(message: str | bytes, size: int) -> None:
    assert size_in_memory(message) == size


def test_small_parts_that_take_less_as_they_are_are_kept_as_they_are() -> None:
    text = GrowingText()
    for _ in range(100):
        text.add("漢" * 700, 2100)
    assert all(isinstance(part, str) for part in text._parts)
    assert text.take(210_000) == "漢" * 70_000
