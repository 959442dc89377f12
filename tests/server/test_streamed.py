"""An answer that is sent block by block, by the polled server and by that of asyncio, in clear text and over TLS."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.client import HTTPConnection, HTTPSConnection, IncompleteRead
from threading import Event, Thread
from typing import Any

import pytest
import trustme

from pyws_browser import InvalidOptionError, Response, WebSocketServer
from pyws_browser.aio import serve
from pyws_browser.sync import connect
from pyws_browser.transport.native import server_opening

from ..support import LIMIT, client_context, server_context

BLOCK = bytes(64 * 1024)
AUTHORITY = trustme.CA()
HANDSHAKE_TIMEOUT = 0.3


class Content:
    """Blocks that are counted when they are fetched."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.fetched = 0
        self.has_begun = Event()
        self.is_closed = Event()

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        if self.fetched == self.count:
            raise StopIteration
        self.fetched += 1
        self.has_begun.set()
        return BLOCK

    def close(self) -> None:
        self.is_closed.set()


@contextmanager
def polled(answer: Callable[[str], Response | None], tls: Any) -> Iterator[int]:
    is_over = Event()
    server = WebSocketServer()
    server.bind_ip = "127.0.0.1"
    server.tls = tls
    server.handshake_timeout = HANDSHAKE_TIMEOUT
    server.process_request = lambda request: answer(request.path)
    server.data_received.connect(lambda id_: server.get_peer(id_).send(server.get_peer(id_).receive()))
    is_listening = Event()

    def run() -> None:
        server.listen(0)
        is_listening.set()
        while not is_over.is_set():
            server.wait(0.05)
            server.poll()
        server.stop()

    thread = Thread(target=run)
    thread.start()
    is_listening.wait(LIMIT)
    try:
        yield server.port
    finally:
        is_over.set()
        thread.join(LIMIT)


@contextmanager
def awaited(answer: Callable[[str], Response | None], tls: Any) -> Iterator[int]:
    loop = asyncio.new_event_loop()
    is_listening, ports = Event(), []

    async def echo(connection: Any) -> None:
        async for message in connection:
            await connection.send(message)

    async def run() -> None:
        nonlocal over
        over = asyncio.Event()
        async with serve(
            echo,
            "127.0.0.1",
            0,
            ssl=tls,
            open_timeout=HANDSHAKE_TIMEOUT,
            process_request=lambda _, request: answer(request.path),
        ) as server:
            ports.append(server.sockets[0].getsockname()[1])
            is_listening.set()
            await over.wait()

    over: asyncio.Event
    thread = Thread(target=lambda: loop.run_until_complete(run()))
    thread.start()
    is_listening.wait(LIMIT)
    try:
        yield ports[0]
    finally:
        loop.call_soon_threadsafe(over.set)
        thread.join(LIMIT)
        loop.close()


Server = Callable[[Callable[[str], "Response | None"]], Any]


@pytest.fixture(params=["polled", "polled, TLS", "aio", "aio, TLS"])
def given(request: pytest.FixtureRequest) -> tuple[Server, bool]:
    """What runs a server, and whether that speaks TLS."""
    is_tls = request.param.endswith("TLS")
    run = polled if request.param.startswith("polled") else awaited
    tls = server_context(AUTHORITY, "localhost") if is_tls else None
    return lambda answer: run(answer, tls), is_tls


def client(port: int, is_tls: bool) -> HTTPConnection:
    if not is_tls:
        return HTTPConnection("localhost", port, timeout=LIMIT)
    return HTTPSConnection("localhost", port, timeout=LIMIT, context=client_context(AUTHORITY))


def streaming(content: Content) -> Callable[[str], Response | None]:
    def answer(path: str) -> Response | None:
        if path == "/ws":
            return None
        length = str(len(BLOCK) * content.count)
        return Response(200, headers={"Content-Length": length, "Content-Type": "text/x"}, content=content)

    return answer


def test_all_blocks_go_out(given: tuple[Server, bool]) -> None:
    run, is_tls = given
    content = Content(50)
    with run(streaming(content)) as port:
        connection = client(port, is_tls)
        connection.request("GET", "/")
        response = connection.getresponse()
        assert response.status == 200
        assert response.getheader("Content-Type") == "text/x"
        assert response.getheader("Connection") == "close"
        assert response.read() == BLOCK * 50
        assert content.is_closed.wait(LIMIT)
        connection.close()


def test_a_slow_download_is_not_cut_by_the_time_limit_of_the_handshake(given: tuple[Server, bool]) -> None:
    run, is_tls = given
    content = Content(200)
    pause = Event()
    with run(streaming(content)) as port:
        connection = client(port, is_tls)
        connection.request("GET", "/")
        response = connection.getresponse()
        for _ in range(10):
            assert len(response.read(10 * len(BLOCK))) == 10 * len(BLOCK)
            pause.wait(HANDSHAKE_TIMEOUT / 4)
        assert len(response.read()) == 100 * len(BLOCK)
        connection.close()


def test_no_block_is_fetched_before_the_client_takes_in_the_ones_before(given: tuple[Server, bool]) -> None:
    run, is_tls = given
    content = Content(1000)
    with run(streaming(content)) as port:
        connection = client(port, is_tls)
        connection.request("GET", "/")
        assert content.has_begun.wait(LIMIT)
        with connect(f"{'wss' if is_tls else 'ws'}://localhost:{port}/ws", **_tls(is_tls)) as bystander:
            for _ in range(20):
                bystander.send("x")
                assert bystander.recv(LIMIT) == "x"
        assert content.fetched < 200  # which is what both kernels hold
        assert connection.sock is not None
        connection.close()
        assert content.is_closed.wait(LIMIT)


