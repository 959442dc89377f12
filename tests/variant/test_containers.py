"""Dictionaries, typed containers, objects, and how deep it all goes."""

from __future__ import annotations

import math
import struct
import sys
from array import array
from typing import Any

import pytest

from pyws_browser.errors import Error, VariantDecodeError, VariantEncodeError
from pyws_browser.variant import (
    Color,
    EncodedObject,
    EncodedObjectAsID,
    Key,
    NodePath,
    PoolStringArray,
    PoolVector2Array,
    Quat,
    StringName,
    TypedArray,
    TypedDictionary,
    Vector2,
    Vector2i,
    decode,
    decode_from,
    encode,
)

from .samples import same


def dictionary(*entries: tuple[Any, Any], version: int = 3) -> bytes:
    """Encode entries with keys that one dict may not be able to hold."""
    parts = [encode(part, version=version) for entry in entries for part in entry]
    return encode({}, version=version)[:4] + struct.pack("<I", len(entries)) + b"".join(parts)


def nested_data(depth: int, innermost: bytes, header: bytes = b"\x13\0\0\0\1\0\0\0") -> bytes:
    return header * depth + innermost


def nested(depth: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(depth):
        value = [value]
    return value


class TestDictionary:
    def test_sends_keys_of_every_type_in_their_places(self) -> None:
        value = {
            "a": [1, {"b": 2}],
            300: {},
            -1: "c",
            1.5: {"d": [None]},
            "e": 4,
            (1, ("f",)): [5],
            None: {6: 7},
            Vector2(1.0, 2.0): b"",
            "g": {},
        }
        expected = [encode(part) for entry in value.items() for part in entry]
        assert encode(value) == struct.pack("<II", 18, len(value)) + b"".join(expected)

    def test_keeps_its_order(self) -> None:
        value = {"b": 1, "a": 2, 0: 3}
        assert list(decode(encode(value))) == ["b", "a", 0]

    def test_takes_the_last_of_equal_keys_in_the_place_of_the_first(self) -> None:
        assert same(decode(dictionary(("a", 1), ("b", 2), ("a", 3))), {"a": 3, "b": 2})

    def test_takes_every_nan_for_one_key(self) -> None:
        value = decode(dictionary((math.nan, 1), ("a", 2), (math.nan, 3)))
        assert list(value.values()) == [3, 2]

    @pytest.mark.parametrize(
        ("first", "second"),
        [(1, 1.0), (1, True), (0.0, False), (Quat(1.0, 0.0, 0.0, 0.5), Color(1.0, 0.0, 0.0, 0.5))],
    )
    def test_keeps_keys_that_are_one_in_python_and_two_in_godot(self, first: Any, second: Any) -> None:
        data = dictionary((first, "a"), (second, "b"), (first, "c"))
        value = decode(data)
        assert same(value, {first: "c", Key(second): "b"})
        assert encode(value) == dictionary((first, "c"), (second, "b"))

    @pytest.mark.parametrize(
        "key",
        [
            [1, "a"],
            {"a": 1},
            array("i", [1]),
            array("f", [0.1]),
            PoolStringArray(["a"]),
            PoolVector2Array([(1, 2)]),
            [{"a": [array("i")]}],
        ],
        ids=repr,
    )
    def test_keeps_keys_that_python_cannot_have(self, key: Any) -> None:
        data = dictionary((key, 1), ("b", 2), (key, 3))
        value = decode(data)
        assert value == {Key(key): 3, "b": 2}
        assert encode(value) == dictionary((key, 3), ("b", 2))

    def test_may_have_a_whole_object_as_a_key(self) -> None:
        thing = EncodedObject("Reference", {"a": 1})
        data = encode({Key(thing): 1}, full_objects=True)
        assert decode(data, allow_objects=True) == {Key(thing): 1}

    def test_of_godot_4_takes_a_string_name_for_the_string(self) -> None:
        value = decode(dictionary(("a", 1), (StringName("a"), 2), version=4), version=4)
        assert value == {"a": 2}

    def test_may_have_keys_in_its_keys(self) -> None:
        key = struct.pack("<II", 18, 1) + encode([1]) + encode(2)
        data = struct.pack("<II", 18, 2) + key + encode(3) + encode([{"a": [4]}]) + encode(5)
        value = decode(data)
        assert value == {Key({Key([1]): 2}): 3, Key([{"a": [4]}]): 5}
        assert encode(value) == data

    def test_has_keys_in_keys_eight_deep_lest_they_take_more_memory_than_they_came_in(self) -> None:
        data = encode([])
        for _ in range(9):
            value = decode(struct.pack("<II", 18, 1) + data + encode(None))
            data = encode(value)
        with pytest.raises(VariantDecodeError, match="no more than 8 may be"):
            decode(struct.pack("<II", 18, 1) + data + encode(None))
        with pytest.raises(VariantEncodeError, match="no more than 8 may be"):
            Key({Key(value): None})

    def test_many_keys_that_python_cannot_have_take_their_time_once(self) -> None:
        data = dictionary(*(([i], i) for i in range(5000)))
        assert len(decode(data)) == 5000


class TestKey:
    def test_is_equal_to_another_that_is_sent_as_the_same_bytes(self) -> None:
        assert Key([1]) == Key([1])
        assert hash(Key([1])) == hash(Key([1]))
        assert Key([1]) != Key([1.0])
        assert Key([1]) != [1]
        assert repr(Key([1])) == "Key([1])"

    def test_can_be_made_of_what_can_be_sent_only(self) -> None:
        with pytest.raises(VariantEncodeError):
            Key({1, 2})
        with pytest.raises(VariantEncodeError):
            Key([Vector2i()])
        assert Key([Vector2i()], version=4).version == 4


class TestTypedContainers:
    @pytest.mark.parametrize(
        "value",
        [
            TypedArray([1, 2], "int"),
            TypedArray([], "Vector2i"),
            TypedArray([[1], []], "Array"),
            TypedArray([b"", b"a"], "PackedByteArray"),
            TypedArray([array("q", [1])], "PackedInt64Array"),
            TypedArray([EncodedObjectAsID(5), None], "EncodedObjectAsID"),
            TypedArray([TypedArray([1.5], "float")], "Array"),
            TypedDictionary({"a": 1}, "String", "int"),
            TypedDictionary({"a": [1]}, "String"),
            TypedDictionary({1: "a"}, value_type="String"),
            TypedDictionary({Key([1], version=4): 1}, "Array", "int"),
        ],
        ids=repr,
    )
    def test_come_back_as_they_were(self, value: Any) -> None:
        assert same(decode(encode(value, version=4), version=4), value)

    @pytest.mark.parametrize(
        "value",
        [
            TypedArray([EncodedObject("Node", {})], "Node"),
            TypedArray([None], "res://enemy.gd"),
            TypedArray([], "Object"),
            TypedArray([EncodedObject("Node", {})], ""),
            TypedDictionary({}, "Node", "res://enemy.gd"),
            TypedDictionary({}, "", ""),
        ],
        ids=repr,
    )
    def test_of_objects_keep_the_class_where_objects_are_allowed(self, value: Any) -> None:
        data = encode(value, version=4, full_objects=True)
        assert same(decode(data, version=4, allow_objects=True), value)

    def test_of_objects_hold_ids_where_objects_are_not_allowed(self) -> None:
        value = TypedArray([EncodedObjectAsID(5)], "Node")
        data = encode(value, version=4)
        assert data == encode(TypedArray(value, "EncodedObjectAsID"), version=4)
        assert decode(data, version=4).element_type == "EncodedObjectAsID"
        full = encode(TypedArray([], "res://enemy.gd"), version=4, full_objects=True)
        assert decode(full, version=4).element_type == "EncodedObjectAsID"
        builtin_object = encode(TypedArray([], "int"), version=4)[:4] + struct.pack("<II", 24, 0)
        assert decode(builtin_object, version=4).element_type == "EncodedObjectAsID"

    def test_without_a_type_are_like_any_other(self) -> None:
        assert encode(TypedArray([1]), version=4) == encode([1], version=4)
        assert encode(TypedDictionary({1: 2}), version=4) == encode({1: 2}, version=4)
        assert type(decode(encode([1], version=4), version=4)) is list

    @pytest.mark.parametrize(
        ("value", "complaint"),
        [
            (TypedArray(["a"], "int"), "a str is no int"),
            (TypedArray([1], "float"), "a int is no float"),
            (TypedArray([None], "int"), "a NoneType is no int"),
            (TypedArray([1], "Node"), "a int is no Node"),
            (TypedArray([1], ""), "a int is no Object"),
            (TypedArray([1, 2], "integer"), "a int is no integer"),
            (TypedDictionary({1: 2}, "String"), "a int is no String"),
            (TypedDictionary({1: 2}, "int", "String"), "a int is no String"),
        ],
    )
    def test_are_sent_with_nothing_else_in_them(self, value: Any, complaint: str) -> None:
        with pytest.raises(VariantEncodeError, match=complaint):
            encode(value, version=4)

    @pytest.mark.parametrize(
        ("sent", "element_type", "kept"),
        [
            ([1, "a", None, 2.9, 3], "int", [1, 2, 3]),
            (["a", StringName("b"), 1], "String", ["a", "b"]),
            (["a", StringName("b"), NodePath("c")], "StringName", [StringName("a"), StringName("b")]),
            ([1, 2.5, True, 2**24 + 1], "float", [1.0, 2.5, 1.0, 2.0**24 + 1]),
            ([None, 1, EncodedObjectAsID(5)], "EncodedObjectAsID", [None, EncodedObjectAsID(5)]),
            ([[1], TypedArray([1], "int"), {}], "Array", [[1], TypedArray([1], "int")]),
            ([Vector2i(1, 2), Vector2(1.0, 2.0)], "Vector2i", [Vector2i(1, 2), Vector2i(1, 2)]),
        ],
        ids=repr,
    )
    def test_that_hold_something_else_are_read_as_godot_reads_them(
        self, sent: list[Any], element_type: str, kept: list[Any]
    ) -> None:
        header = encode(TypedArray([], element_type), version=4)[:-4]
        data = header + struct.pack("<I", len(sent)) + b"".join(encode(value, version=4) for value in sent)
        value = decode(data, version=4)
        assert same(value, TypedArray(kept, element_type))
        assert same(decode(encode(value, version=4), version=4), value)

    def test_dictionaries_leave_out_keys_of_another_type_and_no_values(self) -> None:
        header = encode(TypedDictionary({}, "StringName", "int"), version=4)[:-4]
        entries = [("a", 1), (2, 2), (None, 3), (StringName("b"), "four"), ("a", 5)]
        sent = b"".join(encode(part, version=4) for entry in entries for part in entry)
        value = decode(header + struct.pack("<I", len(entries)) + sent, version=4)
        assert same(value, TypedDictionary({StringName("a"): 5, StringName("b"): "four"}, "StringName", "int"))

    @pytest.mark.parametrize(
        ("flags", "body"),
        [
            (1, struct.pack("<II", 39, 0)),
            (1, struct.pack("<I", 2)),
            (2, struct.pack("<I", 5) + b"Node"),
            (3, struct.pack("<I", 4) + b"Node" + struct.pack("<I", 0)),
        ],
    )
    def test_of_no_known_type_are_refused(self, flags: int, body: bytes) -> None:
        with pytest.raises(VariantDecodeError):
            decode(struct.pack("<I", 28 | flags << 16) + body, version=4, allow_objects=True)

    def test_show_their_types(self) -> None:
        assert repr(TypedArray([1], "int")) == "TypedArray([1], 'int')"
        assert repr(TypedDictionary({1: 2}, "int")) == "TypedDictionary({1: 2}, 'int', 'Variant')"


class TestObjects:
    def test_are_never_made(self) -> None:
        data = encode([EncodedObject("OS", {"a": 1, "b": [2]})], full_objects=True)
        assert same(decode(data, allow_objects=True), [EncodedObject("OS", {"a": 1, "b": [2]})])

    def test_are_refused_unless_they_are_allowed(self) -> None:
        with pytest.raises(VariantDecodeError, match="allow_objects") as caught:
            decode(encode([EncodedObject("OS", {})], full_objects=True))
        assert caught.value.error is Error.ERR_UNAUTHORIZED

    def test_without_a_class_or_an_id_are_none(self) -> None:
        assert decode(struct.pack("<II", 17, 0), allow_objects=True) is None
        assert decode(struct.pack("<IQ", 17 | 1 << 16, 0)) is None

    def test_with_a_negative_count_have_no_properties(self) -> None:
        data = struct.pack("<II4si", 17, 4, b"Node", -1)
        assert decode(data, allow_objects=True) == EncodedObject("Node", {})

    def test_with_more_properties_than_there_are_data_are_refused(self) -> None:
        with pytest.raises(VariantDecodeError, match="the data end inside"):
            decode(struct.pack("<II4sI", 17, 4, b"Node", 0x7FFFFFFF), allow_objects=True)


class TestDepth:
    HEADERS = (
        (3, b"\x13\0\0\0\1\0\0\0"),
        (3, b"\x12\0\0\0\1\0\0\0\0\0\0\0"),
        (3, b"\x11\0\0\0\1\0\0\0O\0\0\0\1\0\0\0\1\0\0\0p\0\0\0"),
        (4, b"\x1c\0\1\0\x1c\0\0\0\1\0\0\0"),
    )

    @pytest.mark.parametrize(("version", "header"), HEADERS)
    def test_of_1024_is_read(self, version: int, header: bytes) -> None:
        decode(nested_data(1024, b"\0\0\0\0", header), version=version, allow_objects=True)

    @pytest.mark.parametrize(("version", "header"), HEADERS)
    @pytest.mark.parametrize("depth", [1025, 300_000])
    def test_of_more_is_refused(self, version: int, header: bytes, depth: int) -> None:
        with pytest.raises(VariantDecodeError) as caught:
            decode(nested_data(depth, b"\0\0\0\0", header), version=version, allow_objects=True)
        assert caught.value.error is Error.ERR_OUT_OF_MEMORY

    def test_of_1024_is_written(self) -> None:
        assert encode(nested(1024)) == nested_data(1024, b"\x13\0\0\0\0\0\0\0")

    @pytest.mark.parametrize("depth", [1025, 300_000])
    def test_of_more_is_not_written(self, depth: int) -> None:
        with pytest.raises(VariantEncodeError, match="more than 1024 deep") as caught:
            encode(nested(depth))
        assert caught.value.error is Error.ERR_OUT_OF_MEMORY

    def test_takes_nothing_from_pythons_stack(self) -> None:
        data = nested_data(1024, b"\0\0\0\0")
        limit = sys.getrecursionlimit()
        frame, used = sys._getframe(), 0
        while frame := frame.f_back:  # type: ignore[assignment]
            used += 1
        sys.setrecursionlimit(used + 30)
        try:
            assert encode(decode(data)) == data
        finally:
            sys.setrecursionlimit(limit)

    def test_without_end_is_told_apart(self) -> None:
        loop: list[Any] = [1]
        loop.append({"a": (loop, 2)})
        around: dict[str, Any] = {}
        around["self"] = [around]
        thing = EncodedObject("Node", {})
        thing.properties["self"] = [thing]  # type: ignore[index]
        for value in (loop, around, thing):
            with pytest.raises(VariantEncodeError, match="contains itself") as caught:
                encode(value, full_objects=True)
            assert caught.value.error is Error.ERR_OUT_OF_MEMORY

    def test_is_not_what_it_is_to_hold_a_thing_twice(self) -> None:
        shared = [1]
        assert decode(encode([shared, shared])) == [[1], [1]]


class TestDecodeFrom:
    def test_tells_where_the_next_value_begins(self) -> None:
        values = [1, "abc", [b"a", None], {"x": 2.5}]
        data = b"".join(map(encode, values))
        pos = 0
        for value in values:
            got, pos = decode_from(data, pos)
            assert got == value
        assert pos == len(data)

    def test_begins_at_any_byte(self) -> None:
        value = ["abcde", b"abc", PoolStringArray(["a", "bcd"]), 5]
        for offset in range(5):
            assert decode_from(b"x" * offset + encode(value), offset) == (value, offset + len(encode(value)))

    def test_never_ends_behind_the_data(self) -> None:
        assert decode_from(encode(b"a")[:-3]) == (b"a", 9)

    @pytest.mark.parametrize("offset", [-1, 5])
    def test_begins_within_the_data(self, offset: int) -> None:
        with pytest.raises(VariantDecodeError, match="there is no byte"):
            decode_from(b"\0\0\0\0", offset)

    def test_takes_any_buffer_and_nothing_else(self) -> None:
        for data in (bytearray(8), memoryview(bytes(16))[::2], array("i", [0, 0])):
            assert decode(data) is None
        with pytest.raises(TypeError):
            decode("\0\0\0\0")  # type: ignore[arg-type]
        with pytest.raises(TypeError):
            decode(4)  # type: ignore[arg-type]
