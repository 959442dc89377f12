"""How documents are laid out."""

from __future__ import annotations

from pathlib import Path

import pytest

HOME = Path(__file__).parents[2]
WIDTH = 100
DOCUMENTS = sorted(
    document
    for pattern in ("*.md", "docs/**/*.md", "benchmarks/*.md", "examples/*/*.md", "tests/*/*.md")
    for document in HOME.glob(pattern)
)
UNBREAKABLE = ("|", "![", "<", "options:")
"""What begins a row of a table, an image, a tag, or the options of a reference: a new line would change them."""


def prose(text: str) -> list[tuple[int, str]]:
    """Return the numbered lines of a document outside its blocks of code."""
    lines, is_code = [], False
    for number, line in enumerate(text.splitlines(), 1):
        if line.lstrip().startswith("```"):
            is_code = not is_code
        elif not is_code:
            lines.append((number, line))
    return lines


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: str(document.relative_to(HOME)))
def test_paragraphs_are_wrapped_at_100_columns(document: Path) -> None:
    too_long = [
        number
        for number, line in prose(document.read_text("utf-8"))
        if len(line) > WIDTH and not line.lstrip().startswith(UNBREAKABLE)
    ]
    assert too_long == []
