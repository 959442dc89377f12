"""Blocking code: connect(), recv() and the rest wait without an event loop of the caller's."""

from __future__ import annotations

import asyncio
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import trustme

from pyws_browser import InvalidMessageTypeError, InvalidTextError
from pyws_browser.aio import Close, ConnectionClosedError, ConnectionClosedOK, State, serve
from pyws_browser.aio import connect as aio_connect
from pyws_browser.compat.exceptions import InvalidProxy, InvalidStatus, InvalidURI
from pyws_browser.sync import connect

from ..support import client_context, server_context
from .parties import echo, url_of


@contextmanager
def in_thread(handler: Any = echo, **arguments: Any) -> Iterator[str]:
    """Run a server in a thread of its own, and give its URL."""
    ready: list[str] = []
    is_ready = threading.Event()
    loop = asyncio.new_event_loop()
    stop: asyncio.Event = asyncio.Event()

    async def run() -> None:
        async with serve(handler, "127.0.0.1", 0, **arguments) as server:
            ready.append(url_of(server))
            is_ready.set()
            await stop.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(run(),))
    thread.start()
    try:
        assert is_ready.wait(20)
        yield ready[0]
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(20)
        loop.close()


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    async def handler(connection: Any) -> None:
        what, _, argument = connection.request.path[1:].partition("/")
        if what == "close":
            await connection.send("last words")
            await connection.close(int(argument), "bye")
        elif what == "flood":
            for number in range(int(argument)):
                await connection.send(bytes(number % 2000))
        else:
            await echo(connection)

    def no(connection: Any, request: Any) -> Any:
        return connection.respond(403, "no") if request.path == "/no" else None

    with in_thread(handler, process_request=no) as url:
        yield url


@pytest.mark.parametrize("message", ["text", "", "grün", b"bytes", b"", "x" * 300_000, bytes(900_000)])
def test_a_message_comes_back(url: str, message: Any) -> None:
    with connect(url) as connection:
        connection.send(message)
        assert connection.recv() == message
    assert (connection.close_code, connection.close_reason, connection.state) == (1000, "", State.CLOSED)


@pytest.mark.parametrize(
    ("message", "text", "received"),
    [
        ("a", False, b"a"),
        (b"a", True, "a"),
        (bytearray(b"a"), None, b"a"),
        (["a", "b"], None, "ab"),
        ([b"a"], None, b"a"),
    ],
)
def test_what_is_sent_as_what(url: str, message: Any, text: bool | None, received: Any) -> None:
    with connect(url) as connection:
        connection.send(message, text=text)
        assert connection.recv() == received


def test_decode_overrides_what_recv_gives(url: str) -> None:
    with connect(url) as connection:
        for message in ("a", b"a", b"\xff"):
            connection.send(message)
        assert connection.recv(decode=False) == b"a"
        assert connection.recv(decode=True) == "a"
        with pytest.raises(ConnectionClosedError) as caught:  # as `websockets`
            connection.recv(decode=True)
    assert caught.value.sent == Close(1007)
    assert isinstance(caught.value.__cause__, InvalidTextError)


@pytest.mark.parametrize("message", [1, {"a": 1}, [1]])
def test_what_is_no_message_is_a_type_error(url: str, message: Any) -> None:
    with connect(url) as connection:
        with pytest.raises(InvalidMessageTypeError):
            connection.send(message)
        connection.send([])
        connection.send("still open")
        assert connection.recv() == "still open"


@pytest.mark.parametrize("fragments", [["a", b"b"], ["a", ["b"], "c"]])
def test_a_message_that_stops_in_its_middle_closes_with_1011(url: str, fragments: Any) -> None:
    with connect(url) as connection:
        with pytest.raises(InvalidMessageTypeError):
            connection.send(fragments)
        with pytest.raises(ConnectionClosedError) as caught:
            connection.recv()
    assert caught.value.sent == Close(1011, "error in fragmented message")


