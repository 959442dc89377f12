"""Compression: permessage-deflate over the messages (RFC 7692 §7), and what a bomb comes to."""

from __future__ import annotations

import os
import tracemalloc
import zlib
from collections import deque

import pytest

from pyws_browser import InvalidOptionError, State, UnsupportedInBrowserError, WebSocketPeer, WebSocketServer
from pyws_browser.errors import MessageTooBigError
from pyws_browser.protocol.compression import Compression
from pyws_browser.wire.deflate import BLOCK_SIZE, MAX_FINAL_BLOCKS, Deflater, DeflateTerms, Inflater
from pyws_browser.wire.frames import FIN
from pyws_browser.wire.messages import BINARY, INFLATED_IN_A_ROW, TEXT, MessageStream

from .raw import CONTINUATION, RSV1, frame

TERMS = DeflateTerms(15, True, 15, True)
NO_TAKEOVER = DeflateTerms(15, False, 15, False)
EVERYTHING = Compression(min_size=0)
HELLO = {  # RFC 7692 §7.2.3
    "one block": "f248cdc9c90700",
    "no compression": "000500faff48656c6c6f00",
    "a final block": "f348cdc9c9070000",
    "two blocks": "f248050000 00ffffcac9c90700",
}


def client(terms: DeflateTerms = TERMS, compression: Compression = EVERYTHING, limit: int = 1 << 24) -> MessageStream:
    stream = MessageStream(is_client=True, max_size=limit)
    stream.compress(terms, compression)
    return stream


def parse(stream: MessageStream, data: bytes, room: int = 1000) -> list[str | bytes]:
    inbox: deque[str | bytes] = deque()
    stream.receive(data)
    while not stream.parse(inbox, room - len(inbox)) and stream.is_reading and len(inbox) < room:
        pass
    return list(inbox)


def parse_in_steps(stream: MessageStream, data: bytes) -> tuple[list[str | bytes], list[int]]:
    """Return the messages, and to how many bytes each call of `parse()` inflated something."""
    inbox: deque[str | bytes] = deque()
    sizes = []
    stream.receive(data)
    is_dry = False
    while not is_dry and stream.is_reading:
        is_dry = stream.parse(inbox, 1000)
        sizes.append(stream.inflated_size)
    return list(inbox), sizes


def deflate(data: bytes) -> bytes:
    compressor = zlib.compressobj(9, wbits=-15)
    return (compressor.compress(data) + compressor.flush(zlib.Z_SYNC_FLUSH))[:-4]


def inflate(inflater: Inflater, data: bytes) -> bytes:
    return b"".join(inflater.inflate(data, is_last=True))


class TestReceiving:
    @pytest.mark.parametrize("deflated", HELLO.values(), ids=HELLO)
    def test_the_examples_of_the_rfc_are_read(self, deflated: str) -> None:
        assert parse(client(), frame(TEXT, bytes.fromhex(deflated), rsv=RSV1) * 2) == ["Hello"] * 2

    def test_the_window_reaches_back_over_messages(self) -> None:
        first, second = bytes.fromhex("f248cdc9c90700"), bytes.fromhex("f200110000")
        assert parse(client(), frame(TEXT, first, rsv=RSV1) + frame(TEXT, second, rsv=RSV1)) == ["Hello"] * 2

    def test_without_context_takeover_it_does_not(self) -> None:
        first, second = bytes.fromhex("f248cdc9c90700"), bytes.fromhex("f200110000")
        stream = client(NO_TAKEOVER)
        assert parse(stream, frame(TEXT, first, rsv=RSV1) * 2) == ["Hello"] * 2
        parse(stream, frame(TEXT, second, rsv=RSV1))
        assert stream.close_sent is not None
        assert stream.close_sent[0] == 1007
        assert stream.close_sent[1]

    def test_uncompressed_messages_may_come_between(self) -> None:
        deflated = frame(TEXT, bytes.fromhex(HELLO["one block"]), rsv=RSV1)
        assert parse(client(), deflated + frame(TEXT, b"plain") + deflated) == ["Hello", "plain", "Hello"]

    @pytest.mark.parametrize("opcode", [TEXT, BINARY])
    def test_a_compressed_message_may_come_in_fragments_and_those_in_parts(self, opcode: int) -> None:
        deflated = deflate("κόσμε".encode() * 100)
        data = frame(opcode, deflated[:7], fin=False, rsv=RSV1) + frame(CONTINUATION, deflated[7:])
        data += frame(opcode, b"plain", fin=False) + frame(CONTINUATION)
        stream, messages = client(), []
        for byte in data:
            messages += parse(stream, bytes([byte]))
        plain = ["κόσμε" * 100, "plain"]
        assert messages == (plain if opcode == TEXT else [text.encode() for text in plain])

    def test_an_empty_message_may_be_compressed(self) -> None:
        assert parse(client(), frame(BINARY, b"\x00", rsv=RSV1)) == [b""]

    def test_what_cannot_be_inflated_fails_with_1007(self) -> None:
        stream = client()
        parse(stream, frame(TEXT, b"\xff\xff\xff", rsv=RSV1))
        assert stream.close_sent is not None
        assert stream.close_sent[0] == 1007
        assert stream.close_sent[1]
        assert "inflated" in str(stream.failure)

    def test_a_flood_of_final_blocks_fails_with_1008(self) -> None:
        final = b"\x03\x00"
        stream = client()
        assert parse(stream, frame(BINARY, final * MAX_FINAL_BLOCKS + b"\0", rsv=RSV1) * 2) == [b"", b""]
        parse(stream, frame(BINARY, final * (MAX_FINAL_BLOCKS + 1), rsv=RSV1))
        assert stream.close_sent is not None
        assert stream.close_sent[0] == 1008
        assert stream.close_sent[1]

    def test_bad_text_fails_with_1007_before_its_end(self) -> None:
        stream = client()
        deflated = deflate(b"\xff" + os.urandom(100))
        parse(stream, frame(TEXT, deflated[:50], fin=False, rsv=RSV1))
        assert stream.close_sent is not None
        assert stream.close_sent[0] == 1007
        assert stream.close_sent[1]


