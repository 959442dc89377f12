"""The brokers that the same cases run against."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import NamedTuple

from pyws_browser.rooms import Broker, NatsBroker, RedisBroker

from .engines import Engine, Nats, Redis


class Kind(NamedTuple):
    """A broker, the engine of it, and what lets the engine lose all that it has stored while it runs."""

    name: str
    engine: type[Engine]
    broker: Callable[[str], Broker]
    scheme: str
    forget: Callable[[str], None]
    with_password: tuple[str, ...]

    def url_of(self, port: int) -> str:
        return f"{self.scheme}://127.0.0.1:{port}"


def forget_streams(url: str) -> None:
    import nats

    async def main() -> None:
        client = await nats.connect(url)
        js = client.jetstream()
        for stream in await js.streams_info():
            assert stream.config.name is not None
            await js.delete_stream(stream.config.name)
        await client.close()

    asyncio.run(main())


NATS = Kind("nats", Nats, NatsBroker, "nats", forget_streams, ("--user", "ann", "--pass", "right"))


def flush(url: str) -> None:
    import redis

    client = redis.Redis.from_url(url)
    client.flushall()
    client.close()


REDIS = Kind("redis", Redis, RedisBroker, "redis", flush, ("--requirepass", "right"))
KINDS = [NATS, REDIS]
