"""Frames (RFC 6455 §5): a parser that makes one pass over each read, and a serialiser.

How the parser works. Almost every frame that ever arrives is a whole message: FIN set, text or binary, payload
complete. `FrameParser.run()` handles a row of those in one tight loop and puts their payloads straight into the inbox;
it comes back to its caller only for the rest, which are control frames and fragments. A frame whose payload has not
arrived completely is kept as the list of its pieces, so a large message is copied once, when its last piece is there.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from ..errors import MessageTooBigError, RemoteProtocolError

try:
    from websockets.speedups import apply_mask
except ImportError:  # no compiled wheel of websockets for this platform
    from websockets.utils import apply_mask

if TYPE_CHECKING:
    from collections import deque

# The first byte of a frame (§5.2): FIN, three reserved bits, opcode.
FIN: Final = 0x80
RSV: Final = 0x70
OPCODE: Final = 0x0F
CONTINUATION: Final = 0x0
TEXT: Final = 0x1
BINARY: Final = 0x2
CLOSE: Final = 0x8
PING: Final = 0x9
PONG: Final = 0xA

_WHOLE_TEXT: Final = FIN | TEXT
_WHOLE_BINARY: Final = FIN | BINARY
_CONTROL: Final = 0x8  # opcodes with this bit are control frames (§5.5)
_OPCODES: Final = frozenset((CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG))
MAX_CONTROL_PAYLOAD: Final = 125


class FrameParser:
    """Takes bytes as they come off the socket and gives back payloads.

    `masked` says whether the other side has to mask (a client has, a server must not: §5.1). `max_payload` is the
    size in bytes that no single frame may exceed.
    """

    def __init__(self, *, masked: bool, max_payload: int) -> None:
        self.in_fragments = False
        """Set by the caller between the first and the last fragment of a message; whole messages are errors then."""
        self._mask_bit = 0x80 if masked else 0
        self._max_payload = max_payload
        self._buffer = b""
        self._position = 0
        # A frame whose payload is still arriving: its first byte, its mask, its size, and the pieces there are.
        self._head = 0
        self._mask = b""
        self._missing = 0
        self._pieces: list[bytes | memoryview] = []

    def feed(self, data: bytes) -> None:
        """Take bytes in."""
        if self._missing:
            if len(data) < self._missing:
                self._pieces.append(data)
                self._missing -= len(data)
                return
            self._pieces.append(memoryview(data)[: self._missing])
            self._position = self._missing
            self._missing = 0
            self._buffer = data
        elif self._position == len(self._buffer):
            self._buffer = data
            self._position = 0
        else:
            self._buffer = self._buffer[self._position :] + data
            self._position = 0

    def run(self, inbox: deque[str | bytes], room: int) -> tuple[int, bytes] | None:
        """Put up to `room` whole messages into `inbox`, up to the first frame that is something else.

        Returns that frame as its first byte and its payload, or None when no further frame is complete or there is no
        room left. Raises RemoteProtocolError at the first frame that breaks a rule.
        """
        if self._missing:
            return None
        if self._pieces:
            if room <= 0:
                return None
            head, payload = self._head, b"".join(self._pieces)
            self._pieces = []
            if self._mask:
                payload = apply_mask(payload, self._mask)
            if self.in_fragments or head not in (_WHOLE_BINARY, _WHOLE_TEXT):
                return head, payload
            inbox.append(payload if head == _WHOLE_BINARY else decode(payload))
            room -= 1

        buffer = self._buffer
        position = self._position
        end = len(buffer)
        mask_bit = self._mask_bit
        mask = b""
        short = min(125, self._max_payload)
        while room > 0 and end - position >= 2:
            head = buffer[position]
            length = buffer[position + 1] ^ mask_bit
            start = position + 2
            if length > short:
                if length > 127:
                    raise RemoteProtocolError(
                        "a client's frame came without a mask" if mask_bit else "a server's frame came with a mask"
                    )
                if length > 125:
                    size = 2 if length == 126 else 8
                    start += size
                    if start > end:
                        self._check_head(head, length)
                        break
                    length = int.from_bytes(buffer[start - size : start], "big")
                    if length < (126 if size == 2 else 0x10000):
                        raise RemoteProtocolError("a frame's length is not written in its shortest form")
                self._check_head(head, length)
            if mask_bit:
                start += 4
                if start > end:
                    self._check_head(head, length)
                    break
                mask = buffer[start - 4 : start]
            stop = start + length
            if stop > end:
                self._check_head(head, length)
                self._head, self._mask = head, mask
                self._missing = stop - end
                self._pieces = [memoryview(buffer)[start:]]
                position = end
                break
            payload = buffer[start:stop]
            position = stop
            if mask_bit:
                payload = apply_mask(payload, mask)
            if self.in_fragments or (head != _WHOLE_BINARY and head != _WHOLE_TEXT):
                self._check_head(head, length)
                self._position = position
                return head, payload
            inbox.append(payload if head == _WHOLE_BINARY else decode(payload))
            room -= 1
        self._position = position
        return None

    def _check_head(self, head: int, length: int) -> None:
        """Hold the rules of §5.2 and §5.5 that need only the first bytes of a frame."""
        opcode = head & OPCODE
        if head & RSV:
            raise RemoteProtocolError("a frame came with a reserved bit set, and no extension was agreed on")
        if opcode not in _OPCODES:
            raise RemoteProtocolError(f"a frame came with the unknown opcode {opcode}")
        if opcode & _CONTROL:
            if not head & FIN:
                raise RemoteProtocolError("a control frame came in fragments")
            if length > MAX_CONTROL_PAYLOAD:
                raise RemoteProtocolError("a control frame came with more than 125 bytes")
            return
        if (opcode == CONTINUATION) != self.in_fragments:
            raise RemoteProtocolError(
                "a new message came before the last fragment of the one before"
                if self.in_fragments
                else "a continuation frame came with nothing to continue"
            )
        if length > self._max_payload:
            raise MessageTooBigError(length, self._max_payload)


def decode(payload: bytes) -> str:
    """Return the text of a message; invalid UTF-8 fails the connection with 1007 (§8.1)."""
    try:
        return payload.decode()
    except UnicodeDecodeError as exc:
        raise RemoteProtocolError(f"a text message came whose byte {exc.start} is not UTF-8", 1007) from None


class FrameSerialiser:
    """Makes frames; a client's are masked with keys nobody can foresee (§5.3)."""

    _KEYS_PER_DRAW: Final = 1024

    def __init__(self, *, masked: bool) -> None:
        self._masked = masked
        self._keys = b""
        self._next_key = 0

    def frame(self, head: int, payload: bytes) -> bytes:
        """Return one frame, whose first byte is `head`."""
        length = len(payload)
        mask_bit = 0x80 if self._masked else 0
        if length < 126:
            start = bytes((head, mask_bit | length))
        elif length < 0x10000:
            start = bytes((head, mask_bit | 126, length >> 8, length & 0xFF))
        else:
            start = bytes((head, mask_bit | 127)) + length.to_bytes(8, "big")
        if not self._masked:
            return start + payload
        if self._next_key == len(self._keys):
            self._keys = os.urandom(4 * self._KEYS_PER_DRAW)
            self._next_key = 0
        key = self._keys[self._next_key : self._next_key + 4]
        self._next_key += 4
        return b"".join((start, key, apply_mask(payload, key)))
