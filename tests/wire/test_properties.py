"""What holds for any messages, however the bytes between the two sides are cut."""

from __future__ import annotations

from collections import deque

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from pyws_browser.protocol.compression import Compression
from pyws_browser.wire.deflate import DeflateTerms
from pyws_browser.wire.frames import FIN, FrameParser, FrameSerialiser
from pyws_browser.wire.messages import BINARY, TEXT, MessageStream

from .raw import CONTINUATION, PING, PONG, RSV1, close_frame, frame

LIMIT = 1 << 20
SIZES = st.one_of(st.integers(0, 300), st.sampled_from([125, 126, 65535, 65536, 70000]))
MESSAGES = st.one_of(st.text(max_size=200), st.binary(max_size=200), st.builds(bytes, SIZES))
CUTS = st.lists(st.integers(1, 5000), max_size=30)
TERMS = st.builds(DeflateTerms, st.integers(9, 15), st.booleans(), st.integers(9, 15), st.booleans())


def opcode_and_payload(message: str | bytes) -> tuple[int, bytes]:
    return (TEXT, message.encode()) if isinstance(message, str) else (BINARY, message)


def cut(data: bytes, sizes: list[int]) -> list[bytes]:
    pieces, at = [], 0
    for size in sizes:
        pieces.append(data[at : at + size])
        at += size
    return [*pieces, data[at:]]


@given(st.lists(MESSAGES), st.booleans())
def test_serialise_then_parse_is_the_identity(messages: list[str | bytes], masked: bool) -> None:
    serialiser = FrameSerialiser(masked=masked)
    parser = FrameParser(masked=masked, max_payload=LIMIT)
    inbox: deque[str | bytes] = deque()
    for message in messages:
        opcode, payload = opcode_and_payload(message)
        parser.feed(b"".join(serialiser.serialise([(FIN | opcode, payload)])))
        assert parser.run(inbox, 1) is None
    assert list(inbox) == messages


WIRE = st.lists(
    st.one_of(
        st.builds(lambda text: frame(TEXT, text.encode()), st.text()),
        st.builds(lambda size: frame(BINARY, bytes(size)), SIZES),
        st.builds(lambda size, count: frame(BINARY, bytes(size)) * count, st.integers(0, 300), st.integers(1, 300)),
        st.builds(lambda payload: frame(PING, payload), st.binary(max_size=125)),
        st.builds(lambda payload: frame(PONG, payload), st.binary(max_size=125)),
        st.builds(
            lambda pieces: (
                frame(BINARY, fin=False)
                + b"".join(frame(CONTINUATION, piece, fin=False) for piece in pieces)
                + frame(CONTINUATION)
            ),
            st.lists(st.binary(max_size=50), max_size=5),
        ),
        st.just(frame(TEXT, bytes.fromhex("f248cdc9c90700"), rsv=RSV1)),
        st.builds(close_frame, st.sampled_from([1000, 1001, 4000, 999])),
        st.binary(max_size=20),  # and what breaks every rule
    ),
    max_size=15,
)


def outcome(pieces: list[bytes], is_client: bool) -> tuple[object, ...]:
    stream = MessageStream(is_client=is_client, max_size=LIMIT)
    stream.compress(DeflateTerms(15, True, 15, False), Compression())
    inbox: deque[str | bytes] = deque()
    for piece in pieces:
        stream.receive(piece)
        while stream.is_reading and not stream.parse(inbox, 1000):
            pass
    kind = stream.failure and type(stream.failure)
    return list(inbox), stream.close_received, stream.close_sent, list(stream.pongs), kind, len(stream.outbox)


@given(WIRE, CUTS)
def test_however_the_bytes_are_cut_the_same_comes_of_them(frames: list[bytes], sizes: list[int]) -> None:
    data = b"".join(frames)
    assert outcome(cut(data, sizes), True) == outcome([data], True)


