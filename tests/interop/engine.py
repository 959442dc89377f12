"""A real Godot 3 engine that does what a test tells it (`engine/engine.gd`)."""

from __future__ import annotations

import os
import select
import shutil
import socket
import struct
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from pyws_browser.variant import decode, encode

from ..support import LIMIT, Pollable, pump

PROGRAM = shutil.which(os.environ.get("PYWS_GODOT3", "godot3-server"))
INSTALL = "There is no Godot 3 engine here: apt-get install --no-install-recommends godot3-server"
PROJECT = Path(__file__).parent / "engine"


def environment(home: Path) -> dict[str, str]:
    """Return what keeps an engine from complaining and from writing anywhere else than below `home`."""
    (home / ".local/share").mkdir(parents=True, exist_ok=True)
    return {"PATH": os.environ["PATH"], "HOME": str(home), "LANG": "en_US.UTF-8"}


class Engine:
    """An engine in a process of its own, and what it told."""

    def __init__(self, home: Path) -> None:
        self._log = home / "engine.log"
        with socket.create_server(("127.0.0.1", 0)) as listener, self._log.open("wb") as log:
            port = listener.getsockname()[1]
            self._process = subprocess.Popen(
                [str(PROGRAM), "--no-window", "--path", str(PROJECT), "-s", "engine.gd", f"--control={port}"],
                env=environment(home),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
            listener.settimeout(LIMIT)
            try:
                self._control, _ = listener.accept()
            except TimeoutError:
                self.stop()
                raise AssertionError(f"the engine did not start:\n{self._log.read_text()}") from None
        self._received = bytearray()
        self._answers: list[Any] = []
        self.events: list[tuple[Any, ...]] = []
        """What signals said: the name of the thing, that of the signal, and its arguments."""

    def abandon(self) -> int:
        """Close the control connection, as the end of a test run does; return the process's exit status."""
        self._control.close()
        return self._process.wait(LIMIT)

    def stop(self) -> None:
        """End the process."""
        with suppress(AttributeError):  # it never connected
            self._control.close()
        self._process.kill()
        self._process.wait(LIMIT)

    def new(self, name: str, kind: str) -> Thing:
        """Make a client, a server, a key or a certificate, and listen to all of its signals."""
        self.command("new", name, kind)
        return Thing(self, name)

    def forget(self) -> None:
        """Let it drop all that was made, and what was told."""
        self.command("forget", "")
        self.events.clear()

    def command(self, *command: Any) -> Any:
        """Let the engine do something, and return what it answered."""
        data = encode(list(command))
        self._control.sendall(struct.pack("<I", len(data)) + data)
        end = time.monotonic() + LIMIT
        while not self._answers:
            assert time.monotonic() < end, self._log.read_text()
            select.select([self._control], [], [], 0.1)
            self.poll()
        return self._answers.pop()

    def poll(self) -> None:
        """Take in what the engine told."""
        while select.select([self._control], [], [], 0)[0]:
            data = self._control.recv(1 << 20)
            assert data, f"the engine is gone:\n{self._log.read_text()}"
            self._received += data
        while len(self._received) >= 4:
            (size,) = struct.unpack_from("<I", self._received)
            if len(self._received) < 4 + size:
                break
            kind, *rest = decode(bytes(self._received[4 : 4 + size]))
            del self._received[: 4 + size]
            if kind == "answer":
                self._answers.append(rest[0])
            else:
                name, told, arguments = rest
                self.events.append((name, told, *arguments))


class Thing:
    """A client or a server in an engine; its methods are called by their names in Godot."""

    def __init__(self, engine: Engine, name: str) -> None:
        self.engine = engine
        self.name = name

    def __getattr__(self, method: str) -> Callable[..., Any]:
        return lambda *arguments: self.engine.command("call", self.name, [[method, list(arguments)]])

    def peer(self, id_: int, method: str, *arguments: Any) -> Any:
        """Call a method of one of its peers."""
        return self.engine.command("call", self.name, [["get_peer", [id_]], [method, list(arguments)]])

    def set(self, name: str, value: Any) -> None:
        """Set a property; `{"thing": name}` stands for another thing."""
        self.engine.command("set", self.name, name, value)

    def echo(self) -> None:
        """Send back whatever comes."""
        self.engine.command("echo", self.name)

    @property
    def events(self) -> list[tuple[Any, ...]]:
        """What its signals said so far."""
        return [event[1:] for event in self.engine.events if event[0] == self.name]

    def told(self, signal: str) -> list[tuple[Any, ...]]:
        """The arguments with which it emitted a signal so far."""
        return [event[1:] for event in self.events if event[0] == signal]

    def wait(self, signal: str, *parties: Pollable, count: int = 1) -> tuple[Any, ...]:
        """Wait until it has emitted a signal so often; return the arguments of the last time."""
        pump(self.engine, *parties, until=lambda: len(self.told(signal)) >= count)
        return self.told(signal)[-1]
