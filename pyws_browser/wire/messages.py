"""Messages over frames: fragments put together, control frames answered, the closing handshake kept.

A `MessageStream` is one side of a connection after its opening handshake. Bytes that arrived go in through
`receive()`, bytes to be sent come out in `outbox`, messages in an inbox that the caller brings. It knows no sockets
and no clock.
"""

from __future__ import annotations

import codecs
from collections import deque
from typing import Final

from ..errors import MessageTooBigError, RemoteProtocolError
from ..rules import CloseCode, encode_text, is_wire_close_code
from .frames import BINARY, CLOSE, CONTINUATION, FIN, OPCODE, PING, PONG, TEXT, FrameParser, FrameSerialiser, decode

_utf8_decoder: Final = codecs.getincrementaldecoder("utf-8")

MAX_WAITING_PONGS: Final = 64
"""Of the pings that come while nothing can be sent, only the latest needs an answer (RFC 6455 §5.5.3)."""


class MessageStream:
    """One side of an open connection.

    `is_client` decides who masks. `max_size` is the limit for a message in bytes, over all its fragments;
    `too_big_code` is what a larger one is refused with.
    """

    def __init__(self, *, is_client: bool, max_size: int, too_big_code: int = CloseCode.MESSAGE_TOO_BIG) -> None:
        self.outbox: deque[bytes] = deque()
        """Frames to be sent, in order; `take()` gives them out."""
        self.outbox_size = 0
        """The bytes in `outbox`."""
        self.close_sent: tuple[int, str] | None = None
        self.close_received: tuple[int, str] | None = None
        """Code and reason of the Close frames; the code is 1005 if the frame had none."""
        self.closed_by_other_side = False
        """Whether the other side's Close frame was the first."""
        self.failure: RemoteProtocolError | None = None
        """What the other side did wrong, after which nothing more is read."""
        self.pong: bytes | None = None
        """The payload of the last Pong frame. The caller may set it back to None."""
        self._parser = FrameParser(masked=not is_client, max_payload=max_size)
        self._serialiser = FrameSerialiser(masked=is_client)
        self._max_size = max_size
        self._too_big_code = too_big_code
        # A message in fragments: one buffer, so that a thousand tiny ones weigh no more than a large one.
        self._fragments = bytearray()
        self._text_check: codecs.IncrementalDecoder | None = None
        self._waiting_pongs = 0
        self._late_pong: bytes | None = None

    @property
    def is_reading(self) -> bool:
        """Whether anything that may still come matters."""
        return self.close_received is None and self.failure is None

    def receive(self, data: bytes) -> None:
        """Take in bytes that arrived; `parse()` makes messages of them."""
        self._parser.feed(data)

    def parse(self, inbox: deque[str | bytes], room: int) -> None:
        """Put up to `room` messages into `inbox`, answer pings, notice the Close frame.

        What breaks the protocol ends it: `failure` is set and the Close frame that says so stands in `outbox`.
        """
        full = len(inbox) + room
        try:
            while self.is_reading:
                frame = self._parser.run(inbox, full - len(inbox))
                if frame is None:
                    return
                self._handle(frame[0], frame[1], inbox)
        except RemoteProtocolError as exc:
            self.failure = exc  # RFC 6455 §7.1.7, "fail the connection"
            self.close(self._too_big_code if isinstance(exc, MessageTooBigError) else exc.close_code)

    def send(self, opcode: int, payload: bytes) -> None:
        """Put one unfragmented message, TEXT or BINARY, into `outbox`."""
        self._put(opcode, payload)

    def ping(self, payload: bytes) -> None:
        """Put a Ping frame into `outbox`; `payload` has at most 125 bytes."""
        self._put(PING, payload)

    def close(self, code: int | None, reason: str = "") -> None:
        """Put the Close frame into `outbox`, once."""
        if self.close_sent is not None:
            return
        payload = b"" if code is None else code.to_bytes(2, "big") + encode_text(reason)
        self._put(CLOSE, payload)
        self.close_sent = (CloseCode.NO_STATUS_RECEIVED if code is None else code, reason)

    def take(self, size: int) -> bytes:
        """Take frames out of `outbox`: as many as fit into `size` bytes, but at least one."""
        outbox = self.outbox
        if self.outbox_size <= size:
            data = b"".join(outbox)
            outbox.clear()
            self.outbox_size = 0
            return data
        frames = [outbox.popleft()]
        taken = len(frames[0])
        while outbox and taken + len(outbox[0]) <= size:
            taken += len(outbox[0])
            frames.append(outbox.popleft())
        self.outbox_size -= taken
        return frames[0] if len(frames) == 1 else b"".join(frames)

    def discard(self) -> None:
        """Empty `outbox`, since nothing can be sent any more."""
        self.outbox.clear()
        self.outbox_size = 0

    def outbox_was_sent(self) -> None:
        """Be told that all that was taken is sent, so that pongs have room again."""
        self._waiting_pongs = 0
        if self._late_pong is not None and self.close_sent is None:
            self._pong(self._late_pong)
        self._late_pong = None

    def _put(self, opcode: int, payload: bytes) -> None:
        frame = self._serialiser.frame(FIN | opcode, payload)
        self.outbox.append(frame)
        self.outbox_size += len(frame)

    def _handle(self, head: int, payload: bytes, inbox: deque[str | bytes]) -> None:
        opcode = head & OPCODE
        if opcode == PING:
            if self.close_sent is None:
                self._pong(payload)
        elif opcode == PONG:
            self.pong = payload
        elif opcode == CLOSE:
            self._handle_close(payload)
        else:
            self._handle_fragment(opcode, head & FIN != 0, payload, inbox)

    def _pong(self, payload: bytes) -> None:
        if self._waiting_pongs == MAX_WAITING_PONGS:
            self._late_pong = payload
        else:
            self._waiting_pongs += 1
            self._put(PONG, payload)

    def _handle_close(self, payload: bytes) -> None:
        """Hold the rules of §5.5.1 and §7.4, and echo the code."""
        self.closed_by_other_side = self.close_sent is None
        if not payload:
            self.close_received = (CloseCode.NO_STATUS_RECEIVED, "")
            self.close(None)
            return
        if len(payload) == 1:
            raise RemoteProtocolError("a Close frame came with half a code")
        code = int.from_bytes(payload[:2], "big")
        if not is_wire_close_code(code):
            raise RemoteProtocolError(f"a Close frame came with the code {code}, which may not be sent")
        self.close_received = (code, decode(payload[2:]))
        self.close(code, self.close_received[1])

    def _handle_fragment(self, opcode: int, is_last: bool, payload: bytes, inbox: deque[str | bytes]) -> None:
        if opcode != CONTINUATION:
            self._parser.in_fragments = True
            self._text_check = _utf8_decoder() if opcode == TEXT else None
        size = len(self._fragments) + len(payload)
        if size > self._max_size:
            raise MessageTooBigError(size, self._max_size)
        if self._text_check is not None:
            try:
                self._text_check.decode(payload, is_last)
            except UnicodeDecodeError:
                raise RemoteProtocolError("a text message came that is not UTF-8", 1007) from None
        self._fragments += payload
        if is_last:
            message = bytes(self._fragments)
            inbox.append(message if self._text_check is None else message.decode())
            self._fragments = bytearray()
            self._parser.in_fragments = False


__all__ = ["BINARY", "TEXT", "MessageStream"]
