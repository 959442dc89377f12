"""What NATS stores for rooms: the streams of JetStream, and the subjects of what is stored and sent."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from functools import partial
from secrets import token_hex
from time import time
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from .errors import BrokerRefusedError, BrokerTimeoutError, BrokerUnavailableError
from .payload import MARKER
from .vocabulary import DUPLICATE_WINDOW, Entry, Page, Position

if TYPE_CHECKING:
    from collections.abc import Callable

    from nats.aio.client import Client
    from nats.aio.subscription import Subscription
    from nats.js import JetStreamContext

    from .vocabulary import Channel

_logger: Final = logging.getLogger("pyws_browser.rooms")

ANSWER_TIME: Final = 2.0
"""Seconds to wait for an answer."""

_SLACK: Final = 3600.0
_OVERLAP: Final = 10065
_WRONG_LAST: Final = 10071


class Streams:
    """The streams of one name. `connected()` returns the connection, or raises BrokerUnavailableError."""

    def __init__(self, connected: Callable[[], Client], name: str, storage: str, replicas: int) -> None:
        self._connected = connected
        self._name = name
        self._storage = storage
        self._replicas = replicas
        self._streams: dict[str, str] = {}  # their names, by the subjects that they store

    def forget(self) -> None:
        """Look streams up again: they may have been deleted."""
        self._streams.clear()

    async def check(self) -> None:
        """Raise BrokerRefusedError if there is no JetStream."""
        from nats.js.errors import APIError

        try:
            await self._js_call(partial(self._jetstream().account_info))
        except (APIError, BrokerUnavailableError) as exc:
            if isinstance(exc, APIError) or isinstance(exc.__cause__, APIError):
                raise BrokerRefusedError("this NATS server has no JetStream: start it as `nats-server -js`") from exc
            raise

    def _jetstream(self) -> JetStreamContext:
        return self._connected().jetstream(timeout=ANSWER_TIME)

    async def _js_call(self, call: Any) -> Any:
        """Call JetStream, and translate what it raises."""
        from nats.errors import Error
        from nats.js.errors import APIError, NoStreamResponseError, ServiceUnavailableError

        try:
            return await asyncio.wait_for(call(), 2 * ANSWER_TIME)
        except ServiceUnavailableError as exc:
            raise BrokerUnavailableError("JetStream does not answer: it is switched off, or begins") from exc
        except (NoStreamResponseError, APIError):
            raise
        except TimeoutError as exc:
            raise BrokerTimeoutError("JetStream did not answer in time") from exc
        except (Error, OSError, AttributeError, AssertionError) as exc:  # the last two if it closes meanwhile
            raise BrokerUnavailableError(f"NATS: {exc!r}") from exc

    def live(self, channel: Channel) -> str:
        """Return the subject of what is sent."""
        token = _token(channel.name)
        if channel.kind == "log":
            return f"{self._name}.l.{_kind(channel)}.{token}"
        if channel.kind == "map":
            return f"{self._name}.ml.{token}.>"
        return f"{self._name}.w" if channel.kind == "pulse" else f"{self._name}.p.{token}"

    def _stored(self, channel: Channel, key: str = "") -> str:
        """Return the subject of what is stored."""
        token = _token(channel.name)
        if channel.kind == "log":
            return f"{self._name}.h.{_kind(channel)}.{token}"
        return f"{self._name}.m.{token}.{key.replace('/', '.')}"

    async def _stream(self, channel: Channel) -> str:
        """Return the stream that stores a channel, which is created if there is none."""
        from nats.js.api import DiscardPolicy, RePublish, RetentionPolicy, StorageType, StreamConfig
        from nats.js.errors import APIError, NotFoundError

        if channel.kind == "log":
            source, target = f"{self._name}.h.{_kind(channel)}.>", f"{self._name}.l.{_kind(channel)}.>"
        else:
            source, target = f"{self._name}.m.>", f"{self._name}.ml.>"
        if source in self._streams:
            return self._streams[source]
        js = self._jetstream()
        history = channel.history
        for _ in range(5):
            try:
                name = await self._js_call(partial(js.find_stream_name_by_subject, source))
            except NotFoundError:
                name = f"{self._name}_{_kind(channel)}_{token_hex(4)}"
                config = StreamConfig(
                    name=name,
                    subjects=[source],
                    retention=RetentionPolicy.LIMITS,
                    max_msgs_per_subject=1 if history is None else history.messages,
                    max_age=0 if history is None else history.seconds + _SLACK,
                    discard=DiscardPolicy.OLD,
                    storage=StorageType.FILE if self._storage == "file" else StorageType.MEMORY,
                    num_replicas=self._replicas,
                    duplicate_window=DUPLICATE_WINDOW,
                    republish=RePublish(src=source, dest=target),
                    allow_direct=True,
                )
                try:
                    await self._js_call(partial(js.add_stream, config))
                except APIError as exc:
                    if exc.err_code == _OVERLAP:  # another worker was faster
                        continue
                    raise BrokerRefusedError(f"NATS does not create a stream: {exc.description}") from exc
            except APIError as exc:
                raise BrokerUnavailableError(f"NATS does not say which streams it has: {exc.description}") from exc
            self._streams[source] = name
            return str(name)
        raise BrokerUnavailableError("JetStream has no stream, and does not create one")

    async def store(self, channel: Channel, key: str, data: bytes, headers: dict[str, str]) -> Position:
        """Store a message, and return its position."""
        from nats.js.errors import APIError, NoStreamResponseError

        for _ in range(2):
            await self._stream(channel)
            js = self._jetstream()
            try:
                subject = self._stored(channel, key)
                ack = await self._js_call(partial(js.publish, subject, data, headers=headers or None))
            except NoStreamResponseError:  # it was deleted
                self.forget()
                continue
            except APIError as exc:
                if exc.err_code == _WRONG_LAST:
                    raise
                raise BrokerRefusedError(f"JetStream does not store the message: {exc.description}") from exc
            return Position(epoch_of(ack.stream), int(ack.seq))
        raise BrokerUnavailableError("JetStream has no stream for the message")

    async def purge(self, channel: Channel, key: str) -> str:
        """Remove a key, or those that a pattern stands for; return the epoch."""
        from nats.js.errors import APIError

        for _ in range(2):
            stream = await self._stream(channel)
            js = self._jetstream()
            try:
                await self._js_call(partial(js.purge_stream, stream, subject=self._stored(channel, key)))
            except APIError as exc:
                self.forget()  # it was deleted, and another one may have the key already
                _logger.info("purging %s: %s", stream, exc.description)
                continue
            return epoch_of(stream)
        raise BrokerUnavailableError("JetStream has no stream from which to remove members")

    async def epoch(self, channel: Channel) -> str:
        """Return the epoch of a channel, which the server is asked for."""
        self.forget()
        return epoch_of(await self._stream(channel))

    async def read(self, channel: Channel, after: Position | None) -> Page:
        """Read what is stored; see `Broker.read()`."""
        from nats.js.errors import APIError

        for _ in range(5):
            self.forget()
            stream = await self._stream(channel)
            start = after.offset if after is not None and after.epoch == epoch_of(stream) else 0
            try:
                entries = await self._fetch(channel, stream, start)
                if not entries and start:
                    entries = await self._fetch(channel, stream, 0)
            except APIError as exc:  # the stream was deleted meanwhile
                _logger.info("reading %s: %s", stream, exc.description)
                continue
            epoch = epoch_of(stream)
            if channel.kind == "map":
                return Page(epoch, 0, 0, entries)
            if entries:
                return _page(channel, epoch, entries)
            try:
                marker = {"Nats-Expected-Last-Subject-Sequence": "0"}
                await self.store(channel, "", MARKER, marker)
            except APIError:  # somebody published meanwhile
                continue
        raise BrokerUnavailableError("JetStream could not be read")

    async def _fetch(self, channel: Channel, stream: str, after: int) -> list[Entry]:
        """Return what a stream has of a channel, from the message at `after` on."""
        from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy

        client, js = self._connected(), self._jetstream()
        inbox = client.new_inbox()
        subscription = await self._js_call(partial(client.subscribe, inbox, pending_msgs_limit=-1))
        config = ConsumerConfig(
            deliver_subject=inbox,
            filter_subject=self._stored(channel, ">") if channel.kind == "map" else self._stored(channel),
            ack_policy=AckPolicy.NONE,
            deliver_policy=DeliverPolicy.BY_START_SEQUENCE if after else DeliverPolicy.ALL,
            opt_start_seq=after or None,
            inactive_threshold=5.0,
            mem_storage=True,
            num_replicas=1,
        )
        try:
            info = await self._js_call(partial(js.add_consumer, stream, config))
            entries: list[Entry] = []
            is_over = not info.num_pending and not (info.delivered and info.delivered.consumer_seq)
            while not is_over:
                entry, is_over = await self._js_call(partial(_next, subscription, channel))
                entries.append(entry)
            await self._js_call(partial(js.delete_consumer, stream, info.name))
            return entries
        finally:
            with suppress(Exception):  # the connection may be closed, and the subscription with it
                await subscription.unsubscribe()


async def _next(subscription: Subscription, channel: Channel) -> tuple[Entry, bool]:
    """Return the next message that is read of a channel, and whether it is the last one."""
    message = await subscription.next_msg(timeout=ANSWER_TIME)
    meta = message.metadata  # raises an error of nats-py if it is a status instead of a message
    key = "/".join(message.subject.split(".")[-2:]) if channel.kind == "map" else ""
    id_ = id_of((message.headers or {}).get("Nats-Msg-Id"), channel)
    entry = Entry(message.data, epoch_of(meta.stream), meta.sequence.stream, 0, id_, key, meta.timestamp.timestamp())
    return entry, not meta.num_pending


def _page(channel: Channel, epoch: str, entries: list[Entry]) -> Page:
    """Return a page of what was stored from some message on: what lies before that is not known."""
    assert channel.history is not None  # noqa: S101
    oldest = time() - channel.history.seconds
    floor = entries[0].offset
    kept = [entry for entry in entries if entry.time > oldest]
    if len(kept) < len(entries):
        floor = max(floor, entries[len(entries) - len(kept) - 1].offset)
    return Page(epoch, floor, entries[-1].offset, kept)


def _token(name: str) -> str:
    """Return the name of a topic as a token of a subject."""
    return quote(name, safe="").replace(".", "%2E").replace("~", "%7E")


def _kind(channel: Channel) -> str:
    """Return a token for all topics whose histories are alike; members have one of their own."""
    history = channel.history
    return "members" if history is None else f"{history.messages}-{str(float(history.seconds)).replace('.', '-')}"


def epoch_of(stream: str) -> str:
    """Return the epoch of what a stream stores."""
    return stream.rpartition("_")[2]


def id_of(id_: str | None, channel: Channel) -> str:
    """Return the id of a message from that of its header."""
    prefix = f"{channel.name}:".encode("ascii", "backslashreplace").decode()
    return "" if id_ is None else id_.removeprefix(prefix)
