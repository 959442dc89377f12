"""Values in messages: JSON, and other codecs."""

from __future__ import annotations

import asyncio
import math
import sys
from typing import Any

import pytest

from pyws_browser import (
    CodecDecodeError,
    CodecEncodeError,
    InvalidOptionError,
    MemoryNetwork,
    NotConnectedError,
    WebSocketPeer,
)
from pyws_browser.aio import ServerConnection, connect, serve
from pyws_browser.sync import connect as connect_blocking
from pyws_browser.sync import reconnect
from pyws_browser.testing import LocalServer

from ..support import pump

VALUES: list[Any] = [None, True, 0, -1.5, 2**53, "", "häß 🎲 \0 \u2028", [], {}, [1, [2, {"a": None}]], {"ä": [1.25]}]
CODECS = ["json", "orjson", "msgspec", "msgpack"]


@pytest.fixture
def pair() -> tuple[WebSocketPeer, WebSocketPeer]:
    network = MemoryNetwork()
    listener = network.listen("ws://test/")
    client = network.peer(web_limits=False)
    client.connect_to_url("ws://test/")
    server = listener.accept()
    assert server is not None
    client.poll()
    return client, server


def test_what_is_sent_as_json_comes_as_it_was(pair: tuple[WebSocketPeer, WebSocketPeer]) -> None:
    client, server = pair
    for value in VALUES:
        client.send_json(value)
    pump(client, server, until=lambda: server.get_available_packet_count() == len(VALUES))

    assert [server.receive_json(...) for _ in VALUES] == VALUES
    assert server.was_string_packet()
    assert server.receive_json() is None
    assert server.receive_json("nothing") == "nothing"


@pytest.mark.parametrize("codec", CODECS)
def test_each_codec_brings_back_what_was_sent(pair: tuple[WebSocketPeer, WebSocketPeer], codec: str) -> None:
    client, server = pair
    client.codec = server.codec = codec
    for value in VALUES:
        client.send_value(value)
    pump(client, server, until=lambda: server.get_available_packet_count() == len(VALUES))

    assert [server.receive_value(...) for _ in VALUES] == VALUES
    assert server.was_string_packet() is (codec != "msgpack")
    assert server.receive_value() is None


def test_without_a_codec_values_are_json(pair: tuple[WebSocketPeer, WebSocketPeer]) -> None:
    client, server = pair
    client.send_value({"x": 1})
    client.send('{"x":2}')
    client.send(b'{"x":3}')
    pump(client, server, until=lambda: server.get_available_packet_count() == 3)

    assert server.receive() == '{"x":1}'
    assert [server.receive_json(), server.receive_value()] == [{"x": 2}, {"x": 3}]


BAD = {
    "no document": ("json", "hello"),
    "nothing": ("json", ""),
    "NaN": ("json", "NaN"),
    "two documents": ("json", "1 2"),
    "no UTF-8": ("json", b"\xff"),
    "too deep": ("json", "[" * 200_000),
    "a number of 10,000 digits": ("json", "1" * 10_000),
    "orjson": ("orjson", "hello"),
    "msgspec": ("msgspec", b"\xff"),
    "msgpack": ("msgpack", b"\xc1"),
    "a text for msgpack": ("msgpack", "text"),
}


@pytest.mark.parametrize(("codec", "message"), BAD.values(), ids=BAD)
def test_a_bad_document_is_in_the_error_and_the_next_one_comes_after_it(
    pair: tuple[WebSocketPeer, WebSocketPeer], codec: str, message: str | bytes
) -> None:
    client, server = pair
    client.codec = server.codec = codec
    client.send(message)
    client.send_value([1])
    pump(client, server, until=lambda: server.get_available_packet_count() == 2)

    with pytest.raises(CodecDecodeError, match=f"of {len(message)} (characters|bytes) cannot be decoded: .") as caught:
        server.receive_value()

    assert caught.value.received == message
    assert caught.value.__cause__ is not None
    assert server.receive_value() == [1]


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("value", [object(), {1, 2}, [object()]], ids=["an object", "a set", "an object in a list"])
def test_what_a_codec_cannot_write_is_refused_and_nothing_is_sent(
    pair: tuple[WebSocketPeer, WebSocketPeer], codec: str, value: Any
) -> None:
    client, server = pair
    client.codec = codec
    if codec == "msgspec" and isinstance(value, set):
        pytest.skip("msgspec writes a set as a list")

    with pytest.raises(CodecEncodeError, match="cannot be sent"):
        client.send_value(value)

    client.send("next")
    pump(client, server, until=server.get_available_packet_count)
    assert list(server) == ["next"]


