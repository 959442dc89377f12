"""How text that others wrote is shown."""

from __future__ import annotations

import pytest

from pyws_browser.protocol.display import printable, without_password


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("", ""),
        ("/play?room=1", "/play?room=1"),
        ("Grüße, 世界 🎲", "Grüße, 世界 🎲"),
        ("\x1b[2J\x1b]0;title\x07", r"\x1b[2J\x1b]0;title\x07"),
        ("one\r\ntwo\tthree", r"one\r\ntwo\tthree"),
        ("\x00\x7f\x9b31m", r"\x00\x7f\x9b31m"),
        ("\u202egpj.exe", r"\u202egpj.exe"),
        ("a\u2028b\ufeffc\U000e0041", r"a\u2028b\ufeffc\U000e0041"),
        ("\ud800", r"\ud800"),
        ("back\\slash", "back\\slash"),
    ],
)
def test_what_does_not_print_is_escaped(text: str, shown: str) -> None:
    assert printable(text) == shown


def test_every_character_that_is_shown_prints() -> None:
    every = "".join(map(chr, range(0x110000)))
    assert printable(every, limit=None).isprintable()


def test_a_long_text_is_cut() -> None:
    assert printable("x" * 10_000) == "x" * 200 + "…"
    assert printable("x" * 200) == "x" * 200
    assert printable("\n" * 5, limit=3) == r"\n\n\n…"


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("ws://game.example/", "ws://game.example/"),
        ("ws://user:secret@game.example/a@b", "ws://user:****@game.example/a@b"),
        ("ws://user:sec@ret@game.example/", "ws://user:****@game.example/"),
        ("ws://:secret@game.example/", "ws://:****@game.example/"),
        ("ws://user:@game.example/", "ws://user:****@game.example/"),
        ("wss://secret@game.example", "wss://****@game.example"),
        ("ws:user:secret@game.example", "ws:user:****@game.example"),
        (r"ws:\\user:secret@game.example", r"ws:\\user:****@game.example"),
        (" \x01ws://user:secret@game.example", " \x01ws://user:****@game.example"),
        ("w\ns:/\t/user:secret@game.example", "w\ns:/\t/user:****@game.example"),
        ("ws://user:secret@[::1", "ws://user:****@[::1"),
        ("//user:secret@proxy.example:3128", "//user:****@proxy.example:3128"),
        ("ws://user:sec/ret@game.example/", "ws://user:****@game.example/"),
        ("ws://user:sec?r#et@game.example/", "ws://user:****@game.example/"),
        ("ws://game.example:8000/@scope/name", "ws://game.example:8000/@scope/name"),
        ("ws://[::1]:8000/?user@home", "ws://[::1]:8000/?user@home"),
        ("mailto:name@game.example", "mailto:****@game.example"),
        ("/relative/@path", "/relative/@path"),
        ("", ""),
    ],
)
def test_the_password_of_a_url_is_hidden(url: str, shown: str) -> None:
    assert without_password(url) == shown


def test_a_password_without_a_scheme_is_hidden() -> None:
    assert without_password("user:secret@proxy.example:3128") == "user:****@proxy.example:3128"
