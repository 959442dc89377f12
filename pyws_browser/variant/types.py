"""The types of a Variant that Python has no type of its own for, under Godot's names.

Most are named tuples: immutable, hashable, and plain tuples do in place of their parts (``Rect2((0, 0), (4, 2))``).
Where Godot 4 only renamed a type, both names are here for the same class.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections import abc
    from collections.abc import Iterable, Mapping


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
    """An object of which only the instance id was sent, which has a meaning only for the sender."""

    object_id: int = 0


class EncodedObject(NamedTuple):
    """An object sent whole: the name of its class and its stored properties. It is never instantiated."""

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

    `path` is what Godot's own constructor takes, or the names one by one; `subnames` are more of the names behind the
    colons; `absolute` says whether the path begins at the root, if that is not to be seen from it.

    Raises ValueError if the path has an empty subname, as in ``"a::b"``.

    """

    __slots__ = ()

    def __new__(  # noqa: D102 -- documented with the class
        cls, path: str | Iterable[str] = "", subnames: Iterable[str] = (), absolute: bool = False
    ) -> NodePath:
        if isinstance(path, str):
            nodes, _, properties = path.partition(":")
            absolute = absolute or nodes.startswith("/")
            path = filter(None, nodes.split("/"))
            if properties := properties.removesuffix(":"):
                subnames = (*properties.split(":"), *subnames)
                if "" in subnames:
                    raise ValueError("a NodePath has a name between its colons")
        return super().__new__(cls, tuple(path), tuple(subnames), absolute)

    def __str__(self) -> str:
        return "/" * self.absolute + "/".join(self.names) + "".join(f":{name}" for name in self.subnames)

    def __repr__(self) -> str:
        return f"NodePath({str(self)!r})"


class TypedArray(list[Any]):
    """An Array whose elements are all of one type (Godot 4): ``TypedArray([1, 2], "int")``.

    Args:
        values: the elements.
        element_type: Godot's name of their type, the name of a class, "" for objects of any, the ``res://`` path of a
            script, or "Variant".

    """

    __slots__ = ("element_type",)

    def __init__(self, values: Iterable[Any] = (), element_type: str = "Variant") -> None:
        super().__init__(values)
        self.element_type: str = element_type

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
        self.key_type: str = key_type
        self.value_type: str = value_type

    def __repr__(self) -> str:
        return f"TypedDictionary({dict.__repr__(self)}, {self.key_type!r}, {self.value_type!r})"


_key_encoder: list[abc.Callable[[Any, int], tuple[bytes, int]]] = []


def set_key_encoder(encode: abc.Callable[[Any, int], tuple[bytes, int]]) -> None:
    """Set the function that encodes a `Key`; called by the codec, which imports this module."""
    _key_encoder[:] = [encode]


class Key:
    """A key of a Dictionary that cannot be one of a Python dict, such as an Array.

    Godot takes anything for a key, and to it 1, 1.0 and true are three. If a dict would refuse a key or confuse it with
    another one, decoding wraps it in a `Key`; encoding sends its content. Keys are equal if the same is sent. So does
    decoding with all the numbers and vectors among the keys of a Dictionary if their hashes collide so often that a
    dict would take a time that grows with the square of their number. That does not happen by chance.

    Args:
        value: the key itself, in which there may be more of these, up to 8 one in the other.
        version: the Godot that it is for, 3 or 4.

    Raises:
        VariantEncodeError: the value cannot be sent.

    """

    __slots__ = ("data", "depth", "value", "version")

    def __init__(self, value: Any, *, version: int = 3) -> None:
        self.value: Any = value
        self.version: int = version
        self.data: bytes
        self.depth: int
        self.data, self.depth = _key_encoder[0](value, version)

    def __eq__(self, other: object) -> bool:
        return self.data == other.data if isinstance(other, Key) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.data)

    def __repr__(self) -> str:
        return f"Key({self.value!r})"


def encoded_key(value: Any, version: int, data: bytes) -> Key:
    """Make a `Key` of a value that is encoded already, and holds no other one."""
    key = Key.__new__(Key)
    key.value = value
    key.version = version
    key.data = data
    key.depth = 0
    return key


# Godot 4's names.
Quaternion = Quat
Transform3D = Transform
