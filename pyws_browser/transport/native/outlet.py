"""The way out of a connection: messages become frames, and go to the kernel as fast as it takes them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from ...wire.frames import Buffer
    from ...wire.messages import MessageStream
    from ...wire.shared import SharedMessage
    from .stream import TCPStream, TLSStream

GATHER_SIZE: Final = 128 * 1024
"""Frames up to this many bytes together go to the kernel in one call."""


class Outlet:
    """Sends what `messages` has to send over `stream`, which is set once there is one."""

    def __init__(self, messages: MessageStream) -> None:
        self.stream: TCPStream | TLSStream | None = None
        self.is_flushed: bool = True
        """Whether the kernel has taken all that it was given."""
        self.payload_size: int = 0
        """Payload bytes put since all was gone: as many as wait, or more if a part of them was sent."""
        self._messages = messages
        self._unsent: list[Buffer] = []

    @property
    def buffered_amount(self) -> int:
        """Payload bytes that the kernel has not taken yet."""
        if not self.payload_size:
            return 0
        return min(self.payload_size, sum(map(len, self._unsent)) + self._messages.outbox_size)

    @property
    def is_empty(self) -> bool:
        """Whether nothing waits: neither frames to be made nor bytes to be taken."""
        return self.is_flushed and not self._messages.outbox

    def put(self, opcode: int, payload: bytes) -> None:
        """Keep a message until the next `flush()`."""
        self.payload_size += len(payload)
        self._messages.send(opcode, payload)

    def put_fragment(self, opcode: int, payload: bytes, *, is_last: bool) -> None:
        """Keep a fragment until the next `flush()`."""
        self.payload_size += len(payload)
        self._messages.send_fragment(opcode, payload, is_last=is_last)

    def send(self, opcode: int, payload: bytes) -> bool:
        """Send a message, or keep it behind what waits; return whether all is gone."""
        if self._unsent or self._messages.outbox:
            self.put(opcode, payload)
            return False
        self.payload_size = len(payload)
        self._unsent = self._messages.serialise(opcode, payload)
        return self.flush()

    def put_shared(self, message: SharedMessage) -> None:
        """Keep a message that goes to others as well until the next `flush()`."""
        self.payload_size += len(message.payload)
        self._messages.send_shared(message)

    def send_shared(self, message: SharedMessage) -> bool:
        """Do as `send()` with a message that goes to others as well."""
        if self._unsent or self._messages.outbox:
            self.put_shared(message)
            return False
        self.payload_size = len(message.payload)
        self._unsent = self._messages.serialise_shared(message)
        return self.flush()

    def flush(self) -> bool:
        """Hand frames to the kernel; return whether all are gone."""
        stream = self.stream
        if stream is None:
            return False
        messages = self._messages
        try:
            while True:
                buffers = self._unsent
                if not buffers:
                    if not messages.outbox:
                        break
                    buffers = messages.take(GATHER_SIZE)
                taken = stream.write(buffers)
                self._unsent = _rest(buffers, taken)
                if not taken:
                    self.is_flushed = False
                    return False
            self.payload_size = 0
            self.is_flushed = stream.flush()
        except OSError:
            # The connection is broken in this direction. What the other side sent before may still be read, and
            # reading is what tells why.
            self._unsent = []
            self.payload_size = 0
            self.is_flushed = True
            messages.discard()
            return True
        if self.is_flushed:
            messages.outbox_was_sent()
        return self.is_flushed


def _rest(buffers: list[Buffer], size: int) -> list[Buffer]:
    """Return what follows the first `size` bytes."""
    for index, buffer in enumerate(buffers):
        if size < len(buffer):
            return [memoryview(buffer)[size:], *buffers[index + 1 :]]
        size -= len(buffer)
    return []
