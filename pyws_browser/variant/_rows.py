"""Writes and reads values of the types that hold no other Variants."""

from __future__ import annotations

import sys
from array import array
from itertools import chain
from struct import Struct
from typing import TYPE_CHECKING, Any, Final

from ..errors import VariantDecodeError, VariantEncodeError
from ._scalars import (
    PADDING,
    WIDE,
    pack_u32,
    pack_u64,
    read_string,
    string_bytes,
    string_variant,
    truncated,
    u32,
    unpack_u64,
)
from .arrays import PoolStringArray
from .types import RID, Basis, NodePath, Plane, Signal, StringName, Transform, Vector3

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeAlias

    from mypy_extensions import i64

    Inner: TypeAlias = list[Any] | tuple[Any, ...] | dict[Any, Any]

_NEW_PATH: Final = 0x80000000  # the flag of a NodePath that is not a plain string
_SWAPPED: Final = sys.byteorder == "big"

_make: Final[Any] = tuple.__new__


class Row:
    """How one type is written and read."""

    def __init__(self, name: str) -> None:
        self.name = name

    def place(self, version: int, type_id: int) -> None:
        """Take the place of `type_id` in the table of a version of Godot."""
        self.version = version
        self.lenient = version == 3  # with strings that are not quite Unicode
        self.type_id = type_id
        self.head = pack_u32(type_id)
        self.wide_head = pack_u32(type_id | WIDE)

    def open(self, value: Any, out: list[Any], full_objects: bool) -> Inner | None:
        """Append the data before the Variants in `value`; return these, or None if there are none."""
        self.write(value, out)
        return None

    def write(self, value: Any, out: list[Any]) -> None:
        """Append the bytes of a whole Variant to `out`, in any number of parts."""
        raise NotImplementedError  # pragma: no cover

    def read(self, data: bytes, pos: i64, wide: bool) -> tuple[Any, i64]:
        """Read the data after the first word; return the value, and the position after it."""
        raise NotImplementedError  # pragma: no cover


class Scalar(Row):
    """A type that only `codec` reads; `encode` gives the bytes of a whole Variant."""

    def __init__(self, name: str, encode: Callable[[Any], bytes]) -> None:
        super().__init__(name)
        self.encode = encode

    def write(self, value: Any, out: list[Any]) -> None:
        out.append(self.encode(value))


class StringRow(Row):
    """A `str`, which only `codec` reads."""

    def write(self, value: Any, out: list[Any]) -> None:
        out.append(string_variant(value, self.lenient))


class Refused(Row):
    """A type that Godot 3 does not have."""

    def write(self, value: Any, out: list[Any]) -> None:
        raise VariantEncodeError(f"Godot 3 has no {type(value).__name__}: send another type, or pass version=4")


class Empty(Row):
    """A type of which only the type id is sent."""

    def __init__(self, name: str, value: Any) -> None:
        super().__init__(name)
        self.value = value

    def write(self, value: Any, out: list[Any]) -> None:
        if value != self.value:
            raise VariantEncodeError(f"{value!r} would arrive as {self.value!r}: Godot 3 does not send the rest")
        out.append(self.head)

    def read(self, data: bytes, pos: i64, wide: bool) -> tuple[Any, i64]:
        return self.value, pos


class Numbers(Row):
    """A vector, or another tuple of numbers.

    Args:
        name: Godot's name.
        make: the Python type.
        layout: the numbers as a `struct` format, such as "3f".
        widens: whether floats may have 64 bits each, as in a Godot 4 that was built with double precision.

    """

    def __init__(self, name: str, make: Any, layout: str, widens: bool = False) -> None:
        super().__init__(name)
        numbers = Struct(f"<{layout}")
        wide_numbers = Struct(f"<{layout}".replace("f", "d"))
        self.make = make
        self.pack = numbers.pack
        self.pack_wide = wide_numbers.pack
        self.unpack = numbers.unpack_from
        self.unpack_wide = wide_numbers.unpack_from
        self.size = numbers.size
        self.wide_size = wide_numbers.size
        self.widens = widens

    def write(self, value: Any, out: list[Any]) -> None:
        numbers: tuple[float, ...] = value
        pack = self.pack  # which mypyc would look up by its name if it were called as a method
        out.append(self.head)
        try:
            out.append(pack(*numbers))
        except OverflowError:  # numbers too large for 32 bits become infinite, as in Godot
            out.append(_memory(memoryview(array("f", numbers))))

    def write_exactly(self, value: Any, out: list[Any]) -> None:
        """Write the numbers with 64 bits each, if they may have so many and 32 are not enough for them."""
        numbers = self.flatten(value)
        try:
            is_wide = self.widens and self.unpack(self.pack(*numbers)) != numbers
        except OverflowError:
            is_wide = True
        if is_wide:
            out.append(self.wide_head)
            out.append(self.pack_wide(*numbers))
        else:
            self.write(value, out)

    def flatten(self, value: Any) -> tuple[Any, ...]:
        """Return the numbers in the order in which they are sent."""
        return value  # type: ignore[no-any-return]

    def read(self, data: bytes, pos: i64, wide: bool) -> tuple[Any, i64]:
        if wide and self.widens:
            return _make(self.make, self.unpack_wide(data, pos)), pos + self.wide_size
        return _make(self.make, self.unpack(data, pos)), pos + self.size


