"""How many descriptors a process may have, which is as many connections."""

from __future__ import annotations

import sys

if sys.platform != "win32":
    import resource

_SPARE = 300


def raise_limit() -> int:
    """Let this process have as many descriptors as it may; return how many connections fit."""
    if sys.platform == "win32":
        return 500
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard == resource.RLIM_INFINITY:
        hard = 1 << 16
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return max(0, hard - _SPARE)
