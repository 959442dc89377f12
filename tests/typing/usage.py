"""What a program that uses the package is told about types; mypy and pyright read it, nobody runs it.

Each function is a program as a user would write it, with nothing cast and nothing ignored; `assert_type` pins what the
type checkers infer.
"""

# pyright: strict

from __future__ import annotations

import ssl
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, assert_type

import pyws_browser
from pyws_browser import (
    Backoff,
    CloseCode,
    Codec,
    Compression,
    ConnectionStatus,
    Error,
    HandshakeError,
    MemoryNetwork,
    OutboundBufferFullError,
    PacketPeer,
    ReconnectingPeer,
    Reconnection,
    ReconnectState,
    Request,
    Response,
    Signal,
    State,
    TransferMode,
    WebSocketClient,
    WebSocketError,
    WebSocketMultiplayerPeer,
    WebSocketPeer,
    WebSocketServer,
    WriteMode,
    aio,
    patch_websockets,
    rooms,
    sync,
    unpatch_websockets,
    variant,
)
from pyws_browser.protocol.trace import TracedFrame
from pyws_browser.workers import run_workers


def a_peer(tls: ssl.SSLContext) -> None:
    with WebSocketPeer(web_limits=True) as peer:
        assert_type(peer, WebSocketPeer)
        peer.supported_protocols = ["chat"]
        assert_type(peer.supported_protocols, tuple[str, ...])
        peer.handshake_headers = {"X-Token": "1"}
        peer.handshake_headers = ["X-Token: 1"]
        peer.compression = Compression(level=9)
        peer.compression = False
        assert_type(peer.compression, Compression | None)
        peer.proxy = None
        peer.codec = "msgpack"
        peer.send_json({"x": [1, None]})
        assert_type(peer.receive_json(), Any)
        peer.connect_to_url("wss://example.org/", ["chat"], tls=tls)
        peer.poll()
        assert_type(peer.ready_state, State)
        assert_type(peer.get_ready_state(), State)
        peer.send("text")
        peer.send(b"bytes")
        peer.send(bytearray(4))
        peer.send(memoryview(b"view"))
        with peer.batch():
            peer.put_packet(b"packet")
            peer.send_text("text")
        peer.write_mode = WriteMode.TEXT
        for message in peer:
            assert_type(message, str | bytes)
        assert_type(peer.receive(), str | bytes | None)
        assert_type(peer.get_packet(), bytes)
        assert_type(peer.get_var(), Any)
        peer.put_var({"position": variant.Vector2(1, 2)})
        assert_type(peer.latency, float)
        peer.close(CloseCode.NORMAL_CLOSURE, "bye")
        assert_type(peer.close_code, int)
        assert_type(peer.close_reason, str)
        assert_type(peer.was_clean_close, bool)
        assert_type(peer.close_cause, WebSocketError | None)


def any_packet_peer(peer: PacketPeer) -> None:
    assert_type(peer.get_packet_error(), Error)
    assert_type(peer.get_available_packet_count(), int)


def errors(peer: WebSocketPeer) -> None:
    try:
        peer.send("text")
    except OutboundBufferFullError as error:
        assert_type(error.error, Error)
    cause = peer.close_cause
    if isinstance(cause, HandshakeError):
        assert_type(cause.status, int)
        assert_type(cause.headers, tuple[tuple[str, str], ...])
        assert_type(cause.body, bytes)


def a_peer_that_comes_back(token: Callable[[], str]) -> None:
    peer = ReconnectingPeer(backoff=Backoff(first_delay=0.5, max_attempts=None))
    peer.connect_to_url(token, ["chat"])
    assert_type(peer.reconnection, Reconnection)
    assert_type(peer.reconnection.state, ReconnectState)
    assert_type(peer.reconnection.delay, float)
    peer.reconnection.changed.connect(lambda state: print(state.name))


def who_may_connect(request: Request) -> Response | None:
    assert_type(request.path, str)
    assert_type(request.remote_address, tuple[str, int])
    assert_type(request.headers.get_all("Cookie"), list[str])
    if request.path == "/blocks":
        return Response(200, headers={"Content-Length": "2"}, content=(b"a", b"b"))
    return None if request.path == "/" else Response(404, "not here", {"X-Why": "path"})


def a_choice(offered: Sequence[str]) -> str | None:
    return offered[0] if offered else None


def a_server() -> None:
    with WebSocketServer() as server:
        server.process_request = who_may_connect
        server.select_subprotocol = a_choice
        server.strict = True
        server.max_connections = None
        server.max_handshakes = 100
        server.listen(0, ["chat"])
        assert_type(server.port, int)

        def greet(client: int, protocol: str) -> None:
            server.get_peer(client).send(protocol)

        server.client_connected.connect(greet)
        assert_type(server.client_connected, Signal[int, str])
        assert_type(server.client_close_request, Signal[int, int, str])
        assert_type(server.request_failed, Signal[int])
        assert_type(server.wait(0.1), bool)
        assert_type(server.wait(None), bool)
        server.poll()
        for client in server.peer_ids:
            assert_type(client, int)
            assert_type(server.get_peer(client), WebSocketPeer)
        server.disconnect_peer(1, 1001, "closing time")


def a_client_of_a_session() -> None:
    client = WebSocketClient()
    client.connect_to_url("ws://localhost:9080/", gd_mp_api=True, dialect=4)
    client.peer_packet.connect(lambda source: print(source + 1))
    client.peer_error.connect(lambda source, error: print(source + 1, error.error))
    client.connection_closed.connect(lambda was_clean: print(was_clean))
    client.connection_error.connect(lambda: None)
    client.transfer_mode = TransferMode.RELIABLE
    client.set_target_peer(client.TARGET_PEER_BROADCAST)
    members: list[WebSocketMultiplayerPeer] = [client, WebSocketServer()]
    for member in members:
        member.poll()
        assert_type(member.get_connection_status(), ConnectionStatus)
        assert_type(member.get_unique_id(), int)


