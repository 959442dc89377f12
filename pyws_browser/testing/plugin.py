"""Fixtures for pytest, which finds them by the entry point `pytest11`."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Protocol

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from ssl import SSLContext

    from ..peer.memory_network import MemoryNetwork
    from .script import Step
    from .server import LocalServer

# The fixtures import the package, so that a test run without them does not load it.


class ServerFactory(Protocol):
    """The type of `pyws_server`: a function that starts a `LocalServer`."""

    def __call__(
        self, *scripts: Sequence[Step], subprotocols: Sequence[str] | None = None, ssl: SSLContext | None = None
    ) -> LocalServer:
        """Start a server whose connections follow these scripts; without one it echoes."""


@pytest.fixture
def pyws_server() -> Iterator[ServerFactory]:
    """Start servers on ephemeral ports.

    `server = pyws_server([say("hello"), close(4000)])` starts one that follows a script. Pass its `url` to the program
    or the page under test. It stops after the test, which fails if a client did not follow the script.
    """
    from .server import LocalServer

    with ExitStack() as stack:

        def start(
            *scripts: Sequence[Step], subprotocols: Sequence[str] | None = None, ssl: SSLContext | None = None
        ) -> LocalServer:
            return stack.enter_context(LocalServer(*scripts, subprotocols=subprotocols, ssl=ssl))

        yield start


@pytest.fixture
def pyws_echo(pyws_server: ServerFactory) -> LocalServer:
    """A server that sends every message back."""
    return pyws_server()


@pytest.fixture
def pyws_relay(pyws_server: ServerFactory) -> LocalServer:
    """A server that sends every message to all other clients."""
    from .script import relay

    return pyws_server([relay()])


@pytest.fixture
def pyws_network() -> MemoryNetwork:
    """A `MemoryNetwork`: peers that talk within the test, without sockets and without waiting."""
    from ..peer.memory_network import MemoryNetwork

    return MemoryNetwork()


@pytest.fixture
def pyws_web_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Limit every peer and connection of the test to what a page can do, as PYWS_WEB_LIMITS=1 does.

    For a whole module: `pytestmark = pytest.mark.usefixtures("pyws_web_limits")`.
    """
    monkeypatch.setenv("PYWS_WEB_LIMITS", "1")
