"""Godot's binary Variant format, as `put_var` and `var2bytes` write it, and `get_var` and `bytes2var` read it.

A Variant is a 32-bit word, with the type id in its low byte and flags from bit 16 up, followed by the data of the type.
The tables of `_tables` define these data, one for Godot 3 and one for Godot 4. This module walks through the
containers, with a stack of its own and not by recursion: what comes from the network must exhaust neither Python's
stack nor that of a browser. It reads and writes the most frequent types by itself.

Most of the time for a small packet goes into calls of CPython that both the plain and the compiled form make: joining
the parts takes a sixth of the compiled form's time, the look-up of short strings an eighth. A stack of nested tuples
beats two lists: a list that is popped from is reallocated each time. Keys and values are two lists that are walked side
by side: one list made of both took a sixth of the compiled form's time; slices with a step and `chain` over the items
were slower; walking by index makes compiled code 8 % faster and plain Python 17 % slower.
"""

from __future__ import annotations

import struct
from itertools import chain
from typing import TYPE_CHECKING, Any, Final

from ..errors import Error, VariantDecodeError, VariantEncodeError
from ._containers import NULL_OBJECT, Container, DictionaryRow, NestedKeyRow, Properties
from ._scalars import (
    FALSE,
    NIL,
    SHORT_STRINGS,
    SHORT_TEXTS,
    SMALL_INTS,
    TRUE,
    WIDE,
    float_variant,
    int_variant,
    read_string,
    read_text,
    string_variant,
    truncated,
    two_words,
    u32,
    unpack_f32,
)
from ._tables import Version, version_of
from .types import Key, set_key_encoder

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import TypeAlias

    from _typeshed import ReadableBuffer
    from mypy_extensions import i64

    from ._rows import Row

    _Outer: TypeAlias = tuple[Iterator[Any], list[Any] | None, i64, Any, Any]  # the last one is the outer container

_GODOT_3: Final = version_of(3)
_MAX_DEPTH: Final = 1024  # containers around a value, as in Godot 3.6 and 4

_unpack_i64: Final = struct.Struct("<q").unpack_from
_unpack_f64: Final = struct.Struct("<d").unpack_from


def encode(value: Any, *, version: int = 3, full_objects: bool = False) -> bytes:
    """Encode one value, as Godot's `var2bytes` and `PacketPeer.put_var` do.

    Args:
        value: None, a bool, int, float, str, bytes, list, tuple, dict, a type of this package, or anything that has a
            one-dimensional buffer of bytes, 32-bit integers or 32-bit floats (for Godot 4 also of 64-bit ones).
        version: the Godot that is to read it, 3 or 4.
        full_objects: whether an `EncodedObject` may be sent.

    Raises:
        VariantEncodeError: something in it has no form that Godot would read back as the same.

    """
    chosen = _GODOT_3 if version == 3 else version_of(version)
    return _encode(value, chosen, chosen.writers, full_objects)


def encode_key(value: Any, version: int) -> tuple[bytes, int]:
    """Encode the value of a `Key`; return also how many keys are in it, one in the other."""
    chosen = version_of(version)
    row = NestedKeyRow()
    row.place(version, 0)
    return _encode(value, chosen, {**chosen.writers, Key: row}, True), row.deepest


def decode(data: ReadableBuffer, *, version: int = 3, allow_objects: bool = False) -> Any:
    """Decode one value, as Godot's `bytes2var` and `PacketPeer.get_var` do; what follows it does not matter.

    Args:
        data: the packet.
        version: the Godot that wrote it, 3 or 4.
        allow_objects: whether whole objects may come. They are never instantiated, but become `EncodedObject`.

    Raises:
        VariantDecodeError: Godot would refuse the data as well, or Python has no such value.

    """
    return decode_from(data, 0, version=version, allow_objects=allow_objects)[0]


def decode_from(
    data: ReadableBuffer, offset: int = 0, *, version: int = 3, allow_objects: bool = False
) -> tuple[Any, int]:
    """Decode the value at `offset` (see `decode`); return it, and the offset of what follows it."""
    raw = data if type(data) is bytes else memoryview(data).tobytes()
    if not 0 <= offset <= len(raw):
        raise VariantDecodeError(f"there is no byte {offset} in {len(raw)} bytes of data")
    return _decode(raw, offset, version_of(version), allow_objects)


