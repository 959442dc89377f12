"""The servers of README, docs and examples, as they are printed, beside clients that mean no good."""

from __future__ import annotations

import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from pyws_browser import State, WebSocketClient, WebSocketPeer, WebSocketServer

from ..contract.server import unused_port
from ..interop.program import Start
from ..readme import python_blocks
from ..support import LIMIT, pump
from ..wire.raw import BINARY, TEXT, frame
from .test_server import request

HOME = Path(__file__).parents[2]
MIB = bytes(1 << 20)


def knock(port: int, *, sends: bytes = b"", **headers: str) -> socket.socket:
    """Connect and ask for a WebSocket, whatever the answer is."""
    sock = socket.create_connection(("127.0.0.1", port), timeout=LIMIT)
    sock.sendall(request(**headers) + sends)
    return sock


@contextmanager
def deaf(port: int, messages: list[bytes]) -> Iterator[None]:
    """Have a client there that sends all of these, and reads nothing but the answer to its request."""
    sock = knock(port)
    assert b" 101 " in sock.recv(4096)

    def send() -> None:
        with suppress(OSError):  # when it is over, or the server has had enough
            for message in messages:
                sock.sendall(frame(BINARY, message, mask=bytes(4)))

    thread = threading.Thread(target=send)
    thread.start()
    try:
        yield
    finally:
        with suppress(OSError):
            sock.shutdown(socket.SHUT_RDWR)
        thread.join()
        sock.close()


@contextmanager
def visiting(port: int, **settings: object) -> Iterator[Callable[[], bool]]:
    """Give what tells whether an honest client, which came before the others, gets its echo."""
    with WebSocketPeer(web_limits=False) as peer:
        for name, value in settings.items():
            setattr(peer, name, value)

        def is_open() -> bool:
            if peer.ready_state is State.CLOSED:  # at first nobody listens yet
                peer.connect_to_url(f"ws://127.0.0.1:{port}/")
            return peer.is_connected_to_host()

        def is_served() -> bool:
            peer.send("are you there?")
            received: list[str | bytes] = []
            pump(peer, until=lambda: received.extend(peer) or "are you there?" in received or is_gone())
            return "are you there?" in received

        def is_gone() -> bool:
            return peer.ready_state is State.CLOSED

        pump(peer, until=is_open)
        yield is_served


class TestEchoes:
    """That of the README, and those of the examples."""

    @pytest.fixture(params=["README.md", "examples/pyscript/server.py", "docs/asyncio.md"])
    def echo(self, request: pytest.FixtureRequest, start: Start) -> tuple[Any, int]:
        """The program, which runs, and its port."""
        port = unused_port()
        if request.param == "README.md":
            return start(sys.executable, "-c", python_blocks()[2].replace("8000", str(port))), port
        if request.param == "docs/asyncio.md":
            (block,) = (block for block in python_blocks("docs/asyncio.md") if "serve_forever" in block)
            return start(sys.executable, "-c", block.replace("8765", str(port))), port
        return start(sys.executable, HOME / request.param, str(port)), port

    def test_a_client_that_reads_nothing_ends_alone(self, echo: tuple[Any, int]) -> None:
        program, port = echo
        with visiting(port) as is_served, deaf(port, [MIB] * 26):
            if program.command[1] != "-c" or "aio" not in str(program.command[2]):  # which waits for its reader
                program.until("OutboundBufferFullError")
            for _ in range(3):
                assert is_served()

    @pytest.mark.parametrize(
        "sent",
        [
            b"\x16\x03\x01\x02\x00\x01\x00",
            b"\xff" * 100,
            request(X_Token="a", x_token="b"),
            request(Origin="https://\xff.example", Cookie="a@b=1"),
            request() + frame(TEXT, b"\xff", mask=bytes(4)),
            request() + frame(BINARY, b"no mask"),
            request() + frame(TEXT, b"and away", mask=bytes(4)),
        ],
    )
    def test_whatever_one_sends_the_others_are_served(self, echo: tuple[Any, int], sent: bytes) -> None:
        _, port = echo
        with visiting(port) as is_served:
            with socket.create_connection(("127.0.0.1", port)) as sock:
                sock.sendall(sent)
                assert is_served()
            assert is_served()


