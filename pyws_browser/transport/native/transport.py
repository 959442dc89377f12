"""One native connection: what happens on its socket, in the order in which it happens.

Theory of operation. A connection goes through the phases of `Phase`: the opening (see `opening.py`), the exchange of
messages, and the end of the TCP connection. `_STEPS` has the method of each phase. `poll()` calls that of the present
phase, which does all work that needs no waiting; when a phase is over it sets the next one and returns True, and that
one runs in the same poll. Failures are raised inside a phase as the package's exceptions, and end the connection in one
place, `_fail()`. Any other exception is a bug, or comes from a function of the program: it ends the connection too, and
`poll()` raises it.

The phases beside the ready states (`base.State`):

    OPENING     CONNECTING               then EXCHANGE, or GIVING_UP after `close()`
    EXCHANGE    OPEN, then CLOSING       until both Close frames have passed; then LINGERING
    LINGERING   CLOSING                  until the TCP connection has ended; then OVER
    GIVING_UP   CLOSING                  one poll; then OVER
    OVER        CLOSED                   reached from every phase by a failure, a time limit or `abort()`
"""

from __future__ import annotations

import math
import socket
import sys
import time
from collections import deque
from copy import copy
from enum import IntEnum
from typing import TYPE_CHECKING, Any, Final

from ...errors import (
    ConnectError,
    ConnectionLostError,
    HeartbeatTimeoutError,
    NotConnectedError,
    WebSocketError,
)
from ...protocol.admission import Admission
from ...protocol.rules import CloseCode, encode_text
from ...protocol.trace import TracedFrame
from ...protocol.url import WebSocketURL
from ...protocol.vocabulary import OPEN, CloseStatus, Message, State
from ...wire.fragments import split
from ...wire.messages import BINARY, CONTINUATION, FRAMES_IN_A_ROW, TEXT, MessageStream
from ..base import Demand, Transport, aborted, gave_up, unsent_at_end
from ..limit import TimeLimit
from .client_opening import ClientOpening
from .heart import Heart
from .leaving import see_off
from .opening import Opened, Opening, host_and_port, reason_of
from .outlet import Outlet
from .server_opening import ServerOpening
from .stream import TLSStream

if TYPE_CHECKING:
    from collections.abc import Callable
    from ssl import SSLObject

    from websockets import http11

    from ...protocol.admission import Request
    from ...protocol.options import Options
    from ...wire.fragments import Fragments
    from ...wire.shared import SharedMessage
    from .stream import TCPStream

LINGER_TIMEOUT: Final = 2.0
"""Seconds that the other side has to end the TCP connection after the closing handshake (RFC 6455 §7.1.1)."""

READ_BUDGET: Final = 1024 * 1024
"""Bytes after which a poll stops reading, however fast the other side sends.

More would not be faster: the first data would have left the processor's caches, in freshly mapped memory. A poll stays
short enough for a frame of a game.

When a poll read for 20 ms instead, a message of 64 B took 820 ns of CPU time in plain Python; with this limit it takes
450 ns.
"""

READ_TIME: Final = 0.01
"""Seconds after which a poll stops parsing: see `NativeTransport.turn_time`."""

MESSAGES_IN_A_ROW: Final = 2048
"""So many whole messages of a read are taken between two looks at the clock."""

_STEPS_IN_A_ROW: Final = 4
"""So many fully parsed reads, such as small TLS records, are done between two looks at the clock."""

LEAVING_SIZE: Final = 8 * 1024 * 1024
"""Bytes above `inbound_buffer_size` that are read from a connection that ended while it was held back."""

MAX_WAITING_FRAGMENTS: Final = 16
"""How many fragments of a message may wait until more is read (as in `websockets`)."""

UNCHECKED_SIZE: Final = 128 * 1024
"""Below this many waiting bytes, no message can exceed the limit on waiting messages, so the check is skipped."""

_LEAST_READ: Final = 4 * 1024
"""The least that a read counts towards it, so that many small reads end, too."""

