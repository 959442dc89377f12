"""What real engines wrote, from `data/`, and how to compare values so exactly that it matters."""

from __future__ import annotations

import json
import struct
from array import array
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from pyws_browser.variant import (
    AABB,
    RID,
    Basis,
    Color,
    EncodedObject,
    NodePath,
    Plane,
    PoolColorArray,
    PoolStringArray,
    PoolVector2Array,
    PoolVector3Array,
    Quat,
    Rect2,
    Transform,
    Transform2D,
    Vector2,
    Vector3,
    decode,
    encode,
)

DATA = Path(__file__).parent / "data"
VECTORS: list[dict[str, Any]] = json.loads((DATA / "godot3_variants.json").read_text())
REJECTS: list[dict[str, Any]] = json.loads((DATA / "godot3_rejects.json").read_text())


class Packet(NamedTuple):
    """A Variant that an engine wrote."""

    label: str
    version: int
    data: bytes


def golden(version: int) -> list[Packet]:
    """Read the packets of one version; the padding in a NodePath, in Godot 3 whatever it was, is zero in them."""
    lines = (DATA / f"godot{version}_golden.txt").read_text().splitlines()
    return [Packet(label, version, bytes.fromhex(data)) for label, data in (line.split("\t") for line in lines)]


def table(name: str) -> list[list[str]]:
    """Read a table of Godot 4's: a name, bytes in hexadecimal, and what the engine made of them, in columns."""
    return [line.split("\t") for line in (DATA / f"{name}.txt").read_text("utf-8").splitlines()]


def every_packet() -> Iterator[Packet]:
    for vector in VECTORS:
        yield Packet(vector["literal"], 3, bytes.fromhex(vector["hex"]))
    yield from golden(3)
    yield from golden(4)


def settled(value: Any, version: int) -> bytes:
    """Encode a value so that it will be the same from now on.

    The 64-bit floats in a vector of Godot 4 become 32-bit ones, and that may make one key of two.
    """
    data = encode(value, version=version, full_objects=True)
    return encode(decode(data, version=version, allow_objects=True), version=version, full_objects=True)


def same(one: Any, other: Any) -> bool:
    """Whether two values are of the same types throughout, in the same order, and of the same bits."""
    if type(one) is not type(other):
        return False
    if isinstance(one, float):
        return struct.pack("<d", one) == struct.pack("<d", other)
    if isinstance(one, dict):
        return vars_of(one) == vars_of(other) and same(list(one.items()), list(other.items()))
    if isinstance(one, (list, tuple)):
        return vars_of(one) == vars_of(other) and len(one) == len(other) and all(map(same, list(one), list(other)))
    if isinstance(one, array):
        return bool(one.typecode == other.typecode and one.tobytes() == other.tobytes())
    if isinstance(one, Sequence) and not isinstance(one, (str, bytes)):  # an array of vectors
        return same(one.data, other.data)  # type: ignore[attr-defined]
    return bool(one == other)


def vars_of(container: Any) -> list[Any]:
    """What a typed container has besides its contents."""
    return [getattr(container, name, None) for name in ("element_type", "key_type", "value_type")]


def value_of(kind: str, data: Any) -> Any:
    """Make the value that a vector describes, from its "json", or better from its "exact"."""
    match kind:
        case "nil" | "Object":
            return None
        case "RID":
            return RID()
        case "bool" | "int":
            return data
        case "real":
            return number(data)
        case "String":
            return text(data)
        case "Vector2" | "Vector3" | "Quat" | "Color":
            return {"Vector2": Vector2, "Vector3": Vector3, "Quat": Quat, "Color": Color}[kind](*map(number, data))
        case "Rect2":
            return Rect2(*vectors(Vector2, data))
        case "AABB":
            return AABB(*vectors(Vector3, data))
        case "Plane":
            return Plane(Vector3(*map(number, data[:3])), number(data[3]))
        case "Transform2D":
            return Transform2D(*(Vector2(*map(number, data[name])) for name in ("x", "y", "origin")))
        case "Basis":
            return Basis(*(Vector3(*map(number, data[name])) for name in ("x", "y", "z")))
        case "Transform":
            return Transform(value_of("Basis", data["basis"]), Vector3(*map(number, data["origin"])))
        case "NodePath":
            return NodePath(data["names"], data["subnames"], data["absolute"])
        case "Dictionary":
            return {value_of(k["type"], k["json"]): value_of(v["type"], v["json"]) for k, v in data}
        case "Array":
            return [value_of(item["type"], item["json"]) for item in data]
        case "PoolByteArray":
            return bytes.fromhex(data)
        case "PoolIntArray":
            return array("i", data)
        case "PoolRealArray":
            return array("f", map(number, data))
        case "PoolStringArray":
            return PoolStringArray(map(text, data))
        case "PoolVector2Array":
            return PoolVector2Array(map(number, row) for row in data)
        case "PoolVector3Array":
            return PoolVector3Array(map(number, row) for row in data)
        case "PoolColorArray":
            return PoolColorArray(map(number, row) for row in data)
    raise AssertionError(kind)


def vectors(make: Any, data: list[Any]) -> Iterator[Any]:
    width = len(make._fields)
    for i in range(0, len(data), width):
        yield make(*map(number, data[i : i + width]))


def number(data: Any) -> float:
    if isinstance(data, dict):
        ((bits, digits),) = data.items()
        return struct.unpack(">d" if bits == "f64" else ">f", bytes.fromhex(digits))[0]  # type: ignore[no-any-return]
    return float(data)


def text(data: Any) -> str:
    if isinstance(data, dict):
        return "".join(map(chr, data["codepoints"]))
    return str(data)


def described(entry: dict[str, Any]) -> Any:
    return value_of(entry["type"], entry.get("exact", entry["json"]))


def inert(value: Any) -> Any:
    """What the rejects tell of an object: its class."""
    return {"class": value.class_name} if isinstance(value, EncodedObject) else value
