"""Converts a value of another type in a typed container, as Godot 4 does (`Variant::can_convert_strict`)."""

from __future__ import annotations

import re
from array import array
from math import sqrt
from typing import TYPE_CHECKING, Any, Final

from ..errors import VariantDecodeError
from ._scalars import pack_f32, unpack_f32
from .arrays import PackedVector4Array, PoolColorArray, PoolStringArray, PoolVector2Array, PoolVector3Array
from .types import (
    RID,
    Basis,
    Color,
    NodePath,
    Projection,
    Quat,
    Rect2,
    Rect2i,
    StringName,
    Transform,
    Transform2D,
    Vector2,
    Vector2i,
    Vector3,
    Vector3i,
    Vector4,
    Vector4i,
)

if TYPE_CHECKING:
    from collections.abc import Callable

_HEX: Final = re.compile(r"#?(?:[0-9a-fA-F]{3,4}|[0-9a-fA-F]{6}|[0-9a-fA-F]{8})")
_LEADING_NUMBER: Final = re.compile(r"\s*(-?[0-9]+)(?:\.[0-9]*)?")
_BLACK: Final = Color(0.0, 0.0, 0.0, 1.0)
_NOT_ORTHOGONAL: Final = 0.00001
_NOT_ONE: Final = 0.001


def _f32(number: float) -> float:
    try:
        rounded: float = unpack_f32(pack_f32(number))[0]
        return rounded
    except OverflowError:
        return float("inf") if number > 0 else float("-inf")


def _whole(number: float, bits: int = 32) -> int:
    """Truncate to an int; like a processor, return the smallest number if it does not fit."""
    least = -(1 << bits - 1)
    return int(number) if least <= number < -least else least


def _floats(make: Any) -> Callable[[Any], Any]:
    return lambda value: make(*map(_f32, value))


def _wholes(make: Any) -> Callable[[Any], Any]:
    return lambda value: make(*map(_whole, value))


def _color_of_number(number: int) -> Color:
    return Color(*(_f32((number >> shift & 255) / 255) for shift in (24, 16, 8, 0)))


def _color_of_text(text: str) -> Color:
    if _HEX.fullmatch(text):
        digits = text.removeprefix("#")
        if len(digits) < 6:
            digits = "".join(digit * 2 for digit in digits)
        return _color_of_number(int(digits.ljust(8, "f"), 16))
    if len(re.sub(r"[ \-_'.]", "", text)) >= 3 and re.fullmatch(r"[A-Za-z \-_'.]+", text):
        raise VariantDecodeError(f"Godot may know {text!r} as the name of a color: send the Color itself")
    return _BLACK


def _path_of(text: str) -> NodePath:
    try:
        return NodePath(text)
    except ValueError as exc:
        raise VariantDecodeError(f"{text!r} cannot become a NodePath: {exc}") from None


def _basis_of(quat: Quat) -> Basis:
    s = 2.0 / sum(number * number for number in quat) if any(quat) else 0.0
    x, y, z, w = quat
    return Basis(
        _floats(Vector3)((1.0 - s * (y * y + z * z), s * (x * y + w * z), s * (x * z - w * y))),
        _floats(Vector3)((s * (x * y - w * z), 1.0 - s * (x * x + z * z), s * (y * z + w * x))),
        _floats(Vector3)((s * (x * z + w * y), s * (y * z - w * x), 1.0 - s * (x * x + y * y))),
    )


def _dot(one: Vector3, other: Vector3) -> float:
    return one.x * other.x + one.y * other.y + one.z * other.z


def _is_rotation(basis: Basis) -> bool:
    x, y, z = basis
    cross = Vector3(y.y * z.z - y.z * z.y, y.z * z.x - y.x * z.z, y.x * z.y - y.y * z.x)
    return (
        max(abs(_dot(x, y)), abs(_dot(y, z)), abs(_dot(x, z))) < _NOT_ORTHOGONAL
        and abs(_dot(x, cross) - 1.0) < _NOT_ONE
    )


def _quat_of(basis: Basis) -> Quat:
    if not _is_rotation(basis):
        return Quat(0.0, 0.0, 0.0, 1.0)
    rows = list(zip(*basis, strict=True))  # a Basis has its columns
    trace = rows[0][0] + rows[1][1] + rows[2][2]
    found = [0.0] * 4
    if trace > 0.0:
        s = sqrt(trace + 1.0)
        found[3] = s / 2.0
        s = 0.5 / s
        found[:3] = [(rows[2][1] - rows[1][2]) * s, (rows[0][2] - rows[2][0]) * s, (rows[1][0] - rows[0][1]) * s]
    else:
        i = max(range(3), key=lambda index: rows[index][index])
        j, k = (i + 1) % 3, (i + 2) % 3
        s = sqrt(rows[i][i] - rows[j][j] - rows[k][k] + 1.0)
        found[i] = s / 2.0
        s = 0.5 / s
        found[3] = (rows[k][j] - rows[j][k]) * s
        found[j] = (rows[j][i] + rows[i][j]) * s
        found[k] = (rows[k][i] + rows[i][k]) * s
    return Quat(*map(_f32, found))


_UNIT: Final = Basis(Vector3(1.0, 0.0, 0.0), Vector3(0.0, 1.0, 0.0), Vector3(0.0, 0.0, 1.0))
_ORIGIN: Final = Vector3(0.0, 0.0, 0.0)


def _transform_of_flat(flat: Transform2D) -> Transform:
    x, y, origin = (Vector3(*vector, 0.0) for vector in flat)
    return Transform(Basis(x, y, _UNIT.z), origin)


