"""Sleeps in code that blocks, where the engine can suspend Python."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Final

from pyodide.ffi import can_run_sync, run_sync

from ...protocol import rules

if TYPE_CHECKING:
    from ..base import Transport

_LEAST: Final = 0.002
"""Seconds; Pyodide's loop raises for a time that is over by the time that it is asked."""


def sleep(seconds: float) -> None:
    """Suspend Python for so many seconds; raises UnsupportedInBrowserError where that is not possible."""
    from asyncio import sleep as sleep_awaited

    check_can_wait()
    run_sync(sleep_awaited(seconds))


def check_can_wait() -> None:
    """Raise UnsupportedInBrowserError where Python cannot be suspended."""
    if not can_run_sync():
        raise rules.unsupported("sync")


def suspend(transport: Transport, seconds: float) -> None:
    """Suspend Python until the browser has something for the transport, or time is over; raises as `sleep()`."""
    from asyncio import Event, wait_for

    check_can_wait()
    woken = Event()
    transport.set_wakeup(woken.set)

    async def until_woken() -> None:
        with suppress(TimeoutError):  # the next look shows whether anything happened
            await wait_for(woken.wait(), max(seconds, _LEAST))

    try:
        run_sync(until_woken())
    finally:
        transport.set_wakeup(None)
