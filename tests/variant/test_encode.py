"""What Python values become, and what is said of those that become nothing."""

from __future__ import annotations

import ctypes
import enum
import math
import struct
import sys
from array import array
from collections import OrderedDict, defaultdict, deque
from typing import Any, NamedTuple

import pytest

import pyws_browser
from pyws_browser.errors import Error, InvalidOptionError, VariantEncodeError
from pyws_browser.variant import (
    RID,
    Basis,
    Callable,
    Color,
    EncodedObject,
    EncodedObjectAsID,
    Key,
    NodePath,
    PackedVector4Array,
    PoolColorArray,
    PoolStringArray,
    PoolVector3Array,
    Rect2,
    Rect2i,
    Signal,
    StringName,
    TypedArray,
    TypedDictionary,
    Vector2,
    Vector2i,
    Vector3,
    Vector3i,
    Vector4,
    Vector4i,
    _rows,
    decode,
    encode,
)

from .samples import same


def name_of(value: object) -> str:
    """Return the repr without an address, which would be another one in each process."""
    return repr(value).split(" at 0x")[0]


class Team(enum.IntEnum):
    RED = 7


class Mode(str, enum.Enum):  # noqa: UP042 -- whose str() is not its value
    SOLO = "solo"


class Point(NamedTuple):
    x: int
    y: int


class Spot(Vector2):
    """A vector with more to it."""


class Index:
    """A number of another library."""

    def __index__(self) -> int:
        return 300


class Words(list[str]):
    pass


@pytest.mark.parametrize(
    ("value", "as_what"),
    [
        (True, True),
        (Team.RED, 7),
        (Mode.SOLO, "solo"),
        (Index(), 300),
        ((1, 2), [1, 2]),
        (Point(1, 2), [1, 2]),
        (Spot(1.0, 2.0), Vector2(1.0, 2.0)),
        (Words(["a"]), ["a"]),
        (OrderedDict(a=1), {"a": 1}),
        (defaultdict(int, a=1), {"a": 1}),
        (bytearray(b"abc"), b"abc"),
        (memoryview(b"abc"), b"abc"),
        (memoryview(b"abcdef")[::2], b"ace"),
        (array("B", [1, 2]), b"\1\2"),
        (memoryview(array("i", [1, 2, 3, 4]))[::2], array("i", [1, 3])),
        ((ctypes.c_int32 * 2)(1, 2), array("i", [1, 2])),
        (memoryview(array("i", [5])).cast("B").cast("i", ()), 5),
        (memoryview(array("f", [0.5])).cast("B").cast("f", ()), 0.5),
        ((ctypes.c_float * 2)(1, 2), array("f", [1, 2])),
        (Rect2((1, 2), (3, 4)), Rect2(Vector2(1.0, 2.0), Vector2(3.0, 4.0))),  # type: ignore[arg-type]
        (Vector2(1e300, -1e300), Vector2(math.inf, -math.inf)),
        (Rect2(Vector2(1e300, 0.0)), Rect2(Vector2(math.inf, 0.0))),
    ],
    ids=name_of,
)
def test_a_value_of_another_type_is_sent_as_the_nearest_there_is(value: Any, as_what: Any) -> None:
    assert same(decode(encode(value)), as_what)


@pytest.mark.parametrize("number", [-(2**31) - 1, -(2**31), -1, 0, 255, 256, 2**31 - 1, 2**31, 2**63 - 1, -(2**63)])
def test_an_int_takes_64_bits_where_32_do_not_do(number: int) -> None:
    data = encode(number)
    assert len(data) == (8 if -(2**31) <= number < 2**31 else 12)
    assert same(decode(data), number)


@pytest.mark.parametrize(
    ("number", "size"), [(0.5, 8), (0.1, 12), (3.4028234663852886e38, 8), (3.5e38, 12), (1e-45, 12), (math.nan, 12)]
)
def test_a_float_takes_64_bits_where_32_would_change_it(number: float, size: int) -> None:
    data = encode(number)
    assert len(data) == size
    assert same(decode(data), number)


@pytest.mark.parametrize("sign", [1.0, -1.0])
@pytest.mark.parametrize("exponent", [-1074, -150, -149, -148, -127, -126, -125, 0, 24, 52, 53, 126, 127, 128, 1022])
@pytest.mark.parametrize(
    "mantissa", [1.0, 1.5, 2 - 2**-22, 2 - 2**-23, 2 - 2**-24, 1 + 2**-23, 1 + 2**-24, 1 + 2**-52, 2 - 2**-52]
)
def test_a_float_is_sent_as_one_that_is_the_same(mantissa: float, exponent: int, sign: float) -> None:
    number = sign * math.ldexp(mantissa, exponent)
    try:
        fits = struct.unpack("<f", struct.pack("<f", number))[0] == number
    except OverflowError:
        fits = False
    data = encode(number)
    assert data == (struct.pack("<If", 3, number) if fits else struct.pack("<Id", 3 | 1 << 16, number))
    assert same(decode(data), number)


def test_numbers_of_numpy_are_numbers_and_arrays_are_arrays() -> None:
    np = pytest.importorskip("numpy")
    for number in (np.int8(-5), np.uint64(5), np.float32(0.5), np.float64(0.1), np.bool_(True)):
        assert same(decode(encode(number)), number.item())
    for numbers in (np.arange(4, dtype="i4"), np.arange(4, dtype="f4"), np.arange(8, dtype="f4")[::2]):
        assert same(decode(encode(numbers)), array(numbers.dtype.char, numbers.tolist()))
    assert decode(encode(np.arange(4, dtype="u1"))) == bytes(range(4))
    assert PoolVector3Array(np.arange(6.0).reshape(2, 3)) == PoolVector3Array([(0, 1, 2), (3, 4, 5)])


