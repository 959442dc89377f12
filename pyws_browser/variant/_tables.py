"""The types of each version of Godot, in the order of their ids."""

from __future__ import annotations

import contextlib
import operator
import sys
from typing import Any

from ..errors import InvalidOptionError, VariantEncodeError
from ._containers import (
    ArrayRow,
    DictionaryRow,
    ElementTypes,
    KeyRow,
    ObjectRow,
    PropertyName,
    PropertyNameRow,
    TypedArrayRow,
    TypedDictionaryRow,
)
from ._rows import (
    BasisRow,
    BufferRow,
    Empty,
    HandleRow,
    NameRow,
    Numbers,
    PathRow,
    PlaneRow,
    Refused,
    Row,
    Scalar,
    SignalRow,
    StringRow,
    StringsRow,
    TransformRow,
    VectorArrayRow,
    Vectors,
)
from ._scalars import FALSE, NIL, TRUE, float_variant, int_variant
from .arrays import PackedVector4Array, PoolColorArray, PoolStringArray, PoolVector2Array, PoolVector3Array
from .types import (
    AABB,
    RID,
    Basis,
    Callable,
    Color,
    EncodedObject,
    EncodedObjectAsID,
    Key,
    NodePath,
    Plane,
    Projection,
    Quat,
    Rect2,
    Rect2i,
    Signal,
    StringName,
    Transform,
    Transform2D,
    TypedArray,
    TypedDictionary,
    Vector2,
    Vector2i,
    Vector3,
    Vector3i,
    Vector4,
    Vector4i,
)

# Each type with its Python types; the types that have none are found by their buffers.
_Table = list[tuple[Any, ...]]


def _scalars() -> _Table:
    return [
        (Scalar("Nil", lambda value: NIL), type(None)),
        (Scalar("bool", lambda value: TRUE if value else FALSE), bool),
        (Scalar("int", int_variant), int),
        (Scalar("float", float_variant), float),
        (StringRow("String"), str),
    ]


_GODOT_3: _Table = [
    *_scalars(),
    (Numbers("Vector2", Vector2, "2f"), Vector2),
    (Vectors("Rect2", Rect2, Vector2, "4f"), Rect2),
    (Numbers("Vector3", Vector3, "3f"), Vector3),
    (Vectors("Transform2D", Transform2D, Vector2, "6f"), Transform2D),
    (PlaneRow("Plane", Plane, "4f"), Plane),
    (Numbers("Quat", Quat, "4f"), Quat),
    (Vectors("AABB", AABB, Vector3, "6f"), AABB),
    (BasisRow("Basis", Basis, "9f"), Basis),
    (TransformRow("Transform", Transform, "12f"), Transform),
    (Numbers("Color", Color, "4f"), Color),
    (PathRow("NodePath"), NodePath),
    (Empty("RID", RID()), RID),
    (ObjectRow("Object"), EncodedObjectAsID, EncodedObject),
    (DictionaryRow("Dictionary"), dict),
    (ArrayRow("Array"), list, tuple),
    (BufferRow("PoolByteArray", "B"), bytes, bytearray),
    (BufferRow("PoolIntArray", "i"),),
    (BufferRow("PoolRealArray", "f"),),
    (StringsRow("PoolStringArray"), PoolStringArray),
    (VectorArrayRow("PoolVector2Array", PoolVector2Array, 2), PoolVector2Array),
    (VectorArrayRow("PoolVector3Array", PoolVector3Array, 3), PoolVector3Array),
    (VectorArrayRow("PoolColorArray", PoolColorArray, 4), PoolColorArray),
]

