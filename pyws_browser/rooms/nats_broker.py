"""Rooms over NATS: plain topics on its core, histories and members on JetStream. CPython only, `pyws-browser[nats]`.

Theory of operation. A history is stored in a stream, which republishes each message as it is stored, with its sequence
number and that of the message before it on its subject. Workers subscribe to that, which costs the server little, and
read the stream where the numbers show a gap. The name of a stream ends with its epoch: who creates a stream anew gives
it another one, and every acknowledgement and every message names the stream that it comes from.

A history that is empty gets a marker, so that there is a position before the first message that is one of a message.
Streams keep messages for an hour longer than is asked for, and the last one is then still there when a worker asks
whether it has missed something.

The connection of nats-py ends for good with an error of the server, "Slow Consumer" say. So it does not reconnect by
itself: the broker makes another connection, and subscribes anew.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from contextlib import suppress
from functools import partial
from time import time
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from ..errors import InvalidOptionError
from .ending import end_tasks
from .errors import BrokerError, BrokerRefusedError, BrokerUnavailableError
from .jetstream import ANSWER_TIME, Streams, epoch_of, id_of
from .vocabulary import Entry, Position

if TYPE_CHECKING:
    from nats.aio.client import Client
    from nats.aio.msg import Msg
    from nats.aio.subscription import Subscription

    from .broker import Listener
    from .vocabulary import Channel, Page

_logger: Final = logging.getLogger("pyws_browser.rooms")

_CONNECT_TIME: Final = 3.0

_SHORTEST_PAUSE: Final = 0.1
_LONGEST_PAUSE: Final = 2.0
"""Seconds between two attempts to connect."""

_SLACK: Final = 3600.0
_HEADERS: Final = 512
"""Bytes of a message that are left to headers."""

_MAX_PENDING: Final = 512 * 1024
_OVERLAP: Final = 10065
_WRONG_LAST: Final = 10071


class NatsBroker:
    """A NATS server, or a cluster of them, with JetStream (`nats-server -js`), from 2.9 on.

    `servers` is a URL such as ``nats://127.0.0.1:4222``, or several of one cluster; user and password may stand in it.
    `storage` is "file" or "memory": what is in memory is gone when the server ends. `replicas` is how many servers of a
    cluster keep each history. `tls` is a context for ``tls://``. `options` goes to `nats.connect()`, for credentials
    say: ``{"user_credentials": "path.creds"}``.
    """

    def __init__(
        self,
        servers: str | list[str] = "nats://127.0.0.1:4222",
        *,
        storage: str = "file",
        replicas: int = 1,
        tls: ssl.SSLContext | None = None,
        options: dict[str, Any] | None = None,
    ) -> None:
        self._servers = [servers] if isinstance(servers, str) else list(servers)
        for server in self._servers:
            if urlsplit(server).scheme not in ("nats", "tls", "ws", "wss") or not urlsplit(server).hostname:
                raise InvalidOptionError(f"a NATS server is given as nats://HOST:PORT, not {server!r}")
        if storage not in ("file", "memory"):
            raise InvalidOptionError(f"storage is 'file' or 'memory', not {storage!r}")
        self._storage = storage
        self._replicas = replicas
        self._tls = tls
        self._options = options or {}
        self.max_size: int = 1 << 20
        """Bytes that a message may have; the server says it."""
        self._listener: Listener | None = None
        self._client: Client | None = None
        self._unclosed: Client | None = None  # what `_disconnect()` closes; it may be cancelled, and called again
        self._subscriptions: dict[Channel, Subscription] = {}
        self._wanted: set[Channel] = set()
        self._streams = Streams(self._connected, "", storage, replicas)
        self._runner: asyncio.Task[None] | None = None
        self._ended = asyncio.Event()

    # The connection.

    async def start(self, name: str, listener: Listener) -> None:
        """Connect; see `Broker.start()`."""
        self._streams = Streams(self._connected, name, self._storage, self._replicas)
        self._listener = listener
        await self._connect()
        await self._streams.check()
        self._runner = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Disconnect; see `Broker.stop()`."""
        await end_tasks(self._runner)
        client = self._client
        if client is not None:
            with suppress(Exception):  # it is about to be closed
                await asyncio.wait_for(client.flush(), 1)
        await self._disconnect()

    def reset(self) -> None:
        """Give this connection up; see `Broker.reset()`."""
        self._ended.set()

    async def _connect(self) -> None:
        try:
            from nats.aio.client import Client
            from nats.errors import AuthorizationError, Error
        except ImportError:
            raise BrokerRefusedError("NatsBroker needs nats-py: pip install 'pyws-browser[nats]'") from None
        self._ended = ended = asyncio.Event()
        refusals: list[Exception] = []

        async def on_error(error: Exception) -> None:
            refusals.append(error)
            self._on_error(error)

        async def on_end() -> None:
            ended.set()

        self._unclosed = client = Client()
        try:
            await asyncio.wait_for(
                client.connect(
                    self._servers,
                    allow_reconnect=False,
                    connect_timeout=int(_CONNECT_TIME),
                    error_cb=on_error,
                    closed_cb=on_end,
                    disconnected_cb=on_end,
                    pending_size=16 << 20,
                    tls=self._tls,
                    **self._options,
                ),
                _CONNECT_TIME + 1,
            )
        except (Error, OSError, TimeoutError, ValueError, ssl.SSLError) as exc:
            shown = ", ".join(urlsplit(server).netloc.rpartition("@")[2] for server in self._servers)
            known = [exc, *refusals]
            if any(isinstance(one, AuthorizationError) or "uthorization" in str(one) for one in known):
                raise BrokerRefusedError(f"NATS at {shown} refuses these credentials: check user and password") from exc
            raise BrokerUnavailableError(f"no NATS server answers at {shown}: start it, or check the address") from exc
        self._client = client
        self.max_size = client.max_payload - _HEADERS

    async def _disconnect(self) -> None:
        self._client = None
        self._subscriptions.clear()
        client = self._unclosed
        if client is not None:
            with suppress(Exception):  # a connection that is given up
                await asyncio.wait_for(client.close(), 1)
            await _shut(client)
            self._unclosed = None

    async def _run(self) -> None:
        """Connect again whenever the connection has ended."""
        assert self._listener is not None  # noqa: S101
        while True:
            await self._ended.wait()
            self._listener.on_lost(BrokerUnavailableError("the connection to NATS was lost"))
            pause = _SHORTEST_PAUSE
            while True:
                await self._disconnect()
                self._streams.forget()
                try:
                    await self._connect()
                    for channel in list(self._wanted):
                        await self._subscribe(channel)
                    await self._flush()
                    break
                except BrokerError as exc:
                    _logger.info("connecting to NATS: %s", exc)
                await asyncio.sleep(pause)
                pause = min(2 * pause, _LONGEST_PAUSE)
            self._listener.on_connected()

    def _on_error(self, error: Exception) -> None:
        from nats.errors import SlowConsumerError

        _logger.warning("NATS: %s", error)
        if isinstance(error, SlowConsumerError) and self._listener is not None:
            for channel, subscription in list(self._subscriptions.items()):
                if subscription is error.sub:
                    self._listener.on_gap(channel)

    def _connected(self) -> Client:
        client = self._client
        if client is None or not client.is_connected:
            raise BrokerUnavailableError("there is no connection to NATS now")
        return client

    async def _flush(self) -> None:
        """Wait until the server has taken what was sent."""
        client = self._connected()
        try:
            await asyncio.wait_for(client.flush(int(ANSWER_TIME)), ANSWER_TIME + 1)
        except Exception as exc:  # nats-py raises many kinds
            raise BrokerUnavailableError(f"NATS does not answer: {exc!r}") from exc

    # What rooms ask for.

    async def publish(self, channel: Channel, data: bytes) -> None:
        """Send a message; see `Broker.publish()`."""
        from nats.errors import Error

        try:
            await self._connected().publish(self._streams.live(channel), data)
        except (Error, OSError) as exc:
            raise BrokerUnavailableError(f"NATS: {exc!r}") from exc

    async def keep(self, channel: Channel, data: bytes, id_: str = "", key: str = "") -> Position:
        """Store a message; see `Broker.keep()`."""
        if channel.kind == "map" and not data:
            return await self._remove(channel, key)
        headers = {"Nats-Msg-Id": f"{channel.name}:{id_}".encode("ascii", "backslashreplace").decode()} if id_ else {}
        return await self._streams.store(channel, key, data, headers)

    async def _remove(self, channel: Channel, key: str) -> Position:
        """Remove a key from a map: from the stream first, so that who reads it afterwards does not find it."""
        epoch = await self._streams.purge(channel, key)
        await self.publish_removal(channel, key)
        return Position(epoch, 0)

    async def publish_removal(self, channel: Channel, key: str) -> None:
        """Tell that a key was removed."""
        from nats.errors import Error

        subject = self._streams.live(channel).removesuffix(">") + key.replace("/", ".")
        try:
            await self._connected().publish(subject, b"")
        except (Error, OSError) as exc:
            raise BrokerUnavailableError(f"NATS: {exc!r}") from exc

    async def clear(self, channel: Channel, prefix: str) -> None:
        """Remove the keys of a worker; see `Broker.clear()`."""
        await self._streams.purge(channel, prefix + "/>")

    async def subscribe(self, channel: Channel) -> None:
        """Subscribe; see `Broker.subscribe()`."""
        self._wanted.add(channel)
        if channel not in self._subscriptions:
            await self._subscribe(channel)
            await self._flush()

    async def _subscribe(self, channel: Channel) -> None:
        from nats.errors import Error

        take = {"log": self._take_kept, "map": self._take_member}.get(channel.kind, self._take_plain)
        client = self._connected()
        try:
            subscription = await client.subscribe(
                self._streams.live(channel), cb=partial(take, channel), pending_msgs_limit=_MAX_PENDING
            )
        except (Error, OSError) as exc:
            raise BrokerUnavailableError(f"NATS: {exc!r}") from exc
        if client is not self._client:
            raise BrokerUnavailableError("the connection to NATS was lost")
        known = self._subscriptions.setdefault(channel, subscription)
        if known is not subscription:  # two asked at the same time
            with suppress(Error):
                await subscription.unsubscribe()

    async def unsubscribe(self, channel: Channel) -> None:
        """Undo `subscribe()`."""
        self._wanted.discard(channel)
        subscription = self._subscriptions.pop(channel, None)
        if subscription is not None:
            with suppress(Exception):  # the connection may be closed, and the subscription with it
                await subscription.unsubscribe()

    async def _take_plain(self, channel: Channel, message: Msg) -> None:
        assert self._listener is not None  # noqa: S101
        self._listener.on_message(channel, Entry(message.data))

    async def _take_kept(self, channel: Channel, message: Msg) -> None:
        assert self._listener is not None  # noqa: S101
        headers = message.headers or {}
        self._listener.on_message(
            channel,
            Entry(
                message.data,
                epoch_of(headers["Nats-Stream"]),
                int(headers["Nats-Sequence"]),
                int(headers["Nats-Last-Sequence"]),
                id_of(headers.get("Nats-Msg-Id"), channel),
                "",
                time(),
            ),
        )

    async def _take_member(self, channel: Channel, message: Msg) -> None:
        assert self._listener is not None  # noqa: S101
        key = "/".join(message.subject.split(".")[-2:])
        self._listener.on_message(channel, Entry(message.data, key=key))

    async def epoch(self, channel: Channel) -> str:
        """Return the epoch of a channel; see `Broker.epoch()`."""
        return await self._streams.epoch(channel)

    async def read(self, channel: Channel, after: Position | None) -> Page:
        """Read what is stored; see `Broker.read()`."""
        return await self._streams.read(channel, after)


async def _shut(client: Client) -> None:
    """Close the socket of a connection, which nats-py leaves open if the server ends while something is sent."""
    transport = client._transport  # noqa: SLF001
    if transport is not None:
        transport.close()  # type: ignore[no-untyped-call]
        await asyncio.sleep(0)
