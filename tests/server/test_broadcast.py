"""WebSocketServer.broadcast(): one message to everybody, made into a frame once."""

from __future__ import annotations

import os
import threading
import zlib
from collections.abc import Callable, Iterator

import pytest

from pyws_browser import (
    InvalidMessageTypeError,
    InvalidStateError,
    OutboundBufferFullError,
    State,
    WebSocketPeer,
    WebSocketServer,
    WrongThreadError,
)
from pyws_browser.protocol.compression import Compression

from ..support import pump

LONG = "a line that is said again and again\n" * 200


@pytest.fixture
def server() -> Iterator[WebSocketServer]:
    with WebSocketServer() as server:
        server.strict = True
        server.bind_ip = "127.0.0.1"
        yield server


@pytest.fixture
def join(server: WebSocketServer) -> Iterator[Callable[..., WebSocketPeer]]:
    """Return what connects a client, with these settings, to the server, which listens from then on."""
    peers: list[WebSocketPeer] = []

    def join(**settings: object) -> WebSocketPeer:
        if not server.is_listening():
            server.listen(0)
        peer = WebSocketPeer(web_limits=False)
        for name, value in settings.items():
            setattr(peer, name, value)
        peers.append(peer)
        known = len(server.peer_ids)
        peer.connect_to_url(f"ws://127.0.0.1:{server.port}/")
        pump(peer, server, until=lambda: peer.ready_state is State.OPEN and len(server.peer_ids) > known)
        return peer

    yield join
    for peer in peers:
        peer.abort()


def next_message(server: WebSocketServer, peer: WebSocketPeer) -> str | bytes | None:
    pump(server, peer, until=peer.get_available_packet_count)
    return peer.receive()


@pytest.mark.parametrize(
    "message", ["", "text", b"", b"bytes", LONG, os.urandom(100_000)], ids=["", "text", "b", "bytes", "long", "large"]
)
def test_everybody_gets_the_message_with_and_without_compression(
    server: WebSocketServer, join: Callable[..., WebSocketPeer], message: str | bytes
) -> None:
    peers = [join(), join(compression=None), join(compression=Compression(window_bits=9, peer_window_bits=9)), join()]
    server.broadcast(message)
    assert [next_message(server, peer) for peer in peers] == [message] * 4


def test_anything_bytes_like_goes_as_binary(server: WebSocketServer, join: Callable[..., WebSocketPeer]) -> None:
    peer = join()
    server.broadcast(memoryview(bytearray(b"abc")))
    assert next_message(server, peer) == b"abc"


def test_some_can_be_left_out(server: WebSocketServer, join: Callable[..., WebSocketPeer]) -> None:
    join()
    (first,) = server.peer_ids
    speaker, listener = join(), join()
    server.broadcast("to all but the first", without=[first])
    assert next_message(server, speaker) == next_message(server, listener) == "to all but the first"
    server.broadcast("to all")
    assert next_message(server, speaker) == "to all"
    assert server.get_peer(first).get_current_outbound_buffered_amount() == 0


def test_the_first_message_of_one_left_out_is_the_next(
    server: WebSocketServer, join: Callable[..., WebSocketPeer]
) -> None:
    peer = join()
    server.broadcast("not this", without=server.peer_ids)
    server.broadcast("this")
    assert next_message(server, peer) == "this"


def test_compressed_messages_before_and_after_a_broadcast_arrive_whole(
    server: WebSocketServer, join: Callable[..., WebSocketPeer]
) -> None:
    peer = join()
    to_peer = server.get_peer(server.peer_ids[0])
    for number in range(3):
        to_peer.send(f"{number}: {LONG}")
        server.broadcast(f"all {number}: {LONG}")
    received = [next_message(server, peer) for _ in range(6)]
    assert received == [f"{who}{number}: {LONG}" for number in range(3) for who in ("", "all ")]


def test_a_broadcast_that_is_not_compressed_leaves_the_windows_alone(
    server: WebSocketServer, join: Callable[..., WebSocketPeer]
) -> None:
    peer = join()
    to_peer = server.get_peer(server.peer_ids[0])
    noise = os.urandom(10_000)
    for message in (LONG, LONG):
        to_peer.send(message)
        server.broadcast(noise)
    assert [next_message(server, peer) for _ in range(4)] == [LONG, noise, LONG, noise]


