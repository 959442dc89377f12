"""Rooms over Redis or Valkey: Pub/Sub for what is sent, lists of entries and hashes for what is stored. CPython only.

`pyws-browser[redis]`. Theory of operation. One script stores a message, gives it the next offset of its topic, and
publishes it: so offsets have no gaps, and a worker sees from them whether it has missed something. Each topic has an
epoch of its own, which begins when its keys do.

The listener of redis-py connects again by itself, and loses in silence what came meanwhile. So the broker has a loop of
its own, which reads one connection, and when that ends makes another, subscribes again, and tells of the gap.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from secrets import token_hex
from time import time
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from ..errors import InvalidOptionError
from .ending import end_tasks
from .errors import BrokerError, BrokerRefusedError, BrokerTimeoutError, BrokerUnavailableError
from .redis_scripts import CLEAR, KEEP, READ, SET
from .vocabulary import DUPLICATE_WINDOW, Entry, Page, Position

if TYPE_CHECKING:
    from redis.asyncio import Redis
    from redis.asyncio.client import PubSub

    from .broker import Listener
    from .vocabulary import Channel

_logger: Final = logging.getLogger("pyws_browser.rooms")

_CONNECT_TIME: Final = 3.0
_ANSWER_TIME: Final = 2.0
"""Seconds to wait for an answer."""

_SHORTEST_PAUSE: Final = 0.1
_LONGEST_PAUSE: Final = 2.0
"""Seconds between two attempts to connect."""

_SLACK: Final = 3600


class RedisBroker:
    """A Redis or Valkey server.

    `url` is ``redis://HOST:PORT``, ``rediss://`` with TLS, or ``unix://PATH``; user and password may stand in it.
    `options` goes to `redis.asyncio.Redis.from_url()`. How safe histories are is the server's `appendonly` to say:
    with it they outlive the server, without it each restart is a new epoch.
    """

    def __init__(self, url: str = "redis://127.0.0.1:6379", *, options: dict[str, Any] | None = None) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("redis", "rediss", "unix") or not (parts.hostname or parts.path):
            raise InvalidOptionError(f"a Redis server is given as redis://HOST:PORT, not {url!r}")
        self.max_size: int = 512 * 1024 * 1024 - 4096
        """Bytes that a message may have."""
        self._url = url
        self._shown = parts.netloc.rpartition("@")[2] or parts.path
        self._options = options or {}
        self._name = ""
        self._listener: Listener | None = None
        self._client: Redis | None = None
        self._pubsub: PubSub | None = None
        self._unclosed: list[Redis | PubSub] = []  # what `_disconnect()` closes; it may be cancelled, and called again
        self._wanted: dict[bytes, Channel] = {}
        self._confirmed: dict[bytes, asyncio.Future[None]] = {}
        self._commands: list[tuple[tuple[Any, ...], asyncio.Future[Any]]] = []
        self._has_commands = asyncio.Event()
        self._sending: asyncio.Task[None] | None = None
        self._runner: asyncio.Task[None] | None = None
        self._reading: asyncio.Task[None] | None = None

    # The connection.

    async def start(self, name: str, listener: Listener) -> None:
        """Connect; see `Broker.start()`."""
        self._name = name
        self._listener = listener
        await self._connect()
        self._runner = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Disconnect; see `Broker.stop()`."""
        await end_tasks(self._runner)
        await self._disconnect()

    def reset(self) -> None:
        """Give this connection up; see `Broker.reset()`."""
        if self._reading is not None:
            self._reading.cancel()

    async def _connect(self) -> None:
        try:
            from redis.asyncio import Redis
            from redis.asyncio.retry import Retry
            from redis.backoff import NoBackoff
            from redis.exceptions import AuthenticationError, RedisError
        except ImportError:
            raise BrokerRefusedError("RedisBroker needs redis-py: pip install 'pyws-browser[redis]'") from None
        settings: dict[str, Any] = {
            "socket_connect_timeout": _CONNECT_TIME,
            "retry": Retry(NoBackoff(), 0),  # what may have been done is done again by those who know its id
            **self._options,
        }
        client = Redis.from_url(self._url, socket_timeout=_ANSWER_TIME, **settings)
        # What is sent may be silent for long.
        listening = Redis.from_url(self._url, socket_timeout=None, **settings)
        pubsub = listening.pubsub()
        self._unclosed += (listening, client, pubsub)
        try:
            await asyncio.wait_for(client.ping(), _CONNECT_TIME + 1)
            await pubsub.connect()  # type: ignore[no-untyped-call]
        except (RedisError, OSError, TimeoutError, ValueError) as exc:
            text = str(exc)
            if isinstance(exc, AuthenticationError) or "NOAUTH" in text or "WRONGPASS" in text or "NOPERM" in text:
                raise BrokerRefusedError(
                    f"Redis at {self._shown} refuses these credentials: check user and password"
                ) from exc
            raise BrokerUnavailableError(
                f"no Redis server answers at {self._shown}: start it, or check the address"
            ) from exc
        self._client, self._pubsub = client, pubsub
        self._reading = asyncio.create_task(self._read_all(pubsub))
        self._sending = asyncio.create_task(self._send_all(client))

    async def _disconnect(self) -> None:
        await end_tasks(self._reading)
        self._client = self._pubsub = None
        for waiting in self._confirmed.values():
            if not waiting.done():
                waiting.set_exception(BrokerUnavailableError("the connection to Redis was lost"))
                waiting.exception()  # it may have nobody who awaits it
        self._confirmed.clear()
        await end_tasks(self._sending)
        commands, self._commands = self._commands, []
        _fail(commands, BrokerUnavailableError("the connection to Redis was lost"))
        while self._unclosed:
            with suppress(Exception):  # a connection that is given up
                await self._unclosed[-1].aclose()
            self._unclosed.pop()

    async def _run(self) -> None:
        """Read the connection, and connect again whenever it has ended."""
        assert self._listener is not None  # noqa: S101
        while True:
            assert self._reading is not None  # noqa: S101
            await asyncio.wait([self._reading])
            self._listener.on_lost(BrokerUnavailableError("the connection to Redis was lost"))
            pause = _SHORTEST_PAUSE
            while True:
                await self._disconnect()
                try:
                    await self._connect()
                    for name in list(self._wanted):
                        await self._subscribe(name)
                    break
                except BrokerError as exc:
                    _logger.info("connecting to Redis: %s", exc)
                    self._reading.cancel()
                await asyncio.sleep(pause)
                pause = min(2 * pause, _LONGEST_PAUSE)
            self._listener.on_connected()

    async def _read_all(self, pubsub: PubSub) -> None:
        """Take what the server sends, until the connection ends."""
        from redis.exceptions import RedisError

        try:
            while True:
                answer = await pubsub.parse_response(block=True)
                if answer is None:
                    continue
                kind, name = bytes(answer[0]), bytes(answer[1])
                if kind == b"message":
                    channel = self._wanted.get(name)
                    if channel is not None:
                        self._take(channel, bytes(answer[2]))
                elif kind == b"subscribe":
                    waiting = self._confirmed.pop(name, None)
                    if waiting is not None and not waiting.done():
                        waiting.set_result(None)
        except (RedisError, OSError) as exc:
            _logger.info("reading from Redis: %s", exc)

    def _take(self, channel: Channel, data: bytes) -> None:
        assert self._listener is not None  # noqa: S101
        if channel.kind == "log":
            epoch, offset, moment, size, rest = data.split(b" ", 4)
            length = int(size)
            number = int(offset)
            entry = Entry(rest[length:], epoch.decode(), number, number - 1, rest[:length].decode(), "", float(moment))
        elif channel.kind == "map":
            size, _, rest = data.partition(b" ")
            length = int(size)
            entry = Entry(rest[length:], key=rest[:length].decode())
        else:
            entry = Entry(data)
        self._listener.on_message(channel, entry)

    async def _send_all(self, client: Redis) -> None:
        """Send the commands in their order, those that wait together."""
        while True:
            await self._has_commands.wait()
            self._has_commands.clear()
            row, self._commands = self._commands, []
            if not row:
                continue
            pipeline = client.pipeline(transaction=False)
            for command, _ in row:
                pipeline.execute_command(*command)
            try:
                answers: list[Any] = await pipeline.execute(raise_on_error=False)
            except Exception as exc:  # each of those who wait raises it
                answers = [exc] * len(row)
            except asyncio.CancelledError:
                _fail(row, BrokerTimeoutError("the connection to Redis was given up"))
                raise
            for (_, waiting), answer in zip(row, answers, strict=True):
                if waiting.done():  # it was not waited for any longer
                    continue
                if isinstance(answer, Exception):
                    waiting.set_exception(answer)
                else:
                    waiting.set_result(answer)

    async def _call(self, *command: Any) -> Any:
        """Call the server, and translate what goes wrong."""
        from redis.exceptions import ConnectionError as RedisConnectionError
        from redis.exceptions import RedisError
        from redis.exceptions import TimeoutError as RedisTimeoutError

        if self._client is None:
            raise BrokerUnavailableError("there is no connection to Redis now")
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._commands.append((command, answer))
        self._has_commands.set()
        try:
            return await asyncio.wait_for(answer, 2 * _ANSWER_TIME)
        except (RedisTimeoutError, TimeoutError) as exc:
            raise BrokerTimeoutError("Redis did not answer in time") from exc
        except (RedisConnectionError, OSError) as exc:  # it may have been done before
            raise BrokerTimeoutError(f"the connection to Redis was lost: {exc}") from exc
        except RedisError as exc:
            if "LOADING" in str(exc) or "MASTERDOWN" in str(exc):
                raise BrokerUnavailableError(f"Redis is not ready: {exc}") from exc
            raise BrokerRefusedError(f"Redis refuses: {exc}") from exc

    # Names.

    def _key(self, what: str, channel: Channel, end: str = "") -> str:
        """Return the name of a key; those of a topic lie on one server of a cluster."""
        history = channel.history
        kept = "" if history is None else f"{history.messages}-{float(history.seconds)}"
        return f"{self._name}:{what}:{{{kept}:{channel.name}}}{end}"

    def _sent(self, channel: Channel) -> str:
        return self._key(f"live-{channel.kind}", channel)

    # What rooms ask for.

    async def publish(self, channel: Channel, data: bytes) -> None:
        """Send a message; see `Broker.publish()`."""
        await self._call("PUBLISH", self._sent(channel), data)

    async def keep(self, channel: Channel, data: bytes, id_: str = "", key: str = "") -> Position:
        """Store a message; see `Broker.keep()`."""
        if channel.kind == "map":
            keys = (self._key("members", channel), self._sent(channel), f"{self._name}:epoch")
            epoch = await self._call("EVAL", SET, len(keys), *keys, key, data, token_hex(4))
            return Position(epoch.decode(), 0)
        assert channel.history is not None  # noqa: S101
        names = (
            self._key("meta", channel),
            self._key("log", channel),
            self._key("id", channel, f":{id_}"),
            self._sent(channel),
        )
        lifetime = int(channel.history.seconds) + _SLACK
        arguments = (token_hex(4), data, id_, repr(time()), channel.history.messages, lifetime, int(DUPLICATE_WINDOW))
        epoch, offset = await self._call("EVAL", KEEP, len(names), *names, *arguments)
        return Position(epoch.decode(), int(offset))

    async def clear(self, channel: Channel, prefix: str) -> None:
        """Remove the keys of a worker; see `Broker.clear()`."""
        await self._call("EVAL", CLEAR, 1, self._key("members", channel), prefix + "/")

    async def subscribe(self, channel: Channel) -> None:
        """Subscribe; see `Broker.subscribe()`."""
        name = self._sent(channel).encode()
        if self._wanted.get(name) is None or name in self._confirmed:
            self._wanted[name] = channel
            await self._subscribe(name)

    async def _subscribe(self, name: bytes) -> None:
        pubsub = self._pubsub
        if pubsub is None:
            raise BrokerUnavailableError("there is no connection to Redis now")
        waiting = self._confirmed.get(name)
        if waiting is None:
            waiting = self._confirmed[name] = asyncio.get_running_loop().create_future()
            await self._send(pubsub, "SUBSCRIBE", name)
        try:
            await asyncio.wait_for(asyncio.shield(waiting), _ANSWER_TIME)
        except TimeoutError as exc:
            raise BrokerTimeoutError("Redis did not answer in time") from exc

    async def _send(self, pubsub: PubSub, *command: Any) -> None:
        from redis.exceptions import RedisError

        try:
            await pubsub.execute_command(*command)
        except (RedisError, OSError) as exc:
            raise BrokerUnavailableError(f"the connection to Redis was lost: {exc}") from exc

    async def unsubscribe(self, channel: Channel) -> None:
        """Undo `subscribe()`."""
        name = self._sent(channel).encode()
        if self._wanted.pop(name, None) is None:
            return
        with suppress(BrokerError):  # the connection is lost, and the subscription with it
            if name in self._confirmed:  # who subscribes again meanwhile waits for the same confirmation
                await self._subscribe(name)
            if name not in self._wanted and self._pubsub is not None:
                await self._send(self._pubsub, "UNSUBSCRIBE", name)

    async def epoch(self, channel: Channel) -> str:
        """Return the epoch of a log, or that of all members."""
        if channel.kind == "log":
            return (await self.read(channel, None)).epoch
        name = f"{self._name}:epoch"
        await self._call("SET", name, token_hex(4), "NX")
        return str((await self._call("GET", name) or b"").decode())

    async def read(self, channel: Channel, after: Position | None) -> Page:
        """Read what is stored; see `Broker.read()`."""
        if channel.kind == "map":
            epoch = await self.epoch(channel)
            members = await self._call("HGETALL", self._key("members", channel))
            return Page(epoch, 0, 0, [Entry(data, key=key.decode()) for key, data in members.items()])
        assert channel.history is not None  # noqa: S101
        lifetime = int(channel.history.seconds) + _SLACK
        keys = (self._key("meta", channel), self._key("log", channel))
        epoch, last, rows = await self._call("EVAL", READ, len(keys), *keys, token_hex(4), lifetime)
        oldest = time() - channel.history.seconds
        entries = [_entry(epoch.decode(), row) for row in rows]
        kept = [entry for entry in entries if entry.time > oldest]
        newest = int(last)
        return Page(epoch.decode(), kept[0].offset - 1 if kept else newest, newest, kept)


def _fail(commands: list[tuple[tuple[Any, ...], asyncio.Future[Any]]], error: BrokerError) -> None:
    for _, answer in commands:
        if not answer.done():
            answer.set_exception(error)


def _entry(epoch: str, row: bytes) -> Entry:
    """Return what one row of a list holds."""
    offset, moment, size, rest = row.split(b" ", 3)
    length = int(size)
    number = int(offset)
    return Entry(rest[length:], epoch, number, number - 1, rest[:length].decode(), "", float(moment))
