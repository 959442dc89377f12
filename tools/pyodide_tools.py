"""Runs Pyodide's own tools to build the wheel, the recipe and a lock, and compares them with a distribution.

    python tools/pyodide_tools.py .build/pyodide-314.0.7 dist/pyws_browser-0.1.0-py3-none-any.whl

`pyodide build`, `build-recipes`, `lockfile add-wheels` and `py-compile` come with pyodide-build and pyodide-lock, which
need Python 3.12. They ask the network for a cross-build environment; a pure Python package needs hardly anything of it,
and that is made here from the files of the distribution.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path
from typing import Any

HOME = Path(__file__).resolve().parents[1]
RECIPES = HOME / "packaging" / "recipe"
SOURCES = ("pyws_browser", "pyproject.toml", "README.md", "LICENSE")
NAME = "pyws-browser"
LOCK = "pyodide-lock.json"

_SYSCONFIG = "_sysconfigdata__emscripten_wasm32-emscripten"
_MAKEFILE = """\
export PYODIDE_VERSION = {pyodide}
export PYODIDE_ABI_VERSION = {abi}
export PYODIDE_EMSCRIPTEN_VERSION = {emscripten}
export PLATFORM_TRIPLET = wasm32-emscripten
export PYVERSION = {python}
export PYMAJOR = {major}
export PYMINOR = {minor}
export PYMICRO = {micro}
export CPYTHONINSTALL = $(PYODIDE_ROOT)/cpython
export TARGETINSTALLDIR = $(PYODIDE_ROOT)/cpython
export PYTHONINCLUDE = $(PYODIDE_ROOT)/cpython/include
export SYSCONFIGDATA_DIR = $(PYODIDE_ROOT)/cpython/sysconfigdata
export SYSCONFIG_NAME = {sysconfig}
export HOSTINSTALLDIR = $(PYODIDE_ROOT)/packages/.artifacts
export HOSTSITEPACKAGES = $(PYODIDE_ROOT)/packages/.artifacts/lib/python{major}.{minor}/site-packages
export CFLAGS_BASE =
export CXXFLAGS_BASE =
export LDFLAGS_BASE =