KEEPALIVE_REASON: Final = "keepalive ping timeout"
"""The close reason with 1011 if the other side gave no sign of life (as in `websockets`)."""


class Phase(IntEnum):
    """The phases of a connection. Each has its method in `_STEPS`."""

    OPENING = 0
    EXCHANGE = 1
    LINGERING = 2
    GIVING_UP = 3
    OVER = 4


class NativeTransport(Transport):
    """A connection over a socket, which `opening` brings about."""

    _opening: Opening | None
    _cause: WebSocketError | None = None
    _is_leaving = False
    _has_shut_down = False
    _in_fragments = False
    _fragment_ends: dict[int, list[int]] | None = None

    def __init__(self, url: WebSocketURL, options: Options, *, is_client: bool) -> None:
        super().__init__(url, options)
        # Set here although few owners change them: CPython shares the first 30 attribute names among a class's
        # instances, and each later name costs every instance 1.3 KiB.
        self.turn_time: float = READ_TIME
        """Seconds that a poll may read and parse; an owner with other connections sets it.

        The next poll goes on with the rest. The clock is checked between reads, after MESSAGES_IN_A_ROW messages, after
        FRAMES_IN_A_ROW other frames, and after INFLATED_IN_A_ROW decompressed bytes.
        """
        self.on_release: Callable[[], None] | None = None
        """Called right before the sockets are closed, so that a loop can stop watching them."""
        self._is_client = is_client
        self._phase = Phase.OPENING
        self._stream: TCPStream | TLSStream | None = None
        self._messages = MessageStream(
            is_client=is_client,
            max_size=options.max_message_size or options.inbound_buffer_size,
            too_big_code=CloseCode.INBOUND_MESSAGE_TOO_BIG if options.web_limits else CloseCode.MESSAGE_TOO_BIG,
            max_fragment_size=options.max_fragment_size,
            keeps_fragments=options.keeps_fragments,
        )
        self._heart = Heart(options.heartbeat_interval, options.heartbeat_timeout)
        self._outlet = Outlet(self._messages, self._heart)
        self._unchecked_size = (
            -1 if self._put_packets is not None else min(options.outbound_buffer_size, UNCHECKED_SIZE)
        )
        self._addresses = ("", 0), ("", 0)  # this side's, the other's
        self._is_dry = False
        self._is_held_back = False

    # The transport contract.

    def poll(self) -> None:
        """Run the phases as far as they go."""
        try:
            while _STEPS[self._phase](self):
                pass
            if self._limit is not None:
                self._check_limit()
        except WebSocketError as exc:
            self._fail(exc)
        except Exception as exc:  # unexpected: it ends this connection, and is raised so that it is seen
            self._break_down(exc)
            raise

    def send(self, message: Message) -> None:
        """Frame the message and try to send it at once."""
        opcode = BINARY
        if isinstance(message, str):
            opcode, message = TEXT, encode_text(message)
        outlet = self._outlet
        # The exact amount is computed only where a limit may be reached. An empty message counts as one byte, else
        # their number would be unlimited.
        put_size = outlet.put_size + (len(message) or 1)
        if put_size > self._unchecked_size:
            self._check_room_to_send(len(message))
        outlet.put_size = put_size
        if self.is_held:
            self._messages.send(opcode, message)
        elif not outlet.send(opcode, message):
            self._wake()

    def send_fragment(self, fragment: Message, *, is_last: bool) -> None:
        """Send the fragment as a frame of its own."""
        payload = encode_text(fragment) if isinstance(fragment, str) else fragment
        opcode = CONTINUATION if self._in_fragments else TEXT if isinstance(fragment, str) else BINARY
        self._check_room_to_send(len(payload))
        self._outlet.put_size += len(payload)
        self._messages.send_fragment(opcode, payload, is_last=is_last)
        self._in_fragments = not is_last
        if not self.is_held and not self._outlet.flush():
            self._wake()

    def drop_fragments(self) -> bool:
        """Return whether no message was started."""
        return not self._in_fragments

    def take_fragments(self) -> list[Message]:
        """Remove and return the fragments that have come of the message after those in `inbox`."""
        return self._messages.take_fragments()

    def split_message(self, message: Message) -> list[Message]:
        """Return the fragments of the message that was just taken out of `inbox`."""
        number = self.received_count - len(self.inbox) - 1
        return split(message, () if self._fragment_ends is None else self._fragment_ends.get(number, ()))

    def send_shared(self, message: SharedMessage) -> None:
        """Send a shared frame; a client masks its own."""
        if self._is_client:
            self.send(message.message)
            return
        outlet = self._outlet
        put_size = outlet.put_size + (len(message.payload) or 1)
        if put_size > self._unchecked_size:
            self._check_room_to_send(len(message.payload))
        outlet.put_size = put_size
        if self.is_held:
            self._messages.send_shared(message)
        elif not outlet.send_shared(message):
            self._wake()

    def close(self, code: int | None, reason: str) -> None:
        """Queue the Close frame after all messages."""
        if self.ready_state is State.CONNECTING:
            self._enter(State.CLOSING)
            self._cause = gave_up()
            self._phase = Phase.GIVING_UP
        else:
            self._begin_closing(code, reason)
        self._wake()

    def abort(self) -> None:
        """Close the socket."""
        self._wake()
        self._release_socket()
        self._end(CloseStatus(CloseCode.ABNORMAL_CLOSURE, cause=aborted()))

    @property
    def buffered_amount(self) -> int:
        """Payload bytes that the kernel has not taken yet."""
        return self._outlet.buffered_amount

    @property
    def waiting_count(self) -> int:
        """How many frames wait until the kernel has taken those before them."""
        return len(self._messages.outbox)

    def release(self) -> None:
        """Send the gathered messages."""
        self._flush_or_wake()

    def remote_address(self) -> tuple[str, int]:
        """Return the other side's IP address and port, after the end as well."""
        return self._addresses[1]

    def set_trace(self, trace: Callable[[TracedFrame], object]) -> bool:
        """Call `trace` with each frame."""
        self._messages.trace = lambda is_sent, head, payload: trace(TracedFrame.from_head(is_sent, head, payload))
        return True

    def local_address(self) -> tuple[str, int]:
        """Return this side's IP address and port, after the end as well."""
        return self._addresses[0]

    def set_no_delay(self, enabled: bool) -> None:
        """Set TCP_NODELAY; a unix socket delays nothing."""
        sock = self._connected_stream().sock
        if sock.family in (socket.AF_INET, socket.AF_INET6):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, enabled)

    def ping(self, payload: bytes) -> None:
        """Send a Ping frame."""
        self._outlet.put_ping(payload)
        self._flush_or_wake()
        self._tell_pings()

    def pong(self, payload: bytes) -> None:
        """Send a Pong frame."""
        self._messages.unsolicited_pong(payload)
        self._flush_or_wake()

    @property
    def latency(self) -> float:
        """The latency of the last answered ping in seconds."""
        return self._heart.latency

    def fileno(self) -> int:
        """Return the socket's descriptor."""
        if self._opening is not None:
            return self._opening.fileno()
        return self._connected_stream().sock.fileno()

    def shows_more(self) -> bool:
        """Tell whether the descriptor is readable."""
        return self._stream is not None and self._stream.shows_more()

    # Used by a server's selector.

    @property
    def request(self) -> Request | None:
        """The client's request while it waits for the program's answer (`Admission.is_asked`)."""
        opening = self._opening  # None is checked first: isinstance() of an abstract class takes 0.2 µs
        return opening.request if opening is not None and isinstance(opening, ServerOpening) else None

    @property
    def wants_write(self) -> bool:
        """Whether data waits that the kernel did not take."""
        return not self._outlet.is_flushed if self._opening is None else self._opening.wants_write

    @property
    def has_unread(self) -> bool:
        """Whether received data or the end is unread; an opening reads by itself."""
        return self._stream is not None and self._stream.shows_more()

    def see_off(self) -> int:
        """End as the contract says, but read received data first, so that no reset destroys sent data."""
        return see_off([self], 0.0).size

    @property
    def is_held_back(self) -> bool:
        """Whether it has stopped reading because `inbox` is full."""
        return self._is_held_back

    def let_leave(self) -> None:
        """Record that the other side has ended the held-back connection, so that the rest of its data is read."""
        self._is_leaving = True

    @property
    def can_resume(self) -> bool:
        """Whether it was held back and has room again, which no descriptor shows."""
        return self._is_held_back and self._room() > 0

    @property
    def deadline(self) -> float:
        """When `poll()` must be called even if nothing arrives, by `time.monotonic()`."""
        if self._opening is not None:
            return self._opening.next_poll
        if self.ready_state is OPEN:
            return self._heart.next_beat
        return math.inf if self._limit is None else self._limit.next_look

    @property
    def sock(self) -> socket.socket:
        """The socket, for loops that need it. Raises NotConnectedError as `fileno()` does."""
        return self._connected_stream().sock if self._opening is None else self._opening.sock

    @property
    def tls(self) -> SSLObject | None:
        """The TLS session, which knows the certificates; None if there is none."""
        if self._opening is not None:
            return self._opening.tls
        return self._stream.session if isinstance(self._stream, TLSStream) else None

    @property
    def dialling(self) -> tuple[int, ...]:
        """The descriptors to watch for writing while there is no TCP connection, and so no `fileno()`."""
        return () if self._opening is None else self._opening.dialling

    # The phases. Each returns whether the next one can run at once.

    def is_unpolled(self) -> bool:
        """Return the deadline of the opening, which has the time limit."""
        return self._opening is not None and self._opening.is_unpolled

    def _await_opening(self) -> bool:
        """CONNECTING."""
        assert self._opening is not None  # noqa: S101
        opened = self._opening.poll()
        if opened is None:
            return False
        self._opening = None
        self._open(opened)
        return True

    def _exchange(self) -> bool:
        """OPEN, and CLOSING until the other side's Close frame has come."""
        messages = self._messages
        if not self._outlet.is_flushed or messages.outbox:
            self._outlet.flush()
        before = len(self.inbox)
        is_alive = False
        try:
            is_alive = self._read_messages()
        finally:
            if messages.fragments is not None and messages.fragments.complete:
                self._note_fragments(messages.fragments, self.received_count - before)
            self.received_count += len(self.inbox) - before
        if self.ready_state is OPEN and (self._heart.next_beat != math.inf or messages.pongs):
            self._beat(is_alive or self._is_held_back)  # nothing is read then, so there can be no sign of life
        if messages.is_reading:
            if messages.outbox:  # pongs
                self._outlet.flush()
            return False
        if self.ready_state is OPEN:
            self._enter(State.CLOSING)
        elif messages.failure is not None:  # no answer is needed: our own Close frame has been sent
            raise messages.failure
        self._start_lingering()
        return True

    def _note_fragments(self, fragments: Fragments, fetched: int) -> None:
        """Keep the ends of fragments by message number; `fetched` messages are gone."""
        ends = {number: kept for number, kept in (self._fragment_ends or {}).items() if number >= fetched}
        ends.update((fetched + index, new) for index, new in fragments.complete)
        self._fragment_ends = ends
        fragments.complete.clear()

    def _linger(self) -> bool:
        """CLOSING: the closing handshake is over, and the TCP connection follows; the server ends it (§7.1.1)."""
        is_flushed = self._outlet.flush()
        if self._outlet.has_progressed:
            self._outlet.has_progressed = False
            self._start_lingering()  # the other side's time restarts when it receives data
        if is_flushed and not self._is_client and not self._has_shut_down:
            self._connected_stream().shut_down()
            self._has_shut_down = True
        # Data that still comes is read, else the descriptor would wake a waiting program again and again.
        if self._has_tcp_ended() and is_flushed:
            self._finish()
        return False

    def _give_up(self) -> bool:
        """CLOSING before the connection was ever open."""
        assert self._cause is not None  # noqa: S101
        raise self._cause

    def _over(self) -> bool:
        """CLOSED."""
        return False

    # The steps of the phases.

    def _open(self, opened: Opened) -> None:
        self._stream = self._outlet.stream = opened.stream
        self._addresses = opened.local_address, opened.remote_address
        if self.options.keeps_handshake:
            self.handshake_request: http11.Request | None = opened.request
            self.handshake_response: http11.Response | None = opened.response
        self.url: WebSocketURL = opened.url
        self.subprotocol: str = opened.subprotocol
        compression = self.options.compression
        if compression is not None and opened.deflate is not None:
            self._messages.compress(opened.deflate, compression)
        self._heart.start(time.monotonic())
        self._messages.receive(opened.rest)
        self._enter(State.OPEN)
        self._phase = Phase.EXCHANGE

    def _read_messages(self) -> bool:
        """Read and parse until no data is left, `inbox` is full, or the other side's Close frame has come.

        Returns whether data came.
        """
        stream, messages, options = self._connected_stream(), self._messages, self.options
        has_come = not self._is_dry  # by the poll before
        may_be_more = True
        budget = READ_BUDGET
        before = len(self.inbox)
        frames = steps = 0
        end = 0.0
        while True:
            is_open = self.ready_state is OPEN
            room = self._room() if is_open else options.max_queued_packets
            self._is_held_back = room <= 0
            if room <= 0:
                return has_come
            if self._is_dry:
                data = self._read(stream, from_memory=budget <= 0)
                has_come = has_come or data is not None or stream.is_busy
                may_be_more = stream.has_more
                if data is not None:
                    budget -= max(len(data), _LEAST_READ)
                    self._inbox_bytes += len(data)
                    messages.receive(data)
                elif not stream.is_busy:
                    break
            if options.parses_ahead or room > MESSAGES_IN_A_ROW:
                room = MESSAGES_IN_A_ROW
            self._is_dry = messages.parse(self.inbox if is_open else deque(), room)
            self._inbox_bytes += messages.inflated_size
            if options.web_limits:
                self._enforce_web_limits()
            if not messages.is_reading:
                return has_come
            if not self._is_dry:
                frames += FRAMES_IN_A_ROW
            elif not may_be_more:  # the next poll checks whether the inbox is full
                return has_come
            # The first step needs no look at the clock: most polls have no second one.
            steps += 1
            if steps == 1:
                end = time.monotonic() + self.turn_time
            elif (
                (not self._is_dry or steps % _STEPS_IN_A_ROW == 0)
                and time.monotonic() >= end
                and self._may_leave_rest(len(self.inbox) - before, frames)
            ):
                self._wake()
                return has_come
        if budget <= 0:
            self._wake()  # more may be there
        return has_come

    def _may_leave_rest(self, messages: int, frames: int) -> bool:
        """Tell whether the next poll may parse the rest, without leaving a sleeping program unaware of it.

        It may if the program is woken, if the descriptor shows more data, or in a flood of frames that no program sees.
        """
        is_unseen = 2 * messages < frames and not self._messages.is_inflating
        return self._waker.callback is not None or is_unseen or self._connected_stream().shows_more()

    def _has_tcp_ended(self) -> bool:
        """Discard received data; tell whether the other side has ended the connection, also by a reset."""
        stream = self._connected_stream()
        budget = READ_BUDGET
        end = time.monotonic() + self.turn_time
        try:
            while budget > 0 and time.monotonic() < end:
                data = stream.read()
                if data is None and stream.is_busy:
                    continue
                if not data:
                    return data is not None
                budget -= max(len(data), _LEAST_READ)
        except OSError:
            return True
        self._wake()
        return False

    def _room(self) -> int:
        """Return how many messages fit into the inbox."""
        # A page cannot hold a sender back, so neither does a peer with a page's limits.
        if self.options.web_limits:
            return sys.maxsize
        if self._messages.size_under_way and self._holds_enough_parts():
            return 0
        if not self.inbox:
            self._inbox_bytes = 0
            if self._inbox_counted:
                self._inbox_counted = 0
            return self.options.max_queued_packets
        # After the other side has left, room is made for the data in the kernel: one message at a time, because each
        # may inflate to the limit.
        if self._is_leaving and not self._inbox_holds(self.options.inbound_buffer_size + LEAVING_SIZE):
            return 1
        return self._inbox_room()

    def _holds_enough_parts(self) -> bool:
        """Tell whether so much of a message has come that the rest waits for the program."""
        fragments, demand = self._messages.fragments, self.demand
        if fragments is None or demand is Demand.MESSAGE:
            return False
        most = self.options.max_queued_packets if demand is Demand.NOTHING else MAX_WAITING_FRAGMENTS
        if len(fragments.ends) >= most:
            return True
        size = self._messages.size_under_way - fragments.taken
        return demand is not Demand.FRAGMENTS and size >= self.options.inbound_buffer_size

    def _enforce_web_limits(self) -> None:
        overflow = self._cut_overflow() if self.ready_state is OPEN else None
        if overflow is not None:
            self._cause = overflow
            self._begin_closing(CloseCode.INBOUND_OVERFLOW, "")

    def _read(self, stream: TCPStream | TLSStream, *, from_memory: bool) -> bytes | None:
        """Return the data that has arrived, None if there is none."""
        try:
            data = stream.read_memory() if from_memory else stream.read()
        except OSError as exc:
            raise ConnectionLostError(f"the connection broke: {reason_of(exc)}") from exc
        if data == b"":
            raise ConnectionLostError(
                "the other side ended the TCP connection without a Close frame"
                if self.ready_state is OPEN
                else "the other side ended the TCP connection instead of answering the Close frame"
            )
        return data

    def _flush_or_wake(self) -> None:
        if not self._outlet.flush():
            self._wake()

    def _beat(self, is_alive: bool) -> None:
        """Record signs of life, and send a ping if it is due."""
        now = time.monotonic()
        if is_alive:
            self._heart.feel_life()
        elif self._outlet.has_progressed:
            self._heart.feel_progress(now)
        self._outlet.has_progressed = False
        self._tell_pings()
        pongs = self._messages.pongs
        while pongs:
            payload = pongs.pop(0)
            self._heart.feel_pong(payload, now)
            if self.on_pong is not None:
                self.on_pong(payload)
        if now >= self._heart.next_beat:
            ping = self._heart.beat(now)
            if ping:
                self.ping(ping)

    def _tell_pings(self) -> None:
        left = self._heart.left
        while left:
            payload, at = left.pop(0)
            if self.on_ping is not None:
                self.on_ping(payload, at)

    def _begin_closing(self, code: int | None, reason: str) -> None:
        self._enter(State.CLOSING)
        self._messages.close(code, reason)
        if self.demand < Demand.FRAGMENTS:
            self._messages.discard_parts()
        self._outlet.flush()
        self._start_closing()

    def _start_lingering(self) -> None:
        self._phase = Phase.LINGERING
        self._limit = TimeLimit(self.options.tls_shutdown_timeout or LINGER_TIMEOUT, time.monotonic())

    def _check_limit(self) -> None:
        if self._phase is Phase.EXCHANGE:
            cause = self._check_close_limit()
            if cause is not None:
                raise cause
        elif self._phase is Phase.LINGERING and self._limit is not None and self._limit.is_over(time.monotonic()):
            self._finish(was_cut=True)

    def _unsent_size(self) -> int:
        return self._outlet.unsent_size

    def _finish(self, *, was_cut: bool = False) -> None:
        """End with the code and reason of the Close frames."""
        messages = self._messages
        failure = messages.failure
        unsent = self.buffered_amount or self._outlet.lost_size
        if unsent and self._cause is None:
            self._cause = unsent_at_end(unsent)
        if failure is not None and messages.close_sent is not None:
            status = CloseStatus(messages.close_sent[0], messages.close_sent[1], cause=failure)
        elif messages.close_received is not None:
            code, reason = messages.close_received
            status = CloseStatus(code, reason, self._cause is None, self._cause, messages.closed_by_other_side, was_cut)
        else:
            status = CloseStatus(CloseCode.ABNORMAL_CLOSURE, cause=self._cause)
        self._release_socket()
        self._end(status)

    def _fail(self, cause: WebSocketError) -> None:
        if isinstance(cause, HeartbeatTimeoutError):  # it may still receive data, although nothing comes from it
            self._messages.close(CloseCode.INTERNAL_ERROR, KEEPALIVE_REASON)
            self._outlet.flush()
        self._release_socket()
        self._end(CloseStatus(CloseCode.ABNORMAL_CLOSURE, cause=self._cause or cause))

    def _break_down(self, exc: Exception) -> None:
        what = f"an unexpected error ended the connection: {exc!r}"
        cause = ConnectionLostError(what) if self.has_opened else ConnectError(what)
        cause.__cause__ = _without_frames(exc)
        self._wake()  # so that an event loop sees that the socket is closed
        self._fail(cause)

    def _release_socket(self) -> None:
        if self.on_release is not None:
            self.on_release()
        self._phase = Phase.OVER
        self._limit = None
        self._messages.end(keeps_fragments=self.demand >= Demand.FRAGMENTS)
        if self._opening is not None:
            self._opening.close()
            self._opening = None
        if self._stream is not None:
            self._stream.close()
            self._stream = None
        self._outlet.end()

    def _connected_stream(self) -> TCPStream | TLSStream:
        if self._stream is None:
            raise NotConnectedError("there is no TCP connection: not yet, or no longer")
        return self._stream


