"""What a topic needs of the rooms that it belongs to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from ..protocol.vocabulary import Message
    from .hosts import Host, Peer
    from .link import Link
    from .pending import Pending
    from .vocabulary import Channel, Page, Position

    Excluded = tuple[Host, object] | None


class Office(Protocol):
    """The rooms, as their topics know them."""

    worker: str
    has_broker: bool
    link: Link | None

    def handle_of(self, peer: Peer) -> tuple[Host, object]:
        """Return the server that a peer belongs to, and its handle there."""

    def remember(self, host: Host, handle: object, topic: Any) -> None:
        """Note that a peer joins a topic."""

    def forget(self, host: Host, handle: object, topic: Any) -> None:
        """Note that a peer leaves a topic."""

    def keep_alive(self, topic: Any) -> None:
        """Keep a topic as long as it is used, or messages are kept there."""

    def release(self, topic: Any) -> None:
        """Note that a topic is not used."""

    def new_member_id(self) -> str:
        """Return an id that no other member has."""

    def check_size(self, data: bytes) -> None:
        """Raise MessageTooLargeError if the broker does not take so much."""

    def check_outbound(self, message: Message) -> None:
        """Raise OutboundBufferFullError if no peer could take the message."""

    def send_plain(self, channel: Channel, count: int, data: bytes) -> Pending[Position | None]:
        """Publish a message of a topic without history."""

    def send_kept(self, channel: Channel, data: bytes, id_: str, excluded: Excluded) -> Pending[Position | None]:
        """Publish a message of a topic with history."""

    def take_excluded(self, id_: str) -> Excluded:
        """Return who is not to get the message with this id."""

    def call(
        self, make: Callable[[], Coroutine[Any, Any, Any]], done: Callable[[Any, BaseException | None], object]
    ) -> None:
        """Run a coroutine beside the broker."""

    def run(self, function: Callable[[], object]) -> None:
        """Call a function beside the broker."""

    def follow(self, channel: Channel, after: Position | None, done: Callable[[Page | None], object]) -> None:
        """Subscribe to a channel, and read what is stored of it."""

    def stop_following(self, *channels: Channel) -> None:
        """Subscribe to channels no longer."""

    def later(self, seconds: float, function: Callable[[], object]) -> None:
        """Call a function in the thread of the server, after a while."""