class Compound(Numbers):
    """A tuple that is sent as the numbers in it, in some order."""

    def __init__(self, name: str, make: Any, layout: str, widens: bool = False) -> None:
        super().__init__(name, tuple, layout, widens)
        self.whole = make

    def build(self, numbers: tuple[Any, ...]) -> Any:
        """Make a value from the numbers."""
        raise NotImplementedError  # pragma: no cover

    def write(self, value: Any, out: list[Any]) -> None:
        super().write(self.flatten(value), out)

    def read(self, data: bytes, pos: i64, wide: bool) -> tuple[Any, i64]:
        numbers, pos = super().read(data, pos, wide)
        return self.build(numbers), pos


class Vectors(Compound):
    """Several vectors in a row."""

    def __init__(self, name: str, make: Any, part: Any, layout: str, widens: bool = False) -> None:
        super().__init__(name, make, layout, widens)
        self.part = part

    def flatten(self, value: Any) -> tuple[Any, ...]:
        return tuple(chain.from_iterable(value))

    def build(self, numbers: tuple[Any, ...]) -> Any:
        width = len(self.part._fields)
        return self.whole(*[_make(self.part, numbers[i : i + width]) for i in range(0, len(numbers), width)])


class PlaneRow(Compound):
    """The normal, and one number."""

    def flatten(self, value: Any) -> tuple[Any, ...]:
        return *value.normal, value.d

    def build(self, numbers: tuple[Any, ...]) -> Any:
        return Plane(_make(Vector3, numbers[:3]), numbers[3])


class BasisRow(Compound):
    """A matrix, sent row by row."""

    def flatten(self, value: Any) -> tuple[Any, ...]:
        return tuple(chain.from_iterable(zip(*value, strict=False)))

    def build(self, numbers: tuple[Any, ...]) -> Any:
        return Basis(*[_make(Vector3, numbers[i:9:3]) for i in range(3)])


class TransformRow(BasisRow):
    """A `Basis`, and the origin."""

    def flatten(self, value: Any) -> tuple[Any, ...]:
        return *super().flatten(value.basis), *value.origin

    def build(self, numbers: tuple[Any, ...]) -> Any:
        return Transform(super().build(numbers), _make(Vector3, numbers[9:]))


class NameRow(Row):
    """A `StringName` of Godot 4."""

    def write(self, value: Any, out: list[Any]) -> None:
        out.append(self.head)
        out.append(string_bytes(value, False))

    def read(self, data: bytes, pos: i64, wide: bool) -> tuple[Any, i64]:
        text, pos = read_string(data, pos, False)
        return StringName(text), pos


class PathRow(Row):
    """The counts of names and subnames, flags (1 for an absolute path), and the names."""

    def write(self, value: Any, out: list[Any]) -> None:
        out.append(self.head)
        out.append(pack_u32(len(value.names) | _NEW_PATH))
        out.append(pack_u32(len(value.subnames)))
        out.append(pack_u32(value.absolute))
        for name in chain(value.names, value.subnames):
            out.append(string_bytes(name, self.lenient))

    def read(self, data: bytes, pos: i64, wide: bool) -> tuple[Any, i64]:
        count = u32(data, pos)
        flags = u32(data, pos + 8)
        if not count & _NEW_PATH:
            raise VariantDecodeError(f"the NodePath at byte {pos} is of a form that Godot no longer reads")
        count &= ~_NEW_PATH
        total = count + u32(data, pos + 4) + (flags >> 1 & 1)  # an old form of the flags: one subname more
        total &= 0xFFFFFFFF
        pos += 12
        names: list[str] = []
        while len(names) < total:
            name, pos = read_string(data, pos, self.lenient)
            names.append(name)
        is_absolute = flags & 1 == 1 and (total > 0 or not self.lenient)  # Godot 3 makes an empty path of "/"
        return NodePath(names[:count], names[count:], is_absolute), pos


