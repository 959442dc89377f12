"""The code that the README shows."""

from __future__ import annotations

import re
from pathlib import Path

_HOME = Path(__file__).parent.parent


def python_blocks(page: str = "README.md") -> list[str]:
    """Return a page's blocks of Python, in their order."""
    return _blocks("python", page)


def js_blocks(page: str) -> list[str]:
    """Return a page's blocks of JavaScript, in their order."""
    return _blocks("js", page)


def nginx_blocks(page: str) -> list[str]:
    """Return a page's blocks of nginx's configuration, in their order."""
    return _blocks("nginx", page)


def _blocks(language: str, page: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", (_HOME / page).read_text("utf-8"), re.MULTILINE | re.DOTALL)