def _without_frames(exc: Exception) -> Exception:
    """Return a copy of an error that `poll()` raises, because its frames would keep the connection alive."""
    try:
        return copy(exc)
    except Exception:  # a class of the program whose constructor needs more than `args`
        return RuntimeError(repr(exc))


_STEPS: Final[dict[Phase, Callable[[NativeTransport], bool]]] = {
    Phase.OPENING: NativeTransport._await_opening,
    Phase.EXCHANGE: NativeTransport._exchange,
    Phase.LINGERING: NativeTransport._linger,
    Phase.GIVING_UP: NativeTransport._give_up,
    Phase.OVER: NativeTransport._over,
}
"""The method of each phase; it returns whether the next phase can run at once."""


class ClientTransport(NativeTransport):
    """A client's connection."""

    def __init__(self, url: WebSocketURL, options: Options) -> None:
        super().__init__(url, options, is_client=True)
        self._opening = ClientOpening(self.url, options, self._waker.wake)


class ServerTransport(NativeTransport):
    """A server's side of a connection that was just accepted from `address`."""

    def __init__(
        self,
        sock: socket.socket,
        address: tuple[Any, ...] | str | bytes,
        options: Options,
        admission: Admission | None = None,
    ) -> None:
        host, port = host_and_port(sock.getsockname())
        scheme = "ws" if options.tls is None else "wss"
        url = WebSocketURL(scheme, host, port) if port else WebSocketURL(scheme, "localhost", 80)
        super().__init__(url, options, is_client=False)
        self._opening = ServerOpening(sock, address, self.url, options, admission or Admission(), self._waker.wake)
        self._addresses = self._opening.local_address, self._opening.remote_address

    @property
    def is_streaming(self) -> bool:
        """Whether it is sending a streamed answer, in place of opening a connection."""
        return isinstance(self._opening, ServerOpening) and self._opening.is_streaming
