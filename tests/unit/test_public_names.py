"""What the package offers, and what importing it brings along."""

from __future__ import annotations

import subprocess
import sys

import pytest

import pyws_browser
from pyws_browser import errors

NAMES = {
    *("MemoryNetwork", "PacketPeer", "Signal", "WebSocketPeer"),
    *("Request", "Response", "WebSocketClient", "WebSocketMultiplayerPeer", "WebSocketServer"),
    *("compiled", "patch_websockets", "unpatch_websockets"),
    *("Backoff", "ReconnectingPeer", "Reconnection", "ReconnectState"),
    *("CloseCode", "Codec", "Compression", "ConnectionStatus", "Error", "State", "TransferMode", "WriteMode"),
}


def test_the_public_names() -> None:
    exceptions = {name for name in vars(errors) if name.endswith("Error") and name != "Error"}
    assert set(pyws_browser.__all__) == NAMES | exceptions
    assert len(pyws_browser.__all__) == len(set(pyws_browser.__all__))
    assert all(hasattr(pyws_browser, name) for name in pyws_browser.__all__)


def test_a_name_it_does_not_have() -> None:
    with pytest.raises(AttributeError, match="no attribute 'WebSocket'"):
        pyws_browser.WebSocket  # noqa: B018
    assert set(pyws_browser.__all__) <= set(dir(pyws_browser))


def test_importing_it_on_the_desktop_loads_nothing_of_a_page() -> None:
    code = "import sys, pyws_browser; print(*sorted({'js', 'pyodide', 'asyncio'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split() == []


def test_the_enums_are_class_attributes_too() -> None:
    peer = pyws_browser.WebSocketPeer
    assert (peer.WRITE_MODE_TEXT, peer.WRITE_MODE_BINARY) == (0, 1)
    assert peer.Error is pyws_browser.Error
    assert (peer.STATE_CONNECTING, peer.STATE_OPEN, peer.STATE_CLOSING, peer.STATE_CLOSED) == (0, 1, 2, 3)
