"""Makes a dict of untrusted keys, in time proportional to their number.

Theory of operation. CPython salts the hashes of str and bytes. It does not salt those of numbers and of tuples of
numbers, so an attacker can compute keys that collide in a dict. To add n of them takes n² steps. Nobody can speed that
up: not even the program could use such a dict. So it must not be made.

`make_dict()` adds the keys in blocks, and looks at the clock after each. That costs honest keys next to nothing. If a
block takes too long, which may also be the operating system's doing, `collide()` finds out whether the keys are to
blame: what a dict does with its keys depends on nothing but their hashes, so it can be counted without the dict. A dict
is a table of 2^k slots, which doubles when two thirds are used. A key tries the slot that the low bits of its hash
name, and then others, until one is free; the higher bits decide which (`perturb` in CPython's dictobject.c; neither
this nor the growth has changed since 3.7). `collide()` marks slots in tables of the same sizes in the same order, and
gives up as soon as the keys so far have tried more than `_MAX_TRIES` taken slots each. Random keys try about one, and
those of a grid, or ten thousand numbers in equal steps, at most 14.

If the keys collide, the caller puts each into a `Key`, whose hash is that of its bytes, and salted. So each of the
parts takes a number of steps that is proportional to n: the blocks up to the first slow one, since the clock
bounds them; the last of them, since it is so small; the counting; and the dict of `Key`.
"""

from __future__ import annotations

import sys
from array import array
from itertools import islice
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final

from .types import StringName

if TYPE_CHECKING:
    from mypy_extensions import i64

SALTED: Final = frozenset({str, StringName, bytes, bool, type(None)})
"""The types of keys that an attacker cannot make collide."""

FEW_KEYS: Final = 64
"""How many keys are added without a check. If all of 64 collide, each meets some 30 others."""

_MANY_KEYS: Final = 1 << 17
_SMALL_BLOCK: Final = 16
"""From that many keys on, only so few are added at a time, because each may try a hundred thousand slots."""

_PATIENCE: Final = 0.0002
_PATIENCE_PER_KEY: Final = 0.000002
"""Seconds that adding keys may take before they are looked at."""

_MAX_TRIES: Final = 20
"""How many taken slots a key may try on average."""

_SLACK: Final = 512
"""Tries beyond that, so that the first keys may be unlucky."""

_FIRST_SIZE: Final = 128
"""The size of the smallest table that is not full at `FEW_KEYS`."""

_UNSIGNED: Final = (1 << (sys.hash_info.width - 5)) - 1
"""What is left of a hash, taken for an unsigned number, when it was shifted by 5 bits."""


def make_dict(values: list[Any]) -> dict[Any, Any] | None:
    """Make a dict of keys and values, which take turns in `values`; return None if the keys collide.

    Raises:
        TypeError: a key has no hash.

    """
    count = len(values) // 2
    each = iter(values)
    pairs = zip(each, each, strict=True)
    start = perf_counter()
    dictionary: dict[Any, Any] = {}
    done = 0
    while done < count:
        block = FEW_KEYS if done < _MANY_KEYS else _SMALL_BLOCK
        dictionary.update(islice(pairs, block))
        done += block
        if perf_counter() - start > _PATIENCE + _PATIENCE_PER_KEY * done:
            if collide(values[::2]):
                return None
            dictionary.update(pairs)
            break
    return dictionary


def collide(keys: list[Any]) -> bool:
    """Tell whether a dict would be slow with these keys, added in this order; there are more than `FEW_KEYS`.

    Raises:
        TypeError: a key has no hash.

    """
    if SALTED.issuperset(map(type, keys)):
        return False
    hashes = array("q", map(hash, keys))
    count = len(hashes)
    size = _FIRST_SIZE
    while True:
        full = 2 * size // 3
        if _is_crowded(hashes[:full], size):
            return True
        if count <= full:
            return False
        size *= 2


def _is_crowded(hashes: array[int], size: i64) -> bool:
    """Tell whether keys with these hashes need too many tries in a table of this size."""
    taken = [False] * size
    mask = size - 1
    most: i64 = _SLACK
    tries: i64 = 0
    slot: i64
    for number in hashes:
        most += _MAX_TRIES
        slot = number & mask
        if taken[slot]:
            rest: i64 = number >> 5 & _UNSIGNED
            while taken[slot]:
                slot = (slot * 5 + rest + 1) & mask
                rest >>= 5
                tries += 1
            if tries > most:
                return True
        taken[slot] = True
    return False
