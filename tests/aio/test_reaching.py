"""How a client gets to its server, and what it may ask of the socket that it got."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import trustme
import websockets.exceptions

from pyws_browser import Backoff, InvalidOptionError, LocalProtocolError, WebSocketServer
from pyws_browser.aio import (
    ClientConnection,
    ConnectionClosedError,
    InvalidHandshake,
    InvalidHeader,
    InvalidStatus,
    InvalidURI,
    SecurityError,
    connect,
    serve,
    unix_connect,
    unix_serve,
)
from pyws_browser.transport import native

from ..native.test_dial import link_local
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


@pytest.mark.skipif(not link_local(), reason="no link-local address on this machine")
async def test_a_link_local_address_is_reached_by_its_zone() -> None:
    host = link_local()
    async with serve(echo, host, 0) as server:
        port = server.sockets[0].getsockname()[1]
        async with connect(f"ws://pi.local:{port}/", host=host, local_addr=(host, 0)) as connection:
            await connection.send("x")
            assert await connection.recv() == "x"
            assert connection.request.headers["Host"] == f"pi.local:{port}"
    with WebSocketServer() as polled:
        polled.bind_ip = host
        polled.listen(0)
        connecting = asyncio.ensure_future(connect(f"ws://pi.local:{polled.port}/", host=host)._connect())
        while not connecting.done():
            polled.poll()
            await asyncio.sleep(0.001)
        (await connecting).transport.abort()


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
        with pytest.raises(InvalidOptionError, match=r"redirect to ws://other\.test/"):
            await connecting


ARGUMENTS = [
    ("host", "a\r\nX: 1"),
    ("host", "a b"),
    ("host", ""),
    ("host", "a:1"),
    ("host", b"a"),
    ("host", "fe80::1%a\n"),
    ("port", "80"),
    ("port", 0),
    ("port", 65536),
    ("port", True),
    ("port", 8.0),
    ("server_hostname", "a\0"),
    ("server_hostname", 5),
    ("local_addr", "127.0.0.1"),
    ("local_addr", ("127.0.0.1",)),
    ("local_addr", ("127.0.0.1", "0")),
    ("local_addr", ("127.0.0.1", -1)),
    ("local_addr", ("a b", 0)),
    ("local_addr", 5),
    ("family", 999),
    ("family", "inet"),
    ("unix_path", 5),
    ("unix_path", b"path"),
    ("proxy", 5),
    ("origin", "a\r\nX: 1"),
    ("origin", 5),
    ("user_agent_header", "a\nb"),
    ("additional_headers", {"X": "a\0"}),
    ("additional_headers", {"Connection": "close"}),
    ("additional_headers", {"X": "\u20ac"}),
    ("additional_headers", {"Sec-WebSocket-Key": "x"}),
    ("additional_headers", 5),
    ("subprotocols", ["a b"]),
    ("subprotocols", "a, b"),
    ("trusted_origins", "wss://b.example"),
    ("trusted_origins", ["b.example"]),
]


@pytest.mark.parametrize(("name", "value"), ARGUMENTS, ids=repr)
def test_an_argument_that_cannot_be_used_is_refused_at_once(name: str, value: Any) -> None:
    arguments: Any = {name: value}
    with pytest.raises(LocalProtocolError) as caught:
        connect("wss://game.test/", **arguments)
    assert isinstance(caught.value, ValueError)
    assert str(caught.value).isprintable()


async def test_headers_and_subprotocols_of_an_iterator_are_sent_at_every_attempt() -> None:
    seen: list[Any] = []

    async def handler(connection: Any) -> None:
        seen.append((connection.request.headers.get("X-A"), connection.subprotocol))
        await connection.close(1011 if len(seen) < 2 else 4001)

    async with served(handler, subprotocols=["chat"]) as url:
        connector = connect(
            url,
            additional_headers=iter([("X-A", "b")]),
            subprotocols=iter(["chat"]),  # type: ignore[arg-type]
            backoff=Backoff(first_delay=0.001, max_delay=0.001, final_codes=frozenset({4001})),
        )
        async for connection in connector:
            await connection.wait_closed()
    assert seen == [("b", "chat")] * 2


async def test_no_transport_is_left_open_by_a_factory_that_raises() -> None:
    left = asyncio.Event()

    async def handler(connection: Any) -> None:
        raise AssertionError("the handshake is never over")

    class Broken(ClientConnection):
        def __init__(self, *arguments: Any, **named: Any) -> None:
            raise LookupError("no")

    def aborted(url: str, options: Any) -> Any:
        transport = native.connect(url, options)
        transport.on_release = left.set
        return transport

    async with served(handler) as url:
        with pytest.raises(LookupError):
            await connect(url, create_connection=Broken, connector=aborted)
        await left.wait()


class Redirecting:
    """Two servers of two origins: `first` redirects to where it is told, `requests` are those that came to both."""

    def __init__(self) -> None:
        self.requests: list[Any] = []
        self.location = ""
        self.first = self.second = ""

    def redirect(self, connection: Any, request: Any) -> Any:
        self.requests.append(request)
        response = connection.respond(302, "elsewhere")
        response.headers["Location"] = self.location
        return response

    def accept(self, connection: Any, request: Any) -> Any:
        self.requests.append(request)


@asynccontextmanager
async def two_origins() -> AsyncIterator[Redirecting]:
    both = Redirecting()
    async with (
        served(process_request=both.redirect) as both.first,
        served(
            process_request=both.accept, select_subprotocol=lambda _, offered: (offered or [None])[0]
        ) as both.second,
    ):
        both.location = both.second
        yield both


GIVEN: dict[str, Any] = {
    "additional_headers": {"Authorization": "Bearer secret", "Cookie": "a=secret", "X-Api-Key": "secret"},
    "subprotocols": ["token.secret"],
    "origin": "https://secret.example",
    "user_agent_header": "secret/1.0",
}


async def test_a_redirect_to_another_origin_carries_nothing_that_was_given_for_the_first() -> None:
    async with two_origins() as redirecting:
        url = redirecting.first.replace("ws://", "ws://user:secret@")
        headers = {name: value for name, value in GIVEN["additional_headers"].items() if name != "Authorization"}
        async with connect(url, **GIVEN | {"additional_headers": headers}) as connection:
            assert connection.subprotocol is None
            await connection.send("x")
            assert await connection.recv() == "x"
        before, after = redirecting.requests
        assert str(before.headers).count("secret") == 5
        assert before.headers["Authorization"].startswith("Basic ")
        assert "secret" not in str(after.headers)
        assert "Authorization" not in after.headers
        assert after.headers["User-Agent"].startswith("Python/")


async def test_a_redirect_to_a_trusted_origin_carries_everything() -> None:
    async with two_origins() as redirecting:
        async with connect(redirecting.first, trusted_origins=[redirecting.second + "any/path"], **GIVEN) as connection:
            assert connection.subprotocol == "token.secret"
        before, after = redirecting.requests
        for name in ("Authorization", "Cookie", "X-Api-Key", "Origin", "User-Agent", "Sec-WebSocket-Protocol"):
            assert after.headers[name] == before.headers[name]


async def test_a_redirect_within_the_origin_carries_everything() -> None:
    seen: list[Any] = []

    def once(connection: Any, request: Any) -> Any:
        seen.append(request)
        if request.path == "/new?a=b":
            return None
        response = connection.respond(307, "there")
        response.headers["Location"] = "/new?a=b"
        return response

    async with (
        served(process_request=once, select_subprotocol=lambda _, offered: offered[0]) as url,
        connect(url.replace("ws://", "ws://user:pass@"), subprotocols=["a"], origin="https://b.example"),
    ):
        pass
    for name in ("Authorization", "Origin", "Sec-WebSocket-Protocol"):
        assert seen[0].headers[name] == seen[1].headers[name]


async def test_a_user_agent_that_was_left_out_stays_left_out() -> None:
    async with two_origins() as redirecting:
        async with connect(redirecting.first, user_agent_header=None):
            pass
        assert ["User-Agent" in request.headers for request in redirecting.requests] == [False, False]


async def test_what_was_left_behind_once_is_not_sent_to_where_the_way_leads_back() -> None:
    seen: list[Any] = []
    urls: list[str] = []

    def lead(connection: Any, request: Any) -> Any:
        seen.append(request)
        if len(seen) == 3:
            return None
        response = connection.respond(308, "there")
        response.headers["Location"] = urls[len(seen) % 2]
        return response

    async with served(process_request=lead) as first, served(process_request=lead) as second:
        urls += [first, second]
        async with connect(first, additional_headers={"X-Api-Key": "secret"}):
            pass
    assert ["X-Api-Key" in request.headers for request in seen] == [True, False, False]


async def test_a_redirect_to_another_origin_shows_no_client_certificate_and_no_other_name() -> None:
    authority, other = trustme.CA(), trustme.CA()
    client = client_context(authority)
    other.issue_cert("client@game.example").configure_cert(client)
    offered: list[str | None] = []

    def accept(connection: Any, request: Any) -> None:
        offered.append("reached")

    def redirect(connection: Any, request: Any) -> Any:
        response = connection.respond(302, "elsewhere")
        response.headers["Location"] = target
        return response

    tls = server_context(authority, "game.example", "127.0.0.1")
    async with (
        served(process_request=accept, ssl=tls) as second,
        served(process_request=redirect, ssl=tls) as first,
    ):
        target = second.replace("ws:", "wss:")
        arguments: Any = {"ssl": client, "server_hostname": "game.example"}
        # The context that the caller made is for the first; the default one does not trust this authority.
        with pytest.raises(ssl.SSLCertVerificationError):
            await connect(first.replace("ws:", "wss:"), **arguments)
        assert not offered
        async with connect(first.replace("ws:", "wss:"), **arguments, trusted_origins=[target]):
            assert offered


BAD_LOCATIONS = [
    ("ws://[::1", InvalidURI, "needs brackets"),
    ("ws://h:99999/", InvalidURI, "ports end at 65535"),
    ("ws://h:22/", InvalidURI, "browsers refuse port 22"),
    ("ftp://h/", InvalidURI, "the scheme 'ftp'"),
    ("mailto:a@b", InvalidURI, "the scheme 'mailto'"),
    ("javascript:alert(1)", InvalidURI, "the scheme 'javascript'"),
    ("ws://h/#fragment", InvalidURI, "has a fragment"),
    ("ws://a\x9bb/", InvalidURI, "no valid host name"),
    ("ws://user:secret@a b/", InvalidURI, "no valid host name"),
    ("//", InvalidURI, "no valid host name"),
]


@pytest.mark.parametrize(("location", "kind", "problem"), BAD_LOCATIONS)
async def test_a_redirect_to_what_is_no_uri(location: str, kind: type[Exception], problem: str) -> None:
    async with two_origins() as redirecting:
        redirecting.location = location
        with pytest.raises(InvalidHandshake, match=problem) as caught:
            await connect(redirecting.first)
        assert isinstance(caught.value, kind)
        assert str(caught.value).isprintable()
        assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("location", "path"),
    [("next", "/a/next"), ("?x=1", "/a/b?x=1"), ("/", "/"), ("../c", "/c"), ("", "/a/b"), ("/gr\xfcn", "/gr%C3%BCn")],
)
async def test_a_relative_location_is_read_as_a_browser_reads_it(location: str, path: str) -> None:
    seen: list[str] = []

    def lead(connection: Any, request: Any) -> Any:
        seen.append(request.path)
        if len(seen) == 2:
            return None
        response = connection.respond(301, "there")
        response.headers["Location"] = location
        return response

    async with served(kind="our server", process_request=lead) as url, connect(url + "a/b"):
        assert seen == ["/a/b", path]


async def test_a_redirect_from_wss_to_ws_is_not_followed() -> None:
    authority = trustme.CA()

    def redirect(connection: Any, request: Any) -> Any:
        response = connection.respond(302, "elsewhere")
        response.headers["Location"] = "ws://user:secret@game.test/"
        return response

    async with served(process_request=redirect, ssl=server_context(authority, "127.0.0.1")) as url:
        with pytest.raises(SecurityError, match="non-secure URI") as caught:
            await connect(url.replace("ws:", "wss:"), ssl=client_context(authority))
    assert "secret" not in str(caught.value)


async def test_redirects_in_a_circle_end() -> None:
    async with two_origins() as redirecting:
        redirecting.location = redirecting.first
        with pytest.raises(SecurityError, match="more than 10 redirects"):
            await connect(redirecting.first)
        assert len(redirecting.requests) == 10


async def test_two_locations_are_a_wrong_header() -> None:
    def redirect(connection: Any, request: Any) -> Any:
        response = connection.respond(302, "elsewhere")
        response.headers["Location"] = "/a"
        response.headers["Location"] = "/b"
        return response

    async with served(process_request=redirect) as url:
        with pytest.raises(InvalidHeader, match="Location"):
            await connect(url)


@pytest.mark.parametrize("how", ["none", "other"])
async def test_process_redirect_can_be_overridden(how: str) -> None:
    async with two_origins() as redirecting:

        class Other(connect):
            def process_redirect(self, exc: Exception) -> Exception | str:
                return exc if how == "none" else redirecting.second + "chosen"

        if how == "none":
            with pytest.raises(InvalidStatus, match="302"):
                await Other(redirecting.first)
        else:
            async with Other(redirecting.first, additional_headers={"X-Api-Key": "secret"}):
                assert redirecting.requests[1].path == "/chosen"
                assert "X-Api-Key" not in redirecting.requests[1].headers


@pytest.mark.parametrize("function", [unix_connect, lambda *_, **named: unix_serve(echo, **named)])
def test_a_unix_socket_has_a_path_or_is_given(function: Any) -> None:
    with pytest.raises(InvalidOptionError, match="path"):
        function()


def test_a_unix_socket_has_a_path_that_is_one() -> None:
    with pytest.raises(InvalidOptionError, match="unix_path is a path"):
        unix_connect(5)  # type: ignore[arg-type]


def test_what_is_no_redirect_is_not_processed() -> None:
    error = OSError("no")
    assert connect("ws://game.test/").process_redirect(error) is error


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
        assert transport.get_extra_info("peername") == client.remote_address  # as asyncio keeps it
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
