"""Messages: fragments, control frames and the closing handshake of one side (RFC 6455 §5.4, §5.5, §7)."""

from __future__ import annotations

import tracemalloc
from collections import deque

import pytest

from pyws_browser.errors import MessageTooBigError, RemoteProtocolError
from pyws_browser.wire.messages import BINARY, FRAMES_IN_A_ROW, MAX_WAITING_PONGS, TEXT, MessageStream

from .raw import CLOSE, CONTINUATION, MASK, PING, PONG, close_frame, frame

LIMIT = 1 << 20
MUCH = 1 << 18


def client(limit: int = LIMIT, **settings: int) -> MessageStream:
    """Return a client's side: what it reads is not masked."""
    return MessageStream(is_client=True, max_size=limit, **settings)


def server(limit: int = LIMIT) -> MessageStream:
    """Return a server's side: what it sends is not masked."""
    return MessageStream(is_client=False, max_size=limit)


def parse(stream: MessageStream, data: bytes, room: int = 1000) -> list[str | bytes]:
    inbox: deque[str | bytes] = deque()
    stream.receive(data)
    while not stream.parse(inbox, room - len(inbox)) and stream.is_reading and len(inbox) < room:
        pass
    return list(inbox)


def sent(stream: MessageStream) -> bytes:
    return b"".join(stream.take(1 << 30)) if stream.outbox else b""


def fragments(opcode: int, *payloads: bytes) -> bytes:
    """Return a message in fragments, unmasked."""
    last = len(payloads) - 1
    return b"".join(
        frame(CONTINUATION if number else opcode, payload, fin=number == last)
        for number, payload in enumerate(payloads)
    )


class TestReceiving:
    def test_whole_messages_go_into_the_inbox(self) -> None:
        assert parse(client(), frame(TEXT, "λ".encode()) + frame(BINARY, b"\0")) == ["λ", b"\0"]

    @pytest.mark.parametrize("payloads", [(b"one", b"two"), (b"", b""), (b"a", b"", b"", b"b"), (b"x" * 5000,) * 3])
    def test_fragments_become_one_message(self, payloads: tuple[bytes, ...]) -> None:
        stream = client()
        assert parse(stream, fragments(BINARY, *payloads)) == [b"".join(payloads)]
        assert parse(stream, fragments(TEXT, *payloads)) == [b"".join(payloads).decode()]

    def test_a_character_may_be_cut_between_fragments(self) -> None:
        text = "κόσμε 𝄞"
        pieces = [bytes([byte]) for byte in text.encode()]
        assert parse(client(), fragments(TEXT, *pieces)) == [text]

    def test_control_frames_may_come_between_fragments(self) -> None:
        stream = server()
        data = frame(TEXT, b"a", fin=False, mask=MASK) + frame(PING, b"p", mask=MASK)
        assert parse(stream, data + frame(CONTINUATION, b"b", mask=MASK)) == ["ab"]
        assert sent(stream) == frame(PONG, b"p")

    def test_messages_follow_a_fragmented_one(self) -> None:
        stream = client()
        data = fragments(TEXT, b"a", b"b") + frame(TEXT, b"c") + fragments(BINARY, b"d", b"e")
        assert parse(stream, data) == ["ab", "c", b"de"]

    @pytest.mark.parametrize(
        "data", [frame(PING), frame(PONG), fragments(BINARY, b"", b"")], ids=["pings", "pongs", "fragments"]
    )
    def test_after_many_frames_that_are_no_whole_messages_the_caller_looks_at_the_clock(self, data: bytes) -> None:
        stream = client()
        inbox: deque[str | bytes] = deque()
        stream.receive(data * FRAMES_IN_A_ROW + frame(BINARY, b"end"))
        calls = 1
        while not stream.parse(inbox, 1000):
            calls += 1
        assert inbox[-1] == b"end"
        assert calls == 1 + len(data) // 2, "once for each row of frames"

    def test_parse_says_whether_it_wants_more_input(self) -> None:
        stream = client()
        inbox: deque[str | bytes] = deque()
        stream.receive(frame(TEXT, b"a") * 3)
        assert not stream.parse(inbox, 2)
        assert not stream.parse(inbox, 1)
        assert stream.parse(inbox, 1)
        assert list(inbox) == ["a", "a", "a"]

    def test_nothing_is_read_after_a_close_frame(self) -> None:
        stream = client()
        assert parse(stream, frame(TEXT, b"a") + close_frame(1000) + frame(TEXT, b"b")) == ["a"]
        assert not stream.is_reading
        assert parse(stream, frame(3)) == []
        assert stream.failure is None

    def test_many_tiny_fragments_weigh_no_more_than_the_message(self) -> None:
        stream = client()
        parse(stream, frame(BINARY, fin=False))
        tracemalloc.start()
        for _ in range(10):
            parse(stream, (frame(CONTINUATION, b"x", fin=False) + frame(CONTINUATION, fin=False)) * 2000)
        grown = tracemalloc.get_traced_memory()[0]
        tracemalloc.stop()
        assert grown < 2 * 20_000
        assert parse(stream, frame(CONTINUATION)) == [b"x" * 20_000]

    @pytest.mark.parametrize("opcode", [TEXT, BINARY])
    def test_of_messages_in_parts_nothing_is_kept_once_the_program_takes_none(self, opcode: int) -> None:
        stream = client(limit=64 << 20, keeps_fragments=True)
        assert parse(stream, frame(opcode, bytes(MUCH), fin=False)) == []
        tracemalloc.start()
        try:
            stream.discard_parts()
            for _ in range(20):
                parse(stream, frame(CONTINUATION, bytes(MUCH), fin=False))
            kept, _ = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert kept < MUCH
        assert stream.take_fragments() == []
        rest = frame(CONTINUATION, b"end") + fragments(opcode, b"a", b"b") + close_frame(1000)
        assert parse(stream, rest) == [b"", b""]
        assert stream.close_received == (1000, "")

    def test_a_message_that_is_too_large_fails_though_nothing_of_it_is_kept(self) -> None:
        stream = client(limit=1000)
        stream.discard_parts()
        parse(stream, fragments(BINARY, bytes(600), bytes(600)))
        assert isinstance(stream.failure, MessageTooBigError)


