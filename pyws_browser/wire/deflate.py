"""permessage-deflate (RFC 7692 §7): smaller messages on the wire, with a limit of their size in memory."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Final, NamedTuple

from ..errors import RemoteProtocolError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..protocol.compression import Compression

_EMPTY_BLOCK: Final = b"\x00\x00\xff\xff"
"""The end of every deflated message, which is left out on the wire (§7.2.1)."""

_PIECE_SIZE: Final = 16 * 1024
"""Deflated bytes that zlib gets at a time: it copies the part that it did not process."""

BLOCK_SIZE: Final = 64 * 1024
"""Inflated bytes that zlib returns at a time: how far a bomb can exceed the limit."""

MAX_FINAL_BLOCKS: Final = 32
"""In one message: a sender that uses them ends a message with one (§7.2.3.4), and each needs a new zlib state."""

_SMALLEST_OF_ZLIB: Final = 9
"""Bits of the smallest window that zlib compresses with."""

_SAMPLE_SIZE: Final = 4 * 1024
_SAMPLED_FROM: Final = 64 * 1024
"""Messages of this size and above are sampled first: most large ones are images and archives, already compressed."""


class DeflateTerms(NamedTuple):
    """The negotiated terms: the window of each direction in bits, and whether it is kept between messages."""

    send_window_bits: int
    send_keeps_window: bool
    receive_window_bits: int
    receive_keeps_window: bool


class Deflater:
    """The sending direction. zlib's state is made when the first message needs it."""

    def __init__(self, terms: DeflateTerms, compression: Compression) -> None:
        self.min_size: int = compression.min_size
        """Smaller payloads are not compressed."""
        self._keeps_window = terms.send_keeps_window
        self._level = compression.level
        self._window_bits = min(terms.send_window_bits, compression.window_bits)
        self.settings: tuple[int, int] = (self._level, self._window_bits)
        """The settings that determine how a message is deflated with an empty window."""
        self._memory_level = min(8, self._window_bits - 7)  # half as much for the hash table as for the window
        self._zlib: zlib._Compress | None = None

    def deflate(self, payload: bytes) -> bytes | None:
        """Return the deflated payload of one message, or None if that would not be smaller."""
        size = len(payload)
        if self._window_bits < _SMALLEST_OF_ZLIB:
            return None
        if size >= _SAMPLED_FROM:
            sample = zlib.compress(payload[size // 2 : size // 2 + _SAMPLE_SIZE], 1)
            if len(sample) > _SAMPLE_SIZE * 15 // 16:
                return None
        compressor = self._zlib
        if compressor is None:
            compressor = zlib.compressobj(self._level, zlib.DEFLATED, -self._window_bits, self._memory_level)
        deflated = compressor.compress(payload) + compressor.flush(zlib.Z_SYNC_FLUSH)
        is_smaller = len(deflated) - len(_EMPTY_BLOCK) < size
        # A window must not be used again if it contains a message that the other side never gets.
        self._zlib = compressor if self._keeps_window and is_smaller else None
        return deflated[: -len(_EMPTY_BLOCK)] if is_smaller else None

    def deflate_alone(self, payload: bytes) -> bytes | None:
        """Return what `deflate()` would return on a new connection; if that is sent, call `forget()`."""
        kept, self._zlib = self._zlib, None
        try:
            return self.deflate(payload)
        finally:
            self._zlib = kept

    def forget(self) -> None:
        """Empty the window."""
        self._zlib = None


class Inflater:
    """The receiving direction. zlib's state is made when the first message needs it."""

    def __init__(self, terms: DeflateTerms) -> None:
        self._window_bits = terms.receive_window_bits
        self._keeps_window = terms.receive_keeps_window
        self._zlib: zlib._Decompress | None = None
        self._final_blocks = 0
        self.rest: tuple[Iterator[bytes], int] | None = None
        """The rest of a part's blocks, and FIN if it is the last part; the caller keeps it here."""

    def inflate(self, part: bytes | memoryview, *, is_last: bool) -> Iterator[bytes]:
        """Yield what a part of a message inflates to, in blocks of at most BLOCK_SIZE bytes.

        `is_last` says that the message ends with this part. Raises RemoteProtocolError if it is not deflated data.
        """
        try:
            for start in range(0, len(part), _PIECE_SIZE):
                yield from self._blocks(part[start : start + _PIECE_SIZE])
            if is_last:
                yield from self._blocks(_EMPTY_BLOCK)
        except zlib.error as exc:
            raise RemoteProtocolError(f"a compressed message came that cannot be inflated: {exc}", 1007) from exc
        if is_last:
            self._final_blocks = 0
            if not self._keeps_window:
                self._zlib = None

    def _blocks(self, piece: bytes | memoryview) -> Iterator[bytes]:
        while True:
            decompressor = self._zlib
            if decompressor is None:
                decompressor = self._zlib = zlib.decompressobj(-self._window_bits)
            block = decompressor.decompress(piece, BLOCK_SIZE)
            if block:
                yield block
            piece = decompressor.unconsumed_tail
            if decompressor.eof:  # a final block: it ends zlib's stream, but not the message (§7.2.3.4)
                piece = decompressor.unused_data
                self._zlib = None
                self._final_blocks += 1
                if self._final_blocks > MAX_FINAL_BLOCKS:
                    raise RemoteProtocolError(f"a compressed message came in more than {MAX_FINAL_BLOCKS} parts", 1008)
            elif len(block) < BLOCK_SIZE:
                return
