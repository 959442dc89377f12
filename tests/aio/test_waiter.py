"""A Waiter: woken at once, cancelled in the loop's next turn, never both."""

from __future__ import annotations

import asyncio
import contextvars

import pytest

from pyws_browser.aio.waiter import Waiter


async def wait_and_note(waiter: Waiter, notes: list[str], name: str = "task") -> None:
    try:
        await waiter
        notes.append(name)
    except asyncio.CancelledError:
        notes.append(f"{name} cancelled")
        raise


async def started(waiter: Waiter, notes: list[str]) -> asyncio.Task[None]:
    task = asyncio.create_task(wait_and_note(waiter, notes))
    await asyncio.sleep(0)
    return task


async def test_the_task_goes_on_inside_the_callback_that_wakes_it() -> None:
    loop, notes = asyncio.get_running_loop(), list[str]()
    waiter = Waiter(loop)
    task = await started(waiter, notes)
    loop.call_soon(lambda: (waiter.wake(), notes.append("callback")))
    await task
    assert notes == ["task", "callback"]


async def test_while_another_task_runs_it_goes_on_in_the_next_turn() -> None:
    notes = list[str]()
    waiter = Waiter(asyncio.get_running_loop())
    task = await started(waiter, notes)
    waiter.wake()
    notes.append("this task")
    await task
    assert notes == ["this task", "task"]


async def test_woken_before_it_is_awaited_it_does_not_wait() -> None:
    waiter = Waiter(asyncio.get_running_loop())
    waiter.wake()
    waiter.wake()
    await waiter


async def test_cancelling_the_task_raises_in_it() -> None:
    notes = list[str]()
    waiter = Waiter(asyncio.get_running_loop())
    task = await started(waiter, notes)
    task.cancel()
    waiter.wake()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert notes == ["task cancelled"]


async def test_cancelled_after_it_was_woken_the_task_is_cancelled_at_its_next_await() -> None:
    notes = list[str]()
    waiter = Waiter(asyncio.get_running_loop())
    task = await started(waiter, notes)
    waiter.wake()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_time_limit_ends_the_wait() -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await Waiter(asyncio.get_running_loop())


async def test_the_task_keeps_its_context() -> None:
    variable = contextvars.ContextVar("variable", default="outside")
    loop, seen = asyncio.get_running_loop(), list[str]()
    waiter = Waiter(loop)

    async def inside() -> None:
        variable.set("inside")
        await waiter
        seen.append(variable.get())

    task = asyncio.create_task(inside())
    await asyncio.sleep(0)
    loop.call_soon(waiter.wake)
    await task
    assert (seen, variable.get()) == (["inside"], "outside")


async def test_what_the_task_raises_is_the_tasks_and_not_the_callbacks() -> None:
    loop = asyncio.get_running_loop()
    waiter = Waiter(loop)

    async def fail() -> None:
        await waiter
        raise LookupError

    task = asyncio.create_task(fail())
    await asyncio.sleep(0)
    loop.call_soon(waiter.wake)
    with pytest.raises(LookupError):
        await task
