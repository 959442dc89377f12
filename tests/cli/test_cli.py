"""The command line, as a person and as a pipe use it."""

from __future__ import annotations

import asyncio
import json
import os
import re
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from pyws_browser.cli import bench
from pyws_browser.cli.arguments import UsageError
from pyws_browser.cli.connect import _read
from pyws_browser.sync import connect

from ..aio.test_sync import in_thread
from .command import COMMAND, LIMIT, run, serving

WITHOUT_TOOLKIT = (
    *(sys.executable, "-c"),
    "import sys; sys.modules['prompt_toolkit'] = None; from pyws_browser.cli import main; sys.exit(main())",
)


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
        assert "\npython -m pyws_browser: 'xyz' are not hexadecimal bytes, such as 00 ff 2a\n" in done.stderr

    def test_what_the_output_cannot_encode_is_escaped(self, echo: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("PYTHONIOENCODING", "ascii")
        done = run("connect", echo, given="wörld\n")
        assert (done.stdout, done.returncode) == ("w\\xf6rld\n", 0)

    @pytest.mark.skipif(sys.platform == "win32", reason="there is no shell that closes streams")
    @pytest.mark.parametrize("stream", ["<&-", ">&-", "2>&-"])
    def test_a_stream_that_is_closed_is_an_empty_one(self, stream: str, echo: str) -> None:
        command = ["sh", "-c", f'exec "$@" {stream}', "sh", *COMMAND, "connect", "--wait", "0.3", echo]
        done = subprocess.run(command, input="hello\n", capture_output=True, text=True, timeout=LIMIT)
        assert done.returncode == 0
        assert done.stderr == ("" if stream == "2>&-" else f"connected to {echo}\nclosed with 1000\n")

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


HOSTILE = "\x1b]0;owned\x07\x9b31m\u202e"


@contextmanager
def a_server_that_says(message: str, reason: str = "", code: int = 1000) -> Iterator[str]:
    """Send one message to each client, and close."""

    async def handler(connection: Any) -> None:
        await connection.send(message)
        await connection.close(code, reason)

    with in_thread(handler) as url:
        yield url


class TestStrangers:
    def test_an_output_that_is_no_terminal_gets_the_bytes_as_they_came(self) -> None:
        with a_server_that_says(HOSTILE + "\n\ttext") as url:
            done = subprocess.run([*COMMAND, "connect", "--wait", "-1", url], capture_output=True, timeout=LIMIT)
        assert done.stdout.decode() == HOSTILE + "\n\ttext\n"

    @pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pseudo-terminals of this kind")
    def test_a_terminal_behind_an_input_that_is_a_pipe_gets_no_control_character(self) -> None:
        import pty

        ours, its = pty.openpty()
        with a_server_that_says(HOSTILE + "\n\ttext", HOSTILE + "\nforged", 4000) as url:
            command = [*COMMAND, "connect", "--wait", "-1", url]
            done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=its, stderr=its, timeout=LIMIT)
        os.close(its)
        shown = b""
        with suppress(OSError):  # the end of a terminal
            while data := os.read(ours, 65536):
                shown += data
        os.close(ours)
        assert done.returncode == 1
        lines = shown.decode().split("\r\n")
        escaped = r"\x1b]0;owned\x07\x9b31m\u202e"
        assert lines[1:] == [escaped, "\ttext", rf"closed with 4000: {escaped}\nforged", ""]

    def test_no_error_has_control_characters_of_a_proxys_or_a_servers(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = listener.getsockname()[1]

            def answer() -> None:
                for _ in range(2):
                    client, _ = listener.accept()
                    with client:
                        client.recv(65536)
                        client.sendall(b"HTTP/1.1 503 \x1b[2J\x9b\r\nX: \x1b\r\nContent-Length: 0\r\n\r\n")

            answering = threading.Thread(target=answer)
            answering.start()
            through = run("connect", "--proxy", f"http://127.0.0.1:{port}", "ws://game.example/")
            direct = run("connect", f"ws://127.0.0.1:{port}/")
            answering.join(LIMIT)
        for done in (through, direct):
            assert done.returncode == 1
            assert "HTTP 503" in done.stderr
            assert done.stderr.removesuffix("\n").isprintable()

    def test_no_password_of_a_url_is_shown(self, echo: str) -> None:
        url = echo.replace("ws://", "ws://user:secret@")
        shown = run("connect", url, given="hello\n")
        assert (shown.stdout, shown.returncode) == ("hello\n", 0)
        assert shown.stderr.startswith(f"connected to {echo.replace('ws://', 'ws://user:****@')}")
        for arguments in (
            ["ws://user:secret@127.0.0.1:99999/"],
            ["ws://user:secret@nowhere.invalid/"],
            ["-H", "Authorization: sécret", echo],
            ["-H", "Authorization secret", echo],
            ["--proxy", "socks4://user:secret@proxy.example", echo],
            ["--proxy", "http://user:secret@127.0.0.1:9", "ws://game.example/"],
        ):
            done = run("connect", *arguments)
            assert done.returncode in (1, 2)
            assert "cret" not in done.stdout + done.stderr

    def test_a_message_that_inflates_to_more_than_the_limit_ends_the_connection(self) -> None:
        with a_server_that_says("x" * 2_000_000) as url:
            done = run("connect", "--wait", "-1", "--max-size", "1000000", url)
            assert done.returncode == 1
            assert done.stdout == ""
            assert "raise that" in done.stderr
            assert "closed with 1006" in done.stderr
            assert len(run("connect", "--wait", "-1", url).stdout) == 2_000_001

    def test_bench_has_a_limit_that_its_own_messages_keep(self, echo: str) -> None:
        assert run("bench", "-n", "2", "--max-size", "10", "--size", "1000", echo).returncode == 0
        with a_server_that_says("x" * 2_000_000) as url:
            done = run("bench", "-n", "2", "--max-size", "1000", url)
            assert done.returncode == 1
            assert "1009" in done.stderr


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


def test_bench_gives_numbers(echo: str) -> None:
    numbers = json.loads(run("bench", "--json", "--text", "-n", "50", "-w", "5", echo).stdout)
    trips = numbers["round_trip_ms"]
    assert 0 < trips["median"] <= trips["p90"] <= trips["p99"] <= trips["worst"]
    assert numbers["messages_per_second"] > 0


def test_bench_wants_its_messages_back() -> None:
    with pytest.raises(OSError, match="this takes an echo server"):
        bench._check("something else", "a message")


def test_bench_does_not_wait_for_ever() -> None:
    with serving("--relay") as (url, _):
        done = run("bench", "--timeout", "1", url)
    assert (done.stdout, done.returncode) == ("", 1)
    assert done.stderr == "python -m pyws_browser: no answer came within 1 s: this takes an echo server\n"


def test_bench_does_not_wait_for_ever_for_the_last_ones_either() -> None:
    class Silent:
        async def send(self, message: bytes) -> None:
            pass

        async def recv(self) -> bytes:
            return await asyncio.get_running_loop().create_future()

    with pytest.raises(TimeoutError):
        asyncio.run(bench._flood(Silent(), b"x", 1, 1, 0.01))


def test_info_tells_what_runs_here() -> None:
    facts = json.loads(run("info", "--json").stdout)
    assert facts["python"].startswith("CPython 3.")
    assert facts["packages"]["websockets"]
    assert "ping()" in facts["unsupported_in_a_page"]
    assert f"pyws_browser  {facts['pyws_browser']}" in run("info").stdout


def _heed_interrupts() -> None:
    # What a shell runs in the background ignores them, and so does what that starts.
    signal.signal(signal.SIGINT, signal.SIG_DFL)


class Terminal:
    """A person at a terminal."""

    def __init__(self, command: list[str]) -> None:
        import pty

        self._descriptor, its = pty.openpty()
        environment = os.environ | {"TERM": "xterm", "PROMPT_TOOLKIT_NO_CPR": "1"}
        self._program = subprocess.Popen(
            command,
            stdin=its,
            stdout=its,
            stderr=its,
            start_new_session=True,
            env=environment,
            preexec_fn=_heed_interrupts,
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

    def interrupt(self) -> None:
        self._program.send_signal(signal.SIGINT)

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
        ("/hex x", "'x' are not hexadecimal bytes"),
        ("/text /help", "< /help"),
        (f"/file '{tmp_path}/a file'", "< [binary, 2 bytes] 07 08"),
        (f"/file {tmp_path}/a file ", "< [binary, 2 bytes] 07 08"),
        ("/file nowhere", "nowhere: No such file"),
        ('/file "', '": No such file'),
        ("/file", "there is no path: /file PATH"),
        ("/ping", "pong after "),
        ("/nonsense", "there is no command /nonsense: /help lists them"),
        ("/close soon", "'soon' is not a close code"),
        ("/close 99", "'99' is not a close code"),
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


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pseudo-terminals of this kind")
def test_an_interrupt_takes_the_prompt_away(echo: str, terminal: Callable[..., Terminal]) -> None:
    person = terminal(WITHOUT_TOOLKIT, echo)
    person.expect("> ")
    person.type("hal")
    person.expect("hal")
    person.interrupt()
    person.expect("\r")
    assert person.leave() == 130


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pseudo-terminals of this kind")
def test_a_history_that_cannot_be_kept_is_said(
    echo: str, terminal: Callable[..., Terminal], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", os.devnull)
    person = terminal(COMMAND, echo)
    person.expect("the history is not kept: /dev/null")
    person.type("hello\r")
    person.expect("< hello")
    person.type("/close\r")
    person.expect("closed with 1000")
    assert person.leave() == 0


def test_a_path_is_taken_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("it's", "back\\slash" if sys.platform != "win32" else "other", "two  words"):
        (tmp_path / name).write_text(name)
        assert _read(f" {name} ") == _read(f'"{name}"') == name.encode()


def test_what_can_be_no_path_is_said() -> None:
    with pytest.raises(UsageError, match="is not a path"):
        _read("\0")
