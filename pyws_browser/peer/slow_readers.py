"""The policies for readers that receive broadcasts too slowly.

`send()` to one connection raises or waits. A broadcast must do neither, for the sake of the fast readers. So a reader
without room for a message gets a `SlowReader`, which applies the program's policy to the following messages until half
of the waiting data has been sent. `broadcasting` uses it for polled servers, `aio` for its connections.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple, TypeAlias, get_args

from ..errors import InvalidOptionError, OutboundBufferFullError

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from ..protocol.vocabulary import Message
    from ..transport.base import Transport
    from ..wire.shared import SharedMessage

SlowPolicy: TypeAlias = Literal["close", "drop", "latest"]
"""The policy for a slow reader.

- ``"close"``: its connection is closed with 1013, "try again later".
- ``"drop"``: it misses messages without room. The program learns how many once the reader has room again.
- ``"latest"``: of the messages with the same key it gets the newest, once it has room again. If even these take too
  much room, its connection is closed.
"""

TOO_SLOW: Final = "too slow: too much waits to be taken in"
"""The reason in the Close frame."""

OVERHEAD: Final = 128
"""Bytes that a waiting message takes besides its own."""

_POLICIES: Final[tuple[str, ...]] = get_args(SlowPolicy)

Give: TypeAlias = "Callable[[Message, SharedMessage | None], object]"
"""Passes a message to a connection."""


class Slowness(NamedTuple):
    """The limit and the policy for slow readers; see `aio.broadcast()`."""

    policy: SlowPolicy
    key: Hashable
    limit: int
    on_missed: Callable[[Any, int, int], object] | None


def checked_policy(policy: SlowPolicy) -> SlowPolicy:
    """Return the policy. Raises InvalidOptionError for an unknown name."""
    if policy not in _POLICIES:
        raise InvalidOptionError(f"what is done to a slow reader is 'close', 'drop' or 'latest', not {policy!r}")
    return policy


def waiting_bytes(transport: Transport) -> int:
    """Return how much memory the waiting messages take."""
    waiting = transport.buffered_amount
    return waiting + OVERHEAD * transport.waiting_count if waiting else 0


class SlowReader:
    """A slow connection, from the first message without room until it has room again.

    Args:
        transport: its transport.
        give: passes it a message.
        limit: how many bytes may wait in its transport, and as many again here.

    """

    __slots__ = ("_give", "_kept", "_kept_bytes", "_limit", "_transport", "missed_bytes", "missed_messages")

    def __init__(self, transport: Transport, give: Give, limit: int) -> None:
        self.missed_messages: int = 0
        self.missed_bytes: int = 0
        self._transport = transport
        self._give = give
        self._limit = limit
        self._kept: dict[Hashable, tuple[Message, SharedMessage | None, int]] = {}
        self._kept_bytes = 0

    def take(
        self, message: Message, shared: SharedMessage | None, size: int, policy: SlowPolicy, key: Hashable
    ) -> bool:
        """Apply the policy to a message of `size` bytes; return False if the connection must be closed."""
        if policy == "drop":
            self.missed_messages += 1
            self.missed_bytes += size
            return True
        if policy == "latest":
            old = self._kept.pop(key, None)
            if old is not None:
                self._kept_bytes -= old[2] + OVERHEAD
            self._kept[key] = (message, shared, size)  # after the older ones
            self._kept_bytes += size + OVERHEAD
            return self._kept_bytes <= max(self._limit, size + OVERHEAD)
        return False

    @property
    def has_room(self) -> bool:
        """Whether `resume()` can do something."""
        transport = self._transport
        waiting = waiting_bytes(transport)
        packets = transport.options.max_outbound_packets
        if waiting > self._limit // 2 or (packets and transport.waiting_count > packets // 2):
            return False
        return self._fits(waiting)

    def resume(self) -> bool:
        """Send the kept messages as far as there is room; return whether the reader is no longer slow."""
        if not self.has_room:
            return False
        kept = self._kept
        while kept:
            if not self._fits(waiting_bytes(self._transport)):
                return False
            key = next(iter(kept))
            message, shared, size = kept.pop(key)
            self._kept_bytes -= size + OVERHEAD
            self._give(message, shared)
        return True

    def _fits(self, waiting: int) -> bool:
        """Tell whether the first kept message, if any, fits after so many waiting bytes."""
        size = next(iter(self._kept.values()))[2] if self._kept else 0
        if waiting and waiting + size > self._limit:
            return False
        try:
            self._transport.check_room(size)
        except OutboundBufferFullError:  # the limit of waiting packets is reached
            return False
        return True
