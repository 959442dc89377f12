"""Packets whose keys were computed to collide in a dict: they take no longer than others, and no key is lost."""

from __future__ import annotations

import itertools
import random
import struct
import time
from collections.abc import Callable, Iterable
from typing import Any

import pytest

from pyws_browser.variant import (
    EncodedObjectAsID,
    Key,
    Rect2,
    StringName,
    TypedDictionary,
    Vector2,
    Vector3,
    Vector3i,
    _collisions,
    decode,
    encode,
)
from pyws_browser.variant._collisions import FEW_KEYS, collide, make_dict

WIDE = 1 << 16
TYPES = {3: {"Array": 19, "Dictionary": 18}, 4: {"Array": 28, "Dictionary": 27}}
NARROW_TWINS = [2.0 ** (61 * i) for i in (-2, -1, 0, 1)]
WIDE_TWINS = [2.0 ** (61 * i) for i in range(-16, 16)]
"""Floats that hash alike, since a hash is taken modulo 2**61 - 1."""


def packet(keys: Iterable[bytes], version: int) -> bytes:
    parts = [key + struct.pack("<Ii", 2, i) for i, key in enumerate(keys)]
    return struct.pack("<II", TYPES[version]["Dictionary"], len(parts)) + b"".join(parts)


def floats(type_id: int, width: int, numbers: Iterable[tuple[float, ...]], *, wide: bool = False) -> list[bytes]:
    head = type_id | WIDE if wide else type_id
    return [struct.pack(f"<I{width}{'d' if wide else 'f'}", head, *each) for each in numbers]


def twins(count: int, width: int, *, wide: bool = False) -> list[tuple[float, ...]]:
    """Tuples of floats whose hashes are all the same."""
    numbers = WIDE_TWINS if wide else NARROW_TWINS
    return list(itertools.islice(itertools.product(numbers, repeat=width), count))


