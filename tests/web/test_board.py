"""The program that the page and the desktop share."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from board import DRAW, INK, MOVE, POINT, Participant, clean, meaning
from desktop import BOARD_PROGRAM, Desktop
from serve import Site

from ..support import pump


class Calls:
    """A view that writes down what it was told."""

    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []

    def __getattr__(self, name: str) -> Any:
        return lambda *arguments: self.calls.append((name, *arguments))

    def of(self, name: str) -> list[tuple[Any, ...]]:
        return [call[1:] for call in self.calls if call[0] == name]


class Guest(Participant):
    """A participant who is polled by a test."""

    def __init__(self, url: str, name: str) -> None:
        self.seen = Calls()
        super().__init__(self.seen, name)
        self.connect(url)

    poll = Participant.step


@pytest.fixture
def guests(site: Site) -> Iterator[tuple[Guest, Guest]]:
    """Two who see each other."""
    ada, bob = Guest(site.relay_url, "Ada"), Guest(site.relay_url, "Bob")
    pump(ada, bob, until=lambda: ada.seen.of("joined") and bob.seen.of("joined"))
    with ada.peer, bob.peer:
        yield ada, bob


def test_they_see_each_other_move_and_draw(guests: tuple[Guest, Guest]) -> None:
    ada, bob = guests
    ada.point(0.0, 1.0, False)
    ada.point(0.5, 0.25, True)
    ada.point(-3.0, 9.0, True)
    pump(ada, bob, until=lambda: len(bob.seen.of("moved")) == 3)
    assert [x for _, x, _ in bob.seen.of("moved")] == pytest.approx([0, 0.5, 0], abs=1e-4)
    assert [y for _, _, y in bob.seen.of("moved")] == pytest.approx([1, 0.25, 1], abs=1e-4)
    assert [line[0] for line in bob.seen.of("line")] == [ada.me.colour] * 2
    assert bob.seen.of("line")[0][1:] == pytest.approx((0, 1, 0.5, 0.25), abs=1e-4)


def test_only_the_newest_move_is_sent_but_every_point_of_a_line(guests: tuple[Guest, Guest]) -> None:
    ada, bob = guests
    for x in (0.1, 0.2, 0.3):
        ada.point(x, 0.5, False)
    for x in (0.4, 0.5, 0.6):
        ada.point(x, 0.5, True)
    ada.point(0.7, 0.5, False)
    pump(ada, bob, until=lambda: len(bob.seen.of("moved")) == 5)
    assert [x for _, x, _ in bob.seen.of("moved")] == pytest.approx([0.3, 0.4, 0.5, 0.6, 0.7], abs=1e-4)


def test_they_hear_each_other(guests: tuple[Guest, Guest]) -> None:
    ada, bob = guests
    bob.say("hello")
    pump(ada, bob, until=lambda: ada.seen.of("chat"))
    assert [call[1:] for call in ada.seen.of("chat")] == [("Bob", "hello")]
    assert [call[1:] for call in bob.seen.of("chat")] == [("Bob", "hello")]


def test_a_round_trip_is_timed(guests: tuple[Guest, Guest]) -> None:
    ada, _ = guests
    pump(ada, until=lambda: ada.seen.of("echoed"))
    network, frame = ada.seen.of("echoed")[0]
    assert 0 < network < 10_000
    assert 0 <= frame < 10_000


def test_an_end_that_nobody_wanted_is_a_problem_and_one_that_was_asked_for_is_not(
    guests: tuple[Guest, Guest], site: Site
) -> None:
    ada, bob = guests
    ada.close("4000", "lunch")
    pump(ada, until=lambda: ada.seen.of("ended"))
    assert ada.seen.of("ended") == [(4000, "", "lunch", True, "")]
    assert ada.seen.of("problem") == []
    site.stop()
    pump(bob, until=lambda: bob.seen.of("ended"))
    assert bob.seen.of("problem") == []
    ((_, why),) = bob.seen.of("waiting")
    assert why == "the other side has closed the connection (1001, going away, the relay is stopping)"


def test_it_can_come_back(guests: tuple[Guest, Guest], site: Site) -> None:
    ada, bob = guests
    ada.close()
    pump(ada, until=lambda: ada.seen.of("ended"))
    ada.connect(site.relay_url)
    pump(ada, bob, until=lambda: len(bob.seen.of("joined")) == 2)


@given(
    st.one_of(
        st.text(),
        st.binary(),
        st.binary(max_size=40).map(lambda data: bytes([INK]) + data),
        st.builds(POINT.pack, st.sampled_from([MOVE, DRAW]), st.integers(0, 2**32 - 1), st.just(1), st.just(2)),
        st.dictionaries(
            st.sampled_from(["type", "id", "name", "colour", "text", "people", "n"]),
            st.one_of(
                st.sampled_from(["welcome", "join", "leave", "chat", "clear", "echo"]),
                st.integers(),
                st.text(max_size=3),
                st.none(),
                st.floats(),
                st.lists(st.dictionaries(st.sampled_from(["id", "name", "colour"]), st.integers() | st.text())),
            ),
        ).map(json.dumps),
    )
)
def test_no_message_from_anybody_can_break_it(message: str | bytes) -> None:
    view = Calls()
    participant = Participant(view, "Ada")
    participant._receive(message, 0.0)
    assert len(view.of("message")) == 1


def test_texts_lose_what_a_terminal_would_obey() -> None:
    assert clean("\x1b[2J\tTea\u202e\u200b ", 10) == "[2J Tea"
    assert clean("x" * 30, 24) == "x" * 24


@pytest.mark.parametrize(
    ("code", "words"), [(1000, "normal closure"), (1006, "abnormal closure"), (4321, ""), (-1, "")]
)
def test_close_codes_have_a_meaning_or_none(code: int, words: str) -> None:
    assert meaning(code) == words


# The desktop's side, as a process.


def test_in_a_terminal_it_says_what_it_reads_and_leaves_when_told_to(site: Site) -> None:
    with Desktop(site.relay_url, "--name", "Ada", "--greet") as ada:
        ada.wait_for("at the board as Ada")
        with Desktop(site.relay_url, "--name", "Bob", "--say", "one", "--say", "two") as bob:
            ada.wait_for("Bob is here")
            ada.wait_for("Bob: one")
            ada.wait_for("Bob: two")
            bob.wait_for("Ada: Hello, Bob!")
            ada.wait_for("Bob is at ")
            bob.say("grüß dich")
            ada.wait_for("Bob: grüß dich")
            assert bob.leave() == 0
        assert bob.lines[-1] == "closed with 1000 (normal closure, “goodbye”)"
        ada.wait_for("Bob has left")


def test_it_leaves_after_the_time_that_it_was_given(site: Site) -> None:
    with Desktop(site.relay_url, "--seconds", "0.5") as desktop:
        desktop.wait_for("closed with 1000")
        assert desktop.wait() == 0


def test_it_ends_with_an_error_when_the_relay_ends(site: Site) -> None:
    with Desktop(site.relay_url) as desktop:
        desktop.wait_for("at the board")
        site.stop()
        desktop.wait_for("problem: the other side has closed the connection (1001, going away, the relay is stopping)")
        assert desktop.wait() == 1


@pytest.mark.parametrize(
    ("url", "code", "words"),
    [
        ("ftp://example.com/", 2, "problem: not connected: 'ftp://example.com/' has the scheme 'ftp'"),
        ("ws://127.0.0.1:1/", 2, "problem: not connected: 'ws://127.0.0.1:1/': browsers refuse port 1"),
        ("ws://localhost.invalid:9999/", 1, "problem: the connection has failed (1006, abnormal closure)"),
    ],
)
def test_it_says_why_it_cannot_connect(url: str, code: int, words: str) -> None:
    with Desktop(url) as desktop:
        desktop.wait_for(words)
        assert desktop.wait() == code


def test_the_program_is_the_file_that_the_page_runs() -> None:
    source = BOARD_PROGRAM.read_text("utf-8")
    assert '"./board.py"' in BOARD_PROGRAM.with_name("program.mjs").read_text("utf-8")
    assert "emscripten" not in source
    assert "js" not in {name.split(".")[0] for name in sys.modules}
