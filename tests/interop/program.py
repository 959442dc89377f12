"""A program that runs beside a test: one of the examples, or a web server."""

from __future__ import annotations

import queue
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path

from ..support import LIMIT


class Program:
    """A program, and the lines that it prints."""

    def __init__(self, *command: str | Path, env: dict[str, str]) -> None:
        self.command = command
        self._process = subprocess.Popen(
            [str(part) for part in command],
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._lines: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._lines.put(line.strip())

    def until(self, words: str) -> str:
        """Return the next line that has these words in it."""
        seen = []
        while True:
            try:
                seen.append(self._lines.get(timeout=LIMIT))
            except queue.Empty:
                raise AssertionError(f"{words!r} is not in {seen}") from None
            if words in seen[-1]:
                return seen[-1]

    def stop(self) -> None:
        self._process.kill()
        self._process.wait(LIMIT)
        self._reader.join(LIMIT)
        assert self._process.stdout is not None
        self._process.stdout.close()


Start = Callable[..., Program]
