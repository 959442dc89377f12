"""Frames: what the parser gives out, what it refuses, and what the serialiser writes (RFC 6455 §5)."""

from __future__ import annotations

import importlib.util
import sys
from collections import deque
from functools import partial

import pytest

from pyws_browser.errors import MessageTooBigError, RemoteProtocolError
from pyws_browser.wire import frames
from pyws_browser.wire.frames import FrameParser, FrameSerialiser

from .raw import BINARY, CLOSE, CONTINUATION, FIN, MASK, PING, PONG, RSV1, RSV2, RSV3, TEXT, frame, xor

LIMIT = 1 << 20
EXAMPLES = {  # RFC 6455 §5.7
    "a single-frame unmasked text message": ("810548656c6c6f", False, "Hello"),
    "a single-frame masked text message": ("818537fa213d7f9f4d5158", True, "Hello"),
    "256 bytes of binary in a single unmasked frame": ("827e0100" + "2a" * 256, False, b"*" * 256),
    "64 KiB of binary in a single unmasked frame": ("827f0000000000010000" + "2a" * 65536, False, b"*" * 65536),
}


def parser(*, masked: bool = False, limit: int = LIMIT) -> FrameParser:
    return FrameParser(masked=masked, max_payload=limit)


def parse(parser: FrameParser, data: bytes, room: int = 1000) -> tuple[list[str | bytes], list[tuple[int, bytes]]]:
    """Return the whole messages, and the frames that are something else."""
    inbox: deque[str | bytes] = deque()
    others = []
    parser.feed(data)
    while (found := parser.run(inbox, room - len(inbox))) is not None:
        others.append(found)
    return list(inbox), others


