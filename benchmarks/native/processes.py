"""Processes that are asked one thing at a time: a line of JSON goes in, another comes out."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType
    from typing import Self

ROOT = Path(__file__).parents[2]

# An installed package comes before the sources, for one environment has the compiled wheel.
_START = "import sys; sys.path.append(sys.argv.pop(1)); from benchmarks.native.{} import main; main()"


class BenchmarkError(Exception):
    """A process failed, or took too long; the message says which and how."""


class StuckError(BenchmarkError):
    """A process gave no answer in time."""


class Process:
    """The `main()` of one of this package's modules, run by an interpreter that may be another environment's."""

    def __init__(
        self, module: str, *arguments: str, python: str = sys.executable, name: str = "", **environment: str
    ) -> None:
        self.name = name or module
        self._child = subprocess.Popen(
            [python, "-P", "-c", _START.format(module), str(ROOT), *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=os.environ | environment,
        )
        self._rest = b""

    def ask(self, timeout: float = 30.0, **question: object) -> dict[str, Any]:
        """Return the answer, in `timeout` seconds. Raises BenchmarkError for an error or none."""
        assert self._child.stdin is not None
        if self._child.stdin.closed:
            raise BenchmarkError(f"{self.name} was ended, since it gave no answer before")
        try:
            self._child.stdin.write(json.dumps(question).encode() + b"\n")
            self._child.stdin.flush()
        except BrokenPipeError:
            raise BenchmarkError(f"{self.name} has ended with {self._child.wait()}") from None
        return self.answer(timeout)

    def answer(self, timeout: float = 30.0) -> dict[str, Any]:
        """Return the next answer. Raises BenchmarkError for an error or none."""
        assert self._child.stdout is not None
        while b"\n" not in self._rest:
            if not select.select([self._child.stdout], [], [], timeout)[0]:
                self.stop()
                raise StuckError(f"{self.name} gave no answer in {timeout:g} s")
            data = self._child.stdout.read1()  # type: ignore[attr-defined]
            if not data:
                raise BenchmarkError(f"{self.name} has ended with {self._child.wait()}")
            self._rest += data
        line, _, self._rest = self._rest.partition(b"\n")
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise BenchmarkError(f"{self.name}: {answer['error']}")
        return answer

    def stop(self) -> None:
        """End it; harmless if it has ended."""
        self._child.kill()
        self._child.wait()
        for pipe in (self._child.stdin, self._child.stdout):
            if pipe is not None:
                pipe.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()


def questions() -> Iterator[dict[str, Any]]:
    """In such a process: yield what it is asked, until whoever asks is gone."""
    for line in sys.stdin:
        yield json.loads(line)


def reply(**answer: object) -> None:
    """In such a process: answer."""
    print(json.dumps(answer), flush=True)
