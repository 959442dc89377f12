"""Every way to get the package into a page from one's own web server, with no other server behind it."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from selenium.webdriver import Chrome

HOME = Path(__file__).parents[2]
LOCK = "pyodide-lock.json"
PAGE = '<!doctype html><title>empty</title><link rel="icon" href="data:,">'

ECHO = """
import asyncio
from pyws_browser import State, WebSocketPeer

async def echo(url):
    peer = WebSocketPeer()
    peer.connect_to_url(url)
    is_greeted = False
    heard = []
    while peer.ready_state is not State.CLOSED:
        peer.poll()
        if peer.is_connected_to_host() and not is_greeted:
            peer.send("hello")
            is_greeted = True
        for message in peer:
            heard.append(message)
            peer.close()
        await asyncio.sleep(0.01)
    return f"{heard} {peer.close_code}"

await echo(url)
"""

RUN = """
const [folder, program, url, way, done] = arguments;
(async () => {
    const { loadPyodide } = await import(new URL(`/${folder}/pyodide.mjs`, location.href));
    const quiet = { messageCallback() {} };
    const ways = {
        async "loadPackage"() {
            const pyodide = await loadPyodide();
            await pyodide.loadPackage("pyws-browser", quiet);
            return pyodide;
        },
        async "loadPyodide"() {
            return await loadPyodide({ packages: ["pyws-browser"] });
        },
        async "import"() {
            const pyodide = await loadPyodide();
            await pyodide.loadPackagesFromImports(program, quiet);
            return pyodide;
        },
        async "micropip"() {
            const pyodide = await loadPyodide();
            await pyodide.loadPackage("micropip", quiet);
            await pyodide.runPythonAsync("import micropip; await micropip.install('pyws-browser')");
            return pyodide;
        },
        async "index"() {
            const pyodide = await loadPyodide();
            await pyodide.loadPackage("micropip", quiet);
            const index = JSON.stringify(new URL("/simple", location.href).href);
            const install = `micropip.install("pyws-browser", index_urls=${index})`;
            await pyodide.runPythonAsync(`import micropip; await ${install}`);
            return pyodide;
        },
    };
    const pyodide = await ways[way]();
    return await pyodide.runPythonAsync(program, { globals: pyodide.toPy({ url }) });
})().then(done, (error) => done(String(error)));
"""


def tool(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, HOME / "tools" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Site:
    """A folder that is served, and a browser that looks at it."""

    def __init__(self, folder: Path, url: str, browser: Chrome) -> None:
        self.folder = folder
        self.url = url
        self.browser = browser

    def run(self, folder: str, way: str, url: str) -> str:
        """Load the Pyodide in `folder` and the package in this way, and return what an echo says."""
        self.browser.get(self.url)
        return str(self.browser.execute_async_script(RUN, folder, ECHO, url, way))

    def complaints(self) -> list[str]:
        """Return, and forget, the errors on the browser's console."""
        return [entry["message"] for entry in self.browser.get_log("browser") if entry["level"] == "SEVERE"]


class _QuietHandler(SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, format_: str, *arguments: object) -> None:
        """Keep quiet: what matters of this shows on the browser's console."""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    from selenium import webdriver

    folder = tmp_path_factory.mktemp("site")
    (folder / "index.html").write_text(PAGE, "utf-8")
    options = webdriver.ChromeOptions()
    options.add_argument("--headless")
    options.add_argument("--no-sandbox")
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_QuietHandler, directory=folder)) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        browser = webdriver.Chrome(options=options)
        browser.set_script_timeout(60)
        try:
            yield Site(folder, f"http://127.0.0.1:{server.server_port}/", browser)
        finally:
            browser.quit()
            server.shutdown()
            thread.join()


@pytest.fixture(autouse=True)
def _no_complaints(site: Site) -> Iterator[None]:
    yield
    assert site.complaints() == []


@pytest.fixture(scope="module")
def built_wheel() -> Path:
    (wheel,) = (HOME / "dist").glob("pyws_browser-*-py3-none-any.whl")
    return wheel


@pytest.fixture(scope="module")
def served(site: Site, dist_dir: Path, built_wheel: Path) -> Path:
    """What `./build.sh dist` makes, with the small wheel, under /pyodide/."""
    made = site.folder / "pyodide"
    shutil.copytree(dist_dir, made)
    small = tool("page_wheel").make(built_wheel, site.folder / "small")
    make_distribution(made, small)
    return made


@pytest.fixture(scope="module")
def bare(site: Site, dist_dir: Path) -> Path:
    """A Pyodide that does not know the package, under /bare/."""
    made = site.folder / "bare"
    shutil.copytree(dist_dir, made)
    make_distribution(made)
    assert list(json.loads((made / LOCK).read_text("utf-8"))["packages"]) == ["micropip"]
    return made


@pytest.fixture(scope="module")
def index(site: Site, built_wheel: Path) -> None:
    """The pages of a package index (Simple repository API), with the wheel, under /simple/."""
    folder = site.folder / "simple" / "pyws-browser"
    folder.mkdir(parents=True)
    shutil.copy(built_wheel, folder)
    digest = tool("pyodide_tools").sha256(built_wheel)
    (folder / "index.html").write_text(
        "<!doctype html><title>Links for pyws-browser</title>"
        f'<a href="{built_wheel.name}#sha256={digest}" data-requires-python="&gt;=3.11">{built_wheel.name}</a>',
        "utf-8",
    )