def _flat_of(transform: Transform) -> Transform2D:
    return Transform2D(*(Vector2(*vector[:2]) for vector in (*transform.basis[:2], transform.origin)))


def _transform_of_projection(projection: Projection) -> Transform:
    x, y, z, origin = (Vector3(*vector[:3]) for vector in projection)
    return Transform(Basis(x, y, z), origin)


def _projection_of(transform: Transform) -> Projection:
    x, y, z = (Vector4(*vector, 0.0) for vector in transform.basis)
    return Projection(x, y, z, Vector4(*transform.origin, 1.0))


def _number(value: Any) -> Any:
    """Return the number for an item of an array of numbers."""
    if isinstance(value, (bool, int, float)):
        return value
    found = _LEADING_NUMBER.match(value) if isinstance(value, str) and not isinstance(value, StringName) else None
    return int(found[1]) if found else 0


def _numbers(typecode: str) -> Callable[[Any], Any]:
    size = array(typecode).itemsize * 8

    def convert(values: list[Any]) -> array[Any]:
        numbers = map(_number, values)
        if typecode == "f":
            return array("f", map(_f32, numbers))
        if typecode == "d":
            return array("d", map(float, numbers))
        return array(typecode, [_wrapped(_whole(number, 64), size) for number in numbers])

    return convert


def _wrapped(number: int, bits: int) -> int:
    half = 1 << bits - 1
    return (number + half) % (2 * half) - half


def _bytes_of(values: list[Any]) -> bytes:
    return bytes(_whole(_number(value), 64) & 255 for value in values)


def _strings_of(values: list[Any]) -> PoolStringArray:
    texts = []
    for value in values:
        if not isinstance(value, (str, NodePath, int)):
            raise VariantDecodeError("Godot would write a value as text for a PackedStringArray: send strings")
        texts.append(str(value).lower() if isinstance(value, bool) else str(value))
    return PoolStringArray(texts)


def _vectors(make: Any, width: int) -> Callable[[Any], Any]:
    kinds = (Vector2, Vector2i, Vector3, Vector3i, Vector4, Vector4i)

    def convert(values: list[Any]) -> Any:
        rows = (value if isinstance(value, kinds) else () for value in values)
        return make([(*map(_f32, row), 0.0, 0.0, 0.0, 0.0)[:width] for row in rows])

    return convert


def _colors_of(values: list[Any]) -> PoolColorArray:
    return PoolColorArray([_color_of(value) for value in values])


def _color_of(value: Any) -> Color:
    if isinstance(value, Color):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return _color_of_number(value)
    return _color_of_text(value) if isinstance(value, str) and not isinstance(value, StringName) else _BLACK


CONVERSIONS: Final[dict[tuple[str, str], Callable[[Any], Any]]] = {
    ("bool", "int"): bool,
    ("bool", "float"): bool,
    ("int", "bool"): int,
    ("int", "float"): lambda number: _whole(number, 64),
    ("float", "bool"): float,
    ("float", "int"): float,
    ("String", "StringName"): str,
    ("String", "NodePath"): str,
    ("StringName", "String"): StringName,
    ("NodePath", "String"): _path_of,
    ("Vector2", "Vector2i"): _floats(Vector2),
    ("Vector2i", "Vector2"): _wholes(Vector2i),
    ("Rect2", "Rect2i"): lambda rect: Rect2(*map(_floats(Vector2), rect)),
    ("Rect2i", "Rect2"): lambda rect: Rect2i(*map(_wholes(Vector2i), rect)),
    ("Vector3", "Vector3i"): _floats(Vector3),
    ("Vector3i", "Vector3"): _wholes(Vector3i),
    ("Vector4", "Vector4i"): _floats(Vector4),
    ("Vector4i", "Vector4"): _wholes(Vector4i),
    ("Transform2D", "Transform3D"): _flat_of,
    ("Quaternion", "Basis"): _quat_of,
    ("Basis", "Quaternion"): _basis_of,
    ("Transform3D", "Transform2D"): _transform_of_flat,
    ("Transform3D", "Quaternion"): lambda quat: Transform(_basis_of(quat), _ORIGIN),
    ("Transform3D", "Basis"): lambda basis: Transform(basis, _ORIGIN),
    ("Transform3D", "Projection"): _transform_of_projection,
    ("Projection", "Transform3D"): _projection_of,
    ("Color", "int"): _color_of_number,
    ("Color", "String"): _color_of_text,
    ("RID", "Object"): lambda _: RID(0),
    ("PackedByteArray", "Array"): _bytes_of,
    ("PackedInt32Array", "Array"): _numbers("i"),
    ("PackedInt64Array", "Array"): _numbers("q"),
    ("PackedFloat32Array", "Array"): _numbers("f"),
    ("PackedFloat64Array", "Array"): _numbers("d"),
    ("PackedStringArray", "Array"): _strings_of,
    ("PackedVector2Array", "Array"): _vectors(PoolVector2Array, 2),
    ("PackedVector3Array", "Array"): _vectors(PoolVector3Array, 3),
    ("PackedColorArray", "Array"): _colors_of,
    ("PackedVector4Array", "Array"): _vectors(PackedVector4Array, 4),
}
"""By the name of the wanted type, and that of the given type."""

for _kind in ("Byte", "Int32", "Int64", "Float32", "Float64", "String", "Vector2", "Vector3", "Color", "Vector4"):
    CONVERSIONS["Array", f"Packed{_kind}Array"] = list
