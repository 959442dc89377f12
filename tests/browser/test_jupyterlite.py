"""The example notebook in JupyterLite itself, with Pyodide and all wheels from this machine."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

pytest.importorskip("selenium", reason="needs selenium: ./build.sh test")

import pyodide_dist
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait

from driver import chromium

from .test_followed import running

pytestmark = pytest.mark.browser

LITE = Path(os.environ.get("PYWS_JUPYTERLITE", Path(__file__).parents[2] / ".build" / "jupyterlite"))
NOT_FOR_PAGES = ("pexpect", "ptyprocess")
LIMIT = 110

IS_READY = "return document.querySelectorAll('.jp-Cell').length > 6 && !document.querySelector('.jp-Spinner')"
ARE_CODE = "return [...document.querySelectorAll('.jp-Cell')].map((cell) => cell.classList.contains('jp-CodeCell'))"
PROMPTS = "return [...document.querySelectorAll('.jp-CodeCell .jp-InputArea-prompt')].map((part) => part.textContent)"


@pytest.fixture
def site(tmp_path: Path, dist_dir: Path, contract_urls: dict[str, str]) -> Path:
    """A JupyterLite whose notebook echoes with the contract's server."""
    if not LITE.is_dir():
        assert not os.environ.get("CI"), "JupyterLite is not there: ./build.sh test fetches it"
        pytest.skip("needs JupyterLite: ./build.sh test")
    version = json.loads((dist_dir / "package.json").read_text("utf-8"))["version"]
    if not version.startswith("314."):
        pytest.skip("this JupyterLite is for Pyodide 314")
    site = tmp_path / "site"
    shutil.copytree(LITE / "site", site)
    shutil.copytree(dist_dir, site / "pyodide")
    wheels = [wheel for wheel in (LITE / "wheels").glob("*.whl") if not wheel.name.startswith(NOT_FOR_PAGES)]
    pyodide_dist.make(version, site / "pyodide", wheels)
    notebook = site / "files" / "echo.ipynb"
    url = f"{contract_urls['server']}echo"
    notebook.write_text(notebook.read_text("utf-8").replace("ws://127.0.0.1:9080/", url), "utf-8")
    return site


@pytest.mark.timeout(300)
def test_the_notebook_runs_cell_by_cell(site: Path) -> None:
    with running(site, "-m", "pyws_browser", "serve", "--static", ".", "-p", "0") as url, chromium() as browser:
        browser.set_window_size(1300, 1400)
        wait = WebDriverWait(browser, LIMIT, poll_frequency=0.1)
        browser.get(f"{url}notebooks/index.html?path=echo.ipynb")
        wait.until(lambda _: browser.execute_script(IS_READY))
        browser.find_element(By.CSS_SELECTOR, ".jp-Cell").click()

        number = 0
        for is_code in browser.execute_script(ARE_CODE):
            ActionChains(browser).key_down(Keys.SHIFT).send_keys(Keys.ENTER).key_up(Keys.SHIFT).perform()
            if is_code:
                number += 1
                wait.until(lambda _, number=number: f"[{number}]:" in browser.execute_script(PROMPTS))
        output = browser.find_element(By.CSS_SELECTOR, ".jp-NotebookPanel").text

        assert number >= 4
        assert "(['hello'], 1000)" in output
        assert "b'\\x01\\x02'" in output
        assert "Error" not in output