_GODOT_4: _Table = [
    *_scalars(),
    (Numbers("Vector2", Vector2, "2f", widens=True), Vector2),
    (Numbers("Vector2i", Vector2i, "2i"), Vector2i),
    (Vectors("Rect2", Rect2, Vector2, "4f", widens=True), Rect2),
    (Vectors("Rect2i", Rect2i, Vector2i, "4i"), Rect2i),
    (Numbers("Vector3", Vector3, "3f", widens=True), Vector3),
    (Numbers("Vector3i", Vector3i, "3i"), Vector3i),
    (Vectors("Transform2D", Transform2D, Vector2, "6f", widens=True), Transform2D),
    (Numbers("Vector4", Vector4, "4f", widens=True), Vector4),
    (Numbers("Vector4i", Vector4i, "4i"), Vector4i),
    (PlaneRow("Plane", Plane, "4f", widens=True), Plane),
    (Numbers("Quaternion", Quat, "4f", widens=True), Quat),
    (Vectors("AABB", AABB, Vector3, "6f", widens=True), AABB),
    (BasisRow("Basis", Basis, "9f", widens=True), Basis),
    (TransformRow("Transform3D", Transform, "12f", widens=True), Transform),
    (Vectors("Projection", Projection, Vector4, "16f", widens=True), Projection),
    (Numbers("Color", Color, "4f"), Color),
    (NameRow("StringName"), StringName),
    (PathRow("NodePath"), NodePath),
    (HandleRow("RID"), RID),
    (ObjectRow("Object"), EncodedObjectAsID, EncodedObject),
    (Empty("Callable", Callable()), Callable),
    (SignalRow("Signal"), Signal),
    (TypedDictionaryRow("Dictionary"), dict, TypedDictionary),
    (TypedArrayRow("Array"), list, tuple, TypedArray),
    (BufferRow("PackedByteArray", "B"), bytes, bytearray),
    (BufferRow("PackedInt32Array", "i"),),
    (BufferRow("PackedInt64Array", "q"),),
    (BufferRow("PackedFloat32Array", "f"),),
    (BufferRow("PackedFloat64Array", "d"),),
    (StringsRow("PackedStringArray"), PoolStringArray),
    (VectorArrayRow("PackedVector2Array", PoolVector2Array, 2, widens=True), PoolVector2Array),
    (VectorArrayRow("PackedVector3Array", PoolVector3Array, 3, widens=True), PoolVector3Array),
    (VectorArrayRow("PackedColorArray", PoolColorArray, 4), PoolColorArray),
    (VectorArrayRow("PackedVector4Array", PackedVector4Array, 4, widens=True), PackedVector4Array),
]


class Version:
    """The types of one version of Godot.

    `rows` has them in the order of their ids, `writers` by the Python types that need no closer look.
    """

    def __init__(self, number: int, table: _Table) -> None:
        self.number = number
        self.lenient = number == 3
        self.rows: list[Row] = []
        self.writers: dict[type, Row] = {Key: KeyRow("Key"), PropertyName: PropertyNameRow("String")}
        self.buffers: dict[str, Row] = {}
        for row, *types in table:
            row.place(number, len(self.rows))
            self.rows.append(row)
            for type_ in types:
                self.writers[type_] = row
            if isinstance(row, BufferRow):
                self.buffers[row.typecode] = row
        self.writers[Key].place(number, 0)
        element_types = ElementTypes(self.rows, self.find)
        for row in self.rows:
            if isinstance(row, DictionaryRow):
                row.writers = self.writers
            if isinstance(row, (TypedArrayRow, TypedDictionaryRow)):
                row.types = element_types

    def find(self, value: Any) -> tuple[Row, Any]:
        """Find the row for a value of any type; return it, and the value to write.

        Raises:
            VariantEncodeError: there is none.

        """
        kind = type(value)
        for base in kind.__mro__:
            row = self.writers.get(base)
            if row is not None:
                return row, value
        try:
            view = memoryview(value)
        except (TypeError, ValueError):
            if hasattr(kind, "__index__"):
                return self.writers[int], operator.index(value)
        else:
            return self.find_buffer(view, kind.__name__)
        raise VariantEncodeError(
            f"a {kind.__name__} is not a Variant: send None, a bool, int, float, str, list, dict, bytes or array, "
            "or a type of pyws_browser.variant"
        )

    def find_buffer(self, view: memoryview, name: str) -> tuple[Row, Any]:
        """Find the row for an array by the format of its buffer, or for a number that is one itself, as in numpy."""
        if view.ndim == 0:
            number: Any = view  # type checkers take it for a list
            with contextlib.suppress(NotImplementedError):
                number = number.tolist()
            if isinstance(number, (int, float)):
                return self.writers[type(number)], number
        typecode = view.format.lstrip("@=<" if sys.byteorder == "little" else "@=>")
        if typecode in ("i", "l", "q"):
            typecode = "i" if view.itemsize == 4 else "q"
        if view.ndim == 1 and typecode in self.buffers:
            return self.buffers[typecode], view
        raise VariantEncodeError(
            f"Godot {self.number} has no array for a {name} with {view.ndim} dimensions of format {view.format!r}: "
            "convert it to bytes, 32-bit ints or 32-bit floats in one dimension, or to a PoolVector3Array or the like"
        )


VERSIONS = {3: Version(3, _GODOT_3), 4: Version(4, _GODOT_4)}

for _type in VERSIONS[4].writers.keys() - VERSIONS[3].writers.keys():
    VERSIONS[3].writers[_type] = Refused(_type.__name__)


def version_of(number: int) -> Version:
    """Look a version up.

    Raises:
        InvalidOptionError: it is neither 3 nor 4.

    """
    try:
        return VERSIONS[number]
    except KeyError:
        raise InvalidOptionError(f"there are no Variants of Godot {number!r}: pass version=3 or 4") from None
