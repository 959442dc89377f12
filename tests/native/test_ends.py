"""What is left of a connection that has ended, or that nobody refers to any more: nothing."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from pyws_browser import WebSocketPeer

from .test_faults import Wire


@pytest.fixture
def no_collector() -> Iterator[None]:
    """Only counted references free anything."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.fixture
def wire() -> Iterator[Wire]:
    wire = Wire()
    yield wire
    wire.close()


@pytest.mark.usefixtures("no_collector")
class TestPeerThatNobodyRefersTo:
    def test_its_socket_is_closed_at_once(self, wire: Wire) -> None:
        peer = WebSocketPeer()
        wire.open(peer)
        with pytest.warns(ResourceWarning, match="unclosed.*socket"):
            del peer
        assert wire.sock.recv(1) == b""

    def test_its_socket_is_closed_at_once_while_it_connects(self, wire: Wire) -> None:
        peer = WebSocketPeer()
        peer.connect_to_url(wire.url)
        peer.poll()
        wire.accept()
        wire.read_request(peer)
        with pytest.warns(ResourceWarning, match="unclosed.*socket"):
            del peer
        assert wire.sock.recv(1) == b""
