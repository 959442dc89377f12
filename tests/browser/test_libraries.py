"""Third-party libraries run unchanged in a page, with `patch_websockets()`, as they do on CPython.

The programs, the servers and the list of libraries are in `tests/libraries/`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import trustme

from ..libraries.table import LIBRARIES, Library
from .report import LIBRARY

if TYPE_CHECKING:
    from .interpreter import Interpreter

PROGRAMS = Path(__file__).parents[1] / "libraries" / "programs.py"
ROOT = Path(__file__).parents[2]

IN_PAGE = """
import asyncio, contextlib, io, logging, warnings

logging.basicConfig(stream=(log := io.StringIO()), force=True)
import pyodide_js
await pyodide_js.loadPackage("micropip")
import micropip

scope = {}
exec(carry, scope)
if order == "patched first":
    import pyws_browser
    pyws_browser.patch_websockets(carry=scope.get("carry"))
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    await micropip.install(requirements, index_urls=[index])
    if order == "imported first":
        for name in imports:
            __import__(name)
        import pyws_browser
        pyws_browser.patch_websockets(carry=scope.get("carry"))
    import library_programs
    answer = await getattr(library_programs, program)(urls)
[answer, log.getvalue()]
"""

ON_CPYTHON = """
import asyncio, json, sys, warnings
warnings.simplefilter("ignore")
import certifi
certifi.where = lambda: sys.argv[3]
scope = {}
exec(sys.argv[4], scope)
import pyws_browser
pyws_browser.patch_websockets(carry=scope.get("carry"))
from tests.libraries import programs
print(json.dumps(asyncio.run(getattr(programs, sys.argv[1])(json.loads(sys.argv[2])))))
"""


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A server's certificate with its key, and the authority's."""
    folder = tmp_path_factory.mktemp("certificates")
    authority = trustme.CA()
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(folder / "server.pem")
    authority.cert_pem.write_to_path(folder / "ca.pem")
    return folder / "server.pem", folder / "ca.pem"


@pytest.fixture(scope="module")
def environment(libraries_dir: Path) -> dict[str, str]:
    """The environment in which CPython has the libraries."""
    if not (libraries_dir / "index").is_dir():
        pytest.skip("needs the libraries: ./build.sh test")
    paths = os.pathsep.join([str(ROOT), str(libraries_dir / "cpython")])
    return {**os.environ, "PYTHONPATH": paths}


@pytest.fixture(scope="module")
def library_urls(environment: dict[str, str], certificate: tuple[Path, Path]) -> Iterator[dict[str, str]]:
    """The servers, in a process of their own."""
    with serving(environment, certificate[0]) as urls:
        yield urls


@contextmanager
def serving(environment: dict[str, str], certificate: Path) -> Iterator[dict[str, str]]:
    command = [sys.executable, "-m", "tests.libraries.servers", str(certificate)]
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdin=-1, stdout=-1, text=True) as process:
        assert process.stdout is not None
        urls = json.loads(process.stdout.readline())
        yield urls
        assert process.stdin is not None
        process.stdin.close()


def devtools_of(interpreter: Interpreter) -> str:
    return str(interpreter.runner.devtools_url())  # type: ignore[attr-defined]


def is_for(library: Library, dist_dir: Path) -> bool:
    version = json.loads((dist_dir / "package.json").read_text("utf-8"))["version"]
    return any(version.startswith(prefix) for prefix in library.pyodides)


def run_in_page(
    interpreter: Interpreter, site_url: str, library: Library, urls: dict[str, str], order: str = "patched first"
) -> tuple[Any, str]:
    """Install the library in a new interpreter and run its program; return its answer, and the log."""
    interpreter.install("library_programs", PROGRAMS.read_text("utf-8"))
    interpreter.restart()
    answer, log = interpreter.run(
        IN_PAGE,
        timeout=60,
        program=library.program,
        requirements=[f"{library.name}{library.extra}=={library.version}", *library.more],
        imports=["websockets", library.program] if library.how == "websockets" else [],
        index=f"{site_url}/libraries/index",
        carry=library.carry,
        urls={**urls, "devtools": devtools_of(interpreter)},
        order=order,
    )
    return answer, log


