"""The examples run, with a real Godot 3."""

from __future__ import annotations

import os
import queue
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import pyws_browser

from ..support import LIMIT
from .conftest import INSTALL, free_port
from .engine import PROGRAM, environment

pytestmark = [
    pytest.mark.interop,
    pytest.mark.skipif(PROGRAM is None, reason=INSTALL),
]

EXAMPLES = Path(__file__).parents[2] / "examples"


class Program:
    """A program, and the lines that it prints."""

    def __init__(self, *command: str | Path, env: dict[str, str]) -> None:
        self._process = subprocess.Popen(
            [str(part) for part in command],
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._lines: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._lines.put(line.strip())

    def until(self, words: str) -> str:
        """Return the next line that has these words in it."""
        seen = []
        while True:
            try:
                seen.append(self._lines.get(timeout=LIMIT))
            except queue.Empty:
                raise AssertionError(f"{words!r} is not in {seen}") from None
            if words in seen[-1]:
                return seen[-1]

    def stop(self) -> None:
        self._process.kill()
        self._process.wait(LIMIT)
        self._reader.join(LIMIT)
        assert self._process.stdout is not None
        self._process.stdout.close()


Start = Callable[..., Program]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    programs: list[Program] = []

    def start(*command: str | Path) -> Program:
        env = environment(tmp_path)
        env["PYTHONPATH"] = str(Path(pyws_browser.__file__).parents[1])
        env["PYTHONUNBUFFERED"] = "1"
        programs.append(Program(*command, env={**os.environ, **env}))
        return programs[-1]

    yield start
    for program in programs:
        program.stop()


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
    assert bot.until("the server:") == "the server: right"
