"""The contract: what a peer does, wherever it runs.

Each case is one sentence about `WebSocketPeer`, run over a native socket, in memory, in the browser's main thread and
in a worker. So nothing here may need pytest, a socket or a thread.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

from pyws_browser import (
    AlreadyConnectedError,
    BlockedPortError,
    CloseTimeoutError,
    ConnectError,
    ConnectionLostError,
    ConnectTimeoutError,
    Error,
    InboundOverflowError,
    InvalidCloseCodeError,
    InvalidCloseReasonError,
    InvalidHeaderError,
    InvalidMessageTypeError,
    InvalidOptionError,
    InvalidSubprotocolError,
    InvalidTextError,
    InvalidURLError,
    MessageTooBigError,
    NoPacketError,
    NotConnectedError,
    OutboundBufferFullError,
    State,
    UnsupportedCloseCodeError,
    UnsupportedInBrowserError,
    WebSocketError,
    WebSocketPeer,
    WriteMode,
)

from .engine_quirks import (
    HIDES_SHORT_LIFE,
    HIDES_UNSENT,
    LOSES_BOM,
    SENDS_WHOLE,
    TAKES_BAD_CLOSE_CODES,
    TAKES_MASKED_FRAMES,
)
from .worlds import World

Case = Callable[[World], Awaitable[None]]
CASES: dict[str, Case] = {}
WIRE_ONLY: set[str] = set()
"""Cases about broken bytes on the wire, of which memory has none."""

SIZES = (0, 1, 125, 126, 127, 65535, 65536, 1024 * 1024)


def case(function: Case) -> Case:
    CASES[function.__name__] = function
    return function


def wire_case(function: Case) -> Case:
    WIRE_ONLY.add(function.__name__)
    return case(function)


@contextmanager
def raises(kind: type[Exception], error: Error | None = None) -> Iterator[None]:
    """Expect exactly this exception, with Godot's code, and a message that says something."""
    try:
        yield
    except WebSocketError as exc:
        assert type(exc) is kind, f"{exc!r} instead of {kind.__name__}"
        assert error is None or exc.error is error, exc.error
        assert len(str(exc)) > 20
    else:
        raise AssertionError(f"no {kind.__name__}")


async def exchange(world: World, peer: WebSocketPeer, message: str | bytes) -> str | bytes | None:
    peer.send(message)
    await world.until(peer.get_available_packet_count)
    return peer.receive()


# Opening.


@case
async def a_new_peer_is_closed_and_empty(world: World) -> None:
    peer = world.peer()
    assert peer.ready_state is State.CLOSED
    assert not peer.is_connected_to_host()
    assert peer.get_close_code() == -1
    assert peer.get_close_reason() == ""
    assert peer.get_requested_url() == ""
    assert peer.get_selected_protocol() == ""
    assert peer.get_available_packet_count() == 0
    assert peer.get_current_outbound_buffered_amount() == 0
    assert peer.get_packet_error() is Error.OK
    assert peer.get_write_mode() is WriteMode.BINARY
    assert not peer.was_string_packet()
    assert not peer.was_clean_close
    assert peer.close_cause is None
    assert peer.receive() is None
    assert list(peer) == []
    peer.poll()
    peer.close()
    peer.abort()


@case
async def it_connects_when_polled(world: World) -> None:
    peer = world.peer()
    url = world.url("echo")
    peer.connect_to_url(url)
    assert peer.get_ready_state() is State.CONNECTING
    assert not peer.is_connected_to_host()
    assert peer.get_requested_url() == url
    await world.until(lambda: peer.ready_state is State.OPEN)
    assert peer.is_connected_to_host()
    assert peer.get_close_code() == -1
    assert peer.get_selected_protocol() == ""


@case
async def nothing_changes_between_polls(world: World) -> None:
    peer = await world.connected()
    other = await world.connected()
    peer.send("hello")
    await exchange(world_without(world, peer), other, "time passes")
    assert peer.get_available_packet_count() == 0
    await world.until(peer.get_available_packet_count)
    assert peer.receive() == "hello"


def world_without(world: World, peer: WebSocketPeer) -> World:
    """Return the same world, in which `peer` is not polled."""
    twin = object.__new__(type(world))
    twin.__dict__.update(world.__dict__)
    twin.peers = [other for other in world.peers if other is not peer]
    return twin


