"""Lets the tests of the repository import `benchmarks`."""

from __future__ import annotations

import sys
from pathlib import Path

# The last place, because the tests run on the installed package and not on the sources beside `benchmarks`.
sys.path.append(str(Path(__file__).parents[2]))
