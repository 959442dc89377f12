"""`patch_websockets()` under a page's limits: the clients of `websockets`, new, legacy and blocking."""

from __future__ import annotations

import asyncio
import inspect
import logging
import subprocess
import sys
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import websockets
import websockets.asyncio.client
import websockets.asyncio.server
import websockets.legacy.client
import websockets.sync.client
from websockets.asyncio.client import connect as connect_imported_before
from websockets.datastructures import Headers
from websockets.legacy.client import connect as legacy_connect
from websockets.sync.client import connect as blocking_connect

from pyws_browser import InvalidOptionError, UnsupportedInBrowserError, patch_websockets, unpatch_websockets

SIGNATURE_BEFORE = inspect.signature(connect_imported_before)
CODE_BEFORE = blocking_connect.__code__


class SubclassDefinedBefore(connect_imported_before):
    """As openai has one."""

    def process_redirect(self, exc: Exception) -> Exception | str:
        return super().process_redirect(exc)


class Shouting(websockets.ClientConnection):
    async def recv(self, *arguments: Any, **named: Any) -> Any:
        return (await super().recv(*arguments, **named)).upper()


class Overriding(connect_imported_before):
    async def open_tcp_connection(self) -> Any:
        raise AssertionError


class Seen:
    """What a server saw of its clients."""

    def __init__(self) -> None:
        self.paths: list[str] = []
        self.headers: list[Headers] = []
        self.codes: list[int | None] = []

    async def echo(self, connection: websockets.ServerConnection) -> None:
        assert connection.request is not None
        self.paths.append(connection.request.path)
        self.headers.append(connection.request.headers)
        try:
            async for message in connection:
                await connection.send(message)
                if message == "go":
                    await connection.close(1012, "restart")
        except websockets.ConnectionClosedError:
            pass
        self.codes.append(connection.close_code)