@given(st.binary(max_size=200), CUTS, st.booleans())
def test_no_bytes_do_anything_but_end_the_connection(data: bytes, sizes: list[int], is_client: bool) -> None:
    assert outcome(cut(data, sizes), is_client) == outcome([data], is_client)


class Conversation(RuleBasedStateMachine):
    """Two sides and a channel that splits, delays and is cut: what one side sent is what the other gets, in order."""

    @initialize(terms=st.none() | TERMS, min_size=st.integers(0, 200))
    def connect(self, terms: DeflateTerms | None, min_size: int) -> None:
        self.sides = [MessageStream(is_client=is_client, max_size=LIMIT) for is_client in (True, False)]
        if terms is not None:
            flipped = DeflateTerms(*terms[2:], *terms[:2])
            for side, its_terms in zip(self.sides, (terms, flipped), strict=True):
                side.compress(its_terms, Compression(min_size=min_size))
        self.sent: list[list[str | bytes]] = [[], []]
        self.inboxes: list[deque[str | bytes]] = [deque(), deque()]
        self.channels = [bytearray(), bytearray()]
        self.pings = [b"", b""]
        self.is_cut = False

    @rule(who=st.integers(0, 1), message=MESSAGES)
    def send(self, who: int, message: str | bytes) -> None:
        if self.sides[who].close_sent is None:
            self.sides[who].send(*opcode_and_payload(message))
            self.sent[who].append(message)

    @rule(who=st.integers(0, 1), payload=st.binary(min_size=1, max_size=125))
    def ping(self, who: int, payload: bytes) -> None:
        if self.sides[who].close_sent is None:
            self.sides[who].ping(payload)
            self.pings[who] = payload

    @rule(who=st.integers(0, 1), size=st.integers(1, 100_000))
    def hand_to_the_channel(self, who: int, size: int) -> None:
        side = self.sides[who]
        if side.outbox:
            self.channels[who] += b"".join(side.take(size))
        if not side.outbox:
            side.outbox_was_sent()

    @rule(who=st.integers(0, 1), sizes=CUTS, room=st.integers(1, 100))
    def deliver(self, who: int, sizes: list[int], room: int) -> None:
        receiver, channel = self.sides[1 - who], self.channels[who]
        for size in sizes:
            if receiver.is_reading and not self.is_cut:
                receiver.receive(bytes(channel[:size]))
                del channel[:size]
                receiver.parse(self.inboxes[1 - who], room)

    @precondition(lambda self: any(self.sent))
    @rule(who=st.integers(0, 1), code=st.sampled_from([None, 1000, 4000]))
    def close(self, who: int, code: int | None) -> None:
        self.sides[who].close(code)

    @precondition(lambda self: sum(map(len, self.sent)) > 3)
    @rule()
    def cut(self) -> None:
        self.is_cut = True

    @invariant()
    def what_arrives_is_what_was_sent(self) -> None:
        if hasattr(self, "sides"):
            for who in (0, 1):
                inbox = list(self.inboxes[1 - who])
                assert inbox == self.sent[who][: len(inbox)]
                assert self.sides[who].failure is None

    def teardown(self) -> None:
        """Let everything through; both sides then know all of it, and agree on the end."""
        if not hasattr(self, "sides") or self.is_cut:
            return
        for _ in range(6):
            for who in (0, 1):
                self.hand_to_the_channel(who, LIMIT)
                self.deliver(who, [LIMIT] * 5, 1000)
        for who in (0, 1):
            other = self.sides[1 - who]
            if other.closed_by_other_side or not any(side.close_sent for side in self.sides):
                assert list(self.inboxes[1 - who]) == self.sent[who]
            if self.pings[who] and not any(side.close_sent for side in self.sides):
                assert self.sides[who].pongs[-1] == self.pings[who]
        assert self.sides[0].close_received == self.sides[1].close_sent
        assert self.sides[1].close_received == self.sides[0].close_sent


TestConversation = Conversation.TestCase
TestConversation.settings = settings(max_examples=50, stateful_step_count=30)
