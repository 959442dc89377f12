"""The Autobahn suite: where it comes from, and how one process of it is run."""

from __future__ import annotations

import functools
import json
import os
import shutil
import subprocess
import venv
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

_BUILD = Path(__file__).parents[2] / ".build"
_HOME = _BUILD / "wstest"
_PYTHON = _HOME / "bin" / "python"
_SCRIPT = Path(__file__).with_name("wstest_on_loopback.py")
AGENT = "pyws"
VERSION = "25.10.1"


class NoWstestError(Exception):
    """The suite cannot be installed here."""


def install() -> None:
    """Install the suite into `.build/wstest`, once.

    It is Python 2.7 code, for which neither `venv` nor a present-day virtualenv makes environments. Its source archive
    installs on Python 3 as well, without its dependencies, and does not run.
    """
    if (_HOME / "complete").exists():
        return
    python2 = _find_python2()
    shutil.rmtree(_HOME, ignore_errors=True)
    tool = _BUILD / "virtualenv"
    venv.create(tool, clear=True, with_pip=True)
    try:
        _run(tool / "bin" / "pip", "install", "virtualenv<20.22")
        _run(tool / "bin" / "virtualenv", "--python", python2, _HOME)
        _run(_HOME / "bin" / "pip", "install", f"autobahntestsuite=={VERSION}")
    except subprocess.CalledProcessError as exc:
        raise NoWstestError(f"the Autobahn suite cannot be installed: {exc.stderr.strip()[-300:]}") from exc
    (_HOME / "complete").touch()


@functools.cache
def all_cases() -> tuple[str, ...]:
    """Return the ids of every case, in the suite's order."""
    return tuple(_run(_PYTHON, _SCRIPT, "cases").split())


@contextmanager
def running(mode: str, out: Path, cases: Iterable[str], **spec: object) -> Iterator[subprocess.Popen[str]]:
    """Run the suite's `server` or `client` on these cases; its output goes to `out`."""
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    spec_file = out / "spec.json"
    spec_file.write_text(json.dumps({"outdir": str(out), "cases": list(cases), **spec}))
    command = [str(_PYTHON), str(_SCRIPT), mode, str(spec_file)]
    with (out / "errors.log").open("w") as errors:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True, env=_environment())
        try:
            yield process
        finally:
            process.kill()
            process.wait()
            if process.stdout is not None:
                process.stdout.close()


def port_of(output: IO[str] | None) -> int:
    """Wait for the suite's server to say where it listens."""
    for line in output or ():
        if line.startswith("port "):
            return int(line.split()[1])
    raise RuntimeError("the Autobahn suite's server did not start")


def verdicts(out: Path) -> dict[str, tuple[str, str]]:
    """Return what a report says: the behaviour and the closing behaviour by case."""
    report = out / "index.json"
    if not report.exists():
        return {}
    found = json.loads(report.read_text()).get(AGENT, {})
    return {case: (verdict["behavior"], verdict["behaviorClose"]) for case, verdict in found.items()}


def _find_python2() -> str:
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    candidates = [shutil.which("python2.7"), *sorted(map(str, pyenv.glob("versions/2.7*/bin/python2.7")))]
    for candidate in filter(None, candidates):
        # A shim of pyenv's may be there without a Python behind it.
        if subprocess.run([candidate, "-c", ""], capture_output=True, check=False).returncode == 0:
            return candidate
    raise NoWstestError("no Python 2.7 here, so the Autobahn suite was left out")


def _run(*command: object) -> str:
    return subprocess.run(
        list(map(str, command)), check=True, capture_output=True, text=True, env=_environment()
    ).stdout


def _environment() -> dict[str, str]:
    ours = ("PYTHONPATH", "PYTHONHOME", "PYTHONWARNINGS")
    return {name: value for name, value in os.environ.items() if name not in ours} | {"PYTHONUNBUFFERED": "1"}
