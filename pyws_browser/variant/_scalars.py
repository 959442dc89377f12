"""The numbers and strings that Variants are made of, little-endian and padded to four bytes.

Like every module here but `types` and `arrays`, this one is compiled for the platforms that have wheels of their own,
and runs as it is everywhere else.

A call of `struct` takes 40 ns and more, for a single number too. So small words are put together from single bytes,
heads with small counts are made beforehand, and whether 32 bits hold a float is decided by a sum and a difference in
place of packing, unpacking and comparing.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final

from .._compiled import compiled
from ..errors import Error, VariantDecodeError, VariantEncodeError

if TYPE_CHECKING:
    from mypy_extensions import i64

WIDE: Final = 0x10000  # the flag for 64 bits instead of 32
PADDING: Final = (b"", b"\0\0\0", b"\0\0", b"\0")  # the padding for a length modulo 4
NIL: Final = b"\0\0\0\0"
FALSE: Final = b"\1\0\0\0\0\0\0\0"
TRUE: Final = b"\1\0\0\0\1\0\0\0"
_INT: Final = b"\2\0\0\0"
_STRING: Final = b"\4\0\0\0"
_BOM: Final = b"\xef\xbb\xbf"

pack_u32: Final = struct.Struct("<I").pack
pack_u64: Final = struct.Struct("<Q").pack
pack_f32: Final = struct.Struct("<f").pack
unpack_f32: Final = struct.Struct("<f").unpack_from
unpack_u64: Final = struct.Struct("<Q").unpack_from
_pack_i32: Final = struct.Struct("<Ii").pack
_pack_i64: Final = struct.Struct("<Iq").pack
_pack_f32: Final = struct.Struct("<If").pack
_pack_f64: Final = struct.Struct("<Id").pack
_unpack_packed_f32: Final = struct.Struct("<4xf").unpack

# The usual content of packets: small numbers, and the same short strings again and again.
SMALL_INTS: Final = [_pack_i32(2, number) for number in range(256)]
SHORT_STRINGS: Final[dict[str, bytes]] = {}  # as whole Variants
SHORT_TEXTS: Final[dict[bytes, str]] = {}  # by their UTF-8
_SHIFT: Final = 2.0**29  # 53 bits less 24
_MIN_F32: Final = 2.0**-126  # of those with all their bits
_MAX_F32: Final = (2.0 - 2.0**-23) * 2.0**127
_SHORT: Final = 32
_MAX_CACHED: Final = 1024
_BYTES: Final = [bytes((number,)) for number in range(256)]


def u32(data: bytes, pos: i64) -> i64:  # pragma: no cover -- see below
    """Read an unsigned number of 32 bits."""
    a: i64 = data[pos]
    b: i64 = data[pos + 1]
    c: i64 = data[pos + 2]
    d: i64 = data[pos + 3]
    return a | b << 8 | c << 16 | d << 24


def two_words(data: bytes, pos: i64) -> tuple[i64, i64]:  # pragma: no cover -- see below
    """Read an unsigned and a signed number of 32 bits."""
    word = u32(data, pos + 4)
    return u32(data, pos), word - 0x100000000 if word & 0x80000000 else word


def head_and_word(head: bytes, word: i64) -> bytes:  # pragma: no cover -- see below
    """Write a number of 32 bits behind the head of its Variant."""
    return b"%b%b%b%b%b" % (
        head,
        _BYTES[word & 0xFF],
        _BYTES[word >> 8 & 0xFF],
        _BYTES[word >> 16 & 0xFF],
        _BYTES[word >> 24 & 0xFF],
    )


if not compiled:  # then one call of `struct` is faster than all the arithmetic
    _unpack_u32 = struct.Struct("<I").unpack_from
    globals()["u32"] = lambda data, pos: _unpack_u32(data, pos)[0]
    globals()["two_words"] = struct.Struct("<Ii").unpack_from
    _pack_head_and_word = struct.Struct("<4si").pack
    globals()["head_and_word"] = _pack_head_and_word


def truncated(what: str, pos: int, error: Error = Error.ERR_INVALID_DATA) -> VariantDecodeError:
    """Make the error for data that end too early."""
    return VariantDecodeError(f"the data end inside the {what} at byte {pos}", error)


def string_bytes(text: str, lenient: bool, nul: bytes = b"") -> bytes:
    """Encode a string: its length in bytes (with `nul`), UTF-8, padding.

    `lenient` is for Godot 3, where surrogates are characters like others.
    """
    try:
        raw = str.encode(text)
    except UnicodeEncodeError:
        if not lenient:
            raise VariantEncodeError(
                f"{text[:40]!r} has a lone surrogate, which Godot 4 refuses: take it out"
            ) from None
        raw = str.encode(text, "utf-8", "surrogatepass")
    if 0 in raw:
        raise VariantEncodeError(f"{text[:40]!r} would end at its first NUL: take it out, or send bytes")
    raw += nul
    return pack_u32(len(raw)) + raw + PADDING[len(raw) & 3]


def read_string(data: bytes, pos: i64, lenient: bool) -> tuple[str, i64]:
    """Read what `string_bytes` writes; return the text, and the place behind the padding."""
    size = u32(data, pos)
    start = pos + 4
    after = start + ((size + 3) & ~3)
    if after > len(data):
        raise truncated("String", pos, Error.ERR_FILE_EOF)
    return read_text(data[start : start + size], pos, lenient), after


def read_text(raw: bytes, pos: i64, lenient: bool) -> str:
    """Decode the text of the string at `pos`, which begins behind a byte order mark and ends at the first NUL."""
    if 0 in raw or raw.startswith(_BOM):
        raw = raw.removeprefix(_BOM).partition(b"\0")[0]
    try:
        text = raw.decode()
    except UnicodeDecodeError as exc:
        unusual = _godot3_text(raw) if lenient else None
        if unusual is None:
            raise VariantDecodeError(f"the String at byte {pos} is not UTF-8: {exc.reason}") from None
        return unusual
    if len(raw) <= _SHORT:
        if len(SHORT_TEXTS) >= _MAX_CACHED:
            SHORT_TEXTS.clear()
        SHORT_TEXTS[raw] = text
    return text


def _godot3_text(raw: bytes) -> str | None:
    """Decode as Godot 3 does, which accepts surrogates and most overlong forms; `None` if it would refuse.

    It also takes characters beyond U+10FFFF. Python has none, so these are refused here.
    """
    text: list[str] = []
    pos = 0
    while pos < len(raw):
        lead = raw[pos]
        more = 0 if lead < 0x80 else 1 if lead < 0xE0 else 2 if lead < 0xF0 else 3 if lead < 0xF8 else 4 + (lead > 0xFB)
        if 0x80 <= lead < 0xC2 or lead > 0xFD or pos + more >= len(raw):
            return None
        char = lead & (0x3F >> more if more else 0x7F)
        for i in range(1, more + 1):
            byte = raw[pos + i]
            if byte & 0xC0 != 0x80 or (i == 2 and char == 0 and (byte & 0x3F) >> (6 - more) == 0):
                return None
            char = char << 6 | byte & 0x3F
        if char > 0x10FFFF:
            return None
        text.append(chr(char))
        pos += more + 1
    return "".join(text)


def string_variant(text: str, lenient: bool) -> bytes:
    """Encode a str as a whole Variant."""
    raw = _STRING + string_bytes(text, lenient)
    if len(text) <= _SHORT and text.isascii():
        if len(SHORT_STRINGS) >= _MAX_CACHED:
            SHORT_STRINGS.clear()
        SHORT_STRINGS[text] = raw
    return raw


def int_variant(number: int) -> bytes:
    """Encode an int as a whole Variant, in 32 bits if they do."""
    if -0x80000000 <= number <= 0x7FFFFFFF:
        return head_and_word(_INT, number)
    try:
        return _pack_i64(2 | WIDE, number)
    except struct.error:
        raise VariantEncodeError("an int does not fit into 64 bits with a sign: send it as a str") from None


def float_variant(number: float) -> bytes:
    """Encode a float as a whole Variant, in 32 bits if they give it back as it is."""
    # The sum has room for 24 bits of the number, as 32 bits have. That a compiler may fuse operations changes nothing.
    shifted = number * _SHIFT
    fits = shifted + number - shifted == number
    if number >= _MIN_F32 or number <= -_MIN_F32:
        if not fits and number - number == 0.0:
            return _pack_f64(3 | WIDE, number)
        if -_MAX_F32 <= number <= _MAX_F32:
            return _pack_f32(3, number)
    try:  # rare ones: 0, numbers with fewer bits, infinity, too large numbers, NaN
        narrow = _pack_f32(3, number)
        if _unpack_packed_f32(narrow)[0] == number:
            return narrow
    except OverflowError:
        pass
    return _pack_f64(3 | WIDE, number)