UTF8_VIOLATIONS = {
    "in a frame": frame(TEXT, b"ok\xff"),
    "in a fragment": frame(TEXT, b"ok", fin=False) + frame(CONTINUATION, b"\xff", fin=False),
    "in the part of a frame that has arrived": frame(TEXT, b"ok\xff" + bytes(100))[:10],
    "at the end of the last fragment": fragments(TEXT, b"ok", b"\xce"),
    "in a close reason": close_frame(1000, b"\xff"),
}
CLOSE_VIOLATIONS = {
    "half a code": frame(CLOSE, b"\x03"),
    **{
        f"the code {code}": close_frame(code)
        for code in (0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535)
    },
}


class TestFailing:
    """RFC 6455 §7.1.7: say why in a Close frame, and read no further."""

    @pytest.mark.parametrize("data", UTF8_VIOLATIONS.values(), ids=UTF8_VIOLATIONS)
    def test_text_that_is_not_utf8_fails_with_1007(self, data: bytes) -> None:
        stream = client()
        assert parse(stream, data) == []
        assert isinstance(stream.failure, RemoteProtocolError)
        assert stream.close_sent is not None
        assert stream.close_sent[0] == 1007
        assert stream.close_sent[1]
        assert not stream.is_reading

    @pytest.mark.parametrize("data", CLOSE_VIOLATIONS.values(), ids=CLOSE_VIOLATIONS)
    def test_a_bad_close_frame_fails_with_1002(self, data: bytes) -> None:
        stream = client()
        parse(stream, data)
        assert isinstance(stream.failure, RemoteProtocolError)
        assert stream.close_sent is not None
        assert stream.close_sent[0] == 1002
        assert stream.close_sent[1]
        assert stream.close_received is None

    def test_the_close_frame_is_what_goes_out(self) -> None:
        stream = server()
        parse(stream, frame(TEXT, b"no mask"))
        assert sent(stream) == close_frame(1002, b"a client's frame came without a mask")

    def test_after_our_own_close_frame_none_goes_out(self) -> None:
        stream = server()
        stream.close(1000)
        parse(stream, frame(3, mask=MASK))
        assert sent(stream) == close_frame(1000)
        assert stream.failure is not None

    @pytest.mark.parametrize(
        "data",
        [
            frame(BINARY, bytes(101)),
            frame(BINARY, bytes(101))[:2],
            fragments(BINARY, bytes(60), bytes(41)),
            frame(BINARY, bytes(60), fin=False) + frame(CONTINUATION, bytes(41))[:45],
        ],
        ids=["a frame", "a head", "fragments", "the part of a fragment"],
    )
    def test_a_message_over_the_limit_fails_with_1009(self, data: bytes) -> None:
        stream = client(limit=100)
        assert parse(stream, data) == []
        assert isinstance(stream.failure, MessageTooBigError)
        assert stream.close_sent is not None
        assert stream.close_sent[0] == 1009
        assert stream.close_sent[1]

    def test_a_message_of_the_limit_does_not(self) -> None:
        stream = client(limit=100)
        assert parse(stream, fragments(BINARY, bytes(60), bytes(40)) * 2) == [bytes(100)] * 2

    def test_another_code_can_stand_for_1009(self) -> None:
        stream = client(limit=100, too_big_code=4009)
        parse(stream, frame(BINARY, bytes(101)))
        assert stream.close_sent == (4009, "")


