"""Serves the files of a folder over HTTP with Werkzeug, whole or in parts."""

from __future__ import annotations

import mimetypes
import os
import re
from typing import IO, TYPE_CHECKING, Any, Final
from urllib.parse import unquote

from ..protocol.admission import Response
from .arguments import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from websockets.datastructures import Headers

ISOLATED: Final = {"Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Embedder-Policy": "require-corp"}
"""Headers that make a page cross-origin isolated, so that it has SharedArrayBuffer and threads."""

MAX_DOWNLOADS: Final = 256
"""The most files that are sent at the same time. Each takes two descriptors."""

_INDEX: Final = "index.html"
_METHODS: Final = ("GET", "HEAD")
_BLOCK_SIZE: Final = 64 * 1024
_ONE_PART: Final = re.compile(r"bytes=(?:\d+-\d*|-\d+)", re.IGNORECASE)
"""The only supported form of Range; for others the whole file is sent, as RFC 9110 §14.2 allows."""

_TYPES: Final = {
    ".css": "text/css",
    ".html": "text/html",
    ".js": "text/javascript",
    ".json": "application/json",
    ".mjs": "text/javascript",
    ".py": "text/plain",
    ".svg": "image/svg+xml",
    ".wasm": "application/wasm",
    ".whl": "application/zip",
    ".zip": "application/zip",
}
"""The types on which a page depends, since the system's own table may have others."""

_OWN_HEADERS: Final = {
    "Cache-Control": "no-cache",  # browsers may keep a file, but ask each time whether it has changed
    "Cross-Origin-Resource-Policy": "same-site",  # else a foreign page could load a script from here and see its data
    "X-Content-Type-Options": "nosniff",
}


class Files:
    """Answers requests with the files of a folder, but no names with a leading dot and nothing outside of it.

    Both are judged once symbolic links are followed. Every answer has `headers`. Raises NotADirectoryError, and
    UsageError if Werkzeug is not installed.
    """

    def __init__(self, folder: Path, headers: Mapping[str, str] | None = None) -> None:
        try:
            import werkzeug  # noqa: F401
        except ImportError as exc:
            raise UsageError(
                'serving files needs Werkzeug: pip install "pyws-browser[static]" brings it along'
            ) from exc
        if not folder.is_dir():
            raise NotADirectoryError(f"{folder} is not a folder")
        self._folder = os.path.realpath(folder)
        self._headers = _OWN_HEADERS | dict(headers or {})
        self._open_files: list[IO[bytes]] = []

    def answer(self, method: str, target: str, headers: Headers) -> Response:
        """Return the answer to a request: a file or a part of it, 304, a redirect, or a refusal."""
        if method not in _METHODS:
            return self.reply(405, "Only GET and HEAD are answered here.\n", {"Allow": ", ".join(_METHODS)})
        path, mark, query = target.partition("?")
        try:
            if not path.startswith("/"):
                raise FileNotFoundError
            file = self._find(path)
            if os.path.isdir(file) and not path.endswith("/"):
                # Without the slash, the URLs in its index would be relative to the folder above.
                return self.reply(301, "", {"Location": f"./{path.rpartition('/')[2]}/{mark}{query}"})
            if not os.path.isfile(file):  # a pipe would never end
                raise FileNotFoundError
            if not self._has_room():
                return self.reply(503, "Too many files are being sent: try again later.\n", {"Retry-After": "5"})
            return self._send(file, method, headers)
        except (OSError, ValueError):  # it does not exist, its name is invalid, or it may not be read
            return self.reply(404, "There is no such file.\n")

    def reply(self, status: int, text: str, headers: Mapping[str, str] | None = None) -> Response:
        """Return an answer that is not a file, with the common headers."""
        return Response(status, text, self._headers | dict(headers or {}))

    def _find(self, path: str) -> str:
        """Return the file or the folder that a path names; raises OSError or ValueError if none may be served."""
        from werkzeug.security import safe_join

        name = unquote(path).lstrip("/") + (_INDEX if path.endswith("/") else "")
        joined = safe_join(self._folder, name)
        if joined is None or _has_dot(name):
            raise FileNotFoundError
        file = os.path.realpath(joined, strict=True)
        if file != self._folder and (
            os.path.commonpath((file, self._folder)) != self._folder or _has_dot(os.path.relpath(file, self._folder))
        ):
            raise FileNotFoundError
        return file

    def _send(self, file: str, method: str, headers: Headers) -> Response:
        from werkzeug.exceptions import RequestedRangeNotSatisfiable
        from werkzeug.utils import send_file

        environ = _environ(method, headers)
        environ["wsgi.file_wrapper"] = self._open
        try:
            response = send_file(file, environ, _type_of(file))
        except RequestedRangeNotSatisfiable as exc:
            return self.reply(416, "The file has no such part.\n", {"Content-Range": f"bytes */{exc.length}"})
        content: Iterable[bytes] = response.get_app_iter(environ)
        if method == "HEAD" or response.status_code == 304:
            response.close()
            content = ()
        # A 304 has it too: its headers replace those of the copy in the browser.
        fields = {"Content-Type": str(response.content_type)} | dict(response.get_wsgi_headers(environ)) | self._headers
        fields.pop("Content-Disposition", None)
        return Response(response.status_code, headers=fields, content=content)

    def _open(self, file: IO[bytes], _block_size: int) -> _Blocks:
        self._open_files.append(file)
        return _Blocks(file)

    def _has_room(self) -> bool:
        self._open_files = [file for file in self._open_files if not file.closed]
        return len(self._open_files) < MAX_DOWNLOADS


class _Blocks:
    """The blocks of a file, up to its present size: data that is appended later is left out."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._rest = os.fstat(file.fileno()).st_size

    def __iter__(self) -> _Blocks:
        return self

    def __next__(self) -> bytes:
        block = self._file.read(min(_BLOCK_SIZE, self._rest))
        if not block:
            raise StopIteration
        self._rest -= len(block)
        return block

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int) -> None:
        self._file.seek(offset)

    def tell(self) -> int:
        return self._file.tell()

    def close(self) -> None:
        self._file.close()


def _has_dot(path: str) -> bool:
    return any(part.startswith(".") for part in path.replace(os.sep, "/").split("/"))


def _type_of(file: str) -> str:
    known = _TYPES.get(os.path.splitext(file)[1].lower())
    if known is not None:
        return known
    kind, encoding = mimetypes.guess_type(file)
    if encoding is not None:  # the file itself is compressed; with Content-Encoding a browser would decompress it
        return "application/gzip" if encoding == "gzip" else "application/octet-stream"
    return kind or "application/octet-stream"


def _environ(method: str, headers: Headers) -> dict[str, Any]:
    """Return the WSGI environment of a request for Werkzeug, without headers that come twice."""
    environ: dict[str, Any] = {"REQUEST_METHOD": method, "wsgi.url_scheme": "http", "HTTP_HOST": "localhost"}
    for name in ("Range", "If-Range", "If-None-Match", "If-Modified-Since"):
        values = headers.get_all(name)
        if len(values) == 1 and (name != "Range" or _ONE_PART.fullmatch(values[0])):
            environ[f"HTTP_{name.upper().replace('-', '_')}"] = values[0]
    return environ