def run(program: Callable[[str], Awaitable[Any]], **arguments: Any) -> Seen:
    """Run a coroutine function that is given the URL of a server of the real `websockets`."""
    seen = Seen()

    async def main() -> None:
        async with websockets.asyncio.server.serve(seen.echo, "127.0.0.1", 0, **arguments) as server:
            await asyncio.wait_for(program(f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/path?x=1"), 30)

    asyncio.run(main())
    return seen


@pytest.mark.parametrize("connect", [connect_imported_before, SubclassDefinedBefore, legacy_connect])
def test_a_client_that_was_imported_before_speaks_by_ours(connect: Any) -> None:
    patch_websockets()

    async def program(url: str) -> None:
        async with connect(url, ping_interval=30, compression=None) as connection:
            await connection.send("hello")
            assert await connection.recv() == "hello"
            assert "pyws_browser" in type(connection).__module__

    assert run(program).paths == ["/path?x=1"]


def test_the_blocking_client_speaks_by_ours() -> None:
    patch_websockets()

    def block(url: str) -> None:
        with blocking_connect(url) as connection:
            connection.send("hello")
            assert connection.recv(timeout=10) == "hello"
            assert isinstance(connection, websockets.sync.client.ClientConnection)
            assert connection.state is websockets.State.OPEN
            assert connection.ping().wait(0)
        with pytest.raises(websockets.ConnectionClosedOK):
            connection.pong()

    run(lambda url: asyncio.to_thread(block, url))


def test_what_reconnects_and_blocks_connects_again() -> None:
    if not hasattr(websockets.sync.client, "reconnect"):
        pytest.skip("this websockets has none")
    patch_websockets()

    def block(url: str) -> None:
        for number, connection in enumerate(websockets.sync.client.reconnect(url)):
            connection.send("hello")
            assert connection.recv(timeout=10) == "hello"
            if number == 1:
                break

    assert len(run(lambda url: asyncio.to_thread(block, url)).paths) == 2


def test_a_connection_has_what_libraries_ask_of_it() -> None:
    patch_websockets()

    async def program(url: str) -> None:
        connection = await connect_imported_before(url, subprotocols=["chat"])
        assert isinstance(connection, websockets.ClientConnection)
        assert connection.state is websockets.State.OPEN
        assert connection.protocol.state is websockets.State.OPEN
        assert connection.request.path == "/path?x=1"
        assert connection.response.status_code == 101
        assert dict(connection.response.headers.raw_items())["Sec-WebSocket-Protocol"] == "chat"
        assert connection.subprotocol == "chat"
        assert connection.remote_address[0] == "127.0.0.1"
        assert connection.transport.get_extra_info("peername") == connection.remote_address
        assert connection.local_address is None
        assert await (await connection.ping()) == 0.0
        await connection.close(1001)
        assert connection.protocol.close_code == 1000
        assert isinstance(connection.protocol.close_exc, websockets.ConnectionClosedOK)
        with pytest.raises(websockets.ConnectionClosed):
            await connection.ping()

    run(program, subprotocols=["chat"])


def test_a_legacy_connection_has_what_libraries_ask_of_it() -> None:
    patch_websockets()

    async def program(url: str) -> None:
        connection: Any = await legacy_connect(url, extra_headers={}, max_queue=None, read_limit=2**16)
        assert isinstance(connection, websockets.legacy.client.WebSocketClientProtocol)
        assert connection.open
        assert not connection.closed
        assert (connection.path, connection.secure) == ("/path?x=1", False)
        assert "Upgrade" in connection.response_headers
        await connection.ensure_open()
        await connection.close()
        assert connection.closed

    run(program)


@pytest.mark.parametrize(("code", "sent"), [(1000, 1000), (1001, 1000), (1008, 4008), (1011, 4011), (3000, 3000)])
def test_a_close_code_that_a_page_may_not_send_becomes_another(code: int, sent: int) -> None:
    patch_websockets()

    async def program(url: str) -> None:
        connection = await connect_imported_before(url)
        await connection.close(code)

    assert run(program).codes == [sent]


def test_a_subclass_of_the_connection_gets_its_way() -> None:
    patch_websockets()

    async def program(url: str) -> None:
        async with connect_imported_before(url, create_connection=Shouting) as connection:
            await connection.send("hello")
            assert await connection.recv() == "HELLO"

    run(program)


def test_a_loop_over_connect_goes_on_after_the_server_closes() -> None:
    patch_websockets()
    codes: list[Any] = []

    async def program(url: str) -> None:
        async for connection in connect_imported_before(url):
            await connection.send("go" if not codes else "stay")
            assert await connection.recv() in ("go", "stay")
            if codes:
                break
            with pytest.raises(websockets.ConnectionClosedError) as caught:
                await connection.recv()
            codes.append(caught.value.code)

    run(program)
    assert codes == [1012]


@pytest.mark.skipif(
    not hasattr(connect_imported_before, "open_tcp_connection"), reason="this websockets has no such step to override"
)
def test_a_subclass_that_overrides_what_is_never_called_is_named() -> None:
    patch_websockets()
    with pytest.raises(
        UnsupportedInBrowserError, match=r"test_websockets\.Overriding overrides open_tcp_connection\(\)"
    ):
        Overriding("ws://127.0.0.1/")


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"additional_headers": {"Authorization": "secret"}}, "Authorization"),
        ({"additional_headers": Headers({"X-Key": "a", "Cookie": "b", "User-Agent": "c"})}, "X-Key, Cookie"),
        ({"additional_headers": [("X-Key", "secret")]}, "X-Key"),
        ({"origin": "https://a.example"}, "origin"),
        ({"proxy": "http://127.0.0.1:1"}, "proxy"),
        ({"sock": object()}, "sock"),
        ({"host": "127.0.0.2"}, "host"),
        ({"port": 1}, "port"),
        ({"create_connection": lambda *_, **__: None}, "create_connection"),
    ],
)
def test_what_the_server_would_see_is_refused_by_name_and_logged(
    arguments: dict[str, Any], named: str, caplog: pytest.LogCaptureFixture
) -> None:
    patch_websockets()
    with pytest.raises(UnsupportedInBrowserError, match=named):
        connect_imported_before("ws://127.0.0.1/", **arguments)
    (record,) = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert named in record.getMessage()
    assert "secret" not in caplog.text


