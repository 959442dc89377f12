"""Brokers as programs, at ephemeral ports: started, killed, stopped and started again."""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

import pytest

LIMIT = 20.0


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


class Engine:
    """A broker at one port; what it stored is there after a `kill()` and a `start()`."""

    program = ""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None

    def command(self) -> list[str]:
        raise NotImplementedError

    def start(self) -> None:
        self._process = subprocess.Popen(
            self.command(), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        end = time.monotonic() + LIMIT
        while not self.answers():
            assert time.monotonic() < end, f"{self.program} does not answer"
            assert self._process.poll() is None, f"{self.program} ended at once"
            time.sleep(0.01)

    def answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), 1) as sock:
                sock.settimeout(1)
                sock.sendall(b"PING\r\n")
                return bool(sock.recv(1))
        except OSError:
            return False

    def signal(self, number: int) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    def kill(self) -> None:
        self.signal(signal.SIGKILL)
        assert self._process is not None
        self._process.wait()

    def close(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self.kill()


class Nats(Engine):
    program = "nats-server"
    options: tuple[str, ...] = ()

    def command(self) -> list[str]:
        return ["nats-server", "-a", "127.0.0.1", "-p", str(self.port), "-js", "-sd", str(self.folder), *self.options]

    @property
    def url(self) -> str:
        return f"nats://127.0.0.1:{self.port}"


class Redis(Engine):
    program = "redis-server"
    options: tuple[str, ...] = ()

    def command(self) -> list[str]:
        settings = ("--appendonly", "yes", "--appendfsync", "always", "--save", "")
        where = ("--bind", "127.0.0.1", "--port", str(self.port), "--dir", str(self.folder))
        return ["redis-server", *where, *settings, *self.options]

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}"


def need(program: str) -> None:
    """Skip the test where the broker is not installed, which `./build.sh` sees to."""
    if shutil.which(program) is None:
        pytest.skip(f"{program} is not installed")
