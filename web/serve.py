"""Serve the page and its relay.

The page comes over HTTP from this folder, Pyodide from its own under /pyodide/, and the relay listens at a port of its
own, which the page learns from /config.json. Any other web server would do as well: the files are static.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Protocol

from pyws_browser import ListenError, Request, Response, WebSocketServer
from pyws_browser.cli.files import ISOLATED, Files
from pyws_browser.cli.guard import Guard
from relay import Relay

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType
    from typing import Self

    from crew import Crew

WEB = Path(__file__).resolve().parent
HTTP_PORT = 8000
RELAY_PORT = 8001
POLL_INTERVAL = 0.1
MAX_CONNECTIONS = 400
PYODIDE = "/pyodide"

HEADERS = {
    # Nothing inline, no eval. A page may connect anywhere, for that is what the URL box is for.
    "Content-Security-Policy": (
        "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; connect-src 'self' ws: wss:; "
        "object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "no-referrer",
}


class Pages:
    """Answers with the files of two folders, and with /config.json."""

    def __init__(self, pyodide: Path, config: Mapping[str, object], headers: Mapping[str, str], guard: Guard) -> None:
        self._config = config
        self._guard = guard
        self._page = Files(WEB, headers)
        self._pyodide = Files(pyodide, headers)
        self._server = WebSocketServer()
        self._server.max_connections = MAX_CONNECTIONS
        self._server.process_request = self._answer

    def listen(self, host: str, port: int) -> int:
        """Listen at `port`, 0 for any free one, and return it."""
        self._server.bind_ip = host
        self._server.listen(port)
        return self._server.port

    def run(self, stop: Event) -> None:
        """Answer until `stop` is set; in the thread that called `listen()`."""
        with self._server:
            while not stop.is_set():
                self._server.wait(POLL_INTERVAL)
                self._server.poll()

    def _answer(self, request: Request) -> Response:
        refusal = self._guard.refusal_of(request.headers)
        if refusal is not None:
            return refusal
        path, method = request.path, request.method
        if path == "/config.json" and method in ("GET", "HEAD"):
            return self._page.reply(200, json.dumps(self._config), {"Content-Type": "application/json"})
        if path.startswith(f"{PYODIDE}/"):
            return self._pyodide.answer(method, path.removeprefix(PYODIDE), request.headers)
        return self._page.answer(method, path, request.headers)


class Server(Protocol):
    """What runs in a thread of its own."""

    def listen(self, host: str, port: int) -> int:
        """Listen at `port`, 0 for any free one, and return it. Raises ListenError."""

    def run(self, stop: Event) -> None:
        """Serve until `stop` is set; in the thread that called `listen()`."""


class Running:
    """A server in its thread. Raises ListenError."""

    def __init__(self, server: Server, host: str, port: int, stop: Event) -> None:
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix=type(server).__name__)
        try:
            self.port = self._thread.submit(server.listen, host, port).result()
        except ListenError:
            self._thread.shutdown()
            raise
        self._run = self._thread.submit(server.run, stop)

    def check(self) -> None:
        """Raise what ended the server, if something did."""
        if self._run.done():
            self._run.result()

    def wait(self) -> None:
        """Wait until it is over, and raise what ended it before, if something did."""
        self._thread.shutdown()
        self._run.result()


class Site:
    """The page and the relay, each in a thread of its own, from `with` to the end of its block.

    With several `workers` the relay is that many processes at one port, over `broker`, or over a NATS server that it
    starts.
    """

    def __init__(
        self,
        pyodide: Path,
        host: str = "127.0.0.1",
        port: int = 0,
        relay_port: int = 0,
        *,
        names: tuple[str, ...] = (),
        is_isolated: bool = False,
        workers: int = 1,
        broker: str = "",
    ) -> None:
        self.workers = workers
        self._broker = broker
        self._names = names
        self._pyodide = pyodide
        self._host = host
        self._ports = port, relay_port
        self._guard = Guard([host, *names])
        self._headers = HEADERS | (ISOLATED if is_isolated else {})
        self._stop = Event()

    def __enter__(self) -> Self:
        host, (port, relay_port) = self._host, self._ports
        config: dict[str, object] = {}
        self._servers: list[Running | Crew] = [
            Running(Pages(self._pyodide, config, self._headers, self._guard), host, port, self._stop)
        ]
        try:
            self._servers.append(self._relay(host, relay_port))
        except BaseException:
            self.stop()
            raise
        page, relay = (server.port for server in self._servers)
        config["relayPort"] = relay
        name = {"0.0.0.0": "localhost", "::": "localhost"}.get(host, host)
        name = f"[{name}]" if ":" in name else name
        self.page_url = f"http://{name}:{page}/"
        self.relay_url = f"ws://{name}:{relay}/"
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def _relay(self, host: str, port: int) -> Running | Crew:
        if self.workers == 1:
            return Running(Relay(self._guard), host, port, self._stop)
        from crew import Crew  # and loaded with it what rooms need

        return Crew(host, port, self._names, self.workers, self._broker)

    def stop(self) -> None:
        """Serve no more, and raise what ended one of the servers before, if something did."""
        self._stop.set()
        for server in self._servers:
            server.wait()

    def check(self) -> None:
        """Raise what ended one of the servers, if something did."""
        for server in self._servers:
            server.check()


def stop_on_signal() -> Event:
    """Return an event that is set by Ctrl-C and by SIGTERM."""
    stop = Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    return stop


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options that serving has."""
    parser.add_argument("--host", default="127.0.0.1", help="address to listen at (%(default)s); 0.0.0.0 for all")
    parser.add_argument("--port", type=int, default=HTTP_PORT, help="port of the page (%(default)s); 0 for any")
    parser.add_argument(
        "--allow-host", action="append", default=[], metavar="NAME", help="answer to this name in the Host header, too"
    )
    parser.add_argument("--isolated", action="store_true", help="make the page cross-origin isolated (COOP, COEP)")
    parser.add_argument("--ws-port", type=int, default=RELAY_PORT, help="port of the relay (%(default)s); 0 for any")
    parser.add_argument("--workers", type=int, default=1, help="processes of the relay (%(default)s)")
    parser.add_argument("--broker", default="", help="NATS server for several workers (default: one is started)")
    parser.add_argument(
        "--pyodide",
        type=Path,
        default=os.environ.get("PYWS_DIST"),
        help="folder with Pyodide, micropip and the wheel (PYWS_DIST)",
    )


def site_of(arguments: argparse.Namespace) -> Site:
    """Return the site that the options describe; leaves with one line if they cannot be met."""
    if arguments.pyodide is None or not (arguments.pyodide / "pyodide.mjs").is_file():
        sys.exit("there is no Pyodide to serve: start this by ./build.sh serve, or name its folder with --pyodide")
    return Site(
        arguments.pyodide,
        arguments.host,
        arguments.port,
        arguments.ws_port,
        names=tuple(arguments.allow_host),
        is_isolated=arguments.isolated,
        workers=arguments.workers,
        broker=arguments.broker,
    )


def main() -> None:
    """Parse the command line and serve until told to stop."""
    parser = argparse.ArgumentParser(description="Serve the page and its relay.")
    add_arguments(parser)
    site = site_of(parser.parse_args())
    stop = stop_on_signal()
    try:
        with site:
            print(f"page   {site.page_url}\nrelay  {site.relay_url}\nCtrl-C stops both.", flush=True)
            while not stop.wait(POLL_INTERVAL):
                site.check()
    except ListenError as exc:
        sys.exit(f"{exc}; another port can be given with --port and --ws-port")


if __name__ == "__main__":
    main()
