"""Counts of what could leak in a page: Python objects, proxies in both directions, both heaps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .interpreter import Interpreter

_COUNT = """
import gc
gc.collect()
len(gc.get_objects())
"""


def trace_proxies(page: Interpreter) -> None:
    """Have Pyodide count its proxies, which it does not by itself."""
    page.run_js("pyodide._module.enable_pyproxy_allocation_tracing();")


def census(page: Interpreter) -> dict[str, Any]:
    """Count, once all garbage is collected."""
    objects = page.run(_COUNT)
    page.runner.collect_garbage()
    counts: dict[str, Any] = page.run_js(
        """return {
            pythonProxies: pyodide._module.pyproxy_alloc_map.size,
            jsReferences: pyodide._module.hiwire?.num_keys?.() ?? 0,
            jsHeap: performance.memory?.usedJSHeapSize ?? globalThis.process?.memoryUsage().heapUsed ?? 0,
            wasmHeap: pyodide._module.HEAP8.length,
        };"""
    )
    return counts | {"objects": objects}