def a_signal_of_ones_own() -> None:
    scored: Signal[str, int] = Signal()
    scored.connect(lambda who, points: print(who.upper(), points + 1))
    scored.emit("alice", 3)


def a_test_of_a_program() -> None:
    network = MemoryNetwork()
    listener = network.listen("ws://server/", ["chat"])
    peer = network.peer()
    assert_type(peer, WebSocketPeer)
    assert_type(listener.accept(), WebSocketPeer | None)
    assert_type(WebSocketPeer(connector=network.connect), WebSocketPeer)


def values() -> None:
    assert_type(variant.encode([1, variant.Color(1, 0, 0, 1)]), bytes)
    assert_type(variant.decode(b""), Any)


def about_the_package() -> None:
    assert_type(pyws_browser.__version__, str)
    assert_type(pyws_browser.compiled, bool)


async def with_asyncio(token: Callable[[], Awaitable[str]]) -> None:
    async with aio.connect("wss://example.org/", subprotocols=["chat"], trace=a_trace) as websocket:
        assert_type(websocket, aio.ClientConnection)
        await websocket.send("text")
        await websocket.send([b"in", b"parts"])
        assert_type(await websocket.recv(), str | bytes)
        async for message in websocket:
            assert_type(message, str | bytes)
        assert_type(await (await websocket.ping()), float)
        assert_type(websocket.close_code, int | None)
    assert_type(await aio.connect(token), aio.ClientConnection)
    assert_type(await aio.connect(token, trusted_origins=["wss://b.example"]), aio.ClientConnection)
    assert_type(aio.connect("wss://example.org/").process_redirect(ValueError()), Exception | str)
    async for connection in aio.connect("wss://example.org/", backoff=Backoff()):
        try:
            await connection.wait_closed()
        except aio.ConnectionClosed as error:
            assert_type(error.rcvd, aio.Close | None)


def a_trace(connection: aio.Connection, frame: TracedFrame) -> None:
    assert_type(frame.is_sent, bool)
    assert_type(frame.payload, str | bytes)
    assert_type(connection.state, State)


async def echo(websocket: aio.ServerConnection) -> None:
    async for message in websocket:
        await websocket.send(message)


async def an_asyncio_server() -> None:
    async with aio.serve(echo, "localhost", 0, max_handshakes=100) as server:
        assert_type(server, aio.Server)
        assert_type(server.connections, set[aio.ServerConnection])
        aio.broadcast(server.connections, "hello")
        aio.broadcast(server.connections, b"hello", slow="latest", key=("x", 1), limit=1 << 20)
        await server.serve_forever()


def patched() -> None:
    async def carry(
        uri: str, headers: Mapping[str, str], subprotocols: Sequence[str] | None
    ) -> tuple[str, Sequence[str] | None]:
        return f"{uri}?key={headers['x-key']}", subprotocols

    assert_type(patch_websockets(carry=carry, drop=["X-Client"]), None)
    assert_type(patch_websockets(carry=lambda uri, headers, subprotocols: (uri, ["chat"])), None)
    assert_type(unpatch_websockets(), None)


def code_that_blocks() -> None:
    with sync.connect("ws://localhost/", subprotocols=["chat"], codec="msgpack") as websocket:
        assert_type(websocket, sync.ClientConnection)
        websocket.send(b"bytes")
        assert_type(websocket.recv(timeout=1), str | bytes)
        assert_type(websocket.send_value({"x": 1}), None)
        assert_type(websocket.receive_value(timeout=1), Any)
        assert_type(websocket.send_json([1]), None)
        assert_type(websocket.receive_json(timeout=1), Any)
        assert_type(websocket.codec, Codec | str)
        for message in websocket:
            assert_type(message, str | bytes)


async def rooms_for_both_kinds_of_servers(server: WebSocketServer, other: aio.Server) -> None:
    server.watch(0, server.wake)
    assert_type(server.fileno(), int)
    server.broadcast("hello", to=[1, 2])
    topics = rooms.Rooms(name="game", lease=5)
    topics.attach(server)
    chat = topics.topic(
        "chat",
        history=rooms.History(10, 5),
        slow="latest",
        envelope=lambda message, position: f"{position} {message!r}",
    )
    joined = chat.join(server.get_peer(2), since="x:1", member={"name": "ann"}, greet=lambda joined: b"")
    assert_type(joined, rooms.Joined)
    assert_type(joined.is_whole, bool)
    assert_type(joined.position, rooms.Position | None)
    assert_type(joined.members, tuple[rooms.Member, ...])
    published = chat.publish(b"x", without=server.get_peer(2), id="7", key="k")
    assert_type(published.result, rooms.Position | None)
    assert_type(await published, rooms.Position | None)
    chat.missed.connect(lambda after, before: print(after, before))
    assert_type(topics.state, rooms.RoomsState)
    async with rooms.Rooms() as others:
        await others.attach(other)


def workers_over_a_broker() -> None:
    topics = rooms.Rooms(rooms.NatsBroker("nats://127.0.0.1:4222", storage="memory"), lost_limit=10)
    assert_type(topics.topic("chat").is_live, bool)
    rooms.Rooms(rooms.RedisBroker("redis://127.0.0.1", options={"db": 1}))
    assert_type(run_workers(print, 2, host="::1", port=0, arguments=(1,), drain=5), int)
