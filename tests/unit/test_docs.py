"""What the documentation shows works as it stands."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Thread
from typing import Any

import pytest

from pyws_browser import MemoryNetwork, State, WebSocketPeer, WebSocketServer

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
    def test_all_three_say_hello(self, contract_urls: dict[str, str], capsys: pytest.CaptureFixture[str]) -> None:
        url = contract_urls["server"] + "echo"
        polling, awaiting, either = ({} for _ in range(3))
        for block, names in zip(python_blocks("docs/getting-started.md"), (polling, awaiting, either), strict=True):
            exec(block, names)
        polling["hello"](url)
        assert capsys.readouterr().out == "received hello\nclosed with 1000 \n"
        asyncio.run(awaiting["hello"](url))
        assert capsys.readouterr().out == "received hello\n"
        asyncio.run(either["hello"](url))
        assert capsys.readouterr().out == "received hello\nclosed with 1000 \n"


class TestTutorial:
    def test_its_test_passes(self) -> None:
        run_page("docs/tutorial.md")["test_a_participant_sees_where_another_points"]()

    def test_two_participants_see_each_other_through_the_relay(self) -> None:
        names = run_page("docs/tutorial.md")
        with polled(names["Relay"]().server) as url:
            watcher = names["Participant"](WebSocketPeer(), url)
            while not watcher.peer.is_connected_to_host():
                watcher.frame()
            stroller = names["stroll"](url, 0.3)
            while not watcher.others:
                watcher.frame()
            watcher.peer.abort()
        assert stroller.problem == ""
        ((x, y),) = watcher.others.values()
        assert 0.2 <= x <= 0.8
        assert 0.2 <= y <= 0.8

    def test_the_page_draws_the_others(self) -> None:
        names = run_page("docs/tutorial.md")
        network = MemoryNetwork()
        listener = network.listen("ws://board/")
        participant = names["Participant"](network.peer(), "ws://board/")
        drawn: list[dict[int, tuple[float, float]]] = []

        async def follow() -> None:
            page = asyncio.create_task(names["run_in_page"](participant, lambda others: drawn.append(dict(others))))
            while (server := listener.accept()) is None:
                await asyncio.sleep(0)
            server.poll()
            server.send("1 0.5 0.5")
            while not drawn or not drawn[-1]:
                await asyncio.sleep(0)
            server.abort()
            await page

        asyncio.run(follow())
        assert drawn[-1] == {1: (0.5, 0.5)}
        assert participant.problem


class TestHowTo:
    @pytest.fixture
    def names(self) -> dict[str, Any]:
        return run_page("docs/how-to.md")

    def test_its_test_passes(self, names: dict[str, Any]) -> None:
        names["test_it_would_run_in_a_page"]()

    @pytest.mark.parametrize(("cookie", "origin", "status"), [("a", "", 0), ("b", "", 401), ("a", "https://evil", 403)])
    def test_who_may_come_in(self, names: dict[str, Any], cookie: str, origin: str, status: int) -> None:
        with names["make_server"]({"a"}) as server, WebSocketPeer(web_limits=False) as peer:
            server.bind_ip = "127.0.0.1"
            server.listen(0)
            peer.handshake_headers = {"Cookie": f"session={cookie}"} | ({"Origin": origin} if origin else {})
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
