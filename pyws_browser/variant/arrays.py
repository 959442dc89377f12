"""Arrays of Godot's own: the strings, and the vectors whose numbers lie in one piece of memory.

The other packed arrays have a type in Python: `bytes` for PoolByteArray, and `array.array` of typecode "i" for
PoolIntArray and "f" for PoolRealArray ("q" and "d" for Godot 4's 64-bit ones).
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar, overload

from .types import Color, Vector2, Vector3, Vector4

if TYPE_CHECKING:
    from typing import Self

    from _typeshed import ReadableBuffer

_V = TypeVar("_V", bound=tuple[float, ...])


class PoolStringArray(list[str]):
    """An array of strings (`PackedStringArray` in Godot 4); a list in every respect but its type."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({list.__repr__(self)})"


class _VectorArray(Sequence[_V]):
    """Vectors side by side in one `array.array` of 32-bit floats, `data`, which may be read and written as it is.

    (What a Godot 4 with double precision sends has 64-bit floats, and keeps them.)

    Args:
        values: the vectors, or a buffer of their numbers, such as a numpy array: 32-bit or 64-bit floats, either in one
            dimension or in rows of one vector each. It is copied.

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
            self.data = array("f")
            for count, vector in enumerate(values, 1):  # type: ignore[arg-type]
                self.data.extend(vector)
                self._check(len(self.data) == count * self._width)
        else:
            self.data = _floats(view)
            _, *row = view.shape or (0,)
            self._check(row == [self._width] or (not row and len(self.data) % self._width == 0))

    def _check(self, fits: bool) -> None:
        if not fits:
            raise ValueError(f"a {type(self).__name__} is made of vectors with {self._width} numbers each")

    @classmethod
    def from_data(cls, data: array[float]) -> Self:
        """Wrap `data` itself, an ``array("f")`` or ``array("d")``, without copying it."""
        vectors = cls.__new__(cls)
        vectors.data = data
        return vectors

    def __len__(self) -> int:
        return len(self.data) // self._width

    def __iter__(self) -> Iterator[_V]:
        return map(self._element._make, zip(*[iter(self.data)] * self._width, strict=False))

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

    __hash__: ClassVar[None] = None  # type: ignore[assignment]  # the data may change

    def __repr__(self) -> str:
        return f"{type(self).__name__}({list(self)})"


def _floats(view: memoryview) -> array[float]:
    typecode = view.format.lstrip("@=")
    if typecode not in ("f", "d"):
        raise ValueError(f"a buffer of format {view.format!r} holds no 32-bit or 64-bit floats in this machine's order")
    numbers: array[float] = array(typecode)
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


# Godot 4's names.
PackedStringArray = PoolStringArray
PackedVector2Array = PoolVector2Array
PackedVector3Array = PoolVector3Array
PackedColorArray = PoolColorArray
