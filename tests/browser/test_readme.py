"""The program that the README shows for both sides, in a page and in a worker."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..readme import python_blocks

if TYPE_CHECKING:
    from .interpreter import Interpreter


def test_the_program_for_both_sides(python_place: Interpreter, contract_urls: dict[str, str]) -> None:
    printed = python_place.run(
        """
        import contextlib, io

        names = {}
        exec(program, names)
        with contextlib.redirect_stdout(io.StringIO()) as out:
            await names["hello"](url)
        out.getvalue()
        """,
        program=python_blocks()[0],
        url=contract_urls["server"] + "echo",
    )
    assert printed == "received hello\nclosed: 1000 thank you \n"
