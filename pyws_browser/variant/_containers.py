"""Writes and reads the types that hold other Variants: only the part before these."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from ..errors import Error, VariantDecodeError, VariantEncodeError
from ._collisions import FEW_KEYS, SALTED, make_dict
from ._conversions import CONVERSIONS
from ._rows import Numbers, Row
from ._scalars import (
    head_and_word,
    pack_u32,
    pack_u64,
    read_string,
    string_bytes,
    u32,
    unpack_u64,
)
from .types import EncodedObject, EncodedObjectAsID, Key, StringName, TypedArray, TypedDictionary, encoded_key

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from mypy_extensions import i64

    from ._rows import Inner


REFUSED: Final = object()
_MAX_KEYS: Final = 8
_FEW: Final = 32  # enough elements for most containers


class _NullObject:
    """A null object, where it may be a key of a Dictionary."""


NULL_OBJECT: Final = _NullObject()
_UNCHANGED: Final = (Key, _NullObject)


def _has_nan(numbers: tuple[Any, ...]) -> bool:
    return any(_has_nan(number) if isinstance(number, tuple) else number != number for number in numbers)


def _has_hash(key: Any) -> bool:
    try:
        hash(key)
    except TypeError:
        return False
    return True


class Container(Row):
    """A type that holds other Variants."""

    def place(self, version: int, type_id: int) -> None:
        super().place(version, type_id)
        self.heads = [self.head + pack_u32(count) for count in range(_FEW)]

    def begin(self, data: bytes, pos: i64, flags: i64, allow_objects: bool) -> tuple[i64, Any, i64]:
        """Read up to the first of the Variants; return their number, a note for `end`, and the place."""
        raise NotImplementedError  # pragma: no cover

    def end(self, values: list[Any], note: Any) -> Any:
        """Make one value from the Variants."""
        raise NotImplementedError  # pragma: no cover


def _count(data: bytes, pos: i64) -> i64:
    """Read their number. The top bit was once a flag; reading the Variants shows whether there are so many."""
    return u32(data, pos) & 0x7FFFFFFF


class ArrayRow(Container):
    """The count, and the elements."""

    def open(self, value: Any, out: list[Any], full_objects: bool) -> Inner | None:
        count = len(value)
        out.append(self.heads[count] if count < _FEW else head_and_word(self.head, count))
        return value or None

    def begin(self, data: bytes, pos: i64, flags: i64, allow_objects: bool) -> tuple[i64, Any, i64]:
        return _count(data, pos), None, pos + 4

    def end(self, values: list[Any], note: Any) -> Any:
        return values


class DictionaryRow(Container):
    """The count, and each key with its value.

    A dict is made in a time that is proportional to the number of keys, whatever they are: `_collisions` says how.
    """

    writers: Mapping[type, Row]

    def open(self, value: Any, out: list[Any], full_objects: bool) -> Inner | None:
        count = len(value)
        out.append(self.heads[count] if count < _FEW else head_and_word(self.head, count))
        return value or None

    def begin(self, data: bytes, pos: i64, flags: i64, allow_objects: bool) -> tuple[i64, Any, i64]:
        return 2 * _count(data, pos), None, pos + 4

    def end(self, values: list[Any], note: Any) -> Any:
        dictionary = self.make(values)
        return dictionary if SALTED.issuperset(map(type, dictionary)) else self.unite(dictionary)

    def make(self, values: list[Any]) -> dict[Any, Any]:
        """Make a dict that keeps all keys apart that differ in Godot."""
        try:
            if len(values) <= 2 * FEW_KEYS:
                each = iter(values)
                dictionary = dict(zip(each, each))  # noqa: B905 -- there is an even number of them
            else:
                made = make_dict(values)
                if made is None:
                    return self.wrap_colliding(values)
                dictionary = made
        except TypeError:  # a key has no hash
            return self.wrap_unhashable(values)
        return dictionary if 2 * len(dictionary) == len(values) else self.wrap_equal(values)

    def unite(self, dictionary: dict[Any, Any]) -> dict[Any, Any]:
        """Return the dict with one key for equal vectors that hold NaN, which are the same to Godot.

        A null object beside null is another key to Godot.
        """
        vectors: dict[bytes, Any] = {}
        united: dict[Any, Any] = {}
        for key, value in dictionary.items():
            same = key
            if key is NULL_OBJECT:
                same = self.wrap(None) if None in dictionary else None
            elif isinstance(key, tuple) and _has_nan(key):
                same = vectors.setdefault(self.wrap(key).data, key)
            united[same] = value
        return united

    def wrap_unhashable(self, values: list[Any]) -> dict[Any, Any]:
        """Make a dict of keys of which some have no hash."""
        plain: list[Any] = []
        for i in range(0, len(values), 2):
            key = values[i]
            if _has_hash(key):
                plain += (key, None)
            else:
                values[i] = self.wrap(key)
        if make_dict(plain) is None:
            return self.wrap_colliding(values)
        return self.wrap_equal(values)

    def wrap_equal(self, values: list[Any]) -> dict[Any, Any]:
        """Make a dict of keys of which some may be equal in Python, and different in Godot."""
        kinds: dict[Any, type] = {}
        for i in range(0, len(values), 2):
            key = values[i]
            kind = type(key)
            if kind is StringName:
                kind = str  # the same key to Godot
            if kind is not Key and kinds.setdefault(key, kind) is not kind:
                values[i] = self.wrap(key)
        dictionary = make_dict(values)
        return self.wrap_colliding(values) if dictionary is None else dictionary

    def wrap(self, key: Any) -> Key:
        """Make a `Key` that is equal to the one which a program makes of the same value."""
        try:
            return Key(key, version=self.version)
        except VariantEncodeError as exc:
            raise VariantDecodeError(f"a key of a Dictionary cannot be one in Python: {exc}") from None

    def wrap_colliding(self, values: list[Any]) -> dict[Any, Any]:
        """Make a dict of keys that collide, each of them in a `Key`, whose hash is salted."""
        dictionary: dict[Any, Any] = {}
        for i in range(0, len(values), 2):
            key = values[i]
            kind = type(key)
            dictionary[key if kind in SALTED or kind in _UNCHANGED else self.wrap_exactly(key)] = values[i + 1]
        return dictionary

    def wrap_exactly(self, key: Any) -> Key:
        """Make a `Key` of a value that has a hash, with all the 64 bits that its numbers may have come with.

        Of keys that differ in the last bits only, as those that collide well may, none must be lost.
        """
        row = self.writers[type(key)]
        out: list[Any] = []
        if isinstance(row, Numbers):
            row.write_exactly(key, out)
        else:
            row.open(key, out, True)
        return encoded_key(key, self.version, b"".join(out))


class KeyRow(Row):
    """A `Key`, encoded when it was made."""

    def write(self, value: Any, out: list[Any]) -> None:
        if value.version != self.version:
            raise VariantEncodeError(f"this Key is for Godot {value.version}: make it with version={self.version}")
        out.append(value.data)


class NestedKeyRow(KeyRow):
    """A `Key` in another one. Each keeps the data of all keys in it, so their number is limited."""

    def __init__(self) -> None:
        super().__init__("Key")
        self.deepest = 0

    def write(self, value: Any, out: list[Any]) -> None:
        depth = value.depth + 1
        if depth > _MAX_KEYS:
            raise VariantEncodeError(
                f"in a Key are {depth} others, one in the other, and no more than {_MAX_KEYS} may be"
            )
        self.deepest = max(self.deepest, depth)
        super().write(value, out)


class PropertyName:
    """The name of a property, which is a string, but no Variant."""

    def __init__(self, raw: bytes) -> None:
        self.raw = raw


class PropertyNameRow(Row):
    """The data before the value of a property."""

    def write(self, value: Any, out: list[Any]) -> None:
        out.append(value.raw)


class Properties:
    """The state of an object while its properties are decoded."""

    def __init__(self, class_name: str, count: int) -> None:
        self.class_name = class_name
        self.count = count
        self.names: list[str] = []


class ObjectRow(Container):
    """The id of an object; or its class, the count of its properties, and each name with its value."""

    def open(self, value: Any, out: list[Any], full_objects: bool) -> Inner | None:
        if isinstance(value, EncodedObjectAsID):
            out.append(self.wide_head)
            out.append(pack_u64(value.object_id))
            return None
        if not full_objects:
            message = f"a whole object ({value.class_name}) is sent only where full_objects=True is passed"
            raise VariantEncodeError(message, Error.ERR_UNAUTHORIZED)
        if not value.class_name:
            raise VariantEncodeError("an EncodedObject without the name of a class would arrive as null: send None")
        out.append(self.head)
        out.append(string_bytes(value.class_name, self.lenient))
        out.append(pack_u32(len(value.properties)))
        parts: list[Any] = []
        for name, item in value.properties.items():
            parts.append(PropertyName(string_bytes(name, self.lenient)))
            parts.append(item)
        return parts or None

    def begin(self, data: bytes, pos: i64, flags: i64, allow_objects: bool) -> tuple[i64, Any, i64]:
        if flags & 1:
            object_id = unpack_u64(data, pos)[0]
            return 0, EncodedObjectAsID(object_id) if object_id else None, pos + 8
        if not allow_objects:
            message = f"there is a whole object at byte {pos}, and allow_objects is not set"
            raise VariantDecodeError(message, Error.ERR_UNAUTHORIZED)
        class_name, pos = read_string(data, pos, self.lenient)
        if not class_name:
            return 0, None, pos
        count = u32(data, pos)
        pos += 4
        if count >= 0x80000000:  # negative: to Godot no error, but no properties
            count = 0
        return 0, Properties(class_name, count), pos

    def end(self, values: list[Any], note: Any) -> Any:
        if isinstance(note, Properties):
            return EncodedObject(note.class_name, dict(zip(note.names, values, strict=True)))
        return note


class ElementTypes:
    """The types that the containers of Godot 4 may be bound to.

    Args:
        rows: the table, in which a type is found by its name. Any other name is that of a class of objects, or the
            path of a script.
        find: finds the row of a value.

    """

    def __init__(self, rows: list[Row], find: Callable[[Any], tuple[Row, Any]]) -> None:
        self.rows = rows
        self.find = find
        self.object_id = 0
        self.ids: dict[str, int] = {}
        for row in rows[1:]:
            if isinstance(row, ObjectRow):
                self.object_id = row.type_id
            else:
                self.ids[row.name] = row.type_id

    def write(self, name: str, values: Iterable[Any], full_objects: bool) -> tuple[int, bytes]:
        """Return the kind and the bytes of the common type of `values`."""
        if name == "Variant":
            return 0, b""
        type_id = self.ids.get(name, self.object_id)
        for value in values:
            found = self.find(value.value if isinstance(value, Key) else value)[0].type_id
            if found != type_id and not (value is None and type_id == self.object_id):
                raise VariantEncodeError(
                    f"a {type(value).__name__} is no {name or 'Object'}, and Godot would change it or leave it out"
                )
        if not name or type_id != self.object_id:
            return 1, pack_u32(type_id)
        if not full_objects:
            name = "EncodedObjectAsID"
        return 3 if name.startswith("res://") else 2, string_bytes(name, False)

    def read(self, kind: i64, data: bytes, pos: i64, allow_objects: bool) -> tuple[str, i64]:
        """Read the name of a type."""
        if kind == 0:
            return "Variant", pos
        if kind == 1:
            type_id = u32(data, pos)
            if type_id >= len(self.rows):
                raise VariantDecodeError(f"there is no type {type_id} (at byte {pos})")
            name = "" if type_id == self.object_id else self.rows[type_id].name if type_id else "Variant"
            pos += 4
        else:
            type_id = self.object_id
            name, pos = read_string(data, pos, False)
            if kind == 3 and allow_objects and not name.startswith("res://"):
                raise VariantDecodeError(f"the path of a script before byte {pos} begins with no res://")
        if type_id == self.object_id and not allow_objects:
            name = "EncodedObjectAsID"  # the only possible content
        return name, pos

    def admit(self, name: str, value: Any) -> Any:
        """Return Godot's conversion of a value in a typed container, `REFUSED` if Godot leaves it out."""
        wanted = self.ids.get(name, self.object_id)
        found = self.find(value)[0].type_id
        if found == wanted or (value is None and wanted == self.object_id):
            return value
        convert = CONVERSIONS.get((self.rows[wanted].name, self.rows[found].name))
        return REFUSED if convert is None else convert(value)


