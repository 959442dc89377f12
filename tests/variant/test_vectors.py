"""What Godot writes is read, and written again byte for byte; what Godot refuses is refused."""

from __future__ import annotations

import math
from array import array
from typing import Any

import pytest

from pyws_browser.errors import Error, VariantDecodeError, VariantEncodeError
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
    Quaternion,
    Rect2,
    Rect2i,
    Signal,
    StringName,
    Transform2D,
    Transform3D,
    TypedArray,
    TypedDictionary,
    Vector2,
    Vector2i,
    Vector3,
    Vector3i,
    Vector4,
    Vector4i,
    decode,
    encode,
)

from .samples import REJECTS, VECTORS, Packet, described, golden, inert, same, table

# Godot 3 has characters that Python has not.
BEYOND_UNICODE = {"String invalid UTF-8: f8 5 bytes"}

BASIS = Basis(Vector3(1.0, 2.0, 3.0), Vector3(4.0, 5.0, 6.0), Vector3(7.0, 8.0, 9.0))
COMMON: dict[str, Any] = {
    "null": None,
    "true": True,
    "false": False,
    "0": 0,
    "1": 1,
    "-1": -1,
    "2^31-1": 2**31 - 1,
    "2^31": 2**31,
    "-2^31": -(2**31),
    "-2^31-1": -(2**31) - 1,
    "2^63-1": 2**63 - 1,
    "0.0": 0.0,
    "1.5": 1.5,
    "0.1": 0.1,
    "inf": math.inf,
    "-inf": -math.inf,
    "nan": math.nan,
    "1e300": 1e300,
    "str empty": "",
    "str a": "a",
    "str abc": "abc",
    "str abcd": "abcd",
    "str é": "é",
    "str emoji": "😀",
    "vec2": Vector2(1.5, -2.0),
    "rect2": Rect2(Vector2(1.0, 2.0), Vector2(3.0, 4.0)),
    "vec3": Vector3(1.0, 2.0, 3.0),
    "t2d": Transform2D(Vector2(1.0, 2.0), Vector2(3.0, 4.0), Vector2(5.0, 6.0)),
    "plane": Plane(Vector3(1.0, 2.0, 3.0), 4.0),
    "quat": Quaternion(1.0, 2.0, 3.0, 4.0),
    "aabb": AABB(Vector3(1.0, 2.0, 3.0), Vector3(4.0, 5.0, 6.0)),
    "basis": BASIS,
    "transform": Transform3D(BASIS, Vector3(10.0, 11.0, 12.0)),
    "color": Color(0.25, 0.5, 0.75, 1.0),
    "nodepath abs": NodePath("/root/Foo"),
    "nodepath empty": NodePath(""),
    "rid": RID(),
    "dict empty": {},
    "dict": {"a": 1, 2: "b"},
    "dict nested": {"a": [1, {"x": None}]},
    "array": [1, "a", None, True, 1.5],
    "array empty": [],
    "pba": b"\1\2\3",
    "pba empty": b"",
    "pba4": b"\1\2\3\4",
    "pv3": PoolVector3Array([(1, 2, 3)]),
    "pca": PoolColorArray([Color(1, 0, 0)]),
    "null obj": None,
}
GOLDEN_3 = COMMON | {
    "-0.0": 0.0,  # so it was, in the bytes: GDScript 3 has no literal for it
    "nodepath rel": NodePath("a/bc:d:e"),
    "pia": array("i", [1, -1, 2**31 - 1]),
    "pv2": PoolVector2Array([(1, 2), (3, 4)]),
    "pra": array("f", [1.5, 0.1]),
    "psa": PoolStringArray(["", "a", "abc", "abcd"]),
    "object as id": EncodedObjectAsID(1393),
    "object full": EncodedObject("Reference", {"script": None}),
    "resource full": EncodedObject(
        "Resource", {"resource_local_to_scene": False, "resource_name": "n", "script": None}
    ),
}
GOLDEN_4 = COMMON | {
    "-0.0": -0.0,
    "str nul": "a\ufffdb",
    "nodepath rel": NodePath("a/bc:d:e"),
    "vec2i": Vector2i(1, -2),
    "rect2i": Rect2i(Vector2i(1, 2), Vector2i(3, 4)),
    "vec3i": Vector3i(1, 2, 3),
    "vec4": Vector4(1.0, 2.0, 3.0, 4.0),
    "vec4i": Vector4i(1, 2, 3, 4),
    "transform3d": COMMON["transform"],
    "projection": Projection(*(Vector4(4.0 * i + 1, 4.0 * i + 2, 4.0 * i + 3, 4.0 * i + 4) for i in range(4))),
    "stringname": StringName("abc"),
    "callable": Callable(),
    "signal": Signal(),
    "typed dict": TypedDictionary({"a": 1}, "String", "int"),
    "typed array int": TypedArray([1, 2], "int"),
    "typed array obj": TypedArray([None], "EncodedObjectAsID"),
    "pi32": array("i", [1, -1]),
    "pi64": array("q", [1, -1]),
    "pf32": array("f", [1.5, 0.1]),
    "pf64": array("d", [1.5, 0.1]),
    "psa": PoolStringArray(["", "a", "abc"]),
    "pv2": PoolVector2Array([(1, 2)]),
    "pv4": PackedVector4Array([(1, 2, 3, 4)]),
    "obj as id": EncodedObjectAsID(0x80000005FF0005AE),
    "obj full": EncodedObject("RefCounted", {"script": None}),
}


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["literal"][:40])
def test_a_vector_is_read_as_what_it_is_and_written_as_it_was(vector: dict[str, Any]) -> None:
    data = bytes.fromhex(vector["hex"])
    value = decode(data)
    assert same(value, described(vector.get("decoded", vector)))
    assert encode(value) == data


