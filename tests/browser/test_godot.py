"""A page and a worker with real Godot 3 engines: sessions, single connections, and the page of the example."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pyws_browser import WebSocketClient, WebSocketServer
from pyws_browser.variant import Color, Rect2, Vector2, Vector3, decode, encode

from ..interop import test_multiplayer as multiplayer
from ..interop.conftest import free_port
from ..interop.engine import INSTALL, PROGRAM, Engine, Thing
from ..interop.program import Program, Start
from ..interop.test_multiplayer import Ours, Peer, Session, Theirs
from ..support import pump
from ..variant.samples import VECTORS, described, same
from .test_client import CLIENT

if TYPE_CHECKING:
    from selenium.webdriver import Chrome

    from .interpreter import Interpreter

pytestmark = [
    pytest.mark.interop,
    pytest.mark.skipif(PROGRAM is None, reason=INSTALL),
]

GAME = Path(__file__).parents[2] / "examples" / "godot3_game"


class InBrowser:
    """A WebSocketClient in the browser that lasts from one run of a piece of code to the next."""

    def __init__(self, place: Interpreter, url: str, *, gd_mp_api: bool = False) -> None:
        self._place = place
        self.id = 0
        self.log: list[tuple[Any, ...]] = []
        self.packets: list[tuple[int, Any]] = []
        place.install("lasting", CLIENT + "\nvalues = []\n")
        self.run("client.connect_to_url(url, gd_mp_api=gd_mp_api)", url=url, gd_mp_api=gd_mp_api)

    def run(self, source: str, **names: Any) -> Any:
        """Run code that sees the client, its log, the values of its packets, and `until`."""
        return self._place.run("from lasting import client, log, until, values\n" + source, **names)

    def poll(self) -> None:
        self.id, log, packets = self.run(
            """
from pyws_browser.variant import encode
client.poll()
packets = []
while client.get_unique_id() and client.get_available_packet_count():
    source = client.get_packet_peer()
    values.append(client.get_var())
    packets.append((source, encode(values[-1]).hex()))
news = [[part if isinstance(part, (bool, int, str)) else repr(part) for part in entry] for entry in log[known:]]
(client.get_unique_id(), news, packets)
""",
            known=len(self.log),
        )
        self.log += map(tuple, log)
        self.packets += [(source, decode(bytes.fromhex(data))) for source, data in packets]

    def send(self, target: int, value: Any) -> None:
        self.run(
            """
