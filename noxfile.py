"""The commands of `build.sh`, a session each. `tools/provision.py` makes what they need.

The sessions share environments, so nox makes none of its own: `python=False`.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import Final

import nox

sys.path.insert(0, str(Path(__file__).parent / "tools"))

import provision
import pyodide_dist
from lowest import requirements
from provision import BUILD, HOME, PYODIDE_VERSIONS, environment, python_of

RESULTS: Final = BUILD / "results"
FIRST: Final = PYODIDE_VERSIONS[0]
BROWSER_GROUPS: Final = ("build", "test", "browser", "pyodide")

FAST: Final = "not browser and not conformance and not interop"
"""The tests that need nothing but Python. The others start programs that want the machine for themselves."""

WORKERS: Final = str(2 * (os.cpu_count() or 1))
"""Twice as many as there are processors, since half of the time tests wait."""

ENGINE_TESTS: Final = (
    *(
        f"tests/browser/test_{name}.py"
        for name in ("interpreter", "contract", "web_platform", "wakeup", "leaks", "stream")
    ),
    *(
        f"tests/browser/test_crossing.py::test_{name}"
        for name in (
            "any_mixture_crosses_by_the_batch",
            "texts_that_cross_as_one_hide_no_other_among_them",
            "texts_cross_after_the_memory_has_grown",
        )
    ),
)
"""What may differ between engines. Chromium runs every test."""

TABLES: Final = {"tools/support_table.py": "docs/support.md", "tools/libraries_table.py": "docs/libraries.md"}
"""By the tool that writes it, the document with a table of what the tests ran."""

PYODIDE_TESTS: Final = (
    *(f"tests/browser/test_{name}.py" for name in ("interpreter", "contract", "crossing", "wakeup", "leaks", "stream")),
    *(f"tests/browser/test_{name}.py" for name in ("aio", "client", "url", "libraries", "places")),
)
"""What may differ between Pyodides: how messages cross, asyncio, the libraries of others. The first runs all tests."""

USAGE: Final = "tests/typing/usage.py"
"""A program that uses the public names, for type checkers."""

ARCS: Final = BUILD / "arcs"
"""What `pytest tests/browser --arcs` recorded of the lines that ran in pages; the report of coverage has them too."""

FLOORS: Final = {"protocol": 100, "wire": 100, "peer": 99, "server": 99}
"""Percent of a package's statements and branches that the tests run, below which they fail.

