"""What the README and the documentation show of a page and of a worker."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ..readme import js_blocks, python_blocks

if TYPE_CHECKING:
    from .interpreter import Interpreter


@pytest.mark.parametrize(
    ("block", "name", "words"),
    [(0, "hello", "received hello\n"), (1, "play", "received hello\nclosed: 1000 thank you \n")],
    ids=["awaited", "polled"],
)
def test_the_programs_for_both_sides(
    python_place: Interpreter, contract_urls: dict[str, str], block: int, name: str, words: str
) -> None:
    printed = python_place.run(
        """
        import contextlib, io

        names = {}
        exec(program, names)
        with contextlib.redirect_stdout(io.StringIO()) as out:
            await names[name](url)
        out.getvalue()
        """,
        program=python_blocks()[block],
        name=name,
        url=contract_urls["server"] + "echo",
    )
    assert printed == words


def test_the_worker_loses_nothing_that_is_posted_at_once(page_python: Interpreter, programs_dir: Path) -> None:
    (program,) = (block for block in js_blocks("docs/how-to.md") if "worker.mjs" in block)
    (programs_dir / "worker.mjs").write_text(program.replace("./pyodide/", "/"), "utf-8")
    answer = page_python.run_js(
        """
        const worker = new Worker("/programs/worker.mjs", { type: "module" });
        const answer = new Promise((resolve, reject) => {
            worker.onmessage = ({ data }) => resolve(data);
            worker.onerror = ({ message }) => reject(new Error(message));
        });
        worker.postMessage("import js, pyws_browser; js.postMessage(pyws_browser.__name__)");
        return Promise.race([
            answer, new Promise((resolve) => setTimeout(resolve, 30000, "nothing"))
        ]).finally(() => worker.terminate());
        """
    )
    assert answer == "pyws_browser"
