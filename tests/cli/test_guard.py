"""Whose requests a server answers: the names that it has, and the pages that it lets in."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from websockets.datastructures import Headers

from pyws_browser.cli.guard import Guard

from .command import LIMIT, serving

LOCAL = ["127.0.0.1", "::1"]
EVERYWHERE = ["0.0.0.0", "::"]


def status_of(guard: Guard, *fields: tuple[str, str]) -> int | None:
    refusal = guard.refusal_of(Headers(fields))
    return None if refusal is None else refusal.status


@pytest.mark.parametrize(
    ("addresses", "host", "status"),
    [
        (LOCAL, "localhost", None),
        (LOCAL, "localhost:8765", None),
        (LOCAL, "LOCALHOST.", None),
        (LOCAL, "page.localhost:1", None),
        (LOCAL, "127.0.0.1:8765", None),
        (LOCAL, "127.8.8.8", None),
        (LOCAL, "[::1]:8765", None),
        (LOCAL, "evil.example:8765", 421),
        (LOCAL, "127.0.0.1.evil.example", 421),
        (LOCAL, "127.evil.example", 421),
        (LOCAL, "localhost.evil.example", 421),
        (LOCAL, "evillocalhost", 421),
        (LOCAL, "192.0.2.1", 421),
        (LOCAL, "[2001:db8::1]", 421),
        (["192.0.2.1"], "192.0.2.1:8765", None),
        (["192.0.2.1"], "192.0.2.2", 421),
        (["fe80::1%eth0"], "[fe80::1]", None),
        (EVERYWHERE, "192.0.2.1", None),
        (EVERYWHERE, "[2001:db8::1]:8765", None),
        (EVERYWHERE, "evil.example", 421),
        (LOCAL, "", 400),
        (LOCAL, "localhost:x", 400),
        (LOCAL, "localhost/", 400),
        (LOCAL, "localhost, evil.example", 400),
        (LOCAL, "user@localhost", 400),
        (LOCAL, "::1", 400),
        (LOCAL, "[::1", 400),
    ],
)
def test_which_hosts_are_known(addresses: list[str], host: str, status: int | None) -> None:
    assert status_of(Guard(addresses), ("Host", host)) == status


def test_a_request_of_http_1_0_needs_no_host() -> None:
    assert status_of(Guard(LOCAL)) is None


def test_two_hosts_are_one_too_many() -> None:
    assert status_of(Guard(LOCAL), ("Host", "localhost"), ("Host", "localhost")) == 400


def test_this_machines_name_is_known_if_it_listens_everywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("socket.gethostname", lambda: "MyBox")
    assert status_of(Guard(EVERYWHERE), ("Host", "mybox:8765")) is None
    assert status_of(Guard(LOCAL), ("Host", "mybox:8765")) == 421


def test_names_that_were_given_are_known() -> None:
    guard = Guard([*LOCAL, "Game.example"])
    assert status_of(guard, ("Host", "game.example:443")) is None
    assert status_of(guard, ("Host", "www.game.example")) == 421
    assert status_of(Guard([*LOCAL, "*"]), ("Host", "www.game.example")) is None


@pytest.mark.parametrize(
    ("host", "origin", "status"),
    [
        ("localhost:8765", "http://localhost:8765", None),
        ("127.0.0.1:8765", "http://localhost:5173", None),
        ("127.0.0.1:8765", "https://[::1]:5173", None),
        ("localhost:8765", "https://evil.example", 403),
        ("localhost:8765", "http://localhost.evil.example", 403),
        ("localhost:8765", "http://127.evil.example", 403),
        ("localhost:8765", "null", 403),
        ("localhost:8765", "", 403),
        ("localhost:8765", "file://", 403),
        ("localhost:8765", "http://localhost@evil.example", 403),
        ("localhost:8765", "chrome-extension://localhost", 403),
        ("game.example", "https://game.example", None),
        ("game.example:443", "https://game.example", None),
        ("game.example:8443", "https://game.example:8443", None),
        ("game.example:8443", "https://game.example", None),
        ("192.0.2.1:8765", "http://192.0.2.1:8000", None),
        ("game.example", "https://www.game.example", 403),
        ("game.example", "https://friend.example", None),
        ("game.example", "HTTPS://FRIEND.EXAMPLE", None),
        ("game.example", "https://friend.example:444", 403),
        ("game.example", "http://friend.example", 403),
    ],
)
def test_which_pages_are_let_in(host: str, origin: str, status: int | None) -> None:
    guard = Guard(["0.0.0.0", "game.example"], ["https://friend.example"])
    assert status_of(guard, ("Host", host), ("Origin", origin)) == status


def test_two_origins_are_one_too_many() -> None:
    origin = ("Origin", "http://localhost")
    assert status_of(Guard(LOCAL), ("Host", "localhost"), origin, origin) == 403


@pytest.mark.parametrize("origin", ["null", "https://evil.example"])
def test_every_page_is_let_in_if_that_was_asked_for(origin: str) -> None:
    assert status_of(Guard(LOCAL, ["*"]), ("Host", "localhost"), ("Origin", origin)) is None
    assert status_of(Guard(LOCAL, [origin]), ("Host", "localhost"), ("Origin", origin)) is None


@pytest.mark.parametrize(
    ("host", "origin", "status"),
    [
        ("localhost", None, 101),
        ("game.example", "https://friend.example", 101),
        ("localhost", "https://evil.example", 403),
        ("evil.example", None, 421),
        ("evil.example", "http://evil.example", 421),
    ],
)
def test_the_command_asks_the_guard(guarded: int, host: str, origin: str | None, status: int) -> None:
    with socket.create_connection(("127.0.0.1", guarded), LIMIT) as sock:
        sock.sendall(
            f"GET / HTTP/1.1\r\nHost: {host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n".encode()
            + (b"" if origin is None else f"Origin: {origin}\r\n".encode())
            + b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        )
        assert sock.makefile("rb").readline().split()[1] == str(status).encode()


@pytest.fixture(scope="module")
def guarded() -> Iterator[int]:
    with serving("--echo", "--origin", "https://friend.example", "--allow-host", "game.example") as (url, _):
        yield urlsplit(url).port or 0
