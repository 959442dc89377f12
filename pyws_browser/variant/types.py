"""The types of Godot's Variant that Python has no type of its own for, under Godot's names.

Values are named tuples: immutable, comparable, hashable, and plain tuples of numbers do in place of their parts
(``Rect2((0, 0), (4, 2))``). The packed arrays keep their numbers in one `array.array`, so that they are encoded and
decoded by copying memory. Where Godot 4 only renamed a type, both names are here for the same class.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, TypeVar, overload

if TYPE_CHECKING:
    from typing import Self

    from _typeshed import ReadableBuffer


class Vector2(NamedTuple):
    """A point or a direction in the plane."""

    x: float = 0.0
    y: float = 0.0


class Vector2i(NamedTuple):
    """A `Vector2` of 32-bit integers (Godot 4)."""

    x: int = 0
    y: int = 0


class Vector3(NamedTuple):
    """A point or a direction in space."""

    x: float = 0.0
    y: float = 0.0
    z: float = 0.0


class Vector3i(NamedTuple):
    """A `Vector3` of 32-bit integers (Godot 4)."""

    x: int = 0
    y: int = 0
    z: int = 0


class Vector4(NamedTuple):
    """Four numbers (Godot 4)."""

    x: float = 0.0
    y: float = 0.0
    z: float = 0.0
    w: float = 0.0


class Vector4i(NamedTuple):
    """A `Vector4` of 32-bit integers (Godot 4)."""

    x: int = 0
    y: int = 0
    z: int = 0
    w: int = 0


class Rect2(NamedTuple):
    """A rectangle along the axes."""

    position: Vector2 = Vector2()
    size: Vector2 = Vector2()


class Rect2i(NamedTuple):
    """A `Rect2` of 32-bit integers (Godot 4)."""

    position: Vector2i = Vector2i()
    size: Vector2i = Vector2i()


class Transform2D(NamedTuple):
    """A 2×3 matrix by its columns: the two axes and the origin."""

    x: Vector2 = Vector2(1.0, 0.0)
    y: Vector2 = Vector2(0.0, 1.0)
    origin: Vector2 = Vector2()


class Plane(NamedTuple):
    """A plane in space: its normal, and its distance from the origin along it."""

    normal: Vector3 = Vector3()
    d: float = 0.0


class Quat(NamedTuple):
    """A rotation as a quaternion (`Quaternion` in Godot 4)."""

    x: float = 0.0
    y: float = 0.0
    z: float = 0.0
    w: float = 1.0


class AABB(NamedTuple):
    """A box along the axes."""

    position: Vector3 = Vector3()
    size: Vector3 = Vector3()


class Basis(NamedTuple):
    """A 3×3 matrix by its columns, the three axes, as Godot's constructor and properties have it."""

    x: Vector3 = Vector3(1.0, 0.0, 0.0)
    y: Vector3 = Vector3(0.0, 1.0, 0.0)
    z: Vector3 = Vector3(0.0, 0.0, 1.0)


class Transform(NamedTuple):
    """A `Basis` and an origin (`Transform3D` in Godot 4)."""

    basis: Basis = Basis()
    origin: Vector3 = Vector3()


class Projection(NamedTuple):
    """A 4×4 matrix by its columns (Godot 4)."""

    x: Vector4 = Vector4(1.0, 0.0, 0.0, 0.0)
    y: Vector4 = Vector4(0.0, 1.0, 0.0, 0.0)
    z: Vector4 = Vector4(0.0, 0.0, 1.0, 0.0)
    w: Vector4 = Vector4(0.0, 0.0, 0.0, 1.0)


class Color(NamedTuple):
    """Red, green, blue and alpha, usually from 0 to 1."""

    r: float = 0.0
    g: float = 0.0
    b: float = 0.0
    a: float = 1.0


class RID(NamedTuple):
    """The handle of a resource on a server of the engine; Godot 3 sends it without its number."""

    id: int = 0


class EncodedObjectAsID(NamedTuple):
    """An object of which only the instance id was sent; it means something to the sender alone."""

    object_id: int = 0


