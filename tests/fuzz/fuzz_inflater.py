"""The inflater: the same as zlib's own, never more than a block at a time, and no error but those for bad data."""

from __future__ import annotations

import zlib

import atheris

with atheris.instrument_imports(include=["pyws_browser.wire"]):
    from pyws_browser.errors import RemoteProtocolError
    from pyws_browser.protocol.compression import Compression
    from pyws_browser.wire.deflate import BLOCK_SIZE, Deflater, DeflateTerms, Inflater

from tests.fuzz.target import cut, run

ENOUGH = 1 << 20


def inflate(inflater: Inflater, pieces: list[bytes]) -> bytes | int:
    """Return the message, as far as the limit of its reader lets it come, or the code to close with if it is none."""
    message = b""
    try:
        for number, piece in enumerate(pieces, 1):
            for block in inflater.inflate(piece, is_last=number == len(pieces)):
                if not 0 < len(block) <= BLOCK_SIZE:
                    raise RuntimeError(f"a block of {len(block)} bytes")
                message += block
                if len(message) > ENOUGH:
                    return message[:ENOUGH]
    except RemoteProtocolError as exc:
        if exc.close_code not in (1007, 1008):
            raise
        return exc.close_code
    return message


def fuzz_one_input(data: bytes) -> None:
    if len(data) < 6:
        return
    bits, keeps, sizes, data = 9 + data[0] % 7, bool(data[1] & 1), data[2:6], data[6:]
    terms = DeflateTerms(bits, keeps, bits, keeps)
    whole, parts = inflate(Inflater(terms), [data]), inflate(Inflater(terms), cut(data, sizes))
    # What refers to before a smaller window is wrong, and zlib sees that only where a call did not give it out as well.
    if whole != parts and bits == 15:
        raise RuntimeError(f"{whole!r} as one, {parts!r} in pieces")
    deflater, inflater = Deflater(terms, Compression(min_size=0, window_bits=bits)), Inflater(terms)
    for message in (data, data[::-1], data * 3):
        deflated = deflater.deflate(message)
        if deflated is not None and inflate(inflater, cut(deflated, sizes)) != message:
            raise RuntimeError(f"{message!r} did not come back")


def deflated(data: bytes, flush: int = zlib.Z_SYNC_FLUSH) -> bytes:
    compressor = zlib.compressobj(9, zlib.DEFLATED, -9)
    return compressor.compress(data) + compressor.flush(flush)


SEEDS = [
    bytes((settings, settings, 0, 1, 2, 3)) + wire
    for settings in (0, 1, 6)
    for wire in (
        bytes.fromhex("f248cdc9c90700"),
        deflated(b"hello " * 100)[:-4],
        deflated(bytes(300_000))[:-4],
        deflated(b"final", zlib.Z_FINISH) + deflated(b"and more")[:-4],
        deflated(b"", zlib.Z_FINISH) * 40,
        b"\x00\x05\x00\xfa\xffHello\x00",
    )
]

if __name__ == "__main__":
    run(fuzz_one_input, SEEDS)
