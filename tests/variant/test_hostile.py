"""Data that no engine would write: a named error or a value, at once, and in as little memory as they came in."""

from __future__ import annotations

import contextlib
import struct
import tracemalloc
from array import array
from typing import Any

import pytest

from pyws_browser.errors import Error, VariantDecodeError, VariantEncodeError
from pyws_browser.variant import (
    EncodedObject,
    NodePath,
    PoolStringArray,
    PoolVector3Array,
    Rect2,
    TypedArray,
    TypedDictionary,
    Vector3,
    decode,
    encode,
)

from .samples import Packet, every_packet, same, settled

PACKETS = sorted(set(every_packet()))


def survive(data: bytes, version: int) -> None:
    """Decode in both ways, and encode what comes of it: the named errors are the only ones."""
    for allow_objects in (False, True):
        try:
            value = decode(data, version=version, allow_objects=allow_objects)
        except VariantDecodeError as exc:
            assert isinstance(exc.error, Error)
            continue
        try:
            again = settled(value, version)
        except VariantEncodeError:
            assert version == 4  # an array of Godot 4 need not hold what it says it holds
        else:
            assert settled(decode(again, version=version, allow_objects=True), version) == again


def last_of(value: Any) -> Any:
    """What stands at the very end of a packet."""
    while isinstance(value, (dict, list)):
        value = list(value.values() if isinstance(value, dict) else value)[-1]
    return value


@pytest.mark.parametrize("version", [3, 4])
def test_every_truncation_is_refused_but_for_the_padding_of_bytes(version: int) -> None:
    for packet in PACKETS:
        if packet.version != version:
            continue
        for size in range(len(packet.data)):
            data = packet.data[:size]
            survive(data, version)
            try:
                value = decode(data, version=version, allow_objects=True)
            except VariantDecodeError:
                continue
            assert len(packet.data) - size < 4
            assert same(value, decode(packet.data, version=version, allow_objects=True))
            assert last_of(value).__class__ is bytes


@pytest.mark.parametrize("version", [3, 4])
@pytest.mark.parametrize("bits", [0x01, 0x02, 0x04, 0x08, 0x10, 0x20, 0x40, 0x80, 0xFF])
def test_every_flipped_byte_is_survived(version: int, bits: int) -> None:
    for packet in PACKETS:
        if packet.version == version:
            for i in range(len(packet.data)):
                data = bytearray(packet.data)
                data[i] ^= bits
                survive(bytes(data), version)


@pytest.mark.parametrize("version", [3, 4])
def test_every_type_id_with_every_flag_is_survived(version: int) -> None:
    for type_id in range(256):
        for flags in range(16):
            header = struct.pack("<I", type_id | flags << 16)
            for body in (b"", bytes(3), bytes(4), bytes(200), b"\xff" * 200, b"\1\0\0\0" * 50):
                survive(header + body, version)


def test_types_that_there_are_not_are_refused() -> None:
    for version, first in ((3, 27), (4, 39)):
        for type_id in range(first, 256):
            with pytest.raises(VariantDecodeError, match=f"Godot {version} has no type {type_id}"):
                decode(struct.pack("<I", type_id) + bytes(100), version=version)


COUNTS = [5, 0x0FFFFFFF, 0x10000000, 0x15555556, 0x20000000, 0x55555556, 0x7FFFFFFC, 0x7FFFFFFF, 0x80000005, 0xFFFFFFFF]


@pytest.mark.parametrize(("version", "first", "types"), [(3, 18, 27), (4, 27, 39)])
@pytest.mark.parametrize("count", COUNTS, ids=hex)
@pytest.mark.parametrize("flags", [0, 1])
def test_a_count_takes_no_memory(version: int, first: int, types: int, count: int, flags: int) -> None:
    """Whatever a packet of a hundred bytes says, it becomes no more than some kilobytes."""
    tracemalloc.start()
    try:
        for type_id in (4, 15 if version == 3 else 22, 17 if version == 3 else 24, *range(first, types)):
            for before in (b"", b"\2\0\0\0"):
                data = struct.pack("<I", type_id | flags << 16) + before + struct.pack("<I", count) + bytes(88)
                with contextlib.suppress(VariantDecodeError):
                    decode(data, version=version, allow_objects=True)
                assert tracemalloc.get_traced_memory()[1] < 50_000
    finally:
        tracemalloc.stop()


