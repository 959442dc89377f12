"""The wheel that was built is the wheel that runs, and importing it costs a page nothing that it does not use."""

from __future__ import annotations

import hashlib
import json
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ..notebook import ECHO, code_cells

if TYPE_CHECKING:
    from .interpreter import Interpreter


@pytest.fixture(scope="module")
def built_wheel(pytestconfig: pytest.Config) -> Path:
    (wheel,) = pytestconfig.rootpath.glob("dist/pyws_browser-*-py3-none-any.whl")
    return wheel


def test_the_distribution_offers_the_built_wheel(dist_dir: Path, built_wheel: Path) -> None:
    entry = json.loads((dist_dir / "pyodide-lock.json").read_text("utf-8"))["packages"]["pyws-browser"]

    assert entry["file_name"] == built_wheel.name
    assert entry["sha256"] == hashlib.sha256(built_wheel.read_bytes()).hexdigest()
    assert entry["depends"] == []


def test_the_installed_files_are_those_of_the_built_wheel(python_place: Interpreter, built_wheel: Path) -> None:
    with zipfile.ZipFile(built_wheel) as archive:
        files = {name: archive.read(name) for name in archive.namelist() if name.startswith("pyws_browser/")}

    installed = python_place.run(
        """
        import hashlib, importlib.metadata

        files = importlib.metadata.files("pyws-browser")
        {str(file): hashlib.sha256(file.read_binary()).hexdigest() for file in files if file.parts[0] == "pyws_browser"}
        """
    )

    assert installed == {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}


def test_micropip_installs_the_package_by_name(python_place: Interpreter) -> None:
    python_place.restart()

    version = python_place.run(
        """
        import pyodide_js
        await pyodide_js.loadPackage("micropip")
        import micropip
        micropip.uninstall("pyws-browser")
        await micropip.install("pyws-browser")
        import pyws_browser
        pyws_browser.__version__
        """
    )

    assert version == python_place.run("import importlib.metadata; importlib.metadata.version('pyws-browser')")


def test_importing_the_package_loads_no_socket_and_no_event_loop(python_place: Interpreter) -> None:
    """Pyodide brings some of these modules along, so they are put aside to see whether the import asks for them."""
    python_place.restart()

    asked_for = python_place.run(
        """
        import sys

        roots = {"asyncio", "selectors", "socket", "ssl"}
        aside = {name: sys.modules.pop(name) for name in list(sys.modules) if name.split(".")[0] in roots}
        try:
            import pyws_browser
            asked_for = sorted(roots & set(sys.modules))
        finally:
            sys.modules.update(aside)
        asked_for
        """
    )

    assert asked_for == []


def test_a_page_has_no_server(python_place: Interpreter) -> None:
    message = python_place.run(
        """
        import pyws_browser

        try:
            pyws_browser.WebSocketServer()
        except pyws_browser.UnsupportedInBrowserError as exc:
            message = str(exc)
        message
        """
    )
    assert message.startswith("WebSocketServer is not available in a browser: a page cannot listen; run the server on")


def test_the_example_notebook_runs(python_place: Interpreter, contract_urls: dict[str, str]) -> None:
    """JupyterLite's `piplite` is micropip with an index of its own; its kernel awaits in one namespace."""
    python_place.restart()

    values = python_place.run(
        """
        import os, sys
        import pyodide_js
        from pyodide.code import eval_code_async

        await pyodide_js.loadPackage("micropip")
        import micropip
        sys.modules["piplite"] = micropip
        os.environ["PYWS_URL"] = url
        names = {}
        [repr(await eval_code_async(cell, names)) for cell in cells]
        """,
        url=contract_urls["server"] + "echo",
        cells=code_cells(ECHO),
    )

    assert values == ["None", "None", "(['hello'], 1000)", repr(b"\x01\x02")]