class EncodedObject(NamedTuple):
    """An object sent whole: the name of its class and its stored properties. Nothing is ever made of them."""

    class_name: str
    properties: Mapping[str, Any]


class Callable(NamedTuple):
    """A callable (Godot 4), which is sent as nothing but its type."""


class Signal(NamedTuple):
    """A signal (Godot 4): its name, and the instance id of the object that has it."""

    name: str = ""
    object_id: int = 0


class StringName(str):
    """An interned string (Godot 4); as a key it is the same as the `str`, there as here."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"StringName({str(self)!r})"


class _NodePathParts(NamedTuple):
    names: tuple[str, ...]
    subnames: tuple[str, ...]
    absolute: bool


class NodePath(_NodePathParts):
    """The way to a node and on to its properties: ``NodePath("/root/Level:position:x")``.

    Args:
        path: what Godot's own constructor takes; or the names one by one, with the two arguments that follow.
        subnames: the names behind the colons.
        absolute: whether the path begins at the root.

    Raises:
        ValueError: the path has an empty subname, as in ``"a::b"``.

    """

    __slots__ = ()

    def __new__(cls, path: str | Iterable[str] = "", subnames: Iterable[str] = (), absolute: bool = False) -> NodePath:
        if isinstance(path, str):
            nodes, colon, properties = path.partition(":")
            absolute = nodes.startswith("/")
            path = filter(None, nodes.split("/"))
            subnames = properties.removesuffix(":").split(":") if properties else ()
            if colon and "" in subnames:
                raise ValueError("a NodePath has a name behind each of its colons")
        return super().__new__(cls, tuple(path), tuple(subnames), absolute)

    def __str__(self) -> str:
        return "/" * self.absolute + "/".join(self.names) + "".join(f":{name}" for name in self.subnames)

    def __repr__(self) -> str:
        return f"NodePath({str(self)!r})"


class PoolStringArray(list[str]):
    """An array of strings (`PackedStringArray` in Godot 4); a list in every respect but its type."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({list.__repr__(self)})"


_V = TypeVar("_V", bound=tuple[float, ...])


class _VectorArray(Sequence[_V]):
    """Vectors side by side in one `array.array`, `data`, which may be read and written as it is.

    Args:
        values: the vectors, or anything that holds their numbers in one buffer of 32-bit or 64-bit floats, one row
            a vector or flat (such as a numpy array). It is copied, to 32 bits a number.

    Raises:
        ValueError: the numbers are not floats, or do not make whole vectors.

    """

    __slots__ = ("data",)
    _element: ClassVar[type[Any]]
    _width: ClassVar[int]

    data: array[float]

    def __init__(self, values: Iterable[Iterable[float]] | ReadableBuffer = ()) -> None:
        try:
            view = memoryview(values)  # type: ignore[arg-type]
        except TypeError:
            numbers = array("f")
            for vector in values:  # type: ignore[union-attr]
                numbers.extend(self._element(*vector))
        else:
            numbers = _floats(view)
            if len(numbers) % self._width or (view.ndim > 1 and view.shape and view.shape[-1] != self._width):
                raise ValueError(f"the numbers of a {type(self).__name__} come in rows of {self._width}")
        self.data = numbers

    @classmethod
    def from_data(cls, data: array[float]) -> Self:
        """Make an array of `data` itself, an ``array("f")`` or ``array("d")``, without copying it."""
        vectors = cls.__new__(cls)
        vectors.data = data
        return vectors

    def __len__(self) -> int:
        return len(self.data) // self._width

    def __iter__(self) -> Iterator[_V]:
        return map(self._element._make, zip(*[iter(self.data)] * self._width, strict=True))

    @overload
    def __getitem__(self, index: int) -> _V: ...
    @overload
    def __getitem__(self, index: slice) -> Self: ...
    def __getitem__(self, index: int | slice) -> _V | Self:
        rows = range(len(self))[index]
        width = self._width
        if isinstance(rows, int):
            return self._element._make(self.data[rows * width : (rows + 1) * width])  # type: ignore[no-any-return]
        if rows.step == 1:
            return self.from_data(self.data[rows.start * width : rows.stop * width])
        return type(self)(self[row] for row in rows)

    def __eq__(self, other: object) -> bool:
        return self.data == other.data if isinstance(other, type(self)) else NotImplemented

    def __repr__(self) -> str:
        return f"{type(self).__name__}({list(self)})"


