"""Messages that wait for a connection to open."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final

from ..protocol.rules import encode_text

if TYPE_CHECKING:
    from ..protocol.vocabulary import Message

OVERHEAD: Final = 64
"""Bytes that each message counts besides its own, so that empty ones are bounded, too."""


class WaitingMessages:
    """A queue that is bounded in bytes; with `limit` 0 it accepts nothing."""

    def __init__(self) -> None:
        self.limit = 0
        self.messages: deque[Message] = deque()
        """The oldest first."""
        self._size = 0

    def put(self, message: Message) -> bool:
        """Add a message; return False if there is no room for it."""
        size = OVERHEAD + size_of(message)
        if self._size + size > self.limit:
            return False
        self._size += size
        self.messages.append(message)
        return True

    def take(self) -> Message:
        """Remove and return the oldest message."""
        message = self.messages.popleft()
        self._size -= OVERHEAD + size_of(message)
        return message

    def clear(self) -> None:
        """Discard them all."""
        self.messages.clear()
        self._size = 0


def size_of(message: Message) -> int:
    """Return the size of a message on the wire in bytes."""
    return len(encode_text(message) if isinstance(message, str) else message)
