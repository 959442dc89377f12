"""What of WebSocketPeer does not depend on how it is connected. The rest is in `tests/contract`."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from pyws_browser import (
    AlreadyConnectedError,
    Error,
    InvalidOptionError,
    MemoryNetwork,
    NotConnectedError,
    PacketPeer,
    State,
    WebSocketClient,
    WebSocketPeer,
    WriteMode,
    WrongThreadError,
)


@pytest.fixture
def pair() -> tuple[WebSocketPeer, WebSocketPeer]:
    network = MemoryNetwork()
    listener = network.listen("ws://test/")
    client = network.peer(web_limits=False)
    client.connect_to_url("ws://test/")
    server = listener.accept()
    assert server is not None
    client.poll()
    return client, server


def test_it_is_a_packet_peer(pair: tuple[WebSocketPeer, WebSocketPeer]) -> None:
    assert all(isinstance(peer, PacketPeer) for peer in pair)


def test_its_repr_says_where_and_how_it_is() -> None:
    peer = WebSocketPeer()
    assert repr(peer) == "<WebSocketPeer CLOSED>"
    peer.connect_to_url("ws://127.0.0.1:9/".replace(":9", ":9009"))
    assert repr(peer) == "<WebSocketPeer ws://127.0.0.1:9009/ CONNECTING>"
    peer.abort()


def test_a_password_is_shown_by_nothing_but_the_url_itself() -> None:
    url = "ws://user:secret@game.test/"
    network = MemoryNetwork()
    listener = network.listen(url)
    with pytest.raises(AlreadyConnectedError) as taken:
        network.listen(url)
    peer, client = WebSocketPeer(connector=network.connect), WebSocketClient(connector=network.connect)
    for party in (peer, client):
        party.connect_to_url(url)
        assert "secret" not in repr(party)
    with pytest.raises(AlreadyConnectedError) as twice:
        peer.connect_to_url(url)
    with pytest.raises(AlreadyConnectedError) as client_twice:
        client.connect_to_url(url)
    assert "secret" not in f"{taken.value}{twice.value}{client_twice.value}"
    assert peer.requested_url == url
    listener.close()
    peer.abort()
    peer.connect_to_url(url)
    peer.poll()
    assert "nobody listens" in str(peer.close_cause)
    assert "secret" not in str(peer.close_cause)


@pytest.mark.parametrize(
    "use",
    [
        WebSocketPeer.poll,
        WebSocketPeer.close,
        WebSocketPeer.abort,
        WebSocketPeer.receive,
        WebSocketPeer.get_packet,
        lambda peer: peer.send("x"),
        lambda peer: peer.put_packet(b"x"),
        lambda peer: peer.connect_to_url("ws://test/"),
        lambda peer: list(peer),
    ],
)
def test_it_belongs_to_the_thread_that_connected_it(
    pair: tuple[WebSocketPeer, WebSocketPeer], use: Callable[[WebSocketPeer], object]
) -> None:
    client, server = pair
    server.send("something to fetch")
    client.poll()
    problems: list[BaseException] = []

    def use_elsewhere() -> None:
        try:
            use(client)
        except WrongThreadError as exc:
            problems.append(exc)

    thread = threading.Thread(target=use_elsewhere)
    thread.start()
    thread.join()
    assert [type(exc) for exc in problems] == [WrongThreadError]
    assert client.receive() == "something to fetch"


def test_a_peer_that_is_not_connected_can_move_to_another_thread() -> None:
    network = MemoryNetwork()
    network.listen("ws://test/")
    peer = network.peer()
    thread = threading.Thread(target=peer.connect_to_url, args=("ws://test/",))
    thread.start()
    thread.join()
    with pytest.raises(WrongThreadError, match="thread that connected it"):
        peer.poll()


def test_what_needs_a_connection_says_so() -> None:
    peer = WebSocketPeer(web_limits=False)
    needing: list[Callable[[], object]] = [
        peer.get_connected_host,
        peer.get_connected_port,
        peer.ping,
        peer.fileno,
        lambda: peer.set_no_delay(True),
        lambda: peer.send("x"),
    ]
    for call in needing:
        with pytest.raises(NotConnectedError, match=r"connect_to_url\(\)"):
            call()
    assert peer.latency == 0.0


def test_a_batch_that_raises_sends_what_was_put(pair: tuple[WebSocketPeer, WebSocketPeer]) -> None:
    client, server = pair

    def send_and_fail() -> None:
        with client.batch():
            client.send("put")
            raise KeyError

    with pytest.raises(KeyError):
        send_and_fail()
    server.poll()
    assert list(server) == ["put"]


def test_a_batch_sends_at_its_end(pair: tuple[WebSocketPeer, WebSocketPeer]) -> None:
    client, server = pair
    with client.batch():
        client.send("one")
        server.poll()
        assert server.get_available_packet_count() == 0
        assert client.get_current_outbound_buffered_amount() == 3
    server.poll()
    assert list(server) == ["one"]


def test_a_batch_in_a_batch_ends_with_the_outer_one(pair: tuple[WebSocketPeer, WebSocketPeer]) -> None:
    client, server = pair
    with client.batch():
        with client.batch():
            client.send("inner")
        server.poll()
        assert server.get_available_packet_count() == 0
        client.send("outer")
    server.poll()
    assert list(server) == ["inner", "outer"]


def test_closing_in_a_batch_sends_what_was_put_first(pair: tuple[WebSocketPeer, WebSocketPeer]) -> None:
    client, server = pair
    with client.batch():
        client.send("last")
        client.close(4000)
    server.poll()
    assert list(server) == ["last"]
    assert server.get_close_code() == 4000


def test_fetching_while_iterating(pair: tuple[WebSocketPeer, WebSocketPeer]) -> None:
    client, server = pair
    for word in ("a", "b", "c"):
        server.send(word)
    client.poll()
    assert [(word, client.receive()) for word in client] == [("a", "b"), ("c", None)]


def test_a_wrong_write_mode(pair: tuple[WebSocketPeer, WebSocketPeer]) -> None:
    client, _ = pair
    client.set_write_mode(0)  # type: ignore[arg-type]
    assert client.write_mode is WriteMode.TEXT
    with pytest.raises(InvalidOptionError, match="WRITE_MODE_TEXT") as caught:
        client.set_write_mode(2)  # type: ignore[arg-type]
    assert caught.value.error is Error.ERR_PARAMETER_RANGE_ERROR


def test_leaving_with_something_unsent_warns(pair: tuple[WebSocketPeer, WebSocketPeer]) -> None:
    client, _ = pair
    with pytest.warns(ResourceWarning, match="7 bytes had not been sent"), client:
        client.send(b"unsent!")
    assert client.ready_state is State.CLOSED


def test_leaving_after_an_exception_closes_too(pair: tuple[WebSocketPeer, WebSocketPeer]) -> None:
    client, server = pair
    with pytest.raises(KeyError), client:
        raise KeyError
    server.poll()
    assert server.get_close_code() == 1000


def test_a_peer_over_a_transport_keeps_its_settings() -> None:
    network = MemoryNetwork()
    listener = network.listen("ws://test/")
    network.peer().connect_to_url("ws://test/")
    server = listener.accept()
    assert server is not None
    assert server.get_requested_url() == "ws://test/"
    assert server.is_connected_to_host()
    assert server.get_connected_host() == "test"
    assert server.get_connected_port() == 80


def test_a_peer_that_closes_and_has_still_to_send_does_not_connect_anew(
    pair: tuple[WebSocketPeer, WebSocketPeer],
) -> None:
    peer, server = pair
    peer.send(b"unsent!")
    peer.close()
    with pytest.raises(AlreadyConnectedError, match="7 bytes for ws://test/ are not sent yet"):
        peer.connect_to_url("ws://test/")
    server.poll()
    assert server.receive() == b"unsent!"
    peer.connect_to_url("ws://test/")
    assert peer.ready_state is State.CONNECTING
    peer.abort()
