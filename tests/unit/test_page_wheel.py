"""The wheel for pages: small, and the same program line by line."""

from __future__ import annotations

import ast
import importlib.util
import subprocess
import sys
import zipfile
from pathlib import Path
from types import ModuleType

import pytest

import pyws_browser

ROOT = Path(__file__).parents[2]
SOURCES = sorted(Path(pyws_browser.__file__).parent.rglob("*.py"))


@pytest.fixture(scope="module")
def tool() -> ModuleType:
    spec = importlib.util.spec_from_file_location("page_wheel", ROOT / "tools" / "page_wheel.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class WithoutProse(ast.NodeTransformer):
    """Leaves of a program what it does, and on which lines."""

    def generic_visit(self, node: ast.AST) -> ast.AST:
        super().generic_visit(node)
        node.end_lineno = node.end_col_offset = node.col_offset = None  # type: ignore[attr-defined]
        body = getattr(node, "body", None)
        if isinstance(body, list):
            body[:] = [part for part in body if not self._is_without_effect(part)]
            if not isinstance(node, ast.ClassDef):
                body[:] = map(self._without_annotation, body)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            node.returns = None
        elif isinstance(node, ast.arg):
            node.annotation = None
        return node

    @staticmethod
    def _is_without_effect(statement: ast.stmt) -> bool:
        if isinstance(statement, ast.If):
            return ast.unparse(statement.test) == "TYPE_CHECKING" and not statement.orelse
        return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)

    @staticmethod
    def _without_annotation(statement: ast.stmt) -> ast.stmt:
        if isinstance(statement, ast.AnnAssign) and statement.value is not None:
            return ast.Assign([statement.target], statement.value, None, lineno=statement.lineno, col_offset=None)
        return statement


def skeleton(source: str) -> str:
    """What a program does and on which lines, without its prose and its annotations."""
    return ast.dump(WithoutProse().visit(ast.parse(source)), include_attributes=True)


def is_documented(node: ast.AST) -> bool:
    kinds = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
    return isinstance(node, kinds) and ast.get_docstring(node) is not None


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.name)
def test_without_its_prose_a_module_is_the_same_on_the_same_lines(tool: ModuleType, path: Path) -> None:
    source = path.read_text("utf-8")
    stripped = tool.without_prose(source)
    assert skeleton(stripped) == skeleton(source)
    assert not [node for node in ast.walk(ast.parse(stripped)) if is_documented(node)]


@pytest.fixture(scope="module")
def made(tool: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel for pages."""
    folder = tmp_path_factory.mktemp("wheels")
    whole = folder / "pyws_browser-0.1.0-py3-none-any.whl"
    with zipfile.ZipFile(whole, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in SOURCES:
            archive.write(path, path.relative_to(SOURCES[0].parents[1]).as_posix())
        archive.writestr("pyws_browser-0.1.0.dist-info/METADATA", "Name: pyws-browser\nVersion: 0.1.0\n\n# Readme")
        archive.writestr("pyws_browser-0.1.0.dist-info/RECORD", "")
    page: Path = tool.make(whole, folder / "page")
    return page


@pytest.fixture(scope="module")
def installed(made: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder into which that wheel was unpacked."""
    folder = tmp_path_factory.mktemp("site-packages")
    with zipfile.ZipFile(made) as archive:
        archive.extractall(folder)
    return folder


def run_in_page(installed: Path, program: str) -> None:
    """Run a program in a Python that has what a page has, and takes itself for one."""
    preamble = f"""
import sys
from unittest.mock import MagicMock
sys.path.insert(0, {str(installed)!r})
sys.platform = "emscripten"
sys.modules["js"] = MagicMock()
sys.modules["pyodide"] = MagicMock()
sys.modules["pyodide.ffi"] = MagicMock(JsException=RuntimeError)
"""
    subprocess.run([sys.executable, "-c", preamble + program], check=True, timeout=60)


def test_the_wheel_for_pages_is_whole_and_has_no_readme(made: Path) -> None:
    with zipfile.ZipFile(made) as archive:
        assert archive.testzip() is None
        assert b"Readme" not in archive.read("pyws_browser-0.1.0.dist-info/METADATA")


def test_the_wheel_for_pages_has_less_than_66_kilobytes(made: Path) -> None:
    metadata = 1_200  # the real one, which `test_distribution.py` weighs, has so much more of it
    assert made.stat().st_size < 66_000 - metadata


def test_what_it_leaves_out_no_page_imports(tool: ModuleType, installed: Path) -> None:
    left_out = tuple(name.removesuffix(".py").removesuffix("/").replace("/", ".") + "." for name in tool.LEFT_OUT)
    run_in_page(
        installed,
        f"left_out = {left_out!r}"
        + """
class Refuse:
    def find_spec(self, name, path=None, target=None):
        if f"{name}.".startswith(left_out):
            raise SystemExit(f"a page would import {name}")
sys.meta_path.insert(0, Refuse())
import pyws_browser
for name in pyws_browser.__all__:
    getattr(pyws_browser, name)
import pyws_browser.aio, pyws_browser.sync, pyws_browser.trace
import pyws_browser.transport.browser, pyws_browser.transport.page_stream
import pyws_browser.variant
for name, module in sys.modules.items():
    assert not name.startswith("pyws_browser") or module.__file__.startswith(sys.path[0])
""",
    )


def test_it_has_no_module_that_only_cpython_imports(tool: ModuleType, installed: Path) -> None:
    bundle = (installed / "pyws_browser" / "_bundle.txt").read_text("utf-8")
    names = [module.partition("\n")[0] for module in bundle.split("\f")[1:]]

    assert "peer.py" in names
    assert not [name for name in names if f"pyws_browser/{name}".startswith(tool.LEFT_OUT)]


def test_its_modules_are_as_if_they_were_files(installed: Path) -> None:
    line = next(
        number
        for number, line in enumerate((SOURCES[0].parent / "peer.py").read_text("utf-8").splitlines(), 1)
        if line.startswith("    def fileno(")
    )
    run_in_page(
        installed,
        f"""
import importlib, inspect, traceback
import pyws_browser
import pyws_browser.peer as module
import pyws_browser.transport as package

assert module.__file__ == f"{{sys.path[0]}}/pyws_browser/peer.py"
assert package.__path__ == [f"{{sys.path[0]}}/pyws_browser/transport"]
lines, number = inspect.getsourcelines(module.WebSocketPeer.fileno)
assert (lines[0], number) == (" def fileno(self):\\n", {line}), (lines, number)
assert importlib.reload(module) is module
try:
    pyws_browser.WebSocketPeer().get_packet()
except pyws_browser.NoPacketError as exc:
    text = "".join(traceback.format_exception(exc))
    assert "raise " in text, text
try:
    import pyws_browser.transport.nothing
except ModuleNotFoundError as exc:
    assert exc.name == "pyws_browser.transport.nothing"
else:
    raise AssertionError("there is no such module")
""",
    )