def chain(count: int) -> list[int]:
    """Numbers that all hash differently, half of which fill the slots that the other half is to try."""
    size = 1 << (3 * count // 2).bit_length()
    numbers = [1]
    while len(numbers) < count // 2:
        numbers.append((numbers[-1] * 5 + 1) % size)
    return numbers + [1 + i * size for i in range(1, count - count // 2 + 1)]


def wide_ints(numbers: Iterable[int]) -> list[bytes]:
    return [struct.pack("<Iq", 2 | WIDE, number) for number in numbers]


CRAFTED: dict[str, Callable[[], tuple[int, list[bytes]]]] = {
    "Basis of Godot 3": lambda: (3, floats(12, 9, twins(10_000, 9))),
    "Transform of Godot 3": lambda: (3, floats(13, 12, twins(10_000, 12))),
    "AABB of Godot 3": lambda: (3, floats(11, 6, twins(4096, 6))),
    "Vector2 with 64 bits": lambda: (4, floats(5, 2, twins(1024, 2, wide=True), wide=True)),
    "Vector3 with 64 bits": lambda: (4, floats(9, 3, twins(20_000, 3, wide=True), wide=True)),
    "Quaternion with 64 bits": lambda: (4, floats(15, 4, twins(20_000, 4, wide=True), wide=True)),
    "Projection with 64 bits": lambda: (4, floats(19, 16, twins(5_000, 16, wide=True), wide=True)),
    "int of Godot 4": lambda: (4, wide_ints(chain(87_000))),
    "float of Godot 3": lambda: (3, [struct.pack("<Id", 3 | WIDE, number) for number in chain(87_000)]),
}


@pytest.fixture
def held_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have every look at the clock find that too much time has passed, as on a slow machine."""
    monkeypatch.setattr(_collisions, "perf_counter", itertools.count(0.0, 1.0).__next__)


@pytest.fixture
def in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have no time pass."""
    monkeypatch.setattr(_collisions, "perf_counter", lambda: 0.0)


@pytest.mark.usefixtures("held_up")
@pytest.mark.parametrize("name", CRAFTED)
def test_keys_that_collide_are_wrapped_and_none_is_lost(name: str) -> None:
    version, keys = CRAFTED[name]()
    data = packet(keys, version)

    value = decode(data, version=version)

    assert list(value.values()) == list(range(len(keys)))
    assert {type(key) for key in value} == {Key}
    assert [key.value for key in value] == [decode(key, version=version) for key in keys]
    assert decode(encode(value, version=version), version=version) == value


def test_keys_that_collide_take_no_longer_than_others_of_their_type() -> None:
    """It would be 200 times as long: 20,000 keys make 200 million pairs."""
    count = 20_000
    numbers = random.Random(1)
    crafted = packet(floats(12, 9, twins(count, 9)), 3)
    others = packet(floats(12, 9, ([numbers.random() for _ in range(9)] for _ in range(count))), 3)  # type: ignore[misc]

    assert seconds(lambda: decode(crafted)) < 20 * seconds(lambda: decode(others))


@pytest.mark.usefixtures("held_up")
def test_keys_that_collide_among_others_are_found_and_those_that_cannot_collide_stay_as_they_are() -> None:
    arrays = [encode([i]) for i in range(500)]
    names = [encode(f"name {i}") for i in range(500)]
    same = floats(12, 9, twins(4_000, 9))
    keys = [*arrays, *same, *names, encode(None), encode(True)]

    value = decode(packet(keys, 3))

    assert list(value.values()) == list(range(len(keys)))
    assert [key for key in value if type(key) is not Key] == [*(f"name {i}" for i in range(500)), None, True]


@pytest.mark.usefixtures("held_up")
def test_numbers_that_are_equal_in_python_only_are_found_as_well_if_they_collide() -> None:
    numbers = chain(43_000)
    keys = wide_ints(numbers) + [struct.pack("<Id", 3 | WIDE, number) for number in numbers]

    value = decode(packet(keys, 3))

    assert list(value.values()) == list(range(len(keys)))


@pytest.mark.usefixtures("held_up")
def test_a_dictionary_with_types_keeps_them_when_its_keys_are_wrapped() -> None:
    keys = floats(17, 9, twins(4_000, 9))
    plain = packet(keys, 4)
    data = struct.pack("<II", 27 | WIDE, 17) + plain[4:]

    value = decode(data, version=4)

    assert isinstance(value, TypedDictionary)
    assert value.key_type == "Basis"
    assert len(value) == 4_000
    assert encode(value, version=4) == data


def test_keys_that_do_not_fit_their_type_are_left_out_in_no_time() -> None:
    fits, other = encode("x", version=4), encode(None, version=4)
    half = packet([other] * 60_000 + [fits] * 60_000, 4)
    whole = packet([fits] * 120_000, 4)
    head = struct.pack("<II", 27 | WIDE, 4)

    assert decode(head + half[4:], version=4) == {"x": 119_999}
    assert seconds(lambda: decode(head + half[4:], version=4)) < 8 * seconds(
        lambda: decode(head + whole[4:], version=4)
    )


GRID = list(itertools.product(range(60), range(60)))
HONEST: dict[str, list[Any]] = {
    "ids": list(range(5_000)),
    "ids of objects": [EncodedObjectAsID(i << 32 | 5) for i in range(5_000)],
    "negative numbers": list(range(-5_000, 0)),
    "large steps": [i << 40 for i in range(5_000)],
    "packed coordinates": [x << 32 | y for x, y in GRID],
    "floats": [i / 4 for i in range(5_000)],
    "small floats": [i / 1024 for i in range(5_000)],
    "tiles": [Vector2(float(x), float(y)) for x, y in GRID],
    "half tiles": [Vector2(x / 2, y / 2) for x, y in GRID],
    "cells": [Vector3i(x, 0, y) for x, y in GRID],
    "places": [Vector3(x * 16.0, 0.0, -y * 16.0) for x, y in GRID],
    "rectangles": [Rect2(Vector2(x * 8.0, y * 8.0), Vector2(8.0, 8.0)) for x, y in GRID],
    "anything": [*range(2_000), *(i / 3 for i in range(1, 2_000)), *map(str, range(2_000)), None, True],
}


@pytest.mark.usefixtures("held_up")
@pytest.mark.parametrize("name", HONEST)
def test_keys_of_programs_do_not_collide(name: str) -> None:
    keys = HONEST[name]

    assert not collide(keys)
    assert make_dict([part for key in keys for part in (key, None)]) == dict.fromkeys(keys)


@pytest.mark.parametrize(
    "keys",
    [
        [number * (2**61 - 1) for number in range(-4, 5)] * 100,
        chain(10_000),
        chain(40_000),
        [float(number) for number in chain(10_000)],
        [*map(str, range(3_000)), *chain(10_000), *map(str, range(3_000, 6_000))],
        twins(200, 12),
    ],
    ids=["nine hashes", "chain", "long chain", "chain of floats", "chain among names", "one hash"],
)
def test_keys_that_were_computed_to_collide_are_found(keys: list[Any]) -> None:
    assert collide(keys)


def test_text_cannot_be_computed_to_collide_and_is_not_looked_at() -> None:
    assert not collide(["a", StringName("b"), b"c", None, True] * 1_000)


@pytest.mark.usefixtures("in_time")
def test_a_key_that_comes_again_and_again_is_one() -> None:
    assert decode(packet([encode(5)] * 1_000, 3)) == {5: 999}


@pytest.mark.usefixtures("held_up")
def test_on_a_machine_that_was_held_up_a_key_that_comes_again_and_again_collides_with_itself() -> None:
    assert decode(packet([encode(5)] * 1_000, 3)) == {Key(5): 999}


@pytest.mark.usefixtures("in_time")
@pytest.mark.parametrize("count", [FEW_KEYS - 1, FEW_KEYS, FEW_KEYS + 1, 2 * FEW_KEYS, 2 * FEW_KEYS + 1, 1_000])
def test_no_key_is_lost_where_a_block_ends(count: int) -> None:
    assert decode(encode({i: str(i) for i in range(count)})) == {i: str(i) for i in range(count)}


def seconds(call: Callable[[], object]) -> float:
    """The time of this process that a call takes, the least of three."""
    taken = []
    for _ in range(3):
        start = time.process_time()
        call()
        taken.append(time.process_time() - start)
    return min(taken)
