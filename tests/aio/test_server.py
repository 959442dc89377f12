"""serve(): listening, deciding about handshakes, broadcasting, shutting down; all clients see the same."""

from __future__ import annotations

import asyncio
import base64
import http.client
import re
import socket
import ssl
from collections.abc import Callable
from typing import Any

import pytest
import trustme
import websockets.asyncio.client
import websockets.exceptions
from websockets.datastructures import Headers
from websockets.exceptions import InvalidStatus
from websockets.http11 import Response

from pyws_browser import InvalidOptionError
from pyws_browser.aio import ServerConnection, basic_auth, broadcast, connect, serve
from pyws_browser.compat.exceptions import NegotiationError

from ..support import client_context, server_context
from .parties import CONNECT, SERVE, echo, url_of

both_clients = pytest.mark.parametrize("client", CONNECT)
both_servers = pytest.mark.parametrize("server", SERVE)


async def wait(connection: Any) -> None:
    await connection.wait_closed()


# Listening.


async def test_it_listens_while_the_block_is_entered() -> None:
    server = serve(echo, "127.0.0.1", 0)
    assert not server.is_serving()
    async with server as entered:
        assert entered is server
        assert server.is_serving()
        assert server.get_loop() is asyncio.get_running_loop()
        url = url_of(server)
    assert not server.is_serving()
    assert server.sockets == ()
    with pytest.raises(ConnectionRefusedError):
        await connect(url)


async def test_a_socket_of_the_programs_own() -> None:
    sock = socket.create_server(("127.0.0.1", 0))
    async with serve(echo, sock=sock) as server, connect(url_of(server)) as connection:
        await connection.send("x")
        assert await connection.recv() == "x"
    with pytest.raises(InvalidOptionError):
        serve(echo, "127.0.0.1", sock=sock)


async def test_a_port_that_is_taken_is_an_os_error() -> None:
    async with serve(echo, "127.0.0.1", 0) as server:
        with pytest.raises(OSError, match="in use"):
            await serve(echo, "127.0.0.1", server.sockets[0].getsockname()[1])


@both_clients
async def test_over_tls(client: str) -> None:
    authority = trustme.CA()
    async with serve(echo, "127.0.0.1", 0, ssl=server_context(authority, "game.example")) as server:
        url = f"wss://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
        arguments = {"ssl": client_context(authority), "server_hostname": "game.example"}
        async with CONNECT[client](url, **arguments) as connection:
            await connection.send("x" * 100_000)
            assert await connection.recv() == "x" * 100_000


async def test_a_certificate_that_is_not_trusted() -> None:
    async with serve(echo, "127.0.0.1", 0, ssl=server_context(trustme.CA(), "127.0.0.1")) as server:
        with pytest.raises(OSError, match="certificate") as caught:
            await connect(url_of(server, scheme="wss"))
        assert isinstance(caught.value, ssl.SSLCertVerificationError)
        assert isinstance(caught.value.__cause__, ssl.SSLCertVerificationError)


async def test_serving_until_it_is_cancelled() -> None:
    server = await serve(echo, "127.0.0.1", 0)
    serving = asyncio.create_task(server.serve_forever())
    connection = await connect(url_of(server))
    serving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await serving
    assert connection.close_code == 1001


# What a handler is given.


@both_clients
async def test_the_handler_sees_the_request(client: str) -> None:
    async def handler(connection: ServerConnection) -> None:
        assert connection.request is not None
        assert connection.response is not None
        await connection.send(connection.request.path)
        await connection.send(connection.request.headers["X-Token"])
        await connection.send(str(connection.response.status_code))
        await connection.send(str(connection.remote_address[1]))

    async with serve(handler, "127.0.0.1", 0) as server:
        connection = await CONNECT[client](url_of(server, "/chat?a=b"), additional_headers={"X-Token": "s3cret"})
        said = [message async for message in connection]
        assert said == ["/chat?a=b", "s3cret", "101", str(connection.local_address[1])]


@both_clients
@pytest.mark.parametrize(
    ("known", "offered", "chosen"),
    [(["a", "b"], ["b", "a"], "a"), (None, ["a"], None), (["a"], ["c", "a"], "a"), (None, None, None)],
)
async def test_the_subprotocol_is_the_servers_favourite(
    client: str, known: list[str] | None, offered: list[str] | None, chosen: str | None
) -> None:
    async with serve(wait, "127.0.0.1", 0, subprotocols=known) as server:
        if chosen is None and offered and client == "our client":
            with pytest.raises(NegotiationError, match="chose none"):
                await connect(url_of(server), subprotocols=offered)
        else:
            async with CONNECT[client](url_of(server), subprotocols=offered) as connection:
                assert connection.subprotocol == chosen


