"""Frames (RFC 6455 §5): a parser that makes one pass over each read, and a serialiser.

How the parser works. Almost every frame that ever arrives is a whole message: FIN set, text or binary, payload
complete. `FrameParser.run()` handles a row of those in one tight loop and puts their payloads straight into the inbox;
where all have the same size, as positions and measurements have, it cuts them out by the hundred. It returns to its
caller only for other frames: control frames, fragments, compressed messages, and incomplete frames. An incomplete part
is returned at once, as if the sender had made fragments of that size. So the parser never waits for a payload and never
stores one, and invalid text is detected in the read that brings it.

The parser alone handles 7 million frames of 16 B a second in plain Python, and 4.5 million of 256 B. A row of equal
frames is found by one slice for each byte of their heads (`buffer[at::size].count(byte)`), and cut out by one list
comprehension: 11 million a second of either size.
"""

from __future__ import annotations

import os
import sys
from struct import Struct
from typing import TYPE_CHECKING, Final, TypeAlias

from .._compiled import compiled
from ..errors import MessageTooBigError, RemoteProtocolError

try:
    from websockets.speedups import apply_mask
except ImportError:  # no compiled wheel of websockets for this platform
    from websockets.utils import apply_mask

if TYPE_CHECKING:
    from collections import deque

Buffer: TypeAlias = bytes | memoryview

# The first byte of a frame (§5.2): FIN, three reserved bits, opcode.
FIN: Final = 0x80
RSV: Final = 0x70
COMPRESSED: Final = 0x40  # RSV1 (RFC 7692 §6)
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
_NO_HEAD: Final = -1

# The beginning of a frame: first byte, mask bit and length, and the rest of the length.
_pack_short: Final = Struct("!BB").pack
_pack_medium: Final = Struct("!BBH").pack
_pack_long: Final = Struct("!BBQ").pack
_LARGE: Final = 16 * 1024

# Frames of one size are cut out together, from so many bytes on, in rows of so many. Compiled, one by one is faster.
# Not compiled, frames of 8, 64, 256 and 1024 bytes take 166, 127, 235 and 426 ns together and 309, 371, 877 and 787 ns
# one by one on CPython 3.11; 277, 158, 161 and 269 ns, and 329, 346, 500 and 567 ns, on 3.13.
_MUCH: Final = sys.maxsize if compiled else 1024
_SHORTEST_ROW: Final = 4
_ROW: Final = 256

_KEYS: Final = Struct("4s" * 256)  # drawn together, since each draw asks the kernel


