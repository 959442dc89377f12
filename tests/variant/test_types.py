"""Godot's own types: how they are made, compared and shown; and the names that the package has."""

from __future__ import annotations

import copy
import pickle
from array import array
from typing import Any

import pytest

from pyws_browser import variant
from pyws_browser.variant import (
    Basis,
    Callable,
    Color,
    EncodedObject,
    Key,
    NodePath,
    PackedVector3Array,
    PackedVector4Array,
    PoolColorArray,
    PoolStringArray,
    PoolVector2Array,
    PoolVector3Array,
    Quat,
    Quaternion,
    Rect2,
    StringName,
    Transform,
    Transform3D,
    TypedArray,
    TypedDictionary,
    Vector2,
    Vector3,
    Vector4,
)

from .samples import same


def test_the_package_has_these_names_and_no_others() -> None:
    modules = {"arrays", "codec", "types", "annotations"}
    # pytest puts names that begin with @ into the modules of packages that bring a plugin.
    assert {name for name in vars(variant) if name[0] not in "_@"} - modules == set(variant.__all__)
    assert variant.__all__ == [
        "AABB",
        "RID",
        "Basis",
        "Callable",
        "Color",
        "EncodedObject",
        "EncodedObjectAsID",
        "Key",
        "NodePath",
        "PackedColorArray",
        "PackedStringArray",
        "PackedVector2Array",
        "PackedVector3Array",
        "PackedVector4Array",
        "Plane",
        "PoolColorArray",
        "PoolStringArray",
        "PoolVector2Array",
        "PoolVector3Array",
        "Projection",
        "Quat",
        "Quaternion",
        "Rect2",
        "Rect2i",
        "Signal",
        "StringName",
        "Transform",
        "Transform2D",
        "Transform3D",
        "TypedArray",
        "TypedDictionary",
        "Vector2",
        "Vector2i",
        "Vector3",
        "Vector3i",
        "Vector4",
        "Vector4i",
        "decode",
        "decode_from",
        "encode",
    ]


def test_without_arguments_a_type_is_what_it_is_in_godot() -> None:
    assert Quat() == (0, 0, 0, 1)
    assert Color() == (0, 0, 0, 1)
    assert Color(1, 0, 0) == Color(1, 0, 0, 1)
    assert Transform().basis == Basis((1, 0, 0), (0, 1, 0), (0, 0, 1))  # type: ignore[arg-type]
    assert Rect2() == ((0, 0), (0, 0))


def test_what_godot_4_renamed_is_the_same_class() -> None:
    assert Quaternion is Quat
    assert Transform3D is Transform
    assert PackedVector3Array is PoolVector3Array


class TestNodePath:
    @pytest.mark.parametrize(
        ("path", "names", "subnames", "absolute"),
        [
            ("", (), (), False),
            ("/", (), (), True),
            ("a", ("a",), (), False),
            ("/root", ("root",), (), True),
            ("../a/b", ("..", "a", "b"), (), False),
            ("/root/A:b:c", ("root", "A"), ("b", "c"), True),
            (":b", (), ("b",), False),
            ("a//b/", ("a", "b"), (), False),
            ("a:", ("a",), (), False),
            ("a:b:", ("a",), ("b",), False),
        ],
    )
    def test_is_parsed_as_godot_parses_it(
        self, path: str, names: tuple[str, ...], subnames: tuple[str, ...], absolute: bool
    ) -> None:
        assert NodePath(path) == NodePath(names, subnames, absolute)

    @pytest.mark.parametrize("path", ["", "/", "a", "/root/A:b:c", "../a", ":b"])
    def test_is_shown_as_it_was_given(self, path: str) -> None:
        assert str(NodePath(path)) == path
        assert repr(NodePath(path)) == f"NodePath({path!r})"

    def test_takes_its_parts_together(self) -> None:
        assert NodePath("a:b", ["c"], absolute=True) == NodePath("/a:b:c")

    def test_cannot_have_a_subname_without_a_name(self) -> None:
        for path in ("a::b", "::b", "a:b::"):
            with pytest.raises(ValueError, match="between its colons"):
                NodePath(path)