@pytest.mark.parametrize("error", [NegotiationError, websockets.exceptions.NegotiationError])
async def test_select_subprotocol_may_refuse(error: type[Exception]) -> None:
    def select_subprotocol(connection: Any, offered: Any) -> Any:
        raise error

    async with serve(echo, "127.0.0.1", 0, select_subprotocol=select_subprotocol) as server:
        with pytest.raises(InvalidStatus) as caught:
            await connect(url_of(server), subprotocols=["chat"])
        assert caught.value.response.status_code == 400


@both_servers
async def test_no_common_subprotocol_is_refused(server: str) -> None:
    async with SERVE[server](wait, "127.0.0.1", 0, subprotocols=["a"]) as listening:
        with pytest.raises(InvalidStatus) as caught:
            await connect(url_of(listening), subprotocols=["b"])
        assert caught.value.response.status_code == 400


@both_servers
async def test_select_subprotocol_chooses(server: str) -> None:
    def select(connection: Any, offered: Any) -> Any:
        return offered[-1]

    async with SERVE[server](wait, "127.0.0.1", 0, subprotocols=["a", "b"], select_subprotocol=select) as listening:
        connection = await connect(url_of(listening), subprotocols=["a", "b"])
        assert connection.subprotocol == "b"


# Deciding.


def refusing(connection: Any, request: Any) -> Any:
    return connection.respond(http.HTTPStatus.FORBIDDEN, "not you\n") if request.path == "/no" else None


async def refusing_later(connection: Any, request: Any) -> Any:
    await asyncio.sleep(0.02)
    return refusing(connection, request)


@both_servers
@both_clients
@pytest.mark.parametrize("process_request", [refusing, refusing_later])
async def test_process_request_may_refuse(server: str, client: str, process_request: Any) -> None:
    async with SERVE[server](echo, "127.0.0.1", 0, process_request=process_request) as listening:
        with pytest.raises(InvalidStatus) as caught:
            await CONNECT[client](url_of(listening, "/no"))
        response = caught.value.response
        assert (response.status_code, bytes(response.body or b"")) == (403, b"not you\n")
        async with CONNECT[client](url_of(listening, "/yes")) as connection:
            await connection.send("x")
            assert await connection.recv() == "x"


@both_servers
async def test_process_response_may_change_the_answer(server: str) -> None:
    def process_response(connection: Any, request: Any, response: Any) -> None:
        response.headers["X-Served-By"] = request.path

    async with SERVE[server](wait, "127.0.0.1", 0, process_response=process_response) as listening:
        connection = await connect(url_of(listening, "/here"))
        assert connection.response is not None
        assert connection.response.headers["X-Served-By"] == "/here"


@both_servers
async def test_a_hook_that_raises_is_answered_with_500(server: str, caplog: pytest.LogCaptureFixture) -> None:
    def broken(connection: Any, request: Any) -> None:
        raise LookupError("nowhere")

    async with SERVE[server](echo, "127.0.0.1", 0, process_request=broken) as listening:
        with pytest.raises(InvalidStatus) as caught:
            await connect(url_of(listening))
        assert caught.value.response.status_code == 500
    assert "nowhere" in caplog.text


@both_servers
async def test_process_response_is_asked_about_every_answer(server: str) -> None:
    def process_request(connection: Any, request: Any) -> Any:
        if request.path == "/broken":
            raise LookupError("nowhere")
        return Response(418, "I'm a teapot", Headers([("Content-Length", "0")]))

    def process_response(connection: Any, request: Any, response: Any) -> None:
        response.headers["Access-Control-Allow-Origin"] = "*"

    hooks = {"process_request": process_request, "process_response": process_response, "server_header": "ours"}
    async with SERVE[server](echo, "127.0.0.1", 0, **hooks) as listening:
        for path, status in (("/broken", 500), ("/", 418)):
            with pytest.raises(InvalidStatus) as caught:
                await connect(url_of(listening, path))
            headers = caught.value.response.headers
            assert caught.value.response.status_code == status
            assert (headers["Access-Control-Allow-Origin"], headers["Server"]) == ("*", "ours")


async def test_a_health_check_is_answered_as_http() -> None:
    def health(connection: ServerConnection, request: Any) -> Any:
        return connection.respond(200, "OK\n") if request.path == "/healthz" else None

    def ask(port: int) -> tuple[int, bytes]:
        client = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        try:
            client.request("GET", "/healthz")
            answer = client.getresponse()
            return answer.status, answer.read()
        finally:
            client.close()

    async with serve(echo, "127.0.0.1", 0, process_request=health) as server:
        assert await asyncio.to_thread(ask, server.sockets[0].getsockname()[1]) == (200, b"OK\n")


