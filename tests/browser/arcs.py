"""Which lines of the package follow each other, recorded in Pyodide for the report of coverage.

`coverage` itself is not in the page: its data is a database, and its tracer is compiled. An arc is its notion of a
branch: two lines that ran one behind the other in one function, or a function's first line, negative, where it was
entered or left. `tools/page_coverage.py` adds what this finds to what `coverage` found on CPython.
"""

from __future__ import annotations

import dis
import json
import sys
from types import CodeType, FrameType
from typing import Any

_PACKAGE = "/site-packages/pyws_browser/"

_PUSH_EXC_INFO = dis.opmap["PUSH_EXC_INFO"]
_YIELD_VALUE = dis.opmap["YIELD_VALUE"]

_arcs: dict[str, set[tuple[int, int]]] = {}
_known: dict[CodeType, set[tuple[int, int]] | None] = {}


def _arcs_of(code: CodeType) -> set[tuple[int, int]] | None:
    """Return the arcs of the file, None if it is none of the package's."""
    if code not in _known:
        _, found, name = code.co_filename.rpartition(_PACKAGE)
        _known[code] = _arcs.setdefault(name, set()) if found else None
    return _known[code]


def _trace(frame: FrameType, event: str, argument: Any) -> Any:
    arcs = _arcs_of(frame.f_code)
    if arcs is None:
        return None
    # The argument of RESUME is 0 where a function begins, and not 0 where a generator goes on.
    begins = frame.f_code.co_code[frame.f_lasti + 1] == 0
    return _Frame(arcs, -frame.f_code.co_firstlineno if begins else frame.f_lineno).trace


class _Frame:
    """One run of a function, or a generator's until it yields."""

    def __init__(self, arcs: set[tuple[int, int]], last: int) -> None:
        self._arcs = arcs
        self._last = last

    def trace(self, frame: FrameType, event: str, argument: Any) -> Any:
        code = frame.f_code
        opcode = code.co_code[frame.f_lasti]
        if event == "line" and opcode != _PUSH_EXC_INFO:  # a handler begins there, which is no line of its own
            self._arcs.add((self._last, frame.f_lineno))
            self._last = frame.f_lineno
        elif event == "return" and opcode != _YIELD_VALUE:
            self._arcs.add((self._last, -code.co_firstlineno))
        return self.trace


def start() -> None:
    """Record from now on."""
    sys.settrace(_trace)


def dump() -> str:
    """Return the arcs by file, as JSON."""
    return json.dumps({name: sorted(arcs) for name, arcs in _arcs.items() if arcs})
