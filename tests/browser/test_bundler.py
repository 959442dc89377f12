"""examples/vite: Vite bundles the page, and what it made echoes in Chromium."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

pytest.importorskip("selenium", reason="needs selenium: ./build.sh test")

from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

from driver import chromium

from .test_followed import running

pytestmark = pytest.mark.browser

HOME = Path(__file__).parents[2]
MODULES = HOME / ".build" / "vite" / "node_modules"


def test_a_bundled_page_echoes(tmp_path: Path, dist_dir: Path, contract_urls: dict[str, str]) -> None:
    if not MODULES.is_dir():
        assert not os.environ.get("CI"), "Vite is not there: ./build.sh test fetches it"
        pytest.skip("needs Vite: ./build.sh test")
    page = tmp_path / "vite"
    shutil.copytree(HOME / "examples" / "vite", page, ignore=shutil.ignore_patterns("node_modules", "dist", "public"))
    shutil.copytree(dist_dir, page / "public" / "pyodide")
    (page / "node_modules").symlink_to(MODULES)

    subprocess.run(["node", "node_modules/vite/bin/vite.js", "build"], cwd=page, check=True, capture_output=True)

    with running(page, "-m", "pyws_browser", "serve", "--static", "dist", "-p", "0") as url, chromium() as browser:
        browser.get(f"{url}?url={contract_urls['server']}echo")
        out = browser.find_element(By.ID, "out")
        WebDriverWait(browser, 60, poll_frequency=0.05).until(lambda _: "received hello" in out.text)