class TestVectorArray:
    def test_is_a_sequence_of_vectors(self) -> None:
        vectors = PoolVector2Array([(1, 2), Vector2(3, 4), [5, 6]])
        assert len(vectors) == 3
        assert list(vectors) == [Vector2(1, 2), Vector2(3, 4), Vector2(5, 6)]
        assert same(vectors[1], Vector2(3.0, 4.0))
        assert vectors[-1] == Vector2(5, 6)
        assert Vector2(3, 4) in vectors
        assert vectors.index(Vector2(5, 6)) == 2
        assert repr(PoolVector2Array([(1, 2)])) == "PoolVector2Array([Vector2(x=1.0, y=2.0)])"
        with pytest.raises(IndexError):
            vectors[3]

    def test_is_sliced_into_others(self) -> None:
        vectors = PoolVector2Array([(i, i) for i in range(5)])
        assert vectors[1:3] == PoolVector2Array([(1, 1), (2, 2)])
        assert vectors[::-2] == PoolVector2Array([(4, 4), (2, 2), (0, 0)])
        assert vectors[5:] == PoolVector2Array()

    def test_keeps_its_numbers_in_one_array(self) -> None:
        vectors = PoolVector3Array([(1, 2, 3)])
        assert vectors.data == array("f", [1, 2, 3])
        vectors.data[0] = 9
        assert vectors[0] == Vector3(9, 2, 3)

    @pytest.mark.parametrize(
        "numbers",
        [
            array("f", [1, 2, 3, 4]),
            array("d", [1, 2, 3, 4]),
            memoryview(array("f", [1, 2, 3, 4])).cast("B").cast("f", [2, 2]),
        ],
    )
    def test_is_made_of_any_buffer_of_floats(self, numbers: Any) -> None:
        assert PoolVector2Array(numbers) == PoolVector2Array([(1, 2), (3, 4)])

    def test_does_not_share_the_memory_of_what_it_is_made_of(self) -> None:
        numbers = array("f", [1, 2])
        vectors = PoolVector2Array(numbers)
        numbers[0] = 5
        assert vectors[0] == Vector2(1, 2)

    @pytest.mark.parametrize(
        "numbers",
        [
            [(1, 2, 3)],
            [(1,)],
            [(1,), (2, 3, 4)],
            array("f", [1, 2, 3]),
            array("i", [1, 2]),
            b"abcdefgh",
            memoryview(array("f", [1, 2, 3, 4, 5, 6])).cast("B").cast("f", [2, 3]),
        ],
    )
    def test_is_made_of_whole_vectors_of_floats_only(self, numbers: Any) -> None:
        with pytest.raises(ValueError, match=r"vectors with 2 numbers|holds no"):
            PoolVector2Array(numbers)

    def test_is_equal_to_its_own_kind_only(self) -> None:
        assert PoolColorArray([(1, 2, 3, 4)]) == PoolColorArray([Color(1, 2, 3, 4)])
        assert PoolColorArray([(1, 2, 3, 4)]) != PackedVector4Array([Vector4(1, 2, 3, 4)])
        assert PoolVector2Array() != []
        with pytest.raises(TypeError):
            hash(PoolVector2Array())


@pytest.mark.parametrize(
    "value",
    [
        Vector2(1.0, 2.0),
        NodePath("/a/b:c"),
        StringName("a"),
        Callable(),
        EncodedObject("A", {"b": 1}),
        PoolStringArray(["a"]),
        PoolVector2Array([(1, 2)]),
        TypedArray([1], "int"),
        TypedDictionary({1: 2}, "int", "int"),
        Key([1]),
    ],
    ids=repr,
)
def test_a_value_can_be_copied_and_pickled(value: Any) -> None:
    for again in (copy.copy(value), copy.deepcopy(value), pickle.loads(pickle.dumps(value))):
        assert same(again, value)


def test_a_string_tells_what_it_is() -> None:
    assert repr(StringName("a")) == "StringName('a')"
    assert StringName("a") == "a"
    assert repr(PoolStringArray(["a"])) == "PoolStringArray(['a'])"
