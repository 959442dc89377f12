"""Frames and messages: whatever comes, and however it is cut, the same comes of it, and no error but the protocol's."""

from __future__ import annotations

from collections import deque

import atheris

with atheris.instrument_imports(include=["pyws_browser.wire"]):
    from pyws_browser.protocol.compression import Compression
    from pyws_browser.wire.deflate import DeflateTerms
    from pyws_browser.wire.messages import MessageStream

from tests.fuzz.target import cut, run
from tests.wire.raw import BINARY, CONTINUATION, MASK, PING, RSV1, TEXT, close_frame, frame

LIMIT = 5000


def outcome(pieces: list[bytes], settings: int, room: int) -> tuple[object, ...]:
    stream = MessageStream(is_client=bool(settings & 1), max_size=LIMIT)
    if settings & 2:
        stream.compress(DeflateTerms(15, True, 15, bool(settings & 4)), Compression())
    inbox: deque[str | bytes] = deque()
    for piece in pieces:
        stream.receive(piece)
        while stream.is_reading and not stream.parse(inbox, room):
            pass
    if max(map(len, inbox), default=0) > LIMIT:
        raise RuntimeError("a message over the limit")
    if (stream.failure is not None or stream.close_received is not None) and stream.close_sent is None:
        raise RuntimeError("no Close frame was sent")
    failure = stream.failure and stream.failure.close_code
    # Its code alone: of a compressed text whose beginning is not UTF-8 and whose end cannot be inflated, the reason
    # names what was seen first.
    close_sent = stream.close_sent and stream.close_sent[0]
    return list(inbox), stream.close_received, close_sent, list(stream.pongs), failure


def fuzz_one_input(data: bytes) -> None:
    if len(data) < 8:
        return
    settings, sizes, wire = data[0], data[1:8], data[8:]
    whole = outcome([wire], settings, 1000)
    in_pieces = outcome(cut(wire, sizes), settings, 1 + settings % 3)
    if whole != in_pieces:
        raise RuntimeError(f"{whole} as one, {in_pieces} in pieces")


SEEDS = [
    bytes((settings, 0, 1, 2, 3, 4, 5, 6)) + wire
    for mask, settings in ((None, 3), (MASK, 2), (None, 1), (MASK, 0), (MASK, 6))
    for wire in (
        frame(TEXT, "grün".encode(), mask=mask) + frame(PING, b"x", mask=mask) + close_frame(1000, b"bye", mask=mask),
        frame(BINARY, bytes(12), mask=mask) * 100,
        frame(BINARY, bytes(300), fin=False, mask=mask) + frame(CONTINUATION, b"end", mask=mask),
        frame(TEXT, bytes.fromhex("f248cdc9c90700"), rsv=RSV1, mask=mask) * 2,
        frame(BINARY, bytes.fromhex("f248cd"), fin=False, rsv=RSV1, mask=mask)
        + frame(CONTINUATION, bytes.fromhex("c9c90700"), mask=mask),
    )
]

if __name__ == "__main__":
    run(fuzz_one_input, SEEDS)
