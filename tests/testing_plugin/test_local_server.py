"""`pyws_browser.testing`: servers that follow a script, and pytest's fixtures."""

from __future__ import annotations

import asyncio
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import pytest
import trustme

from pyws_browser import MemoryNetwork, State, UnsupportedInBrowserError, WebSocketPeer
from pyws_browser.aio import ConnectionClosedError, ConnectionClosedOK, InvalidStatus
from pyws_browser.aio import connect as connect_async
from pyws_browser.sync import connect
from pyws_browser.testing import (
    LocalServer,
    ScriptError,
    Step,
    be_slow,
    close,
    drop,
    echo,
    expect,
    refuse,
    say,
    wait,
)
from pyws_browser.testing.plugin import ServerFactory

from ..support import pump

EXAMPLE = Path(__file__).parents[2] / "examples" / "tested_program"


@pytest.fixture(autouse=True)
def _nothing_stays() -> Iterator[None]:
    yield
    assert not [thread for thread in threading.enumerate() if thread.name == "pyws_browser.testing"]


def test_without_a_script_it_echoes(pyws_server: ServerFactory) -> None:
    server = pyws_server()
    with connect(server.url) as websocket:
        websocket.send("text")
        websocket.send(b"bytes")
        assert [websocket.recv(), websocket.recv()] == ["text", b"bytes"]
    assert server.received == ["text", b"bytes"]


def test_it_says_hears_waits_and_closes(pyws_server: ServerFactory) -> None:
    server = pyws_server([say("who?"), expect("ann"), wait(0.01), be_slow(0.01), say(b"in"), close(4000, "full")])
    with connect(server.url) as websocket:
        assert websocket.recv() == "who?"
        websocket.send("ann")
        assert websocket.recv() == b"in"
        with pytest.raises(ConnectionClosedError):
            websocket.recv()
        assert (websocket.close_code, websocket.close_reason) == (4000, "full")


def test_it_drops_the_connection(pyws_server: ServerFactory) -> None:
    with connect(pyws_server([expect(), drop()]).url) as websocket:
        websocket.send("x")
        with pytest.raises(ConnectionClosedError):
            websocket.recv()
        assert websocket.close_code == 1006


def test_each_connection_has_its_script_and_the_last_goes_on(pyws_server: ServerFactory) -> None:
    server = pyws_server([refuse(503)], [say("first"), close()], [say("again"), close()])
    with pytest.raises(InvalidStatus, match="503"):
        connect(server.url)
    heard = []
    for _ in range(3):
        with connect(server.url) as websocket:
            heard.extend(websocket)
    assert heard == ["first", "again", "again"]
    assert server.connection_count == 4


BROKEN: dict[str, tuple[Sequence[Step], list[str], str]] = {
    "another message": ([expect("ann")], ["bob"], "'bob' came, and the script expects 'ann'"),
    "an early end": ([expect(), expect("bye")], ["x"], r"the client left before expect\('bye'\)"),
}


@pytest.mark.parametrize(("script", "sent", "problem"), BROKEN.values(), ids=BROKEN)
def test_a_client_that_does_not_keep_to_the_script_fails_the_test(
    script: Sequence[Step], sent: list[str], problem: str
) -> None:
    server = LocalServer(script)
    with connect(server.url) as websocket:
        for message in sent:
            websocket.send(message)
        server.wait_for(len(sent))
    with pytest.raises(ScriptError, match=problem):
        server.stop()


def test_the_failure_of_the_test_itself_is_not_hidden() -> None:
    def run() -> None:
        with LocalServer([expect("ann")]) as server, connect(server.url) as websocket:
            websocket.send("bob")
            server.wait_for(1)
            raise LookupError("the test's own")

    with pytest.raises(LookupError) as caught:
        run()
    assert caught.value.__notes__ == ["'bob' came, and the script expects 'ann'"]


def test_messages_are_waited_for_and_a_wait_has_an_end(pyws_server: ServerFactory) -> None:
    server = pyws_server()
    with connect(server.url) as websocket:
        websocket.send("one")
        assert server.wait_for(1) == ["one"]
        with pytest.raises(TimeoutError, match=r"1 of 2 messages came in 0.01 s: \['one'\]"):
            server.wait_for(2, timeout=0.01)


def test_the_test_speaks_and_cuts_connections(pyws_server: ServerFactory) -> None:
    server = pyws_server([expect("here")])
    with connect(server.url) as websocket:
        websocket.send("here")
        server.wait_for(1)
        server.say("news")
        assert websocket.recv() == "news"
        server.drop()
        with pytest.raises(ConnectionClosedError):
            websocket.recv()


def test_a_relay_sends_to_the_others(pyws_relay: LocalServer) -> None:
    with connect(pyws_relay.url) as first, connect(pyws_relay.url) as second:
        first.send("hi")
        assert second.recv() == "hi"


def test_stopping_closes_with_1001_and_may_be_repeated() -> None:
    server = LocalServer([echo()])
    with connect(server.url) as websocket:
        websocket.send("x")
        assert websocket.recv() == "x"
        threading.Timer(0.01, server.stop).start()
        with pytest.raises(ConnectionClosedOK):
            websocket.recv()
        assert websocket.close_code == 1001
    server.stop()


def test_subprotocols_and_tls(pyws_server: ServerFactory) -> None:
    authority = trustme.CA()
    serving, trusting = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context()
    authority.issue_cert("127.0.0.1").configure_cert(serving)
    authority.configure_trust(trusting)
    server = pyws_server(subprotocols=["chat"], ssl=serving)
    with connect(server.url, ssl=trusting, subprotocols=["other", "chat"]) as websocket:
        assert (server.url[:4], websocket.subprotocol) == ("wss:", "chat")


def test_polled_peers_and_asyncio_talk_to_it_as_well(pyws_echo: LocalServer) -> None:
    peer = WebSocketPeer()
    peer.connect_to_url(pyws_echo.url)
    pump(peer, until=peer.is_connected_to_host)
    peer.send("polled")
    pump(peer, until=peer.get_available_packet_count)
    assert peer.receive() == "polled"
    peer.abort()

    async def main() -> Any:
        async with connect_async(pyws_echo.url) as websocket:
            await websocket.send("awaited")
            return await websocket.recv()

    assert asyncio.run(main()) == "awaited"


@pytest.mark.usefixtures("pyws_web_limits")
def test_under_web_limits_a_peer_may_do_no_more_than_a_page(pyws_network: MemoryNetwork) -> None:
    pyws_network.listen("ws://test/")
    peer = pyws_network.peer()
    peer.connect_to_url("ws://test/")
    assert peer.ready_state is State.CONNECTING
    with pytest.raises(UnsupportedInBrowserError):
        peer.get_connected_host()


def test_a_strangers_project_passes_with_the_plugin() -> None:
    has_entry_point = any(entry.value == "pyws_browser.testing.plugin" for entry in entry_points(group="pytest11"))
    plugin = () if has_entry_point else ("-p", "pyws_browser.testing.plugin")

    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", *plugin, "-p", "no:cacheprovider", "-c", "pytest.ini", "--rootdir", "."],
        cwd=EXAMPLE,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert " passed" in done.stdout
