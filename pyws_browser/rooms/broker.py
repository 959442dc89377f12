"""What an engine between processes has to do for rooms: the protocol that every broker keeps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from .vocabulary import Channel, Entry, Page, Position


class Listener(Protocol):
    """What a broker tells, on its event loop."""

    def on_message(self, channel: Channel, entry: Entry) -> None:
        """Take a message of a channel that is subscribed to."""

    def on_connected(self) -> None:
        """Note that every channel is subscribed to again: what was sent until now may be lost."""

    def on_lost(self, error: Exception) -> None:
        """Note that the connection is lost; the broker goes on to connect."""

    def on_gap(self, channel: Channel) -> None:
        """Note that messages of one channel may be lost, because too many waited."""


class Broker(Protocol):
    """An engine that several processes reach. Its methods run on one event loop.

    A connection that is lost is made again by the broker, which subscribes anew and then calls `on_connected()`. What
    cannot be done raises a BrokerError; a call does not wait longer than a few seconds.
    """

    @property
    def max_size(self) -> int:
        """Bytes that a message may have."""

    async def start(self, name: str, listener: Listener) -> None:
        """Connect, for all that is called `name`. `stop()` has to follow, also if this raises.

        Raises:
            BrokerUnavailableError: nobody answers, or something that is no such broker.
            BrokerRefusedError: the credentials are wrong, or the broker cannot do what rooms need.

        """

    async def stop(self) -> None:
        """Disconnect, once what was published has gone out."""

    def reset(self) -> None:
        """Give this connection up, which carries nothing any more, and make another."""

    async def publish(self, channel: Channel, data: bytes) -> None:
        """Send a message to all who are subscribed, without storing it: this worker included.

        Raises BrokerUnavailableError if there is no connection.
        """

    async def keep(self, channel: Channel, data: bytes, id_: str = "", key: str = "") -> Position:
        """Store a message, and send it to all who are subscribed; return once it is stored.

        The same id is stored once within `DUPLICATE_WINDOW`, and gives the same position again. In a map the message
        takes the place of the one before it with the same key; empty data removes it.

        Raises BrokerTimeoutError if it is not known whether it was stored.
        """

    async def clear(self, channel: Channel, prefix: str) -> None:
        """Remove all keys of a map that begin with `prefix` and a slash, and tell nobody."""

    async def subscribe(self, channel: Channel) -> None:
        """Have `on_message()` called with each message of a channel from now on; harmless the second time."""

    async def unsubscribe(self, channel: Channel) -> None:
        """Undo `subscribe()`."""

    async def read(self, channel: Channel, after: Position | None) -> Page:
        """Return what is stored of a log after a position, or all of a map.

        Without a position, and with one of another epoch, it is all that is stored.
        """

    async def epoch(self, channel: Channel) -> str:
        """Return the epoch of a log or a map, which begins one if there is none."""
