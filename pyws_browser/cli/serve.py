"""Serve: an echo or a relay for WebSockets, and the files of a folder for the page that uses it."""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final
from weakref import WeakSet

from ..aio import ConnectionClosed, broadcast
from ..aio import serve as listen
from ..protocol.admission import Response
from .arguments import add_listening, host_name, listening_tls, page_origin, positive
from .files import ISOLATED, Files
from .guard import Guard
from .phone import EVERY_ADDRESS, address_in_network, check_code, show_code
from .relay import broker_url

if TYPE_CHECKING:
    from websockets.http11 import Request

    from ..aio import Connection, ServerConnection
    from ..aio.server import Server
    from ..protocol.trace import TracedFrame

_DESCRIPTORS: Final = 2**16
"""The limit to ask for; macOS refuses "no limit"."""

_PATIENCE: Final = 0.7
"""Seconds that clients have at the end to close their connections, which are cut then."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    kind = parser.add_mutually_exclusive_group()
    kind.add_argument("--echo", action="store_true", help="send every message back")
    kind.add_argument("--relay", action="store_true", help="send every message to all others")
    parser.add_argument(
        "--static",
        type=Path,
        metavar="DIR",
        help="serve the files of this folder over HTTP as well; not names that begin with a dot, nor where a symbolic "
        'link leads out of the folder or to such a name (needs "pyws-browser[static]")',
    )
    parser.add_argument(
        "--isolated",
        action="store_true",
        help="send COOP and COEP with the files, so that their page is cross-origin isolated and has SharedArrayBuffer",
    )
    parser.add_argument(
        "--origin",
        type=page_origin,
        action="append",
        default=[],
        help="let pages of this origin in as well, as https://example.com, 'null' or '*' for all; may be given again. "
        "Those from this server's own host, and from the machine that they are shown on, are let in anyway",
    )
    parser.add_argument(
        "--allow-host",
        type=host_name,
        action="append",
        default=[],
        metavar="NAME",
        help="answer to this name in the Host header as well, or to '*', any; may be given again. Loopback names, "
        "--host and the addresses that the server listens at are answered anyway",
    )
    parser.add_argument(
        "--qr", action="store_true", help='show the address as a QR code, for a phone (needs "pyws-browser[qr]")'
    )
    parser.add_argument(
        "--workers",
        type=positive,
        default=1,
        metavar="N",
        help="relay in this many processes at the same port, which need a --broker",
    )
    parser.add_argument(
        "--broker",
        type=broker_url,
        metavar="URL",
        help='relay to the clients of other workers as well, over nats://HOST:PORT (needs "pyws-browser[nats]") or '
        'redis://HOST:PORT (needs "pyws-browser[redis]")',
    )
    parser.add_argument("--trace", action="store_true", help="show every frame")
    add_listening(parser)


async def run(options: argparse.Namespace) -> int:
    """Serve until interrupted, then close the connections with 1001, and cut those that stay open."""
    if not options.echo and not options.relay and options.static is None:
        raise argparse.ArgumentError(
            None, "say what to serve: --echo, --relay, --static DIR, or one of the first two with it"
        )
    if options.isolated and options.static is None:
        raise argparse.ArgumentError(None, "--isolated belongs to --static")
    door = _Door(
        None if options.static is None else Files(options.static, ISOLATED if options.isolated else {}),
        takes_websockets=options.echo or options.relay,
    )
    if options.qr:
        check_code()
    tls = listening_tls(options)
    _raise_descriptor_limit()
    over = asyncio.Event()
    async with listen(
        _echo if options.echo else _relay,
        options.host,
        options.port,
        ssl=tls,
        process_request=door.judge,
        trace=_trace if options.trace else None,
        start_serving=False,
    ) as server:
        addresses = [sock.getsockname()[0] for sock in server.sockets]
        shown = [address_in_network() or ""] if EVERY_ADDRESS.intersection(addresses) else []
        door.guard = Guard([*addresses, *shown, options.host, *options.allow_host], options.origin)
        await server.start_serving()
        urls = _urls_of(server, options, is_secure=tls is not None)
        with _until_told(over):
            # Only after the signal handlers are installed: a script may send a signal as soon as it has read this.
            print("\n".join(urls), flush=True)
            if options.qr:
                show_code(urls[-1])
            await over.wait()
        await door.shut(server)
    return 0


def _urls_of(server: Server, options: argparse.Namespace, *, is_secure: bool) -> list[str]:
    """Return the URLs of the server: one for programs, and one for browsers if it serves files."""
    host, port = server.sockets[0].getsockname()[:2]
    if host in EVERY_ADDRESS:  # no other machine can connect to it
        host = address_in_network() or host
    address = f"://{f'[{host}]' if ':' in host else host}:{port}/"
    urls = [("wss" if is_secure else "ws") + address] if options.echo or options.relay else []
    if options.static is not None:
        urls.append(("https" if is_secure else "http") + address)
    return urls


class _Door:
    """Accepts connections and answers other requests; cuts the remaining ones at the end."""

    def __init__(self, files: Files | None, *, takes_websockets: bool) -> None:
        self._files = files
        self._takes_websockets = takes_websockets
        self._connections: WeakSet[ServerConnection] = WeakSet()
        self.guard: Guard | None = None

    def judge(self, connection: ServerConnection, request: Request) -> Response | None:
        """Return the answer to a request, None for an accepted WebSocket."""
        assert self.guard is not None  # noqa: S101  it is there before anybody is served
        self._connections.add(connection)
        refusal = self.guard.refusal_of(request.headers)
        if refusal is not None or self._files is None:
            return refusal
        if any("websocket" in value.lower() for value in request.headers.get_all("Upgrade")):
            if self._takes_websockets:
                return None
            return Response(404, "There is no WebSocket here: serve --echo or --relay as well.\n")
        return self._files.answer(request.method, request.path, request.headers)

    async def shut(self, server: Server) -> None:
        """Close the server, and cut the connections that clients keep open."""
        server.close()
        closed = asyncio.ensure_future(server.wait_closed())
        if not (await asyncio.wait([closed], timeout=_PATIENCE))[0]:
            for connection in list(self._connections):
                connection.transport.abort()
        await closed


def _raise_descriptor_limit() -> None:
    """Raise the limit of descriptors as far as allowed: each client takes one, each file in transfer another."""
    if sys.platform == "win32":
        return
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, _DESCRIPTORS)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


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
    """Sets an event at the first SIGINT or SIGTERM, if the event loop can handle signals."""

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
