"""The wheel for pages: smaller, and the same program line by line."""

from __future__ import annotations

import ast
import base64
import hashlib
import subprocess
import sys
import zipfile
from pathlib import Path

import page_wheel
import pytest

import pyws_browser

SOURCES = sorted(Path(pyws_browser.__file__).parent.rglob("*.py"))


class WithoutDocstrings(ast.NodeTransformer):
    """Empties the docstrings of a program."""

    def visit_Expr(self, node: ast.Expr) -> ast.AST:
        if isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            node.value.value = ""
        return node


def skeleton(source: str) -> tuple[str, list[tuple[int, int]]]:
    """What a program does and where each part of it begins, without its docstrings."""
    tree = WithoutDocstrings().visit(ast.parse(source))
    return ast.dump(tree), [(node.lineno, node.col_offset) for node in ast.walk(tree) if hasattr(node, "lineno")]


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.name)
def test_without_its_docstrings_a_module_is_the_same_on_the_same_lines(path: Path) -> None:
    source = path.read_text("utf-8")
    stripped = page_wheel.without_docstrings(source)
    assert skeleton(stripped) == skeleton(source)
    assert not ast.get_docstring(ast.parse(stripped))


def digest(content: bytes) -> str:
    """The hash of a file, in the form of a wheel's RECORD."""
    return base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel for pages."""
    folder = tmp_path_factory.mktemp("wheels")
    whole = folder / "pyws_browser-0.1.0-py3-none-any.whl"
    with zipfile.ZipFile(whole, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in SOURCES:
            archive.write(path, path.relative_to(SOURCES[0].parents[1]).as_posix())
        archive.writestr("pyws_browser-0.1.0.dist-info/METADATA", "Name: pyws-browser\nVersion: 0.1.0\n\n")
        tags = "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        archive.writestr("pyws_browser-0.1.0.dist-info/WHEEL", tags)
        rows = [f"{name},sha256={digest(archive.read(name))},\n" for name in archive.namelist()]
        archive.writestr("pyws_browser-0.1.0.dist-info/RECORD", "".join(rows))
    return page_wheel.make(whole, folder / "page")


@pytest.fixture(scope="module")
def installed(made: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder into which that wheel was unpacked."""
    folder = tmp_path_factory.mktemp("site-packages")
    with zipfile.ZipFile(made) as archive:
        archive.extractall(folder)
    return folder


def test_it_has_200_kilobytes_at_most(made: Path) -> None:
    metadata = 6_000  # the real one, which `test_distribution.py` weighs, has so much more of it
    assert made.stat().st_size < 200_000 - metadata


def test_its_record_lists_its_files(made: Path) -> None:
    with zipfile.ZipFile(made) as archive:
        record = archive.read("pyws_browser-0.1.0.dist-info/RECORD").decode()
        assert sorted(row.split(",")[0] for row in record.splitlines()) == sorted(archive.namelist())


def test_no_page_imports_what_it_leaves_out(installed: Path) -> None:
    program = f"""
import sys
from unittest.mock import MagicMock
sys.path.insert(0, {str(installed)!r})
sys.platform = "emscripten"
sys.modules["js"] = MagicMock()
sys.modules["pyodide"] = MagicMock()
sys.modules["pyodide.ffi"] = MagicMock(JsException=RuntimeError)
import importlib, pathlib, pyws_browser
for name in pyws_browser.__all__:
    getattr(pyws_browser, name)
for path in pathlib.Path(sys.path[0]).rglob("*.py"):
    parts = path.relative_to(sys.path[0]).with_suffix("").parts
    importlib.import_module(".".join(parts).removesuffix(".__init__"))
for name, module in sys.modules.items():
    assert not name.startswith("pyws_browser") or module.__file__.startswith(sys.path[0])
"""
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