class TestLimits:
    @pytest.mark.parametrize("parts", [1, 10])
    def test_a_bomb_fails_with_1009_and_takes_the_limit_and_a_block(self, parts: int) -> None:
        limit = 1 << 20
        bomb = deflate(bytes(64 << 20))
        step = -(-len(bomb) // parts)
        stream = client(limit=limit)
        frames = [
            frame(CONTINUATION if at else BINARY, bomb[at : at + step], fin=False, rsv=0 if at else RSV1)
            for at in range(0, len(bomb), step)
        ]
        tracemalloc.start()
        for data in frames:
            parse(stream, data)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert isinstance(stream.failure, MessageTooBigError)
        assert stream.close_sent is not None
        assert stream.close_sent[0] == 1009
        assert stream.close_sent[1]
        # The buffer grows in steps of an eighth; zlib joins a block of smaller ones.
        assert peak < limit * 9 // 8 + 4 * BLOCK_SIZE + len(bomb)

    @pytest.mark.parametrize("size", [BLOCK_SIZE - 1, BLOCK_SIZE, BLOCK_SIZE + 1, 3 * BLOCK_SIZE])
    def test_a_message_of_the_limit_comes_through(self, size: int) -> None:
        stream = client(limit=size)
        assert parse(stream, frame(BINARY, deflate(bytes(size)), rsv=RSV1)) == [bytes(size)]
        parse(stream, frame(BINARY, deflate(bytes(size + 1)), rsv=RSV1))
        assert stream.close_sent is not None
        assert stream.close_sent[0] == 1009
        assert stream.close_sent[1]

    def test_random_bytes_of_the_limit_come_through_although_they_grew(self) -> None:
        payload = os.urandom(100_000)
        stream = client(limit=len(payload))
        deflated = deflate(payload)
        assert len(deflated) > len(payload)
        assert parse(stream, frame(BINARY, deflated, rsv=RSV1)) == [payload]

    @pytest.mark.parametrize("limit", [1 << 20, 1 << 24])
    def test_many_messages_that_inflate_a_lot_stop_for_the_caller(self, limit: int) -> None:
        inbox, sizes = parse_in_steps(client(limit=limit), frame(BINARY, deflate(bytes(400_000)), rsv=RSV1) * 9)
        assert inbox == [bytes(400_000)] * 9
        assert sum(sizes) == 9 * 400_000
        assert max(sizes) <= INFLATED_IN_A_ROW + BLOCK_SIZE

    @pytest.mark.parametrize("fragments", [1, 3])
    @pytest.mark.parametrize(
        ("opcode", "message"), [(BINARY, bytes(16 << 20)), (TEXT, "λ" * (5 << 20))], ids=["binary", "text"]
    )
    def test_one_message_that_inflates_a_lot_stops_for_the_caller(
        self, opcode: int, message: str | bytes, fragments: int
    ) -> None:
        payload = message.encode() if isinstance(message, str) else message
        deflated = deflate(payload)
        step = -(-len(deflated) // fragments)
        frames = b"".join(
            frame(
                CONTINUATION if at else opcode,
                deflated[at : at + step],
                fin=at + step >= len(deflated),
                rsv=0 if at else RSV1,
            )
            for at in range(0, len(deflated), step)
        )
        inbox, sizes = parse_in_steps(client(), frames + frame(TEXT, b"behind it"))
        assert inbox == [message, "behind it"]
        assert sum(sizes) == len(payload)
        assert len(sizes) >= len(payload) // (INFLATED_IN_A_ROW + BLOCK_SIZE)
        assert max(sizes) <= INFLATED_IN_A_ROW + BLOCK_SIZE

    def test_what_cannot_be_inflated_after_a_stop_fails_with_1007(self) -> None:
        stream = client()
        broken = deflate(bytes(4 << 20)) + b"\xff" * 100
        inbox, sizes = parse_in_steps(stream, frame(BINARY, broken, rsv=RSV1))
        assert inbox == []
        assert len(sizes) > 1
        assert stream.close_sent is not None
        assert stream.close_sent[0] == 1007
        assert stream.close_sent[1]


class TestSending:
    @pytest.mark.parametrize("terms", [TERMS, NO_TAKEOVER, DeflateTerms(9, True, 9, True)])
    @pytest.mark.parametrize("level", [1, 9])
    def test_what_is_deflated_can_be_inflated(self, terms: DeflateTerms, level: int) -> None:
        deflater, inflater = Deflater(terms, Compression(level=level, window_bits=15)), Inflater(terms)
        for message in (b"x" * 100, b"abc" * 30_000, b"x" * 100):
            deflated = deflater.deflate(message)
            assert deflated is not None
            assert len(deflated) < len(message)
            assert inflate(inflater, deflated) == message

    def test_with_context_takeover_a_repetition_costs_next_to_nothing(self) -> None:
        message = os.urandom(1000)
        keeping, forgetting = Deflater(TERMS, EVERYTHING), Deflater(NO_TAKEOVER, EVERYTHING)
        for deflater in (keeping, forgetting):
            deflater.deflate(message + bytes(100))
        assert len(keeping.deflate(message + bytes(100)) or b"") < 50
        assert len(forgetting.deflate(message + bytes(100)) or b"") > 1000

    @pytest.mark.parametrize("size", [0, 1, 1000, 100_000])
    def test_what_would_not_become_smaller_goes_as_it_is(self, size: int) -> None:
        assert Deflater(TERMS, EVERYTHING).deflate(os.urandom(size)) is None

    def test_what_went_as_it_is_cannot_be_referred_to(self) -> None:
        deflater, inflater = Deflater(TERMS, EVERYTHING), Inflater(TERMS)
        noise = os.urandom(1000)
        assert inflate(inflater, deflater.deflate(b"x" * 1000) or b"") == b"x" * 1000
        assert deflater.deflate(noise) is None
        assert inflate(inflater, deflater.deflate(noise * 2) or b"") == noise * 2

    def test_the_own_window_can_be_smaller_than_was_agreed(self) -> None:
        message = os.urandom(600)
        wide, narrow = (Deflater(TERMS, Compression(window_bits=bits)) for bits in (15, 9))
        for deflater in (wide, narrow):
            deflater.deflate(message + bytes(600))
        assert len(wide.deflate(message + bytes(600)) or b"") < 100 < len(narrow.deflate(message + bytes(600)) or b"")

    def test_frames_are_marked_and_short_messages_left_alone(self) -> None:
        stream = MessageStream(is_client=False, max_size=1000)
        stream.compress(TERMS, Compression(min_size=100))
        for message in (b"x" * 99, b"x" * 100, os.urandom(100)):
            stream.send(BINARY, message)
        heads = [head for head, _ in stream.outbox]
        assert heads == [0x82, 0xC2, 0x82]


class TestSetting:
    @pytest.mark.parametrize(
        ("value", "meant"),
        [(True, Compression()), (False, None), (None, None), (EVERYTHING, EVERYTHING)],
    )
    def test_it_can_be_switched_and_described(
        self, value: Compression | bool | None, meant: Compression | None
    ) -> None:
        peer = WebSocketPeer(web_limits=False)
        assert peer.compression == Compression()
        peer.compression = value
        assert peer.compression == meant

    @pytest.mark.parametrize(
        "value",
        [
            "deflate",
            Compression(min_size=-1),
            Compression(level=0),
            Compression(level=10),
            Compression(window_bits=8),
            Compression(window_bits=16),
            Compression(peer_window_bits=8),
        ],
    )
    def test_what_makes_no_sense_is_refused(self, value: object) -> None:
        with pytest.raises(InvalidOptionError):
            WebSocketPeer(web_limits=False).compression = value

    def test_a_page_leaves_it_to_the_browser(self) -> None:
        with pytest.raises(UnsupportedInBrowserError, match="the browser decides"):
            WebSocketPeer(web_limits=True).compression = True

    @pytest.mark.parametrize("compression", [None, EVERYTHING, Compression(9, 1, 9, 9, True)])
    def test_messages_come_through_whatever_it_says(self, compression: Compression | None) -> None:
        with WebSocketServer() as server, WebSocketPeer(web_limits=False) as peer:
            server.strict = True
            server.compression = compression
            server.bind_ip = "127.0.0.1"
            server.data_received.connect(lambda id_: [server.get_peer(id_).send(m) for m in server.get_peer(id_)])
            server.listen(0)
            peer.connect_to_url(f"ws://127.0.0.1:{server.port}/")
            messages = ["", "x" * 50, bytes(100_000), os.urandom(100_000)]
            received: list[str | bytes] = []
            while peer.ready_state is not State.OPEN:
                server.poll()
                peer.poll()
            for message in messages:
                peer.send(message)
            while len(received) < len(messages):
                server.poll()
                peer.poll()
                received += peer
            assert received == messages


def test_with_a_window_that_zlib_does_not_have_messages_go_out_as_they_are() -> None:
    stream = client(DeflateTerms(8, True, 15, True))
    stream.send(TEXT, b"a" * 1000)
    assert stream.outbox == [(FIN | TEXT, b"a" * 1000)]
