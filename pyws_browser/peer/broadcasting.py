"""One message to many connections, which is made into a frame once. CPython only, as servers are."""

from __future__ import annotations

from types import MethodType
from typing import TYPE_CHECKING
from weakref import WeakMethod

from ..errors import OutboundBufferFullError
from ..protocol.rules import CloseCode
from ..protocol.vocabulary import OPEN
from ..transport import IN_BROWSER
from .slow_readers import TOO_SLOW, SlowReader, waiting_bytes

if TYPE_CHECKING or not IN_BROWSER:
    from ..wire.shared import SharedMessage

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable

    from ..protocol.vocabulary import Message
    from ..transport.base import Transport
    from .links import Link
    from .slow_readers import SlowPolicy


def is_there(link: Link) -> bool:
    """Tell whether the program knows of a connection, and can send to it."""
    return link.is_announced and link.transport.ready_state is OPEN


class Fanout:
    """Sends the same to many connections, and knows which of them are slow.

    `tell_missed(link, messages, bytes)` is called for one that missed messages, once it is slow no longer.
    """

    def __init__(self, tell_missed: Callable[[Link, int, int], object]) -> None:
        self.policy: SlowPolicy = "close"
        # A method is referred to weakly: its object has this one, and would be a reference cycle.
        self._tell_missed = WeakMethod(tell_missed) if isinstance(tell_missed, MethodType) else lambda: tell_missed
        self.slow: dict[int, tuple[Link, SlowReader]] = {}
        """Those that are slow, by their ids."""

    def send(
        self, links: Iterable[Link], message: Message, policy: SlowPolicy | None = None, key: Hashable = None
    ) -> list[Link]:
        """Send a message to all that are there; return those that are slow from now on.

        What "close" is the policy for is sent to a slow one too, if there is room for it.
        """
        shared = SharedMessage(message)
        size = len(shared.payload)
        if policy is None:
            policy = self.policy
        slow = self.slow
        found: list[Link] = []
        for link in links:
            transport = link.transport
            if not link.is_announced or transport.ready_state is not OPEN:
                continue
            known = slow.get(link.id) if slow else None
            if known is None or policy == "close":
                if not transport.buffered_amount or _has_room(transport, size):
                    try:
                        transport.send_shared(shared)
                        continue
                    except OutboundBufferFullError:  # it is too large, or as many packets wait as may
                        pass
                if known is None:
                    found.append(link)
                    known = slow[link.id] = (link, _slow_reader(transport))
            is_hopeless = size > transport.options.outbound_buffer_size
            if is_hopeless or not known[1].take(message, shared, size, policy, key):
                del slow[link.id]
                link.peer.close(CloseCode.TRY_AGAIN_LATER, TOO_SLOW)
        return found

    @property
    def has_news(self) -> bool:
        """Whether there is room again for one that is slow."""
        return any(reader.has_room for _, reader in self.slow.values())

    def look(self) -> None:
        """Look who is slow no longer."""
        for link, reader in list(self.slow.values()):
            is_open = link.transport.ready_state is OPEN
            if is_open and not reader.resume():
                continue
            del self.slow[link.id]
            if is_open and reader.missed_messages:
                tell = self._tell_missed()
                if tell is not None:
                    tell(link, reader.missed_messages, reader.missed_bytes)

    def clear(self) -> None:
        """Forget who is slow."""
        self.slow.clear()


def _has_room(transport: Transport, size: int) -> bool:
    return waiting_bytes(transport) + size <= transport.options.outbound_buffer_size


def _slow_reader(transport: Transport) -> SlowReader:
    def give(message: Message, shared: SharedMessage | None) -> None:
        transport.send_shared(SharedMessage(message) if shared is None else shared)

    return SlowReader(transport, give, transport.options.outbound_buffer_size)