@case
async def connecting_twice_raises(world: World) -> None:
    peer = world.peer()
    peer.connect_to_url(world.url("echo"))
    with raises(AlreadyConnectedError, Error.ERR_ALREADY_IN_USE):
        peer.connect_to_url(world.url("echo"))
    await world.until(lambda: peer.ready_state is State.OPEN)
    with raises(AlreadyConnectedError):
        peer.connect_to_url(world.url("echo"))
    assert await exchange(world, peer, "still there") == "still there"


@case
async def connecting_while_closing_leaves_the_old_connection(world: World) -> None:
    peer = world.peer()
    peer.connect_to_url(world.url("echo"))
    await world.until(lambda: peer.ready_state is State.OPEN)
    peer.send("the last")
    peer.close(3000)
    await world.until(lambda: not peer.get_current_outbound_buffered_amount())
    peer.connect_to_url(world.url("echo"))
    await world.until(lambda: peer.ready_state is State.OPEN)
    assert await exchange(world, peer, "again") == "again"


@case
async def nobody_listening_ends_in_closed_with_1006(world: World) -> None:
    peer = world.peer()
    peer.connect_to_url(world.url("nobody:/"))
    await world.closed(peer)
    assert peer.get_close_code() == 1006
    assert not peer.was_clean_close
    assert isinstance(peer.close_cause, ConnectError)
    assert peer.get_available_packet_count() == 0


@case
async def a_server_that_does_not_answer_the_handshake_is_given_up(world: World) -> None:
    peer = world.peer(handshake_timeout=0.2)
    peer.connect_to_url(world.url("raw:/silent"))
    await world.closed(peer)
    assert peer.get_close_code() == 1006
    assert type(peer.close_cause) is ConnectTimeoutError


@wire_case
async def a_server_that_refuses_the_handshake_ends_in_closed(world: World) -> None:
    peer = world.peer()
    peer.connect_to_url(world.url("raw:/forbidden"))
    await world.closed(peer)
    assert peer.get_close_code() == 1006
    assert isinstance(peer.close_cause, ConnectError)
    if not world.is_page:
        assert peer.close_cause.status == 403
        assert peer.close_cause.body == b"not you"


@case
async def a_closed_peer_connects_again(world: World) -> None:
    peer = world.peer()
    peer.connect_to_url(world.url("nobody:/"))
    await world.closed(peer)
    for round_ in range(3):
        peer.connect_to_url(world.url("echo"))
        assert peer.get_close_code() == -1
        assert peer.close_cause is None
        await world.until(lambda: peer.ready_state is State.OPEN)
        assert await exchange(world, peer, f"round {round_}") == f"round {round_}"
        peer.close(4000 + round_)
        await world.closed(peer)
        assert peer.get_close_code() == 4000 + round_


# Subprotocols.


@case
async def the_server_chooses_a_subprotocol(world: World) -> None:
    peer = world.peer(supported_protocols=["game", "chat"])
    peer.connect_to_url(world.url("protocols:/echo"))
    await world.until(lambda: peer.ready_state is State.OPEN)
    assert peer.get_selected_protocol() == "game"
    assert peer.selected_protocol == "game"


@case
async def subprotocols_can_be_given_with_the_url(world: World) -> None:
    peer = world.peer(supported_protocols=["other"])
    peer.connect_to_url(world.url("protocols:/echo"), ["chat"])
    await world.until(lambda: peer.ready_state is State.OPEN)
    assert peer.get_selected_protocol() == "chat"
    assert peer.supported_protocols == ("other",)


@case
async def no_common_subprotocol_fails_the_connection(world: World) -> None:
    for behaviour in ("protocols:/echo", "echo"):
        peer = world.peer()
        peer.connect_to_url(world.url(behaviour), ["unheard-of"])
        await world.closed(peer)
        assert peer.get_close_code() == 1006
        assert isinstance(peer.close_cause, ConnectError)


@wire_case
async def a_server_that_ignores_the_subprotocols_fails_the_connection(world: World) -> None:
    peer = world.peer()
    peer.connect_to_url(world.url("raw:/mute"), ["chat"])
    await world.closed(peer)
    assert peer.get_close_code() == 1006
    assert isinstance(peer.close_cause, ConnectError)


# Messages.


