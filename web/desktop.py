"""Drives a participant on the desktop, as a process: for `demo.py --check` and for the tests."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from threading import Condition, Thread
from time import monotonic
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Self

BOARD_PROGRAM = Path(__file__).with_name("board.py")
PLACE_TOLERANCE = 0.02


class NotSeenError(AssertionError):
    """Something that was waited for did not come."""


class Desktop:
    """A participant on the desktop: `python web/board.py` as a process, by what it prints."""

    def __init__(self, url: str, *options: str, timeout: float = 30) -> None:
        self.lines: list[str] = []
        self._timeout = timeout
        self._news = Condition()
        self._process = subprocess.Popen(
            [sys.executable, BOARD_PROGRAM, url, *options],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            env=os.environ | {"PYTHONIOENCODING": "utf-8"},
        )
        self._reader = Thread(target=self._read, daemon=True)
        self._reader.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.leave()

    def say(self, text: str) -> None:
        """Type a line."""
        assert self._process.stdin is not None
        self._process.stdin.write(text + "\n")
        self._process.stdin.flush()

    def wait_for(self, text: str) -> str:
        """Wait until it prints a line with `text`, and return that. Raises NotSeenError."""
        return self._wait(text, lambda line: text in line)

    def wait_for_place(self, name: str, x: float, y: float) -> str:
        """Wait until it sees somebody there, give or take a few of the page's pixels."""

        def is_there(line: str) -> bool:
            place = _place(name, line)
            return bool(place) and all(abs(a - b) <= PLACE_TOLERANCE for a, b in zip(place, (x, y), strict=True))

        return self._wait(f"{name} is at {x:.2f} {y:.2f}", is_there)

    def place_of(self, name: str) -> tuple[float, ...]:
        """Return where it has seen somebody last; () for nowhere."""
        with self._news:
            return next(filter(None, (_place(name, line) for line in reversed(self.lines))), ())

    def _wait(self, what: str, is_it: Callable[[str], bool]) -> str:
        deadline = monotonic() + self._timeout
        with self._news:
            while True:
                for line in self.lines:
                    if is_it(line):
                        return line
                if not self._reader.is_alive() or not self._news.wait(deadline - monotonic()):
                    last = self.lines[-1] if self.lines else "nothing"
                    raise NotSeenError(f"the desktop: does not print “{what}”; the last it printed is “{last}”")

    def leave(self) -> int:
        """Tell it to leave, as Ctrl-C does, and return its exit code."""
        self._process.terminate()
        return self.wait()

    def wait(self) -> int:
        """Wait until it ends, and return its exit code. Raises NotSeenError."""
        try:
            code = self._process.wait(self._timeout)
        except subprocess.TimeoutExpired:
            self._process.kill()
            raise NotSeenError("the desktop: does not end") from None
        self._reader.join()
        for stream in (self._process.stdin, self._process.stdout):
            assert stream is not None
            stream.close()
        return code

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            with self._news:
                self.lines.append(line.rstrip())
                self._news.notify_all()


def _place(name: str, line: str) -> tuple[float, ...]:
    start = f"{name} is at "
    return tuple(map(float, line.removeprefix(start).split())) if line.startswith(start) else ()
