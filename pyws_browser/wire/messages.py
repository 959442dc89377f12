"""Messages over frames: fragments put together, control frames answered, the closing handshake kept.

A `MessageStream` is one side of a connection after its opening handshake. Received bytes go into `receive()`, bytes to
send come out of `outbox`, and messages go into an inbox that the caller passes. It uses no sockets and no clock.
"""

from __future__ import annotations

import codecs
from itertools import islice
from typing import TYPE_CHECKING, Final

from ..errors import MessageTooBigError, RemoteProtocolError
from ..protocol.display import printable
from ..protocol.rules import MAX_REASON_BYTES, CloseCode, encode_text, is_wire_close_code
from .deflate import Deflater, Inflater
from .fragments import Fragments, split
from .frames import (
    BINARY,
    CLOSE,
    COMPRESSED,
    CONTINUATION,
    FIN,
    OPCODE,
    PING,
    PONG,
    TEXT,
    FrameParser,
    FrameSerialiser,
    decode,
    invalid_text,
)
from .text import GrowingText

if TYPE_CHECKING:
    from collections import deque
    from collections.abc import Callable

    from ..protocol.compression import Compression
    from .deflate import DeflateTerms
    from .frames import Buffer
    from .shared import SharedMessage

_utf8_decoder: Final = codecs.getincrementaldecoder("utf-8")

MAX_WAITING_PONGS: Final = 64
"""How many pongs may wait: if nothing can be sent, only the latest ping needs an answer (RFC 6455 §5.5.3)."""

MAX_KEPT_PONGS: Final = 256
"""How many of the last pongs in one read are kept; there are never more pings to answer."""

FRAMES_IN_A_ROW: Final = 256
"""Frames parsed one by one before the caller should check the clock."""

INFLATED_IN_A_ROW: Final = 1024 * 1024
"""Inflated bytes before the caller should check the clock."""

_SMALL: Final = 4 * 1024
"""Smaller parts of a message are joined as they come."""


_FIRST_OWN_CODE: Final = 3000
"""The first close code for programs, and for pages."""


