"""Imports point one way: down the floors of the house, and in no circle."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import pyws_browser

HOME = Path(pyws_browser.__file__).parent
NAME = HOME.name

FOUNDATION = {"_compiled", "_mypyc", "_version", "errors", "signals", "attributes"}
"""What every part may need."""

MAY_IMPORT = {
    "protocol": set(),
    "wire": {"protocol"},
    "variant": set(),
    "transport": {"protocol", "wire", "transport/native", "transport/page"},
    "transport/native": {"protocol", "wire", "transport"},
    "transport/page": {"protocol", "transport"},
    "packet_peer": {"variant"},
    "peer": {"packet_peer", "protocol", "wire", "transport"},
    "godot": {"packet_peer", "protocol", "wire", "transport", "transport/native", "peer"},
    "server": {"packet_peer", "protocol", "wire", "transport", "transport/native", "peer", "godot"},
    "compat": {"protocol", "wire", "transport", "transport/native", "peer"},
    "aio": {"protocol", "wire", "transport", "transport/native", "peer", "compat"},
    "sync": {"protocol", "wire", "transport", "transport/native", "transport/page", "peer", "compat"},
    "patching": {"protocol", "transport", "transport/page", "peer", "compat", "aio", "sync"},
    "testing": {"protocol", "peer", "aio"},
    "rooms": {"protocol", "peer", "server", "aio"},
    "workers": set(),
    "cli": {"", "protocol", "wire", "transport/native", "aio", "rooms", "workers"},
    "__main__": {"cli"},
}
"""By the folder or the module: what it may import besides the foundation and itself; "" is the package's root."""

WITHOUT_IO = ("protocol", "wire", "variant")
INPUT_AND_OUTPUT = {"asyncio", "select", "selectors", "socket", "ssl", "subprocess", "threading"}


def imports_of(path: Path) -> set[str]:
    """The modules that a module imports, those for type checkers included: ours by full names, others by the first."""
    return _imports(path, ast.walk(ast.parse(path.read_text("utf-8"))))


def runtime_imports_of(path: Path) -> set[str]:
    """The same without those for type checkers, which stand in blocks of their own."""
    body = ast.parse(path.read_text("utf-8")).body
    blocks = [node for node in body if not (isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test))]
    return _imports(path, (inner for node in blocks for inner in ast.walk(node)))


def _imports(path: Path, nodes: Iterable[ast.AST]) -> set[str]:
    found: set[str] = set()
    package = [NAME, *path.relative_to(HOME).parent.parts]
    for node in nodes:
        if isinstance(node, ast.Import):
            found.update(name.name.split(".")[0] for name in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            found.add((node.module or "").split(".")[0])
        elif isinstance(node, ast.ImportFrom):
            base = ".".join([*package[: len(package) - node.level + 1], *([node.module] if node.module else [])])
            for name in node.names:
                found.add(f"{base}.{name.name}" if f"{base}.{name.name}" in MODULES else base)
    return found


def name_of(path: Path) -> str:
    parts = (NAME, *path.relative_to(HOME).with_suffix("").parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {name_of(path): path for path in sorted(HOME.rglob("*.py"))}
GRAPH = {name: imports_of(path) - {name} for name, path in MODULES.items()}


def floor_of(module: str) -> str:
    """The folder that a module is in, or the module itself if it lies at the top; "" for the package's root."""
    parts = module.split(".")[1:]
    if parts[:1] == ["transport"] and parts[1:2] in (["native"], ["page"]):
        return "/".join(parts[:2])
    return parts[0] if parts else ""


def test_no_module_imports_itself_by_way_of_others() -> None:
    ours = {name: {other for other in imported if other in MODULES} for name, imported in GRAPH.items()}
    TopologicalSorter(ours).prepare()  # raises CycleError


@pytest.mark.parametrize("floor", MAY_IMPORT)
def test_imports_point_down(floor: str) -> None:
    allowed = MAY_IMPORT[floor] | FOUNDATION | {floor}
    wrong = [
        f"{name} imports {other}"
        for name, imported in GRAPH.items()
        for other in imported & MODULES.keys()
        if floor_of(name) == floor and floor_of(other) not in allowed
    ]
    assert not wrong


def test_the_foundation_stands_on_itself() -> None:
    for name, imported in GRAPH.items():
        if floor_of(name) in FOUNDATION:
            assert {floor_of(other) for other in imported & MODULES.keys()} <= FOUNDATION


def test_every_folder_has_its_floor() -> None:
    assert {floor_of(name) for name in MODULES} == MAY_IMPORT.keys() | FOUNDATION | {""}


@pytest.mark.parametrize("floor", WITHOUT_IO)
def test_what_is_without_input_and_output_imports_none(floor: str) -> None:
    for name, path in MODULES.items():
        if floor_of(name) == floor:
            assert not runtime_imports_of(path) & INPUT_AND_OUTPUT, name


def test_only_the_transport_of_a_page_imports_what_only_a_page_has() -> None:
    importing = {floor_of(name) for name, imported in GRAPH.items() if imported & {"js", "pyodide"}}
    assert importing == {"transport/page"}