@pytest.mark.parametrize("library", LIBRARIES, ids=lambda library: library.name)
class TestLibrary:
    def test_it_runs_in_a_page(
        self,
        python_place: Interpreter,
        library: Library,
        site_url: str,
        dist_dir: Path,
        library_urls: dict[str, str],
        record_property: Any,
    ) -> None:
        if not is_for(library, dist_dir):
            pytest.skip("it needs wheels that this Pyodide has not")

        record_property(LIBRARY, library.name)

        answer, log = run_in_page(python_place, site_url, library, library_urls)

        if library.refused:
            assert f"these were asked for: {library.refused}" in log
            assert library.refused in answer
        else:
            assert answer == library.answer

    def test_it_runs_on_cpython_with_the_real_websockets(
        self,
        library: Library,
        environment: dict[str, str],
        certificate: tuple[Path, Path],
        library_urls: dict[str, str],
        request: pytest.FixtureRequest,
    ) -> None:
        urls = dict(library_urls)
        if library.program == "cdp_use":
            urls["devtools"] = devtools_of(request.getfixturevalue("page_python"))
        assert run_on_cpython(library, urls, environment, certificate[1]) == library.answer


@pytest.mark.parametrize("name", ["gql", "surrealdb", "centrifuge-python"])
def test_on_the_desktop_the_limits_of_a_page_prove_the_page(
    name: str, environment: dict[str, str], certificate: tuple[Path, Path], library_urls: dict[str, str]
) -> None:
    (library,) = (library for library in LIBRARIES if library.name == name)
    limited = {**environment, "PYWS_WEB_LIMITS": "1"}
    assert run_on_cpython(library, library_urls, limited, certificate[1]) == library.answer


def run_on_cpython(library: Library, urls: dict[str, str], environment: dict[str, str], authority: Path) -> Any:
    command = [sys.executable, "-c", ON_CPYTHON, library.program, json.dumps(urls), str(authority), library.carry]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("name", ["gql", "cdp-use", "realtime", "openai"])
def test_it_does_not_matter_that_the_library_was_imported_before(
    name: str, page_python: Interpreter, site_url: str, dist_dir: Path, library_urls: dict[str, str]
) -> None:
    (library,) = (library for library in LIBRARIES if library.name == name)
    if not is_for(library, dist_dir):
        pytest.skip("it needs wheels that this Pyodide has not")
    assert run_in_page(page_python, site_url, library, library_urls, "imported first")[0] == library.answer


STRICT = """
import asyncio, json, traceback
from pyodide.http import pyfetch
import pyodide_js

try:
    await pyodide_js.loadPackage("micropip")
    import micropip
    import pyws_browser
    pyws_browser.patch_websockets()
    await micropip.install("gql[websockets]==4.4.0", index_urls=[{index!r}])
    names = {{}}
    exec({programs!r}, names)
    outcome = await names["gql"]({urls!r})
except Exception as error:
    outcome = "".join(traceback.format_exception(error))
await pyfetch({report!r}, method="POST", body=json.dumps(outcome))
"""


def asked(driver: Any, question: str, seconds: float = 90) -> Any:
    """Return what the page answers to a question in JavaScript, once that is true."""
    from selenium.webdriver.support.wait import WebDriverWait

    return WebDriverWait(driver, seconds).until(lambda _: driver.execute_script(f"return {question};"))


