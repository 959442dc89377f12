"""Make a folder that any web server can serve as a complete Pyodide, without a CDN.

The runtime comes from npm (`pyodide@VERSION`), micropip from PyPI, and the wheels named on the command line from where
they are. The npm package's own `pyodide-lock.json` lists some 350 packages whose wheels it does not bring; the one
written here lists the wheels in the folder and nothing else, each with its hash, so `loadPackage("pyws-browser")` and
`micropip.install("pyws-browser")` work by name and never ask another server.

A second run downloads nothing: it updates changed wheels and rewrites the lock. The folder is the tool's own: a
manifest lists the files that it wrote there, and it replaces and removes those alone. A folder that holds anything and
has no manifest is refused, and so is one in which a file of the tool's was changed or would replace somebody else's.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from email.parser import HeaderParser
from itertools import starmap
from pathlib import Path, PurePosixPath
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

# The release that both supported Pyodide lines bundle.
MICROPIP_VERSION = "0.11.1"

LOCK = "pyodide-lock.json"
MANIFEST = ".pyodide-dist.json"
"""The file that says which release is in the folder, and lists what the tool wrote there, each with its hash."""


def main() -> None:
    """Parse the command line and make the folder."""
    parser = argparse.ArgumentParser(description="Make a folder that holds a complete Pyodide and local wheels.")
    parser.add_argument("version", help="the version of the npm package, such as 314.0.7")
    parser.add_argument("out", type=Path, help="the folder to make or to bring up to date")
    parser.add_argument("wheels", type=Path, nargs="*", help="pure Python wheels to add")
    arguments = parser.parse_args()
    make(arguments.version, arguments.out, arguments.wheels)


def make(version: str, out: Path, wheels: list[Path]) -> None:
    """Bring `out` to Pyodide `version` with micropip and `wheels`.

    Raises:
        SystemExit: `out` holds something that this tool did not write; nothing was changed.
    """
    own = check(out)
    runtime = _runtime(out, own, version)
    with tempfile.TemporaryDirectory(prefix="pyodide-dist-") as scratch:
        if not runtime:
            runtime = {file.name: file.read_bytes() for file in _download(version, Path(scratch))}
        files = runtime | {wheel.name: wheel.read_bytes() for wheel in wheels}
        lock = json.loads(files[LOCK])
        lock["packages"] = _entries({name: files[name] for name in sorted(files) if name.endswith(".whl")})
        files[LOCK] = json.dumps(lock, indent=1).encode()
    _refuse_others(out, own, files)
    out.mkdir(parents=True, exist_ok=True)
    # They are listed before they are written, so that the next run knows what a run that was cut short left.
    made = {name: _hash(content) for name, content in files.items()}
    _write(out / MANIFEST, _manifest(version, own | made, is_complete=False))
    for name, content in files.items():
        _write(out / name, content)
    for stale in own.keys() - files.keys():
        (out / stale).unlink(missing_ok=True)
    _write(out / MANIFEST, _manifest(version, made, is_complete=True))


def check(out: Path) -> dict[str, str]:
    """Return the files that this tool wrote into a folder earlier, with their hashes; none if it is empty or new.

    Raises:
        SystemExit: the folder is somebody else's, or a file that the tool wrote there was changed.
    """
    if not out.exists():
        return {}
    if not out.is_dir():
        sys.exit(f"{out} is a file: name a folder")
    if not any(out.iterdir()):
        return {}
    if not (out / MANIFEST).is_file():
        sys.exit(
            f"{out} holds files that this tool did not make, and they stay as they are: name a new or an empty folder, "
            f"such as {out / 'pyodide'}"
        )
    own: dict[str, str] = json.loads((out / MANIFEST).read_text("utf-8"))["files"]
    if any(Path(name).name != name for name in own):
        sys.exit(f"{out / MANIFEST} lists files outside its folder: this tool did not write it")
    changed = [name for name, digest in own.items() if (out / name).is_file() and _hash_of(out / name) != digest]
    if changed and not _was_cut_short(out):
        sys.exit(f"{out / changed[0]} was changed since this tool made it, and stays as it is: move it away first")
    return own


def _was_cut_short(out: Path) -> bool:
    """Whether the last run listed the files and did not write all of them."""
    return not json.loads((out / MANIFEST).read_text("utf-8"))["is_complete"]


def _runtime(out: Path, own: dict[str, str], version: str) -> dict[str, bytes]:
    """Return the files of the runtime and micropip that are in `out`, none unless they are this version's."""
    if not own or _was_cut_short(out) or json.loads((out / MANIFEST).read_text("utf-8"))["version"] != version:
        return {}
    wheels = [name for name in own if name.endswith(".whl") and not name.startswith(f"micropip-{MICROPIP_VERSION}-")]
    names = own.keys() - set(wheels)
    if not all((out / name).is_file() for name in names) or not any(name.endswith(".whl") for name in names):
        return {}
    return {name: (out / name).read_bytes() for name in sorted(names)}


