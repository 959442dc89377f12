"""Makes a smaller wheel of the package, for those who serve it to pages: every visitor downloads it.

    python tools/page_wheel.py dist/pyws_browser-0.1.0-py3-none-any.whl dist/page

It is the same program. What goes: docstrings, comments, annotations, imports for type checkers, three of four spaces
of the indentation, the modules that only CPython loads, and in the metadata the README and what indexes show. What is
left stands on the same lines, so a traceback names the lines of the sources.
"""

from __future__ import annotations

import argparse
import ast
import base64
import hashlib
import io
import tokenize
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

LEFT_OUT = (
    "pyws_browser/__main__.py",
    "pyws_browser/cli/",
    "pyws_browser/transport/native/",
    "pyws_browser/wire/",
    *(f"pyws_browser/aio/{name}.py" for name in ("admission", "auth", "listening", "router", "server", "socket_view")),
    "pyws_browser/certificates.py",
    "pyws_browser/listener.py",
    "pyws_browser/proxy.py",
    "pyws_browser/server.py",
    "pyws_browser/server_settings.py",
)
"""What no page imports."""

_LEFT_OUT_METADATA = ("/py.typed", ".dist-info/entry_points.txt")
"""The mark of a package with annotations, and the command line."""

_FOR_INDEXES = (b"Classifier:", b"Keywords:", b"Description-Content-Type:")
"""The metadata that nobody reads who installs a wheel."""

NOT_POLLING = (
    "pyws_browser/aio/",
    "pyws_browser/sync.py",
    "pyws_browser/trace.py",
    "pyws_browser/transport/page_stream.py",
)
"""What a page that polls, as a game does, never imports either; it has no backpressure then."""

_INDENTATION = 4


class Cut(NamedTuple):
    """What is taken out of a source, from one line and column to another, and what stands there instead."""

    start: tuple[int, int]
    end: tuple[int, int]
    filling: bytes


def main() -> None:
    """Parse the command line and make the wheel."""
    parser = argparse.ArgumentParser(description="Make a smaller wheel, for pages.")
    parser.add_argument("wheel", type=Path, help="the wheel to make it from")
    parser.add_argument("folder", type=Path, help="where to write the one of the same name")
    parser.add_argument(
        "--polling", action="store_true", help="leave out the asyncio side and backpressure, which a game does not need"
    )
    arguments = parser.parse_args()
    left_out = LEFT_OUT + NOT_POLLING * arguments.polling
    made = make(arguments.wheel, arguments.folder, left_out)
    print(f"{made}: {made.stat().st_size} bytes, of {arguments.wheel.stat().st_size}")


def make(wheel: Path, folder: Path, left_out: tuple[str, ...] = LEFT_OUT) -> Path:
    """Write the smaller wheel into `folder`, and return its path."""
    with zipfile.ZipFile(wheel) as archive:
        files = {
            name: archive.read(name)
            for name in archive.namelist()
            if not name.startswith(left_out) and not name.endswith(_LEFT_OUT_METADATA)
        }
    record = next(name for name in files if name.endswith(".dist-info/RECORD"))
    del files[record]
    for name, content in files.items():
        if name.endswith(".py"):
            files[name] = without_prose(content.decode()).encode()
        elif name.endswith(".dist-info/METADATA"):
            headers = content.partition(b"\n\n")[0].splitlines(keepends=True)
            files[name] = b"".join(line for line in headers if not line.startswith(_FOR_INDEXES))
    files[record] = _record(files, record)
    folder.mkdir(parents=True, exist_ok=True)
    made = folder / wheel.name
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name, (2020, 2, 2, 0, 0, 0)), content, zipfile.ZIP_DEFLATED, 9)
    return made


def without_prose(source: str) -> str:
    """Return the source without docstrings, comments and what only type checkers see, line by line as it was."""
    lines = source.encode().split(b"\n")  # in bytes, as the syntax tree counts columns
    for start, end, filling in sorted(_cuts(ast.parse(source)), reverse=True):
        _cut(lines, start, end, filling)
    text = [line.decode() for line in lines]
    strings: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO("\n".join(text)).readline):
        row, column = token.start
        if token.type == tokenize.COMMENT:
            text[row - 1] = text[row - 1][:column]
        elif token.type not in (tokenize.NEWLINE, tokenize.NL):
            strings.update(range(row, token.end[0]))
    return "\n".join(line if row in strings else _outdented(line.rstrip()) for row, line in enumerate(text))


def _outdented(line: str) -> str:
    code = line.lstrip()
    return " " * ((len(line) - len(code)) // _INDENTATION) + code


def _cuts(node: ast.AST) -> Iterator[Cut]:
    body = getattr(node, "body", None)
    statements = body if isinstance(body, list) else []
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.stmt) and child in statements and _is_for_nobody(child):
            filling = b"0" * (len(statements) == 1)  # a body may not be empty
            yield Cut((child.lineno, child.col_offset), _end(child), filling)
        else:
            yield from _annotation_cuts(child, node)
            yield from _cuts(child)


def _annotation_cuts(node: ast.AST, parent: ast.AST) -> Iterator[Cut]:
    if isinstance(node, ast.arg) and node.annotation is not None:
        yield Cut((node.lineno, node.col_offset + len(node.arg.encode())), _end(node.annotation), b"")
    elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.returns is not None:
        yield Cut((node.returns.lineno, node.returns.col_offset - len(b" -> ")), _end(node.returns), b"")
    elif isinstance(node, ast.AnnAssign) and node.value and not isinstance(parent, ast.ClassDef):
        yield Cut(_end(node.target), _end(node.annotation), b"")


def _cut(lines: list[bytes], start: tuple[int, int], end: tuple[int, int], filling: bytes) -> None:
    (first, left), (last, right) = start, end
    lines[first - 1 : last] = [
        lines[first - 1][:left] + filling + (lines[first - 1][right:] if first == last else b""),
        *[b""] * (last - first - 1),
        *([lines[last - 1][right:]] if first < last else []),
    ]


def _end(node: ast.expr | ast.stmt) -> tuple[int, int]:
    return node.end_lineno or node.lineno, node.end_col_offset or node.col_offset


def _is_for_nobody(statement: ast.stmt) -> bool:
    """Tell whether a statement is prose, or for type checkers alone."""
    if isinstance(statement, ast.If):
        return isinstance(statement.test, ast.Name) and statement.test.id == "TYPE_CHECKING" and not statement.orelse
    return (
        isinstance(statement, ast.Expr)
        and isinstance(statement.value, ast.Constant)
        and isinstance(statement.value.value, str)
    )


def _record(files: dict[str, bytes], record: str) -> bytes:
    """Return the list of files with their checksums (Binary distribution format, "RECORD")."""
    rows = []
    for name, content in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
        rows.append(f"{name},sha256={digest},{len(content)}")
    return "\n".join([*rows, f"{record},,", ""]).encode()


if __name__ == "__main__":
    main()
