"""Names taken from `websockets` itself: data types, and code without I/O.

They are loaded at their first use. In a page that needs the package, which `micropip.install("websockets")` brings.
"""

from __future__ import annotations

from importlib import import_module
from typing import Final

FROM_WEBSOCKETS: Final[dict[str, str]] = {
    "ClientProtocol": "client",
    "ExtensionName": "typing",
    "ExtensionParameter": "typing",
    "Frame": "frames",
    "Headers": "datastructures",
    "HeadersLike": "datastructures",
    "LoggerLike": "typing",
    "MultipleValuesError": "datastructures",
    "Opcode": "frames",
    "Origin": "typing",
    "Protocol": "protocol",
    "Request": "http11",
    "Response": "http11",
    "ServerProtocol": "server",
    "Side": "protocol",
    "StatusLike": "typing",
    "Subprotocol": "typing",
}


def from_websockets(module: str, name: str) -> object:
    """Return the object of that name, for the `__getattr__` of `module`; raises AttributeError for other names."""
    if name not in FROM_WEBSOCKETS:
        raise AttributeError(f"module {module!r} has no attribute {name!r}")
    return getattr(import_module(f"websockets.{FROM_WEBSOCKETS[name]}"), name)
