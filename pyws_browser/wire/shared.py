"""A message for many connections: framed, and where it pays compressed, once for all of them.

A server's frame is the same for every client, unless it is deflated: then it depends on the negotiated terms, and on
earlier messages. So it is deflated here with an empty window, once for each set of terms.

Deflating with an empty window puts the message into every client's window but not into this side's, so a client's next
message begins with an empty window as well. What remains for each client is a call into the kernel.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ..protocol.rules import encode_text
from .frames import BINARY, COMPRESSED, FIN, TEXT, FrameSerialiser

if TYPE_CHECKING:
    from .deflate import Deflater


class SharedFrame(NamedTuple):
    """A frame: its first byte, its payload, and all of it as it goes over the wire from a server."""

    head: int
    payload: bytes
    wire: bytes


class SharedMessage:
    """A message, and the frames made of it so far."""

    def __init__(self, message: str | bytes) -> None:
        self.message = message
        is_text = isinstance(message, str)
        self.payload: bytes = encode_text(message) if isinstance(message, str) else message
        self._head = FIN | (TEXT if is_text else BINARY)
        self._plain: SharedFrame | None = None
        self._deflated: dict[tuple[int, int], SharedFrame | None] = {}

    def frame(self, deflater: Deflater | None) -> SharedFrame:
        """Return the frame for a connection that sends unmasked and deflates with `deflater` (None: uncompressed)."""
        if deflater is not None and len(self.payload) >= deflater.min_size:
            if deflater.settings not in self._deflated:
                self._deflated[deflater.settings] = self._deflate(deflater)
            deflated = self._deflated[deflater.settings]
            if deflated is not None:
                deflater.forget()  # the other side's window now holds what this side's does not
                return deflated
        if self._plain is None:
            self._plain = _frame(self._head, self.payload)
        return self._plain

    def _deflate(self, deflater: Deflater) -> SharedFrame | None:
        payload = deflater.deflate_alone(self.payload)
        return None if payload is None else _frame(self._head | COMPRESSED, payload)


def _frame(head: int, payload: bytes) -> SharedFrame:
    return SharedFrame(head, payload, b"".join(FrameSerialiser(masked=False).serialise([(head, payload)])))