class HandleRow(Row):
    """A `RID` of Godot 4."""

    def write(self, value: Any, out: list[Any]) -> None:
        out.append(self.head)
        out.append(pack_u64(value.id))

    def read(self, data: bytes, pos: i64, wide: bool) -> tuple[Any, i64]:
        return RID(unpack_u64(data, pos)[0]), pos + 8


class SignalRow(Row):
    """The name, and the id of the object."""

    def write(self, value: Any, out: list[Any]) -> None:
        out.append(self.head)
        out.append(string_bytes(value.name, False))
        out.append(pack_u64(value.object_id))

    def read(self, data: bytes, pos: i64, wide: bool) -> tuple[Any, i64]:
        name, pos = read_string(data, pos, False)
        return Signal(name, unpack_u64(data, pos)[0]), pos + 8


def _memory(numbers: memoryview) -> Any:
    """Return the memory of native numbers as little-endian, copied only if necessary."""
    if _SWAPPED and numbers.itemsize > 1:
        swapped = array(numbers.format.lstrip("@=>"))
        swapped.frombytes(numbers.tobytes())
        swapped.byteswap()
        return swapped
    return numbers if numbers.c_contiguous else numbers.tobytes()


def _read_array(typecode: str, data: bytes, start: int, end: int) -> array[Any]:
    numbers = array(typecode)
    numbers.frombytes(memoryview(data)[start:end])
    if _SWAPPED:
        numbers.byteswap()
    return numbers


class BufferRow(Row):
    """Any number of numbers of one size: `bytes` for "B", else an `array.array` of this typecode."""

    def __init__(self, name: str, typecode: str) -> None:
        super().__init__(name)
        self.typecode = typecode
        self.size = array(typecode).itemsize

    def write(self, value: Any, out: list[Any]) -> None:
        view = memoryview(value)
        out.append(self.head)
        out.append(pack_u32(view.nbytes // self.size))
        out.append(_memory(view))
        out.append(PADDING[view.nbytes & 3])

    def read(self, data: bytes, pos: i64, wide: bool) -> tuple[Any, i64]:
        size = u32(data, pos) * self.size
        start = pos + 4
        end = start + size
        if end > len(data):
            raise truncated(self.name, pos)
        if self.typecode == "B":  # Godot does not miss the padding at the end of the data
            return data[start:end], start + ((size + 3) & ~3)
        return _read_array(self.typecode, data, start, end), end


class VectorArrayRow(Row):
    """Any number of vectors, in one of the classes that keep them in one array."""

    def __init__(self, name: str, make: Any, width: int, widens: bool = False) -> None:
        super().__init__(name)
        self.make = make
        self.width = width
        self.widens = widens

    def write(self, value: Any, out: list[Any]) -> None:
        numbers = value.data
        if numbers.typecode not in ("f", "d") or len(numbers) % self.width:
            raise VariantEncodeError(f"the data of a {self.name} are not an array of floats for whole vectors")
        if numbers.typecode == "d" and not self.widens:
            numbers = array("f", numbers)
        out.append(self.wide_head if numbers.typecode == "d" else self.head)
        out.append(pack_u32(len(numbers) // self.width))
        out.append(_memory(memoryview(numbers)))

    def read(self, data: bytes, pos: i64, wide: bool) -> tuple[Any, i64]:
        wide = wide and self.widens
        start = pos + 4
        end = start + u32(data, pos) * self.width * (8 if wide else 4)
        if end > len(data):
            raise truncated(self.name, pos)
        return self.make.from_data(_read_array("d" if wide else "f", data, start, end)), end


class StringsRow(Row):
    """Strings, each of which counts a NUL at its end."""

    def write(self, value: Any, out: list[Any]) -> None:
        out.append(self.head)
        out.append(pack_u32(len(value)))
        for text in value:
            out.append(string_bytes(text, self.lenient, b"\0"))

    def read(self, data: bytes, pos: i64, wide: bool) -> tuple[Any, i64]:
        count = u32(data, pos)
        pos += 4
        strings = PoolStringArray()
        if count >= 0x80000000:  # negative: to Godot no error, but no strings
            return strings, pos
        while len(strings) < count:
            text, pos = read_string(data, pos, self.lenient)
            strings.append(text)
        return strings, pos