def _floats(view: memoryview) -> array[float]:
    typecode = view.format.lstrip("@=")
    if typecode not in ("f", "d"):
        raise ValueError(f"a buffer of format {view.format!r} holds no 32-bit or 64-bit floats in this machine's order")
    numbers = array(typecode)
    numbers.frombytes(view.tobytes())
    return numbers if typecode == "f" else array("f", numbers)


class PoolVector2Array(_VectorArray[Vector2]):
    """An array of `Vector2` (`PackedVector2Array` in Godot 4)."""

    __slots__ = ()
    _element = Vector2
    _width = 2


class PoolVector3Array(_VectorArray[Vector3]):
    """An array of `Vector3` (`PackedVector3Array` in Godot 4)."""

    __slots__ = ()
    _element = Vector3
    _width = 3


class PoolColorArray(_VectorArray[Color]):
    """An array of `Color` (`PackedColorArray` in Godot 4)."""

    __slots__ = ()
    _element = Color
    _width = 4


class PackedVector4Array(_VectorArray[Vector4]):
    """An array of `Vector4` (Godot 4)."""

    __slots__ = ()
    _element = Vector4
    _width = 4


class TypedArray(list[Any]):
    """An Array whose elements are all of one type (Godot 4): ``TypedArray([1, 2], "int")``.

    Args:
        values: the elements.
        element_type: Godot's name of their type, the name of a class, the ``res://`` path of a script, or "Variant".

    """

    __slots__ = ("element_type",)

    def __init__(self, values: Iterable[Any] = (), element_type: str = "Variant") -> None:
        super().__init__(values)
        self.element_type = element_type

    def __repr__(self) -> str:
        return f"TypedArray({list.__repr__(self)}, {self.element_type!r})"


class TypedDictionary(dict[Any, Any]):
    """A Dictionary whose keys, or values, are all of one type (Godot 4); for the types see `TypedArray`."""

    __slots__ = ("key_type", "value_type")

    def __init__(
        self,
        values: Mapping[Any, Any] | Iterable[tuple[Any, Any]] = (),
        key_type: str = "Variant",
        value_type: str = "Variant",
    ) -> None:
        super().__init__(values)
        self.key_type = key_type
        self.value_type = value_type

    def __repr__(self) -> str:
        return f"TypedDictionary({dict.__repr__(self)}, {self.key_type!r}, {self.value_type!r})"


class Key:
    """A key of a Godot Dictionary that cannot be one of a Python dict, such as an Array.

    Godot takes anything for a key, and tells 1, 1.0 and true apart. Where a Python dict would refuse a key, or take it
    for another that is there already, decoding wraps it into a `Key`; encoding takes it out. Keys are equal if their
    values are sent as the same bytes.

    Args:
        value: the key itself.
        version: the Godot it is for, 3 or 4.

    Raises:
        VariantEncodeError: the value cannot be sent.

    """

    __slots__ = ("data", "value")

    def __init__(self, value: Any, *, version: int = 3) -> None:
        from .codec import encode_key  # the codec needs this module first

        self.value = value
        self.data = encode_key(value, version)

    def __eq__(self, other: object) -> bool:
        return self.data == other.data if isinstance(other, Key) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.data)

    def __repr__(self) -> str:
        return f"Key({self.value!r})"


# Godot 4's names for what it took over from Godot 3.
Quaternion = Quat
Transform3D = Transform
PackedStringArray = PoolStringArray
PackedVector2Array = PoolVector2Array
PackedVector3Array = PoolVector3Array
PackedColorArray = PoolColorArray
