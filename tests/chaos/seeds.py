"""The seeds that ever failed, which every run of chaos repeats."""

from __future__ import annotations

from typing import Final

KEPT: Final = {"nats": [3], "redis": []}
"""For each broker. Add a seed when it has failed, with the mend; none is taken away."""
