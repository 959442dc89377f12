"""The site that the browser tests load: the Pyodide distribution, and below `/tests/` the pages in `site/`.

The same files come with other rules below a prefix: `/isolated/` with COOP and COEP, `/strict/` with a
Content-Security-Policy that allows no more than Pyodide itself needs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from types import MappingProxyType
from typing import ClassVar

PAGES = Path(__file__).parent / "site"
RULES = {
    "isolated": {
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Embedder-Policy": "require-corp",
        "Cross-Origin-Resource-Policy": "same-origin",
    },
    "strict": {
        "Content-Security-Policy": (
            "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; "
            "connect-src 'self' ws://127.0.0.1:*; img-src data:"
        )
    },
}


class _Handler(SimpleHTTPRequestHandler):
    folders: ClassVar[dict[str, Path]] = {}
    protocol_version = "HTTP/1.1"
    extensions_map: ClassVar[dict[str, str]] = {
        **SimpleHTTPRequestHandler.extensions_map,
        ".mjs": "text/javascript",
        ".wasm": "application/wasm",
        ".py": "text/plain; charset=utf-8",
    }
    _rules: Mapping[str, str] = MappingProxyType({})

    def translate_path(self, path: str) -> str:
        """Take the prefix off, and choose the folder."""
        parts = path.partition("?")[0].lstrip("/").split("/")
        self._rules = RULES.get(parts[0], {})
        if parts[0] in RULES:
            parts = parts[1:]
        folder = self.folders.get(parts[0])
        if folder is None:
            return super().translate_path("/" + "/".join(parts))
        inside = folder.joinpath(*parts[1:]).resolve()
        return str(inside) if inside.is_relative_to(folder.resolve()) else str(folder / "missing")

    def end_headers(self) -> None:
        """Add the rules of the prefix."""
        for name, value in self._rules.items():
            self.send_header(name, value)
        self.send_header("Cache-Control", "no-cache")
        self.send_header("Access-Control-Allow-Origin", "*")
        super().end_headers()

    def do_POST(self) -> None:
        """Take what a program reports: the body becomes a file in the folder `programs`."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        file = Path(self.translate_path(self.path))
        if not self.path.startswith("/programs/") or file.parent != self.folders["programs"].resolve():
            self.send_error(403)
            return
        scratch = file.with_name(f".{file.name}")
        scratch.write_bytes(body)
        scratch.replace(file)
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format_: str, *arguments: object) -> None:
        """Keep quiet: what matters of this shows on the browser's console."""


@contextmanager
def site(dist: Path, **folders: Path) -> Iterator[str]:
    """Serve the distribution, and more folders by the first part of the path; give the site's URL."""
    handler = type("Handler", (_Handler,), {"folders": {"tests": PAGES, **folders}})
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(handler, directory=str(dist))) as server:
        server.daemon_threads = True
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
