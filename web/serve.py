"""Serve the page and its relay.

The page comes over HTTP from this folder, Pyodide from its own under /pyodide/, and the relay listens at a port of its
own, which the page learns from /config.json. Any other web server would do as well: the files are static.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import socket
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from http import HTTPStatus
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from pathlib import Path
from threading import Event, Thread
from typing import TYPE_CHECKING, Any, BinaryIO

from pyws_browser import ListenError
from relay import Relay

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType
    from typing import Self

WEB = Path(__file__).resolve().parent
HTTP_PORT = 8000
RELAY_PORT = 8001
POLL_INTERVAL = 0.1

HEADERS = {
    # Nothing inline, no eval. A page may connect anywhere, for that is what the URL box is for.
    "Content-Security-Policy": (
        "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; connect-src 'self' ws: wss:; "
        "object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    # A browser keeps what it got and asks each time whether it is still right.
    "Cache-Control": "no-cache",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}


class PageHandler(SimpleHTTPRequestHandler):
    """Answers with the files of two folders, and with /config.json."""

    protocol_version = "HTTP/1.1"
    extensions_map = {  # noqa: RUF012  the base class's own form
        "": "application/octet-stream",
        ".css": "text/css; charset=utf-8",
        ".html": "text/html; charset=utf-8",
        ".js": "text/javascript; charset=utf-8",
        ".json": "application/json",
        ".mjs": "text/javascript; charset=utf-8",
        ".py": "text/plain; charset=utf-8",
        ".svg": "image/svg+xml",
        ".wasm": "application/wasm",
        ".zip": "application/zip",
    }

    def __init__(self, *arguments: Any, pyodide: Path, config: dict[str, object]) -> None:
        self._pyodide = pyodide
        self._config = config
        super().__init__(*arguments, directory=str(WEB))

    def send_head(self) -> BytesIO | BinaryIO | None:
        """Send the status and the headers, and return the body."""
        if self.path != "/config.json":
            return super().send_head()
        body = json.dumps(self._config).encode()
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        return BytesIO(body)

    def translate_path(self, path: str) -> str:
        """Return the file that a path stands for; the base class lets none lead out of `directory`."""
        prefix = "/pyodide/"
        is_pyodide = path.startswith(prefix)
        self.directory = str(self._pyodide if is_pyodide else WEB)
        return super().translate_path(path[len(prefix) - 1 :] if is_pyodide else path)

    def list_directory(self, path: str | os.PathLike[str]) -> None:
        """Show no folder's contents."""
        self.send_error(HTTPStatus.NOT_FOUND)

    def end_headers(self) -> None:
        """Add the headers that every answer has."""
        for name, value in HEADERS.items():
            self.send_header(name, value)
        super().end_headers()

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Keep quiet about what went well; errors are still printed."""


class PageServer(ThreadingHTTPServer):
    """An HTTP server that takes it calmly when a browser has gone away in the middle of an answer."""

    def __init__(self, address: tuple[str, int], handler: Any) -> None:
        self.address_family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        super().__init__(address, handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Report everything else."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class Site:
    """The page and the relay, each in a thread of its own, from `with` to the end of its block."""

    def __init__(self, pyodide: Path, host: str = "127.0.0.1", port: int = 0, relay_port: int = 0) -> None:
        self._pyodide = pyodide
        self._address = host, port
        self._relay_port = relay_port
        self._stop = Event()

    def __enter__(self) -> Self:
        config: dict[str, object] = {}
        self._http = self._listen(partial(PageHandler, pyodide=self._pyodide, config=config))
        self._relay_thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="relay")
        relay = Relay()
        host = self._address[0]
        try:
            config["relayPort"] = relay_port = self._relay_thread.submit(relay.listen, host, self._relay_port).result()
        except ListenError:
            self._http.server_close()
            self._relay_thread.shutdown()
            raise
        self._relaying = self._relay_thread.submit(relay.run, self._stop)
        Thread(target=self._http.serve_forever, args=(POLL_INTERVAL,), name="http", daemon=True).start()
        name = {"0.0.0.0": "localhost", "::": "localhost"}.get(host, host)
        name = f"[{name}]" if ":" in name else name
        self.page_url = f"http://{name}:{self._http.server_address[1]}/"
        self.relay_url = f"ws://{name}:{relay_port}/"
        return self

    def _listen(self, handler: Callable[..., PageHandler]) -> PageServer:
        try:
            return PageServer(self._address, handler)
        except OSError as exc:
            host, port = self._address
            raise ListenError(f"cannot listen at port {port} of {host}: {exc.strerror}") from exc

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Serve no more, and raise what ended the relay before, if something did."""
        self._stop.set()
        self._http.shutdown()
        self._http.server_close()
        self._relay_thread.shutdown()
        self._relaying.result()

    def check(self) -> None:
        """Raise what ended the relay, if something did."""
        if self._relaying.done():
            self._relaying.result()


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
    parser.add_argument("--ws-port", type=int, default=RELAY_PORT, help="port of the relay (%(default)s); 0 for any")
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
    return Site(arguments.pyodide, arguments.host, arguments.port, arguments.ws_port)


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