.output_vars:
\t@env
"""


class PyodideTools:
    """The commands of `pyodide`, set up for the Pyodide in a folder.

    Args:
        pyodide: a folder with a Pyodide, as `tools/pyodide_dist.py` makes it.
        scratch: an empty folder for what the commands need and leave.
    """

    def __init__(self, pyodide: Path, scratch: Path) -> None:
        self._pyodide = pyodide.resolve()
        self._scratch = scratch.resolve()
        self._bin = Path(sys.executable).parent
        self._env = {
            **os.environ,
            "PATH": f"{self._bin}{os.pathsep}{os.environ['PATH']}",
            "PYODIDE_XBUILDENV_PATH": str(self._scratch / "environment"),
            "SKIP_EMSCRIPTEN_VERSION_CHECK": "1",  # there is nothing to be compiled
        }
        archive = self._make_environment()
        self._run("xbuildenv", "install", "--path", self._scratch / "environment", "--url", archive.as_uri())

    def build(self) -> Path:
        """Return the wheel that `pyodide build` makes of the sources."""
        source = self._scratch / "source"
        source.mkdir()
        for name in SOURCES:
            original = HOME / name
            if original.is_dir():
                shutil.copytree(original, source / name, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(original, source)
        self._run("build", source, "--outdir", self._scratch / "built", "--no-isolation")
        return _only_wheel(self._scratch / "built")

    def build_recipe(self) -> Path:
        """Return the folder, a wheel and a lock, that `pyodide build-recipes` makes of the recipe and the sdist."""
        recipes, out = self._scratch / "recipes", self._scratch / "from-recipe"
        shutil.copytree(RECIPES, recipes)
        build = (sys.executable, "-m", "build", "--sdist", "--no-isolation")
        _run([*build, "--outdir", self._scratch, HOME], self._env, HOME)
        (sdist,) = self._scratch.glob("pyws_browser-*.tar.gz")
        with tarfile.open(sdist) as archive:
            archive.extractall(self._scratch, filter="data")
        (self._scratch / sdist.name.removesuffix(".tar.gz")).rename(recipes / NAME / "source")
        self._run(
            *("build-recipes", NAME, "--recipe-dir", recipes, "--build-dir", self._scratch / "recipe-build"),
            *("--install", "--install-dir", out),
        )
        return out

    def lock(self, wheel: Path) -> Path:
        """Return the lock that `pyodide lockfile add-wheels` makes of the distribution's lock and the wheel."""
        out = self._scratch / "locked.json"
        self._run("lockfile", "add-wheels", "--input", self._pyodide / LOCK, "--output", out, wheel.resolve())
        return out

    def py_compile(self, wheel: Path) -> Path:
        """Return the wheel of bytecode that `pyodide py-compile` makes; it is for this Python's minor version."""
        folder = self._scratch / "compiled"
        folder.mkdir()
        self._run("py-compile", shutil.copy(wheel, folder))
        return _only_wheel(folder)

    def _make_environment(self) -> Path:
        """Write the archive of a cross-build environment that is enough for pure Python."""
        info = json.loads((self._pyodide / LOCK).read_text("utf-8"))["info"]
        major, minor, micro = info["python"].split(".")
        root = self._scratch / "xbuildenv" / "pyodide-root"
        sysconfig = root / "cpython" / "sysconfigdata"
        sysconfig.mkdir(parents=True)
        with zipfile.ZipFile(self._pyodide / "python_stdlib.zip") as stdlib:
            stdlib.extract(f"{_SYSCONFIG}.py", sysconfig)
        makefile = _MAKEFILE.format(
            pyodide=json.loads((self._pyodide / "package.json").read_text("utf-8"))["version"],
            abi=info["abi_version"],
            emscripten=info["platform"].removeprefix("emscripten_").replace("_", "."),
            python=info["python"],
            major=major,
            minor=minor,
            micro=micro,
            sysconfig=_SYSCONFIG,
        )
        (root / "Makefile.envs").write_text(makefile, "utf-8")
        (root.parent / "requirements.txt").touch()
        (root / "dist").mkdir()
        shutil.copy(self._pyodide / LOCK, root / "dist")
        archive = self._scratch / "environment.tar.gz"
        with tarfile.open(archive, "w:gz") as target:
            target.add(root.parent, "xbuildenv")
        return archive

    def _run(self, *command: str | Path) -> None:
        _run([self._bin / "pyodide", *command], self._env, self._scratch)


def sha256(file: Path) -> str:
    """Return the digest of a file, as a lock has it."""
    return hashlib.sha256(file.read_bytes()).hexdigest()


def entry(lock: Path) -> dict[str, Any]:
    """Return the entry of this package in a lock."""
    found: dict[str, Any] = json.loads(lock.read_text("utf-8"))["packages"][NAME]
    return found


def _only_wheel(folder: Path) -> Path:
    (wheel,) = folder.glob("*.whl")
    return wheel


def _run(command: list[str | Path], env: dict[str, str], folder: Path) -> None:
    """Run a command in silence. Raises SystemExit with all that it wrote if it fails."""
    done = subprocess.run(command, env=env, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))} failed:\n{done.stdout}{done.stderr}")


def main() -> None:
    """Parse the command line, and compare."""
    parser = argparse.ArgumentParser(description="Compare a distribution with what Pyodide's own tools make.")
    parser.add_argument("pyodide", type=Path, help="the distribution")
    parser.add_argument("wheel", type=Path, help="the wheel that was built of the sources")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        tools = PyodideTools(arguments.pyodide, Path(scratch))
        if sha256(tools.build()) != sha256(arguments.wheel):
            sys.exit(f"`pyodide build` makes another wheel than {arguments.wheel}: build it anew")
        (served,) = arguments.pyodide.glob("pyws_browser-*.whl")
        ours, theirs = entry(arguments.pyodide / LOCK), entry(tools.lock(served))
        if theirs | ours != theirs:  # it has a key more, for the settings of tools
            sys.exit(f"pyodide-lock writes another entry:\n{json.dumps(theirs, indent=1)}\nthan {ours}")
    print("pyodide build makes the same wheel, and pyodide-lock writes the same entry.")


if __name__ == "__main__":
    main()
