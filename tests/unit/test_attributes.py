"""A misspelt setting is refused, and a signal cannot be replaced."""

from __future__ import annotations

from typing import Any

import pytest

from pyws_browser import (
    Backoff,
    Compression,
    InvalidOptionError,
    MemoryNetwork,
    ReconnectingPeer,
    Signal,
    WebSocketClient,
    WebSocketPeer,
    WebSocketServer,
)

MISSPELT: list[tuple[type, str, str]] = [
    (WebSocketServer, "origin", "origins"),
    (WebSocketServer, "allowed_origins", "origins"),
    (WebSocketServer, "process_requests", "process_request"),
    (WebSocketServer, "select_protocol", "select_subprotocol"),
    (WebSocketServer, "max_connection", "max_connections"),
    (WebSocketServer, "ssl_certficate", "ssl_certificate"),
    (WebSocketServer, "strikt", "strict"),
    (WebSocketServer, "data_recieved", "data_received"),
    (WebSocketClient, "verify_tls", "verify_ssl"),
    (WebSocketClient, "data_recieved", "data_received"),
    (WebSocketPeer, "heartbeat_intervall", "heartbeat_interval"),
    (WebSocketPeer, "handshake_header", "handshake_headers"),
    (WebSocketPeer, "allow_objects_decoding", "allow_object_decoding"),
    (ReconnectingPeer, "compresssion", "compression"),
]


@pytest.mark.parametrize(("kind", "name", "meant"), MISSPELT)
def test_a_misspelt_setting_is_refused_with_the_name_that_was_meant(kind: type, name: str, meant: str) -> None:
    with pytest.raises(AttributeError, match=f"a {kind.__name__} has no attribute '{name}': did you mean '{meant}'"):
        setattr(kind(), name, None)


@pytest.mark.parametrize("owner", [WebSocketServer(), WebSocketPeer(), WebSocketClient(), ReconnectingPeer()])
def test_a_name_like_no_other_is_refused_too(owner: Any) -> None:
    with pytest.raises(AttributeError, match="no attribute 'xyzzy': a subclass of your own may have it"):
        owner.xyzzy = 1
    assert not hasattr(owner, "xyzzy")


@pytest.mark.parametrize("owner", [MemoryNetwork(), Backoff(), Compression(), Signal()])
def test_what_has_no_settings_takes_no_attributes(owner: Any) -> None:
    with pytest.raises(AttributeError):
        owner.xyzzy = 1


@pytest.mark.parametrize("kind", [WebSocketServer, WebSocketClient])
def test_a_signal_cannot_be_replaced(kind: type) -> None:
    owner = kind()
    signals = [name for name, value in vars(owner).items() if isinstance(value, Signal)]
    assert "data_received" in signals
    for name in signals:
        before = getattr(owner, name)
        for value in (print, None, Signal()):
            with pytest.raises(AttributeError, match=rf"{name} is a signal.*call {name}\.connect\("):
                setattr(owner, name, value)
        assert getattr(owner, name) is before


def test_the_message_names_the_function_to_connect() -> None:
    server = WebSocketServer()
    with pytest.raises(AttributeError, match=r"call data_received\.connect\(print\)"):
        server.data_received = print  # type: ignore[assignment]


def test_what_cannot_be_changed_is_refused() -> None:
    with pytest.raises(AttributeError):
        ReconnectingPeer().reconnection = None  # type: ignore[misc, assignment]
    with pytest.raises(AttributeError):
        WebSocketPeer().ready_state = 1  # type: ignore[misc, assignment]


@pytest.mark.parametrize("kind", [WebSocketServer, WebSocketPeer, WebSocketClient, ReconnectingPeer])
def test_a_programs_subclass_has_attributes_of_its_own(kind: type) -> None:
    class Own(kind):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.players = {"ann": 1}

    owner = Own()
    owner.rounds = 3
    owner.happened = Signal()
    assert (owner.players, owner.rounds) == ({"ann": 1}, 3)
    for name in ("handshake_timeout", "max_queued_packets"):
        setattr(owner, name, 7)
        assert getattr(owner, name) == 7


@pytest.mark.parametrize("name", ["process_request", "select_subprotocol"])
def test_a_hook_is_a_plain_function(name: str) -> None:
    async def think(asked: object) -> None: ...

    server = WebSocketServer()
    for value, problem in ((think, "no event loop runs it"), (5, "is a function, or None, not 5")):
        with pytest.raises(InvalidOptionError, match=problem):
            setattr(server, name, value)
    assert getattr(server, name) is None
    setattr(server, name, print)
    assert getattr(server, name) is print
