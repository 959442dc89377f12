"""The settings of a connection, read when it is opened."""

from __future__ import annotations

from pathlib import Path

import pytest

from pyws_browser import InvalidOptionError, MemoryNetwork, UnsupportedInBrowserError, WebSocketPeer, WebSocketServer
from pyws_browser.protocol.options import Options


def test_the_defaults_are_generous_and_bounded() -> None:
    peer = WebSocketPeer(web_limits=False)
    assert peer.inbound_buffer_size >= 1024 * 1024
    assert peer.outbound_buffer_size >= 1024 * 1024
    assert peer.max_queued_packets == 65536
    assert peer.handshake_timeout == peer.close_timeout == 10.0
    assert peer.heartbeat_interval == 0
    assert not peer.backpressure
    assert peer.supported_protocols == peer.handshake_headers == ()
    assert WebSocketServer().handshake_timeout == 3.0


def test_what_is_set_can_be_read() -> None:
    peer = WebSocketPeer(web_limits=False)
    for name, value in {
        "inbound_buffer_size": 1,
        "outbound_buffer_size": 2**30,
        "max_queued_packets": 7,
        "handshake_timeout": 1,
        "close_timeout": 0.5,
        "heartbeat_interval": 20,
        "supported_protocols": ("chat",),
    }.items():
        setattr(peer, name, value)
        assert getattr(peer, name) == value
    peer.handshake_headers = ["X-Token: abc"]
    assert peer.handshake_headers == (("X-Token", "abc"),)
    peer.heartbeat_interval = 0


@pytest.mark.parametrize("value", [-1, "often", "", None, [], float("nan"), pytest.param(10**400, id="10**400")])
@pytest.mark.parametrize("name", ["handshake_timeout", "close_timeout", "heartbeat_interval"])
def test_a_time_is_a_number_of_seconds(name: str, value: object) -> None:
    with pytest.raises(InvalidOptionError, match=name):
        setattr(WebSocketPeer(web_limits=False), name, value)


def test_a_unix_path_is_a_path(tmp_path: Path) -> None:
    peer = WebSocketPeer(web_limits=False)
    with pytest.raises(InvalidOptionError, match="unix_path is a path"):
        peer.unix_path = 5  # type: ignore[assignment]
    peer.unix_path = tmp_path
    assert peer.unix_path == str(tmp_path)


def test_tls_is_a_context() -> None:
    for peer in (WebSocketPeer(web_limits=False), MemoryNetwork().peer(web_limits=False)):
        with pytest.raises(InvalidOptionError, match=r"tls is an ssl\.SSLContext"):
            peer.connect_to_url("wss://game.example/", tls="certificate.pem")  # type: ignore[arg-type]
        assert peer.requested_url == ""


def test_a_page_refuses_what_it_cannot_keep_but_not_the_absence_of_it() -> None:
    peer = WebSocketPeer(web_limits=True)
    peer.heartbeat_interval = 0
    peer.handshake_headers = ()
    peer.proxy = peer.unix_path = peer.compression = None
    peer.proxy = peer.compression = False
    with pytest.raises(UnsupportedInBrowserError):
        peer.heartbeat_interval = 5
    with pytest.raises(UnsupportedInBrowserError):
        peer.handshake_headers = {"Authorization": "Bearer x"}
    for name, value in (("proxy", True), ("proxy", "http://proxy:1"), ("unix_path", "x"), ("compression", True)):
        with pytest.raises(UnsupportedInBrowserError):
            setattr(peer, name, value)


@pytest.mark.parametrize(("value", "limits"), [(None, False), ("", False), ("0", False), ("1", True), ("yes", True)])
def test_the_environment_can_ask_for_a_pages_limits(
    value: str | None, limits: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if value is None:
        monkeypatch.delenv("PYWS_WEB_LIMITS", raising=False)
    else:
        monkeypatch.setenv("PYWS_WEB_LIMITS", value)
    for peer in (WebSocketPeer(), MemoryNetwork().peer()):
        if limits:
            with pytest.raises(UnsupportedInBrowserError):
                peer.get_connected_host()
        else:
            peer.heartbeat_interval = 5
    WebSocketPeer(web_limits=False).heartbeat_interval = 5
    WebSocketServer().heartbeat_interval = 5


@pytest.mark.parametrize("wanted", [False, True])
@pytest.mark.parametrize("web_limits", [False, True])
def test_backpressure_is_a_promise_on_the_desktop_and_none_under_a_pages_limits(web_limits: bool, wanted: bool) -> None:
    network = MemoryNetwork()
    network.listen("ws://test/")
    peer = network.peer(web_limits=web_limits)
    peer.backpressure = wanted
    assert peer.backpressure is wanted
    assert not peer.has_backpressure
    peer.connect_to_url("ws://test/")
    peer.poll()
    assert peer.has_backpressure is not web_limits


def test_a_change_holds_for_the_next_connection() -> None:
    network = MemoryNetwork()
    listener = network.listen("ws://test/")
    peer = network.peer(web_limits=False)
    peer.connect_to_url("ws://test/")
    server = listener.accept()
    assert server is not None
    peer.max_queued_packets = 1
    peer.poll()
    for _ in range(3):
        server.send("x")
    peer.poll()
    assert peer.get_available_packet_count() == 3


def test_options_show_what_differs_from_the_defaults_and_no_secrets() -> None:
    options = Options(
        max_queued_packets=5,
        headers=(("Authorization", "Bearer secret"),),
        proxy="http://user:secret@proxy.example:3128",
    )
    assert repr(options) == (
        "Options(headers=['Authorization'], max_queued_packets=5, proxy='http://user:****@proxy.example:3128')"
    )
    assert repr(Options(proxy=None)) == "Options(proxy=None)"
