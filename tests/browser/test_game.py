"""examples/game: its server, a player in a window without a screen, and a player in Chromium, in one game."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

pytest.importorskip("selenium", reason="needs selenium: ./build.sh test")

from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait

from driver import chromium
from pyws_browser.aio import ConnectionClosedError
from pyws_browser.sync import connect

from .test_followed import running

pytestmark = pytest.mark.browser

GAME = Path(__file__).parents[2] / "examples" / "game"
INK = """
const game = document.querySelector("#game");
const { data } = game.getContext("2d").getImageData(0, 0, game.width, game.height);
let count = 0;
for (let at = 3; at < data.length; at += 4) count += data[at] > 0;
return count;
"""


@pytest.fixture
def folder(tmp_path: Path, dist_dir: Path) -> Path:
    """The example, with a Pyodide in it."""
    shutil.copytree(GAME, tmp_path / "game", ignore=shutil.ignore_patterns("pyodide", "__pycache__"))
    shutil.copytree(dist_dir, tmp_path / "game" / "pyodide")
    return tmp_path / "game"


@pytest.fixture
def url(folder: Path) -> Iterator[str]:
    with running(folder, "server.py", "0") as line:
        yield f"ws://127.0.0.1:{line.rpartition(' ')[2]}/"


def test_a_window_and_a_page_play_together(folder: Path, url: str) -> None:
    pytest.importorskip("pygame", reason="needs pygame-ce: ./build.sh test")
    desktop = subprocess.Popen(
        [sys.executable, "desktop.py", url], cwd=folder, env=os.environ | {"SDL_VIDEODRIVER": "dummy"}
    )
    try:
        with running(folder, "-m", "pyws_browser", "serve", "--static", ".", "-p", "0") as page, chromium() as browser:
            wait = WebDriverWait(browser, 60, poll_frequency=0.05)
            browser.get(f"{page}?url={url}")
            wait.until(lambda _: browser.find_element(By.ID, "status").text == "Arrow keys or WASD")
            wait.until(lambda _: browser.execute_script(INK) > 1000)
            browser.find_element(By.TAG_NAME, "body").send_keys(Keys.ARROW_LEFT)
            with connect(url) as watcher:
                assert watcher.recv(30)
                watcher.send('{"ways": "nowhere"}')
                with suppress(ConnectionClosedError):
                    while True:
                        watcher.recv(30)
                assert watcher.close_code == 4000
            assert desktop.poll() is None
    finally:
        desktop.terminate()
        desktop.wait(30)
