"""A task cannot tell a Waiter from an asyncio.Future, however it is woken, cancelled and limited in time."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Coroutine
from typing import Any

import anyio
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from pyws_browser.aio.waiter import Waiter

from .conftest import FACTORIES

TURNS = st.integers(0, 3)
MESSAGES = st.sampled_from([None, "", "why", ("any", "object")])
LIMITS = ["none", "timeout", "wait_for", "task group", "anyio"]


class Subject:
    """A task that waits again and again, for futures or for waiters, and notes how each wait ended."""

    def __init__(self, kind: str, limit: str, *, is_stubborn: bool, is_eager: bool) -> None:
        self._loop = asyncio.get_running_loop()
        self._kind = kind
        self.is_stubborn = is_stubborn
        self._limit: Any = None
        self._awaited: Any = None
        self.notes: list[object] = []
        program = self._limited(limit)
        if is_eager:
            self.task = asyncio.Task(program, loop=self._loop, eager_start=True)
        else:
            self.task = self._loop.create_task(program)

    def wake(self) -> None:
        awaited = self._awaited
        if self._kind == "waiter":
            awaited.wake()
        elif not awaited.done():
            awaited.set_result(None)

    def expire(self) -> None:
        """Let the time limit be over now, once."""
        limit, self._limit = self._limit, None
        if isinstance(limit, asyncio.Timeout):
            limit.reschedule(self._loop.time())
        elif isinstance(limit, asyncio.Task):
            limit.cancel("by another task")
        elif limit is not None:
            limit.cancel()

    @property
    def outcome(self) -> object:
        """All that can be seen of the task."""
        task = self.task
        end: object = None
        if task.done():
            try:
                end = task.result()
            except asyncio.CancelledError as exc:
                end = _known(exc)
            except Exception as exc:
                end = type(exc)
        return task.done(), task.cancelled(), task.cancelling(), end, self.notes

    async def _limited(self, limit: str) -> str:
        if limit == "timeout":
            async with asyncio.timeout(None) as self._limit:
                await self._wait_again_and_again()
        elif limit == "wait_for":
            self._limit = asyncio.ensure_future(self._wait_again_and_again())
            await asyncio.wait_for(self._limit, 60)
        elif limit == "task group":
            async with asyncio.TaskGroup() as tasks:
                self._limit = tasks.create_task(asyncio.sleep(60))
                await self._wait_again_and_again()
        elif limit == "anyio":
            with anyio.CancelScope() as self._limit:
                await self._wait_again_and_again()
        else:
            await self._wait_again_and_again()
        return "went on"

    async def _wait_again_and_again(self) -> None:
        for _ in range(4):
            self._awaited = Waiter(self._loop) if self._kind == "waiter" else self._loop.create_future()
            try:
                await self._awaited
                self.notes.append("woken")
            except asyncio.CancelledError as exc:
                self.notes.append(_known(exc))
                if not self.is_stubborn:
                    raise
            self.notes.append("a turn later")
            await asyncio.sleep(0)


def _known(exc: asyncio.CancelledError) -> object:
    """Return what the exception says; anyio's names the scope, which is not the same one on both sides."""
    if exc.args and str(exc.args[0]).startswith("Cancelled via cancel scope"):
        return "anyio's own"
    return exc.args


class Comparison(RuleBasedStateMachine):
    """Everything is done to both in the same turn of the loop, from within a task."""

    factory: Any = staticmethod(asyncio.SelectorEventLoop)

    @initialize(
        limit=st.sampled_from(LIMITS),
        is_stubborn=st.booleans(),
        is_eager=st.booleans() if sys.version_info >= (3, 12) else st.just(False),
        turns=TURNS,
    )
    def started(self, limit: str, is_stubborn: bool, is_eager: bool, turns: int) -> None:
        self.runner = asyncio.Runner(loop_factory=self.factory)
        self.problems: list[object] = []
        self.limit = limit

        async def start() -> None:
            asyncio.get_running_loop().set_exception_handler(lambda _, context: self.problems.append(context))
            self.subjects = [
                Subject(kind, limit, is_stubborn=is_stubborn, is_eager=is_eager) for kind in ("future", "waiter")
            ]
            await self.turns(turns + 1)  # from then on it waits

        self.run(start())

    @rule(turns=TURNS)
    def wake(self, turns: int) -> None:
        self.to_both(Subject.wake, turns)

    @rule(message=MESSAGES, turns=TURNS)
    def cancel(self, message: object, turns: int) -> None:
        self.to_both(lambda subject: subject.task.cancel(message), turns)

    @rule(turns=TURNS)
    def cancel_with_a_mere_default(self, turns: int) -> None:
        self.to_both(lambda subject: subject.task.cancel(), turns)

    @rule(turns=TURNS)
    def uncancel(self, turns: int) -> None:
        self.to_both(lambda subject: subject.task.uncancel(), turns)

    @rule(turns=TURNS)
    def expire(self, turns: int) -> None:
        if self.limit == "anyio":  # which looks first whether a Future is done, and at nothing else
            self.run(self.turns(4))
        self.to_both(Subject.expire, turns)

    @invariant()
    def nothing_tells_them_apart(self) -> None:
        if hasattr(self, "subjects"):
            future, waiter = self.subjects
            assert waiter.outcome == future.outcome
            assert self.problems == []

    def teardown(self) -> None:
        if hasattr(self, "subjects"):
            try:
                for subject in self.subjects:
                    subject.is_stubborn = False  # whose wait outlives its `wait_for()` included
                for _ in range(2):
                    self.to_both(lambda subject: subject.task.cancel("the end"), 8)
                self.nothing_tells_them_apart()
                assert all(subject.task.done() for subject in self.subjects)
            finally:
                self.runner.close()

    def to_both(self, act: Callable[[Subject], object], turns: int) -> None:
        async def act_and_wait() -> None:
            for subject in self.subjects:
                if not subject.task.done():
                    act(subject)
            await self.turns(turns)

        self.run(act_and_wait())

    def run(self, coroutine: Coroutine[Any, Any, None]) -> None:
        self.runner.run(coroutine)

    @staticmethod
    async def turns(count: int) -> None:
        for _ in range(count):
            await asyncio.sleep(0)


@pytest.mark.parametrize("kind", [kind for kind in FACTORIES if kind != "completion"])
def test_a_task_cannot_tell_a_waiter_from_a_future(kind: str) -> None:
    machine = type("Comparison", (Comparison,), {"factory": staticmethod(FACTORIES[kind])})
    run_state_machine_as_test(machine, settings=settings(max_examples=100, stateful_step_count=12))
