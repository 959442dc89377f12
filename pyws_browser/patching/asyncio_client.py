"""`websockets.asyncio.client` in a page: `connect` and `ClientConnection` keep their names and types.

Their methods are replaced in place, so subclasses and modules that imported them earlier get the new ones.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from websockets.asyncio import client as theirs

from .. import aio
from .arguments import translate
from .connection import LibraryConnection
from .opening import CONNECT_METHODS, Opening, check_subclass, connection_type
from .transplant import set_code, set_methods

if TYPE_CHECKING:
    _Theirs = object  # the methods inherited from the original are replaced
else:
    _Theirs = theirs.ClientConnection


class PageConnection(LibraryConnection, _Theirs):
    """A page's connection that is a `websockets.asyncio.client.ClientConnection`."""


def _init(self: Any, uri: str, **arguments: Any) -> None:
    check_subclass(type(self), theirs.connect)
    factory = connection_type(arguments.pop("create_connection", None), theirs.ClientConnection, PageConnection)
    arguments.pop("reconnect_delays", None)
    self.uri = uri
    self.additional_headers = arguments.get("additional_headers")
    self.open_timeout = arguments.get("open_timeout", 10)
    if "process_exception" in arguments:
        self.process_exception = arguments["process_exception"]
    elif not hasattr(type(self), "process_exception"):
        self.process_exception = aio.process_exception
    arguments["process_exception"] = self.process_exception
    self.page_opening = Opening(*translate(uri, arguments), factory)
    self.logger = self.page_opening.connect.logger


def _unix_connect(*_arguments: Any, **_named: Any) -> Any:
    from importlib import import_module

    import_module("pyws_browser.patching.opening").refuse_unix()


def patch() -> None:
    """Replace what the module's `connect` does."""
    set_methods(theirs.connect, {"__init__": _init, **CONNECT_METHODS})
    if hasattr(theirs, "unix_connect"):
        set_code(theirs.unix_connect, _unix_connect)  # type: ignore[arg-type]
