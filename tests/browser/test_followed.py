"""Getting started and the tutorial, followed in an empty folder: the files, the commands, and the page in Chromium."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

pytest.importorskip("selenium", reason="needs selenium: ./build.sh test")

from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

from driver import chromium
from pyws_browser.aio import ConnectionClosedError
from pyws_browser.sync import connect

from ..contract.server import unused_port
from ..followed import write_files

if TYPE_CHECKING:
    from selenium.webdriver import Chrome

pytestmark = pytest.mark.browser

LIMIT = 60
INK = """
const board = document.querySelector("#board");
const { data } = board.getContext("2d").getImageData(0, 0, board.width, board.height);
let count = 0;
for (let at = 3; at < data.length; at += 4) count += data[at] > 0;
return count;
"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Chrome]:
    with chromium() as browser:
        yield browser


@contextmanager
def running(folder: Path, *command: str, is_quiet: bool = False) -> Iterator[str]:
    """Run a command of Python's in a folder until the block ends; give the first line that it prints, if it does."""
    with subprocess.Popen([sys.executable, *command], cwd=folder, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield "" if is_quiet else process.stdout.readline().strip()
        finally:
            process.terminate()
            process.communicate()


def run(folder: Path, *command: str) -> str:
    """Run a command of Python's in a folder, and return what it prints."""
    return subprocess.run(
        [sys.executable, *command], cwd=folder, capture_output=True, text=True, check=True, timeout=LIMIT
    ).stdout


def wait(browser: Chrome, condition: Callable[[], object]) -> None:
    WebDriverWait(browser, LIMIT, poll_frequency=0.05).until(lambda _: condition())


def text_of(browser: Chrome, id_: str) -> str:
    return browser.find_element(By.ID, id_).text


def test_getting_started(tmp_path: Path, dist_dir: Path, browser: Chrome) -> None:
    port = unused_port()
    write_files("docs/getting-started.md", tmp_path, port_8765=str(port))

    with running(tmp_path, "-m", "pyws_browser", "serve", "--echo", "-p", str(port)):
        assert run(tmp_path, "hello.py") == "received hello\n"
        assert run(tmp_path, "poll.py") == "received hello\nclosed with 1000 \n"

    page = tmp_path / "my_page"
    shutil.copytree(dist_dir, page / "pyodide")
    for name in ("hello.py", "index.html"):
        shutil.copy(tmp_path / name, page)
    with running(tmp_path, "-m", "pyws_browser", "serve", "--echo", "--static", "my_page", "-p", str(port)):
        browser.get(f"http://127.0.0.1:{port}/")
        wait(browser, lambda: "received hello" in text_of(browser, "out"))

    (page / "hello.py").write_text("raise LookupError('a mistake')")
    with running(tmp_path, "-m", "pyws_browser", "serve", "--echo", "--static", "my_page", "-p", str(port)):
        browser.get(f"http://127.0.0.1:{port}/")
        wait(browser, lambda: "LookupError: a mistake" in text_of(browser, "out"))


def test_the_tutorial(tmp_path: Path, dist_dir: Path, browser: Chrome) -> None:
    page_port, relay_port = str(unused_port()), str(unused_port())
    write_files("docs/tutorial.md", tmp_path, port_8001=relay_port, port_8000=page_port)
    shutil.copytree(dist_dir, tmp_path / "pyodide")

    assert "1 passed" in run(tmp_path, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_board.py")

    relay = "relay.py", relay_port
    with running(tmp_path, "-m", "pyws_browser", "serve", "--static", ".", "-p", page_port) as page_url:
        assert page_url == f"http://127.0.0.1:{page_port}/"
        with running(tmp_path, *relay):
            browser.get(page_url)
            wait(browser, lambda: text_of(browser, "status") == "0 others are here")

            board = browser.find_element(By.ID, "board")
            ActionChains(browser, duration=15).move_to_element(board).click_and_hold().move_by_offset(
                90, 60
            ).release().perform()
            wait(browser, lambda: browser.execute_script(INK) > 0)

            before = browser.execute_script(INK)
            with running(tmp_path, "desktop.py", f"ws://127.0.0.1:{relay_port}/", is_quiet=True):
                wait(browser, lambda: browser.execute_script(INK) > 2 * before)
                assert text_of(browser, "status") == "1 others are here"
            wait(browser, lambda: text_of(browser, "status") == "0 others are here")

            with connect(f"ws://127.0.0.1:{relay_port}/") as stranger:
                stranger.send("hello")
                with pytest.raises(ConnectionClosedError):
                    stranger.recv(LIMIT)
                assert stranger.close_code == 4000
            assert text_of(browser, "status") == "0 others are here"
        wait(browser, lambda: text_of(browser, "status").startswith("connecting"))
        with running(tmp_path, *relay):
            wait(browser, lambda: text_of(browser, "status") == "0 others are here")
