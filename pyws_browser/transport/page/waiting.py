"""Sleeping in code that blocks, where the engine can suspend Python."""

from __future__ import annotations

from pyodide.ffi import can_run_sync, run_sync

from ...protocol import rules


def sleep(seconds: float) -> None:
    """Suspend Python for so long; raises UnsupportedInBrowserError where that is not possible."""
    from asyncio import sleep as sleep_awaited

    if not can_run_sync():
        raise rules.unsupported("sync")
    run_sync(sleep_awaited(seconds))
