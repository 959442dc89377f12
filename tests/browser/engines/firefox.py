"""Firefox, by WebDriver BiDi: the browser itself listens for it, so no driver is needed (W3C WebDriver BiDi)."""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

from websockets.sync.client import connect

from .runner import Deadline, EngineMissingError, EngineTimeoutError, Runner, Setting

_PROGRAMS = ("firefox-esr", "firefox")
_PREFERENCES = {
    "app.update.enabled": False,
    "browser.shell.checkDefaultBrowser": False,
    "datareporting.policy.dataSubmissionEnabled": False,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "network.proxy.type": 0,
    # After failed connections Firefox lets a page wait before the next ones to the same host (RFC 6455 §7.2.3).
    "network.websocket.delay-failed-reconnects": False,
    # A handshake that was given up unanswered takes one of six places for its server, until the server lets it go.
    "network.http.max-persistent-connections-per-server": 200,
}


class Firefox(Runner):
    """Firefox, headless, with a profile of its own."""

    engine = "Firefox"

    def __init__(self, setting: Setting) -> None:
        super().__init__(setting)
        program = next(filter(None, map(shutil.which, _PROGRAMS)), None)
        if program is None:
            raise EngineMissingError("Firefox is missing: install firefox-esr")
        self._last_id = 0
        self._console: list[str] = []
        with ExitStack() as parts:
            address = parts.enter_context(_started(program))
            self._socket = parts.enter_context(connect(address, max_size=None, compression=None, proxy=None))
            capabilities = self._command("session.new", capabilities={})["capabilities"]
            self.version = str(capabilities["browserVersion"])
            self._command("session.subscribe", events=["log.entryAdded"])
            self._context = self._command("browsingContext.getTree")["contexts"][0]["context"]
            self.reset()
            self._parts = parts.pop_all()

    def reset(self) -> None:
        """Load the page anew."""
        self._navigate("about:blank")
        self._navigate(self.setting.page())

    def complaints(self) -> list[str]:
        """Return what the place kept, and the errors that the browser logged."""
        kept: list[str] = json.loads(self._evaluate("complain()", 30))
        console, self._console = self._console, []
        return kept + [f"console: {line}" for line in console]

    def quit(self) -> None:
        """End the browser."""
        with self._parts:
            self._command("browser.close")

    def _run(self, body: str, timeout: float) -> str:
        return self._evaluate(f"run({json.dumps(body)})", timeout)

    def _navigate(self, url: str) -> None:
        self._command("browsingContext.navigate", context=self._context, url=url, wait="complete")

    def _evaluate(self, expression: str, timeout: float) -> str:
        answer = self._command(
            "script.evaluate",
            timeout,
            expression=expression,
            target={"context": self._context},
            awaitPromise=True,
        )
        if answer["type"] != "success":
            raise RuntimeError(f"{expression[:80]}: {answer['exceptionDetails']['text']}")
        return str(answer["result"]["value"])

    def _command(self, method: str, timeout: float = 60.0, **params: Any) -> dict[str, Any]:
        self._last_id += 1
        self._socket.send(json.dumps({"id": self._last_id, "method": method, "params": params}))
        deadline = Deadline(timeout)
        while True:
            try:
                message = json.loads(self._socket.recv(timeout=deadline.left()))
            except TimeoutError as exc:
                raise EngineTimeoutError(f"no answer to {method} within {timeout} s") from exc
            if message.get("method") == "log.entryAdded":
                self._take_log(message["params"])
            if message.get("id") == self._last_id:
                break
        if message["type"] == "error":
            raise RuntimeError(f"{method}: {message['error']}: {message['message']}")
        result: dict[str, Any] = message["result"]
        return result

    def _take_log(self, entry: dict[str, Any]) -> None:
        if entry["level"] == "error":
            self._console.append(str(entry["text"]))


@contextmanager
def _started(program: str) -> Iterator[str]:
    """Run Firefox with a profile of its own; give the address of its BiDi session, and leave nothing running."""
    with tempfile.TemporaryDirectory(prefix="pyws-firefox-", ignore_cleanup_errors=True) as profile:
        lines = [f"user_pref({json.dumps(name)}, {json.dumps(value)});\n" for name, value in _PREFERENCES.items()]
        Path(profile, "user.js").write_text("".join(lines))
        with subprocess.Popen(
            [program, "--headless", "--no-remote", "--remote-debugging-port=0", "--profile", profile],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        ) as process:
            try:
                yield _address(process, Path(profile, "WebDriverBiDiServer.json"))
                process.wait(10)
            finally:
                process.kill()


def _address(process: subprocess.Popen[bytes], file: Path) -> str:
    """Wait until the browser has written where it listens."""
    deadline = Deadline(60)
    while process.poll() is None:
        deadline.left()
        with suppress(FileNotFoundError, json.JSONDecodeError):  # not written yet, or half of it
            server = json.loads(file.read_text())
            return f"ws://{server['ws_host']}:{server['ws_port']}/session"
        time.sleep(0.02)
    raise EngineMissingError(f"Firefox ended with {process.returncode} before it listened")
