"""The arguments of asyncio's create_server(), and those of socket.create_server(): each has its meaning there."""

from __future__ import annotations

import asyncio
import os
import select
import socket
import ssl
from pathlib import Path
from typing import Any

import pytest
import trustme

from pyws_browser import InvalidOptionError, State, WebSocketPeer, sync
from pyws_browser.aio import connect, serve, unix_connect, unix_serve
from pyws_browser.transport.native import transport

from ..support import client_context, server_context
from .parties import echo, url_of


def option(sock: socket.socket, name: str) -> int:
    return sock.getsockopt(socket.SOL_SOCKET, getattr(socket, name))


@pytest.mark.parametrize(
    ("argument", "value", "name", "expected"),
    [
        ("reuse_address", None, "SO_REUSEADDR", os.name == "posix"),
        ("reuse_address", True, "SO_REUSEADDR", True),
        ("reuse_address", False, "SO_REUSEADDR", False),
        ("reuse_port", None, "SO_REUSEPORT", False),
        ("reuse_port", True, "SO_REUSEPORT", True),
        ("keep_alive", None, "SO_KEEPALIVE", False),
        ("keep_alive", True, "SO_KEEPALIVE", True),
    ],
)
async def test_an_option_of_the_sockets(argument: str, value: bool | None, name: str, expected: bool) -> None:
    async with serve(echo, "127.0.0.1", 0, **{argument: value}) as server:
        assert bool(option(server.sockets[0], name)) is expected


async def test_keep_alive_is_that_of_each_connection() -> None:
    async with serve(echo, "127.0.0.1", 0, keep_alive=True) as server, connect(url_of(server)):
        (connection,) = server.connections
        assert option(connection.transport.get_extra_info("socket"), "SO_KEEPALIVE")


async def test_two_servers_share_a_port_if_both_say_so() -> None:
    async with serve(echo, "127.0.0.1", 0, reuse_port=True) as server:
        port = server.sockets[0].getsockname()[1]
        async with serve(echo, "127.0.0.1", port, reuse_port=True) as other:
            assert other.sockets[0].getsockname()[1] == port
        with pytest.raises(OSError, match="in use"):
            await serve(echo, "127.0.0.1", port)


async def test_only_addresses_of_the_family_are_listened_at() -> None:
    async with serve(echo, "localhost", 0, family=socket.AF_INET) as server:
        assert {sock.family for sock in server.sockets} == {socket.AF_INET}
    with pytest.raises(socket.gaierror):
        await serve(echo, "127.0.0.1", 0, family=socket.AF_INET6)


async def test_flags_are_those_of_the_look_up() -> None:
    with pytest.raises(socket.gaierror):
        await serve(echo, "localhost", 0, flags=socket.AI_NUMERICHOST)
    # Without AI_PASSIVE no host is this machine alone, and not every address of it.
    async with serve(echo, None, 0, family=socket.AF_INET, flags=0) as server:
        assert server.sockets[0].getsockname()[0] == "127.0.0.1"


@pytest.mark.skipif(not os.path.exists("/proc/net/tcp"), reason="the kernel shows a backlog on Linux only")
async def test_no_more_clients_wait_than_the_backlog_says() -> None:
    server = await serve(echo, "127.0.0.1", 0, backlog=1, start_serving=False)
    listening = server.sockets[0]
    listening.listen(1)
    with socket.socket() as first, socket.socket() as second, socket.socket() as third:
        for sock in (first, second, third):
            sock.setblocking(False)
            sock.connect_ex(listening.getsockname())
        assert select.select([], [first], [], 5)[1]
        assert select.select([], [second], [], 5)[1]
        assert not select.select([], [third], [], 0)[1]
    server.close()
    await server.wait_closed()


