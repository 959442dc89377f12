"""The command line, as a person and as a pipe use it."""

from __future__ import annotations

import json
import os
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest

from pyws_browser.cli import bench
from pyws_browser.cli.screen import printable
from pyws_browser.sync import connect

LIMIT = 30
COMMAND = (sys.executable, "-m", "pyws_browser")
WITHOUT_TOOLKIT = (
    *(sys.executable, "-c"),
    "import sys; sys.modules['prompt_toolkit'] = None; from pyws_browser.cli import main; sys.exit(main())",
)


def run(*arguments: str, given: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run([*COMMAND, *arguments], input=given, capture_output=True, text=True, timeout=LIMIT)


@contextmanager
def serving(*arguments: str) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    with subprocess.Popen([*COMMAND, "serve", "-p", "0", *arguments], stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        try:
            yield server.stdout.readline().strip(), server
        finally:
            server.send_signal(signal.SIGINT)
            server.wait(LIMIT)


@pytest.fixture(scope="module")
def echo() -> Iterator[str]:
    with serving("--echo") as (url, _):
        yield url


class TestConnectInAPipe:
    def test_lines_go_out_and_messages_come_back(self, echo: str) -> None:
        done = run("connect", echo, given="hello\nwörld\n\n")
        assert (done.stdout, done.returncode) == ("hello\nwörld\n\n", 0)
        assert done.stderr == f"connected to {echo}\nclosed with 1000\n"

    def test_a_line_with_a_slash_is_a_line(self, echo: str) -> None:
        assert run("connect", echo, given="/close 3000\n").stdout == "/close 3000\n"

    def test_bytes_in_hexadecimal(self, echo: str) -> None:
        assert run("connect", "--hex", echo, given="00ff 2a\n").stdout == "00 ff 2a\n"

    def test_what_are_no_bytes_is_said(self, echo: str) -> None:
        done = run("connect", "--hex", echo, given="xyz\n")
        assert done.returncode == 1
        assert "\npython -m pyws_browser: 'xyz' are no bytes in hexadecimal, such as 00 ff 2a\n" in done.stderr

    def test_every_frame_is_traced(self, echo: str) -> None:
        done = run("connect", "--trace", echo, given="hello\n")
        assert "> text 'hello' [5 characters]" in done.stderr
        assert "< close 1000" in done.stderr

    def test_a_server_that_goes_is_told(self) -> None:
        with serving("--echo") as (url, server):
            command = [*COMMAND, "connect", url]
            with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as client:
                assert client.stderr is not None
                assert client.stderr.readline() == f"connected to {url}\n"
                server.send_signal(signal.SIGINT)
                assert client.stderr.readline() == "closed with 1001\n"
                assert client.wait(LIMIT) == 0


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (["connect", "ftp://example.com/"], 1, "scheme 'ftp'"),
        (["connect", "ws://127.0.0.1:1/"], 1, "browsers refuse port 1"),
        (["connect", "ws://localhost.invalid:9999/"], 1, "localhost.invalid"),
        (["connect", "-H", "no header", "ws://x/"], 2, "is no header"),
        (["connect", "--ca", "/nowhere.pem", "wss://localhost:9999/"], 1, "/nowhere.pem"),
        (["connect", "-H", "header", "ws://x/"], 2, "'header' is no header"),
        (["serve", "-p", "0"], 2, "--echo --relay"),
        (["serve", "--echo", "-p", "99999"], 2, "99999 is no port"),
        (["serve", "--echo", "--host", "192.0.2.1"], 1, ": cannot listen at 192.0.2.1, port 8765: "),
        (["serve", "--echo", "--key", "key.pem"], 1, "--key belongs to a --certificate"),
        (["serve", "--echo", "--static", "/nowhere"], 1, "/nowhere is no folder"),
        (["serve", "--echo", "--certificate", "/nowhere"], 1, "/nowhere"),
        (["bench", "-n", "0", "ws://x/"], 2, "0 is not above 0"),
        ([], 2, "COMMAND"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_line(arguments: list[str], status: int, said: str) -> None:
    done = run(*arguments)
    assert (done.returncode, done.stdout) == (status, "")
    assert said in done.stderr
    assert "Traceback" not in done.stderr


class TestServe:
    def test_a_relay_tells_all_others(self) -> None:
        with serving("--relay") as (url, _):
            listener = subprocess.Popen(
                [*COMMAND, "connect", "--wait", "-1", url],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
            with listener:
                assert listener.stdout is not None
                assert listener.stderr is not None
                listener.stderr.readline()
                assert run("connect", "--wait", "0", url, given="hello all\n").stdout == ""
                assert listener.stdout.readline() == "hello all\n"
                listener.terminate()

    def test_a_client_that_is_cut_off_is_no_news(self) -> None:
        command = [*COMMAND, "serve", "--relay", "-p", "0"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as server:
            assert server.stdout is not None
            url = server.stdout.readline().strip()
            with connect(url) as connection:
                connection._transport.abort()
            with connect(url):
                pass
            server.send_signal(signal.SIGINT)
            assert server.communicate(timeout=LIMIT)[1] == ""

    def test_files_are_served_beside_it(self, tmp_path: Path) -> None:
        (tmp_path / "index.html").write_text("<h1>here</h1>")
        (tmp_path / "main.mjs").write_text("export {}")
        (tmp_path.parent / "secret").write_text("secret")
        with serving("--echo", "--static", str(tmp_path)) as (url, _):
            page = url.replace("ws:", "http:")
            with urlopen(page, timeout=LIMIT) as answer:
                assert answer.read() == b"<h1>here</h1>"
                assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
            with urlopen(page + "main.mjs?version=1", timeout=LIMIT) as answer:
                assert answer.headers["Content-Type"] == "text/javascript; charset=utf-8"
            for path in ("nowhere", "../secret", "%2e%2e/secret", "%00"):
                with pytest.raises(HTTPError, match="404"):
                    urlopen(page + path, timeout=LIMIT)
            assert run("connect", url, given="hello\n").stdout == "hello\n"


def test_bench_gives_numbers(echo: str) -> None:
    numbers = json.loads(run("bench", "--json", "--text", "-n", "50", "-w", "5", echo).stdout)
    trips = numbers["round_trip_ms"]
    assert 0 < trips["median"] <= trips["p90"] <= trips["p99"]
    assert numbers["messages_per_second"] > 0


def test_bench_wants_its_messages_back() -> None:
    with pytest.raises(OSError, match="this takes an echo server"):
        bench._check("something else", "a message")


def test_info_tells_what_runs_here() -> None:
    facts = json.loads(run("info", "--json").stdout)
    assert facts["python"].startswith("CPython 3.")
    assert facts["packages"]["websockets"]
    assert "ping()" in facts["unsupported_in_a_page"]
    assert f"pyws_browser  {facts['pyws_browser']}" in run("info").stdout


class Terminal:
    """A person at a terminal."""

    def __init__(self, command: list[str]) -> None:
        import pty

        self._descriptor, its = pty.openpty()
        environment = os.environ | {"TERM": "xterm", "PROMPT_TOOLKIT_NO_CPR": "1"}
        self._program = subprocess.Popen(
            command, stdin=its, stdout=its, stderr=its, start_new_session=True, env=environment
        )
        os.close(its)
        self._seen = ""

    def expect(self, text: str) -> None:
        end = time.monotonic() + LIMIT
        while text not in self._seen:
            assert select.select([self._descriptor], [], [], end - time.monotonic())[0], (text, self._seen)
            try:
                shown = os.read(self._descriptor, 65536).decode()
            except OSError:  # it has ended
                shown = ""
            assert shown, (text, self._seen)
            self._seen += re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown)
        self._seen = self._seen.partition(text)[2]

    def type(self, text: str) -> None:
        os.write(self._descriptor, text.encode())

    def leave(self) -> int:
        status = self._program.wait(LIMIT)
        os.close(self._descriptor)
        return status


@pytest.fixture
def terminal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Terminal]:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    return lambda command, url: Terminal([*command, "connect", url])


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pseudo-terminals of this kind")
@pytest.mark.parametrize("command", [COMMAND, WITHOUT_TOOLKIT], ids=["prompt_toolkit", "plain"])
def test_a_conversation_at_a_terminal(
    command: tuple[str, ...], echo: str, terminal: Callable[..., Terminal], tmp_path: Path
) -> None:
    (tmp_path / "a file").write_bytes(b"\x07\x08")
    person = terminal(command, echo)
    person.expect("connected to ws://")
    for typed, shown in (
        ("hello", "< hello"),
        ("/hex 00 ff", "< [binary, 2 bytes] 00 ff"),
        ("/hex x", "'x' are no bytes in hexadecimal"),
        ("/text /help", "< /help"),
        (f"/file '{tmp_path}/a file'", "< [binary, 2 bytes] 07 08"),
        ("/file nowhere", "No such file"),
        ("/ping", "pong after "),
        ("/nonsense", "there is no command /nonsense: /help lists them"),
        ("/close soon", "'soon' is no close code"),
        ("/close 1006", "1006"),
        ("/help", "Ctrl-D closes."),
        ("/close 3000 bye", "closed with 3000: bye"),
    ):
        person.type(typed + "\r")
        person.expect(shown)
    assert person.leave() == 0


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pseudo-terminals of this kind")
@pytest.mark.parametrize("command", [COMMAND, WITHOUT_TOOLKIT], ids=["prompt_toolkit", "plain"])
def test_a_server_that_goes_ends_the_conversation(command: tuple[str, ...], terminal: Callable[..., Terminal]) -> None:
    with serving("--echo") as (url, server):
        person = terminal(command, url)
        person.expect("connected to ws://")
        person.type("in the middle of a li")
        server.send_signal(signal.SIGINT)
        person.expect("closed with 1001")
        assert person.leave() == 0


def test_what_comes_from_elsewhere_is_shown_to_the_terminal_and_does_nothing_to_it() -> None:
    assert printable("grün\n\ttext 🌱") == "grün\n\ttext 🌱"
    assert printable("\x1b]0;title\x07\r\x9b2J\udc80") == "\\x1b]0;title\\x07\\x0d\\x9b2J\\xdc80"
