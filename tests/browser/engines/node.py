"""Node, whose WebSocket is a browser's in all but the page around it; `site/node.mjs` runs the JavaScript there."""

from __future__ import annotations

import json
import os
import queue
import shutil
import subprocess
from pathlib import Path
from threading import Thread
from typing import Any

from .runner import Deadline, EngineMissingError, EngineTimeoutError, Runner, Setting

_SCRIPT = Path(__file__).parent.parent / "site" / "node.mjs"
_OLDEST = 24  # Node 22 tells of no failed connection by a close event, so the rules of the web fail there


class Node(Runner):
    """Node in a process of its own. PYWS_NODE names the program; `node` is taken if it is new enough."""

    engine = "Node"

    def __init__(self, setting: Setting) -> None:
        super().__init__(setting)
        program = os.environ.get("PYWS_NODE") or shutil.which("node")
        if program is None:
            raise EngineMissingError("Node is missing: install Node 24 or newer, or name it by PYWS_NODE")
        self._program = program
        version = subprocess.run([program, "--version"], check=True, capture_output=True, text=True).stdout
        self.version = version.strip().removeprefix("v")
        if int(self.version.split(".")[0]) < _OLDEST:
            raise EngineMissingError(f"Node {self.version} has no WebSocket to rely on: install Node 24 or newer")
        self._start()

    def reset(self) -> None:
        """Begin again in a new process."""
        self.quit()
        self._start()

    def complaints(self) -> list[str]:
        """Return what the place kept, and every line that the process wrote to stderr."""
        kept: list[str] = json.loads(self._request(30))
        lines, self._stderr[:] = list(self._stderr), []
        return kept + [f"console: {line}" for line in lines]

    def quit(self) -> None:
        """Close its stdin, at which it ends."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(20)
        for reader in self._readers:
            reader.join(20)

    def collect_garbage(self) -> bool:
        """Collect by `--expose-gc`."""
        self.run_js("gc(); await new Promise((resolve) => setTimeout(resolve, 100)); gc();")
        return True

    def _run(self, body: str, timeout: float) -> str:
        return self._request(timeout, body=body)

    def _start(self) -> None:
        self._process = subprocess.Popen(
            [self._program, "--expose-gc", str(_SCRIPT), str(self.setting.dist), self.setting.place],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
        )
        self._last_id = 0
        self._answers: queue.Queue[dict[str, Any]] = queue.Queue()
        self._stderr: list[str] = []
        self._readers = [Thread(target=self._read_stdout), Thread(target=self._read_stderr)]
        for reader in self._readers:
            reader.start()

    def _request(self, timeout: float, **request: Any) -> str:
        assert self._process.stdin is not None
        self._last_id += 1
        self._process.stdin.write(json.dumps({"id": self._last_id, **request}) + "\n")
        self._process.stdin.flush()
        deadline = Deadline(timeout)
        while True:
            try:
                answer = self._answers.get(timeout=deadline.left())
            except queue.Empty:
                raise EngineTimeoutError(f"Node did not answer within {timeout} s: {self._stderr}") from None
            if answer["id"] == self._last_id:
                return str(answer["answer"])

    def _read_stdout(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as lines:
            for line in lines:
                if line.startswith("\x1e"):
                    self._answers.put(json.loads(line[1:]))

    def _read_stderr(self) -> None:
        assert self._process.stderr is not None
        with self._process.stderr as lines:
            self._stderr.extend(map(str.rstrip, lines))