@pytest.mark.parametrize(
    ("value", "what_to_do"),
    [
        (2**63, "send it as a str"),
        (-(2**63) - 1, "send it as a str"),
        (10**5000, "send it as a str"),
        ({1, 2}, "a set is not a Variant: send None"),
        (deque([1]), "a deque is not a Variant"),
        (1j, "a complex is not a Variant"),
        (object(), "a object is not a Variant"),
        (len, "is not a Variant"),
        ([{"deep": [object()]}], "a object is not a Variant"),
        ("a\0b", "take it out, or send bytes"),
        ("x" * 100 + "\0", "take it out, or send bytes"),
        (PoolStringArray(["\0"]), "take it out"),
        (PoolStringArray([1]), "cannot be sent as PoolStringArray"),  # type: ignore[list-item]
        (NodePath(["a\0"]), "take it out"),
        (array("d", [1.0]), "32-bit floats"),
        (array("q", [1]), "32-bit ints"),
        (array("H", [1]), "convert it"),
        (memoryview(bytes(8)).cast("B", (2, 4)), "2 dimensions"),
        (ctypes.c_longdouble(1), "0 dimensions"),
        (Vector3("x", 0, 0), "cannot be sent as Vector3"),  # type: ignore[arg-type]
        (Rect2(None, None), "cannot be sent as Rect2"),  # type: ignore[arg-type]
        (Rect2((1, 2), (4,)), "cannot be sent as Rect2"),  # type: ignore[arg-type]
        (Basis((1,), (2,), (3,)), "cannot be sent as Basis"),  # type: ignore[arg-type]
        (EncodedObjectAsID(2**64), "cannot be sent as Object"),
        (EncodedObjectAsID(-1), "cannot be sent as Object"),
        (RID(7), "would arrive as RID(id=0)"),
        (Key(1, version=4), "make it with version=3"),
        (PoolVector3Array.from_data(array("f", [1.0])), "whole vectors"),
        (PoolVector3Array.from_data(array("i", [1, 2, 3])), "not an array of floats"),  # type: ignore[arg-type]
    ],
    ids=lambda value: f"{value.bit_length()} bits" if isinstance(value, int) else name_of(value)[:40],
)
def test_what_cannot_be_sent_is_refused_with_advice(value: Any, what_to_do: str) -> None:
    with pytest.raises(VariantEncodeError) as caught:
        encode(value)
    assert what_to_do in str(caught.value)
    assert caught.value.error is Error.ERR_INVALID_DATA
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize(
    "value",
    [
        Vector2i(),
        Rect2i(),
        Vector3i(),
        Vector4(),
        Vector4i(),
        StringName("a"),
        Callable(),
        Signal(),
        PackedVector4Array(),
        TypedArray(),
        TypedDictionary(),
    ],
    ids=repr,
)
def test_what_only_godot_4_has_is_not_sent_to_godot_3(value: Any) -> None:
    with pytest.raises(VariantEncodeError, match="pass version=4"):
        encode([value])
    assert encode(value, version=4)


def test_a_lone_surrogate_is_sent_to_godot_3_which_takes_it_and_not_to_godot_4() -> None:
    assert decode(encode("\ud800x")) == "\ud800x"
    with pytest.raises(VariantEncodeError, match="take it out"):
        encode("\ud800x", version=4)


def test_there_are_no_other_versions() -> None:
    for version in (2, 5):
        with pytest.raises(InvalidOptionError, match="pass version=3 or 4"):
            encode(1, version=version)


def test_a_whole_object_is_sent_only_if_that_is_asked_for() -> None:
    thing = EncodedObject("Resource", {"resource_name": "n", "inside": [EncodedObject("Reference", {})]})
    with pytest.raises(VariantEncodeError, match="full_objects=True") as caught:
        encode([thing])
    assert caught.value.error is Error.ERR_UNAUTHORIZED
    assert same(decode(encode([thing], full_objects=True), allow_objects=True), [thing])


def test_an_object_without_a_class_is_null_to_godot_and_refused() -> None:
    with pytest.raises(VariantEncodeError, match="send None"):
        encode(EncodedObject("", {}), full_objects=True)


def test_a_subclass_of_dict_or_list_may_be_empty() -> None:
    assert encode(defaultdict(int)) == encode({})
    assert encode(Words()) == encode([])


def test_an_array_is_sent_in_the_order_of_the_other_machines() -> None:
    assert encode(array("i", [1])).endswith(b"\1\0\0\0")
    assert encode(PoolColorArray([Color(1, 0, 0, 0)])).endswith(b"\0\0\x80\x3f" + bytes(12))


@pytest.mark.skipif(pyws_browser.compiled, reason="compiled constants stay as they are")
def test_a_big_endian_machine_turns_the_numbers_around(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_rows, "_SWAPPED", sys.byteorder == "little")
    data = encode([array("i", [1]), PoolVector3Array([(1, 2, 3)]), b"ab", Vector2(1e300)])
    assert b"\0\0\0\1" in data
    assert b"\x3f\x80\0\0" in data
    value = decode(data)
    assert value[:3] == [array("i", [1]), PoolVector3Array([(1, 2, 3)]), b"ab"]


def test_more_strings_than_are_kept_are_still_right() -> None:
    texts = [f"text {i}" for i in range(3000)]
    assert decode(encode(texts)) == texts
    assert decode(encode(texts)) == texts