All four have 100. Some lines of `peer` and `server` run only if two threads or sockets meet in a certain order.
"""

COVERAGE: Final = {"COVERAGE_FILE": str(BUILD / "coverage")}
"""Where coverage is kept, for all programs that add to it or report it."""


# Tests.


@nox.session(python=False)
def fast(session: nox.Session) -> None:
    """Run the tests that need nothing but Python."""
    _pytest_fast(session, _tested("venv", "build", "test"), *session.posargs)


@nox.session(python=False, tags=["test"])
def native(session: nox.Session) -> None:
    """Run every test on CPython, with a Godot engine and the Autobahn suite, and record the coverage."""
    with provision.locked():
        provision.want_godot()
        provision.want_brokers()
    venv = _tested("venv", "build", "test")
    _pytest_fast(session, venv, "--cov", "--cov-report=")
    slow = ("-m", "conformance or interop", "--ignore=tests/browser")
    _pytest(session, venv, *slow, "--cov", "--cov-append", "--cov-report=")


@nox.session(python=False, tags=["test"])
def coverage(session: nox.Session) -> None:
    """Report the branches that ran, and hold the packages to their floors."""
    venv = _provisioned("venv", "build", "test")
    program = str(venv / "bin" / "coverage")
    if ARCS.is_dir():
        _python(session, venv, "tools/page_coverage.py", str(ARCS), COVERAGE["COVERAGE_FILE"])
    session.run(program, "report", "--show-missing", "--skip-covered", external=True, env=COVERAGE)
    for package, floor in FLOORS.items():
        of_package = ("--include", f"pyws_browser/{package}/*", "--fail-under", str(floor), "--show-missing")
        session.run(program, "report", "--skip-covered", *of_package, external=True, env=COVERAGE)


@nox.session(python=False, tags=["test"])
def lowest(session: nox.Session) -> None:
    """Run the tests that need nothing but Python on the oldest Python, with the lowest versions allowed."""
    with provision.locked():
        venv = environment("venv-lowest", "build", "test", python=provision.oldest_python())
        oldest = requirements((HOME / "pyproject.toml").read_text(encoding="utf-8"))
        provision.install_wheel(venv, provision.wheel(), *oldest)
    _pytest_fast(session, venv, *session.posargs)


@nox.session(python=False, tags=["test"])
def compiled(session: nox.Session) -> None:
    """Run the tests on CPython against the compiled wheel; those with Godot are left out, since they test Godot."""
    with provision.locked():
        venv = _compiled("test")
    session.run(str(python_of(venv)), "-P", "tools/check_compiled.py", external=True)
    _pytest_fast(session, venv)
    _pytest(session, venv, "-m", "conformance", "--ignore=tests/browser")


@nox.session(python=False, tags=["test"])
@nox.parametrize("version", PYODIDE_VERSIONS)
def chromium(session: nox.Session, version: str) -> None:
    """Run the tests of the page in Chromium, on each Pyodide."""
    tests = ("tests/browser",) if version == FIRST else PYODIDE_TESTS
    _test_in_engine(session, "chromium", version, *tests)


@nox.session(python=False, tags=["test"])
@nox.parametrize("engine", ["firefox", "webkit", "node"])
def engine(session: nox.Session, engine: str) -> None:
    """Run in another engine the tests of what may differ between engines."""
    try:
        _test_in_engine(session, engine, FIRST, *ENGINE_TESTS)
    except provision.ProvisionError as exc:
        if os.environ.get("CI"):
            raise
        session.skip(str(exc))


@nox.session(python=False)
def support(session: nox.Session) -> None:
    """Write the tables of docs/support.md and docs/libraries.md from the last whole test run."""
    for tool, document in TABLES.items():
        _python(session, _provisioned("venv", "build"), tool, str(RESULTS), document)


@nox.session(python=False, tags=["test"])
def check_support(session: nox.Session) -> None:
    """Compare the tables of docs/support.md and docs/libraries.md with what the tests ran; only CI has every engine."""
    if not os.environ.get("CI"):
        session.skip("only CI has every engine")
    for tool, document in TABLES.items():
        _python(session, _provisioned("venv", "build"), tool, "--check", str(RESULTS), document)


@nox.session(python=False)
def conformance(session: nox.Session) -> None:
    """Run the whole Autobahn suite; with --browser in Chromium. Patterns such as '6.*' choose cases."""
    if "--browser" in session.posargs:
        cases = [argument for argument in session.posargs if argument != "--browser"]
        os.environ["PYWS_AUTOBAHN_CASES"] = " ".join(cases) or "*"
        _test_in_engine(session, "chromium", FIRST, "tests/browser/test_conformance.py", "-o", "faulthandler_timeout=0")
        return
    _python(session, _tested("venv", "build", "test"), "-m", "tests.conformance", "--jobs", "2", *session.posargs)


@nox.session(python=False)
def chaos(session: nox.Session) -> None:
    """Let accidents happen to workers and brokers, --seeds N for each broker, and check what clients got."""
    with provision.locked():
        provision.want_brokers()
    _python(session, _tested("venv", "build", "test"), "-m", "tests.chaos", *session.posargs)


@nox.session(python=False)
def fuzz(session: nox.Session) -> None:
    """Look for inputs that break the parsers, --seconds N in all."""
    _python(session, _tested("venv", "build", "test", "fuzz"), "-m", "tests.fuzz", *session.posargs)


# The page.


@nox.session(python=False)
def demo(session: nox.Session) -> None:
    """Serve the page, relay its board, and join it from the desktop; with --check prove that it works."""
    has_workers = any(word.startswith("--workers") for word in session.posargs)
    if has_workers:
        with provision.locked():
            provision.want_brokers()
    groups = ("demo", "test") if has_workers else ("demo",)  # the clients of brokers
    venv = _browser_tests("chromium", FIRST) if "--check" in session.posargs else _page(*groups)
    _python(session, venv, "web/demo.py", *session.posargs)


@nox.session(python=False)
def serve(session: nox.Session) -> None:
    """Serve the page alone."""
    _python(session, _page("demo"), "web/serve.py", "--pyodide", str(BUILD / f"pyodide-{FIRST}"), *session.posargs)


@nox.session(python=False)
def dist(session: nox.Session) -> None:
    """Make a Pyodide that has this package, for any web server."""
    folder = (session.posargs or [str(BUILD / "dist")])[0]
    pyodide_dist.check(Path(folder))  # before anything is downloaded or built
    venv = _page("pyodide")
    wheel = str(provision.wheel())
    _python(session, venv, "tools/page_wheel.py", wheel, str(BUILD / "page-wheel"))
    small = BUILD / "page-wheel" / Path(wheel).name
    _python(session, venv, "tools/pyodide_dist.py", FIRST, folder, str(small))
    if (venv / "bin" / "pyodide").exists():
        session.log("Comparing with what pyodide-build and pyodide-lock make")
        _python(session, venv, "tools/pyodide_tools.py", folder, wheel)
    else:
        session.log("Not compared with what pyodide-build and pyodide-lock make: they need Python 3.12")


# Checks and documents.


@nox.session(python=False, tags=["lint"])
def style(session: nox.Session) -> None:
    """Check style and formatting."""
    ruff = str(_provisioned("venv", "lint") / "bin" / "ruff")
    env = {"RUFF_CACHE_DIR": str(BUILD / "ruff")}
    session.run(ruff, "check", ".", external=True, env=env)
    session.run(ruff, "format", "--check", ".", external=True, env=env)


@nox.session(python=False, tags=["lint"])
def types(session: nox.Session) -> None:
    """Check types, on CPython and in a page; the checker looks into everything that the sources import."""
    mypy = str(_tested("venv", "build", "lint", "browser", "nox") / "bin" / "mypy")
    session.run(mypy, "--cache-dir", str(BUILD / "mypy"), external=True)
    page = ("--platform", "emscripten", "--follow-imports", "silent", "--cache-dir", str(BUILD / "mypy-page"))
    session.run(mypy, *page, USAGE, external=True)


@nox.session(python=False, tags=["lint"])
def types_for_users(session: nox.Session) -> None:
    """Check what users of pyright and Pylance see: every public name has a type, and usage.py none that is wrong."""
    venv = _tested("venv", "build", "test")
    with provision.locked():
        program = str(provision.pyright() / "node_modules" / "pyright" / "index.js")
    env = {"PATH": f"{venv / 'bin'}{os.pathsep}{os.environ['PATH']}"}  # pyright takes the first Python on the path
    with session.chdir(BUILD / "pyright"):
        verify = ("--verifytypes", "pyws_browser", "--ignoreexternal")
        session.run("node", program, *verify, external=True, silent=True, env=env)
        session.run("node", program, str(HOME / USAGE), external=True, silent=True, env=env)


@nox.session(python=False)
def docs(session: nox.Session) -> None:
    """Build the documentation, with every link checked, into .build/site."""
    venv = _provisioned("venv-docs", "docs")
    mkdocs = (str(venv / "bin" / "mkdocs"), "build", "--strict", *session.posargs)
    session.run(*mkdocs, external=True, env={"NO_MKDOCS_2_WARNING": "1"})


@nox.session(python=False)
def wheel(session: nox.Session) -> None:
    """Build the wheel; with --compiled the one in which mypyc compiled the inner loops."""
    with provision.locked():
        print(provision.compiled_wheel() if "--compiled" in session.posargs else provision.wheel())


# Benchmarks.


@nox.session(python=False)
def bench_native(session: nox.Session) -> None:
    """Measure clients and servers on CPython beside their peers; with --against REV beside that commit."""
    if "--against" in session.posargs:
        _bench_against(session)
        return
    with provision.locked():
        compiled_python = str(python_of(_compiled("bench")))
    venv = _tested("venv", "build", "bench")
    results = ("--compiled", compiled_python, "--json", "benchmarks/results/native.json")
    _python(session, venv, "-m", "benchmarks.native", *results, *session.posargs)


@nox.session(python=False)
def bench_rooms(session: nox.Session) -> None:
    """Measure rooms beside broadcast(), and over NATS beside the bare client."""
    with provision.locked():
        provision.want_brokers()
    _python(session, _tested("venv", "build", "test"), "-m", "benchmarks.rooms", *session.posargs)


@nox.session(python=False)
def bench_browser(session: nox.Session) -> None:
    """Measure a page beside plain JavaScript and what others use."""
    venv = _browser_tests("chromium", FIRST)
    page = (str(BUILD / f"pyodide-{FIRST}"), "--json", "benchmarks/results/browser.json")
    _python(session, venv, "-m", "benchmarks.browser", *page, *session.posargs)


@nox.session(python=False)
def bench(session: nox.Session) -> None:
    """Measure the native side, the Variant codec and the import in a page."""
    bench_native(session)
    venv = _browser_tests("chromium", FIRST)
    _provisioned("venv", "bench")
    _python(session, venv, "-m", "benchmarks.variant")
    _python(session, venv, "-m", "benchmarks.page_import", str(BUILD / f"pyodide-{FIRST}"))


def _bench_against(session: nox.Session) -> None:
    options = argparse.ArgumentParser(add_help=False)
    options.add_argument("--against", metavar="REV")
    chosen, rest = options.parse_known_args(session.posargs)
    venv = _tested("venv", "build", "bench")
    with provision.locked():
        before = environment("venv-against", "bench")
        provision.install_wheel(before, provision.wheel_of(chosen.against))
    _python(session, venv, "-m", "benchmarks.native.against", "--before", str(python_of(before)), *rest)


# What the sessions share.


def _provisioned(name: str, *groups: str) -> Path:
    with provision.locked():
        return environment(name, *groups)


def _tested(name: str, *groups: str) -> Path:
    """Return an environment with the plain wheel in it, which is what the tests run on."""
    with provision.locked():
        venv = environment(name, *groups)
        provision.install_wheel(venv, provision.wheel())
    return venv


def _compiled(group: str) -> Path:
    """Return an environment of its own with the compiled wheel, for both wheels are of the same package."""
    made = provision.compiled_wheel()
    venv = environment("venv-compiled", group)
    provision.install_wheel(venv, made)
    return venv


def _page(*groups: str, version: str = FIRST) -> Path:
    venv = _tested("venv", "build", *groups)
    with provision.locked():
        os.environ["PYWS_DIST"] = str(provision.pyodide(version))
    os.environ["PYWS_WHEEL"] = str(provision.wheel())
    return venv


def _browser_tests(engine: str, version: str) -> Path:
    with provision.locked():
        provision.need_engine(engine)
        if engine == "chromium":
            provision.pyscript()
            provision.libraries()
            provision.axe()
            provision.vite()
            if version == FIRST:
                provision.jupyterlite()
            provision.want_godot()
            provision.need("make", ("make",), ("make",))  # which `pyodide build-recipes` runs
    return _page(*BROWSER_GROUPS, version=version)


def _test_in_engine(session: nox.Session, engine: str, version: str, *arguments: str) -> None:
    venv = _browser_tests(engine, version)
    results = ("--report", str(RESULTS / f"{engine}-{version}.json"))
    env = {"PYWS_NODE": provision.node() or "", "SE_OFFLINE": "true", "SE_AVOID_STATS": "true"}
    # A file goes to one worker, which starts its browsers for itself.
    workers = ("-n", str(os.cpu_count() or 1), "--dist", "loadfile")
    _pytest(
        session,
        venv,
        *workers,
        *arguments,
        "--engine",
        engine,
        "--dist-dir",
        os.environ["PYWS_DIST"],
        *results,
        env=env,
    )


def _pytest_fast(session: nox.Session, venv: Path, *arguments: str) -> None:
    _pytest(session, venv, "-n", WORKERS, "-m", FAST, "--ignore=tests/browser", *arguments)


def _pytest(session: nox.Session, venv: Path, *arguments: str, env: dict[str, str] | None = None) -> None:
    """Run `pytest` and not `python -m pytest`, which would put the sources before the installed wheel."""
    session.run(str(venv / "bin" / "pytest"), *arguments, external=True, env={**COVERAGE, **(env or {})})


def _python(session: nox.Session, venv: Path, *arguments: str) -> None:
    session.run(str(python_of(venv)), *arguments, external=True)