from pyws_browser.variant import decode
client.set_target_peer(target)
client.put_var(decode(bytes.fromhex(data)))
""",
            target=target,
            data=encode(value).hex(),
        )

    def told(self, signal: str) -> list[Any]:
        return [entry[1:] for entry in self.log if entry[0] == signal]

    def close(self) -> None:
        self.run("client.__exit__(None, None, None)")


class SessionWithBrowser(Session):
    """The session of the interop tests, and one more client, the last, in the browser."""

    def __init__(self, server: Peer, url: str, engines: list[Engine], place: Interpreter) -> None:
        super().__init__(server, url, engines)
        self.browser = InBrowser(place, url, gd_mp_api=True)
        self.join(self.browser)  # type: ignore[arg-type]

    def clean_up(self) -> None:
        self.browser.close()
        super().clean_up()


@pytest.fixture(params=["we serve", "an engine serves"])
def session(
    request: pytest.FixtureRequest, engine: Engine, other_engine: Engine, python_place: Interpreter
) -> Iterator[SessionWithBrowser]:
    engines = [other_engine, engine]
    if request.param == "we serve":
        ours = WebSocketServer()
        ours.strict = True
        ours.bind_ip = "127.0.0.1"
        ours.listen(0, gd_mp_api=True)
        session = SessionWithBrowser(Ours(ours), f"ws://127.0.0.1:{ours.port}/", engines, python_place)
    else:
        port = free_port()
        theirs = engine.new("server", "server")
        assert theirs.listen(port, [], True) == 0
        session = SessionWithBrowser(Theirs(theirs), f"ws://127.0.0.1:{port}/", engines, python_place)
    yield session
    session.clean_up()


# In a session.


def test_everybody_hears_of_everybody(session: SessionWithBrowser) -> None:
    multiplayer.test_everybody_hears_of_everybody_in_godots_order(session)
    assert session.browser.log[:2] == [("peer_connected", 1), ("connection_succeeded",)]
    assert session.browser.told("connection_succeeded") == [()]


def test_packets_reach_their_targets_and_nobody_else(session: SessionWithBrowser) -> None:
    multiplayer.test_packets_reach_their_targets_and_nobody_else(session)
    assert session.browser.told("peer_error") == []


# The same value in the browser and here.
MADE_THERE = """
from pyws_browser.variant import Color, Rect2, Vector2, Vector3
value = {
    "at": Vector2(1.5, -2.25), "area": Rect2(Vector2(0, 1), Vector2(2, 3)), "colour": Color(0.25, 0.5, 0.75, 1.0),
    "path": [Vector3(1, 2, 3), None, True, -(2**40)], "name": "grün \\U0001f600", 7: b"\\0\\xff",
}
"""
MADE_HERE = {
    "at": Vector2(1.5, -2.25),
    "area": Rect2(Vector2(0.0, 1.0), Vector2(2.0, 3.0)),
    "colour": Color(0.25, 0.5, 0.75, 1.0),
    "path": [Vector3(1.0, 2.0, 3.0), None, True, -(2**40)],
    "name": "grün \U0001f600",
    7: b"\0\xff",
}


def test_a_variant_passes_between_the_browser_and_everybody(session: SessionWithBrowser) -> None:
    browser = session.browser
    others = session.peers[:-1]
    browser.run(MADE_THERE + "client.set_target_peer(0)\nclient.put_var(value)")
    session.until(lambda: all(peer.packets for peer in others))
    for peer in others:
        ((source, value),) = peer.packets
        assert source == browser.id
        assert same(value, MADE_HERE)
    for peer in others:
        peer.send(browser.id, MADE_HERE)
    session.until(lambda: len(browser.packets) == len(others))
    assert {source for source, _ in browser.packets} == {peer.id for peer in others}
    browser.run(
        MADE_THERE
        + """
assert values == [value] * count, values
for one in values:
    assert [type(part) for part in one.values()] == [type(part) for part in value.values()], one
    assert type(one["path"][0]) is Vector3, one
""",
        count=len(others),
    )


def test_the_browser_hears_who_leaves_and_is_heard_to_leave(session: SessionWithBrowser) -> None:
    browser = session.browser
    engine_end, staying_engine_end, our_end, staying_end, _ = session.clients
    assert isinstance(engine_end, Theirs)
    assert isinstance(our_end, Ours)
    assert isinstance(our_end.owner, WebSocketClient)
    ids = [engine_end.id, our_end.id, browser.id]
    engine_end.thing.disconnect_from_host(1000, "enough")
    session.until(lambda: browser.told("peer_disconnected") == [(ids[0],)])
    our_end.owner.disconnect_from_host()
    session.until(lambda: browser.told("peer_disconnected") == [(ids[0],), (ids[1],)])
    browser.run("client.disconnect_from_host(4001, 'bye')")
    for peer in (session.server, staying_engine_end, staying_end):
        session.until(lambda peer=peer: peer.told("peer_disconnected") == [(id_,) for id_ in ids])
    session.until(lambda: browser.told("server_disconnected"))
    assert browser.log[-1] == ("server_disconnected",)
    assert browser.told("server_close_request") == []
    session.until(lambda: len(session.server.told("client_close_request")) == len(ids))
    assert session.server.told("client_close_request")[-1] == (ids[2], 4001, "bye")


def test_the_browser_hears_that_the_server_is_gone(session: SessionWithBrowser) -> None:
    server, browser = session.server, session.browser
    if isinstance(server, Ours):
        assert isinstance(server.owner, WebSocketServer)
        server.owner.stop()
    else:
        server.thing.stop()
    session.peers.remove(server)
    session.until(lambda: browser.told("server_disconnected"))
    assert browser.log[-2:] == [("server_close_request", 1000, ""), ("server_disconnected",)]
    assert browser.told("connection_failed") == []


# A connection, and nothing else.


class Connection:
    """A client in the browser, and the engine that it is connected to."""

    def __init__(self, engine: Engine, place: Interpreter) -> None:
        port = free_port()
        self.thing: Thing = engine.new("server", "server")
        assert self.thing.listen(port) == 0
        self.browser = InBrowser(place, f"ws://127.0.0.1:{port}/")
        self.id, protocol = self.thing.wait("client_connected", self.browser)
        assert protocol == ""
        pump(self.browser, until=lambda: self.browser.log)
        assert self.browser.log == [("connection_established", "")]

    def their(self, method: str, *arguments: Any) -> Any:
        """Call a method of the engine's peer."""
        return self.thing.peer(self.id, method, *arguments)

    def wait(self, signal: str) -> None:
        """Wait until both ends were told that it is over."""
        self.thing.wait("client_disconnected", self.browser)
        pump(self.browser, until=lambda: self.browser.told(signal))


