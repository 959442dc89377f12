"""What the documentation shows works as it stands."""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest

from pyws_browser import MemoryNetwork, State, WebSocketPeer, WebSocketServer
from pyws_browser.testing import LocalServer

from ..followed import files_of
from ..readme import python_blocks
from ..support import pump


def run_page(page: str) -> dict[str, Any]:
    """Run a page's programs one after the other, as somebody who follows it does; return the names they made."""
    names: dict[str, Any] = {}
    for block in python_blocks(page):
        exec(block, names)
    return names


@contextmanager
def polled(server: WebSocketServer) -> Iterator[str]:
    """Let a server that listens nowhere yet be polled by a thread; give its URL."""
    is_listening, is_over = Event(), Event()

    def poll() -> None:
        server.strict = True
        server.bind_ip = "127.0.0.1"
        server.listen(0)
        is_listening.set()
        while not is_over.is_set():
            server.wait(0.05)
            server.poll()
        server.stop()

    thread = Thread(target=poll)
    thread.start()
    is_listening.wait()
    try:
        yield f"ws://127.0.0.1:{server.port}/"
    finally:
        is_over.set()
        thread.join()


class TestGettingStarted:
    """`tests/browser/test_followed.py` follows all of it, and the tutorial."""

    def test_both_say_hello(self, contract_urls: dict[str, str], capsys: pytest.CaptureFixture[str]) -> None:
        url = contract_urls["server"] + "echo"
        programs: dict[str, dict[str, Any]] = {"hello.py": {}, "poll.py": {}}
        for name, names in programs.items():
            exec(files_of("docs/getting-started.md")[name], names)
        asyncio.run(programs["hello.py"]["hello"](url))
        assert capsys.readouterr().out == "received hello\n"
        asyncio.run(programs["poll.py"]["play"](url))
        assert capsys.readouterr().out == "received hello\nclosed with 1000 \n"


class TestTroubleshooting:
    def test_a_full_room_says_so(self) -> None:
        names = run_page("docs/troubleshooting.md")
        with polled(names["server"]) as url:
            peers = [WebSocketPeer() for _ in range(3)]
            for peer in peers:
                peer.connect_to_url(url)
                pump(peer, until=lambda peer=peer: peer.ready_state is not State.CONNECTING)
            pump(*peers, until=lambda: peers[2].ready_state is State.CLOSED)
            assert (peers[2].close_code, peers[2].close_reason) == (4000, "the room is full")
            assert peers[0].is_connected_to_host()
            for peer in peers:
                peer.abort()

    def test_every_frame_is_shown(self, contract_urls: dict[str, str], capsys: pytest.CaptureFixture[str]) -> None:
        asyncio.run(run_page("docs/troubleshooting.md")["show"](contract_urls["server"] + "echo"))
        assert "hello" in capsys.readouterr().out.splitlines()


class TestTesting:
    def test_its_test_passes(self) -> None:
        with ExitStack() as stack:
            run_page("docs/testing.md")["test_a_full_room"](lambda *scripts: stack.enter_context(LocalServer(*scripts)))


class TestHowTo:
    @pytest.fixture
    def names(self) -> dict[str, Any]:
        return run_page("docs/how-to.md")

    def test_its_test_passes(self, names: dict[str, Any]) -> None:
        names["test_it_would_run_in_a_page"]()

    @pytest.mark.parametrize(
        ("cookie", "origin", "status"),
        [
            ("session=a", "", 0),
            ("session=b", "", 401),
            ("session=a", "https://evil", 403),
            ("a@b=1", "", 400),
            ("session=b; session=a", "", 0),
        ],
    )
    def test_who_may_come_in(self, names: dict[str, Any], cookie: str, origin: str, status: int) -> None:
        with names["make_server"]({"a"}) as server, WebSocketPeer(web_limits=False) as peer:
            server.strict = True
            server.bind_ip = "127.0.0.1"
            server.listen(0)
            peer.handshake_headers = {"Cookie": cookie} | ({"Origin": origin} if origin else {})
            peer.connect_to_url(f"ws://127.0.0.1:{server.port}/")
            pump(peer, server, until=lambda: peer.ready_state is not State.CONNECTING)
            assert getattr(peer.close_cause, "status", 0) == status

    def test_the_url_is_asked_for_again(self, names: dict[str, Any]) -> None:
        asked: list[str] = []
        peer = names["make_peer"](lambda: asked.append("once") or "token")
        peer.abort()
        assert asked == ["once"]

    def test_moves_arrive(self, names: dict[str, Any]) -> None:
        network = MemoryNetwork()
        listener = network.listen("ws://x/")
        peer = network.peer()
        peer.connect_to_url("ws://x/")
        server = listener.accept()
        assert server is not None
        peer.poll()
        names["log_in"](peer, "token")
        names["send_moves"](peer, [(1, 0.5, 2.0), (2, 0.0, 0.0)])
        server.poll()
        assert server.receive() == "token token"
        assert names["receive_moves"](server) == [(1, 0.5, 2.0), (2, 0.0, 0.0)]