async def test_nobody_gets_in_before_it_starts_to_serve() -> None:
    server = await serve(echo, "127.0.0.1", 0, start_serving=False)
    assert not server.is_serving()
    with pytest.raises(ConnectionRefusedError):
        await connect(url_of(server))
    await server.start_serving()
    async with connect(url_of(server)) as connection:
        await connection.send("x")
        assert await connection.recv() == "x"
    server.close()
    await server.wait_closed()


async def test_a_server_that_never_started_closes() -> None:
    server = await serve(echo, "127.0.0.1", 0, start_serving=False)
    server.close()
    await server.wait_closed()
    assert server.sockets == ()


async def test_a_port_that_is_taken_before_it_listens_is_an_os_error() -> None:
    server = await serve(echo, "127.0.0.1", 0, start_serving=False)
    async with serve(echo, "127.0.0.1", server.sockets[0].getsockname()[1]):
        with pytest.raises(OSError, match="in use"):
            await server.start_serving()
        assert not server.is_serving()
    server.close()
    await server.wait_closed()


async def test_a_client_that_is_silent_within_tls_has_no_longer_than_ssl_handshake_timeout() -> None:
    context = server_context(trustme.CA(), "127.0.0.1")
    async with serve(echo, "127.0.0.1", 0, ssl=context, ssl_handshake_timeout=0.05, open_timeout=None) as server:
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        assert await reader.read() == b""
        writer.close()


async def test_a_server_that_is_silent_within_tls_has_no_longer_than_ssl_handshake_timeout() -> None:
    accepted: list[asyncio.StreamWriter] = []
    silent = await asyncio.start_server(lambda _, writer: accepted.append(writer), "127.0.0.1", 0)
    url = f"wss://127.0.0.1:{silent.sockets[0].getsockname()[1]}/"
    with pytest.raises(TimeoutError):
        await connect(url, ssl_handshake_timeout=0.05, open_timeout=None)
    for writer in accepted:
        writer.close()
    silent.close()
    await silent.wait_closed()


async def test_tls_that_is_done_in_time_leaves_the_program_the_rest_of_open_timeout() -> None:
    authority = trustme.CA()
    context = server_context(authority, "127.0.0.1")

    async def ponder(_: Any, __: Any) -> None:
        await asyncio.sleep(0.6)

    async with (
        serve(
            echo, "127.0.0.1", 0, ssl=context, ssl_handshake_timeout=0.5, open_timeout=None, process_request=ponder
        ) as server,
        connect(url_of(server, scheme="wss"), ssl=client_context(authority)) as connection,
    ):
        await connection.send("x")
        assert await connection.recv() == "x"


