"""The rows of the contract that have a column for each interface: the polled peer, `aio` and `sync`.

Each is one sentence about a connection of a client, run for every interface over every transport that it has, on the
desktop under a page's limits too, and in pages. What is the peer's alone stands in `cases.py`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from pyws_browser import (
    BlockedPortError,
    CloseTimeoutError,
    ConnectError,
    ConnectionLostError,
    ConnectTimeoutError,
    InvalidCloseCodeError,
    InvalidCloseReasonError,
    InvalidSubprotocolError,
    InvalidURLError,
    MessageTooBigError,
    UnsupportedCloseCodeError,
    WebSocketError,
)

from .cases import BAD_URLS, SIZES
from .engine_quirks import (
    HIDES_SHORT_LIFE,
    HIDES_UNSENT,
    LOSES_BOM,
    SENDS_WHOLE,
    TAKES_BAD_CLOSE_CODES,
    TAKES_MASKED_FRAMES,
)
from .users import End, User

Row = Callable[[User], Awaitable[None]]
ROWS: dict[str, Row] = {}
WIRE_ONLY_ROWS: set[str] = set()
"""Rows about bytes on the wire, of which memory has none."""


def row(function: Row) -> Row:
    ROWS[function.__name__] = function
    return function


def wire_row(function: Row) -> Row:
    WIRE_ONLY_ROWS.add(function.__name__)
    return row(function)


async def run_row(name: str, user: User) -> None:
    """Run a row while the user's world goes on."""
    going_on = asyncio.ensure_future(user.world.go_on())
    try:
        await ROWS[name](user)
    finally:
        going_on.cancel()
        user.clean_up()


async def raised(kind: type[Exception], awaitable: Awaitable[Any]) -> Exception:
    """Return the exception of this kind, with a message that says something, that an awaitable raises."""
    try:
        result = await awaitable
    except kind as exc:
        assert len(str(exc)) > 15, exc
        return exc
    raise AssertionError(f"{result!r} instead of {kind.__name__}")


# Opening.


@row
async def nobody_listening_is_a_connect_error(user: User) -> None:
    await raised(ConnectError, user.connected("nobody:/"))


@row
async def a_server_that_does_not_answer_the_handshake_is_given_up(user: User) -> None:
    await raised(ConnectTimeoutError, user.connected("raw:/silent", open_timeout=0.2))


@wire_row
async def a_refusal_is_a_connect_error_that_tells_the_status_but_in_a_page(user: User) -> None:
    error: Any = await raised(ConnectError, user.connected("raw:/forbidden"))
    if not user.world.is_page:
        assert error.status == 403


@row
async def the_server_chooses_a_subprotocol(user: User) -> None:
    await user.connected("protocols:/echo", subprotocols=["game", "chat"])
    assert user.subprotocol == "game"
    await user.close()
    await user.connected()
    assert user.subprotocol is None


@row
async def a_subprotocol_that_the_server_does_not_know_fails_the_connection(user: User) -> None:
    await raised(ConnectError, user.connected("protocols:/echo", subprotocols=["unheard-of"]))


@row
async def bad_urls_raise(user: User) -> None:
    for url in BAD_URLS:
        if not user.world.is_page or url not in ("", "/"):  # relative to the page, in a page
            await raised(InvalidURLError, user.open(url))
    for port in (22, 25, 6667, 10080):
        error = await raised(InvalidURLError, user.open(f"ws://127.0.0.1:{port}/"))
        assert isinstance(error, BlockedPortError) or isinstance(error.__cause__, BlockedPortError)


@row
async def bad_subprotocols_raise(user: User) -> None:
    for names in (["a", "a"], [""], ["with space"], ["comma,"], ["gr\xfcn"], ["ctl\x01"], ["a/b"], [5]):
        await raised(InvalidSubprotocolError, user.connected(subprotocols=names))


# Messages.


