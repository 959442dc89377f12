"""Tests that are coroutine functions run on each kind of event loop in turn."""

from __future__ import annotations

import asyncio
import inspect
import sys
from collections.abc import Callable
from typing import Any

import pytest

from ..contract.server import unused_port
from .loops import CompletionLoop

LIMIT = 40.0
"""Seconds after which a test has failed."""

Factory = Callable[[], asyncio.AbstractEventLoop]


def _factories() -> dict[str, Factory]:
    factories: dict[str, Factory] = {"asyncio": asyncio.SelectorEventLoop, "completion": CompletionLoop}
    if sys.platform != "win32":
        import uvloop

        factories["uvloop"] = uvloop.new_event_loop
    return factories


FACTORIES = _factories()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if inspect.iscoroutinefunction(metafunc.function):
        metafunc.fixturenames.append("loop_kind")
        metafunc.parametrize("loop_kind", list(FACTORIES))


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    test = pyfuncitem.obj
    if not inspect.iscoroutinefunction(test):
        return None
    arguments = {name: pyfuncitem.funcargs[name] for name in inspect.signature(test).parameters}

    problems: list[dict[str, Any]] = []

    async def run() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: problems.append(context))
        task = asyncio.ensure_future(test(**arguments))
        # Not `timeout()`: it cancels once, and a test may then wait for ever for what its context managers await.
        await asyncio.wait({task}, timeout=LIMIT)
        if not task.done():
            task.print_stack()
            pytest.fail(f"it takes longer than {LIMIT:.0f} s")
        await task

    with asyncio.Runner(loop_factory=FACTORIES[pyfuncitem.callspec.params["loop_kind"]]) as runner:
        runner.run(run())
    assert problems == [], "a callback of the loop failed"
    return True


@pytest.fixture
def unused_url() -> str:
    """A URL at which nobody listens."""
    return f"ws://127.0.0.1:{unused_port()}/"
