"""The examples run, with a real Godot 3."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from .conftest import free_port
from .engine import INSTALL, PROGRAM
from .program import Start

pytestmark = [
    pytest.mark.interop,
    pytest.mark.skipif(PROGRAM is None, reason=INSTALL),
]

EXAMPLES = Path(__file__).parents[2] / "examples"


def test_a_game_and_its_server(start: Start) -> None:
    folder = EXAMPLES / "godot3_game"
    server = start(sys.executable, folder / "server.py", "0")
    port = server.until("listening").rsplit(" ", 1)[1]
    players = [start(str(PROGRAM), "--path", folder, f"--url=ws://127.0.0.1:{port}/") for _ in range(2)]
    ids = [server.until("came").split()[1] for _ in players]
    for player in players:
        player.until("player 1 is here")
    players[0].stop()
    assert server.until("left").split()[1] in ids


def test_a_bot_and_its_server(start: Start) -> None:
    folder = EXAMPLES / "godot3_bot"
    port = free_port()
    start(str(PROGRAM), "--path", folder, "-s", "server.gd", f"--port={port}").until("Godot Engine")
    url = f"ws://127.0.0.1:{port}/"
    for _ in range(10):  # it does not tell when it listens
        bot = start(sys.executable, folder / "bot.py", url)
        if "is it" in bot.until(" "):
            break
    assert bot.until("the server:") == "the server: 'right'"
