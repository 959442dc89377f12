"""Makes a smaller wheel of the package, for those who serve it to pages: every visitor downloads it.

    python tools/page_wheel.py dist/pyws_browser-0.1.0-py3-none-any.whl dist/page

It is the same program. What goes: docstrings, comments, annotations, imports for type checkers, three of four spaces
of the indentation, the modules that only CPython loads, and in the metadata the README and what indexes show. What is
left stands on the same lines, so a traceback names the lines of the sources. All modules are joined into one file, from
which `page_bundle.py` loads them: what they have in common is then compressed once, a quarter of the whole.
"""

from __future__ import annotations

import argparse
import ast
import base64
import hashlib
import io
import struct
import tokenize
import zipfile
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import zopfli.zlib

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
    "pyws_browser/aio/reaching.py",
    "pyws_browser/server.py",
    "pyws_browser/server_settings.py",
)
"""What no page imports."""

_LEFT_OUT_METADATA = ("/py.typed", ".dist-info/entry_points.txt")
"""The mark of a package with annotations, and the command line."""

_FOR_INDEXES = (b"Classifier:", b"Keywords:", b"Description-Content-Type:")
"""The metadata that nobody reads who installs a wheel."""

_TIME_AND_DATE = 0, (2020 - 1980) << 9 | 2 << 5 | 2
"""For a wheel that is the same whenever it is made, as hatchling has it."""

_LOADER = Path(__file__).with_name("page_bundle.py")

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
    arguments = parser.parse_args()
    made = make(arguments.wheel, arguments.folder)
    print(f"{made}: {made.stat().st_size} bytes, of {arguments.wheel.stat().st_size}")


def make(wheel: Path, folder: Path) -> Path:
    """Write the smaller wheel into `folder`, and return its path."""
    with zipfile.ZipFile(wheel) as archive:
        files = {
            name: archive.read(name)
            for name in archive.namelist()
            if not name.startswith(LEFT_OUT) and not name.endswith(_LEFT_OUT_METADATA)
        }
    record = next(name for name in files if name.endswith(".dist-info/RECORD"))
    del files[record]
    modules = {name: without_prose(files.pop(name).decode()) for name in list(files) if name.endswith(".py")}
    files |= _bundled(modules)
    for name, content in files.items():
        if name.endswith(".dist-info/METADATA"):
            headers = content.partition(b"\n\n")[0].splitlines(keepends=True)
            files[name] = b"".join(line for line in headers if not line.startswith(_FOR_INDEXES))
    files[record] = _record(files, record)
    folder.mkdir(parents=True, exist_ok=True)
    made = folder / wheel.name
    made.write_bytes(_zip(files))
    return made


def _zip(files: dict[str, bytes]) -> bytes:
    """Return the archive (APPNOTE.TXT 4.3), deflated by Zopfli, of which Python's `zipfile` knows nothing."""
    parts, directory, offset = [], [], 0
    for name, content in files.items():
        deflated = zopfli.zlib.compress(content)[2:-4]  # without what zlib puts around it
        sizes = zlib.crc32(content), len(deflated), len(content), len(name), 0
        header = struct.pack("<5H3L2H", 20, 0, zipfile.ZIP_DEFLATED, *_TIME_AND_DATE, *sizes)
        parts.append(b"PK\x03\x04" + header + name.encode() + deflated)
        directory.append(struct.pack("<4sH26s3H2L", b"PK\x01\x02", 20, header, 0, 0, 0, 0, offset) + name.encode())
        offset += len(parts[-1])
    size = sum(map(len, directory))
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, len(files), len(files), size, offset, 0)
    return b"".join([*parts, *directory, end])


def _bundled(modules: dict[str, str]) -> dict[str, bytes]:
    """Return the files of a package whose modules are joined into one, and are loaded from it."""
    package = "pyws_browser/"
    init = f"{package}__init__.py"
    first_line, rest = modules.pop(init).split("\n", 1)
    assert not first_line, f"{init} is to begin with a docstring, where the bundle's import stands"
    # Side by side, the modules of a folder have more in common, which makes the whole 1 % smaller.
    names = sorted(modules, key=lambda name: (name.count("/"), name))
    texts = [f"\f{name.removeprefix(package)}\n{modules[name]}" for name in names]
    assert "".join(texts).count("\f") == len(texts), "a form feed in a source is taken for the beginning of a module"
    return {
        init: f"from . import _bundle\n{rest}".encode(),
        f"{package}_bundle.py": without_prose(_LOADER.read_text("utf-8")).encode(),
        f"{package}_bundle.txt": "".join(texts).encode(),
    }


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
