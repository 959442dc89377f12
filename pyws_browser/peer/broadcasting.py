"""Sends one message to many connections, framed once. CPython only, as servers are."""

from __future__ import annotations

from types import MethodType
from typing import TYPE_CHECKING
from weakref import WeakMethod

from ..errors import OutboundBufferFullError
from ..protocol.rules import CloseCode
from ..protocol.vocabulary import OPEN
from ..transport import IN_BROWSER
from .slow_readers import OVERHEAD, TOO_SLOW, SlowReader, waiting_bytes

if TYPE_CHECKING or not IN_BROWSER:
    from ..wire.shared import SharedMessage

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable

    from ..protocol.vocabulary import Message
    from ..transport.base import Transport
    from .links import Link
    from .slow_readers import SlowPolicy


def is_there(link: Link) -> bool:
    """Tell whether a connection is open and was announced to the program."""
    return link.is_announced and link.transport.ready_state is OPEN


class Fanout:
    """Sends the same message to many connections, and tracks which of them are slow.

    After the first message, those that follow are gathered in the transports until `release()`: one system call for
    each connection then hands them over.

    `tell_missed(link, messages, bytes)` is called for a connection that missed messages, once it is no longer slow.
    """

    def __init__(self, tell_missed: Callable[[Link, int, int], object]) -> None:
        self.policy: SlowPolicy = "close"
        # A weak reference: the method's object refers to this one, which would form a reference cycle.
        self._tell_missed = WeakMethod(tell_missed) if isinstance(tell_missed, MethodType) else lambda: tell_missed
        self.slow: dict[int, tuple[Link, SlowReader]] = {}
        """The slow connections, by their ids."""
        self._has_sent = False
        self._held: list[Link] = []

    @property
    def is_gathering(self) -> bool:
        """Whether something waits for `release()`."""
        return bool(self._held)

    def release(self) -> None:
        """Send the gathered messages."""
        self._has_sent = False
        if self._held:
            held, self._held = self._held, []
            for link in held:
                _let_go(link)

    def _begin_to_gather(self, link: Link, size: int) -> bool:
        """Start gathering for a connection if nothing waits for it; send what was gathered before, if anything."""
        if link.gathered:
            _let_go(link)
            return False
        transport = link.transport
        if transport.is_held or transport.buffered_amount or size > link.gather_limit:
            return False
        transport.is_held = True
        link.gathered = size
        self._held.append(link)
        return True

    def send(
        self, links: Iterable[Link], message: Message, policy: SlowPolicy | None = None, key: Hashable = None
    ) -> list[Link]:
        """Send a message to all connections given; return those that have become slow.

        Under "close" a slow connection gets the message too if there is room for it.
        """
        shared = SharedMessage(message)
        size = len(shared.payload)
        if policy is None:
            policy = self.policy
        slow = self.slow
        gathers = self._has_sent
        found: list[Link] = []
        for link in links:
            transport = link.transport
            if not link.is_announced or transport.ready_state is not OPEN:
                continue
            if gathers and (not slow or link.id not in slow):
                gathered = link.gathered + size + OVERHEAD
                if link.gathered and gathered <= link.gather_limit:
                    try:
                        transport.send_shared(shared)
                        link.gathered = gathered
                        continue
                    except OutboundBufferFullError:  # messages that the program sent itself take the room
                        _let_go(link)
                elif self._begin_to_gather(link, gathered):
                    transport.send_shared(shared)
                    continue
            known = slow.get(link.id) if slow else None
            if known is None or policy == "close":
                if not transport.buffered_amount or _has_room(transport, size):
                    try:
                        transport.send_shared(shared)
                        continue
                    except OutboundBufferFullError:  # it is too large, or the limit of waiting packets is reached
                        pass
                if known is None:
                    found.append(link)
                    known = slow[link.id] = (link, _slow_reader(transport))
            is_hopeless = size > transport.options.outbound_buffer_size
            if is_hopeless or not known[1].take(message, shared, size, policy, key):
                del slow[link.id]
                link.peer.close(CloseCode.TRY_AGAIN_LATER, TOO_SLOW)
        self._has_sent = True
        return found

    @property
    def has_news(self) -> bool:
        """Whether a slow connection has room again."""
        return any(reader.has_room for _, reader in self.slow.values())

    def look(self) -> None:
        """Check which connections are no longer slow."""
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
        """Forget all connections."""
        self.slow.clear()
        self._held.clear()


def _let_go(link: Link) -> None:
    transport = link.transport
    link.gathered = 0
    if transport.is_held:
        transport.is_held = False
        transport.release()


def _has_room(transport: Transport, size: int) -> bool:
    return waiting_bytes(transport) + size <= transport.options.outbound_buffer_size


def _slow_reader(transport: Transport) -> SlowReader:
    def give(message: Message, shared: SharedMessage | None) -> None:
        transport.send_shared(SharedMessage(message) if shared is None else shared)

    return SlowReader(transport, give, transport.options.outbound_buffer_size)
