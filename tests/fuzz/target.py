"""What the fuzz targets share."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path

import atheris


def run(fuzz_one_input: Callable[[bytes], None], seeds: Iterable[bytes]) -> None:
    """Fuzz, beginning with these inputs; the program's arguments are libFuzzer's options, or a file to run again."""
    with tempfile.TemporaryDirectory() as corpus:
        for number, seed in enumerate(seeds):
            (Path(corpus) / str(number)).write_bytes(seed)
        is_rerun = len(sys.argv) > 1 and not sys.argv[-1].startswith("-")
        atheris.Setup(sys.argv if is_rerun else [*sys.argv, corpus], fuzz_one_input)
        atheris.Fuzz()


def cut(data: bytes, sizes: bytes) -> list[bytes]:
    """Return the pieces of `data`, each as long as a byte of `sizes` says, and the rest."""
    pieces = []
    for size in sizes:
        pieces.append(data[: size + 1])
        data = data[size + 1 :]
    return [*pieces, data]
