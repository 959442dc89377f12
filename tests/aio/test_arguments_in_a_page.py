"""What `connect()` does with each argument where the web's limits hold, as in a page."""

from __future__ import annotations

import logging
import ssl
from typing import Any

import pytest
from websockets.datastructures import Headers
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory

from pyws_browser import Compression, UnsupportedInBrowserError
from pyws_browser.aio import connect
from pyws_browser.compat import page
from pyws_browser.compat.arguments import AGENT

URL = "wss://game.example/"

ASKS_FOR_NOTHING: list[dict[str, Any]] = [
    {"additional_headers": {}},
    {"additional_headers": []},
    {"additional_headers": Headers()},
    {"additional_headers": None},
    {"ssl": True},
    {"extensions": []},
    {"extensions": None},
    {"compression": "deflate"},
    {"user_agent_header": AGENT},
    {"ping_interval": 20, "ping_timeout": 20},
    {"ping_interval": None, "ping_timeout": None},
    {"proxy": None},
    {"proxy": True},
    {"origin": None, "server_hostname": None, "host": None, "port": None, "local_addr": None},
    {"sock": None, "family": 0, "happy_eyeballs_delay": None},
]

CHANGES_NO_MESSAGE: list[tuple[str, Any]] = [
    ("compression", None),
    ("compression", Compression()),
    ("extensions", [ClientPerMessageDeflateFactory()]),
    ("user_agent_header", None),
    ("user_agent_header", "Game/1"),
    ("additional_headers", {"User-Agent": "Game/1"}),
    ("ping_interval", 30),
    ("ping_timeout", 5),
    ("ssl", ssl.create_default_context()),
    ("family", 2),
    ("happy_eyeballs_delay", 0.1),
    ("ssl_handshake_timeout", 5),
]

CHANGES_WHAT_THE_SERVER_SEES: list[tuple[str, Any]] = [
    ("additional_headers", {"Authorization": "Bearer secret"}),
    ("additional_headers", [("X-Token", "secret")]),
    ("origin", "https://game.example"),
    ("proxy", "http://proxy.example:3128"),
    ("proxy_ssl", True),
    ("server_hostname", "other.example"),
    ("host", "192.0.2.1"),
    ("port", 8765),
    ("local_addr", ("192.0.2.1", 0)),
    ("sock", object()),
    ("unix_path", "/run/x"),
]


@pytest.fixture(autouse=True)
def limits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYWS_WEB_LIMITS", "1")
    monkeypatch.setattr(page, "_logged", set())


@pytest.mark.parametrize("arguments", ASKS_FOR_NOTHING, ids=str)
def test_an_argument_that_asks_for_nothing_is_taken(
    arguments: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        connect(URL, **arguments)
    assert caplog.messages == []


@pytest.mark.parametrize(("name", "value"), CHANGES_NO_MESSAGE)
def test_an_argument_that_changes_no_message_is_taken_and_logged_once(
    name: str, value: Any, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        for _ in range(3):
            connect(URL, **{name: value})
    shown = "user_agent_header" if name == "additional_headers" else name
    assert len(caplog.messages) == 1
    assert caplog.messages[0].startswith(f"{shown} has no effect in a browser: ")


@pytest.mark.parametrize(("name", "value"), CHANGES_WHAT_THE_SERVER_SEES)
def test_an_argument_that_the_server_would_see_is_refused_by_name_and_logged(
    name: str, value: Any, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(UnsupportedInBrowserError, match=name) as caught:
        connect(URL, **{name: value})
    told = [(record.levelno, record.getMessage()) for record in caplog.records]
    assert told == [(logging.WARNING, str(caught.value))]
    assert "secret" not in caplog.text


def test_the_headers_that_are_refused_are_named() -> None:
    with pytest.raises(UnsupportedInBrowserError, match=r"additional_headers \(Authorization, X-Token\)"):
        connect(URL, additional_headers={"Authorization": "x", "User-Agent": "y", "X-Token": "z"})


async def test_headers_that_a_function_gives_are_judged_at_the_attempt() -> None:
    connecting = connect("ws://game.test/", additional_headers=lambda: {"X-Token": "z"})
    with pytest.raises(UnsupportedInBrowserError, match="X-Token"):
        await connecting


def test_the_logger_of_the_argument_is_told(caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(UnsupportedInBrowserError):
        connect(URL, origin="https://x.example", logger=logging.getLogger("game"))
    assert [record.name for record in caplog.records] == ["game"]
