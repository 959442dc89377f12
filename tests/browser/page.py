"""What the tests of the page need besides `web/driver.py`: the server as a process, started as a person would."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from typing import Self

SERVE = Path(__file__).parents[2] / "web" / "serve.py"


class Served:
    """`python web/serve.py` on ports of its own; `start()` after `stop()` or `kill()` takes the same ones."""

    def __init__(self, pyodide: Path) -> None:
        self._pyodide = pyodide
        self.page_url = "http://127.0.0.1:0/"
        self.relay_url = "ws://127.0.0.1:0/"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        port, relay_port = (str(urlsplit(url).port) for url in (self.page_url, self.relay_url))
        self._process = subprocess.Popen(
            [sys.executable, SERVE, "--pyodide", self._pyodide, "--port", port, "--ws-port", relay_port],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        lines = [self._process.stdout.readline().split() for _ in range(2)]
        assert [line[0] for line in lines if line] == ["page", "relay"], "web/serve.py did not say where it serves"
        self.page_url, self.relay_url = (line[1] for line in lines)

    def stop(self) -> int:
        """Stop it as Ctrl-C does, and return its exit code."""
        self._process.terminate()
        return self._wait()

    def kill(self) -> None:
        """Have it vanish without a word."""
        self._process.kill()
        self._wait()

    def _wait(self) -> int:
        code = self._process.wait(10)
        assert self._process.stdout is not None
        self._process.stdout.close()
        return code
