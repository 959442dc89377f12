"""Modules that stand in for those that a page lacks: `ssl`, which no page needs, and `websockets` itself."""

from __future__ import annotations

import sys
from importlib.abc import Loader
from importlib.machinery import ModuleSpec, PathFinder
from importlib.util import spec_from_file_location
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from types import ModuleType

_HERE: Final = Path(__file__).parent
_PACKAGE: Final = _HERE / "_stand_in"

_SERVER: Final = "*broadcast *serve *unix_serve *basic_auth ServerConnection Server"

NAMES_ONLY: Final = {
    "asyncio.messages": "Assembler",
    "asyncio.router": "*route *unix_route Router",
    "asyncio.server": _SERVER,
    "auth": "BasicAuthWebSocketServerProtocol *basic_auth_protocol_factory",
    "client": "ClientProtocol *backoff *process_exception",
    "connection": "Connection",
    "http": "Headers MultipleValuesError",
    "imports": "*lazy_import",
    "legacy.auth": "BasicAuthWebSocketServerProtocol *basic_auth_protocol_factory",
    "legacy.framing": "Frame *prepare_data *prepare_ctrl *encode_data *parse_close *serialize_close",
    "legacy.handshake": "*build_request *check_request *build_response *check_response",
    "legacy.http": "*read_request *read_response",
    "legacy.server": "*broadcast *serve *unix_serve WebSocketServer WebSocketServerProtocol",
    "proxy": "*get_proxy *parse_proxy Proxy",
    "server": "ServerProtocol",
    "streams": "StreamReader",
    "sync.messages": "Assembler",
    "sync.router": "*route *unix_route Router",
    "sync.server": _SERVER,
    "sync.utils": "Deadline",
    "utils": "*accept_key *apply_mask *get_socket_name",
}
"""Modules of which a page only needs the names: classes, and functions, which have a star before them."""


def find_stand_in(name: str, root: str = "websockets") -> ModuleSpec | None:
    """Return the spec of the stand-in for a module, None if there is none."""
    if name == "ssl":
        return spec_from_file_location(name, _HERE / "_no_ssl.py")
    if name == root:
        return spec_from_file_location(name, _PACKAGE / "__init__.py", submodule_search_locations=[str(_PACKAGE)])
    if name.removeprefix(f"{root}.") in NAMES_ONLY:
        return ModuleSpec(name, _NamesOnly(NAMES_ONLY[name.removeprefix(f"{root}.")], root))
    return None


def forget_stand_ins() -> None:
    """Remove the stand-ins from the loaded modules."""
    for name, module in list(sys.modules.items()):
        if _is_stand_in(module):
            del sys.modules[name]


def is_superseded() -> bool:
    """Tell whether a stand-in is in use although `websockets` has been installed since."""
    return _is_stand_in(sys.modules.get("websockets")) and PathFinder.find_spec("websockets") is not None


def _is_stand_in(module: ModuleType | None) -> bool:
    spec = getattr(module, "__spec__", None)
    if not isinstance(spec, ModuleSpec) or spec.name.startswith(__package__ or "?"):
        return False
    return isinstance(spec.loader, _NamesOnly) or str(spec.origin).startswith((str(_PACKAGE), str(_HERE / "_no_ssl")))


class _NamesOnly(Loader):
    """Makes a module of names that raise when they are called."""

    def __init__(self, names: str, root: str) -> None:
        self._names = names.split()
        self._root = root

    def exec_module(self, module: ModuleType) -> None:
        """Fill the module."""
        from importlib import import_module

        names = import_module(f"{self._root}._names")
        for name in self._names:
            make = names.make_function if name.startswith("*") else names.make_class
            setattr(module, name.lstrip("*"), make(module.__name__, name.lstrip("*")))