def _refuse_others(out: Path, own: dict[str, str], files: dict[str, bytes]) -> None:
    """Raise SystemExit if a file would replace one that this tool did not write."""
    others = [name for name in files if name not in own and (out / name).exists()]
    if others:
        sys.exit(f"{out / others[0]} is not this tool's, and stays as it is: move it away first")


def _manifest(version: str, files: dict[str, str], *, is_complete: bool) -> bytes:
    return json.dumps({"version": version, "is_complete": is_complete, "files": files}, indent=1).encode()


def _download(version: str, scratch: Path) -> list[Path]:
    """Fetch the runtime and micropip into `scratch`, and return the files."""
    subprocess.run(["npm", "pack", "--silent", f"pyodide@{version}"], cwd=scratch, check=True)
    dist = scratch / "dist"
    dist.mkdir()
    _unpack(scratch / f"pyodide-{version}.tgz", dist)
    python = json.loads((dist / LOCK).read_text("utf-8"))["info"]["python"]
    subprocess.run(
        [
            *(sys.executable, "-m", "pip", "download", "--quiet", "--dest", dist),
            *("--no-deps", "--only-binary=:all:", "--python-version", python, f"micropip=={MICROPIP_VERSION}"),
        ],
        check=True,
    )
    return sorted(dist.iterdir())


def _unpack(archive: Path, folder: Path) -> None:
    """Write the files of an npm package; Pyodide's lie side by side, so the name alone says where each belongs."""
    with tarfile.open(archive) as package:
        for member in package:
            content = package.extractfile(member)
            if content is not None:
                (folder / PurePosixPath(member.name).name).write_bytes(content.read())


def _entries(wheels: dict[str, bytes]) -> dict[str, dict[str, Any]]:
    """Return the lock's entries for wheels, by name; `wheels` has their files' names and contents.

    Raises:
        SystemExit: a wheel requires a package that is not among them, which a page could not load.
    """
    entries = {entry["name"]: entry for entry in starmap(_entry, wheels.items())}
    for entry in entries.values():
        for name in entry["depends"]:
            if name not in entries:
                sys.exit(f"{entry['file_name']} requires {name} in the browser: give its wheel, too")
    return entries


def _entry(wheel: str, content: bytes) -> dict[str, Any]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        files = [PurePosixPath(name) for name in archive.namelist()]
        metadata_file = next(file for file in files if file.match("*.dist-info/METADATA"))
        metadata = HeaderParser().parsestr(archive.read(str(metadata_file)).decode())
    requirements = map(Requirement, metadata.get_all("Requires-Dist", []))
    return {
        "name": canonicalize_name(metadata["Name"]),
        "version": metadata["Version"],
        "file_name": wheel,
        "sha256": _hash(content),
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


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _hash_of(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def _write(path: Path, content: bytes) -> None:
    """Write a file in one step, so that a server in the middle of a session never hands out half of it."""
    scratch = path.with_name(f".{path.name}")
    scratch.write_bytes(content)
    scratch.replace(path)


if __name__ == "__main__":
    main()