def status_of(server: WebSocketServer, sock: socket.socket) -> int:
    """Return the status of the answer, while the server is polled."""
    sock.setblocking(False)
    answer = b""

    def is_answered() -> bool:
        nonlocal answer
        with suppress(BlockingIOError):
            answer += sock.recv(65536)
        return b"\r\n" in answer

    pump(server, until=is_answered)
    return int(answer.split(b" ")[1])


DOORS: dict[str, tuple[str, str, dict[str, str], list[bytes]]] = {
    "docs/server.md": (
        "docs/server.md",
        "/play",
        {"X-Token": "s3cret"},
        [b"X-Token: a\r\nX-Token: b", b"x-token: s3cret\r\nX-TOKEN: s3cret", b"X-Token: \xff\xfe", b"X-Token:"],
    ),
    "docs/how-to.md": (
        "docs/how-to.md",
        "/",
        {"Cookie": "session=ann"},
        [b"Cookie: a@b=1", b"Cookie: session=ann\r\nCookie: b=2", b"Cookie: \xff=1", b'Cookie: a="\\', b"Cookie: =;;="],
    ),
}


@pytest.mark.parametrize("door", DOORS)
def test_no_header_of_a_stranger_ends_the_server(door: str) -> None:
    page, path, honest, lines = DOORS[door]
    names: dict[str, Any] = {}
    for block in python_blocks(page):
        exec(block, names)
        if "server" in names or "make_server" in names:
            break
    server: WebSocketServer = names["server"] if "server" in names else names["make_server"]({"ann"})
    server.bind_ip = "127.0.0.1"
    server.listen(0)
    with server, WebSocketPeer(web_limits=False) as bystander:
        bystander.handshake_headers = honest
        bystander.connect_to_url(f"ws://127.0.0.1:{server.port}{path}")
        pump(server, bystander, until=lambda: server.peer_ids)
        for line in lines:
            with socket.create_connection(("127.0.0.1", server.port)) as sock:
                sock.sendall(request(path).replace(b"Host: test", b"Host: test\r\n" + line))
                assert status_of(server, sock) in {101, 400, 401, 500}, line
        bystander.send("hello")
        id_ = server.peer_ids[0]
        pump(server, bystander, until=server.get_peer(id_).get_available_packet_count)
        assert server.get_peer(id_).receive() == "hello"


class TestGame:
    """The server of `examples/godot3_game`."""

    @pytest.fixture
    def game(self, start: Start) -> tuple[Any, int]:
        program = start(sys.executable, HOME / "examples" / "godot3_game" / "server.py", "0")
        return program, int(program.until("listening").rsplit(" ", 1)[1])

    @contextmanager
    def player(self, port: int) -> Iterator[WebSocketClient]:
        with WebSocketClient(web_limits=False) as client:
            client.connect_to_url(f"ws://127.0.0.1:{port}/", gd_mp_api=True)
            pump(client, until=client.get_unique_id)
            yield client

    @pytest.mark.parametrize("packet", [b"", b"\xff" * 9, b"\x00\x00\x00\x00", bytes(1000)])
    def test_what_is_no_place_ends_the_one_who_said_it(self, game: tuple[Any, int], packet: bytes) -> None:
        program, port = game
        with self.player(port) as bystander, self.player(port) as hostile:
            hostile.set_target_peer(1)
            hostile.put_packet(packet)
            pump(hostile, bystander, until=lambda: not hostile.get_peer(1).is_connected_to_host())
            self.is_told_of_the_dot(bystander)
        program.until("left")

    def test_one_who_reads_nothing_and_one_who_floods_it(self, game: tuple[Any, int]) -> None:
        _, port = game
        with self.player(port) as bystander, deaf(port, []), self.player(port) as flooder:
            flooder.outbound_buffer_size = 1 << 26
            flooder.set_target_peer(-bystander.get_unique_id())
            for _ in range(42):
                flooder.put_packet(MIB[: 1 << 19])
                pump(flooder, until=lambda: not flooder.get_peer(1).get_current_outbound_buffered_amount())
            for _ in range(3):
                self.is_told_of_the_dot(bystander)

    def is_told_of_the_dot(self, client: WebSocketClient) -> None:
        """The server's own dot goes on to move."""
        while client.get_available_packet_count():
            client.get_packet()
        pump(client, until=lambda: client.get_available_packet_count())
        assert "at" in client.get_var()
