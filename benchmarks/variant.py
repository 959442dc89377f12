"""python -m benchmarks.variant: encode and decode Variants beside `json`, `msgpack` and plain copying, in turns.

With --compiled, this package's codec is compiled with mypyc in a temporary directory, and both forms take turns in
processes of their own. Each number is the median over the rounds, in microseconds; only ratios within one run mean
something on a machine that does other work as well. `msgpack` is left out where it is not installed.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from array import array
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from pyws_browser.variant import PoolVector3Array, Vector2, Vector3, codec, decode, encode

try:
    import msgpack
except ModuleNotFoundError:
    msgpack = None

ROOT = Path(__file__).parent.parent
COMPILED = ["codec", "_tables", "_containers", "_collisions", "_rows", "_scalars"]

PACKET: dict[str, Any] = {
    "type": "state",
    "id": 1234567,
    "tick": 88231,
    "name": "Player One",
    "pos": Vector3(1.5, -2.25, 0.1),
    "vel": Vector2(0.5, 0.0),
    "hp": 87.5,
    "alive": True,
    "items": [1, 2, 3],
    "target": None,
}
VECTORS = PoolVector3Array(array("f", (i / 7 for i in range(30_000))))
ROWS = [list(vector) for vector in VECTORS]
BLOB = os.urandom(1 << 20)

Cases = dict[str, dict[str, Callable[[], object]]]


def cases() -> Cases:
    """Every measurement: the thing, and what is done to it by whom."""
    as_json = PACKET | {"pos": [*PACKET["pos"]], "vel": [*PACKET["vel"]]}
    found: Cases = {
        "packet": of(PACKET, encode, decode)
        | {
            "json encode": partial(json.dumps, as_json),
            "json decode": partial(json.loads, json.dumps(as_json)),
        },
        "10,000 Vector3": of(VECTORS, encode, decode)
        | {
            "json encode": partial(json.dumps, ROWS),
            "json decode": partial(json.loads, json.dumps(ROWS)),
            "copy": lambda: bytes(memoryview(VECTORS.data)),
        },
        "1 MiB of bytes": of(BLOB, encode, decode) | {"copy": lambda: bytes(memoryview(BLOB))},
    }
    if msgpack is not None:
        for name, value in (("packet", as_json), ("10,000 Vector3", ROWS), ("1 MiB of bytes", BLOB)):
            found[name] |= of(value, msgpack.packb, msgpack.unpackb, "msgpack ")
    return found


def of(value: Any, pack: Any, unpack: Any, prefix: str = "") -> dict[str, Callable[[], object]]:
    return {f"{prefix}encode": partial(pack, value), f"{prefix}decode": partial(unpack, pack(value))}


def measure(rounds: int) -> dict[str, dict[str, float]]:
    """Time every case once in each round; return the medians."""
    times: dict[str, dict[str, list[float]]] = {}
    for _ in range(rounds):
        for thing, actions in cases().items():
            for action, run in actions.items():
                count = 1
                while (elapsed := timed(run, count)) < 0.002:
                    count *= 2
                times.setdefault(thing, {}).setdefault(action, []).append(elapsed / count * 1e6)
    return medians([{thing: {k: statistics.median(v) for k, v in actions.items()} for thing, actions in times.items()}])


def timed(run: Callable[[], object], count: int) -> float:
    start = time.perf_counter()
    for _ in range(count):
        run()
    return time.perf_counter() - start


def medians(results: list[dict[str, dict[str, float]]]) -> dict[str, dict[str, float]]:
    return {
        thing: {action: statistics.median(result[thing][action] for result in results) for action in actions}
        for thing, actions in results[0].items()
    }


def compile_copy(folder: Path) -> None:
    """Make a copy of the package in which the codec is compiled."""
    shutil.copytree(
        ROOT / "pyws_browser", folder / "pyws_browser", ignore=shutil.ignore_patterns("__pycache__", "*.so")
    )
    shutil.copytree(ROOT / "benchmarks", folder / "benchmarks", ignore=shutil.ignore_patterns("__pycache__"))
    modules = [f"pyws_browser/variant/{name}.py" for name in COMPILED]
    subprocess.run([sys.executable, "-m", "mypyc", *modules], cwd=folder, check=True, stdout=subprocess.DEVNULL)


def in_process(folder: Path, rounds: int) -> dict[str, dict[str, float]]:
    command = [sys.executable, "-m", "benchmarks.variant", "--rounds", str(rounds), "--json", "-"]
    return json.loads(subprocess.run(command, cwd=folder, check=True, capture_output=True).stdout)  # type: ignore[no-any-return]


def show(plain: dict[str, dict[str, float]], compiled: dict[str, dict[str, float]] | None) -> None:
    for thing, actions in plain.items():
        print(thing)
        for action, micros in actions.items():
            line = f"    {action:16}{micros:12.2f} µs"
            if compiled is not None and action in ("encode", "decode"):
                line += (
                    f"{compiled[thing][action]:12.2f} µs compiled{micros / compiled[thing][action]:8.2f} times as fast"
                )
            print(line)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=21)
    parser.add_argument("--compiled", action="store_true", help="compile a copy, and measure that in turns as well")
    parser.add_argument("--json", metavar="FILE", help="write the numbers there, or to the standard output for -")
    options = parser.parse_args()
    compiled = None
    if options.compiled:
        with tempfile.TemporaryDirectory() as folder:
            compile_copy(Path(folder))
            pairs = [(in_process(ROOT, options.rounds), in_process(Path(folder), options.rounds)) for _ in range(5)]
        plain, compiled = medians([one for one, _ in pairs]), medians([other for _, other in pairs])
    else:
        plain = measure(options.rounds)
    if options.json == "-":
        json.dump(plain, sys.stdout)
        return
    print(f"Python {sys.version.split()[0]}, {Path(codec.__file__).name}\n")
    show(plain, compiled)
    if options.json:
        Path(options.json).write_text(json.dumps({"plain": plain, "compiled": compiled}, indent=1))


if __name__ == "__main__":
    main()
