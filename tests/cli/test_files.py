"""`serve --static`: which files of a folder are served, and which are not."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest

from pyws_browser.aio import serve
from pyws_browser.cli.serve import _Files

from .command import LIMIT, run, serving


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("above") / "folder"
    for name in ("sub", "empty", "index/index.html", ".git"):
        (folder / name).mkdir(parents=True)
    (folder / "index.html").write_text("<h1>here</h1>")
    (folder / "main.mjs").write_text("export {}")
    (folder / "sub" / "index.html").write_text("<h1>below</h1>")
    (folder / ".env").write_text("secret")
    (folder / ".git" / "config").write_text("secret")
    (folder.parent / "secret").write_text("secret")
    if sys.platform != "win32":
        (folder / "outside").symlink_to("../secret")
        (folder / "loop").symlink_to("loop")
        (folder / "empty" / "index.html").symlink_to("../../secret")
        os.mkfifo(folder / "pipe")
    return folder


@pytest.fixture(scope="module")
def served(folder: Path) -> Iterator[tuple[str, str]]:
    with serving("--echo", "--static", str(folder)) as (url, server):
        assert server.stdout is not None
        yield url, server.stdout.readline().strip()


def test_the_page_is_named_beside_the_websocket(served: tuple[str, str]) -> None:
    url, page = served
    assert page == url.replace("ws:", "http:")
    assert run("connect", url, given="hello\n").stdout == "hello\n"


@pytest.mark.parametrize(
    ("path", "kind", "body"),
    [
        ("", "text/html; charset=utf-8", b"<h1>here</h1>"),
        ("main.mjs?version=1", "text/javascript; charset=utf-8", b"export {}"),
        ("/main.mjs", "text/javascript; charset=utf-8", b"export {}"),
        ("sub/", "text/html; charset=utf-8", b"<h1>below</h1>"),
    ],
)
def test_files_are_served(served: tuple[str, str], path: str, kind: str, body: bytes) -> None:
    with urlopen(served[1] + path, timeout=LIMIT) as answer:
        assert (answer.headers["Content-Type"], answer.read()) == (kind, body)


@pytest.mark.parametrize("path", ["sub?version=1", "/sub?version=1"])
def test_a_folder_without_its_slash_is_elsewhere(served: tuple[str, str], path: str) -> None:
    with urlopen(served[1] + path, timeout=LIMIT) as answer:
        assert answer.url == f"{served[1]}sub/?version=1"
        assert answer.read() == b"<h1>below</h1>"


@pytest.mark.parametrize(
    "path",
    [
        *("nowhere", "main.mjs/", "index/", "a" * 256, "%00", "/["),
        *("../secret", "%2e%2e/secret", "sub/%2e%2e/%2e%2e/secret"),
        *(".env", ".git/config", ".git/", "sub/../.env"),
        *("outside", "loop", "empty/", "pipe"),
    ],
)
def test_nothing_else_is(served: tuple[str, str], path: str) -> None:
    with pytest.raises(HTTPError, match="404"):
        urlopen(served[1] + path, timeout=LIMIT)


def test_nor_what_may_not_be_read(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path) -> bytes:
        raise PermissionError(13, "Permission denied", str(path))

    async def ask() -> None:
        async with serve(lambda _: asyncio.sleep(0), "127.0.0.1", 0, process_request=_Files(folder)) as server:
            port = server.sockets[0].getsockname()[1]
            with pytest.raises(HTTPError, match="404"):
                await asyncio.to_thread(urlopen, f"http://127.0.0.1:{port}/main.mjs", timeout=LIMIT)

    monkeypatch.setattr(Path, "read_bytes", refuse)
    asyncio.run(ask())