def test_small_things_in_great_number_take_memory_in_proportion() -> None:
    """The worst that a packet can do is to hold nothing but empty containers."""
    data = struct.pack("<II", 19, 10_000) + struct.pack("<II", 18, 0) * 10_000
    tracemalloc.start()
    try:
        assert len(decode(data)) == 10_000
        assert tracemalloc.get_traced_memory()[1] < 15 * len(data)
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (b"", Error.ERR_INVALID_DATA),
        (b"\0\0\0", Error.ERR_INVALID_DATA),
        (struct.pack("<I", 2), Error.ERR_INVALID_DATA),
        (struct.pack("<II", 4, 1), Error.ERR_FILE_EOF),
        (struct.pack("<Ii", 4, -1), Error.ERR_FILE_EOF),
        (struct.pack("<II", 4, 1) + b"a", Error.ERR_FILE_EOF),
        (struct.pack("<II", 4, 1) + b"\xff\0\0\0", Error.ERR_INVALID_DATA),
        (struct.pack("<IIII", 15, 0x80000001, 0, 0) + struct.pack("<I", 9), Error.ERR_FILE_EOF),
        (struct.pack("<III", 19, 1, 4), Error.ERR_INVALID_DATA),
        (struct.pack("<IIII", 19, 1, 4, 9), Error.ERR_FILE_EOF),
        (struct.pack("<III", 20, 0x80000000, 0), Error.ERR_INVALID_DATA),
        (struct.pack("<II", 17, 0), Error.ERR_UNAUTHORIZED),
        # Counts that are too large: what matters is where the data end.
        (struct.pack("<II", 19, 9), Error.ERR_INVALID_DATA),
        (struct.pack("<IIII", 19, 9, 0, 17), Error.ERR_UNAUTHORIZED),
        (struct.pack("<IIIII", 18, 9, 0, 4, 9), Error.ERR_FILE_EOF),
        (struct.pack("<III", 23, 9, 1), Error.ERR_FILE_EOF),
        (struct.pack("<IIII", 23, 9, 0, 0), Error.ERR_INVALID_DATA),
        (struct.pack("<IIIII", 15, 0x80000009, 0, 0, 9), Error.ERR_FILE_EOF),
    ],
)
def test_an_error_has_the_code_that_godot_gives(data: bytes, error: Error) -> None:
    with pytest.raises(VariantDecodeError) as caught:
        decode(data)
    assert caught.value.error is error


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (b"a\0b", "a"),
        (b"a\0\xff", "a"),
        (b"\0", ""),
        (b"\xef\xbb\xbfa", "a"),
        (b"\xef\xbb\xbf", ""),
        (b"\xef\xbb\xbf\xef\xbb\xbfa", "\ufeffa"),
        (b"a\xef\xbb\xbf", "a\ufeff"),
        (b"\xef\xbb\xbf\0a", ""),
        ("é€😀".encode(), "é€😀"),
    ],
)
def test_a_string_ends_at_a_nul_and_has_no_byte_order_mark(raw: bytes, text: str) -> None:
    data = struct.pack("<II", 4, len(raw)) + raw + bytes(-len(raw) % 4)
    for version in (3, 4):
        assert decode(data, version=version) == text
        assert decode(data, version=version) == text  # once more, where short strings are remembered


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (b"\xed\xa0\x80", "\ud800"),
        (b"\xed\xbf\xbfx", "\udfffx"),
        (b"\xed\xa0\xbd\xed\xb8\x80", "\ud83d\ude00"),
        (b"\xe0\x80\xaf", "/"),
        (b"\xe0\x81\x81", "A"),
        (b"\xf0\x80\x90\x80", "\u0400"),
        (b"\xf8\x80\x84\x80\x80", "\u4000"),
        (b"a\xed\xa0\x80\xc3\xa9", "a\ud800é"),
        (b"\xed\xa0\x80\0\xff", "\ud800"),
    ],
)
def test_godot_3_takes_more_than_utf_8_and_godot_4_does_not(raw: bytes, text: str) -> None:
    data = struct.pack("<II", 4, len(raw)) + raw + bytes(-len(raw) % 4)
    assert decode(data) == text
    with pytest.raises(VariantDecodeError, match="is not UTF-8"):
        decode(data, version=4)


