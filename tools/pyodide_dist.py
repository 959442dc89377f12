"""Make a folder that any web server can offer as a complete Pyodide, with no CDN behind it.

The runtime comes from npm (`pyodide@VERSION`), micropip from PyPI, and the wheels named on the command line from where
they are. The npm package's own `pyodide-lock.json` lists some 350 packages whose wheels it does not bring; the one
written here lists the wheels in the folder and nothing else, each with its hash, so `loadPackage("pyws-browser")` and
`micropip.install("pyws-browser")` work by name and never ask another server.

A second run downloads nothing: it brings in wheels that changed and rewrites the lock.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from email.parser import HeaderParser
from pathlib import Path, PurePosixPath
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

# The release that both supported Pyodide lines bundle.
MICROPIP_VERSION = "0.11.1"

LOCK = "pyodide-lock.json"


def main() -> None:
    """Parse the command line and make the folder."""
    parser = argparse.ArgumentParser(description="Make a folder that holds a complete Pyodide and local wheels.")
    parser.add_argument("version", help="the version of the npm package, such as 314.0.7")
    parser.add_argument("out", type=Path, help="the folder to make or to bring up to date")
    parser.add_argument("wheels", type=Path, nargs="*", help="pure Python wheels to add")
    arguments = parser.parse_args()
    make(arguments.version, arguments.out, arguments.wheels)


def make(version: str, out: Path, wheels: list[Path]) -> None:
    """Bring `out` to Pyodide `version` with micropip and `wheels`."""
    micropip = f"micropip-{MICROPIP_VERSION}-*.whl"
    if not any(out.glob(micropip)):
        _download(version, out)
    for wheel in wheels:
        _write(out / wheel.name, wheel.read_bytes())
    for stale in set(out.glob("*.whl")) - set(out.glob(micropip)) - {out / wheel.name for wheel in wheels}:
        stale.unlink()
    lock = json.loads((out / LOCK).read_text("utf-8"))
    lock["packages"] = _entries(sorted(out.glob("*.whl")))
    _write(out / LOCK, json.dumps(lock, indent=1).encode())


def _download(version: str, out: Path) -> None:
    """Fetch the runtime and micropip; `out` appears complete or, when something fails, not at all."""
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=f".{out.name}-") as scratch:
        subprocess.run(["npm", "pack", "--silent", f"pyodide@{version}"], cwd=scratch, check=True)
        dist = Path(scratch, "dist")
        dist.mkdir()
        _unpack(Path(scratch, f"pyodide-{version}.tgz"), dist)
        python = json.loads((dist / LOCK).read_text("utf-8"))["info"]["python"]
        subprocess.run(
            [
                *(sys.executable, "-m", "pip", "download", "--quiet", "--dest", dist),
                *("--no-deps", "--only-binary=:all:", "--python-version", python, f"micropip=={MICROPIP_VERSION}"),
            ],
            check=True,
        )
        if out.exists():
            shutil.rmtree(out)
        dist.rename(out)


def _unpack(archive: Path, folder: Path) -> None:
    """Write the files of an npm package; Pyodide's lie side by side, so the name alone says where each belongs."""
    with tarfile.open(archive) as package:
        for member in package:
            content = package.extractfile(member)
            if content is not None:
                (folder / PurePosixPath(member.name).name).write_bytes(content.read())


def _entries(wheels: list[Path]) -> dict[str, dict[str, Any]]:
    """Return the lock's entries for `wheels`, by name.

    Raises:
        SystemExit: a wheel requires a package that is not among them, which a page could not load.
    """
    entries = {entry["name"]: entry for entry in map(_entry, wheels)}
    for entry in entries.values():
        for name in entry["depends"]:
            if name not in entries:
                sys.exit(f"{entry['file_name']} requires {name} in the browser: give its wheel, too")
    return entries


def _entry(wheel: Path) -> dict[str, Any]:
    content = wheel.read_bytes()
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        files = [PurePosixPath(name) for name in archive.namelist()]
        metadata_file = next(file for file in files if file.match("*.dist-info/METADATA"))
        metadata = HeaderParser().parsestr(archive.read(str(metadata_file)).decode())
    requirements = map(Requirement, metadata.get_all("Requires-Dist", []))
    return {
        "name": canonicalize_name(metadata["Name"]),
        "version": metadata["Version"],
        "file_name": wheel.name,
        "sha256": hashlib.sha256(content).hexdigest(),
        "install_dir": "site",
        "package_type": "package",
        "imports": sorted({file.parts[0].removesuffix(".py") for file in files if ".dist-info" not in file.parts[0]}),
        "depends": sorted(canonicalize_name(item.name) for item in requirements if _holds_in_browser(item)),
        "unvendored_tests": False,
    }


def _holds_in_browser(requirement: Requirement) -> bool:
    """Whether a page needs this requirement, judged as micropip would there."""
    environment = {"sys_platform": "emscripten", "platform_system": "Emscripten", "extra": ""}
    return requirement.marker is None or requirement.marker.evaluate(environment)


def _write(path: Path, content: bytes) -> None:
    """Write a file in one step, so that a server in the middle of a session never hands out half of it."""
    scratch = path.with_name(f".{path.name}")
    scratch.write_bytes(content)
    scratch.replace(path)


if __name__ == "__main__":
    main()