@pytest.fixture
def connection(engine: Engine, python_place: Interpreter) -> Iterator[Connection]:
    connection = Connection(engine, python_place)
    yield connection
    connection.browser.close()


def test_an_engine_echoes_what_the_browser_sends(connection: Connection) -> None:
    connection.thing.echo()
    connection.browser.run(
        MADE_THERE
        + """
peer = client.get_peer(1)
for packet in ["grün \\U0001f600", "nul \\0 in it", b"x", b"\\0\\xff" * 63, bytes(range(256)) * 255, "y" * 65535]:
    peer.send(packet)
    await until(peer.get_available_packet_count)
    assert peer.receive() == packet
peer.put_var(value)
await until(peer.get_available_packet_count)
assert peer.get_var() == value
peer.write_mode = peer.WRITE_MODE_TEXT
peer.put_var({"name": "text", "level": 5})
await until(peer.get_available_packet_count)
assert peer.get_var() == {"name": "text", "level": 5}
assert peer.was_string_packet()
assert log == [("connection_established", ""), *[("data_received",)] * 8], log
"""
    )
    connection.thing.wait("data_received", count=8)
    assert connection.thing.told("data_received") == [(connection.id,)] * 8


def test_the_browser_echoes_what_an_engine_sends(connection: Connection) -> None:
    packets = [("grün \U0001f600", 0), ("binary", 1), ("z" * 65535, 1)]
    for text, mode in packets:
        connection.their("set_write_mode", mode)
        assert connection.their("put_packet", text.encode()) == 0
        connection.browser.run(
            """
peer = client.get_peer(1)
await until(peer.get_available_packet_count)
peer.send(peer.receive())
"""
        )
        count = len(connection.thing.told("data_received")) + 1
        connection.thing.wait("data_received", count=count)
        assert connection.their("get_packet") == text.encode()
        assert connection.their("was_string_packet") is (mode == 0)


def test_every_variant_of_an_engine_comes_back_the_same(connection: Connection) -> None:
    for vector in VECTORS:
        assert connection.their("put_var", described(vector)) == 0, vector["literal"]
    connection.browser.run(
        """
peer = client.get_peer(1)
for _ in range(count):
    await until(peer.get_available_packet_count)
    peer.put_var(peer.get_var())
""",
        count=len(VECTORS),
    )
    connection.thing.wait("data_received", count=len(VECTORS))
    for vector in VECTORS:
        assert connection.their("get_packet") == bytes.fromhex(vector["hex"]), vector["literal"]


@pytest.mark.parametrize(("code", "reason"), [(1000, ""), (3000, "grün"), (4999, "r" * 123)])
def test_the_browser_closes(connection: Connection, code: int, reason: str) -> None:
    connection.browser.run(
        "client.get_peer(1).send('before')\nclient.disconnect_from_host(code, reason)", code=code, reason=reason
    )
    connection.wait("connection_closed")
    assert connection.thing.events[1:] == [
        ("data_received", connection.id),
        ("client_close_request", connection.id, code, reason),
        ("client_disconnected", connection.id, True),
    ]
    assert connection.browser.log[1:] == [("connection_closed", True)]


@pytest.mark.parametrize(("code", "reason"), [(1000, ""), (1001, "going"), (3000, "grün"), (4999, "r" * 122)])
def test_an_engine_closes(connection: Connection, code: int, reason: str) -> None:
    connection.their("put_packet", b"before")
    connection.thing.disconnect_peer(connection.id, code, reason)
    connection.wait("connection_closed")
    assert connection.browser.log[1:] == [
        ("data_received",),
        ("server_close_request", code, reason),
        ("connection_closed", True),
    ]
    assert connection.browser.run("client.get_peer(1).get_packet() == b'before'") is True


# The example.