def test_a_unix_socket_is_refused() -> None:
    patch_websockets()
    for module in (websockets.asyncio.client, websockets.legacy.client, websockets.sync.client):
        with pytest.raises(UnsupportedInBrowserError, match=r"unix_connect\(\)"):
            module.unix_connect("/tmp/socket")


@pytest.mark.parametrize(
    "arguments",
    [
        {"additional_headers": {}},
        {"additional_headers": []},
        {"additional_headers": {"User-Agent": "a", "Ably-Agent": "b", "X-Ably-Version": "1", "X-Request-ID": "2"}},
        {"additional_headers": {"Sec-WebSocket-Version": "13", "Upgrade": "websocket"}},
        {"proxy": None, "ssl": None, "origin": None, "logger": None, "subprotocols": []},
        {"compression": None, "extensions": [], "user_agent_header": None, "server_hostname": None},
        {"ping_interval": 5, "ping_timeout": None, "open_timeout": None, "close_timeout": None, "max_size": None},
        {"max_queue": None, "write_limit": 2**20, "family": 0, "happy_eyeballs_delay": 0.1},
    ],
)
def test_what_asks_for_nothing_or_changes_no_message_is_taken(arguments: dict[str, Any]) -> None:
    patch_websockets()

    async def program(url: str) -> None:
        async with connect_imported_before(url, **arguments) as connection:
            await connection.send("hello")
            assert await connection.recv() == "hello"

    assert "Ably-Agent" not in run(program).headers[0]


def test_what_is_left_out_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "pyws_browser.client")
    patch_websockets()
    for _ in range(2):
        connect_imported_before("ws://127.0.0.1/", ping_interval=5, additional_headers={"User-Agent": "a"})
    assert [record.getMessage().partition(" is left out")[0] for record in caplog.records] == [
        "the header User-Agent",
        "ping_interval=5",
    ]


def test_ssl_belongs_to_wss() -> None:
    patch_websockets()
    connect_imported_before("wss://127.0.0.1/", ssl=object())
    with pytest.raises(ValueError, match="ssl argument is incompatible with a ws:// URI"):
        connect_imported_before("ws://127.0.0.1/", ssl=object())


class TestCarry:
    def test_it_puts_headers_into_the_url_and_is_asked_for_every_attempt(self) -> None:
        asked: list[Any] = []

        async def carry(uri: str, headers: Any, subprotocols: Any) -> tuple[str, Any]:
            asked.append((headers["AUTHORIZATION"], subprotocols))
            return f"{uri}&attempt={len(asked)}", subprotocols

        patch_websockets(carry=carry)

        async def program(url: str) -> None:
            headers = {"Authorization": "key", "User-Agent": "a"}
            async for connection in connect_imported_before(url, additional_headers=headers):
                await connection.send("go")
                await connection.recv()
                if len(asked) == 2:
                    break
                with pytest.raises(websockets.ConnectionClosed):
                    await connection.recv()

        assert run(program).paths == ["/path?x=1&attempt=1", "/path?x=1&attempt=2"]
        assert asked == [("key", None), ("key", None)]

    def test_a_subprotocol_that_it_adds_is_not_told_to_the_library(self) -> None:
        patch_websockets(carry=lambda uri, headers, _: (uri, ["realtime", f"key.{headers['authorization'][7:]}"]))

        async def program(url: str) -> None:
            async with connect_imported_before(url, additional_headers={"Authorization": "Bearer k"}) as connection:
                assert connection.subprotocol is None

        seen = run(program, subprotocols=["realtime"])
        assert seen.headers[0]["Sec-WebSocket-Protocol"] == "realtime, key.k"

    def test_the_blocking_client_asks_it_as_well(self) -> None:
        patch_websockets(carry=lambda uri, headers, subprotocols: (f"{uri}&key={headers['x-key']}", subprotocols))

        def block(url: str) -> None:
            blocking_connect(url, additional_headers={"X-Key": "k"}).close()

        assert run(lambda url: asyncio.to_thread(block, url)).paths == ["/path?x=1&key=k"]

    def test_a_coroutine_function_cannot_be_awaited_by_the_blocking_client(self) -> None:
        async def carry(uri: str, _: Any, subprotocols: Any) -> tuple[str, Any]:
            return uri, subprotocols

        patch_websockets(carry=carry)
        with pytest.raises(InvalidOptionError, match="coroutine function"):
            blocking_connect("ws://127.0.0.1/", additional_headers={"X-Key": "k"})

    @pytest.mark.parametrize("result", [None, "ws://127.0.0.1/", ("ws://127.0.0.1/", "chat")])
    def test_what_it_returns_is_checked(self, result: Any) -> None:
        patch_websockets(carry=lambda *_: result)
        with pytest.raises(InvalidOptionError, match="carry returns"):
            blocking_connect("ws://127.0.0.1/", additional_headers={"X-Key": "k"})

    def test_headers_that_drop_names_are_left_out(self) -> None:
        patch_websockets(drop=["x-key"])
        connect_imported_before("ws://127.0.0.1/", additional_headers={"X-Key": "k"})

    @pytest.mark.parametrize("arguments", [{"carry": "x"}, {"drop": "X-Key"}, {"drop": [1]}])
    def test_wrong_arguments_are_refused(self, arguments: dict[str, Any]) -> None:
        with pytest.raises(InvalidOptionError):
            patch_websockets(**arguments)


