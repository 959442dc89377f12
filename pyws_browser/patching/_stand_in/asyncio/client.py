"""The names of `websockets.asyncio.client`; `patch_websockets()` implements them."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from .._names import make_function
from .connection import Connection


class ClientConnection(Connection):
    """A client's connection."""


class connect:  # noqa: N801
    """Connect to a server."""


def unix_connect(*_arguments: Any, **_named: Any) -> Any:
    """Connect to a server at a unix socket."""


backoff = make_function(__name__, "backoff")
process_exception = import_module("pyws_browser.aio").process_exception