@pytest.mark.parametrize("vector", [v for v in VECTORS if "garbage" in v], ids=lambda vector: vector["literal"])
def test_what_lies_in_the_padding_of_a_node_path_does_not_matter(vector: dict[str, Any]) -> None:
    data = bytearray.fromhex(vector["hex"])
    for offset in vector["garbage"]:
        data[offset] = 0xA5
    assert decode(data) == described(vector)


@pytest.mark.parametrize("vector", [v for v in VECTORS if "hex_3_6" in v], ids=lambda vector: vector["literal"])
def test_surrogates_that_godot_3_6_repaired_are_read_as_it_sends_them(vector: dict[str, Any]) -> None:
    assert decode(bytes.fromhex(vector["hex_3_6"])) == described(vector["decoded_3_6"])


@pytest.mark.parametrize("reject", REJECTS, ids=lambda reject: reject["name"][:60])
def test_what_godot_refuses_is_refused_and_what_it_takes_is_taken(reject: dict[str, Any]) -> None:
    data = bytes.fromhex(reject["hex"])
    if not reject["ok"] or reject["name"] in BEYOND_UNICODE:
        with pytest.raises(VariantDecodeError):
            decode(data)
        return
    value = decode(data)
    if reject["name"] != "real 1.5, flags 0x1":  # printed with too few digits
        assert same(value, described(reject["value"]))
    assert encode(value).hex() == reject.get("again", reject["hex"])


@pytest.mark.parametrize("reject", [r for r in REJECTS if "objects_ok" in r], ids=lambda reject: reject["name"])
def test_what_godot_takes_with_objects_allowed_is_taken(reject: dict[str, Any]) -> None:
    data = bytes.fromhex(reject["hex"])
    if reject["objects_ok"]:
        assert inert(decode(data, allow_objects=True)) == reject["objects_value"]["json"]
    with pytest.raises(VariantDecodeError) as caught:
        decode(data)
    assert caught.value.error is Error.ERR_UNAUTHORIZED


@pytest.mark.parametrize(
    ("packet", "value"),
    [
        pytest.param(packet, values[packet.label], id=f"{packet.version} {packet.label}")
        for packets, values in ((golden(3), GOLDEN_3), (golden(4), GOLDEN_4))
        for packet in packets
    ],
)
def test_the_bytes_of_an_engine_are_those_of_the_value(packet: Packet, value: Any) -> None:
    assert encode(value, version=packet.version, full_objects=True) == packet.data
    assert same(decode(packet.data, version=packet.version, allow_objects=True), value)


@pytest.mark.parametrize(("literal", "plain", "full"), table("godot4_vectors"), ids=lambda column: column[:40])
def test_what_godot_4_writes_is_written_again_as_it_was(literal: str, plain: str, full: str) -> None:
    assert encode(decode(bytes.fromhex(plain), version=4), version=4).hex() == plain, literal
    if full != "-":
        value = decode(bytes.fromhex(full), version=4, allow_objects=True)
        assert encode(value, version=4, full_objects=True).hex() == full, literal


def test_godot_4_and_this_package_make_the_same_of_all_bytes() -> None:
    """But arrays of 64-bit numbers stay such, and a value of another type in a typed dictionary is not sent again."""
    differences = []
    for name, data, again in table("godot4_rejects"):
        if data[:2] in PACKED_VECTORS and int(data[4:6], 16) & 1:
            continue
        try:
            value = decode(bytes.fromhex(data), version=4)
        except VariantDecodeError:
            ours = "refused"
        else:
            try:
                ours = encode(value, version=4).hex()
            except VariantEncodeError:
                assert isinstance(value, TypedDictionary)
                ours = "?"
        theirs = data if again == "same" else again
        if ours != theirs and (ours == "refused" or theirs == "refused" or "?" not in (ours, theirs)):
            differences.append((name, data, theirs, ours))
    assert differences == []


PACKED_VECTORS = ("23", "24", "26")


@pytest.mark.parametrize(("version", "type_id", "path"), [(3, "0f", NodePath("")), (4, "16", NodePath("/"))])
def test_the_path_of_the_root_alone_is_empty_in_godot_3(version: int, type_id: str, path: NodePath) -> None:
    assert decode(bytes.fromhex(f"{type_id}000000000000800000000001000000"), version=version) == path


@pytest.mark.parametrize("first", ["00000000", "1800010000000000 00000000"])
def test_null_and_a_null_object_are_two_keys(first: str) -> None:
    second = {"00000000": "1800010000000000 00000000"}.get(first, "00000000")
    data = bytes.fromhex(f"1b00000002000000 {first} 0200000001000000 {second} 0200000002000000")
    found = decode(data, version=4)
    assert sorted(found.values()) == [1, 2]
    assert None in found
    assert decode(bytes.fromhex("1b00000001000000 1800010000000000 00000000 0200000001000000"), version=4) == {None: 1}


@pytest.mark.parametrize("text", ["red", "Dark Red"])
def test_a_color_by_its_name_is_refused_and_not_another_color(text: str) -> None:
    raw = encode(text, version=4)
    with pytest.raises(VariantDecodeError, match="name of a color"):
        decode(bytes.fromhex("1c0001001400000001000000") + raw, version=4)


def test_a_text_that_is_no_path_does_not_become_one() -> None:
    with pytest.raises(VariantDecodeError, match="NodePath"):
        decode(bytes.fromhex("1c0001001600000001000000") + encode("a::b", version=4), version=4)
