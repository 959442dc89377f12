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
        self.put_size: int = 0
        """Payload bytes that the owner put since all was gone: as many as wait, or more if some of them were sent."""
        self._messages = messages
        self._unsent: list[Buffer] = []

    @property
    def buffered_amount(self) -> int:
        """Payload bytes that the kernel has not taken yet."""
        if not self.put_size or self.stream is None:
            return 0
        unsent = sum(map(len, self._unsent)) + self.stream.unsent_size
        return min(self.put_size, unsent + self._messages.outbox_size)

    def send(self, opcode: int, payload: bytes) -> bool:
        """Send a message, or keep it behind what waits; return whether all is gone."""
        if self._unsent or self._messages.outbox:
            self._messages.send(opcode, payload)
            return False
        self._unsent = self._messages.serialise(opcode, payload)
        return self.flush()

    def send_shared(self, message: SharedMessage) -> bool:
        """Do as `send()` with a message that goes to others as well."""
        if self._unsent or self._messages.outbox:
            self._messages.send_shared(message)
            return False
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
                is_whole = len(buffers) == 1 and taken == len(buffers[0])  # as most are
                self._unsent = [] if is_whole else _rest(buffers, taken)
                if not taken:
                    self.is_flushed = False
                    return False
            self.is_flushed = stream.flush()
        except OSError:
            # The connection is broken in this direction. What the other side sent before may still be read, and
            # reading is what tells why.
            self._unsent = []
            self.put_size = 0
            self.is_flushed = True
            messages.discard()
            return True
        if self.is_flushed:
            self.put_size = 0
            if messages.waiting_pongs:
                messages.outbox_was_sent()
        return self.is_flushed


def _rest(buffers: list[Buffer], size: int) -> list[Buffer]:
    """Return what follows the first `size` bytes."""
    for index, buffer in enumerate(buffers):
        if size < len(buffer):
            return [memoryview(buffer)[size:], *buffers[index + 1 :]]
        size -= len(buffer)
    return []
