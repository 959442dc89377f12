"""route(): handlers by patterns of URLs, as `websockets.asyncio.router` has them."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
import websockets.asyncio.router
from websockets.exceptions import InvalidStatus
from werkzeug.routing import Map, Rule

from pyws_browser import InvalidOptionError
from pyws_browser.aio import connect, route, unix_connect, unix_route
from pyws_browser.aio.router import Router

from ..server.test_server import request
from .parties import url_of
from .test_admission import ask


async def channel(connection: Any, number: int) -> None:
    await connection.send(f"channel {number}")


async def other(connection: Any) -> None:
    await connection.send("other")


def url_map() -> Map:
    return Map(
        [
            Rule("/channel/<int:number>", endpoint=channel),
            Rule("/other", endpoint=other),
            Rule("/old", redirect_to="/other"),
        ]
    )


@pytest.mark.parametrize("route", [route, websockets.asyncio.router.route])
async def test_the_url_decides_who_handles_a_connection(route: Any) -> None:
    async with route(url_map(), "127.0.0.1", 0) as server:
        for path, message in (("/channel/7", "channel 7"), ("/other", "other"), ("/old", "other")):
            async with connect(url_of(server, path)) as connection:
                assert await connection.recv() == message
        with pytest.raises(InvalidStatus) as caught:
            await connect(url_of(server, "/nowhere"))
        assert caught.value.response.status_code == 404


async def test_process_request_is_asked_first() -> None:
    asked = []

    async def process_request(connection: Any, request: Any) -> Any:
        asked.append(request.path)
        return connection.respond(403, "no") if request.path == "/other" else None

    async with route(url_map(), "127.0.0.1", 0, process_request=process_request) as server:
        async with connect(url_of(server, "/channel/1")) as connection:
            assert await connection.recv() == "channel 1"
        with pytest.raises(InvalidStatus) as caught:
            await connect(url_of(server, "/other"))
        assert caught.value.response.status_code == 403
    assert asked == ["/channel/1", "/other"]


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (request("/other"), 101),
        (request("/other", Host="[::1]:80"), 101),
        (request("/other", Host="a..b"), 400),
        (request("/other", Host="a" * 64), 400),
        (b"GET /other HTTP/1.0\r\n\r\n", 400),
        (request("//evil/other"), 404),
        (request("//evil/channel/1"), 404),
        (request("/%ff"), 404),
    ],
)
async def test_requests_of_strangers_are_no_failures(
    data: bytes, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    async with route(url_map(), "127.0.0.1", 0) as server:
        assert await ask(server, data) == status
    assert "opening handshake failed" not in caplog.text


async def test_a_router_of_ones_own() -> None:
    class Quiet(Router):
        def not_found(self, connection: Any) -> Any:
            return connection.respond(204, "")

    async with route(url_map(), "127.0.0.1", 0, create_router=Quiet) as server:
        with pytest.raises(InvalidStatus) as caught:
            await connect(url_of(server, "/nowhere"))
        assert caught.value.response.status_code == 204


async def test_behind_a_proxy_redirects_are_for_its_name() -> None:
    async with route(url_map(), "127.0.0.1", 0, server_name="game.test", ssl=True) as server:
        with pytest.raises(InvalidOptionError, match=r"redirect to wss://game\.test/other"):
            await connect(url_of(server, "/old"), host="127.0.0.1")


async def test_at_a_unix_socket(tmp_path: Path) -> None:
    path = tmp_path / "socket"
    async with unix_route(url_map(), path), unix_connect(path, "ws://localhost/channel/3") as connection:
        assert await connection.recv() == "channel 3"


def test_without_werkzeug_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "werkzeug.routing", None)
    with pytest.raises(ImportError, match="pip install werkzeug"):
        route(url_map(), "127.0.0.1", 0)
