"""The code that the README shows."""

from __future__ import annotations

import re
from pathlib import Path

_README = Path(__file__).parent.parent / "README.md"


def python_blocks() -> list[str]:
    """Return the README's blocks of Python, in their order."""
    return re.findall(r"^```python\n(.*?)^```", _README.read_text("utf-8"), re.MULTILINE | re.DOTALL)
