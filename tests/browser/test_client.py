"""WebSocketClient in a page and in a worker: its signals, Variants, and a multiplayer session with a server here."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from pyws_browser import WebSocketServer

if TYPE_CHECKING:
    from .interpreter import Interpreter

# What each of the tests below begins with, in the browser.
CLIENT = """
import asyncio, time
from pyws_browser import Signal, WebSocketClient

client = WebSocketClient()
log = []
for name, signal in vars(client).items():
    if isinstance(signal, Signal):
        signal.connect(lambda *arguments, name=name: log.append((name, *arguments)))

async def until(condition):
    end = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < end, log
        client.poll()
        await asyncio.sleep(0.005)
"""


def run(place: Interpreter, source: str, **names: object) -> object:
    return place.run(CLIENT + source, **names)


@pytest.fixture(scope="module")
def session_urls() -> Iterator[dict[int, str]]:
    """The servers of a multiplayer session, by their dialects; each sends to all what it is sent."""
    urls: dict[int, str] = {}
    is_ready, is_over = threading.Event(), threading.Event()

    def serve() -> None:
        with WebSocketServer() as three, WebSocketServer() as four:
            for dialect, server in ((3, three), (4, four)):
                server.strict = True
                server.bind_ip = "127.0.0.1"
                server.listen(0, gd_mp_api=True, dialect=dialect)
                server.peer_packet.connect(lambda source, server=server: server.put_packet(server.get_packet()))
                urls[dialect] = f"ws://127.0.0.1:{server.port}/"
            is_ready.set()
            while not is_over.is_set():
                three.wait(0.002)
                three.poll()
                four.poll()

    thread = threading.Thread(target=serve)
    thread.start()
    is_ready.wait(10)
    yield urls
    is_over.set()
    thread.join(10)


def test_nothing_of_the_desktop_is_loaded(python_place: Interpreter) -> None:
    source = """
import sys
[name for name in sys.modules if name.startswith("pyws_browser.transport.native")]
"""
    assert run(python_place, source) == []


def test_the_signals_of_a_life(python_place: Interpreter, contract_urls: dict[str, str]) -> None:
    run(
        python_place,
        """
client.connect_to_url(url + "echo")
await until(lambda: log)
client.get_peer(1).send("text")
client.get_peer(1).put_var({"at": [1.5, None]})
await until(lambda: len(log) == 3)
assert client.get_peer(1).get_packet() == b"text"
assert client.get_peer(1).get_var() == {"at": [1.5, None]}
client.disconnect_from_host(4000, "enough")
await until(lambda: len(log) == 4)
assert log == [("connection_established", ""), ("data_received",), ("data_received",), ("connection_closed", True)], log
""",
        url=contract_urls["server"],
    )


def test_the_server_closes(python_place: Interpreter, contract_urls: dict[str, str]) -> None:
    run(
        python_place,
        """
client.connect_to_url(url + "last-words")
await until(lambda: client.get_connection_status() == client.CONNECTION_DISCONNECTED)
assert [entry[0] for entry in log] == ["connection_established", "data_received", "data_received",
    "server_close_request", "connection_closed"], log
assert log[-2:] == [("server_close_request", 1000, "done"), ("connection_closed", True)]
assert list(client.get_peer(1)) == ["one", b"two"]
""",
        url=contract_urls["server"],
    )


def test_no_connection_and_a_lost_one(python_place: Interpreter, contract_urls: dict[str, str]) -> None:
    run(
        python_place,
        """
client.connect_to_url(nobody)
await until(lambda: log)
client.connect_to_url(url + "drop")
await until(lambda: len(log) == 3)
for _ in range(10):
    client.poll()
    await asyncio.sleep(0.005)
assert log == [("connection_error",), ("connection_established", ""), ("connection_closed", False)], log
""",
        url=contract_urls["server"],
        nobody=contract_urls["nobody"],
    )


@pytest.mark.parametrize("dialect", [3, 4])
def test_a_multiplayer_session(python_place: Interpreter, session_urls: dict[int, str], dialect: int) -> None:
    run(
        python_place,
        """
client.connect_to_url(url, gd_mp_api=True, dialect=dialect)
await until(lambda: len(log) == 2)
assert log == [("peer_connected", 1), ("connection_succeeded",)], log
assert client.get_unique_id() > 1
client.set_target_peer(1)
client.put_var({"at": [1.5, "grün"]})
await until(client.get_available_packet_count)
assert (client.get_packet_peer(), client.get_var()) == (1, {"at": [1.5, "grün"]})
client.disconnect_from_host()
await until(lambda: len(log) == 4)
assert log[2:] == [("peer_packet", 1), ("server_disconnected",)], log
""",
        url=session_urls[dialect],
        dialect=dialect,
    )