@both_servers
@pytest.mark.parametrize(("origin", "status"), [("https://a.example", 101), ("https://b.test", 101), (None, 403)])
async def test_origins(server: str, origin: str | None, status: int) -> None:
    origins = ["https://a.example", re.compile(r"https://[a-z]\.test")]
    async with SERVE[server](wait, "127.0.0.1", 0, origins=origins) as listening:
        if status == 101:
            await (await connect(url_of(listening), origin=origin)).close()
        else:
            with pytest.raises(InvalidStatus) as caught:
                await connect(url_of(listening), origin=origin)
            assert caught.value.response.status_code == status


def _check(name: str, password: str) -> bool:
    return (name, password) == ("ann", "pass:word")


async def _check_later(name: str, password: str) -> bool:
    await asyncio.sleep(0)
    return _check(name, password)


@pytest.mark.parametrize(
    "arguments",
    [
        {"credentials": ("ann", "pass:word")},
        {"credentials": [("bob", "x"), ("ann", "pass:word")]},
        {"check_credentials": _check},
        {"check_credentials": _check_later},
    ],
)
async def test_basic_auth(arguments: dict[str, Any]) -> None:
    async def handler(connection: ServerConnection) -> None:
        await connection.send(connection.username)

    async with serve(handler, "127.0.0.1", 0, process_request=basic_auth("game", **arguments)) as server:
        url = url_of(server)
        async with connect(url.replace("//", "//ann:pass%3Aword@")) as connection:
            assert await connection.recv() == "ann"
        wrong = base64.b64encode(b"ann:no").decode()
        for header in (None, "Bearer x", f"Basic {wrong}", "Basic ???", "Basic YQ=="):
            with pytest.raises(InvalidStatus) as caught:
                await connect(url, additional_headers=header and {"Authorization": header})
            assert caught.value.response.status_code == 401
            assert caught.value.response.headers["WWW-Authenticate"] == 'Basic realm="game", charset="UTF-8"'


@pytest.mark.parametrize(
    "arguments", [{}, {"credentials": ("a", "b"), "check_credentials": _check}, {"credentials": ["a"]}]
)
def test_basic_auth_wants_one_kind_of_credentials(arguments: dict[str, Any]) -> None:
    with pytest.raises(InvalidOptionError):
        basic_auth(**arguments)


# Handlers and their ends.


async def test_a_handler_that_returns_closes_with_1000_and_one_that_raises_with_1011(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def handler(connection: ServerConnection) -> None:
        if connection.request is not None and connection.request.path == "/raise":
            raise LookupError("a bug")

    async with serve(handler, "127.0.0.1", 0) as server:
        for path, code in (("/return", 1000), ("/raise", 1011)):
            connection = await connect(url_of(server, path))
            await connection.wait_closed()
            assert connection.close_code == code
    assert "a bug" in caplog.text


async def test_a_client_that_never_asks_is_dropped_after_open_timeout() -> None:
    async with serve(echo, "127.0.0.1", 0, open_timeout=0.1) as server:
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname()[:2])
        assert await asyncio.wait_for(reader.read(), 10) == b""
        writer.close()


# Shutting down.


@both_clients
@pytest.mark.parametrize(
    ("arguments", "code", "reason"), [({}, 1001, ""), ({"code": 1012, "reason": "back soon"}, 1012, "back soon")]
)
async def test_closing_says_goodbye_and_waits_for_the_handlers(
    client: str, arguments: dict[str, Any], code: int, reason: str
) -> None:
    returned = asyncio.Event()

    async def handler(connection: ServerConnection) -> None:
        await connection.wait_closed()
        await asyncio.sleep(0.05)
        returned.set()

    server = await serve(handler, "127.0.0.1", 0)
    connection = await CONNECT[client](url_of(server))
    server.close(**arguments)
    server.close()
    await server.wait_closed()
    assert returned.is_set()
    await connection.wait_closed()
    assert (connection.close_code, connection.close_reason) == (code, reason)


async def test_closing_may_leave_the_connections_to_the_clients() -> None:
    server = await serve(echo, "127.0.0.1", 0)
    connection = await connect(url_of(server))
    server.close(close_connections=False)
    await connection.send("x")
    assert await connection.recv() == "x"
    with pytest.raises(ConnectionRefusedError):
        await connect(f"ws://127.0.0.1:{connection.remote_address[1]}/")
    await connection.close()
    await server.wait_closed()