async def test_an_end_of_tls_that_does_not_come_is_waited_for_as_long_as_ssl_shutdown_timeout(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(transport, "LINGER_TIMEOUT", 1e6)
    authority = trustme.CA()
    context = server_context(authority, "127.0.0.1")
    ended = asyncio.get_running_loop().create_future()

    async def handler(connection: Any) -> None:
        await connection.close()
        ended.set_result(connection.close_code)

    async with serve(handler, "127.0.0.1", 0, ssl=context, ssl_shutdown_timeout=0.05) as server:
        with WebSocketPeer() as peer:
            peer.connect_to_url(url_of(server, scheme="wss"), tls=client_context(authority))
            while peer.get_ready_state() in (State.CONNECTING, State.OPEN):
                peer.poll()
                await asyncio.sleep(0)
            assert await ended == 1000  # the peer, which is polled no more, has not ended its side


@pytest.mark.parametrize(
    ("arguments", "error", "text"),
    [
        ({"family": "ipv4"}, InvalidOptionError, "family"),
        ({"flags": "passive"}, InvalidOptionError, "flags"),
        ({"backlog": "many"}, InvalidOptionError, "backlog"),
        ({"ssl_handshake_timeout": 1}, InvalidOptionError, "only meaningful with ssl"),
        ({"ssl_shutdown_timeout": 1}, InvalidOptionError, "only meaningful with ssl"),
        ({"ssl": True}, TypeError, "SSLContext"),
        ({"ssl": ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), "ssl_handshake_timeout": 0}, InvalidOptionError, "above 0"),
        ({"cleanup_socket": True}, TypeError, "not for this kind of server"),
        ({"dualstack_ipv6": True}, TypeError, "dualstack_ipv6"),
    ],
)
def test_what_cannot_be_is_refused_by_name(arguments: dict[str, Any], error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        serve(echo, "127.0.0.1", 0, **arguments)


def test_a_socket_that_has_no_streams_is_refused() -> None:
    with socket.socket(type=socket.SOCK_DGRAM) as sock, pytest.raises(InvalidOptionError, match="stream"):
        serve(echo, sock=sock)


def test_a_platform_without_reuse_port_refuses_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(socket, "SO_REUSEPORT")
    with pytest.raises(InvalidOptionError, match="reuse_port"):
        serve(echo, "127.0.0.1", 0, reuse_port=True)


@pytest.mark.parametrize("cleans", [True, False])
async def test_the_file_of_a_unix_socket_goes_with_its_server(tmp_path: Path, cleans: bool) -> None:
    path = tmp_path / "socket"
    async with unix_serve(echo, path, cleanup_socket=cleans) as server:
        server.close()
        await server.wait_closed()
        assert path.exists() is not cleans


async def test_the_file_of_the_server_that_came_after_stays(tmp_path: Path) -> None:
    path = str(tmp_path / "socket")
    async with unix_serve(echo, path) as first, unix_serve(echo, path):
        first.close()
        await first.wait_closed()
        async with unix_connect(path) as connection:
            await connection.send("x")
            assert await connection.recv() == "x"


@pytest.mark.parametrize("name", ["host", "port", "family", "flags", "reuse_address", "reuse_port", "keep_alive"])
def test_an_argument_of_internet_sockets_is_none_of_unix_serve(name: str) -> None:
    with pytest.raises(TypeError, match=f"{name}.*serve"):
        unix_serve(echo, "socket", **{name: 1})


# The server with threads, whose arguments are those of socket.create_server().


@pytest.mark.parametrize(
    ("argument", "value", "name", "expected"),
    [
        ("reuse_port", True, "SO_REUSEPORT", True),
        ("reuse_port", False, "SO_REUSEPORT", False),
        ("backlog", 3, "SO_ACCEPTCONN", True),
    ],
)
def test_an_option_of_the_socket_with_threads(argument: str, value: Any, name: str, expected: bool) -> None:
    with sync.serve(lambda _: None, "127.0.0.1", 0, **{argument: value}) as server:
        assert bool(option(server.socket, name)) is expected


@pytest.mark.parametrize("dual", [True, False])
def test_with_threads_a_socket_is_for_both_families_if_it_says_so(dual: bool) -> None:
    if not socket.has_dualstack_ipv6():
        pytest.skip("this machine has no such sockets")
    with sync.serve(lambda _: None, "", 0, family=socket.AF_INET6, dualstack_ipv6=dual) as server:
        assert server.socket.family == socket.AF_INET6
        assert bool(server.socket.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY)) is not dual


@pytest.mark.parametrize(
    "name", ["flags", "reuse_address", "keep_alive", "start_serving", "ssl_handshake_timeout", "ssl_shutdown_timeout"]
)
def test_with_threads_an_argument_of_asyncio_is_refused_by_name(name: str) -> None:
    with pytest.raises(TypeError, match=f"{name}.*asyncio has it"):
        sync.serve(lambda _: None, "127.0.0.1", 0, **{name: 1})


def test_a_blocking_client_refuses_what_it_cannot_pass_on() -> None:
    with pytest.raises(InvalidOptionError, match="open_timeout"):
        sync.connect("ws://127.0.0.1:1/", timeout=1)
    with pytest.raises(InvalidOptionError, match="all_errors"):
        sync.connect("ws://127.0.0.1:1/", all_errors=True)
