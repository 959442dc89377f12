"""The contract in the places that people write Python for a page in: isolated and strict pages, PyScript, a kernel.

Each place runs a program that holds all the cases and reports how each went. Chromium is the engine of these tests.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ..contract.cases import CASES

if TYPE_CHECKING:
    from .engines import Runner
    from .interpreter import Interpreter

SOURCES = Path(__file__).parent.parent / "contract"
MODULES = ("__init__", "behaviours", "engine_quirks", "worlds", "cases")
LIMIT = 150.0

PROGRAM = """
import asyncio, importlib, json, pathlib, sys, traceback
from pyodide.http import pyfetch

folder = pathlib.Path("/tmp/in_this_place/contract")
folder.mkdir(parents=True, exist_ok=True)
for name, source in {sources!r}.items():
    (folder / (name + ".py")).write_text(source)
sys.path.insert(0, str(folder.parent))
importlib.invalidate_caches()

from contract.cases import CASES
from contract.worlds import RemoteWorld

outcomes = {{}}
for name, case in CASES.items():
    world = RemoteWorld({urls!r}, is_page=True)
    try:
        await asyncio.wait_for(case(world), 40)
        outcomes[name] = ""
    except Exception as error:
        outcomes[name] = "".join(traceback.format_exception(error))
    finally:
        world.clean_up()
answer = await pyfetch({report!r}, method="POST", body=json.dumps(outcomes))
"""

PYSCRIPT_PAGE = """<!doctype html>
<html lang="en">
    <meta charset="utf-8">
    <title>PyScript</title>
    <link rel="icon" href="data:,">
    <link rel="stylesheet" href="{base}/pyscript/core.css">
    <script type="module" src="{base}/pyscript/core.js"></script>
    <script type="py" src="{base}/programs/{name}.py" {worker} config='{config}'></script>
</html>
"""


class Place:
    """What a test of a place is given: where things are, and how to begin."""

    def __init__(self, site_url: str, programs_dir: Path, pyscript_dir: Path, urls: dict[str, str]) -> None:
        self.site_url = site_url
        self.programs_dir = programs_dir
        self.pyscript_dir = pyscript_dir
        self._urls = urls

    def program(self, name: str) -> str:
        """Return the program of a place, which reports to a file of the place's name."""
        sources = {module: (SOURCES / f"{module}.py").read_text("utf-8") for module in MODULES}
        report = f"{self.site_url}/programs/{name}.json"
        return PROGRAM.format(sources=sources, urls=self._urls, report=report)

    def write(self, name: str) -> None:
        """Put the program where the place's page fetches it."""
        (self.programs_dir / f"{name}.py").write_text(self.program(name), "utf-8")

    def outcomes(self, name: str) -> dict[str, str]:
        """Wait for the report, and return it: by case, what went wrong."""
        file = self.programs_dir / f"{name}.json"
        end = time.monotonic() + LIMIT
        while not file.exists():
            assert time.monotonic() < end, f"{name} did not report"
            time.sleep(0.1)
        outcomes: dict[str, str] = json.loads(file.read_text("utf-8"))
        return outcomes


@pytest.fixture(scope="module")
def place(site_url: str, programs_dir: Path, pyscript_dir: Path, contract_urls: dict[str, str]) -> Place:
    return Place(site_url, programs_dir, pyscript_dir, contract_urls)


@pytest.fixture(scope="module")
def browser(engine_name: str, site_url: str, dist_dir: Path) -> Iterator[Runner]:
    """A browser for pages of their own."""
    from .engines import Setting, start_engine

    if engine_name != "chromium":
        pytest.skip("these places are tested in Chromium")
    runner = start_engine(engine_name, Setting(site_url, dist_dir, "main"))
    yield runner
    runner.quit()


def _run_isolated(start_interpreter: Callable[..., Interpreter], place: Place, name: str) -> dict[str, str]:
    interpreter = start_interpreter(name.removeprefix("isolated-"), "/isolated")
    assert interpreter.run_js("return globalThis.crossOriginIsolated;") is True
    interpreter.run(place.program(name), timeout=LIMIT)
    return place.outcomes(name)


def _run_page(browser: Runner, place: Place, name: str, url: str) -> dict[str, str]:
    browser.driver.get(place.site_url + url)
    outcomes = place.outcomes(name)
    console = [entry["message"] for entry in browser.driver.get_log("browser") if entry["level"] == "SEVERE"]
    assert [line for line in console if "WebSocket connection to" not in line] == []
    return outcomes


def _run_pyscript(browser: Runner, place: Place, name: str) -> dict[str, str]:
    if not place.pyscript_dir.is_dir():
        assert not os.environ.get("CI"), "PyScript is not there: ./build.sh test fetches it"
        pytest.skip("needs PyScript: ./build.sh test")
    is_worker = name == "pyscript-worker"
    base = "/isolated" if is_worker else ""  # the worker shares memory with the page
    config = json.dumps({"interpreter": f"{base}/pyodide.mjs", "packages": ["pyws-browser"]})
    page = PYSCRIPT_PAGE.format(base=base, name=name, worker="worker" if is_worker else "", config=config)
    (place.programs_dir / f"{name}.html").write_text(page, "utf-8")
    return _run_page(browser, place, name, f"{base}/programs/{name}.html")


PLACES = ("isolated-main", "isolated-worker", "strict", "pyscript", "pyscript-worker", "kernel")


@pytest.fixture(scope="module", params=PLACES)
def outcomes(request: pytest.FixtureRequest, place: Place) -> dict[str, str]:
    """How the cases went in each of the places in turn."""
    name: str = request.param
    if name.startswith("isolated"):
        return _run_isolated(request.getfixturevalue("start_interpreter"), place, name)
    browser: Runner = request.getfixturevalue("browser")
    place.write(name)
    if name.startswith("pyscript"):
        return _run_pyscript(browser, place, name)
    return _run_page(
        browser, place, name, {"strict": "/strict/tests/strict.html", "kernel": "/tests/kernel.html"}[name]
    )


@pytest.mark.timeout(200)
@pytest.mark.parametrize("name", CASES)
def test_place(name: str, outcomes: dict[str, str]) -> None:
    assert outcomes[name] == ""