class TestClosing:
    @pytest.mark.parametrize("code", [1000, 1001, 1003, 1007, 1011, 1014, 3000, 4999])
    def test_a_close_frame_is_answered_with_its_code(self, code: int) -> None:
        stream = server()
        parse(stream, close_frame(code, "weil’s so ist".encode(), MASK))
        assert stream.close_received == (code, "weil’s so ist")
        assert stream.closed_by_other_side
        assert sent(stream) == close_frame(code, "weil’s so ist".encode())

    def test_one_without_a_code_stands_for_1005_and_gets_none(self) -> None:
        stream = server()
        parse(stream, frame(CLOSE, mask=MASK))
        assert stream.close_received == stream.close_sent == (1005, "")
        assert sent(stream) == frame(CLOSE)

    def test_our_own_is_not_answered_twice(self) -> None:
        stream = server()
        stream.close(1001, "bye")
        stream.close(1011, "again")
        parse(stream, close_frame(1001, b"bye", MASK))
        assert sent(stream) == close_frame(1001, b"bye")
        assert stream.close_sent == stream.close_received == (1001, "bye")
        assert not stream.closed_by_other_side

    def test_messages_still_come_until_the_answer(self) -> None:
        stream = client()
        stream.close(None)
        assert parse(stream, frame(TEXT, b"late") + frame(CLOSE)) == ["late"]
        assert stream.close_received == (1005, "")


class TestPinging:
    def test_a_ping_is_answered_with_its_payload(self) -> None:
        stream = server()
        parse(stream, frame(PING, b"\x01\x02", mask=MASK))
        assert sent(stream) == frame(PONG, b"\x01\x02")

    def test_a_pong_is_remembered(self) -> None:
        stream = client()
        assert not stream.pongs
        parse(stream, frame(PONG, b"one") + frame(PONG, b"two"))
        assert stream.pongs[-1] == b"two"

    def test_our_ping_goes_out(self) -> None:
        stream = server()
        stream.ping(b"payload")
        assert sent(stream) == frame(PING, b"payload")

    def test_after_our_close_frame_no_ping_is_answered(self) -> None:
        stream = server()
        stream.close(1000)
        parse(stream, frame(PING, mask=MASK))
        assert sent(stream) == close_frame(1000)

    def test_a_flood_of_pings_costs_bounded_memory_and_the_last_is_answered(self) -> None:
        stream = server()
        for number in range(10_000):
            parse(stream, frame(PING, b"%d" % number, mask=MASK))
        answers = [frame(PONG, b"%d" % number) for number in range(MAX_WAITING_PONGS)]
        assert sent(stream) == b"".join(answers)
        stream.outbox_was_sent()
        assert sent(stream) == frame(PONG, b"9999")
        stream.outbox_was_sent()
        assert sent(stream) == b""

    def test_the_late_pong_does_not_follow_a_close_frame(self) -> None:
        stream = server()
        parse(stream, frame(PING, mask=MASK) * (MAX_WAITING_PONGS + 1))
        stream.close(1000)
        sent(stream)
        stream.outbox_was_sent()
        assert sent(stream) == b""


class TestSending:
    def test_messages_go_out_in_one_frame_each(self) -> None:
        stream = server()
        stream.send(TEXT, b"a")
        stream.send(BINARY, b"b" * 70_000)
        assert stream.outbox_size == 70_001
        assert sent(stream) == frame(TEXT, b"a") + frame(BINARY, b"b" * 70_000)
        assert stream.outbox_size == 0

    def test_what_is_taken_at_once_is_bounded(self) -> None:
        stream = server()
        for _ in range(5):
            stream.send(BINARY, bytes(100))
        assert stream.take(250) == [frame(BINARY, bytes(100)) * 3]
        assert stream.outbox_size == 200
        assert stream.take(250) == [frame(BINARY, bytes(100)) * 2]
        stream.send(BINARY, bytes(100))
        assert stream.take(1) == [frame(BINARY, bytes(100))]

    def test_discarding_empties_the_outbox(self) -> None:
        stream = server()
        stream.send(TEXT, b"a")
        stream.discard()
        assert stream.outbox_size == 0
        assert not stream.outbox