def test_it_is_compressed_once_for_all_who_agreed_on_the_same(
    server: WebSocketServer, join: Callable[..., WebSocketPeer], monkeypatch: pytest.MonkeyPatch
) -> None:
    peers = [join() for _ in range(5)]
    made: list[object] = []
    compressobj = zlib.compressobj
    monkeypatch.setattr(zlib, "compressobj", lambda *terms: (made.append(terms), compressobj(*terms))[1])
    server.broadcast(LONG)
    assert [next_message(server, peer) for peer in peers] == [LONG] * 5
    assert len(made) == 1


def test_it_keeps_its_place_behind_what_waits(server: WebSocketServer, join: Callable[..., WebSocketPeer]) -> None:
    peer = join(compression=None)
    to_peer = server.get_peer(server.peer_ids[0])
    with to_peer.batch():
        to_peer.send("one")
        server.broadcast("two")
        to_peer.send("three")
    large = os.urandom(8 << 20)  # more than a kernel takes at once
    to_peer.send(large)
    server.broadcast("last")
    assert [next_message(server, peer) for _ in range(5)] == ["one", "two", "three", large, "last"]


def test_a_large_one_is_taken_up_by_the_polls_that_follow(
    server: WebSocketServer, join: Callable[..., WebSocketPeer]
) -> None:
    peers = [join(compression=compression) for compression in (None, Compression())]
    large = os.urandom(8 << 20)
    server.broadcast(large)
    assert [next_message(server, peer) for peer in peers] == [large, large]


def test_the_limit_of_packets_holds(server: WebSocketServer, join: Callable[..., WebSocketPeer]) -> None:
    server.max_outbound_packets = 1
    server.slow_policy = "latest"
    server.compression = None
    peer = join()
    with server.get_peer(server.peer_ids[0]).batch():
        for message in (b"x", b"y", b"z"):
            server.broadcast(message)
    assert [next_message(server, peer) for _ in range(2)] == [b"x", b"z"]


def test_what_is_larger_than_the_buffer_is_sent_to_nobody(
    server: WebSocketServer, join: Callable[..., WebSocketPeer]
) -> None:
    server.outbound_buffer_size = 1000
    peer = join()
    for message in (b"x" * 1001, "é" * 501):
        with pytest.raises(OutboundBufferFullError, match="1000 bytes of outbound_buffer_size"):
            server.broadcast(message)
    server.broadcast("é" * 500)
    assert next_message(server, peer) == "é" * 500


def test_who_is_closing_is_left_out(server: WebSocketServer, join: Callable[..., WebSocketPeer]) -> None:
    join()
    server.disconnect_peer(server.peer_ids[0])
    other = join()
    server.broadcast("to who is there")
    assert next_message(server, other) == "to who is there"


def test_without_clients_nothing_happens(server: WebSocketServer) -> None:
    server.listen(0)
    server.broadcast("is anybody there?")
    assert server.peer_ids == ()


def test_what_is_no_message_reaches_nobody(server: WebSocketServer, join: Callable[..., WebSocketPeer]) -> None:
    peer = join()
    with pytest.raises(InvalidMessageTypeError, match="encode it first"):
        server.broadcast({"a": 1})  # type: ignore[arg-type]
    server.broadcast("a message")
    assert next_message(server, peer) == "a message"


def test_a_multiplayer_session_has_packets_of_its_own(server: WebSocketServer) -> None:
    server.listen(0, gd_mp_api=True)
    with pytest.raises(InvalidStateError, match="put_packet"):
        server.broadcast("text")


def test_it_belongs_to_the_servers_thread(server: WebSocketServer) -> None:
    server.listen(0)
    caught: list[BaseException] = []

    def elsewhere() -> None:
        try:
            server.broadcast("from afar")
        except WrongThreadError as exc:
            caught.append(exc)

    thread = threading.Thread(target=elsewhere)
    thread.start()
    thread.join(10)
    assert len(caught) == 1


def test_a_client_masks_what_it_is_given_to_share(join: Callable[..., WebSocketPeer], server: WebSocketServer) -> None:
    from pyws_browser.wire.shared import SharedMessage

    peer = join()
    assert peer._transport is not None
    peer._transport.send_shared(SharedMessage("from the client"))
    to_peer = server.get_peer(server.peer_ids[0])
    pump(server, peer, until=to_peer.get_available_packet_count)
    assert to_peer.receive() == "from the client"
