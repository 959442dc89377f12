"""How a client gets to its server, and what it may ask of the socket that it got."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path
from typing import Any

import pytest
import trustme
import websockets.exceptions

from pyws_browser import InvalidOptionError
from pyws_browser.aio import ConnectionClosedError, connect, serve, unix_connect, unix_serve

from ..support import client_context, server_context
from .parties import echo, served, url_of


async def test_host_and_port_lead_elsewhere_than_the_url() -> None:
    async with served() as url:
        port = int(url.rpartition(":")[2].strip("/"))
        async with connect("ws://game.test/", host="127.0.0.1", port=port) as connection:
            await connection.send("x")
            assert await connection.recv() == "x"
            assert connection.request.headers["Host"] == "game.test"
        async with connect(f"ws://game.test:{port}/", host="127.0.0.1", local_addr=("127.0.0.9", 0)) as connection:
            assert connection.local_address[0] == "127.0.0.9"
        async with connect(url.replace("127.0.0.1", "localhost"), family=socket.AF_INET) as connection:
            assert connection.remote_address == ("127.0.0.1", port)


@pytest.mark.parametrize("how", ["host", "unix"])
async def test_a_redirect_to_another_origin_is_not_followed_to_a_host_that_was_given(how: str, tmp_path: Path) -> None:
    def redirect(connection: Any, request: Any) -> Any:
        response = connection.respond(302, "elsewhere")
        response.headers["Location"] = "ws://other.test/"
        return response

    path = str(tmp_path / "socket")
    async with (
        unix_serve(echo, path, process_request=redirect),
        serve(echo, "127.0.0.1", 0, process_request=redirect) as server,
    ):
        port = server.sockets[0].getsockname()[1]
        connecting = unix_connect(path) if how == "unix" else connect("ws://game.test/", host="127.0.0.1", port=port)
        with pytest.raises(InvalidOptionError, match=r"redirects to ws://other\.test/"):
            await connecting


@pytest.mark.parametrize("function", [unix_connect, lambda *_, **named: unix_serve(echo, **named)])
def test_a_unix_socket_has_a_path_or_is_given(function: Any) -> None:
    with pytest.raises(InvalidOptionError, match="give either path or sock"):
        function()


async def test_what_a_program_asks_of_the_socket_below() -> None:
    authority = trustme.CA()
    context = client_context(authority)
    async with (
        serve(echo, "127.0.0.1", 0, ssl=server_context(authority, "game.example")) as server,
        connect(url_of(server, scheme="wss"), ssl=context, server_hostname="game.example") as client,
    ):
        transport = client.transport
        assert transport.get_extra_info("peername") == client.remote_address
        assert transport.get_extra_info("sockname") == client.local_address
        assert transport.get_extra_info("socket").getpeername() == client.remote_address
        assert transport.get_extra_info("ssl_object").server_hostname == "game.example"
        assert dict(transport.get_extra_info("peercert"))["subjectAltName"] == (("DNS", "game.example"),)
        assert len(transport.get_extra_info("cipher")) == 3
        assert transport.get_extra_info("sslcontext") is context
        assert transport.get_extra_info("unknown", "default") == "default"
        assert transport.get_write_buffer_size() == 0
        assert not transport.is_closing()
        assert client.loop is asyncio.get_running_loop()
        transport.abort()
        assert transport.is_closing()
        assert transport.get_extra_info("peername") is None
        with pytest.raises(ConnectionClosedError):
            await client.recv()


async def test_closing_the_socket_below_sends_what_waits_and_no_close_frame() -> None:
    received = []

    async def handler(connection: Any) -> None:
        try:
            async for message in connection:
                received.append(message)
        except websockets.exceptions.ConnectionClosedError as exc:
            received.append(exc.rcvd)

    async with served(handler) as url:
        connection = await connect(url)
        for message in "abc":
            await connection.send(message)
        connection.transport.close()
        await connection.wait_closed()
    assert received == ["a", "b", "c", None]