class TypedArrayRow(ArrayRow):
    """An array of Godot 4; the type of its elements, if it has one, stands before the count."""

    types: ElementTypes

    def open(self, value: Any, out: list[Any], full_objects: bool) -> Inner | None:
        if not isinstance(value, TypedArray):
            return super().open(value, out, full_objects)
        kind, name = self.types.write(value.element_type, value, full_objects)
        out.append(pack_u32(self.type_id | kind << 16))
        out.append(name)
        out.append(pack_u32(len(value)))
        return value or None

    def begin(self, data: bytes, pos: i64, flags: i64, allow_objects: bool) -> tuple[i64, Any, i64]:
        name, pos = self.types.read(flags & 3, data, pos, allow_objects)
        return _count(data, pos), name, pos + 4

    def end(self, values: list[Any], note: Any) -> Any:
        if note == "Variant":
            return values
        admitted = [self.types.admit(note, value) for value in values]
        return TypedArray([value for value in admitted if value is not REFUSED], note)


class TypedDictionaryRow(DictionaryRow):
    """A dictionary of Godot 4; the types of its keys and of its values, if it has any, stand before the count."""

    types: ElementTypes

    def open(self, value: Any, out: list[Any], full_objects: bool) -> Inner | None:
        if not isinstance(value, TypedDictionary):
            return super().open(value, out, full_objects)
        key_kind, key_name = self.types.write(value.key_type, value, full_objects)
        value_kind, value_name = self.types.write(value.value_type, value.values(), full_objects)
        out.append(pack_u32(self.type_id | key_kind << 16 | value_kind << 18))
        out.append(key_name)
        out.append(value_name)
        out.append(pack_u32(len(value)))
        return value or None

    def begin(self, data: bytes, pos: i64, flags: i64, allow_objects: bool) -> tuple[i64, Any, i64]:
        key_name, pos = self.types.read(flags & 3, data, pos, allow_objects)
        value_name, pos = self.types.read(flags >> 2 & 3, data, pos, allow_objects)
        return 2 * _count(data, pos), (key_name, value_name), pos + 4

    def end(self, values: list[Any], note: Any) -> Any:
        key_name, value_name = note
        if key_name != "Variant":  # Godot does not look at the values
            admitted: list[Any] = []
            for i in range(0, len(values), 2):
                key = self.types.admit(key_name, None if values[i] is NULL_OBJECT else values[i])
                if key is not REFUSED:
                    admitted += (key, values[i + 1])
            values = admitted
        dictionary = super().end(values, note)
        return dictionary if key_name == value_name == "Variant" else TypedDictionary(dictionary, key_name, value_name)