def _encode(value: Any, version: Version, writers: dict[type, Row], full_objects: bool) -> bytes:
    lenient = version.lenient
    out: list[Any] = []
    values: Iterator[Any] = iter((value,))
    keys: list[Any] | None = None
    at: i64 = 0  # of the keys
    outer: _Outer | None = None
    depth: i64 = 0
    while True:
        for item in values:
            if keys is not None:
                key = keys[at]
                at += 1
                kind = type(key)
                if kind is str:
                    raw = SHORT_STRINGS.get(key)
                    out.append(string_variant(key, lenient) if raw is None else raw)
                elif kind is int:
                    out.append(int_variant(key))
                else:  # a key that may even be a container is written as if it were a value
                    values = chain((key, item), chain.from_iterable(zip(keys[at:], values, strict=True)))
                    keys = None
                    break
            kind = type(item)
            if kind is str:
                raw = SHORT_STRINGS.get(item)
                out.append(string_variant(item, lenient) if raw is None else raw)
            elif kind is int:
                number: int = item
                out.append(SMALL_INTS[number] if 0 <= number < 256 else int_variant(number))
            elif kind is float:
                out.append(float_variant(item))
            elif item is None:
                out.append(NIL)
            elif kind is bool:
                out.append(TRUE if item else FALSE)
            else:
                row = writers.get(kind)
                plain = item
                if row is None:
                    row, plain = version.find(item)
                try:
                    inner = row.open(plain, out, full_objects)
                except (struct.error, OverflowError, TypeError) as exc:
                    raise VariantEncodeError(f"a {kind.__name__} cannot be sent as {row.name}: {exc}") from exc
                if inner is not None:
                    if depth == _MAX_DEPTH:
                        raise _too_deep(item, outer)
                    depth += 1
                    outer = (values, keys, at, item, outer)
                    if isinstance(inner, dict):
                        keys = list(inner.keys())
                        values = iter(inner.values())
                        at = 0
                    else:
                        keys = None
                        values = iter(inner)
                    break
        else:
            if outer is None:
                return b"".join(out)
            values, keys, at, _, outer = outer
            depth -= 1


def _decode(data: bytes, pos: i64, version: Version, allow_objects: bool) -> tuple[Any, int]:
    end: i64 = len(data)
    last = end - 8  # the last position of a word that is not the last one
    rows = version.rows
    lenient = version.lenient
    values: list[Any] = []
    left: i64 = 1
    container: Container | None = None
    note: Any = None
    stack: list[tuple[list[Any], i64, Container | None, Any]] = []
    nans: dict[bytes, Any] = {}
    value: Any
    try:
        while True:
            while left:
                left -= 1
                if pos > last:
                    head, word = _last_word(data, pos), 0
                else:
                    head, word = two_words(data, pos)
                type_id = head & 0xFF
                if type_id == 4:
                    start = pos + 8
                    pos = start + ((word + 3) & ~3)
                    if word < 0 or pos > end:
                        raise truncated("String", start - 8, Error.ERR_FILE_EOF)
                    raw = data[start : start + word]
                    value = SHORT_TEXTS.get(raw)
                    if value is None:
                        value = read_text(raw, start - 8, lenient)
                elif type_id == 2:
                    if head & WIDE:
                        value = _unpack_i64(data, pos + 4)[0]
                        pos += 12
                    else:
                        value = word
                        pos += 8
                elif type_id == 3:
                    if head & WIDE:
                        value = _unpack_f64(data, pos + 4)[0]
                        pos += 12
                    else:
                        value = unpack_f32(data, pos + 4)[0]
                        pos += 8
                    if value != value:  # one object for each NaN, so that it is one key, as in Godot
                        value = nans.setdefault(data[pos - 8 : pos], value)
                elif type_id == 1:
                    value = word != 0
                    pos += 8
                elif type_id == 0:
                    value = None
                    pos += 4
                elif type_id >= len(rows):
                    raise VariantDecodeError(f"Godot {version.number} has no type {type_id} (at byte {pos})")
                else:
                    row = rows[type_id]
                    if isinstance(row, Container):
                        stack.append((values, left, container, note))
                        values = []
                        container = row
                        left, note, pos = row.begin(data, pos + 4, head >> 16, allow_objects)
                        if left and len(stack) > _MAX_DEPTH:
                            raise _too_deep_data(pos)
                        continue
                    value, pos = row.read(data, pos + 4, head & WIDE != 0)
                values.append(value)
            if container is None:
                return values[0], min(pos, end)
            if isinstance(note, Properties) and len(note.names) < note.count:
                if len(stack) > _MAX_DEPTH:
                    raise _too_deep_data(pos)
                name, pos = read_string(data, pos, lenient)
                note.names.append(name)
                left = 1
                continue
            value = container.end(values, note)
            values, left, container, note = stack.pop()
            if value is None and not len(values) & 1 and isinstance(container, DictionaryRow):
                value = NULL_OBJECT
            values.append(value)
    except (IndexError, struct.error):
        raise truncated("Variant", pos) from None


def _last_word(data: bytes, pos: i64) -> i64:
    """Read the first word of a type that may have no further data."""
    head = u32(data, pos)
    if 1 <= head & 0xFF <= 4:
        raise truncated("Variant", pos)
    return head


def _too_deep(item: Any, outer: _Outer | None) -> VariantEncodeError:
    containers = []
    while outer is not None:
        *_, container, outer = outer
        containers.append(container)
    if any(container is item for container in containers):
        message = f"a {type(item).__name__} contains itself, and there is no end to sending it"
    else:
        message = f"Godot reads no containers that are nested more than {_MAX_DEPTH} deep"
    return VariantEncodeError(message, Error.ERR_OUT_OF_MEMORY)


def _too_deep_data(pos: int) -> VariantDecodeError:
    message = f"containers are nested more than {_MAX_DEPTH} deep at byte {pos}"
    return VariantDecodeError(message, Error.ERR_OUT_OF_MEMORY)


set_key_encoder(encode_key)
