"""The code that the README shows."""

from __future__ import annotations

import re
from pathlib import Path

_HOME = Path(__file__).parent.parent


def python_blocks(page: str = "README.md") -> list[str]:
    """Return a page's blocks of Python, in their order."""
    return re.findall(r"^```python\n(.*?)^```", (_HOME / page).read_text("utf-8"), re.MULTILINE | re.DOTALL)