class Game:
    """The example's server, a game that plays there, and a web server for the page."""

    def __init__(self, start: Start, pyodide_url: str) -> None:
        self.server: Program = start(sys.executable, GAME / "server.py", "0")
        port = self.server.until("listening").rsplit(" ", 1)[1]
        self.url = f"ws://127.0.0.1:{port}/"
        self.player: Program = start(str(PROGRAM), "--path", GAME, f"--url={self.url}")
        self.newcomer()
        files = start(sys.executable, "-m", "http.server", "0", "--bind", "127.0.0.1", "--directory", GAME)
        found = re.search(r"\((http:.*/)\)", files.until("Serving HTTP"))
        assert found
        self.page_url = f"{found[1]}page.html?pyodide={pyodide_url}&url={self.url}"

    def newcomer(self) -> int:
        """Return the id of who comes next."""
        return int(self.server.until("came").split()[1])


@pytest.fixture
def game(start: Start, site_url: str) -> Game:
    return Game(start, site_url + "/")


@pytest.fixture(scope="module")
def chrome() -> Iterator[Chrome]:
    from driver import chromium

    with chromium() as chrome:
        yield chrome


Says = Callable[[str], None]


@pytest.fixture
def page_says(chrome: Chrome) -> Iterator[Says]:
    """Have a new tab, and wait until the page in it shows some words; nobody complains there."""
    from selenium.webdriver.common.by import By
    from selenium.webdriver.support.ui import WebDriverWait

    from driver import NETWORK_COMPLAINT

    def says(words: str) -> None:
        wait = WebDriverWait(chrome, 25, poll_frequency=0.05)
        wait.until(lambda _: words in chrome.find_element(By.ID, "state").text, f"the page does not say {words!r}")

    first_tab = chrome.current_window_handle
    chrome.switch_to.new_window("tab")
    tab = chrome.current_window_handle
    yield says
    if tab in chrome.window_handles:
        chrome.close()
    chrome.switch_to.window(first_tab)
    harmless = (NETWORK_COMPLAINT, "/favicon.ico")
    entries = chrome.get_log("browser")  # type: ignore[no-untyped-call]
    complaints = [entry["message"] for entry in entries if entry["level"] == "SEVERE"]
    assert [message for message in complaints if not any(part in message for part in harmless)] == []


def has_dot(chrome: Chrome, x: int, y: int) -> bool:
    """Whether the page has drawn something there."""
    script = "return document.getElementById('dots').getContext('2d').getImageData(...arguments, 1, 1).data[3] > 0"
    return bool(chrome.execute_script(script, x, y))


def test_the_page_of_the_example_plays_with_engines(
    game: Game, engine: Engine, chrome: Chrome, page_says: Says
) -> None:
    from selenium.webdriver.common.action_chains import ActionChains
    from selenium.webdriver.common.by import By

    watcher = Theirs(engine.new("watcher", "client"))
    assert watcher.thing.connect_to_url(game.url, [], True) == 0
    watcher_id = game.newcomer()
    chrome.get(game.page_url)
    page_id = game.newcomer()
    game.player.until(f"player {page_id} is here")
    page_says("2 others")  # the game and the server

    pump(watcher, until=lambda: (page_id,) in watcher.told("peer_connected"))
    assert watcher.id == watcher_id
    watcher.send(0, {"at": Vector2(600.0, 340.0)})
    page_says("3 others")
    assert has_dot(chrome, 600, 340)
    assert not has_dot(chrome, 600, 300)
    canvas = chrome.find_element(By.ID, "dots")
    ActionChains(chrome, duration=0).move_to_element_with_offset(canvas, 80, -60).perform()
    pump(watcher, until=lambda: (page_id, {"at": Vector2(400.0, 120.0)}) in watcher.packets)

    game.player.stop()
    page_says("2 others")
    chrome.close()  # leaving it for another page is not enough: Chromium may keep that to come back to, connected
    pump(watcher, until=lambda: (page_id,) in watcher.told("peer_disconnected"))
    assert game.server.until(f"player {page_id} left").endswith("Vector2(x=400.0, y=120.0)")


def test_the_page_of_the_example_says_that_the_server_is_gone(game: Game, chrome: Chrome, page_says: Says) -> None:
    chrome.get(game.page_url)
    page_says("2 others")
    game.server.stop()
    page_says("The connection has ended")
