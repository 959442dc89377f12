"""Connections in memory under asyncio, dialling, and which pump is taken."""

from __future__ import annotations

import asyncio
import socket
import sys
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from pyws_browser import MemoryNetwork, UnsupportedInBrowserError
from pyws_browser.aio import Close, ConnectionClosedError, connect, unix_connect, unix_serve
from pyws_browser.aio.pump import CompletionPump, EventPump, ReaderPump, has_add_reader
from pyws_browser.compat.exceptions import NameNotFoundError, OpeningTimeoutError, ProxyError

from .loops import CompletionLoop
from .parties import echo, pair, served

URL = "ws://game.test/"


async def in_memory(**arguments: Any) -> tuple[Any, Any]:
    """Return a connection of ours and the server's peer, both in memory."""
    network = MemoryNetwork()
    listener = network.listen(URL)
    connecting = asyncio.ensure_future(connect(URL, connector=network.connect, **arguments)._connect())
    while (server := listener.accept()) is None:
        await asyncio.sleep(0)
    return await connecting, server


async def test_a_connection_in_memory_needs_no_socket() -> None:
    connection, server = await in_memory()
    await connection.send("to the server")
    server.poll()
    assert server.receive() == "to the server"
    receiving = asyncio.create_task(connection.recv())
    await asyncio.sleep(0)
    server.send("to the client")
    assert await receiving == "to the client"
    assert isinstance(connection._pump, EventPump)
    server.close(1011, "enough")
    with pytest.raises(ConnectionClosedError):
        await connection.recv()
    assert connection.close_code == 1011


async def test_in_memory_too_a_full_queue_is_taken_up_again() -> None:
    connection, server = await in_memory(max_queue=2)
    for number in range(20):
        server.send(str(number))
    assert [await connection.recv() for _ in range(20)] == [str(number) for number in range(20)]
    server.close()
    await connection.close()


async def test_in_memory_too_nobody_who_answers_is_a_timeout() -> None:
    network = MemoryNetwork()
    network.listen(URL)
    with pytest.raises(OpeningTimeoutError):
        await connect(URL, connector=network.connect, open_timeout=0.02)


async def test_in_memory_too_a_close_that_nobody_answers_is_a_timeout() -> None:
    connection, _ = await in_memory(close_timeout=0.02)
    await connection.close()
    assert connection.close_code == 1006


async def test_the_pump_suits_the_loop() -> None:
    loop = asyncio.get_running_loop()
    assert has_add_reader(loop) is not isinstance(loop, CompletionLoop)
    async with pair() as connection:
        assert type(connection._pump) is (CompletionPump if isinstance(loop, CompletionLoop) else ReaderPump)


async def test_a_name_is_looked_up_and_every_address_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    def getaddrinfo(host: str, port: int, *arguments: Any, **named: Any) -> list[Any]:
        addresses = ["127.0.0.2", "127.0.0.3", "127.0.0.1"]  # nobody listens at the first two
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in addresses]

    async with served() as url:
        monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
        async with connect(url.replace("127.0.0.1", "game.test")) as connection:
            await connection.send("x")
            assert await connection.recv() == "x"
            assert connection.remote_address[0] == "127.0.0.1"


async def test_a_name_without_an_address_is_an_os_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def getaddrinfo(*_: Any, **__: Any) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    with pytest.raises(NameNotFoundError) as caught:
        await connect("ws://game.test/")
    assert isinstance(caught.value, OSError)
    assert isinstance(caught.value.__cause__, socket.gaierror)


async def test_a_unix_socket(tmp_path: Path) -> None:
    path = str(tmp_path / "socket")
    async with unix_serve(echo, path) as server, unix_connect(path) as connection:
        await connection.send("x")
        assert await connection.recv() == "x"
        assert connection.remote_address == (path, 0)
        assert server.is_serving()


async def test_a_unix_socket_that_was_left_behind_is_replaced_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "socket"
    left = socket.socket(socket.AF_UNIX)
    left.bind(str(path))
    left.close()
    server = unix_serve(echo, path)
    assert path.is_socket()
    async with server, unix_connect(path) as connection:
        await connection.send("x")
        assert await connection.recv() == "x"
    file = tmp_path / "file"
    unix_serve(echo, file)
    assert not file.exists()
    file.write_text("precious")
    with pytest.raises(OSError, match="in use"):
        await unix_serve(echo, file)
    assert file.read_text() == "precious"


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has them")
async def test_a_unix_socket_without_a_file() -> None:
    path = f"\0pyws_browser {uuid4()}"
    async with unix_serve(echo, path), unix_connect(path) as connection:
        await connection.send("x")
        assert await connection.recv() == "x"


async def test_a_socket_that_is_connected_already() -> None:
    async with served() as url:
        host, _, port = url.removeprefix("ws://").strip("/").partition(":")
        sock = socket.create_connection((host, int(port)))
        async with connect("ws://game.test/", sock=sock) as connection:
            await connection.send("x")
            assert await connection.recv() == "x"


async def test_a_proxy() -> None:
    seen: list[bytes] = []

    async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            writer.write(data)
        writer.close()

    async def proxy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        seen.append(head.split(b"\r\n")[0])
        host, _, port = head.split()[1].decode().rpartition(":")
        if host == "refused.test":
            writer.write(b"HTTP/1.1 403 Forbidden\r\n\r\n")
        else:
            onward = await asyncio.open_connection("127.0.0.1", int(port))
            writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
            await asyncio.gather(relay(reader, onward[1]), relay(onward[0], writer))
        writer.close()

    async with served() as url, await asyncio.start_server(proxy, "127.0.0.1", 0) as listening:
        way = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
        target = url.replace("127.0.0.1", "game.test")
        async with connect(target, proxy=way) as connection:
            await connection.send("x")
            assert await connection.recv() == "x"
        with pytest.raises(ProxyError) as caught:
            await connect("ws://refused.test:8000/", proxy=way)
    assert not isinstance(caught.value, OSError)  # which would be tried again
    assert seen == [f"CONNECT {target[5:-1]} HTTP/1.1".encode(), b"CONNECT refused.test:8000 HTTP/1.1"]


async def test_a_server_that_never_answers_is_a_timeout() -> None:
    over = asyncio.Event()

    async def never(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()
        await writer.wait_closed()
        over.set()

    async with await asyncio.start_server(never, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(TimeoutError, match="timed out during opening handshake"):
            await connect(f"ws://127.0.0.1:{port}/", open_timeout=0.05)
        await over.wait()


async def test_who_does_not_wait_for_the_handshake_has_no_open_timeout() -> None:
    with socket.create_server(("127.0.0.1", 0)) as deaf, pytest.raises(TimeoutError, match="opening handshake"):
        await connect(f"ws://127.0.0.1:{deaf.getsockname()[1]}/", open_timeout=0)


async def test_held_to_a_pages_limits_it_refuses_what_a_page_would(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYWS_WEB_LIMITS", "1")
    with pytest.raises(UnsupportedInBrowserError):
        connect("ws://127.0.0.1/", additional_headers={"X": "y"})

    async def handler(connection: Any) -> None:
        await connection.send("x" * 100)
        await connection.send("small")
        await connection.wait_closed()

    async with served(handler) as url, connect(url, max_size=50) as connection:
        with pytest.raises(UnsupportedInBrowserError):
            await connection.ping()
        with pytest.raises(UnsupportedInBrowserError):
            await connection.close(1001)
        with pytest.raises(ConnectionClosedError) as caught:
            await connection.recv()
        assert caught.value.sent == Close(4009)