class TestWholeMessages:
    @pytest.mark.parametrize(("data", "masked", "message"), EXAMPLES.values(), ids=EXAMPLES)
    def test_the_examples_of_the_rfc_are_read(self, data: str, masked: bool, message: str | bytes) -> None:
        assert parse(parser(masked=masked), bytes.fromhex(data)) == ([message], [])

    @pytest.mark.parametrize("mask", [None, MASK])
    @pytest.mark.parametrize("size", [0, 1, 124, 125, 126, 127, 65534, 65535, 65536, 65537])
    def test_every_form_of_the_length_is_read(self, size: int, mask: bytes | None) -> None:
        payload = bytes(range(256)) * (size // 256) + bytes(range(size % 256))
        assert parse(parser(masked=mask is not None), frame(BINARY, payload, mask=mask)) == ([payload], [])

    def test_many_in_one_read_come_in_order(self) -> None:
        data = b"".join(frame(TEXT, b"%d" % number) + frame(BINARY, b"%d" % number) for number in range(500))
        messages, _ = parse(parser(), data)
        assert messages == [kind for number in range(500) for kind in (str(number), b"%d" % number)]

    def test_no_more_come_than_there_is_room_for(self) -> None:
        p = parser()
        assert parse(p, frame(TEXT, b"a") * 3, room=2) == (["a", "a"], [])
        assert parse(p, b"", room=0) == ([], [])
        assert parse(p, frame(TEXT, b"b")) == (["a", "b"], [])

    @pytest.mark.parametrize("mask", [None, MASK])
    @pytest.mark.parametrize("size", [1, 126, 65536])
    def test_nothing_comes_of_half_a_head(self, size: int, mask: bytes | None) -> None:
        p = parser(masked=mask is not None)
        data = frame(BINARY, bytes(size), mask=mask)
        head_size = len(data) - size
        for end in range(head_size - 1):
            assert parse(p, data[end : end + 1]) == ([], [])
        assert parse(p, data[head_size - 1 :]) == ([bytes(size)], [])


ROWS = {
    "binary, short": [frame(BINARY, b"%08d" % number) for number in range(600)],
    "binary, medium": [frame(BINARY, b"%0200d" % number) for number in range(600)],
    "text": [frame(TEXT, "grün %04d".encode() % number) for number in range(600)],
    "masked": [frame(BINARY, b"%0126d" % number, mask=number.to_bytes(4, "big")) for number in range(600)],
    "empty": [frame(BINARY, b"")] * 600,
    "a longer one within": [frame(BINARY, bytes(30 + (number == 300))) for number in range(600)],
    "a text within": [frame(BINARY if number != 299 else TEXT, bytes(30)) for number in range(600)],
    "two sizes by turns": [frame(BINARY, bytes(30 + number % 2)) for number in range(600)],
}


class TestRows:
    """Many frames of one size, which are cut out together, give what they give one by one."""

    @pytest.mark.parametrize("row", ROWS.values(), ids=ROWS)
    def test_the_messages_are_the_same_as_one_by_one(self, row: list[bytes]) -> None:
        masked = bool(row[0][1] & 0x80)
        apart = parser(masked=masked)
        one_by_one = [message for data in row for message in parse(apart, data)[0]]
        assert len(one_by_one) == 600
        assert parse(parser(masked=masked), b"".join(row)) == (one_by_one, [])

    def test_the_room_is_kept_to(self) -> None:
        p = parser()
        data = b"".join(ROWS["binary, short"])
        expected = [b"%08d" % number for number in range(600)]
        assert parse(p, data, room=259)[0] == expected[:259]
        assert parse(p, b"", room=2)[0] == expected[259:261]
        assert parse(p, b"")[0] == expected[261:]

    @pytest.mark.parametrize("at", [0, 2, 255, 256, 599])
    def test_a_row_ends_where_bad_text_begins(self, at: int) -> None:
        inbox: deque[str | bytes] = deque()
        p = parser()
        p.feed(b"".join(frame(TEXT, b"123456\xff" if number == at else b"1234567") for number in range(600)))
        with pytest.raises(RemoteProtocolError, match="is not UTF-8"):
            p.run(inbox, 1000)
        assert list(inbox) == ["1234567"] * at

    @pytest.mark.parametrize(
        ("bad", "masked"),
        [
            (b"\x82\x7e\x00\x10" + bytes(16), False),
            (frame(BINARY, bytes(16), mask=MASK), False),
            (frame(BINARY, bytes(16)), True),
            (frame(BINARY, bytes(16), rsv=RSV2), False),
            (frame(BINARY, bytes(LIMIT + 1)), False),
            (frame(CONTINUATION, bytes(16)), False),
        ],
        ids=["a long form", "a mask", "no mask", "a reserved bit", "over the limit", "nothing to continue"],
    )
    def test_no_row_breaks_a_rule(self, bad: bytes, masked: bool) -> None:
        p = parser(masked=masked)
        p.feed(bad * 100)
        with pytest.raises(RemoteProtocolError):
            p.run(deque(), 1000)

    def test_between_fragments_no_row_is_a_message(self) -> None:
        p = parser()
        p.in_fragments = True
        p.feed(frame(BINARY, bytes(16)) * 100)
        with pytest.raises(RemoteProtocolError, match="before the last fragment"):
            p.run(deque(), 1000)

    def test_a_limit_is_kept_to_by_every_frame_of_a_row(self) -> None:
        p = parser(limit=200)
        p.feed(frame(BINARY, bytes(201)) * 100)
        with pytest.raises(MessageTooBigError):
            p.run(deque(), 1000)


class TestOtherFrames:
    """What is no whole message is given out as it stands: its first byte and its payload."""

    @pytest.mark.parametrize("opcode", [CLOSE, PING, PONG])
    @pytest.mark.parametrize("mask", [None, MASK])
    def test_control_frames_come_out_between_messages(self, opcode: int, mask: bytes | None) -> None:
        p = parser(masked=mask is not None)
        control = frame(opcode, b"payload", mask=mask)
        data = frame(TEXT, b"a", mask=mask) + control + frame(TEXT, b"b", mask=mask)
        assert parse(p, data) == (["a", "b"], [(FIN | opcode, b"payload")])

    def test_a_control_frame_comes_out_whole_or_not_at_all(self) -> None:
        p = parser(masked=True)
        data = frame(PING, b"payload", mask=MASK)
        for end in range(len(data) - 1):
            assert parse(p, data[end : end + 1]) == ([], [])
        assert parse(p, data[-1:]) == ([], [(FIN | PING, b"payload")])

    def test_fragments_come_out_one_by_one(self) -> None:
        p = parser()
        assert parse(p, frame(TEXT, b"a", fin=False)) == ([], [(TEXT, b"a")])
        p.in_fragments = True
        data = frame(CONTINUATION, b"b", fin=False) + frame(CONTINUATION, b"c")
        assert parse(p, data) == ([], [(CONTINUATION, b"b"), (FIN | CONTINUATION, b"c")])

    def test_compressed_messages_come_out_marked(self) -> None:
        p = parser()
        p.may_compress = True
        assert parse(p, frame(TEXT, b"a", rsv=RSV1)) == ([], [(FIN | RSV1 | TEXT, b"a")])


class TestParts:
    """A frame of which a part has arrived comes out as if the sender had made fragments of it."""

    @pytest.mark.parametrize("mask", [None, MASK])
    def test_a_part_is_given_out_at_once(self, mask: bytes | None) -> None:
        p = parser(masked=mask is not None)
        data = frame(BINARY, b"0123456789", mask=mask)
        assert parse(p, data[:-7]) == ([], [(BINARY, b"012")])
        p.in_fragments = True
        assert parse(p, b"") == ([], [])
        assert parse(p, data[-7:-2]) == ([], [(CONTINUATION, b"34567")])
        assert parse(p, data[-2:]) == ([], [(FIN | CONTINUATION, b"89")])

    def test_what_follows_the_last_part_is_the_next_frame(self) -> None:
        p = parser()
        data = frame(BINARY, b"0123") + frame(TEXT, b"next")
        assert parse(p, data[:4]) == ([], [(BINARY, b"01")])
        inbox: deque[str | bytes] = deque()
        p.in_fragments = True
        p.feed(data[4:])
        assert p.run(inbox, 9) == (FIN | CONTINUATION, b"23")
        p.in_fragments = False
        assert p.run(inbox, 9) is None
        assert inbox == deque(["next"])

    def test_a_part_of_a_fragment_does_not_end_the_message(self) -> None:
        p = parser()
        data = frame(BINARY, b"0123", fin=False)
        assert parse(p, data[:4]) == ([], [(BINARY, b"01")])
        p.in_fragments = True
        assert parse(p, data[4:]) == ([], [(CONTINUATION, b"23")])

    def test_the_last_part_waits_for_room(self) -> None:
        p = parser()
        data = frame(BINARY, b"0123")
        parse(p, data[:4])
        p.in_fragments = True
        assert parse(p, data[4:], room=0) == ([], [])
        assert parse(p, b"") == ([], [(FIN | CONTINUATION, b"23")])

    def test_only_the_first_part_is_marked_as_compressed(self) -> None:
        p = parser()
        p.may_compress = True
        data = frame(BINARY, b"0123", rsv=RSV1)
        assert parse(p, data[:4]) == ([], [(RSV1 | BINARY, b"01")])
        p.in_fragments = True
        assert parse(p, data[4:]) == ([], [(FIN | CONTINUATION, b"23")])


_HUGE = (1 << 40).to_bytes(8, "big")
VIOLATIONS = {  # what breaks a rule, whether clients are being read, between fragments or not, the words to expect
    "RSV1 without an extension": (frame(TEXT, b"a", rsv=RSV1), False, False, "reserved bit"),
    "RSV2": (frame(TEXT, b"a", rsv=RSV2), False, False, "reserved bit"),
    "RSV3": (frame(BINARY, rsv=RSV3), False, False, "reserved bit"),
    "RSV1 in a control frame": (frame(PING, rsv=RSV1), False, False, "reserved bit"),
    "opcode 3": (frame(3), False, False, "unknown opcode 3"),
    "opcode 7": (frame(7), False, False, "unknown opcode 7"),
    "opcode 11": (frame(11), False, False, "unknown opcode 11"),
    "opcode 15": (frame(15), False, False, "unknown opcode 15"),
    "a fragmented ping": (frame(PING, fin=False), False, False, "fragments"),
    "a fragmented close": (frame(CLOSE, fin=False), False, True, "fragments"),
    "a ping of 126 bytes": (frame(PING, bytes(126)), False, False, "125"),
    "the head of a ping of 126 bytes": (frame(PING, bytes(126))[:2], False, False, "125"),
    "a continuation of nothing": (frame(CONTINUATION), False, False, "nothing to continue"),
    "a text between fragments": (frame(TEXT, b"a"), False, True, "before the last fragment"),
    "a binary between fragments": (frame(BINARY, b"a"), False, True, "before the last fragment"),
    "the head of a binary between fragments": (frame(BINARY, b"abc")[:2], False, True, "before the last fragment"),
    "a client without a mask": (frame(TEXT, b"a"), True, False, "without a mask"),
    "a server with a mask": (frame(TEXT, b"a", mask=MASK), False, False, "with a mask"),
    "16 bits for a length of 125": (b"\x82\x7e\x00\x7d" + bytes(125), False, False, "shortest form"),
    "64 bits for a length of 65535": (b"\x82\x7f" + bytes(6) + b"\xff\xff", False, False, "shortest form"),
    "the highest bit of a length": (b"\x82\x7f\x80" + bytes(7), False, False, "highest bit"),
    "a masked client's half head": (b"\xf2\x81", True, False, "reserved bit"),
    "an unknown opcode's half head": (b"\x83\x7e\x01", False, False, "unknown opcode"),
    "RSV2, and the highest bit of a length": (b"\xa2\x7f\x80" + bytes(7), False, False, "reserved bit"),
    "opcode 3, and 16 bits for a length of 1": (b"\x83\x7e\x00\x01a", False, False, "unknown opcode 3"),
    "a ping, and 64 bits for a length of 1": (b"\x89\x7f" + bytes(7) + b"\x01a", False, False, "125"),
}
TOO_BIG = {
    "by the 7-bit length": (frame(BINARY, bytes(101)), 101),
    "by the 16-bit length": (frame(BINARY, bytes(200)), 200),
    "by the 64-bit length": (b"\x82\x7f" + _HUGE, 1 << 40),
    "the largest length": (b"\x82\x7f\x7f" + b"\xff" * 7, 2**63 - 1),
    "as a fragment": (frame(BINARY, bytes(101), fin=False), 101),
}


class TestViolations:
    @pytest.mark.parametrize(("data", "masked", "in_fragments", "words"), VIOLATIONS.values(), ids=VIOLATIONS)
    def test_is_a_protocol_error(self, data: bytes, masked: bool, in_fragments: bool, words: str) -> None:
        p = parser(masked=masked)
        p.in_fragments = in_fragments
        with pytest.raises(RemoteProtocolError, match=words) as caught:
            parse(p, data)
        assert caught.value.close_code == 1002

    @pytest.mark.parametrize(("data", "masked", "in_fragments", "words"), VIOLATIONS.values(), ids=VIOLATIONS)
    def test_is_the_same_error_byte_by_byte(self, data: bytes, masked: bool, in_fragments: bool, words: str) -> None:
        p = parser(masked=masked)
        p.in_fragments = in_fragments
        pieces = [data[at : at + 1] for at in range(len(data))]
        with pytest.raises(RemoteProtocolError, match=words):
            list(map(partial(parse, p), pieces))

    @pytest.mark.parametrize(("rsv", "opcode"), [(RSV2, TEXT), (RSV1 | RSV2, TEXT), (RSV1, PING), (RSV1, CONTINUATION)])
    def test_compression_gives_a_meaning_to_rsv1_in_a_first_frame_only(self, rsv: int, opcode: int) -> None:
        p = parser()
        p.may_compress = True
        p.in_fragments = opcode == CONTINUATION
        with pytest.raises(RemoteProtocolError, match="reserved bit"):
            parse(p, frame(opcode, b"a", rsv=rsv))

    def test_the_highest_bit_of_a_compressed_frames_length(self) -> None:
        p = parser()
        p.may_compress = True
        with pytest.raises(RemoteProtocolError, match="highest bit"):
            parse(p, b"\xc2\x7f" + b"\xff" * 8)

    @pytest.mark.parametrize(("data", "size"), TOO_BIG.values(), ids=TOO_BIG)
    def test_a_frame_over_the_limit_is_refused_by_its_head(self, data: bytes, size: int) -> None:
        with pytest.raises(MessageTooBigError, match=f"{size} bytes") as caught:
            parse(parser(limit=100), data)
        assert caught.value.close_code == 1009

    def test_a_frame_of_the_limit_is_not(self) -> None:
        assert parse(parser(limit=100), frame(BINARY, bytes(100))) == ([bytes(100)], [])

    @pytest.mark.parametrize(("rsv", "in_fragments"), [(RSV1, False), (0, True)])
    def test_a_compressed_frame_is_not_judged_by_its_size(self, rsv: int, in_fragments: bool) -> None:
        p = parser(limit=100)
        p.may_compress = True
        p.in_fragments = in_fragments
        opcode = CONTINUATION if in_fragments else BINARY
        assert parse(p, frame(opcode, bytes(101), rsv=rsv)) == ([], [(FIN | rsv | opcode, bytes(101))])

    @pytest.mark.parametrize("bad", [b"\xff", b"\xc0\xaf", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xc3"])
    def test_text_that_is_not_utf8_is_refused_with_1007(self, bad: bytes) -> None:
        with pytest.raises(RemoteProtocolError, match="is not UTF-8") as caught:
            parse(parser(), frame(TEXT, b"ok" + bad))
        assert caught.value.close_code == 1007
        with pytest.raises(RemoteProtocolError, match="is not UTF-8"):
            frames.decode(bad)

    def test_what_came_before_the_violation_is_delivered(self) -> None:
        p = parser()
        inbox: deque[str | bytes] = deque()
        p.feed(frame(TEXT, b"a") + frame(BINARY, b"b") + frame(3))
        with pytest.raises(RemoteProtocolError):
            p.run(inbox, 9)
        assert list(inbox) == ["a", b"b"]


def serialise(serialiser: FrameSerialiser, head: int, payload: bytes) -> bytes:
    return b"".join(serialiser.serialise([(head, payload)]))


class TestSerialiser:
    @pytest.mark.parametrize("size", [0, 1, 125, 126, 65535, 65536])
    @pytest.mark.parametrize("opcode", [TEXT, BINARY, PING])
    def test_a_servers_frame_is_that_of_the_rfc(self, size: int, opcode: int) -> None:
        serialiser = FrameSerialiser(masked=False)
        assert serialise(serialiser, FIN | opcode, b"x" * size) == frame(opcode, b"x" * size)

    @pytest.mark.parametrize("size", [0, 1, 3, 4, 5, 125, 126, 65535, 65536])
    def test_a_clients_frame_is_the_same_but_masked(self, size: int) -> None:
        payload = bytes(number % 251 for number in range(size))
        data = serialise(FrameSerialiser(masked=True), FIN | BINARY, payload)
        mask_at = len(data) - size - 4
        mask = data[mask_at : mask_at + 4]
        assert data == frame(BINARY, payload, mask=mask)
        assert xor(data[mask_at + 4 :], mask) == payload

    def test_large_payloads_are_handed_on_without_a_copy_and_the_rest_is_joined(self) -> None:
        large, serialiser = bytes(16 * 1024), FrameSerialiser(masked=False)
        buffers = serialiser.serialise([(FIN | BINARY, payload) for payload in (b"a", large, b"b", b"c")])
        assert buffers == [
            frame(BINARY, b"a") + frame(BINARY, large)[:4],
            large,
            frame(BINARY, b"b") + frame(BINARY, b"c"),
        ]
        assert buffers[1] is large

    def test_every_frame_has_a_mask_of_its_own(self) -> None:
        serialiser = FrameSerialiser(masked=True)
        masks = {serialise(serialiser, FIN | BINARY, b"")[2:] for _ in range(3000)}
        assert len(masks) > 2990


@pytest.mark.skipif(not frames.__file__.endswith(".py"), reason="compiled modules have one name")
def test_without_a_compiled_mask_the_slower_one_serves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "websockets.speedups", None)
    spec = importlib.util.spec_from_file_location("pyws_browser.wire.frames_without_speedups", frames.__file__)
    slower = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(slower)
    assert slower.apply_mask.__module__ == "websockets.utils"
    data = serialise(slower.FrameSerialiser(masked=True), FIN | TEXT, b"payload")
    assert xor(data[6:], data[2:6]) == b"payload"