class TestServer:
    @pytest.fixture
    def names(self) -> Iterator[dict[str, Any]]:
        blocks = python_blocks("docs/server.md")
        names: dict[str, Any] = {}
        exec(
            next(block for block in blocks if "def decide(request: Request)" in block and "names = {}" in block), names
        )
        exec(next(block for block in blocks if "class OpenServer" in block), names)
        yield names
        names["server"].stop()

    @pytest.fixture
    def open_server(self, names: dict[str, Any]) -> Iterator[Any]:
        chat = names["OpenServer"](
            {"s3cret": "alice", "other": "bob"}, ["https://chat.example", None], behind_proxy=True
        )
        with chat.server as server:
            server.listen(0)
            yield chat

    @staticmethod
    def enter(server: WebSocketServer, path: str = "/play", **headers: str) -> WebSocketPeer:
        peer = WebSocketPeer(web_limits=False)
        peer.handshake_headers = {name.replace("_", "-"): value for name, value in headers.items()}
        peer.connect_to_url(f"ws://127.0.0.1:{server.port}{path}")
        pump(peer, server, until=lambda: peer.ready_state is not State.CONNECTING)
        return peer

    @staticmethod
    def status_of(peer: WebSocketPeer) -> int:
        return 101 if peer.ready_state is State.OPEN else getattr(peer.close_cause, "status", 0)

    @pytest.mark.parametrize(
        ("path", "headers", "status"),
        [
            ("/health", {}, 200),
            ("/else", {}, 404),
            ("/play", {}, 401),
            ("/play", {"X_Token": "s3cret"}, 101),
            ("/play", {"X_Token": "s3cret", "Origin": "https://a.game.example"}, 101),
            ("/play", {"X_Token": "s3cret", "Origin": "https://evil.example"}, 403),
        ],
    )
    def test_who_may_come_in(self, names: dict[str, Any], path: str, headers: dict[str, str], status: int) -> None:
        server = names["server"]
        server.bind_ip = "127.0.0.1"
        server.listen(0)
        with self.enter(server, path, **headers) as peer:
            assert self.status_of(peer) == status
            assert list(names["names"].values()) == (["alice"] if status == 101 else [])
        pump(server, until=lambda: not server._clients)
        assert names["names"] == {}

    @pytest.mark.parametrize("fields", ["X-Token: s3cret\r\nX-Token: s3cret", "X-Token: s3cret"])
    def test_names_are_not_kept_of_requests_that_came_to_nothing(self, names: dict[str, Any], fields: str) -> None:
        server = names["server"]
        server.bind_ip = "127.0.0.1"
        server.listen(0)
        with socket.create_connection(("127.0.0.1", server.port)) as sock:
            sock.sendall(f"GET /play HTTP/1.1\r\nHost: a\r\n{fields}\r\n\r\n".encode())
            pump(server, until=lambda: server._clients)
        pump(server, until=lambda: not server._clients)
        assert names["names"] == {}

    @pytest.mark.parametrize(
        ("path", "headers", "status"),
        [
            ("/health", {}, 200),
            ("/", {}, 404),
            ("/chat", {}, 401),
            ("/chat?token=wrong", {}, 401),
            ("/chat?token=s3cret&token=wrong", {}, 101),
            ("/chat?token=s3cret", {"Origin": "https://evil.example"}, 403),
            ("/chat?token=s3cret", {"Origin": "https://chat.example"}, 101),
            ("/chat?token=s3cret", {"X_Forwarded_For": ""}, 400),
            ("/chat?token=s3cret", {"X_Forwarded_For": "evil"}, 400),
        ],
    )
    def test_who_may_enter_the_open_server(
        self, open_server: Any, path: str, headers: dict[str, str], status: int
    ) -> None:
        with self.enter(open_server.server, path, **{"X_Forwarded_For": "192.0.2.1"} | headers) as peer:
            assert self.status_of(peer) == status
        pump(open_server.server, until=lambda: not open_server.server._clients)
        kept = (open_server.names, open_server.addresses, open_server.connections, open_server.allowances)
        assert not any(kept)

    @pytest.mark.parametrize(
        ("crowd", "other"),
        [("192.0.2.1", "192.0.2.2"), ("2001:db8::{}", "2001:db8:0:1::"), ("9.9.9.9, ::1", "::2:0:0:0:1")],
    )
    def test_one_address_has_some_places_in_the_open_server(self, open_server: Any, crowd: str, other: str) -> None:
        server = open_server.server
        with ExitStack() as peers:

            def enter(address: str) -> int:
                peer = self.enter(server, "/chat?token=s3cret", X_Forwarded_For=address)
                return self.status_of(peers.enter_context(peer))

            statuses = [enter(crowd.format(number)) for number in range(open_server.PER_ADDRESS + 1)]
            assert statuses == [101] * open_server.PER_ADDRESS + [429]
            assert enter(other) == 101

    def test_those_in_the_open_server_hear_each_other(self, open_server: Any) -> None:
        server = open_server.server
        with (
            self.enter(server, "/chat?token=s3cret", X_Forwarded_For="192.0.2.1") as alice,
            self.enter(server, "/chat?token=other", X_Forwarded_For="192.0.2.2") as bob,
        ):
            alice.send("hello")
            pump(alice, bob, server, until=bob.get_available_packet_count)
            assert bob.receive() == "alice: hello"

    @pytest.mark.parametrize("messages", [["x"] * 200, [b"bytes"], ["x" * 20_000]])
    def test_a_client_that_is_too_much_for_the_open_server_loses_its_own_connection(
        self, open_server: Any, messages: list[str | bytes]
    ) -> None:
        server = open_server.server
        with (
            self.enter(server, "/chat?token=s3cret", X_Forwarded_For="192.0.2.1") as flooder,
            self.enter(server, "/chat?token=other", X_Forwarded_For="192.0.2.2") as bystander,
        ):
            for message in messages:
                flooder.send(message)
            pump(flooder, bystander, server, until=lambda: flooder.ready_state is State.CLOSED)
            assert flooder.close_code in (1008, 1009)
            bystander.send("still here")
            pump(bystander, server, until=lambda: "bob: still here" in list(bystander))

    def test_a_client_that_reads_nothing_loses_its_own_connection(self, open_server: Any) -> None:
        server = open_server.server
        with (
            self.enter(server, "/chat?token=s3cret", X_Forwarded_For="192.0.2.1"),  # it is never polled again
            self.enter(server, "/chat?token=other", X_Forwarded_For="192.0.2.2") as bystander,
        ):
            for _ in range(2000):
                open_server.tell("x" * 10_000)
                server.poll()
                bystander.poll()
                assert set(bystander) <= {"x" * 10_000}
                if len(server.peer_ids) == 1:
                    break
            pump(bystander, server, until=lambda: len(server.peer_ids) == 1)
            assert bystander.ready_state is State.OPEN


class TestRooms:
    """What docs/rooms.md says about its promises."""

    def test_each_promise_has_tests_that_are_there(self) -> None:
        root = Path(__file__).parents[2]
        if not (root / "docs").is_dir():
            pytest.skip("the documents are not here")
        rows = re.findall(r"^\| (\d) \| (.*) \|$", (root / "docs" / "rooms.md").read_text("utf-8"), re.MULTILINE)
        assert [number for number, _ in rows] == list("1234567")
        named = [name for number, tests in rows[:6] for name in re.findall(r"`(test_\w+)`", tests)]
        there = "".join(path.read_text("utf-8") for path in (root / "tests" / "rooms").glob("test_*.py"))
        assert len(named) >= 6
        assert [name for name in named if f"def {name}(" not in there] == []