@pytest.mark.timeout(200)
def test_a_strict_content_security_policy_is_no_hindrance(
    page_python: Interpreter, site_url: str, programs_dir: Path, library_urls: dict[str, str]
) -> None:
    report = programs_dir / "libraries_strict.json"
    report.unlink(missing_ok=True)
    program = STRICT.format(
        index=f"{site_url}/strict/libraries/index",
        programs=PROGRAMS.read_text("utf-8"),
        urls=library_urls,
        report=f"{site_url}/programs/{report.name}",
    )
    (programs_dir / "strict.py").write_text(program, "utf-8")
    page_python.runner.driver.get(f"{site_url}/strict/tests/strict.html")  # type: ignore[attr-defined]
    try:
        end = time.monotonic() + 100
        while not report.exists():
            assert time.monotonic() < end, page_python.runner.driver.get_log("browser")  # type: ignore[attr-defined]
            time.sleep(0.1)
    finally:
        page_python.restart()
    assert json.loads(report.read_text("utf-8")) == ["world", [1, 2, 3]]


@pytest.mark.timeout(200)
def test_the_example_counts(page_python: Interpreter, site_url: str, environment: dict[str, str]) -> None:
    command = [sys.executable, "examples/graphql_page/server.py", "0"]
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=-1, text=True) as server:
        assert server.stdout is not None
        port = server.stdout.readline().rstrip("/\n").rpartition(":")[2]
        driver: Any = page_python.runner.driver  # type: ignore[attr-defined]
        driver.get(f"{site_url}/examples/graphql_page/index.html?port={port}&index={site_url}/libraries/index")
        try:
            asked(driver, "document.querySelector('#state').textContent === 'Ready'")
            driver.execute_script("document.querySelector('#start').click()")
            asked(driver, "document.querySelector('#state').textContent === 'Over'")
            counts = asked(driver, "document.querySelector('#counts').innerText")
        finally:
            server.terminate()
            page_python.restart()
    assert counts.split() == ["1", "2", "3", "4", "5"]


WITHOUT = """
import pyws_browser
pyws_browser.patch_websockets()
import websockets, websockets.asyncio.client, websockets.sync.client, websockets.legacy.client
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosedOK

answers = [websockets.__file__.endswith("_stand_in/__init__.py")]
async with websockets.connect(url, additional_headers=Headers()) as connection:
    await connection.send("new")
    answers += [await connection.recv(), connection.state is websockets.State.OPEN, connection.response.status_code]
    answers.append(isinstance(connection, websockets.ClientConnection))
try:
    await connection.recv()
except ConnectionClosedOK as error:
    answers.append(error.rcvd.code)
legacy = await websockets.legacy.client.connect(url)
await legacy.send("legacy")
answers.append(await legacy.recv())
await legacy.close()
with websockets.sync.client.connect(url) as blocking:
    blocking.send("blocking")
    answers.append(blocking.recv())
answers
"""


INSTALLED_LATER = """
import pyodide_js
await pyodide_js.loadPackage("micropip")
import micropip
import pyws_browser

pyws_browser.patch_websockets()
import websockets
answers = [websockets.__file__.endswith("_stand_in/__init__.py")]
await micropip.install("websockets==17.4", index_urls=[index])
pyws_browser.patch_websockets()
import websockets
answers += [websockets.__file__.endswith("_stand_in/__init__.py"), websockets.__version__]
async with websockets.connect(url) as connection:
    await connection.send("hello")
    answers += [await connection.recv(), isinstance(connection, websockets.ClientConnection)]
pyws_browser.unpatch_websockets()
answers
"""


def test_a_second_call_takes_the_websockets_that_was_installed_since(
    page_python: Interpreter, site_url: str, library_urls: dict[str, str]
) -> None:
    page_python.restart()
    answers = page_python.run(INSTALLED_LATER, url=library_urls["echo"], index=f"{site_url}/libraries/index")
    assert answers == [True, False, "17.4", "hello", True]


def test_a_stand_in_serves_where_websockets_is_not_installed(
    python_place: Interpreter, library_urls: dict[str, str]
) -> None:
    python_place.restart()
    answers = python_place.run(WITHOUT, url=library_urls["echo"])
    assert answers == [True, "new", True, 101, True, 1000, "legacy", "blocking"]