@case
async def text_and_binary_of_every_size_come_back(world: World) -> None:
    peer = await world.connected()
    for size in SIZES:
        text, data = "é" * (size // 2) + "x" * (size % 2), bytes(i & 255 for i in range(size))
        assert await exchange(world, peer, text) == text
        assert peer.was_string_packet()
        assert await exchange(world, peer, data) == data
        assert not peer.was_string_packet()


@case
async def messages_keep_their_order_and_kind(world: World) -> None:
    peer = await world.connected()
    sent = [str(number) if number % 3 else str(number).encode() for number in range(1000)]
    for message in sent:
        peer.send(message)
    received: list[str | bytes] = []

    def all_came() -> bool:
        received.extend(peer)
        return len(received) >= len(sent)

    await world.until(all_came)
    assert received == sent


@case
async def a_batch_arrives_whole_and_in_order(world: World) -> None:
    peer = await world.connected()
    with peer.batch():
        for number in range(500):
            peer.put_packet(b"%d" % number)
        peer.send_text("end")
    await world.until(lambda: peer.get_available_packet_count() == 501)
    assert [*peer] == [*(b"%d" % number for number in range(500)), "end"]


@case
async def packets_go_out_as_the_write_mode_says(world: World) -> None:
    peer = await world.connected()
    peer.set_write_mode(WebSocketPeer.WRITE_MODE_TEXT)
    assert peer.get_write_mode() is WriteMode.TEXT
    peer.put_packet("grün".encode())
    await world.until(peer.get_available_packet_count)
    assert peer.get_packet() == "grün".encode()
    assert peer.was_string_packet()
    peer.write_mode = WriteMode.BINARY
    peer.put_packet(b"\xff\x00")
    assert peer.was_string_packet(), "it speaks of the packet fetched last"
    await world.until(peer.get_available_packet_count)
    assert peer.get_packet() == b"\xff\x00"
    assert not peer.was_string_packet()


@case
async def every_bytes_like_object_goes_out_as_its_bytes(world: World) -> None:
    from array import array

    peer = await world.connected()
    for data in (b"\x00\xff", bytearray(b"abc"), memoryview(b"abcdef")[1:5:2], array("H", [1, 2]), memoryview(b"")):
        peer.put_packet(data)
        await world.until(peer.get_available_packet_count)
        assert peer.get_packet() == bytes(memoryview(data))
        assert not peer.was_string_packet()


@case
async def what_was_put_does_not_change_with_its_buffer(world: World) -> None:
    peer = await world.connected()
    buffer = bytearray(b"before")
    with peer.batch():
        peer.put_packet(buffer)
        buffer[:] = b"after!"
    await world.until(peer.get_available_packet_count)
    assert peer.get_packet() == b"before"


@case
async def text_is_what_a_browser_makes_of_it(world: World) -> None:
    peer = await world.connected()
    for text, arrives in (
        ("\ufeffbom", "bom" if LOSES_BOM in world.quirks else "\ufeffbom"),
        ("nul \x00 in", "nul \x00 in"),
        ("\U0001f600", "\U0001f600"),
        ("lone \ud800", "lone \ufffd"),
        ("pair \ud83d\ude00", "pair \U0001f600"),
    ):
        assert (came := await exchange(world, peer, text)) == arrives, ascii(came)


@case
async def a_text_packet_must_be_utf8(world: World) -> None:
    peer = await world.connected(write_mode=WriteMode.TEXT)
    with raises(InvalidTextError, Error.ERR_INVALID_DATA):
        peer.put_packet(b"\xff")
    assert await exchange(world, peer, "fine") == "fine"


@case
async def only_str_and_bytes_are_messages(world: World) -> None:
    peer = await world.connected()
    for wrong in (None, 5, 1.5, ["a"], {"a": 1}, object()):
        with raises(InvalidMessageTypeError):
            peer.send(wrong)  # type: ignore[arg-type]
        with raises(InvalidMessageTypeError):
            peer.put_packet(wrong)  # type: ignore[arg-type]
        with raises(InvalidMessageTypeError):
            peer.send_text(wrong)  # type: ignore[arg-type]
    with raises(InvalidMessageTypeError):
        peer.put_packet("text")  # type: ignore[arg-type]
    with raises(InvalidMessageTypeError):
        peer.send_text(b"bytes")  # type: ignore[arg-type]
    assert await exchange(world, peer, "nothing else went out") == "nothing else went out"


@case
async def fetching_from_an_empty_peer_raises(world: World) -> None:
    peer = await world.connected()
    with raises(NoPacketError, Error.ERR_UNAVAILABLE):
        peer.get_packet()
    assert peer.get_packet_error() is Error.ERR_UNAVAILABLE
    assert peer.receive() is None
    peer.send(b"x")
    await world.until(peer.get_available_packet_count)
    assert peer.get_packet() == b"x"
    assert peer.get_packet_error() is Error.OK


@case
async def iteration_gives_what_is_there_now(world: World) -> None:
    peer = await world.connected()
    for word in ("one", b"two", "three"):
        peer.send(word)
    await world.until(lambda: peer.get_available_packet_count() == 3)
    for message in peer:
        assert message == "one"
        break
    assert peer.get_available_packet_count() == 2, "the others wait"
    assert list(peer) == [b"two", "three"]
    assert list(peer) == []


@case
async def nothing_can_be_sent_but_in_open(world: World) -> None:
    peer = world.peer()

    def is_refused() -> None:
        for send in (peer.send, peer.put_packet):
            with raises(NotConnectedError, Error.FAILED):
                send(b"lost?")
        with raises(NotConnectedError), peer.batch():
            pass

    is_refused()
    peer.connect_to_url(world.url("echo"))
    is_refused()
    await world.until(lambda: peer.ready_state is State.OPEN)
    assert await exchange(world, peer, b"nothing came before") == b"nothing came before"
    peer.close()
    is_refused()
    await world.closed(peer)
    is_refused()


# Closing.


@case
async def close_is_clean_and_tells_code_and_reason(world: World) -> None:
    for code, reason in ((1000, ""), (1000, "enough"), (3000, ""), (4999, "grün"), (4000, "x" * 123)):
        peer = await world.connected()
        peer.close(code, reason)
        assert peer.ready_state is State.CLOSING
        assert not peer.is_connected_to_host()
        assert peer.get_close_code() == -1
        await world.closed(peer)
        assert (peer.get_close_code(), peer.get_close_reason()) == (code, reason)
        assert (peer.close_code, peer.close_reason) == (code, reason)
        assert peer.was_clean_close
        assert peer.close_cause is None


@case
async def close_without_arguments_is_1000(world: World) -> None:
    peer = await world.connected()
    peer.close()
    await world.closed(peer)
    assert (peer.get_close_code(), peer.get_close_reason(), peer.was_clean_close) == (1000, "", True)


@case
async def close_without_a_code_is_1005(world: World) -> None:
    peer = await world.connected()
    peer.close(None)
    await world.closed(peer)
    assert (peer.get_close_code(), peer.get_close_reason(), peer.was_clean_close) == (1005, "", True)


@case
async def the_other_side_closes(world: World) -> None:
    for query, code, reason in (
        ("code=1000", 1000, ""),
        ("code=1001&reason=restart", 1001, "restart"),
        ("code=1011&reason=bug", 1011, "bug"),
        ("code=3000", 3000, ""),
        ("code=4321&reason=gr%C3%BCn", 4321, "grün"),
        ("", 1005, ""),
    ):
        peer = await world.connected(f"close?{query}")
        await world.closed(peer)
        assert (peer.get_close_code(), peer.get_close_reason()) == (code, reason)
        assert peer.was_clean_close
        assert peer.close_cause is None


@case
async def sending_behind_an_end_that_nobody_has_polled_for_raises_nothing(world: World) -> None:
    peer = await world.connected("close?code=1001&reason=restart")
    while peer.ready_state is State.OPEN:
        peer.send("too late, sooner or later")
        await world.turn()
    await world.closed(peer)
    assert (peer.get_close_code(), peer.get_close_reason(), peer.was_clean_close) == (1001, "restart", True)


@case
async def packets_from_before_the_close_stay(world: World) -> None:
    peer = await world.connected("last-words")
    await world.closed(peer)
    assert peer.get_close_reason() == "done"
    assert peer.get_available_packet_count() == 2
    assert peer.get_packet() == b"one"
    assert peer.was_string_packet()
    assert peer.receive() == b"two"


@case
async def packets_that_were_there_stay_after_the_own_close(world: World) -> None:
    peer = await world.connected()
    peer.send("a")
    peer.send("b")
    await world.until(lambda: peer.get_available_packet_count() == 2)
    peer.close()
    assert peer.get_available_packet_count() == 2
    await world.closed(peer)
    assert list(peer) == ["a", "b"]


@case
async def what_was_put_goes_out_before_the_close(world: World) -> None:
    peer = await world.connected("close-on-message?code=4001&reason=got+it")
    peer.send(b"x" * 500_000)
    peer.close(4002, "my own")
    await world.closed(peer)
    assert peer.get_available_packet_count() == 0


@case
async def what_arrives_after_the_own_close_is_discarded(world: World) -> None:
    peer = await world.connected()
    for _ in range(10):
        peer.send("answer this")
    peer.close()
    await world.closed(peer)
    assert peer.get_available_packet_count() == 0
    assert peer.was_clean_close


@case
async def closing_twice_changes_nothing(world: World) -> None:
    peer = await world.connected()
    peer.close(4000, "first")
    peer.close(4001, "second")
    await world.closed(peer)
    peer.close(4002, "third")
    assert (peer.get_close_code(), peer.get_close_reason()) == (4000, "first")


@case
async def close_while_connecting_gives_up(world: World) -> None:
    peer = world.peer()
    peer.connect_to_url(world.url("echo"))
    peer.close(4000, "never mind")
    assert peer.ready_state is State.CLOSING
    await world.closed(peer)
    assert (peer.get_close_code(), peer.get_close_reason(), peer.was_clean_close) == (1006, "", False)
    assert isinstance(peer.close_cause, ConnectError)


@case
async def a_cut_connection_is_1006(world: World) -> None:
    for behaviour, message in (("drop", None), ("drop-on-message", "now")):
        peer = world.peer()
        peer.connect_to_url(world.url(behaviour))
        if message is not None:
            await world.until(peer.is_connected_to_host)
            peer.send(message)
        await world.closed(peer)
        assert (peer.get_close_code(), peer.get_close_reason(), peer.was_clean_close) == (1006, "", False)
        if not (HIDES_SHORT_LIFE in world.quirks and behaviour == "drop"):
            assert isinstance(peer.close_cause, ConnectionLostError)


@case
async def abort_ends_at_once(world: World) -> None:
    peer = await world.connected()
    peer.abort()
    assert peer.ready_state is State.CLOSED
    assert peer.get_close_code() == 1006
    assert isinstance(peer.close_cause, ConnectionLostError)
    connecting = world.peer()
    connecting.connect_to_url(world.url("echo"))
    connecting.abort()
    assert connecting.ready_state is State.CLOSED
    peer.connect_to_url(world.url("echo"))
    await world.until(lambda: peer.ready_state is State.OPEN)


@wire_case
async def a_close_frame_counts_though_the_connection_breaks_behind_it(world: World) -> None:
    peer = world.peer()
    peer.connect_to_url(world.url("raw:/reset-behind-close"))
    await world.closed(peer)
    assert (peer.get_close_code(), peer.get_close_reason(), peer.was_clean_close) == (1000, "bye", True)
    assert peer.close_cause is None
    assert list(peer) == ["fine"]


@case
async def a_close_that_is_not_answered_times_out(world: World) -> None:
    peer = await world.connected("raw:/mute", close_timeout=0.2)
    peer.close(4000)
    await world.closed(peer)
    assert (peer.get_close_code(), peer.was_clean_close) == (1006, False)
    assert type(peer.close_cause) is CloseTimeoutError
    assert "answer the Close frame" in str(peer.close_cause)


# Slow networks, and programs that do not poll.


@case
async def time_in_which_nobody_polls_does_not_count_for_the_opening(world: World) -> None:
    for polls in (0, 1):
        peer = world.peer(handshake_timeout=1.0)
        peer.connect_to_url(world.url("echo"))
        for _ in range(polls):
            await world.turn()
        await world.pass_time(1.1, without=peer)
        await world.until(lambda peer=peer: peer.ready_state is not State.CONNECTING)
        assert peer.ready_state is State.OPEN, peer.close_cause
        assert await exchange(world, peer, "in time") == "in time"


@case
async def time_in_which_nobody_polls_does_not_count_for_the_closing(world: World) -> None:
    peer = await world.connected(close_timeout=1.0)
    peer.close(4000, "bye")
    await world.pass_time(1.1, without=peer)
    await world.closed(peer)
    assert (peer.get_close_code(), peer.get_close_reason(), peer.was_clean_close) == (4000, "bye", True)


@case
async def time_in_which_nobody_polls_is_not_silence_of_the_other_side(world: World) -> None:
    peer = world.peer()
    if world.is_page:  # the browser sends pings as it pleases, and tells nobody
        with raises(UnsupportedInBrowserError):
            peer.heartbeat_interval = 0.3
        return
    peer.heartbeat_interval = 0.3
    peer.connect_to_url(world.url("echo"))
    await world.until(peer.is_connected_to_host)
    for _ in range(3):
        await world.pass_time(0.7, without=peer)
        await world.turn()
    assert await exchange(world, peer, "still there") == "still there"


def send_a_lot(peer: WebSocketPeer) -> None:
    """Send more than the kernels of both sides hold back."""
    for _ in range(48):
        peer.send(bytes(300_000))


@case
async def on_a_slow_network_all_goes_out_before_the_close_however_long_it_takes(world: World) -> None:
    # Where nobody can see that the other side takes something in, the time limit has to be long enough for all of it.
    close_timeout = 25.0 if world.quirks & {HIDES_UNSENT, SENDS_WHOLE} else 1.0
    peer = await world.connected("raw:/slow", close_timeout=close_timeout)
    send_a_lot(peer)
    peer.close(4000, "all of it")
    await world.closed(peer)
    assert (peer.get_close_code(), peer.get_close_reason()) == (4000, "all of it"), peer.close_cause
    assert peer.was_clean_close


@case
async def what_takes_in_nothing_is_given_up_and_the_cause_says_so(world: World) -> None:
    peer = await world.connected("raw:/mute", close_timeout=0.2)
    send_a_lot(peer)
    peer.close(4000)
    await world.closed(peer)
    assert (peer.get_close_code(), peer.was_clean_close) == (1006, False)
    assert type(peer.close_cause) is CloseTimeoutError
    if HIDES_UNSENT not in world.quirks:
        assert "read nothing" in str(peer.close_cause)
        assert peer.close_cause.unsent > 1_000_000


@case
async def a_slow_network_is_not_silence_of_the_other_side(world: World) -> None:
    peer = world.peer()
    if world.is_page:
        with raises(UnsupportedInBrowserError):
            peer.heartbeat_interval = 0.7
        return
    peer.heartbeat_interval = 0.7
    peer.connect_to_url(world.url("raw:/slow"))
    await world.until(peer.is_connected_to_host)
    send_a_lot(peer)
    await world.until(lambda: not peer.get_current_outbound_buffered_amount() or not peer.is_connected_to_host())
    peer.close(4000)
    await world.closed(peer)
    assert peer.get_close_code() == 4000, peer.close_cause


@case
async def leaving_the_with_block_leaves_nothing_open(world: World) -> None:
    with world.peer() as peer:
        peer.connect_to_url(world.url("echo"))
        await world.until(lambda: peer.ready_state is State.OPEN)
        assert await exchange(world, peer, "inside") == "inside"
    assert peer.ready_state is State.CLOSED
    with world.peer() as peer:
        peer.connect_to_url(world.url("echo"))
    assert peer.ready_state is State.CLOSED
    with world.peer() as peer:
        pass


# Bad input: an exception before anything was sent.

BAD_URLS = (
    "",
    "/",
    "#",
    "ws://",
    "ws:///",
    "ws://#",
    "ws://example.com/#",
    "ws://example.com/#fragment",
    "ws://foo bar.com/",
    "ws://example.com:port/",
    "ws://example.com:65536/",
    "ws://[::1",
    "ws://[not v6]/",
    "ws://1.2.3.4.5/",
    "ws://256.0.0.1/",
    "ftp://example.com/",
    "mailto:somebody",
    "about:blank",
    "javascript:alert(1)",
)


@case
async def bad_urls_raise(world: World) -> None:
    peer = world.peer()
    for url in BAD_URLS:
        if world.is_page and url in ("", "/"):
            continue  # relative to the page, in a page
        with raises(InvalidURLError, Error.ERR_INVALID_PARAMETER):
            peer.connect_to_url(url)
    for port in (22, 25, 6667, 10080):
        with raises(BlockedPortError):
            peer.connect_to_url(f"ws://127.0.0.1:{port}/")
    assert peer.ready_state is State.CLOSED
    assert peer.get_requested_url() == ""


@case
async def urls_mean_what_they_mean_in_a_browser(world: World) -> None:
    peer = world.peer()
    url = world.url("echo")
    variants = [f"  {url}\n", url.upper().replace("/ECHO", "/echo")]
    if "memory" not in url:
        variants += [url.replace("ws://", "http://"), url.replace("ws://", "ws:"), url.replace("/", "\\")]
    for variant in variants:
        peer.connect_to_url(variant)
        assert peer.get_requested_url() == url
        await world.until(lambda: peer.ready_state is State.OPEN)
        peer.abort()


@case
async def bad_subprotocols_raise(world: World) -> None:
    peer = world.peer()
    for names in (["a", "a"], [""], ["with space"], ["comma,"], ["gr\xfcn"], ["ctl\x01"], ["a/b"], [5]):
        with raises(InvalidSubprotocolError, Error.ERR_INVALID_PARAMETER):
            peer.connect_to_url(world.url("echo"), names)  # type: ignore[arg-type]
        with raises(InvalidSubprotocolError):
            peer.supported_protocols = names  # type: ignore[assignment]
    assert peer.ready_state is State.CLOSED
    peer.supported_protocols = ["chat", "CHAT"]


@case
async def bad_close_arguments_raise_and_the_connection_stays(world: World) -> None:
    peer = await world.connected()
    for code in (0, 1, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65536, -1, 1000.5, "1000", True):
        with raises(InvalidCloseCodeError, Error.ERR_INVALID_PARAMETER):
            peer.close(code)  # type: ignore[arg-type]
    with raises(InvalidCloseCodeError):
        peer.close(None, "a reason without a code")
    for reason in ("x" * 124, "é" * 62, "\U0001f600" * 31, b"bytes", None):
        with raises(InvalidCloseReasonError, Error.ERR_INVALID_PARAMETER):
            peer.close(1000, reason)  # type: ignore[arg-type]
    assert await exchange(world, peer, "still open") == "still open"


@case
async def bad_settings_raise(world: World) -> None:
    peer = world.peer()
    for name in ("inbound_buffer_size", "outbound_buffer_size", "max_queued_packets"):
        for value in (0, -1, 1.5, "many", None):
            with raises(InvalidOptionError, Error.ERR_PARAMETER_RANGE_ERROR):
                setattr(peer, name, value)
    for name in ("handshake_timeout", "close_timeout"):
        for value in (0, -1, "long", None):
            with raises(InvalidOptionError):
                setattr(peer, name, value)
    with raises(InvalidOptionError):
        peer.backpressure = 1  # type: ignore[assignment]
    with raises(InvalidOptionError):
        peer.write_mode = 7  # type: ignore[assignment]
    with raises(InvalidOptionError):
        peer.heartbeat_interval = -1
    for headers in (["no colon"], {"bad name": "x"}, {"X": "line\r\nbreak"}, {"Host": "elsewhere"}):
        with raises(InvalidHeaderError):
            peer.handshake_headers = headers


# Limits.


@case
async def the_outbound_buffer_is_bounded(world: World) -> None:
    peer = await world.connected(outbound_buffer_size=1000)
    with raises(OutboundBufferFullError, Error.ERR_OUT_OF_MEMORY):
        peer.put_packet(b"x" * 1001)
    with raises(OutboundBufferFullError):
        peer.send("é" * 501)
    for message in (b"x" * 1000, "é" * 500):
        assert await exchange(world, peer, message) == message
        await world.until(lambda: peer.get_current_outbound_buffered_amount() == 0)


@case
async def a_full_outbound_buffer_loses_nothing(world: World) -> None:
    peer = await world.connected("raw:/mute", outbound_buffer_size=1_000_000)
    count = 0
    try:
        while count < 200:
            peer.put_packet(b"x" * 100_000)
            count += 1
    except OutboundBufferFullError:
        pass
    assert 10 <= count < 200
    assert peer.ready_state is State.OPEN
    assert 900_000 <= peer.get_current_outbound_buffered_amount() <= 1_000_000


@case
async def as_many_packets_wait_as_may(world: World) -> None:
    peer = await world.connected(max_outbound_packets=2)
    room = 3 if world.is_page and peer.has_backpressure else 2  # a stream hands on the first at once
    for message in ("x", "é", b"x"):
        with peer.batch():
            for _ in range(room):
                peer.send(message)
            for _ in range(4):
                with raises(OutboundBufferFullError, Error.ERR_OUT_OF_MEMORY):
                    peer.send(message)
        await world.until(lambda: peer.get_available_packet_count() == room)
        assert list(peer) == [message] * room
        await world.until(lambda: peer.get_current_outbound_buffered_amount() == 0)


@case
async def a_message_over_the_limit_ends_the_connection(world: World) -> None:
    for message in (b"x" * 101, "é" * 51, "\U0001f600" * 26):
        peer = await world.connected(inbound_buffer_size=100)
        peer.send("x" * 50)
        await world.until(peer.get_available_packet_count)
        peer.send(message)
        await world.closed(peer)
        assert peer.get_close_code() == (4009 if world.is_page else 1009)
        assert not peer.was_clean_close
        assert type(peer.close_cause) is MessageTooBigError
        assert list(peer) == ["x" * 50]


@case
async def a_full_inbound_queue_holds_the_sender_back_or_says_so(world: World) -> None:
    peer = await world.connected("burst?count=100&size=10", max_queued_packets=10)
    assert peer.has_backpressure is world.holds_back
    if not world.holds_back:
        await world.closed(peer)
        assert peer.get_close_code() == 4008
        assert type(peer.close_cause) is InboundOverflowError
        assert peer.close_cause.error is Error.ERR_OUT_OF_MEMORY
        assert len(list(peer)) == 10
        return
    received = 0
    while received < 100:
        await world.until(peer.get_available_packet_count)
        assert peer.get_available_packet_count() <= 10
        received += len(list(peer))
    assert peer.ready_state is State.OPEN


@case
async def wide_texts_count_by_the_memory_that_they_take(world: World) -> None:
    text = "\U0001f600" * 200
    peer = await world.connected(inbound_buffer_size=10_000)
    for _ in range(20):
        peer.send(text)
    if not world.holds_back:
        await world.closed(peer)
        assert peer.get_close_code() == 4008
        assert len(list(peer)) == 10_000 // 800
        return
    received: list[str | bytes] = []
    while len(received) < 20:
        await world.until(peer.get_available_packet_count)
        received += peer
    assert received == [text] * 20


@case
async def wide_texts_count_by_their_bytes_when_they_are_sent(world: World) -> None:
    peer = await world.connected(outbound_buffer_size=1000)
    with raises(OutboundBufferFullError):
        peer.send("\U0001f600" * 251)
    assert await exchange(world, peer, "\U0001f600" * 250) == "\U0001f600" * 250


# What a page cannot do.


@case
async def what_a_page_cannot_do_is_refused_there_with_one_exception(world: World) -> None:
    peer = await world.connected()
    peer.send("first")
    calls: tuple[Callable[[], object], ...] = (
        peer.get_connected_host,
        peer.get_connected_port,
        lambda: peer.set_no_delay(True),
        peer.ping,
        lambda: peer.latency,
        lambda: setattr(peer, "heartbeat_interval", 5),
        lambda: setattr(peer, "handshake_headers", {"X-Token": "secret"}),
    )
    for call in calls:
        if world.is_page:
            with raises(UnsupportedInBrowserError, Error.ERR_UNAVAILABLE):
                call()
        else:
            call()
    if world.is_page:
        with raises(UnsupportedInBrowserError):
            peer.fileno()
        with raises(UnsupportedInBrowserError):
            world.peer().connect_to_url(world.url("echo"), tls=object())  # type: ignore[arg-type]
        for code in (1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014):
            with raises(UnsupportedCloseCodeError, Error.ERR_UNAVAILABLE):
                peer.close(code)
    await world.until(peer.get_available_packet_count)
    if not world.is_page:
        peer.close(1001, "going")
        await world.closed(peer)
        assert peer.get_close_code() == 1001


# Broken bytes.


@wire_case
async def what_breaks_the_protocol_ends_in_closed(world: World) -> None:
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
        peer = world.peer()
        peer.connect_to_url(world.url(behaviour))
        if behaviour == "raw:/masked" and TAKES_MASKED_FRAMES in world.quirks:
            continue
        await world.closed(peer)
        if "close-code" in behaviour and TAKES_BAD_CLOSE_CODES in world.quirks:
            assert peer.get_close_code() == 1005
            continue
        assert not peer.was_clean_close, behaviour
        assert peer.close_cause is not None, behaviour
        assert peer.get_close_code() in ((code, 1006) if world.is_page else (code,)), behaviour
        # Chromium throws away all of the read in which it finds a malformed frame.
        assert list(peer) in ((["fine"], []) if world.is_page else (["fine"],)), behaviour


@wire_case
async def fragments_are_put_together_and_pings_answered(world: World) -> None:
    peer = await world.connected("raw:/fragments")
    await world.closed(peer)
    assert list(peer) == ["grün und gut", b"one two three", "pong: are you there"]
    assert peer.get_close_code() == 1000