@pytest.mark.parametrize(
    "raw",
    [
        b"\x80",
        b"\xc0\xaf",
        b"\xc1\x81",
        b"\xc3",
        b"\xc3a",
        b"\xe2\x82",
        b"\xe2\x28\xa1",
        b"\xe0\x80\x8f",
        b"\xf0\x80\x80\xaf",
        b"\xf0\x9f\x98",
        b"\xf4\x90\x80\x80",
        b"\xf8\x88\x80\x80\x80",
        b"\xf8\x80\x80\x80\xaf",
        b"\xfc\x84\x80\x80\x80\x80",
        b"\xfe",
        b"\xff",
        b"ok\xff",
    ],
)
def test_what_is_no_text_in_either_version_is_refused(raw: bytes) -> None:
    data = struct.pack("<II", 4, len(raw)) + raw + bytes(-len(raw) % 4)
    for version in (3, 4):
        with pytest.raises(VariantDecodeError, match="is not UTF-8"):
            decode(data, version=version)


def test_a_path_with_the_flags_of_old_has_one_subname_more() -> None:
    parts = b"".join(struct.pack("<I4s", 1, name) for name in (b"a", b"b"))
    assert decode(struct.pack("<IIII", 15, 0x80000001, 0, 2) + parts) == NodePath("a:b")


def test_the_names_of_a_path_are_counted_in_32_bits() -> None:
    assert decode(struct.pack("<IIII", 15, 0xFFFFFFFF, 0x80000001, 0)) == NodePath("")
    with pytest.raises(VariantDecodeError):
        decode(struct.pack("<IIII", 15, 0xFFFFFFFF, 0x80000002, 0))


def test_an_absolute_path_to_nothing_is_empty() -> None:
    assert decode(encode(NodePath("/"))) == NodePath("")


def test_the_floats_of_a_godot_with_double_precision_are_read_and_kept() -> None:
    wide = 1 << 16
    assert decode(struct.pack("<I3d", 9 | wide, 0.1, 0.2, 0.3), version=4) == Vector3(0.1, 0.2, 0.3)
    assert decode(struct.pack("<I4d", 7 | wide, 1, 2, 3, 4), version=4) == Rect2((1, 2), (3, 4))  # type: ignore[arg-type]
    data = struct.pack("<II3d", 36 | wide, 1, 0.1, 0.2, 0.3)
    vectors = decode(data, version=4)
    assert vectors == PoolVector3Array.from_data(array("d", [0.1, 0.2, 0.3]))
    assert encode(vectors, version=4) == data
    assert decode(encode(vectors)) == PoolVector3Array([(0.1, 0.2, 0.3)])


def test_a_color_never_has_wide_floats() -> None:
    data = struct.pack("<I4f", 20 | 1 << 16, 1, 0, 0, 1)
    assert encode(decode(data, version=4), version=4) == struct.pack("<I4f", 20, 1, 0, 0, 1)


def test_other_flags_do_not_matter() -> None:
    for flags in (0x100, 0x8000, 0x20000, 0x80000000):
        assert decode(struct.pack("<II", 2 | flags, 5)) == 5
        assert decode(struct.pack("<I2f", 5 | flags | 1 << 16, 1, 2)) == (1, 2)


def test_nothing_of_a_failed_packet_is_left_behind() -> None:
    with pytest.raises(VariantDecodeError):
        decode(struct.pack("<III", 19, 2, 0))
    assert decode(encode([None, None])) == [None, None]


def test_the_corpus_has_every_type() -> None:
    assert {packet.data[0] for packet in PACKETS if packet.version == 3} == set(range(27))
    assert {packet.data[0] for packet in PACKETS if packet.version == 4} == set(range(39))
    assert all(isinstance(packet, Packet) for packet in PACKETS)


def test_a_deep_typed_container_that_lies_is_told_without_recursion() -> None:
    deep: list[object] = []
    for _ in range(1000):
        deep = [deep]
    for value in (TypedArray([deep], "int"), TypedDictionary({1: deep}, "int", "int")):
        with pytest.raises(VariantEncodeError, match="a list is no int"):
            encode(value, version=4)
    with pytest.raises(VariantEncodeError, match="cannot be sent"):
        encode(EncodedObject("A", {1: deep}), full_objects=True)  # type: ignore[dict-item]
    with pytest.raises(VariantEncodeError, match="cannot be sent"):
        encode(PoolStringArray([deep]))  # type: ignore[list-item]
