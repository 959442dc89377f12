"""`serve --relay --workers`, and `run_workers()`: several processes at one port."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import pyws_browser
from pyws_browser import InvalidOptionError, ListenError, sync
from pyws_browser.aio import ConnectionClosed
from pyws_browser.cli import main
from pyws_browser.workers import run_workers

from ..rooms.engines import Engine, Nats, free_port, need

PROGRAM = """
import os, signal, sys, threading
from pyws_browser import WebSocketServer
from pyws_browser.workers import run_workers

def work(sock, index):
    server = WebSocketServer()
    server.listen(0, sock=sock)
    over = []
    signal.signal(signal.SIGTERM, lambda *_: (over.append(1), server.wake()))
    server.client_connected.connect(lambda id, protocol: server.get_peer(id).send(f"{index} {os.getpid()}"))
    while not over:
        server.wait(None)
        server.poll()
    server.stop(1012, drain=1)

if __name__ == "__main__":
    run_workers(work, 2, on_listening=lambda host, port: print(port, flush=True))
"""


@pytest.fixture
def program(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """Two polled workers, and their port."""
    (tmp_path / "program.py").write_text(PROGRAM)
    env = {**os.environ, "PYTHONPATH": str(Path(pyws_browser.__file__).parents[1])}
    process = subprocess.Popen(
        [sys.executable, "program.py"], cwd=tmp_path, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stderr is not None
    yield process, int(process.stdout.readline())
    if process.poll() is None:
        process.kill()
    process.wait()
    process.stdout.close()
    process.stderr.close()


def who(port: int) -> tuple[int, int]:
    """Connect, and return the number and the process of the worker."""
    with sync.connect(f"ws://127.0.0.1:{port}", open_timeout=30) as connection:
        number, process = str(connection.recv(timeout=30)).split()
        return int(number), int(process)


def both(port: int) -> dict[int, int]:
    """Connect until both workers have answered."""
    found: dict[int, int] = {}
    end = time.monotonic() + 60
    while len(found) < 2:
        assert time.monotonic() < end
        number, process = who(port)
        found[number] = process
    return found


def test_both_workers_get_clients_and_one_that_is_killed_is_replaced(
    program: tuple[subprocess.Popen[str], int],
) -> None:
    _, port = program
    before = both(port)
    os.kill(before[0], signal.SIGKILL)
    end = time.monotonic() + 60
    while True:
        assert time.monotonic() < end
        number, process = who(port)
        if number == 0 and process != before[0]:
            break
    assert both(port)[1] == before[1]


def test_sigterm_closes_the_clients_with_1012_and_ends_all_processes(
    program: tuple[subprocess.Popen[str], int],
) -> None:
    process, port = program
    workers = both(port)
    with sync.connect(f"ws://127.0.0.1:{port}") as connection:
        connection.recv()
        process.terminate()
        with pytest.raises(ConnectionClosed):
            connection.recv(timeout=30)
        assert connection.close_code == 1012
    assert process.wait(30) == 0
    for worker in workers.values():
        with pytest.raises(ProcessLookupError):
            os.kill(worker, 0)


def test_workers_end_when_their_parent_is_killed(program: tuple[subprocess.Popen[str], int]) -> None:
    process, port = program
    workers = both(port)
    process.kill()
    process.wait()
    end = time.monotonic() + 30
    while any(Path(f"/proc/{worker}/stat").exists() and is_alive(worker) for worker in workers.values()):
        assert time.monotonic() < end
        time.sleep(0.01)


def is_alive(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--relay", "--workers", "2"], "need a broker"),
        (["--echo", "--workers", "2", "--broker", "nats://127.0.0.1:1"], "belong to --relay"),
        (["--relay", "--broker", "nats://127.0.0.1:1", "--trace"], "one process"),
        (["--relay", "--broker", "http://127.0.0.1"], "nats://HOST:PORT"),
        (["--relay", "--workers", "0"], "not above 0"),
    ],
)
def test_what_does_not_go_together_is_refused(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["serve", *arguments])
    assert caught.value.code == 2
    assert said in capsys.readouterr().err


def test_a_broker_that_is_not_there_is_told_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["serve", "--relay", "--workers", "2", "--broker", f"nats://127.0.0.1:{free_port()}", "--port", "0"]
    assert main(arguments) == 1
    assert "no NATS server answers" in capsys.readouterr().err


def test_bad_arguments_of_a_program_are_refused() -> None:
    with pytest.raises(InvalidOptionError, match="1 to 1024"):
        run_workers(print, 0)
    with pytest.raises(InvalidOptionError, match="drain"):
        run_workers(print, 1, drain=-1)
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(ListenError):
        run_workers(print, 2, port=taken.getsockname()[1])


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    need("nats-server")
    engine = Nats(tmp_path / "nats")
    engine.start()
    yield engine
    engine.close()


def test_a_relay_of_two_workers_reaches_the_clients_of_both(engine: Engine) -> None:
    env = {**os.environ, "PYTHONPATH": str(Path(pyws_browser.__file__).parents[1])}
    command = ["-m", "pyws_browser", "serve", "--relay", "--workers", "2", "--broker", engine.url, "--port", "0"]
    process = subprocess.Popen([sys.executable, *command], env=env, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        url = process.stdout.readline().strip()
        listeners = [sync.connect(url, open_timeout=30) for _ in range(8)]  # at one worker with a chance of 1 in 128
        with sync.connect(url, open_timeout=30) as speaker:
            heard: set[int] = set()
            end = time.monotonic() + 60
            while len(heard) < len(listeners):
                assert time.monotonic() < end
                speaker.send("to all")
                for number, listener in enumerate(listeners):
                    try:
                        assert listener.recv(timeout=0.05) == "to all"
                        heard.add(number)
                    except TimeoutError:
                        continue
        for listener in listeners:
            listener.close()
        process.terminate()
        assert process.wait(30) == 0
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        process.stdout.close()