class FrameParser:
    """Takes bytes as they come from the socket, and returns payloads.

    `masked` says whether the other side must mask (a client must, a server must not: §5.1). `max_payload` is the size
    in bytes that no single frame may exceed, unless it is compressed: then its size says little.
    """

    def __init__(self, *, masked: bool, max_payload: int) -> None:
        self.in_fragments = False
        """Set by the caller between the first and the last fragment of a message, when whole messages are errors."""
        self.may_compress = False
        """Set by the caller if compression was negotiated."""
        self._mask_bit = 0x80 if masked else 0
        self._max_payload = max_payload
        self._buffer = b""
        self._position = 0
        # A frame of which only a part has arrived: what is missing, how it goes on, and the mask for its next byte.
        self._missing = 0
        self._next_head = CONTINUATION
        self._mask = b""

    @property
    def is_within_frame(self) -> bool:
        """Whether the last part from `run()` belongs to an incomplete frame."""
        return self._missing > 0

    def feed(self, data: bytes) -> None:
        """Add received bytes."""
        self._buffer = self._buffer[self._position :] + data if self._buffer else data
        self._position = 0

    def end(self) -> None:
        """Drop the unparsed bytes."""
        self._buffer = b""
        self._position = 0

    def run(self, inbox: deque[str | bytes], room: int) -> tuple[int, bytes | memoryview] | None:
        """Put up to `room` whole messages into `inbox`, up to the first frame that is something else.

        Returns that frame, or the part of it that has arrived, as its first byte and its payload; None when nothing is
        complete or there is no room left. Raises RemoteProtocolError at the first frame that breaks a rule.
        """
        if self._missing:
            return self._go_on() if room > 0 and self._position < len(self._buffer) else None
        if len(self._buffer) - self._position > _MUCH:
            room -= self._run_alike(inbox, room)
        buffer = self._buffer
        position = self._position
        end = len(buffer)
        mask_bit = self._mask_bit
        mask = b""
        limit = self._max_payload
        short = min(125, limit)
        # Between fragments no frame can be a whole message.
        whole_text = _NO_HEAD if self.in_fragments else _WHOLE_TEXT
        whole_binary = _NO_HEAD if self.in_fragments else _WHOLE_BINARY
        put = inbox.append
        try:
            for _ in range(room):
                start = position + 2
                if start > end:
                    break
                head = buffer[position]
                length = buffer[position + 1] ^ mask_bit
                if length > short:
                    if length == 126:
                        start += 2
                        if start > end:
                            self._check_kind(head, length)
                            break
                        length = buffer[start - 2] << 8 | buffer[start - 1]
                        if length < 126:
                            self._check_kind(head, 126)  # first, as where the length has not come yet
                            raise _long_form()
                    elif length == 127:
                        start += 8
                        if start > end:
                            self._check_kind(head, length)
                            break
                        length = int.from_bytes(buffer[start - 8 : start], "big")
                        if length < 0x10000:
                            self._check_kind(head, 127)
                            raise _long_form()
                        if length >> 63:
                            self._check_kind(head, 127)
                            raise RemoteProtocolError("a frame's length came with its highest bit set")
                    elif length > 127:
                        raise RemoteProtocolError(
                            "a client's frame came without a mask" if mask_bit else "a server's frame came with a mask"
                        )
                    if length > limit:
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
                    if head & _CONTROL:  # these are short, and only returned whole
                        break
                    position = end
                    self._missing = stop - end
                    self._next_head = CONTINUATION | head & FIN
                    self._mask = mask
                    return head & ~FIN, self._part(start, end)
                payload = buffer[start:stop]
                position = stop
                if mask_bit:
                    payload = apply_mask(payload, mask)
                if head == whole_binary:
                    put(payload)
                elif head == whole_text:
                    put(payload.decode())
                else:
                    self._check_head(head, length)
                    return head, payload
        except UnicodeDecodeError:
            raise invalid_text() from None
        finally:
            self._move_to(position)
        return None

    def _run_alike(self, inbox: deque[str | bytes], room: int) -> int:
        """Put the whole messages into `inbox` that come first and have all the same kind and size; return how many.

        It is 0 for just a few. Frames that break a rule are left in the buffer.
        """
        buffer = self._buffer
        position = self._position
        head = buffer[position]
        length = buffer[position + 1] ^ self._mask_bit
        if self.in_fragments or head not in (_WHOLE_TEXT, _WHOLE_BINARY) or length > 126:
            return 0
        body = 2
        if length == 126:
            body = 4
            length = buffer[position + 2] << 8 | buffer[position + 3]
            if length < 126:
                return 0
        if length > self._max_payload:
            return 0
        same = range(body)
        if self._mask_bit:
            body += 4
        size = body + length
        taken = 0
        while True:
            count = min(_ROW, room - taken, (len(buffer) - position) // size)
            stop = position + count * size
            # One slice for each byte that has to be the same in all of them.
            if count < _SHORTEST_ROW or any(
                buffer[position + place : stop : size].count(buffer[position + place]) < count for place in same
            ):
                break
            row = [buffer[start : start + length] for start in range(position + body, stop + body, size)]
            if self._mask_bit:
                masks = [buffer[start : start + 4] for start in range(position + body - 4, stop, size)]
                row = list(map(apply_mask, row, masks))
            if head == _WHOLE_BINARY:
                inbox += row
            else:
                try:
                    inbox += [payload.decode() for payload in row]
                except UnicodeDecodeError:
                    break
            position = stop
            taken += count
        self._move_to(position)
        return taken

    def _go_on(self) -> tuple[int, bytes | memoryview]:
        """Return the next part of a frame that arrives in parts."""
        start = self._position
        stop = min(start + self._missing, len(self._buffer))
        part = self._part(start, stop)
        self._move_to(stop)
        self._missing -= stop - start
        return CONTINUATION if self._missing else self._next_head, part

    def _move_to(self, position: int) -> None:
        if position == len(self._buffer):  # an idle connection keeps nothing
            self._buffer = b""
            position = 0
        self._position = position

    def _part(self, start: int, stop: int) -> bytes | memoryview:
        """Return a part of a payload, copied only if a view would keep much more in memory."""
        part: bytes | memoryview
        if stop - start < len(self._buffer) // 2:
            part = self._buffer[start:stop]
        else:
            part = memoryview(self._buffer)[start:stop]
        if not self._mask_bit:
            return part
        mask = self._mask
        turn = (stop - start) % 4
        self._mask = mask[turn:] + mask[:turn]
        return apply_mask(part, mask)

    def _check_head(self, head: int, length: int) -> None:
        """Check the rules that need only the beginning of a frame, once its length is known."""
        self._check_kind(head, length)
        if length > self._max_payload and not head & _CONTROL:
            is_first = head & OPCODE != CONTINUATION
            if not (self.may_compress and (not is_first or head & COMPRESSED)):
                raise MessageTooBigError(length, self._max_payload)

    def _check_kind(self, head: int, length: int) -> None:
        """Check the rules of §5.2 and §5.5 that need only the first two bytes of a frame."""
        opcode = head & OPCODE
        is_first = opcode in (TEXT, BINARY)
        if head & RSV and not (head & RSV == COMPRESSED and self.may_compress and is_first):
            raise RemoteProtocolError("a frame came with a reserved bit set that no extension gives a meaning here")
        if opcode not in _OPCODES:
            raise RemoteProtocolError(f"a frame came with the unknown opcode {opcode}")
        if opcode & _CONTROL:
            if not head & FIN:
                raise RemoteProtocolError("a control frame came in fragments")
            if length > MAX_CONTROL_PAYLOAD:
                raise RemoteProtocolError("a control frame came with more than 125 bytes")
            return
        if is_first == self.in_fragments:
            raise RemoteProtocolError(
                "a new message came before the last fragment of the one before"
                if self.in_fragments
                else "a continuation frame came with nothing to continue"
            )


def decode(payload: bytes) -> str:
    """Return the text of a payload; invalid UTF-8 fails the connection with 1007 (§8.1)."""
    try:
        return payload.decode()
    except UnicodeDecodeError:
        raise invalid_text() from None


def _long_form() -> RemoteProtocolError:
    return RemoteProtocolError("a frame's length is not written in its shortest form")


def invalid_text() -> RemoteProtocolError:
    """Return the error of a text that is not UTF-8; it is the same however the text was cut into reads."""
    return RemoteProtocolError("a text message came that is not UTF-8", 1007)


class FrameSerialiser:
    """Makes frames; a client's are masked with unpredictable keys (§5.3)."""

    def __init__(self, *, masked: bool) -> None:
        self._mask_bit = 0x80 if masked else 0
        self._keys: list[bytes] = []

    def end(self) -> None:
        """Drop the keys that were drawn ahead."""
        self._keys = []

    def serialise_one(self, head: int, payload: bytes) -> list[Buffer]:
        """Serialise a single frame."""
        start = self._start(head, len(payload))
        if self._mask_bit:
            key = self._key()
            start += key
            payload = apply_mask(payload, key)
        return [start + payload] if len(payload) < _LARGE else [start, payload]

    def serialise(self, frames: list[tuple[int, bytes]]) -> list[Buffer]:
        """Return frames, each given as its first byte and its payload, as buffers to be sent one after the other.

        Payloads of 16 KiB and more are separate buffers, copied only for masking; smaller ones are joined.
        """
        is_masked = self._mask_bit != 0
        keys = self._keys
        buffers: list[Buffer] = []
        parts: list[bytes] = []
        put = parts.append
        last_head = last_length = _NO_HEAD
        start = b""
        for head, payload in frames:
            length = len(payload)
            if length != last_length or head != last_head:  # the frames of a batch are often similar
                last_head, last_length = head, length
                start = self._start(head, length)
            put(start)
            body = payload
            if is_masked:
                key = keys.pop() if keys else self._key()
                put(key)
                body = apply_mask(payload, key)
            if length < _LARGE:
                put(body)
            else:
                buffers += (b"".join(parts), body)
                parts.clear()
        if parts:
            buffers.append(b"".join(parts))
        return buffers

    def _start(self, head: int, length: int) -> bytes:
        """Return the beginning of a frame, up to the mask."""
        if length < 126:
            return _pack_short(head, self._mask_bit | length)
        if length < 0x10000:
            return _pack_medium(head, self._mask_bit | 126, length)
        return _pack_long(head, self._mask_bit | 127, length)

    def _key(self) -> bytes:
        if not self._keys:
            self._keys += _KEYS.unpack(os.urandom(_KEYS.size))
        return self._keys.pop()