@pytest.mark.parametrize("value", [math.nan, [math.inf], {"a": -math.inf}])
def test_a_number_that_json_does_not_have_is_refused(pair: tuple[WebSocketPeer, WebSocketPeer], value: Any) -> None:
    with pytest.raises(CodecEncodeError):
        pair[0].send_json(value)


def test_a_codec_of_ones_own(pair: tuple[WebSocketPeer, WebSocketPeer]) -> None:
    class Numbers:
        def encode(self, value: Any) -> bytes:
            return int(value).to_bytes(2, "big")

        def decode(self, message: str | bytes) -> int:
            assert isinstance(message, bytes)
            return int.from_bytes(message, "big")

    client, server = pair
    client.codec = server.codec = Numbers()
    client.send_value(258)
    pump(client, server, until=server.get_available_packet_count)

    assert server.receive_value() == 258
    with pytest.raises(CodecEncodeError, match=r"an int cannot be sent: int too big") as caught:
        client.send_value(70_000)
    assert isinstance(caught.value.__cause__, OverflowError)


@pytest.mark.parametrize("codec", CODECS)
def test_asyncio_sends_and_receives_values_too(codec: str) -> None:
    async def echo(websocket: ServerConnection) -> None:
        async for message in websocket:
            await websocket.send(message)

    async def main() -> list[Any]:
        async with serve(echo, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            async with connect(f"ws://127.0.0.1:{port}/", proxy=None, codec=codec) as websocket:
                got = []
                for value in VALUES:
                    await websocket.send_value(value)
                    got.append(await websocket.receive_value())
                await websocket.send_json({"ä": None})
                got.append(await websocket.receive_json())
                await websocket.send("no json")
                with pytest.raises(CodecDecodeError) as caught:
                    await websocket.receive_json()
                with pytest.raises(CodecEncodeError):
                    await websocket.send_json(math.nan)
                return [*got, caught.value.received]

    assert asyncio.run(main()) == [*VALUES, {"ä": None}, "no json"]


@pytest.mark.parametrize("codec", CODECS)
def test_blocking_code_sends_and_receives_values_too(codec: str) -> None:
    with LocalServer() as server, connect_blocking(server.url, codec=codec) as websocket:
        got = []
        for value in VALUES:
            websocket.send_value(value)
            got.append(websocket.receive_value(timeout=30))
        websocket.send_json({"ä": None})
        got.append(websocket.receive_json(timeout=30))
        websocket.send("no json")
        with pytest.raises(CodecDecodeError) as caught:
            websocket.receive_json(timeout=30)
    assert got == [*VALUES, {"ä": None}]
    assert caught.value.received == "no json"


@pytest.mark.parametrize("codec", ["yaml", "", 5, None, dict, object()])
def test_what_is_no_codec_is_refused(codec: Any) -> None:
    with pytest.raises(InvalidOptionError, match="codec"):
        WebSocketPeer().codec = codec
    with pytest.raises(InvalidOptionError, match="codec"):
        connect("ws://127.0.0.1/", codec=codec)
    with pytest.raises(InvalidOptionError, match="codec"):
        connect_blocking("ws://127.0.0.1:1/", codec=codec)


def test_each_connection_of_a_blocking_loop_has_the_codec() -> None:
    with LocalServer() as server:
        for number, websocket in enumerate(reconnect(server.url, codec="msgpack")):
            websocket.send_value({"number": number})
            assert websocket.receive_value(timeout=30) == {"number": number}
            if number == 1:
                break


@pytest.mark.parametrize("name", ["orjson", "msgspec", "msgpack"])
def test_a_library_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.setitem(sys.modules, f"{name}.json", None)
    with pytest.raises(InvalidOptionError, match=f"pip install {name}"):
        WebSocketPeer().codec = name


def test_without_a_connection_sending_a_value_says_so() -> None:
    with pytest.raises(NotConnectedError, match="connect_to_url"):
        WebSocketPeer().send_json(1)


def test_the_codec_is_json_until_another_one_is_named(pair: tuple[WebSocketPeer, WebSocketPeer]) -> None:
    client, _ = pair
    assert client.codec == "json"
    client.codec = "msgpack"
    assert client.codec.decode(client.codec.encode([1])) == [1]  # type: ignore[union-attr]
