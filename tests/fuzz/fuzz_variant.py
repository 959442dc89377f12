"""The Variant codec: an input is decoded for both versions of Godot, and what comes of it encoded and decoded again."""

from __future__ import annotations

import atheris

with atheris.instrument_imports(include=["pyws_browser.variant"]):
    from pyws_browser.errors import VariantDecodeError, VariantEncodeError
    from pyws_browser.variant import decode

from tests.fuzz.target import run
from tests.variant.samples import every_packet, settled


def fuzz_one_input(data: bytes) -> None:
    for version in (3, 4):
        for allow_objects in (False, True):
            try:
                value = decode(data, version=version, allow_objects=allow_objects)
            except VariantDecodeError:
                continue
            try:
                again = settled(value, version)
            except VariantEncodeError:
                if version == 3:  # only the values of a typed dictionary of Godot 4 may be what they must not
                    raise
                continue
            if settled(decode(again, version=version, allow_objects=True), version) != again:
                raise RuntimeError(f"{data.hex()} became {again.hex()}, which does not stay what it is")


SEEDS = [packet.data for packet in every_packet()]

if __name__ == "__main__":
    run(fuzz_one_input, SEEDS)
