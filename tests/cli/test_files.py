"""`serve --static`: which files of a folder are served and how, and that no client takes anything from others."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from http.client import HTTPConnection, HTTPMessage
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

import pytest
from websockets.datastructures import Headers

from pyws_browser.cli import files
from pyws_browser.cli.files import Files
from pyws_browser.sync import connect

from .command import COMMAND, LIMIT, run, serving

BIG = 60_000_000
MODULE = b"export const answer = 42;"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("above") / "folder"
    for name in ("sub", "empty", "index/index.html", ".git"):
        (folder / name).mkdir(parents=True)
    (folder / "index.html").write_text("<h1>here</h1>")
    (folder / "main.mjs").write_bytes(MODULE)
    (folder / "sub" / "index.html").write_text("<h1>below</h1>")
    (folder / ".env").write_text("secret")
    (folder / ".git" / "config").write_text("secret")
    (folder.parent / "secret").write_text("secret")
    for name in ("a.wasm", "a.whl", "a.py", "a.css", "a.tar.gz", "a.unknown", "é.txt", "nothing.txt"):
        (folder / name).write_bytes(b"" if name == "nothing.txt" else b"x")
    with (folder / "big").open("wb") as big:
        big.truncate(BIG)
    if sys.platform != "win32":
        (folder / "outside").symlink_to("../secret")
        (folder / "loop").symlink_to("loop")
        (folder / "hidden").symlink_to(".env")
        (folder / "git").symlink_to(".git")
        (folder / "linked.mjs").symlink_to("main.mjs")
        (folder / "empty" / "index.html").symlink_to("../../secret")
        os.mkfifo(folder / "pipe")
    return folder


class Served(NamedTuple):
    url: str
    page: str
    process: subprocess.Popen[str]

    @property
    def port(self) -> int:
        return urlsplit(self.page).port or 0

    @property
    def memory(self) -> int:
        """Bytes of it that are in memory."""
        with open(f"/proc/{self.process.pid}/statm") as counts:
            return int(counts.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@pytest.fixture(scope="module")
def served(folder: Path) -> Iterator[Served]:
    with serving("--echo", "--static", str(folder)) as (url, server):
        assert server.stdout is not None
        yield Served(url, server.stdout.readline().strip(), server)


class Answer(NamedTuple):
    status: int
    headers: HTTPMessage
    body: bytes


def ask(served: Served, path: str, method: str = "GET", body: bytes | None = None, **headers: str) -> Answer:
    connection = HTTPConnection("127.0.0.1", served.port, timeout=LIMIT)
    try:
        connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
        response = connection.getresponse()
        return Answer(response.status, response.msg, response.read())
    finally:
        connection.close()


def send(served: Served, request: bytes) -> bytes:
    """Send raw bytes and return all that comes back, until the server ends the connection."""
    with socket.create_connection(("127.0.0.1", served.port), LIMIT) as sock:
        sock.sendall(request)
        answer = b""
        while piece := sock.recv(65536):
            answer += piece
        return answer


def echoes(served: Served) -> bool:
    with connect(served.url) as bystander:
        bystander.send("hello")
        return bystander.recv(LIMIT) == "hello"


def test_the_page_is_named_beside_the_websocket(served: Served) -> None:
    assert served.page == served.url.replace("ws:", "http:")
    assert run("connect", served.url, given="hello\n").stdout == "hello\n"


@pytest.mark.parametrize(
    ("path", "kind", "body"),
    [
        ("/", "text/html; charset=utf-8", b"<h1>here</h1>"),
        ("/main.mjs?version=1", "text/javascript; charset=utf-8", MODULE),
        ("//main.mjs", "text/javascript; charset=utf-8", MODULE),
        ("/%6dain.mjs", "text/javascript; charset=utf-8", MODULE),
        ("/linked.mjs", "text/javascript; charset=utf-8", MODULE),
        ("/sub/", "text/html; charset=utf-8", b"<h1>below</h1>"),
        ("/sub%2findex.html", "text/html; charset=utf-8", b"<h1>below</h1>"),
        ("/a.wasm", "application/wasm", b"x"),
        ("/a.whl", "application/zip", b"x"),
        ("/a.py", "text/plain; charset=utf-8", b"x"),
        ("/a.css", "text/css; charset=utf-8", b"x"),
        ("/a.tar.gz", "application/gzip", b"x"),
        ("/a.unknown", "application/octet-stream", b"x"),
        ("/%C3%A9.txt", "text/plain; charset=utf-8", b"x"),
        ("/nothing.txt", "text/plain; charset=utf-8", b""),
    ],
)
def test_files_are_served(served: Served, path: str, kind: str, body: bytes) -> None:
    answer = ask(served, path)
    assert (answer.status, answer.headers["Content-Type"], answer.body) == (200, kind, body)
    assert answer.headers["Content-Length"] == str(len(body))
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "Content-Encoding" not in answer.headers
    assert "Content-Disposition" not in answer.headers


def test_a_folder_without_its_slash_is_elsewhere(served: Served) -> None:
    for path in ("/sub?version=1", "//sub?version=1"):
        answer = ask(served, path)
        assert (answer.status, answer.headers["Location"]) == (301, "./sub/?version=1")


@pytest.mark.parametrize(
    "path",
    [
        *("/nowhere", "/main.mjs/", "/index/", "/" + "a" * 256, "/%00", "/[", "/%ff"),
        *(
            "/../secret",
            "/%2e%2e/secret",
            "/sub/%2e%2e/%2e%2e/secret",
            "/..%2fsecret",
            "//etc/passwd",
            "/%2fetc/passwd",
        ),
        *("/.env", "/.git/config", "/.git/", "/.git", "/sub/../.env", "/%2eenv"),
        *("/outside", "/loop", "/empty/", "/pipe", "/hidden", "/git/config", "/git/", "/git"),
    ],
)
def test_nothing_else_is(served: Served, path: str) -> None:
    answer = ask(served, path)
    assert (answer.status, answer.body) == (404, b"There is no such file.\n")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_nor_what_may_not_be_read(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("builtins.open", refuse)
    assert Files(folder).answer("GET", "/main.mjs", Headers()).status == 404


@pytest.mark.parametrize(
    ("asked", "part", "body"),
    [
        ("bytes=0-5", f"bytes 0-5/{len(MODULE)}", b"export"),
        ("bytes=22-", f"bytes 22-24/{len(MODULE)}", b"42;"),
        ("bytes=-3", f"bytes 22-24/{len(MODULE)}", b"42;"),
        ("bytes=20-999", f"bytes 20-24/{len(MODULE)}", MODULE[20:]),
    ],
)
def test_a_part_of_a_file(served: Served, asked: str, part: str, body: bytes) -> None:
    answer = ask(served, "/main.mjs", Range=asked)
    assert (answer.status, answer.headers["Content-Range"], answer.body) == (206, part, body)
    assert answer.headers["Content-Length"] == str(len(body))


@pytest.mark.parametrize("asked", ["bytes=0-1,3-4", "lines=0-1", "bytes=1-0x", "bytes", f"bytes={'0-,' * 1000}0-1"])
def test_of_other_ranges_the_whole_file_is_sent(served: Served, asked: str) -> None:
    answer = ask(served, "/main.mjs", Range=asked)
    assert (answer.status, answer.body) == (200, MODULE)


def test_a_part_that_is_not_there(served: Served) -> None:
    answer = ask(served, "/main.mjs", Range="bytes=99-")
    assert (answer.status, answer.headers["Content-Range"]) == (416, f"bytes */{len(MODULE)}")


def test_a_download_goes_on_where_it_was_cut_if_the_file_is_the_same(served: Served) -> None:
    etag = ask(served, "/main.mjs").headers["ETag"]
    assert ask(served, "/main.mjs", Range="bytes=-3", If_Range=etag).status == 206
    assert ask(served, "/main.mjs", Range="bytes=-3", If_Range='"another"').body == MODULE


def test_what_a_browser_has_is_not_sent_again(served: Served) -> None:
    first = ask(served, "/main.mjs")
    assert first.headers["Cache-Control"] == "no-cache"
    for header, value in (
        ("If_None_Match", first.headers["ETag"]),
        ("If_Modified_Since", first.headers["Last-Modified"]),
    ):
        again = ask(served, "/main.mjs", **{header: value})
        assert (again.status, again.body) == (304, b"")
        assert again.headers["ETag"] == first.headers["ETag"]
        assert again.headers["Content-Type"] == first.headers["Content-Type"]
    assert ask(served, "/main.mjs", If_None_Match='"another"').status == 200


def test_head_brings_the_headers_alone(served: Served) -> None:
    answer = ask(served, "/main.mjs", "HEAD")
    assert (answer.status, answer.headers["Content-Length"], answer.body) == (200, str(len(MODULE)), b"")
    assert ask(served, "/nowhere", "HEAD").status == 404


def test_other_methods_are_refused(served: Served) -> None:
    for method in ("POST", "PUT", "DELETE", "OPTIONS", "TRACE", "get"):
        answer = ask(served, "/main.mjs", method)
        assert (answer.status, answer.headers["Allow"]) == (405, "GET, HEAD")


def test_a_request_with_content_is_refused(served: Served) -> None:
    assert ask(served, "/main.mjs", "POST", b"content").status == 405
    assert ask(served, "/main.mjs", "GET", b"content").status == 400


def test_each_connection_has_one_answer(served: Served) -> None:
    request = b"GET /main.mjs HTTP/1.1\r\nHost: localhost\r\nConnection: keep-alive\r\n\r\n"
    for sent in (request, request * 3):
        head, _, body = send(served, sent).partition(b"\r\n\r\n")
        assert b"\r\nConnection: close" in head
        assert head.count(b"HTTP/1.1 200") == 1
        assert body == MODULE


def test_http_1_0_is_answered(served: Served) -> None:
    assert send(served, b"GET /main.mjs HTTP/1.0\r\n\r\n").endswith(MODULE)


def test_headers_that_come_twice_are_no_trouble(served: Served) -> None:
    head = b"GET /main.mjs HTTP/1.1\r\nHost: localhost\r\n"
    for name in (b"Upgrade: h2c", b"Range: bytes=0-1", b"If-None-Match: *", b"If-Range: x", b"Cookie: a"):
        assert send(served, head + 2 * (name + b"\r\n") + b"\r\n").endswith(MODULE)


def test_a_page_is_isolated_on_demand(folder: Path, served: Served) -> None:
    assert "Cross-Origin-Opener-Policy" not in ask(served, "/").headers
    for target in ("/", "/nowhere"):
        answer = Files(folder, files.ISOLATED).answer("GET", target, Headers())
        assert ("Cross-Origin-Opener-Policy", "same-origin") in answer.headers
        assert ("Cross-Origin-Embedder-Policy", "require-corp") in answer.headers
        if answer.content is not None:
            answer.content.close()  # type: ignore[attr-defined]


def test_a_file_that_grows_is_sent_up_to_the_size_that_was_announced(tmp_path: Path) -> None:
    (tmp_path / "log").write_bytes(b"x" * 100)
    answer = Files(tmp_path).answer("GET", "/log", Headers())
    with (tmp_path / "log").open("ab") as log:
        log.write(b"y" * 100)
    assert answer.content is not None
    assert b"".join(answer.content) == b"x" * 100
    assert ("Content-Length", "100") in answer.headers
    answer.content.close()  # type: ignore[attr-defined]


def test_only_so_many_files_are_sent_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "MAX_DOWNLOADS", 2)
    (tmp_path / "a").write_bytes(b"x")
    served = Files(tmp_path)
    for _ in range(5):
        assert served.answer("GET", "/a", Headers([("Range", "bytes=5-")])).status == 416
        assert served.answer("HEAD", "/a", Headers()).status == 200
    answers = [served.answer("GET", "/a", Headers()) for _ in range(3)]
    assert [answer.status for answer in answers] == [200, 200, 503]
    assert ("Retry-After", "5") in answers[2].headers
    answers[0].content.close()  # type: ignore[union-attr]
    answers[2] = served.answer("GET", "/a", Headers())
    assert answers[2].status == 200
    for answer in answers[1:]:
        answer.content.close()  # type: ignore[union-attr]


def test_a_folder_that_does_not_exist_is_named(tmp_path: Path) -> None:
    with pytest.raises(NotADirectoryError, match="nowhere is not a folder"):
        Files(tmp_path / "nowhere")


def test_the_extra_that_is_missing_is_named(tmp_path: Path) -> None:
    program = "import sys; sys.modules['werkzeug'] = None; from pyws_browser.cli import main; sys.exit(main())"
    command = [sys.executable, "-c", program, "serve", "--echo", "-p", "0", "--static", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT)
    assert (done.returncode, done.stdout) == (1, "")
    assert 'pip install "pyws-browser[static]"' in done.stderr


def test_without_files_the_extra_is_not_needed() -> None:
    program = (
        "import sys; sys.modules['werkzeug'] = None; from pyws_browser.cli import main; "
        "sys.exit(main(['serve', '--echo', '-p', '0']))"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        url = server.stdout.readline().strip()
        with connect(url) as connection:
            connection.send("x")
            assert connection.recv(LIMIT) == "x"
        server.send_signal(signal.SIGTERM)
        assert server.wait(LIMIT) == 0


def test_downloads_of_which_nobody_takes_anything_in_cost_little_memory(served: Served) -> None:
    request = b"GET /big HTTP/1.1\r\nHost: localhost\r\n\r\n"
    idle = [socket.create_connection(("127.0.0.1", served.port)) for _ in range(15)]
    for sock in idle:
        sock.sendall(request)
    for sock in idle:
        assert sock.recv(4) == b"HTTP"
    assert echoes(served)
    assert served.memory < 64 * 2**20
    for sock in idle:
        sock.close()


@pytest.mark.skipif(sys.platform != "linux", reason="the limits of another process are read from /proc")
def test_it_may_have_more_clients_than_the_shell_allows_descriptors_at_first() -> None:
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    program = (
        "import resource, sys; from pyws_browser.cli import main; "
        f"resource.setrlimit(resource.RLIMIT_NOFILE, (128, {hard})); sys.exit(main(['serve', '--echo', '-p', '0']))"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        url = server.stdout.readline().strip()
        crowd = [socket.create_connection(("127.0.0.1", urlsplit(url).port or 0)) for _ in range(min(soft // 2, 300))]
        with connect(url) as connection:
            connection.send("x")
            assert connection.recv(LIMIT) == "x"
        for sock in crowd:
            sock.close()
        server.send_signal(signal.SIGTERM)
        assert server.wait(LIMIT) == 0


def test_a_large_file_comes_whole(served: Served) -> None:
    answer = ask(served, "/big")
    assert len(answer.body) == BIG
    assert served.memory < 64 * 2**20


@pytest.mark.parametrize(
    "hostile",
    [
        b"",
        b"G",
        b"GET / HTTP/1.1\r\nHost: localhost\r\n",
        b"GET /big HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"\x16\x03\x01",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n\r\n" * 100,
    ],
    ids=["silent", "one byte", "half a head", "an idle download", "TLS", "pipelined"],
)
def test_clients_that_do_nothing_take_nothing_from_others(served: Served, hostile: bytes) -> None:
    crowd = [socket.create_connection(("127.0.0.1", served.port)) for _ in range(200)]
    for sock in crowd:
        if hostile:
            sock.sendall(hostile)
    assert echoes(served)
    assert ask(served, "/main.mjs").body == MODULE
    for sock in crowd:
        sock.close()


def test_the_port_serves_wss_and_https_with_a_certificate(folder: Path, tmp_path: Path) -> None:
    import trustme

    from ..support import client_context

    authority = trustme.CA()
    authority.issue_cert("127.0.0.1", "localhost").private_key_and_cert_chain_pem.write_to_path(tmp_path / "pem")
    with serving("--echo", "--static", str(folder), "--certificate", str(tmp_path / "pem")) as (url, server):
        assert server.stdout is not None
        page = server.stdout.readline().strip()
        context = client_context(authority)
        with connect(url, ssl=context) as connection:
            connection.send("x")
            assert connection.recv(LIMIT) == "x"
        from urllib.request import urlopen

        with urlopen(page + "big", timeout=LIMIT, context=context) as answer:
            assert sum(len(block) for block in iter(lambda: answer.read(1 << 20), b"")) == BIG


class TestTheEnd:
    """After SIGTERM or Ctrl-C the process is soon gone, whatever its clients do."""

    @pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals")
    @pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
    def test_no_client_holds_it_up(self, folder: Path, number: signal.Signals) -> None:
        command = [*COMMAND, "serve", "--echo", "-p", "0", "--static", str(folder)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
            assert server.stdout is not None
            url = server.stdout.readline().strip()
            address = ("127.0.0.1", urlsplit(url).port or 0)
            upgrade = (
                b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
            )
            beginnings = {
                "silent": b"",
                "half a head": b"GET /",
                "a download": b"GET /big HTTP/1.1\r\nHost: localhost\r\n\r\n",
                "refused": b"GET /nowhere HTTP/1.1\r\nHost: localhost\r\n\r\n",
                "never answers Close": upgrade,
                "answers Close and stays": upgrade,
                "reads nothing": upgrade + (b"\x82\xfe\xff\xff" + bytes(4) + bytes(65535)) * 100,
            }
            clients = {}
            for name, beginning in beginnings.items():
                clients[name] = sock = socket.create_connection(address)
                sock.settimeout(0.2 if name == "reads nothing" else LIMIT)
                try:
                    sock.sendall(beginning)
                except TimeoutError:
                    assert name == "reads nothing"
            for name in ("never answers Close", "answers Close and stays", "a download", "refused"):
                assert clients[name].recv(4) == b"HTTP"
            begin = time.monotonic()
            server.send_signal(number)
            sock = clients["answers Close and stays"]
            received = b""
            while b"\x88\x02\x03\xe9" not in received:  # 1001
                received += sock.recv(4096)
            sock.sendall(b"\x88\x82" + bytes(4) + b"\x03\xe9")
            assert server.wait(LIMIT) == 0
            assert time.monotonic() - begin < 5  # about 1 s where nothing else runs; the time limits are longer
            for sock in clients.values():
                sock.close()
