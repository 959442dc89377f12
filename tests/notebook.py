"""The cells of an example notebook, and a way to run them as a kernel does: one namespace, `await` at the top."""

from __future__ import annotations

import ast
import inspect
from pathlib import Path
from typing import Any

import nbformat

ECHO = Path(__file__).parent.parent / "examples" / "jupyterlite" / "echo.ipynb"


def code_cells(notebook: Path) -> list[str]:
    """Return the sources of the code cells. Raises nbformat's ValidationError if the file is no valid notebook."""
    content = nbformat.read(notebook, as_version=nbformat.NO_CONVERT)
    nbformat.validate(content)
    return [cell.source for cell in content.cells if cell.cell_type == "code"]


async def run_cell(source: str, names: dict[str, Any]) -> Any:
    """Run a cell, and return the value of its last expression, None if it ends with none."""
    tree = ast.parse(source)
    last = tree.body[-1]
    if isinstance(last, ast.Expr):
        tree.body[-1] = ast.copy_location(ast.Assign([ast.Name("_", ast.Store())], last.value), last)
    code = compile(ast.fix_missing_locations(tree), "<cell>", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    names["_"] = None
    result = eval(code, names)
    if inspect.iscoroutine(result):
        await result
    return names["_"]
