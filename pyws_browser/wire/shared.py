"""A message that goes to many connections: framed, and where it pays deflated, once for all of them.

A frame that a server sends is the same for everybody, unless it is deflated: then it depends on what the connection
agreed on, and on what was sent there before. So it is deflated here without a past, once for each set of terms.
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
    """A message, and the frames that were made of it so far."""

    def __init__(self, message: str | bytes) -> None:
        self.message = message
        is_text = isinstance(message, str)
        self.payload: bytes = encode_text(message) if isinstance(message, str) else message
        self._head = FIN | (TEXT if is_text else BINARY)
        self._plain: SharedFrame | None = None
        self._deflated: dict[tuple[int, int], SharedFrame | None] = {}

    def frame(self, deflater: Deflater | None) -> SharedFrame:
        """Return the frame for a connection that sends unmasked and deflates with `deflater`, None for not at all."""
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