def test_an_endless_download_takes_nothing_from_a_bystander(given: tuple[Server, bool]) -> None:
    run, is_tls = given
    content = Content(10**9)
    is_over = Event()

    def download() -> None:
        connection = client(port, is_tls)
        connection.request("GET", "/")
        response = connection.getresponse()
        while not is_over.is_set():
            response.read(len(BLOCK))
        connection.close()

    with run(streaming(content)) as port:
        thread = Thread(target=download)
        thread.start()
        assert content.has_begun.wait(LIMIT)
        with connect(f"{'wss' if is_tls else 'ws'}://localhost:{port}/ws", **_tls(is_tls)) as bystander:
            for _ in range(20):
                bystander.send("x")
                assert bystander.recv(LIMIT) == "x"
        is_over.set()
        thread.join(LIMIT)
        assert content.is_closed.wait(LIMIT)


def test_a_client_that_takes_in_nothing_is_cut_off(given: tuple[Server, bool], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_opening, "CONTENT_TIMEOUT", 0.2)
    run, is_tls = given
    content = Content(1000)
    with run(streaming(content)) as port:
        connection = client(port, is_tls)
        connection.request("GET", "/")
        assert content.is_closed.wait(LIMIT)
        assert content.fetched < 1000
        connection.close()


@pytest.mark.parametrize("wrong", [OSError(5, "Input/output error"), "text"])
def test_content_that_fails_ends_its_connection_alone(
    given: tuple[Server, bool], wrong: Exception | str, caplog: pytest.LogCaptureFixture
) -> None:
    class Failing(Content):
        def __next__(self) -> bytes:
            if self.fetched < 3:
                return super().__next__()
            if isinstance(wrong, Exception):
                raise wrong
            return wrong  # type: ignore[return-value]

    run, is_tls = given
    content = Failing(5)
    with (
        run(streaming(content)) as port,
        connect(f"{'wss' if is_tls else 'ws'}://localhost:{port}/ws", **_tls(is_tls)) as bystander,
    ):
        connection = client(port, is_tls)
        connection.request("GET", "/")
        with pytest.raises((IncompleteRead, ConnectionError)):
            connection.getresponse().read()
        connection.close()
        assert content.is_closed.wait(LIMIT)
        bystander.send("x")
        assert bystander.recv(LIMIT) == "x"
    assert "the content of an answer failed" in caplog.text


def test_content_is_iterable() -> None:
    with pytest.raises(InvalidOptionError, match="content is an iterable of bytes, not 5"):
        Response(200, content=5)  # type: ignore[arg-type]


def test_head_brings_no_block(given: tuple[Server, bool]) -> None:
    run, is_tls = given
    content = Content(5)
    with run(streaming(content)) as port:
        connection = client(port, is_tls)
        connection.request("HEAD", "/")
        response = connection.getresponse()
        assert response.getheader("Content-Length") == str(5 * len(BLOCK))
        assert response.read() == b""
        assert content.is_closed.wait(LIMIT)
        assert content.fetched == 0
        connection.close()


def test_a_server_that_stops_waits_for_no_download(given: tuple[Server, bool]) -> None:
    run, is_tls = given
    content = Content(1000)
    with run(streaming(content)) as port:
        connection = client(port, is_tls)
        connection.request("GET", "/")
        assert content.has_begun.wait(LIMIT)
    assert content.is_closed.is_set()
    connection.close()


def test_content_for_a_client_that_has_left_is_closed() -> None:
    async def run() -> None:
        content = Content(5)
        has_left, was_asked = asyncio.Event(), asyncio.Event()

        async def answer(*_: object) -> Response:
            was_asked.set()
            with suppress(asyncio.CancelledError):  # and it answers nevertheless
                await has_left.wait()
            return Response(200, content=content)

        async def unused(_: object) -> None:
            raise AssertionError("no connection is opened")

        async with serve(unused, "127.0.0.1", 0, process_request=answer) as server:
            sock = socket.create_connection(server.sockets[0].getsockname())
            sock.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
            await was_asked.wait()
            (connection,) = server._opening
            sock.close()
            await connection.wait_closed()
            has_left.set()
            assert await asyncio.to_thread(content.is_closed.wait, LIMIT)
            assert content.fetched == 0

    asyncio.run(run())


def test_content_that_comes_after_the_time_limit_is_closed() -> None:
    async def run() -> None:
        content = Content(5)
        was_answered = asyncio.Event()

        async def answer(*_: object) -> Response:
            with suppress(asyncio.CancelledError):  # and it answers nevertheless
                await was_answered.wait()
            return Response(200, content=content)

        async def unused(_: object) -> None:
            raise AssertionError("no connection is opened")

        async with serve(unused, "127.0.0.1", 0, process_request=answer, open_timeout=0.05) as server:
            port = server.sockets[0].getsockname()[1]
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert (await reader.readline()).startswith(b"HTTP/1.1 503")
            was_answered.set()
            assert await asyncio.to_thread(content.is_closed.wait, LIMIT)
            writer.close()
            await writer.wait_closed()

    asyncio.run(run())


def _tls(is_tls: bool) -> dict[str, Any]:
    return {"ssl": client_context(AUTHORITY)} if is_tls else {}