async def test_who_is_in_the_middle_of_the_handshake_gets_503() -> None:
    asked, decide = asyncio.Event(), asyncio.Event()

    async def slow(connection: Any, request: Any) -> None:
        asked.set()
        await decide.wait()

    server = await serve(echo, "127.0.0.1", 0, process_request=slow)
    connecting = asyncio.create_task(connect(url_of(server))._connect())
    await asked.wait()
    server.close()
    with pytest.raises(InvalidStatus) as caught:
        await connecting
    assert caught.value.response.status_code == 503
    await server.wait_closed()
    decide.set()


async def test_who_is_answered_as_the_server_closes_gets_that_answer() -> None:
    async def until_it_closes(connection: Any, request: Any) -> None:
        asyncio.get_running_loop().call_soon(connection.server.close)
        while connection.server.is_serving():
            await asyncio.sleep(0)

    server = await serve(echo, "127.0.0.1", 0, process_request=until_it_closes)
    with pytest.raises(InvalidStatus) as caught:
        await connect(url_of(server))
    assert caught.value.response.status_code == 503
    await server.wait_closed()


async def test_what_came_before_the_server_closed_is_still_received() -> None:
    received = []

    async def handler(connection: Any) -> None:
        received.append(await connection.recv())

    server = await serve(handler, "127.0.0.1", 0)
    async with connect(url_of(server)) as connection:
        await connection.send("just in time")
        server.close()
        await server.wait_closed()
    assert received == ["just in time"]


# Broadcasting.


async def test_broadcast_reaches_everybody_who_is_open() -> None:
    async with serve(wait, "127.0.0.1", 0) as server:
        url = url_of(server)
        one, other = await connect(url), await websockets.asyncio.client.connect(url)
        gone = await connect(url)
        while len(server.connections) < 3:
            await asyncio.sleep(0.001)
        connections = list(server.connections)
        await gone.close()
        for message in ("text", b"binary"):
            broadcast(connections, message)
            assert await one.recv() == await other.recv() == message
        broadcast(connections, "as bytes", text=False)
        assert await one.recv() == await other.recv() == b"as bytes"
        await one.close()
        await other.close()


@pytest.mark.parametrize("message", [1, ["a"], {"a": 1}])
async def test_broadcast_takes_whole_messages(message: Any) -> None:
    with pytest.raises(TypeError):
        broadcast([], message)


async def test_broadcast_leaves_out_who_is_in_the_middle_of_a_message(caplog: pytest.LogCaptureFixture) -> None:
    gate = asyncio.Event()

    async def fragments() -> Any:
        yield "one"
        await gate.wait()

    async def handler(connection: ServerConnection) -> None:
        await connection.send(fragments())

    async with serve(handler, "127.0.0.1", 0) as server:
        connection = await connect(url_of(server))
        while not server.connections:
            await asyncio.sleep(0.001)
        await asyncio.sleep(0.02)
        broadcast(server.connections, "skipped")
        with pytest.raises(ExceptionGroup):
            broadcast(server.connections, "skipped", raise_exceptions=True)
        gate.set()
        assert [message async for message in connection] == ["one"]
    assert "fragmented" in caplog.text


async def test_a_connection_class_of_the_programs_own() -> None:
    class Player(ServerConnection):
        score = 7

    async def handler(connection: Player) -> None:
        await connection.send(str(connection.score))

    served: Callable[..., Any] = serve
    async with (
        served(handler, "127.0.0.1", 0, create_connection=Player) as server,
        connect(url_of(server)) as connection,
    ):
        assert await connection.recv() == "7"


async def test_the_logger_is_told_what_a_client_that_reads_nothing_did_not_get(
    caplog: pytest.LogCaptureFixture,
) -> None:
    is_full = asyncio.Event()

    async def handler(connection: Any) -> None:
        broadcast([connection], bytes(16 * 1024 * 1024 - 1024))
        is_full.set()
        await connection.wait_closed()

    async with serve(handler, "127.0.0.1", 0, close_timeout=0.2, compression=None) as server:
        host, port = server.sockets[0].getsockname()
        reader, writer = await asyncio.open_connection(host, port, limit=1024)
        writer.write(
            b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
        )
        await reader.readuntil(b"\r\n\r\n")
        await is_full.wait()
        server.close()
        await server.wait_closed()
        writer.transport.abort()
    lost = [message for message in caplog.messages if message.startswith("close(): ")]
    assert len(lost) == 1
    assert re.fullmatch(r"close\(\): \d{7,} bytes for a connection were not sent", lost[0])
