"""Make the wheel for pages: the package without docstrings and without the folders that a page cannot use.

    python tools/page_wheel.py dist/pyws_browser-0.1.0-py3-none-any.whl dist/page

Every visitor of a page downloads it. What is left stands on the same lines, so a traceback names the lines of the
sources.

It has about 195 KB of 475. All modules in one text, compressed by Zopfli, had 59 KB. That gains little beside a Pyodide
of 13 MB, and it needed an importer of its own.
"""

from __future__ import annotations

import argparse
import ast
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

LEFT_OUT = (
    "__main__.py",
    "cli",
    "testing",
    "rooms",
    "workers.py",
    "transport/native",
    "wire",
    *(
        f"server/{name}.py"
        for name in (
            "acceptor",
            "client",
            "emission",
            "listener",
            "places",
            "polled",
            "rounds",
            "settings",
            "watch",
            "websocket_server",
        )
    ),
    *(f"compat/{name}.py" for name in ("admission", "auth", "reaching")),
    "protocol/openings.py",
    *(
        f"aio/{name}.py"
        for name in ("admission", "auth", "listening", "router", "server", "server_connection", "socket_view")
    ),
    *(f"sync/{name}.py" for name in ("auth", "driver", "router", "secure_socket", "server", "server_connection")),
)
"""The modules and folders of the package that no page imports."""


def main() -> None:
    """Parse the command line and make the wheel."""
    parser = argparse.ArgumentParser(description="Make the wheel for pages.")
    parser.add_argument("wheel", type=Path, help="the wheel to make it from")
    parser.add_argument("folder", type=Path, help="where to write the one of the same name")
    arguments = parser.parse_args()
    made = make(arguments.wheel, arguments.folder)
    print(f"{made}: {made.stat().st_size} bytes, of {arguments.wheel.stat().st_size}")


def make(wheel: Path, folder: Path) -> Path:
    """Write the wheel for pages into `folder`, and return its path."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        _wheel("unpack", "--dest", scratch, str(wheel))
        (unpacked,) = Path(scratch).iterdir()
        package = unpacked / "pyws_browser"
        for name in LEFT_OUT:
            path = package / name
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        for module in package.rglob("*.py"):
            module.write_text(without_docstrings(module.read_text("utf-8")), "utf-8")
        _wheel("pack", "--dest-dir", str(folder), str(unpacked))
    return folder / wheel.name


def without_docstrings(source: str) -> str:
    """Return the source with an empty string in place of each docstring, on the same lines."""
    lines = source.splitlines(keepends=True)
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            last = node.end_lineno or node.lineno
            lines[node.lineno - 1 : last] = [f'{" " * node.col_offset}""\n', *["\n"] * (last - node.lineno)]
    return "".join(lines)


def _wheel(*arguments: str) -> None:
    """Run the command of the `wheel` package, for a wheel that is the same whenever it is made."""
    env = {"SOURCE_DATE_EPOCH": "1580601600", **os.environ}
    subprocess.run([sys.executable, "-m", "wheel", *arguments], check=True, env=env, stdout=subprocess.DEVNULL)


if __name__ == "__main__":
    main()
