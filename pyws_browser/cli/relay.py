"""A relay of several workers: each client's messages go to all other clients, at every worker."""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from ..aio import ConnectionClosed
from ..aio import serve as listen
from ..protocol.rules import CloseCode
from ..rooms import BrokerError, NatsBroker, RedisBroker, Rooms
from ..workers import run_workers
from .arguments import UsageError, listening_tls, reason_of
from .guard import Guard

if TYPE_CHECKING:
    import socket

    from websockets.http11 import Request

    from ..aio import ServerConnection
    from ..protocol.admission import Response
    from ..rooms import Broker

TOPIC: Final = "relay"

_FOR_WORKERS: Final = ("host", "broker", "allow_host", "origin", "certificate", "key")
"""The arguments that workers need; the others cannot be passed to another process."""

_NO_BROKER = (
    "several workers need a broker, or a message would reach the clients of one worker only: add --broker "
    "nats://127.0.0.1:4222 (nats-server -js) or redis://127.0.0.1:6379"
)


def broker_url(text: str) -> str:
    """Return the URL of a broker."""
    try:
        make_broker(text)
    except ValueError as exc:
        raise argparse.ArgumentTypeError(str(exc)) from None
    return text


def make_broker(url: str) -> Broker:
    """Return the broker for a URL. Raises ValueError for an unknown scheme."""
    if urlsplit(url).scheme.startswith("redis"):
        return RedisBroker(url)
    return NatsBroker(url)


def check(options: argparse.Namespace) -> None:
    """Raise ArgumentError for options that several workers do not support."""
    if options.workers > 1 and options.broker is None:
        raise argparse.ArgumentError(None, _NO_BROKER)
    if not options.relay:
        raise argparse.ArgumentError(None, "--workers and --broker belong to --relay")
    if options.static is not None or options.trace:
        raise argparse.ArgumentError(
            None, "--static and --trace belong to one process: leave out --workers and --broker"
        )


def run(options: argparse.Namespace) -> int:
    """Run the workers until a signal."""
    scheme = "ws" if listening_tls(options) is None else "wss"  # an error is raised here, and not in each worker

    def tell(host: str, port: int) -> None:
        print(f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}/", flush=True)

    asyncio.run(_try_broker(options.broker))
    return run_workers(
        serve_worker,
        options.workers,
        host=options.host,
        port=options.port,
        arguments=(argparse.Namespace(**{name: getattr(options, name) for name in _FOR_WORKERS}),),
        on_listening=tell,
    )


async def _try_broker(url: str | None) -> None:
    """Raise UsageError if the broker cannot be reached: once here, and not repeatedly in each worker."""
    if url is None:
        return
    broker = make_broker(url)
    try:
        await broker.start("relay", _Nobody())
    except BrokerError as exc:
        raise UsageError(reason_of(exc)) from exc
    finally:
        await broker.stop()


class _Nobody:
    def on_message(self, channel: Any, entry: Any) -> None:
        """Leave it."""

    def on_connected(self) -> None:
        """Leave it."""

    def on_lost(self, error: Exception) -> None:
        """Leave it."""

    def on_gap(self, channel: Any) -> None:
        """Leave it."""


def serve_worker(sock: socket.socket, index: int, options: argparse.Namespace) -> None:
    """Serve in the process of a worker, until SIGTERM."""
    try:
        asyncio.run(_serve(sock, options))
    except BrokerError as exc:
        print(f"worker {index}: {reason_of(exc)}", file=sys.stderr, flush=True)
        raise SystemExit(1) from None


async def _serve(sock: socket.socket, options: argparse.Namespace) -> None:
    over = asyncio.Event()
    with suppress(NotImplementedError):  # Windows, where a worker is ended without a signal
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, over.set)
    guard = Guard([sock.getsockname()[0], options.host, *options.allow_host], options.origin)
    rooms = Rooms(None if options.broker is None else make_broker(options.broker), name="relay")

    def judge(connection: ServerConnection, request: Request) -> Response | None:
        return guard.refusal_of(request.headers)

    async def relay(connection: ServerConnection) -> None:
        topic = rooms.topic(TOPIC)
        topic.join(connection)
        with suppress(ConnectionClosed):
            async for message in connection:
                topic.publish(message, without=connection)

    server = await listen(
        relay, sock=sock, ssl=listening_tls(options), process_request=judge, start_serving=False, close_timeout=2
    )
    try:
        await rooms.attach(server)
        await server.start_serving()
        await over.wait()
    finally:
        server.close(code=CloseCode.SERVICE_RESTART, reason="this worker restarts")
        await server.wait_closed()
        await rooms.close()
