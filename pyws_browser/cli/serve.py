"""Serve: an echo or a relay for WebSockets, and the files of a folder for the page that uses it."""

from __future__ import annotations

import asyncio
import mimetypes
import os
import signal
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote

from ..aio import ConnectionClosed, broadcast
from ..aio import serve as listen
from .arguments import add_listening, listening_tls

if TYPE_CHECKING:
    import argparse

    from websockets.http11 import Request, Response

    from ..aio import Connection, ServerConnection
    from ..trace import TracedFrame

_INDEX: Final = "index.html"
_TYPES: Final = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".mjs": "text/javascript; charset=utf-8",
    ".py": "text/x-python; charset=utf-8",
    ".wasm": "application/wasm",
    ".whl": "application/zip",
}
"""What a page depends on is said here, for a system's own table may say something else."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's own."""
    kind = parser.add_mutually_exclusive_group(required=True)
    kind.add_argument("--echo", action="store_true", help="send every message back")
    kind.add_argument("--relay", action="store_true", help="send every message to all others")
    parser.add_argument(
        "--static",
        type=Path,
        metavar="DIR",
        help="serve the files of this folder over HTTP as well; not names that begin with a dot, nor where a symbolic "
        "link leads out of the folder",
    )
    parser.add_argument("--trace", action="store_true", help="show every frame")
    add_listening(parser)


async def run(options: argparse.Namespace) -> int:
    """Serve until interrupted, then close the connections with 1001."""
    if options.static is not None and not options.static.is_dir():
        raise NotADirectoryError(f"{options.static} is no folder: --static takes one")
    tls = listening_tls(options)
    over = asyncio.Event()
    async with listen(
        _echo if options.echo else _relay,
        options.host,
        options.port,
        ssl=tls,
        process_request=_Files(options.static) if options.static is not None else None,
        trace=_trace if options.trace else None,
    ) as server:
        host, port = server.sockets[0].getsockname()[:2]
        address = f"://{f'[{host}]' if ':' in host else host}:{port}/"
        urls = [("ws" if tls is None else "wss") + address]
        if options.static is not None:
            urls.append(("http" if tls is None else "https") + address)
        print("\n".join(urls), flush=True)
        with _until_told(over):
            await over.wait()
    return 0


async def _echo(connection: ServerConnection) -> None:
    with suppress(ConnectionClosed):
        async for message in connection:
            await connection.send(message)


async def _relay(connection: ServerConnection) -> None:
    with suppress(ConnectionClosed):
        async for message in connection:
            broadcast(connection.server.connections - {connection}, message)


def _trace(connection: Connection, frame: TracedFrame) -> None:
    host, port = connection.remote_address
    print(f"{host}:{port} {frame}", file=sys.stderr, flush=True)


class _until_told:  # noqa: N801  it is entered, as a function with @contextmanager would be
    """Sets an event at the first SIGINT or SIGTERM, where the event loop can be told of signals."""

    def __init__(self, over: asyncio.Event) -> None:
        self._over = over

    def __enter__(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            with suppress(NotImplementedError):  # Windows, where KeyboardInterrupt comes instead
                loop.add_signal_handler(number, self._over.set)

    def __exit__(self, *_: object) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            with suppress(NotImplementedError):
                loop.remove_signal_handler(number)


class _Files:
    """Answers what is no WebSocket's request with a file of a folder, or with 404."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder.resolve()

    async def __call__(self, connection: ServerConnection, request: Request) -> Response | None:
        if "websocket" in request.headers.get("Upgrade", "").lower():
            return None
        path, mark, query = request.path.partition("?")
        try:
            file = self._find(path)
            if file.is_dir() and not path.endswith("/"):
                # Without the slash the URLs in its index would be relative to the folder above.
                return _moved(connection, f"./{path.rpartition('/')[2]}/{mark}{query}")
            body = await asyncio.to_thread(_read, file)
        except OSError:  # there is none, its name is too long for one, or it may not be read
            return connection.respond(404, "There is no such file.\n")
        response = connection.respond(200, "")
        response.body = body
        for name in ("Content-Length", "Content-Type"):
            del response.headers[name]
        response.headers["Content-Length"] = str(len(body))
        response.headers["Content-Type"] = _type_of(file)
        response.headers["Cache-Control"] = "no-cache"
        return response

    def _find(self, path: str) -> Path:
        """Return the file or the folder that a path names; raises OSError if there is none, or it is not for all."""
        name = unquote(path).lstrip("/")
        if path.endswith("/"):
            name += _INDEX
        if "\0" in name or any(part.startswith(".") for part in Path(name).parts):
            raise FileNotFoundError
        file = Path(os.path.realpath(self._folder / name, strict=True))
        if not file.is_relative_to(self._folder):
            raise FileNotFoundError
        return file


def _moved(connection: ServerConnection, location: str) -> Response:
    response = connection.respond(301, "")
    response.headers["Location"] = location
    response.headers["Cache-Control"] = "no-cache"  # tomorrow another folder may be served here
    return response


def _read(file: Path) -> bytes:
    if not file.is_file():  # a pipe, which would not end
        raise FileNotFoundError
    return file.read_bytes()


def _type_of(file: Path) -> str:
    return _TYPES.get(file.suffix.lower()) or mimetypes.guess_type(file.name)[0] or "application/octet-stream"
