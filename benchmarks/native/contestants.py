"""Who takes part, and how each is run."""

from __future__ import annotations

import sys
from typing import NamedTuple

COMPILED = "compiled"
UVLOOP = "uvloop"


class Contestant(NamedTuple):
    """One process: `client` is a class of `worker.py` or `server_worker.py`, run on `loop`, if it needs one.

    `interpreter` is that of an environment with another version of this package.
    """

    name: str
    client: str
    loop: str = ""
    is_compiled: bool = False
    interpreter: str = ""

    def python(self, compiled: str | None) -> str:
        """Return the interpreter; `compiled` is that of the environment with the compiled wheel."""
        if self.interpreter:
            return self.interpreter
        return compiled if self.is_compiled and compiled else sys.executable

    @property
    def is_ours(self) -> bool:
        """Whether it is this package."""
        return self.client.startswith("ours")


OURS = Contestant("ours", "ours")
OURS_COMPILED = Contestant("ours, compiled", "ours", is_compiled=True)
SOCKET = Contestant("bare socket", "socket")
AIO = "ours.aio"
AIO_COMPILED = "ours.aio compiled"
_AIO = (
    Contestant(f"{AIO}, asyncio", "ours.aio", "asyncio"),
    Contestant(f"{AIO}, uvloop", "ours.aio", UVLOOP),
    Contestant(f"{AIO_COMPILED}, asyncio", "ours.aio", "asyncio", is_compiled=True),
    Contestant(f"{AIO_COMPILED}, uvloop", "ours.aio", UVLOOP, is_compiled=True),
)

CLIENTS = (
    OURS,
    OURS_COMPILED,
    *_AIO,
    Contestant("picows, asyncio", "picows", "asyncio"),
    Contestant("picows, uvloop", "picows", UVLOOP),
    Contestant("picows.websockets, asyncio", "picows.websockets", "asyncio"),
    Contestant("picows.websockets, uvloop", "picows.websockets", UVLOOP),
    Contestant("aiohttp, asyncio", "aiohttp", "asyncio"),
    Contestant("aiohttp, uvloop", "aiohttp", UVLOOP),
    Contestant("websockets, asyncio", "websockets", "asyncio"),
    Contestant("websockets, uvloop", "websockets", UVLOOP),
    Contestant("websockets, sync", "websockets.sync"),
    Contestant("wsproto", "wsproto"),
    Contestant("websocket-client", "websocket-client"),
    SOCKET,
)

SERVERS = (
    OURS,
    OURS_COMPILED,
    *(contestant for contestant in _AIO if contestant.loop == UVLOOP),
    Contestant("websockets, asyncio", "websockets", "asyncio"),
    Contestant("websockets, uvloop", "websockets", UVLOOP),
    Contestant("picows, uvloop", "picows", UVLOOP),
)

FLOODED = (
    OURS,
    OURS_COMPILED,
    Contestant(AIO, "ours.aio"),
    Contestant(AIO_COMPILED, "ours.aio", is_compiled=True),
    Contestant("websockets", "websockets"),
    Contestant("picows", "picows"),
)
"""Those that are measured beside a flood, on asyncio's own loop, if they need one."""

_WITHOUT_LOOP = frozenset(contestant.name for contestant in CLIENTS if not contestant.loop)


def library(name: str) -> str:
    """Return the library of a contestant's name, on whatever loop it runs."""
    return name if name in _WITHOUT_LOOP else name.partition(",")[0]
