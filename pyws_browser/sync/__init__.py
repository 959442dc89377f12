"""connect() and serve() for code that blocks: scripts and threads on CPython, and Pyodide where it can suspend Python.

::

    from pyws_browser.sync import connect

    with connect("ws://localhost:8765/") as websocket:
        websocket.send("hello")
        print(websocket.recv(timeout=5))

The names are those of `websockets.sync`. On CPython a connection may be used by several threads, without an event loop;
a thread of its own answers pings while the program does something else. In Pyodide it waits by `run_sync`, where
`pyodide.ffi.can_run_sync()` says that this is possible (JSPI, for example in code that `runPythonAsync` started).
Elsewhere it raises UnsupportedInBrowserError, which says to use await instead. In Pyodide the connection makes progress
only during calls.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..protocol import rules
from ..transport import IN_BROWSER
from .client import ClientConnection, connect, reconnect, unix_connect, unix_reconnect
from .connection import Connection

if TYPE_CHECKING or not IN_BROWSER:
    from .server import Server, ServerConnection, basic_auth, broadcast, serve, unix_serve

__all__ = [
    "ClientConnection",
    "Connection",
    "Server",
    "ServerConnection",
    "basic_auth",
    "broadcast",
    "connect",
    "reconnect",
    "serve",
    "unix_connect",
    "unix_reconnect",
    "unix_serve",
]

if IN_BROWSER and not TYPE_CHECKING:

    def serve(*_arguments: object, **_named: object) -> None:
        """Raise UnsupportedInBrowserError, because a page cannot listen."""
        raise rules.unsupported("serve()")

    basic_auth = broadcast = unix_serve = serve

    class Server:
        """Does not exist in a page; the name is there for annotations."""

        def __init__(self) -> None:
            serve()

    class ServerConnection(Server):
        """Does not exist in a page; the name is there for annotations."""