def make_distribution(folder: Path, *wheels: Path) -> None:
    version = json.loads((folder / "package.json").read_text("utf-8"))["version"]
    subprocess.run([sys.executable, HOME / "tools" / "pyodide_dist.py", version, folder, *wheels], check=True)


HEARD = "['hello'] 1000"


@pytest.mark.parametrize("way", ["loadPackage", "loadPyodide", "import", "micropip"])
@pytest.mark.usefixtures("served")
def test_a_self_hosted_distribution_has_it_by_name(site: Site, contract_urls: dict[str, str], way: str) -> None:
    assert site.run("pyodide", way, contract_urls["server"] + "echo") == HEARD


def test_the_wheel_for_pages_has_less_than_205_kilobytes(served: Path) -> None:
    (wheel,) = served.glob("pyws_browser-*.whl")
    assert wheel.stat().st_size < 205_000


@pytest.mark.usefixtures("bare", "index")
def test_micropip_installs_it_from_a_local_index(site: Site, contract_urls: dict[str, str]) -> None:
    assert site.run("bare", "index", contract_urls["server"] + "echo") == HEARD


@pytest.mark.usefixtures("served")
def test_the_pyscript_example_echoes(site: Site, contract_urls: dict[str, str]) -> None:
    from selenium.webdriver.common.by import By
    from selenium.webdriver.support.ui import WebDriverWait

    pyscript = HOME / ".build" / "pyscript" / "package" / "dist"
    if not pyscript.is_dir():
        assert not os.environ.get("CI"), "PyScript is not there: ./build.sh test fetches it"
        pytest.skip("needs PyScript: ./build.sh test")
    (site.folder / "pyscript").symlink_to(pyscript)
    (site.folder / "example").symlink_to(HOME / "examples" / "pyscript")
    wait = WebDriverWait(site.browser, 60, poll_frequency=0.05)

    site.browser.get(f"{site.url}example/?url={contract_urls['server']}echo")
    button = site.browser.find_element(By.ID, "send")
    wait.until(lambda _: button.is_enabled())
    button.click()

    heard = wait.until(lambda browser: browser.find_elements(By.CSS_SELECTOR, "#heard li"))
    assert [line.text for line in heard] == ["hello"]


@pytest.fixture(scope="module")
def tools(dist_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The commands that come with pyodide-build and pyodide-lock."""
    if importlib.util.find_spec("pyodide_build") is None:
        assert sys.version_info < (3, 12), "pyodide-build is not there: ./build.sh test installs it"
        pytest.skip("pyodide-build needs Python 3.12: PYTHON=python3.12 ./build.sh test")
    return tool("pyodide_tools").PyodideTools(dist_dir, tmp_path_factory.mktemp("tools"))


def test_pyodide_build_makes_the_same_wheel(tools: Any, built_wheel: Path) -> None:
    assert tools.build().read_bytes() == built_wheel.read_bytes()


def test_pyodide_lock_writes_the_same_entry(tools: Any, dist_dir: Path, built_wheel: Path) -> None:
    entry = tool("pyodide_tools").entry
    ours = entry(dist_dir / LOCK)

    assert entry(tools.lock(built_wheel)) == ours | {"tool": {}}


def test_the_recipe_has_the_version_of_the_package(built_wheel: Path) -> None:
    recipe = (HOME / "packaging" / "recipe" / "pyws-browser" / "meta.yaml").read_text("utf-8")

    assert f"  version: {built_wheel.name.split('-')[1]}\n" in recipe


def test_the_recipe_makes_a_package_that_loads_by_name(
    tools: Any, site: Site, bare: Path, contract_urls: dict[str, str]
) -> None:
    made = tools.build_recipe()
    shutil.copytree(bare, site.folder / "recipe", ignore=shutil.ignore_patterns("*.whl"))
    shutil.copytree(made, site.folder / "recipe", dirs_exist_ok=True)

    assert site.run("recipe", "loadPackage", contract_urls["server"] + "echo") == HEARD


def test_a_lock_to_which_it_was_added_loads_it_by_name(
    tools: Any, site: Site, bare: Path, built_wheel: Path, contract_urls: dict[str, str]
) -> None:
    shutil.copytree(bare, site.folder / "added")
    shutil.copy(built_wheel, site.folder / "added")
    shutil.copy(tools.lock(built_wheel), site.folder / "added" / LOCK)

    assert site.run("added", "import", contract_urls["server"] + "echo") == HEARD


def test_a_wheel_of_bytecode_does_the_same(
    tools: Any, site: Site, bare: Path, built_wheel: Path, contract_urls: dict[str, str]
) -> None:
    python = json.loads((bare / LOCK).read_text("utf-8"))["info"]["python"].split(".")
    if list(sys.version_info[:2]) != [int(python[0]), int(python[1])]:
        pytest.skip(f"bytecode for this Pyodide is made by Python {python[0]}.{python[1]}")
    shutil.copytree(bare, site.folder / "bytecode")

    make_distribution(site.folder / "bytecode", tools.py_compile(built_wheel))

    assert site.run("bytecode", "loadPackage", contract_urls["server"] + "echo") == HEARD
