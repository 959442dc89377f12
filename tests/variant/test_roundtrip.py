"""Whatever can be sent comes back as the same value of the same type."""

from __future__ import annotations

import contextlib
from array import array
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from pyws_browser.errors import VariantDecodeError
from pyws_browser.variant import (
    AABB,
    RID,
    Basis,
    Callable,
    Color,
    EncodedObject,
    EncodedObjectAsID,
    NodePath,
    PackedVector4Array,
    Plane,
    PoolColorArray,
    PoolStringArray,
    PoolVector2Array,
    PoolVector3Array,
    Projection,
    Quat,
    Rect2,
    Rect2i,
    Signal,
    StringName,
    Transform,
    Transform2D,
    TypedArray,
    Vector2,
    Vector2i,
    Vector3,
    Vector3i,
    Vector4,
    Vector4i,
    decode,
    decode_from,
    encode,
)

from .samples import same

f32 = st.floats(width=32, allow_nan=False)
i32 = st.integers(-(2**31), 2**31 - 1)
u64 = st.integers(0, 2**64 - 1)
# What Godot drops when it reads a string is left out: what follows a NUL, and a byte order mark in front.
texts = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])).filter(
    lambda text: not text.startswith("\ufeff")
)
names = texts.filter(bool)


def tuples(make: Any, *parts: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.builds(make, *parts)


vector2, vector3, vector4 = tuples(Vector2, f32, f32), tuples(Vector3, f32, f32, f32), tuples(Vector4, *[f32] * 4)
vector2i = tuples(Vector2i, i32, i32)
basis = tuples(Basis, vector3, vector3, vector3)
paths = st.builds(NodePath, st.lists(names), st.lists(names, min_size=1), st.booleans())

scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats()
    | texts
    | vector2
    | tuples(Rect2, vector2, vector2)
    | vector3
    | tuples(Transform2D, vector2, vector2, vector2)
    | tuples(Plane, vector3, f32)
    | tuples(Quat, f32, f32, f32, f32)
    | tuples(AABB, vector3, vector3)
    | basis
    | tuples(Transform, basis, vector3)
    | tuples(Color, f32, f32, f32, f32)
    | paths
    | st.builds(EncodedObjectAsID, u64.filter(bool))
)
arrays = (
    st.binary()
    | st.lists(i32).map(lambda numbers: array("i", numbers))
    | st.lists(f32).map(lambda numbers: array("f", numbers))
    | st.lists(texts).map(PoolStringArray)
    | st.lists(vector2).map(PoolVector2Array)
    | st.lists(vector3).map(PoolVector3Array)
    | st.lists(tuples(Color, f32, f32, f32, f32)).map(PoolColorArray)
)
scalars_4 = (
    scalars
    | vector2i
    | tuples(Rect2i, vector2i, vector2i)
    | tuples(Vector3i, i32, i32, i32)
    | vector4
    | tuples(Vector4i, i32, i32, i32, i32)
    | tuples(Projection, vector4, vector4, vector4, vector4)
    | texts.map(StringName)
    | st.builds(RID, u64)
    | st.just(Callable())
    | st.builds(Signal, texts, u64)
)
arrays_4 = (
    arrays
    | st.lists(st.integers(-(2**63), 2**63 - 1)).map(lambda numbers: array("q", numbers))
    | st.lists(st.floats()).map(lambda numbers: array("d", numbers))
    | st.lists(vector4).map(PackedVector4Array)
    | st.lists(vector2i).map(lambda vectors: TypedArray(vectors, "Vector2i"))
)


def values(leaves: st.SearchStrategy[Any], keys: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.recursive(
        leaves,
        lambda inner: (
            st.lists(inner)
            | st.dictionaries(keys, inner)
            | st.builds(EncodedObject, names, st.dictionaries(texts, inner))
        ),
        max_leaves=8,
    )


@given(values(scalars | arrays | st.just(RID()), scalars))
def test_a_value_of_godot_3_comes_back(value: Any) -> None:
    data = encode(value, full_objects=True)
    assert len(data) % 4 == 0
    again = decode(data, allow_objects=True)
    assert same(again, value)
    assert encode(again, full_objects=True) == data


@given(values(scalars_4 | arrays_4, scalars_4))
def test_a_value_of_godot_4_comes_back(value: Any) -> None:
    data = encode(value, version=4, full_objects=True)
    assert len(data) % 4 == 0
    assert same(decode(data, version=4, allow_objects=True), value)


@given(scalars | arrays, st.binary(max_size=20))
def test_what_follows_a_value_does_not_matter(value: Any, more: bytes) -> None:
    data = encode(value, full_objects=True)
    again, end = decode_from(data + more, allow_objects=True)
    assert same(again, value)
    assert end == len(data)


@given(st.binary(max_size=200), st.sampled_from([3, 4]), st.booleans())
@settings(max_examples=500)
def test_any_bytes_are_a_value_or_a_named_error(data: bytes, version: int, allow_objects: bool) -> None:
    with contextlib.suppress(VariantDecodeError):
        decode(data, version=version, allow_objects=allow_objects)


@given(st.data(), values(scalars | arrays, scalars))
def test_a_changed_packet_is_a_value_or_a_named_error(data: st.DataObject, value: Any) -> None:
    packet = bytearray(encode(value, full_objects=True))
    for _ in range(data.draw(st.integers(1, 4))):
        packet[data.draw(st.integers(0, len(packet) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(VariantDecodeError):
        decode(packet, allow_objects=True)