@row
async def text_and_binary_of_every_size_come_back(user: User) -> None:
    await user.connected()
    for size in SIZES:
        text, data = "é" * (size // 2) + "x" * (size % 2), bytes(i & 255 for i in range(size))
        assert await user.exchange(text) == text
        assert await user.exchange(data) == data


@row
async def messages_keep_their_order_and_kind(user: User) -> None:
    await user.connected()
    sent = [str(number) if number % 3 else str(number).encode() for number in range(1000)]
    for message in sent:
        await user.send(message)
    assert [await user.recv() for _ in sent] == sent


@row
async def every_bytes_like_object_goes_out_as_its_bytes(user: User) -> None:
    await user.connected()
    for data in (b"\x00\xff", bytearray(b"abc"), memoryview(b"abcdef")[1:5:2], memoryview(b"")):
        assert await user.exchange(data) == bytes(data)


@row
async def text_is_what_a_browser_makes_of_it(user: User) -> None:
    await user.connected()
    for text, arrives in (
        ("\ufeffbom", "bom" if LOSES_BOM in user.world.quirks else "\ufeffbom"),
        ("nul \x00 in", "nul \x00 in"),
        ("\U0001f600", "\U0001f600"),
        ("lone \ud800", "lone \ufffd"),
        ("pair \ud83d\ude00", "pair \U0001f600"),
    ):
        assert (came := await user.exchange(text)) == arrives, ascii(came)


@row
async def what_is_no_message_is_a_type_error_and_nothing_goes_out(user: User) -> None:
    await user.connected()
    for wrong in (None, 5, 1.5, {"a": 1}, object()):
        await raised(TypeError, user.send(wrong))
    assert await user.exchange("nothing else went out") == "nothing else went out"


@wire_row
async def fragments_are_put_together_and_pings_answered(user: User) -> None:
    await user.connected("raw:/fragments")
    assert await user.recv_all() == ["grün und gut", b"one two three", "pong: are you there"]
    assert (await user.end()).code == 1000


@row
async def a_message_over_the_limit_ends_the_connection(user: User) -> None:
    for message in (b"x" * 101, "é" * 51):
        await user.connected(max_size=100)
        assert await user.exchange("x" * 50) == "x" * 50
        await user.send(message)
        assert await user.recv_all() == []
        end = await user.end()
        assert end.code == (4009 if user.world.is_page else 1009)
        assert not end.is_clean
        assert isinstance(end.cause, MessageTooBigError)


# Closing.


@row
async def close_is_clean_and_tells_code_and_reason(user: User) -> None:
    for code, reason in ((1000, ""), (1000, "enough"), (3000, ""), (4999, "grün"), (4000, "x" * 123)):
        await user.connected()
        await user.close(code, reason)
        assert await user.end() == End(code, reason, True, None)


@row
async def close_without_arguments_is_1000(user: User) -> None:
    await user.connected()
    await user.close()
    assert await user.end() == End(1000, "", True, None)


@row
async def the_other_side_closes(user: User) -> None:
    for query, code, reason in (
        ("code=1000", 1000, ""),
        ("code=1001&reason=restart", 1001, "restart"),
        ("code=1011&reason=bug", 1011, "bug"),
        ("code=3000", 3000, ""),
        ("code=4321&reason=gr%C3%BCn", 4321, "grün"),
        ("", 1005, ""),
    ):
        await user.connected(f"close?{query}")
        assert await user.end() == End(code, reason, True, None)


@row
async def messages_from_before_the_close_can_still_be_received(user: User) -> None:
    await user.connected("last-words")
    assert (await user.end()).reason == "done"
    assert await user.recv_all() == ["one", b"two"]


@row
async def closing_twice_changes_nothing(user: User) -> None:
    await user.connected()
    await user.close(4000, "first")
    await user.close(4001, "second")
    assert await user.end() == End(4000, "first", True, None)


@row
async def nothing_can_be_sent_once_it_has_ended(user: User) -> None:
    await user.connected()
    await user.close()
    await raised(WebSocketError, user.send("lost?"))
    assert await user.recv_all() == []


@row
async def a_cut_connection_is_1006(user: User) -> None:
    for behaviour in ("drop", "drop-on-message"):
        if behaviour == "drop" and HIDES_SHORT_LIFE in user.world.quirks:
            continue
        await user.connected(behaviour)
        if behaviour == "drop-on-message":
            await user.send("now")
        end = await user.end()
        assert end[:3] == (1006, "", False)
        assert isinstance(end.cause, ConnectionLostError)


@row
async def a_close_that_is_not_answered_times_out(user: User) -> None:
    await user.connected("raw:/mute", close_timeout=0.2)
    await user.close(4000)
    end = await user.end()
    assert end[:3] == (1006, "", False)
    assert type(end.cause) is CloseTimeoutError


@row
async def on_a_slow_network_all_goes_out_before_the_close_however_long_it_takes(user: User) -> None:
    hides = user.world.quirks & {HIDES_UNSENT, SENDS_WHOLE}
    await user.connected("raw:/slow", close_timeout=25.0 if hides else 1.0)
    for _ in range(48):
        await user.send(bytes(300_000))
    await user.close(4000, "all of it")
    assert await user.end() == End(4000, "all of it", True, None)


@wire_row
async def a_close_frame_counts_though_the_connection_breaks_behind_it(user: User) -> None:
    await user.connected("raw:/reset-behind-close")
    assert await user.end() == End(1000, "bye", True, None)
    assert await user.recv_all() == ["fine"]


@row
async def bad_close_arguments_raise_and_the_connection_stays(user: User) -> None:
    await user.connected()
    for code in (0, 1, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65536, -1, 1000.5, "1000", True):
        await raised(InvalidCloseCodeError, user.close(code))
    for reason in ("x" * 124, "é" * 62, "\U0001f600" * 31, b"bytes"):
        await raised(InvalidCloseReasonError, user.close(1000, reason))
    if user.world.is_page:
        for code in (1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014):
            await raised(UnsupportedCloseCodeError, user.close(code))
    assert await user.exchange("still open") == "still open"


# Broken bytes.


@wire_row
async def what_breaks_the_protocol_ends_the_connection(user: User) -> None:
    for behaviour, code in (
        ("raw:/bad-utf8", 1007),
        ("raw:/reserved-bit", 1002),
        ("raw:/masked", 1002),
        ("raw:/unknown-opcode", 1002),
        ("raw:/long-ping", 1002),
        ("raw:/lonely-continuation", 1002),
        ("raw:/bad-close-code", 1002),
        ("raw:/half-a-close-code", 1002),
    ):
        if behaviour == "raw:/masked" and TAKES_MASKED_FRAMES in user.world.quirks:
            continue
        try:
            await user.connected(behaviour)
        except ConnectError:
            assert HIDES_SHORT_LIFE in user.world.quirks, behaviour
            continue
        end = await user.end()
        if "close-code" in behaviour and TAKES_BAD_CLOSE_CODES in user.world.quirks:
            assert end.code == 1005
            continue
        assert not end.is_clean, behaviour
        assert end.cause is not None, behaviour
        assert end.code in ((code, 1006) if user.world.is_page else (code,)), behaviour
        # Chromium throws away all of the read in which it finds a malformed frame.
        assert await user.recv_all() in ((["fine"], []) if user.world.is_page else (["fine"],)), behaviour
