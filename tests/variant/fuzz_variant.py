"""A fuzz target for the codec, to be run by hand: ``python -m tests.variant.fuzz_variant [options of libFuzzer]``.

It needs `atheris`. Each input is decoded for both versions of Godot; whatever comes of it is encoded and decoded again.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["pyws_browser.variant"]):
    from pyws_browser.errors import VariantDecodeError, VariantEncodeError
    from pyws_browser.variant import decode

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
                if version == 3:  # only a typed container of Godot 4 can hold what it must not
                    raise
                continue
            if settled(decode(again, version=version, allow_objects=True), version) != again:
                raise RuntimeError(f"{data.hex()} became {again.hex()}, which does not stay what it is")


def main() -> None:
    with tempfile.TemporaryDirectory() as corpus:
        for number, packet in enumerate(every_packet()):
            (Path(corpus) / str(number)).write_bytes(packet.data)
        atheris.Setup([*sys.argv, corpus], fuzz_one_input)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
