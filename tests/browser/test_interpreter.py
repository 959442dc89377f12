"""The harness itself: an error in the browser must not pass unseen."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from .interpreter import Interpreter


def test_an_exception_shows_its_traceback(python_place: Interpreter) -> None:
    from .interpreter import PythonError

    with pytest.raises(PythonError, match=r"(?s)test_code\.py.*assert number == 4.*AssertionError\n  number = 3"):
        python_place.run("number = 3\nassert number == 4")


def test_an_error_that_nobody_caught_is_noticed(python_place: Interpreter) -> None:
    python_place.run_js(
        "Promise.reject(new Error('lost promise')); setTimeout(() => { throw new Error('lost throw'); });"
    )
    python_place.run(
        """
        import asyncio

        async def fail():
            raise ValueError("lost task")

        task = asyncio.ensure_future(fail())
        await asyncio.sleep(0.05)
        del task
        """
    )

    complaints = "\n".join(python_place.complaints())

    assert "lost promise" in complaints
    assert "lost throw" in complaints
    assert "lost task" in complaints
