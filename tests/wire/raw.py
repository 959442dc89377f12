"""Frames written down by hand, so that the serialiser is not what checks the parser."""

from __future__ import annotations

from itertools import cycle

FIN = 0x80
RSV1, RSV2, RSV3 = 0x40, 0x20, 0x10
CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
MASK = b"\x37\xfa\x21\x3d"


def xor(payload: bytes, mask: bytes) -> bytes:
    return bytes(byte ^ key for byte, key in zip(payload, cycle(mask), strict=False))


def frame(opcode: int, payload: bytes = b"", *, fin: bool = True, rsv: int = 0, mask: bytes | None = None) -> bytes:
    """Return a frame (RFC 6455 §5.2); a client's if there is a mask."""
    head = bytes([(FIN if fin else 0) | rsv | opcode])
    bit = 0 if mask is None else 0x80
    if len(payload) < 126:
        length = bytes([bit | len(payload)])
    elif len(payload) < 65536:
        length = bytes([bit | 126]) + len(payload).to_bytes(2, "big")
    else:
        length = bytes([bit | 127]) + len(payload).to_bytes(8, "big")
    return head + length + (payload if mask is None else mask + xor(payload, mask))


def close_frame(code: int, reason: bytes = b"", mask: bytes | None = None) -> bytes:
    return frame(CLOSE, code.to_bytes(2, "big") + reason, mask=mask)