class TestUndoing:
    def test_all_is_as_it_was(self) -> None:
        patch_websockets()
        patch_websockets()
        unpatch_websockets()

        async def program(url: str) -> None:
            async with SubclassDefinedBefore(url, additional_headers={"X-Key": "k"}) as connection:
                assert type(connection) is websockets.ClientConnection

        assert run(program).headers[0]["X-Key"] == "k"
        assert blocking_connect.__code__ is CODE_BEFORE
        assert not hasattr(blocking_connect, "__signature__")
        assert not any("pyws_browser" in type(finder).__module__ for finder in sys.meta_path)
        assert "pyws_browser" not in asyncio.BaseEventLoop.create_connection.__module__

    def test_it_can_be_patched_again(self) -> None:
        for _ in range(2):
            patch_websockets()
            with pytest.raises(UnsupportedInBrowserError):
                connect_imported_before("ws://127.0.0.1/", additional_headers={"X-Key": "k"})
            unpatch_websockets()

    def test_on_the_desktop_nothing_happens(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("PYWS_WEB_LIMITS")
        patch_websockets()
        connect_imported_before("ws://127.0.0.1/", additional_headers={"X-Key": "k"})


def test_the_signatures_stay_those_of_the_library() -> None:
    patch_websockets()
    assert inspect.signature(connect_imported_before) == SIGNATURE_BEFORE
    assert "additional_headers" in inspect.signature(blocking_connect).parameters


def test_a_module_that_gave_websockets_up_is_named(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    module = type(sys)("library_without_websockets")
    module.websockets = None  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "library_without_websockets", module)
    patch_websockets()
    assert "library_without_websockets was imported before websockets was installed" in caplog.text


PROGRAM = """
import asyncio, sys, warnings
warnings.simplefilter("ignore", DeprecationWarning)
import pyws_browser

if sys.argv[1] == "patched first":
    pyws_browser.patch_websockets()
from websockets.sync.client import connect as blocking
from websockets.legacy.client import connect as legacy
from websockets import connect
if sys.argv[1] == "imported first":
    pyws_browser.patch_websockets()
refused = 0
for client in (connect, blocking, legacy):
    try:
        client("ws://127.0.0.1/", **{"extra_headers" if client is legacy else "additional_headers": {"X-Key": "k"}})
    except pyws_browser.UnsupportedInBrowserError:
        refused += 1
print(refused)
"""


@pytest.mark.parametrize("order", ["patched first", "imported first"])
def test_the_order_of_imports_does_not_matter(order: str) -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM, order], capture_output=True, text=True, check=True)
    assert done.stdout == "3\n"
