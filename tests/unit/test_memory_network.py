"""The in-memory network, beyond the contract."""

from __future__ import annotations

import pytest

from pyws_browser import (
    AlreadyConnectedError,
    ConnectError,
    InvalidOptionError,
    InvalidSubprotocolError,
    InvalidURLError,
    MemoryNetwork,
    NotConnectedError,
    State,
)

URL = "ws://game.example/lobby"


def test_the_example_of_the_docstring() -> None:
    network = MemoryNetwork()
    listener = network.listen("ws://game.example/lobby")
    client = network.peer()
    client.connect_to_url("ws://game.example/lobby")
    server = listener.accept()
    assert server is not None
    client.poll()
    client.send("hello")
    server.poll()
    assert server.receive() == "hello"


def test_a_url_is_taken_once_and_free_after_close() -> None:
    network = MemoryNetwork()
    listener = network.listen(URL)
    with pytest.raises(AlreadyConnectedError, match="taken"):
        network.listen("ws://GAME.example:80/lobby")
    waiting = network.peer()
    waiting.connect_to_url(URL)
    listener.close()
    waiting.poll()
    assert waiting.ready_state is State.CLOSED
    assert isinstance(waiting.close_cause, ConnectError)
    network.listen(URL)
    assert MemoryNetwork().listen(URL) is not listener, "another network is another world"


def test_bad_listeners_raise() -> None:
    network = MemoryNetwork()
    with pytest.raises(InvalidURLError):
        network.listen("lobby")
    with pytest.raises(InvalidSubprotocolError):
        network.listen(URL, ["a b"])


def test_accept_gives_none_if_nobody_waits_or_whoever_waited_has_left() -> None:
    network = MemoryNetwork()
    listener = network.listen(URL)
    assert listener.accept() is None
    peer = network.peer()
    peer.connect_to_url(URL)
    peer.abort()
    assert listener.accept() is None


def test_leaving_between_accept_and_poll_is_seen_by_the_server() -> None:
    network = MemoryNetwork()
    listener = network.listen(URL)
    client = network.peer()
    client.connect_to_url(URL)
    server = listener.accept()
    assert server is not None
    client.close()
    client.poll()
    server.poll()
    assert client.ready_state is server.ready_state is State.CLOSED
    assert server.get_close_code() == 1006


def test_both_sides_close_at_once() -> None:
    network = MemoryNetwork()
    listener = network.listen(URL)
    client = network.peer()
    client.connect_to_url(URL)
    server = listener.accept()
    assert server is not None
    client.poll()
    client.close(4001, "client")
    server.close(4002, "server")
    client.poll()
    server.poll()
    assert (client.get_close_code(), server.get_close_code()) == (4002, 4001)
    assert client.was_clean_close
    assert server.was_clean_close


def test_what_a_connection_in_memory_has_of_a_socket() -> None:
    network = MemoryNetwork()
    listener = network.listen(URL)
    client = network.peer(web_limits=False)
    client.connect_to_url(URL)
    assert listener.accept() is not None
    client.poll()
    assert (client.get_connected_host(), client.get_connected_port()) == ("game.example", 80)
    client.set_no_delay(False)
    client.ping(b"x" * 125)
    assert client.latency == 0.0
    with pytest.raises(InvalidOptionError, match="125"):
        client.ping(b"x" * 126)
    with pytest.raises(NotConnectedError, match="no file descriptor"):
        client.fileno()


def test_the_wakeup_is_called_when_there_is_something_to_poll() -> None:
    network = MemoryNetwork()
    listener = network.listen(URL)
    client = network.peer()
    client.connect_to_url(URL)
    transport = client._transport
    assert transport is not None
    calls: list[str] = []
    transport.set_wakeup(lambda: calls.append("wake"))
    server = listener.accept()
    assert server is not None
    assert calls == ["wake"]
    client.poll()
    server.send("x")
    assert calls == ["wake", "wake"]
