"""The sources of what the package is compared with, as they are published, ready to be put into the page.

PyScript's comes from npm and niquests' from PyPI. Only what their WebSocket needs is taken, unchanged; around it stands
the little that it asks the rest of its package for.
"""

from __future__ import annotations

import subprocess
import sys
import tarfile
import zipfile
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

PYSCRIPT = "0.7.31"
NIQUESTS = "3.21.2"
WEBSOCKETS = "17.4"

_PYSCRIPT_FILES = ("websocket", "ffi", "util")
_NIQUESTS_FILE = "niquests/extensions/pyodide/_async/_ws.py"
_NIQUESTS_BASE = """
class AsyncWebSocketExtensionFromHTTP:
    pass
"""


def modules(folder: Path) -> dict[str, str]:
    """Return the modules by their dotted names; what is downloaded stays in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    return _pyscript(folder) | _niquests(folder) | _websockets(folder)


def _pyscript(folder: Path) -> dict[str, str]:
    archive = folder / f"pyscript-core-{PYSCRIPT}.tgz"
    if not archive.exists():
        subprocess.run(["npm", "pack", "--silent", f"@pyscript/core@{PYSCRIPT}"], cwd=folder, check=True)
    found = {"pyscript.__init__": 'config = {"type": "py"}\n'}
    with tarfile.open(archive) as package:
        for name in _PYSCRIPT_FILES:
            file = package.extractfile(f"package/src/stdlib/pyscript/{name}.py")
            assert file is not None
            found[f"pyscript.{name}"] = file.read().decode()
    return found


def _websockets(folder: Path) -> dict[str, str]:
    """Return the package `websockets`, and once more under the name `plain_websockets`."""
    with zipfile.ZipFile(_wheel(folder, "websockets", WEBSOCKETS, "--platform", "any")) as archive:
        names = [name for name in archive.namelist() if name.startswith("websockets/") and name.endswith(".py")]
        sources = {name.removesuffix(".py").replace("/", "."): archive.read(name).decode() for name in names}
    return sources | {f"plain_{name}": source for name, source in sources.items()}


def _wheel(folder: Path, name: str, version: str, *options: str) -> Path:
    """Return the wheel of a package, which is downloaded unless it is there."""
    wheel = folder / f"{name}-{version}-py3-none-any.whl"
    if not wheel.exists():
        pip = (sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:")
        subprocess.run([*pip, *options, f"{name}=={version}"], cwd=folder, check=True)
    return wheel


def _niquests(folder: Path) -> dict[str, str]:
    with zipfile.ZipFile(_wheel(folder, "niquests", NIQUESTS)) as archive:
        source = archive.read(_NIQUESTS_FILE).decode()
    packages = ("niquests", "niquests.extensions", "niquests.extensions.pyodide", "niquests.extensions.pyodide._async")
    parts = ("niquests", "packages", "urllib3", "contrib", "webextensions", "_async")
    above = {".".join(parts[:length]) for length in range(1, len(parts) + 1)}
    return (
        {f"{name}.__init__": "" for name in above | set(packages)}
        | {"niquests.packages.urllib3.contrib.webextensions._async.ws": _NIQUESTS_BASE}
        | {"niquests.extensions.pyodide._async._ws": source}
    )