class MessageStream:
    """One side of an open connection.

    `is_client` decides which side masks. `max_size` is the limit for a message in bytes, over all its fragments,
    `max_fragment_size` that for one fragment (0 for the same); `too_big_code` is the close code for larger ones. With
    `keeps_fragments` it records where fragments end, for `take_fragments()`.
    """

    _is_discarding = False  # in the class: another attribute would cost each instance 1.3 KiB, see `Transport`

    def __init__(
        self,
        *,
        is_client: bool,
        max_size: int,
        too_big_code: int = CloseCode.MESSAGE_TOO_BIG,
        max_fragment_size: int = 0,
        keeps_fragments: bool = False,
    ) -> None:
        self.outbox: list[tuple[int, bytes]] = []
        """Frames to be sent, in order, as their first bytes and payloads; `take()` serialises them."""
        self.outbox_size: int = 0
        """The payload bytes in `outbox`. An empty payload counts as one, so that a sender waits for it to leave."""
        self.taken_count: int = 0
        """How many frames `take()` took out of `outbox`."""
        self.close_sent: tuple[int, str] | None = None
        self.close_received: tuple[int, str] | None = None
        """Code and reason of the received and the sent Close frame; the code is 1005 if the frame had none."""
        self.closed_by_other_side: bool = False
        """Whether the other side's Close frame was the first."""
        self.is_reading: bool = True
        """Whether further input matters."""
        self.failure: RemoteProtocolError | None = None
        """The other side's error, after which nothing more is read."""
        self.pongs: list[bytes] = []
        """The payloads of the last Pong frames, for the caller to take. (An empty deque takes 760 bytes.)"""
        self.inflated_size: int = 0
        """The inflated bytes of the last `parse()`."""
        self.trace: Callable[[bool, int, bytes | str | memoryview], object] | None = None
        """Called for each frame with whether it is sent, its first byte and its payload."""
        self.waiting_pongs: int = 0
        """How many Pong frames were queued since `outbox_was_sent()`."""
        self.size_under_way: int = 0
        """The bytes of the message under way, so far."""
        self.fragments: Fragments | None = Fragments() if keeps_fragments else None
        self._max_fragment_size = min(max_fragment_size or max_size, max_size)
        self._parser = FrameParser(masked=not is_client, max_payload=self._max_fragment_size)
        self._serialiser = FrameSerialiser(masked=is_client)
        self._max_size = max_size
        self._too_big_code = too_big_code
        self._deflater: Deflater | None = None
        self._inflater: Inflater | None = None
        # The parts of the current message. Small ones are joined, so a thousand take no more memory than a large one.
        self._text: GrowingText | None = None
        self._text_decoder: codecs.IncrementalDecoder | None = None
        self._parts: list[bytes | memoryview] = []
        self._small_parts = bytearray()
        self._fragment_size = 0
        self._is_compressed = False
        self._frames_in_a_row = 0
        self._late_pong: bytes | None = None

    def compress(self, terms: DeflateTerms, compression: Compression) -> None:
        """Begin to receive and send compressed messages, as negotiated."""
        self._deflater = Deflater(terms, compression)
        self._inflater = Inflater(terms)
        self._parser.may_compress = True

    @property
    def is_inflating(self) -> bool:
        """Whether the last `parse()` stopped within a frame, which the next one goes on inflating."""
        return self._inflater is not None and self._inflater.rest is not None

    def receive(self, data: bytes) -> None:
        """Add received bytes; `parse()` makes messages of them."""
        self._parser.feed(data)

    def parse(self, inbox: deque[str | bytes], room: int) -> bool:
        """Put up to `room` messages into `inbox`, answer pings, and handle the Close frame.

        Returns whether it used up the input. Otherwise there may be more to parse, but it stopped because `room` is
        used up, or because it inflated so many bytes or parsed so many single frames (FRAMES_IN_A_ROW) that the caller
        should check its own limits before the next call.

        A protocol error ends it: `failure` is set, and the Close frame with its code is in `outbox`.
        """
        full = len(inbox) + room
        self.inflated_size = 0
        try:
            inflater = self._inflater
            if inflater is not None and inflater.rest is not None and self.is_reading:
                self._handle_part(inflater.rest[1] | CONTINUATION, b"", inbox)
            while self.is_reading and self.inflated_size < min(self._max_size, INFLATED_IN_A_ROW):
                before = len(inbox)
                frame = self._parser.run(inbox, full - before)
                if self.trace is not None:
                    self._tell(inbox, before, frame)
                if frame is None:
                    return len(inbox) < full
                self._handle(frame[0], frame[1], inbox)
                self._frames_in_a_row += 1
                if self._frames_in_a_row == FRAMES_IN_A_ROW:
                    self._frames_in_a_row = 0
                    return False
        except RemoteProtocolError as exc:
            self.is_reading = False
            exc.__traceback__ = exc.__context__ = None  # they refer to this object, and to the invalid text
            self.failure = exc  # RFC 6455 §7.1.7, "fail the connection"
            code = self._too_big_code if isinstance(exc, MessageTooBigError) else exc.close_code
            self.close(code, _reason_of(exc, code))
        return False

    def send(self, opcode: int, payload: bytes) -> None:
        """Put one unfragmented message, TEXT or BINARY, into `outbox`."""
        if self._deflater is not None:
            opcode, payload = self._deflate(self._deflater, opcode, payload)
        self.outbox.append((FIN | opcode, payload))
        self.outbox_size += len(payload) or 1

    def serialise(self, opcode: int, payload: bytes) -> list[Buffer]:
        """Return the buffers of one message to be sent at once, with nothing in `outbox` before it."""
        if self._deflater is not None:
            opcode, payload = self._deflate(self._deflater, opcode, payload)
        if self.trace is not None:
            self.trace(True, FIN | opcode, payload)
        return self._serialiser.serialise_one(FIN | opcode, payload)

    def send_shared(self, message: SharedMessage) -> None:
        """Queue the frame of a shared message; not for a client, which masks."""
        frame = message.frame(self._deflater)
        self.outbox.append((frame.head, frame.payload))
        self.outbox_size += len(frame.payload) or 1

    def serialise_shared(self, message: SharedMessage) -> list[Buffer]:
        """Return the buffers of a shared message, with nothing in `outbox` before it; not for a client, which masks."""
        frame = message.frame(self._deflater)
        if self.trace is not None:
            self.trace(True, frame.head, frame.payload)
        return [frame.wire]

    @staticmethod
    def _deflate(deflater: Deflater, opcode: int, payload: bytes) -> tuple[int, bytes]:
        if len(payload) >= deflater.min_size:
            deflated = deflater.deflate(payload)
            if deflated is not None:
                return COMPRESSED | opcode, deflated
        return opcode, payload

    def send_fragment(self, opcode: int, payload: bytes, *, is_last: bool) -> None:
        """Put a fragment into `outbox`: TEXT or BINARY for the first, CONTINUATION for the others (§5.4).

        Fragments go uncompressed.
        """
        self.outbox.append((FIN | opcode if is_last else opcode, payload))
        self.outbox_size += len(payload) or 1

    def ping(self, payload: bytes) -> None:
        """Put a Ping frame into `outbox`; `payload` has at most 125 bytes."""
        self._put(PING, payload)

    def unsolicited_pong(self, payload: bytes) -> None:
        """Put an unsolicited Pong frame into `outbox` (RFC 6455 §5.5.3); limits as for `ping()`."""
        self._put(PONG, payload)

    def close(self, code: int | None, reason: str = "") -> None:
        """Put the Close frame into `outbox`, once."""
        if self.close_sent is not None:
            return
        payload = b"" if code is None else code.to_bytes(2, "big") + encode_text(reason)
        self._put(CLOSE, payload)
        self.close_sent = (CloseCode.NO_STATUS_RECEIVED if code is None else code, reason)

    def take(self, size: int) -> list[Buffer]:
        """Take frames out of `outbox` until their payloads reach `size`; return them as few buffers."""
        frames = self.outbox
        if self.outbox_size <= size:
            self.outbox = []
            self.outbox_size = 0
            self.taken_count += len(frames)
            return self._serialise(frames)
        count = taken = 0
        while taken < size:
            taken += len(frames[count][1]) or 1
            count += 1
        self.outbox = frames[count:]
        self.outbox_size -= taken
        self.taken_count += count
        return self._serialise(frames[:count])

    def discard_parts(self) -> None:
        """Drop the parts of the message under way and of later ones, because the program takes none any more."""
        self._is_discarding = True
        self.fragments = None
        self._text = self._text_decoder = None
        self._parts = []
        self._small_parts = bytearray()

    def discard(self) -> None:
        """Empty `outbox`, because nothing can be sent any more."""
        self.outbox.clear()
        self.outbox_size = 0

    def end(self, *, keeps_fragments: bool) -> None:
        """Drop all unparsed, unjoined and unsent data, and the states of zlib.

        `keeps_fragments` keeps the received fragments, for a program that reads a message by fragments.
        """
        self.discard()
        self.pongs = []
        self.trace = None
        self._late_pong = None
        self._deflater = self._inflater = None
        self._parser.end()
        self._serialiser.end()
        if not keeps_fragments:
            self.fragments = None
            self._text = self._text_decoder = None
            self._parts = []
            self._small_parts = bytearray()

    def outbox_was_sent(self) -> bool:
        """Record that all taken frames were sent, so that pongs have room again.

        Return whether a pong that had no room is in `outbox` now.
        """
        self.waiting_pongs = 0
        late, self._late_pong = self._late_pong, None
        if late is None or self.close_sent is not None:
            return False
        self._pong(late)
        return True

    def _serialise(self, frames: list[tuple[int, bytes]]) -> list[Buffer]:
        if self.trace is not None:
            for head, payload in frames:
                self.trace(True, head, payload)
        return self._serialiser.serialise(frames)

    def _tell(self, inbox: deque[str | bytes], before: int, frame: tuple[int, bytes | memoryview] | None) -> None:
        assert self.trace is not None  # noqa: S101  the caller asks
        for message in islice(inbox, before, None):
            self.trace(False, FIN | (TEXT if isinstance(message, str) else BINARY), message)
        if frame is not None:
            self.trace(False, *frame)

    def _put(self, opcode: int, payload: bytes) -> None:
        self.outbox.append((FIN | opcode, payload))
        self.outbox_size += len(payload) or 1

    def _handle(self, head: int, payload: bytes | memoryview, inbox: deque[str | bytes]) -> None:
        opcode = head & OPCODE
        if opcode == PING:
            if self.close_sent is None:
                self._pong(bytes(payload))
        elif opcode == PONG:
            self.pongs.append(bytes(payload))
            del self.pongs[:-MAX_KEPT_PONGS]
        elif opcode == CLOSE:
            self._handle_close(bytes(payload))
        else:
            self._handle_part(head, payload, inbox)

    def _pong(self, payload: bytes) -> None:
        if self.waiting_pongs == MAX_WAITING_PONGS:
            self._late_pong = payload
        else:
            self.waiting_pongs += 1
            self._put(PONG, payload)

    def _handle_close(self, payload: bytes) -> None:
        """Check the Close frame against §5.5.1 and §7.4, and answer with the same code."""
        self.closed_by_other_side = self.close_sent is None
        if not payload:
            self.close_received = (CloseCode.NO_STATUS_RECEIVED, "")
            self.is_reading = False
            self.close(None)
            return
        if len(payload) == 1:
            raise RemoteProtocolError("a Close frame came with half a code")
        code = int.from_bytes(payload[:2], "big")
        if not is_wire_close_code(code):
            raise RemoteProtocolError(f"a Close frame came with the code {code}, which may not be sent")
        self.close_received = (code, decode(payload[2:]))
        self.is_reading = False
        self.close(code, self.close_received[1])

    def _handle_part(self, head: int, payload: bytes | memoryview, inbox: deque[str | bytes]) -> None:
        """Add a fragment, a part of one, or a compressed message to the current message."""
        opcode = head & OPCODE
        is_last = head & FIN != 0
        if opcode != CONTINUATION:
            self._is_compressed = head & COMPRESSED != 0
            self._text_decoder = _utf8_decoder() if opcode == TEXT else None
            self._text = GrowingText() if opcode == TEXT else None
            self._parser.in_fragments = True
        inflater = self._inflater
        if self._is_compressed and inflater is not None:
            rest = inflater.rest
            inflater.rest = None
            blocks = rest[0] if rest is not None else inflater.inflate(payload, is_last=is_last)
            for block in blocks:
                self.inflated_size += len(block)
                self._gather(block)
                if self.inflated_size > INFLATED_IN_A_ROW:  # the next `parse()` goes on with it
                    inflater.rest = blocks, head & FIN
                    return
        else:
            self._gather(payload)
        fragments = self.fragments
        if not self._parser.is_within_frame:
            self._fragment_size = 0
            if fragments is not None:
                text = self._text
                fragments.end_fragment(self.size_under_way - fragments.taken if text is None else text.length)
        if is_last:
            inbox.append(self._finish_message())
            self._parser.in_fragments = False
            if fragments is not None:
                fragments.end_message(len(inbox) - 1)

    def take_fragments(self) -> list[str | bytes]:
        """Remove and return the received fragments of the current message.

        Needs `keeps_fragments`. The part of an incomplete frame stays for later.
        """
        fragments = self.fragments
        if fragments is None or not fragments.ends:
            return []
        ends, fragments.ends = fragments.ends, []
        content: str | bytes
        if self._text is not None:
            content = self._text.take(self.size_under_way)
            rest = content[ends[-1] :]
            self._text = GrowingText()
            self._text.add(rest, len(rest))
        else:
            self._flush_small_parts()
            content = b"".join(self._parts)
            fragments.taken += ends[-1]
            self._parts = [content[ends[-1] :]]
        return split(content, ends)

    def _gather(self, payload: bytes | memoryview) -> None:
        self.size_under_way += len(payload)
        if self.size_under_way > self._max_size:
            raise MessageTooBigError(self.size_under_way, self._max_size)
        self._fragment_size += len(payload)
        if self._fragment_size > self._max_fragment_size:
            raise MessageTooBigError(self._fragment_size, self._max_fragment_size)
        if self._is_discarding:
            return
        if self._text is not None:
            self._text.add(self._decode(payload), len(payload))
        elif len(payload) < _SMALL:
            self._small_parts += payload
        else:
            self._flush_small_parts()
            self._parts.append(payload)

    def _flush_small_parts(self) -> None:
        if self._small_parts:
            self._parts.append(bytes(self._small_parts))
            self._small_parts = bytearray()

    def _finish_message(self) -> str | bytes:
        size, self.size_under_way = self.size_under_way, 0
        if self._is_discarding:
            return b""
        if self._text is None:
            self._flush_small_parts()
            message = b"".join(self._parts)
            self._parts = []
            return message
        self._decode(b"", is_last=True)
        text, self._text = self._text, None
        return text.take(size)

    def _decode(self, payload: bytes | memoryview, *, is_last: bool = False) -> str:
        assert self._text_decoder is not None  # noqa: S101  the callers ask
        try:
            return self._text_decoder.decode(payload, is_last)
        except UnicodeDecodeError:
            raise invalid_text() from None


def _reason_of(failure: RemoteProtocolError, code: int) -> str:
    """Return the reason in the Close frame for a failure; a page's codes have none."""
    if code >= _FIRST_OWN_CODE:
        return ""
    if isinstance(failure, MessageTooBigError):
        return "the message is larger than the limit here"
    return printable(str(failure).partition(": ")[0], MAX_REASON_BYTES - 3)


__all__ = ["BINARY", "CONTINUATION", "FRAMES_IN_A_ROW", "INFLATED_IN_A_ROW", "TEXT", "MessageStream"]
