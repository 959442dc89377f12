"""Lines that are read, and text that is shown."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator

import pytest

from pyws_browser.cli import screen
from pyws_browser.cli.screen import _in_thread, _unbuffered, printable_lines


def test_what_comes_from_elsewhere_is_shown_to_the_terminal_and_does_nothing_to_it() -> None:
    assert printable_lines("grün\n\ttext 🌱" * 100) == "grün\n\ttext 🌱" * 100
    assert printable_lines("\x1b]0;title\x07\r\x9b2J\udc80\u202e") == "\\x1b]0;title\\x07\\r\\x9b2J\\udc80\\u202e"


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    end, other = os.pipe()
    yield end, other
    os.close(end)


def test_a_line_is_there_as_soon_as_it_is_whole(pipe: tuple[int, int]) -> None:
    lines = _unbuffered(pipe[0])
    os.write(pipe[1], "one\r\n\ngr\u00fc".encode()[:-1])
    assert [next(lines), next(lines)] == ["one", ""]
    os.write(pipe[1], "\u00fc".encode()[-1:] + b"n\nlast")
    assert next(lines) == "grün"
    os.close(pipe[1])
    assert list(lines) == ["last"]


def test_lines_are_read_many_at_a_time(pipe: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = []

    def read(descriptor: int, size: int) -> bytes:
        data = os_read(descriptor, size)
        sizes.append(len(data))
        return data

    os_read = os.read
    monkeypatch.setattr(screen.os, "read", read)
    os.write(pipe[1], b"line\n" * 800)
    os.close(pipe[1])
    assert list(_unbuffered(pipe[0])) == ["line"] * 800
    assert sizes == [4000, 0]


def test_no_more_lines_are_read_than_may_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    read = 0

    def lines() -> Iterator[str]:
        nonlocal read
        for _ in range(100):
            read += 1
            yield "line"

    async def take() -> None:
        taken = 0
        async for _ in _in_thread(lines()):
            taken += 1
            assert read <= taken + 4 + 1  # one is in the thread's hand
        assert taken == 100

    monkeypatch.setattr(screen, "_MAX_WAITING", 4)
    asyncio.run(take())


def test_an_input_that_cannot_be_read_is_said() -> None:
    def lines() -> Iterator[str]:
        yield "line"
        raise OSError("it is broken")

    async def take() -> list[str]:
        return [line async for line in _in_thread(lines())]

    with pytest.raises(OSError, match="it is broken"):
        asyncio.run(take())
