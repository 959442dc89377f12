"""Pyodide on a page and in a worker of a real engine, for tests that need the real thing.

`./build.sh test` makes the distribution that these tests load and names it by `--dist-dir`, and the engine by
`--engine`. Run without a distribution they are skipped; what drives the engines is imported only where it is used, so
that this file loads without it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ..contract.engine_quirks import HAVE_STREAMS
from .crashes import Crashes
from .engines import ENGINES, Setting, start_engine
from .report import ENGINE_VERSION, Report
from .site_server import site

if TYPE_CHECKING:
    from .interpreter import Interpreter


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--engine", choices=ENGINES, default="chromium", help="the engine that the browser tests run in")
    parser.addoption("--arcs", type=Path, help="the folder for the lines that ran in pages, for tools/page_coverage.py")
    parser.addoption("--report", type=Path, help="the file to write what passed to, for tools/support_table.py")


def pytest_configure(config: pytest.Config) -> None:
    file, dist = config.getoption("report", default=None), config.getoption("dist_dir", default=None)
    if dist is not None:
        config.pluginmanager.register(Crashes(), "pyws-crashes")
    if (
        file is not None and dist is not None and not hasattr(config, "workerinput")
    ):  # a worker's tests reach its controller
        pyodide = json.loads(Path(dist, "package.json").read_text("utf-8"))["version"]
        config.pluginmanager.register(Report(file, config.getoption("engine"), pyodide), "pyws-report")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    dist = config.getoption("dist_dir", default=None)
    is_ready = dist is not None and Path(dist, "pyodide-lock.json").is_file()
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.browser)
            if not is_ready:
                item.add_marker(pytest.mark.skip(reason="needs a Pyodide to load: ./build.sh test"))


@pytest.fixture(scope="session")
def dist_dir(pytestconfig: pytest.Config) -> Path:
    """The Pyodide distribution under test, with the project's wheel in it."""
    return Path(pytestconfig.getoption("dist_dir"))


@pytest.fixture(scope="session")
def engine_name(pytestconfig: pytest.Config) -> str:
    """The engine under test, by its name in `engines.ENGINES`."""
    return str(pytestconfig.getoption("engine"))


@pytest.fixture(scope="session")
def programs_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder behind `/programs/` of the site, to which a page reports as well."""
    return tmp_path_factory.mktemp("programs")


@pytest.fixture(scope="session")
def pyscript_dir(pytestconfig: pytest.Config) -> Path:
    """The folder behind `/pyscript/` of the site: what `./build.sh` has fetched of `@pyscript/core`."""
    return pytestconfig.rootpath / ".build" / "pyscript" / "package" / "dist"


@pytest.fixture(scope="session")
def libraries_dir(pytestconfig: pytest.Config) -> Path:
    """What `tools/library_wheels.py` has fetched: third-party libraries for a page and for CPython."""
    return pytestconfig.rootpath / ".build" / "libraries"


@pytest.fixture(scope="session")
def site_url(dist_dir: Path, programs_dir: Path, pyscript_dir: Path, libraries_dir: Path) -> Iterator[str]:
    """The site of the tests (`site_server.py`)."""
    examples = Path(__file__).parents[2] / "examples"
    folders = {"programs": programs_dir, "pyscript": pyscript_dir, "libraries": libraries_dir, "examples": examples}
    with site(dist_dir, **folders) as url:
        yield url


@pytest.fixture(scope="session")
def interpreters() -> list[Interpreter]:
    """The interpreters that run; every test watches them."""
    return []


@pytest.fixture(scope="session")
def start_interpreter(
    engine_name: str, site_url: str, dist_dir: Path, interpreters: list[Interpreter], pytestconfig: pytest.Config
) -> Iterator[Callable[..., Interpreter]]:
    """Give a function that starts an interpreter, in an engine of its own, in the place "main" or "worker".

    It takes the prefix of a page with rules of its own as well (`site_server.RULES`).
    """
    from .interpreter import Interpreter

    with ExitStack() as engines:

        def start_one(place: str, prefix: str = "") -> Interpreter:
            runner = start_engine(engine_name, Setting(site_url + prefix, dist_dir, place))
            engines.callback(runner.quit)
            interpreter = Interpreter(runner, pytestconfig.getoption("arcs"))
            engines.callback(interpreter.save_arcs)
            interpreters.append(interpreter)
            return interpreter

        yield start_one


@pytest.fixture(scope="session")
def page_python(start_interpreter: Callable[[str], Interpreter]) -> Interpreter:
    """Python on a page's main thread."""
    return start_interpreter("main")


@pytest.fixture(scope="session")
def worker_python(start_interpreter: Callable[[str], Interpreter]) -> Interpreter:
    """Python in a module worker."""
    return start_interpreter("worker")


@pytest.fixture(scope="session", params=["page_python", "worker_python"], ids=["main", "worker"])
def python_place(request: pytest.FixtureRequest) -> Interpreter:
    """Python in each of the two places in turn."""
    interpreter: Interpreter = request.getfixturevalue(request.param)
    return interpreter


@pytest.fixture(params=[False, True], ids=["socket", "stream"])
def backpressure(request: pytest.FixtureRequest, engine_name: str) -> bool:
    """Whether peers ask for it, which lets another part of the browser serve where there is one."""
    if request.param and engine_name not in HAVE_STREAMS:
        pytest.skip("the engine has no WebSocketStream")
    return bool(request.param)


@pytest.fixture(autouse=True)
def _clean_console(request: pytest.FixtureRequest, interpreters: list[Interpreter]) -> Iterator[None]:
    """Fail a test that left an error behind which nobody caught; one that means to drains `complaints()` itself."""
    yield
    if interpreters:
        request.node.user_properties.append((ENGINE_VERSION, interpreters[0].runner.version))
    complaints = [complaint for interpreter in interpreters for complaint in interpreter.complaints()]
    if complaints:
        pytest.fail("Nobody caught this in the browser:\n" + "\n".join(complaints), pytrace=False)