@pytest.mark.parametrize(
    ("uri", "arguments", "problem"),
    [
        ("ws://127.0.0.1:9001/", {"ssl": ssl.create_default_context()}, "incompatible with a ws:// URI"),
        ("ws://127.0.0.1:9001/", {"ssl": True}, "incompatible with a ws:// URI"),
        ("ws://127.0.0.1:9001/", {"server_hostname": "game.example"}, "server_hostname belongs to wss"),
        ("wss://127.0.0.1:9001/", {"ssl": "context"}, "ssl is an SSLContext"),
        ("wss://127.0.0.1:9001/", {"server_hostname": "a\r\nb"}, "server_hostname cannot be used"),
        ("wss://127.0.0.1:9001/", {"server_hostname": 5}, "server_hostname cannot be used"),
        ("ws://127.0.0.1:9001/", {"origin": "a\r\nX: 1"}, "is not a header"),
        ("ws://127.0.0.1:9001/", {"user_agent_header": "a\nb"}, "is not a header"),
        ("ws://127.0.0.1:9001/", {"additional_headers": {"X": "a\x00"}}, "is not a header"),
        ("ws://127.0.0.1:9001/", {"subprotocols": ["a, b"]}, "is not a subprotocol"),
        ("ws://127.0.0.1:9001/", {"max_size": -1}, "max_size"),
    ],
)
@pytest.mark.parametrize("library", ["sync", "aio"])
def test_an_argument_that_cannot_be_used_sends_nothing(
    uri: str, arguments: dict[str, Any], problem: str, library: str
) -> None:
    def unreached(url: str, options: Any) -> Any:
        raise AssertionError("it began to connect")

    function: Any = connect if library == "sync" else aio_connect
    with pytest.raises(ValueError, match=problem):
        function(uri, connector=unreached, **arguments)


def test_a_proxy_of_the_environment_that_is_none_is_an_invalid_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "socks4://user:secret@proxy.example")
    with pytest.raises(InvalidProxy) as caught:
        connect("ws://game.example/")
    assert "secret" not in str(caught.value)


def test_recv_may_time_out_and_loses_nothing(url: str) -> None:
    with connect(url) as connection:
        with pytest.raises(TimeoutError, match="timed out"):
            connection.recv(timeout=0.02)
        connection.send("x")
        assert connection.recv(timeout=20) == "x"


def test_iterating_over_a_flood(url: str) -> None:
    with connect(url + "flood/5000", max_size=None) as connection:
        assert [len(message) for message in connection] == [number % 2000 for number in range(5000)]


@pytest.mark.parametrize(("code", "kind"), [(1001, ConnectionClosedOK), (1011, ConnectionClosedError)])
def test_how_it_ended(url: str, code: int, kind: type[Exception]) -> None:
    connection = connect(f"{url}close/{code}")
    assert connection.recv() == "last words"
    uses: tuple[Callable[[], object], ...] = (connection.recv, lambda: connection.send("x"))
    for use in uses:
        with pytest.raises(kind) as caught:
            use()
        assert caught.value.rcvd == Close(code, "bye")  # type: ignore[attr-defined]
    connection.close()


def test_an_error_in_the_block_closes_with_1011(url: str) -> None:
    with pytest.raises(LookupError), connect(url) as connection:
        raise LookupError
    assert connection.close_code == 1011


def test_a_message_over_max_size(url: str) -> None:
    with connect(url, max_size=100) as connection:
        connection.send(bytes(101))
        with pytest.raises(ConnectionClosedError) as caught:
            connection.recv()
        assert caught.value.sent is not None
        assert caught.value.sent.code == 1009


def test_no_connection(url: str, unused_url: str) -> None:
    with pytest.raises(ConnectionRefusedError):
        connect(unused_url)
    with pytest.raises(InvalidStatus) as caught:
        connect(url + "no")
    assert caught.value.status == 403
    with pytest.raises(InvalidURI):
        connect("ftp://x")


def test_send_waits_for_a_slow_reader() -> None:
    async def handler(connection: Any) -> None:
        await asyncio.sleep(0.2)
        total = 0
        async for message in connection:
            total += len(message)
            if not message:
                await connection.send(str(total))

    with in_thread(handler) as url, connect(url, compression=None) as connection:
        for _ in range(300):
            connection.send(bytes(100_000))
        connection.send(b"")
        assert connection.recv(timeout=20) == "30000000"


def test_over_tls() -> None:
    authority = trustme.CA()
    with in_thread(ssl=server_context(authority, "127.0.0.1"), max_size=None) as url:
        connection = connect(url.replace("ws:", "wss:"), ssl=client_context(authority), max_size=None)
        connection.send(bytes(5 << 20))
        assert len(connection.recv(timeout=20)) == 5 << 20
        connection.close()


async def test_it_waits_inside_a_running_loop_too(url: str) -> None:
    with connect(url) as connection:
        connection.send("x")
        assert connection.recv() == "x"
