"""The seam: what a peer needs of a transport.

Three transports stand behind it: the browser's WebSocket, a native socket, and an in-memory pair. A transport is one
connection, from its opening to its end; connecting again takes a new one.

The contract, which `tests/contract` holds every transport to:

- Constructing one checks its arguments, raises for bad ones, and starts to connect. Neither that nor anything later
  blocks.
- What the program sees changes in `poll()` and in its own calls, never behind its back: `poll()` takes in what has
  arrived, moves `ready_state` along, and fills `inbox` with whole messages in the order they were sent.
- A message that arrived before the end stays in `inbox` after it.
- `close()` sends the messages put before it, then the Close frame; messages that arrive later are discarded.
- However a connection ends, `ready_state` reaches CLOSED within the time limits, and `close_status` says how.
- A late `poll()` first does all work that is possible. A time limit counts only time in which both sides could act: see
  `limit.py`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Sequence
from enum import IntEnum
from math import inf
from sys import getsizeof
from time import monotonic
from typing import TYPE_CHECKING, Final, cast

from ..errors import (
    CloseTimeoutError,
    ConnectError,
    ConnectionLostError,
    InboundOverflowError,
    OutboundBufferFullError,
    forget_frames,
)
from ..protocol.rules import unsupported
from ..protocol.vocabulary import NEXT_STATES, CloseStatus, Message, State
from .limit import TimeLimit

if TYPE_CHECKING:
    from collections.abc import Callable

    from websockets.http11 import Request, Response

    from ..protocol.options import Options
    from ..protocol.trace import TracedFrame
    from ..protocol.url import WebSocketURL
    from ..wire.shared import SharedMessage


MOST_WAITING: Final = 128 * 1024
"""The most messages that may wait to be sent: each takes some 130 bytes besides its own."""

WIDEST: Final = 4
"""The most bytes of memory for one byte of a text: a single wide character widens all the others."""

# Made at run time, because CPython 3.13 caches UTF-8 with constants and single characters.
_TEXT_HEAD: Final = getsizeof("".join(["é", "ç"])) - 3


class Demand(IntEnum):
    """What a program waits for.

    While it waits for a message, all parts of one are read, whatever its size. Otherwise parts that take
    `inbound_buffer_size` hold the sender back.
    """

    NOTHING = 0
    MESSAGE = 1
    FRAGMENTS = 2
    FRAGMENTS_LATER = 3
    """It takes a message fragment by fragment, and is busy with the last ones."""


class Waker:
    """Holds the function that asks for another `poll()`.

    The parts of a transport call it through this object, so that no part refers back to the whole: an unreferenced
    transport is freed at once, and its socket closed.
    """

    __slots__ = ("callback",)

    def __init__(self) -> None:
        self.callback: Callable[[], None] | None = None

    def wake(self) -> None:
        """Call the function, if there is one."""
        if self.callback is not None:
            self.callback()


class Transport(ABC):
    """One connection.

    Attributes that few connections set have their first value in the class. CPython shares the names of up to 29
    attributes among the instances of a class; with one more each instance takes 1.3 KiB more on 3.11, 1.6 KiB on 3.13.
    """

    handshake_request: Request | None = None
    """The opening handshake's request, if `keeps_handshake` is set and the platform has it."""
    handshake_response: Response | None = None
    """The answer to it, likewise."""
    on_pong: Callable[[bytes], None] | None = None
    """Called in `poll()` with the payload of each Pong frame."""
    on_ping: Callable[[bytes, float], None] | None = None
    """Called with the payload of each sent Ping frame and the time it left, before `on_pong` with its answer."""
    close_status: CloseStatus | None = None
    _limit: TimeLimit | None = None
    """The time limit of the opening, if the transport keeps it, or of the end; None otherwise."""
    _unsent_before_close = 0
    _inbox_counted = 0
    _fragments: list[Message] | None = None
    demand: Demand = Demand.MESSAGE
    """What the program waits for. A polled peer always waits for messages."""

    def __init__(self, url: WebSocketURL, options: Options) -> None:
        self.url: WebSocketURL = url
        self.options: Options = options
        self.ready_state: State = State.CONNECTING
        self.has_opened: bool = False
        self.inbox: deque[Message] = deque()
        self.subprotocol: str = ""
        self.is_held = False
        """Whether messages are gathered until `release()`."""
        self.received_count = 0
        """How many messages have ever been added to `inbox`."""
        self._waker = Waker()
        self._inbox_bytes = 0  # wire sizes, of which `_inbox_counted` bytes were counted by `size_in_memory()`
        self._put_packets = PutPackets() if options.max_outbound_packets else None

    @abstractmethod
    def poll(self) -> None:
        """Do all work that needs no waiting."""

    @abstractmethod
    def send(self, message: Message) -> None:
        """Send a message; the state is OPEN.

        Raises OutboundBufferFullError if it does not fit into the rest of `outbound_buffer_size`.
        """

    def send_fragment(self, fragment: Message, *, is_last: bool) -> None:
        """Send a part of a message, whose parts are all str or all bytes; raises what `send()` raises.

        A transport without fragments (RFC 6455 §5.4) gathers them, and sends the whole message at the last one.
        """
        fragments = self._fragments or []
        fragments.append(fragment)
        self._fragments = None if is_last else fragments
        if is_last:
            message = join(fragments)
            self.send(message)

    def drop_fragments(self) -> bool:
        """Give up the message that `send_fragment()` began; return False if part of it has been sent."""
        self._fragments = None
        return True

    def take_fragments(self) -> list[Message]:
        """Remove and return the fragments that have come of the message after those in `inbox`.

        They are known if `keeps_fragments` is set and the platform reports them.
        """
        return []

    def split_message(self, message: Message) -> list[Message]:
        """Return the known fragments of the message that was just taken out of `inbox`, or the message itself."""
        return [message]

    def send_shared(self, message: SharedMessage) -> None:
        """Do what `send()` does with a message for several connections, and share the work."""
        self.send(message.message)

    @abstractmethod
    def close(self, code: int | None, reason: str) -> None:
        """Begin to close, or give up connecting; the state is CONNECTING or OPEN, and the arguments are checked."""

    @abstractmethod
    def abort(self) -> None:
        """End the connection at once, without a handshake, and free everything. Allowed in every state."""

    def see_off(self) -> int:
        """End a connection that has begun to close, without waiting; return how many payload bytes were lost."""
        self.poll()
        unsent = self.buffered_amount
        self.abort()
        return unsent

    @property
    @abstractmethod
    def buffered_amount(self) -> int:
        """Payload bytes that were passed to `send()` and not yet sent (WHATWG WebSockets, `bufferedAmount`)."""

    @property
    def waiting_count(self) -> int:
        """How many frames or messages wait to be sent, without partly sent ones; 0 if unknown."""
        return 0

    @abstractmethod
    def release(self) -> None:
        """Send the gathered messages, together where possible."""

    def is_unpolled(self) -> bool:
        """Tell whether it is connecting although `poll()` was never called, so that nothing happens."""
        return self.ready_state is State.CONNECTING and self._limit is not None and self._limit.is_fresh

    @property
    def deadline(self) -> float:
        """When `poll()` must be called even if nothing arrives, by `time.monotonic()`."""
        return inf if self._limit is None else self._limit.next_look

    def set_wakeup(self, wakeup: Callable[[], None] | None) -> None:
        """Call `wakeup` when `poll()` has work that `fileno()` does not signal.

        Such work is a JavaScript event, a message in memory, a finished name look-up, bytes that the kernel did not
        take, or a new time limit. It may be called from another thread and must return at once.
        """
        self._waker.callback = wakeup

    def set_trace(self, trace: Callable[[TracedFrame], object]) -> bool:
        """Call `trace` with each frame; return False if only messages are known here, and no frames."""
        return False

    @property
    def has_backpressure(self) -> bool:
        """Whether a full inbox holds the sender back, or else ends the connection. Known once it is open."""
        return not self.options.web_limits

    @property
    def is_held_back(self) -> bool:
        """Whether the sender is held back, so that `poll()` has work once there is room in `inbox`."""
        return False

    # Not in a page, and not in every other transport.

    def remote_address(self) -> tuple[str, int]:
        """Return host and port of the other side."""
        raise unsupported("get_connected_host()")

    def local_address(self) -> tuple[str, int]:
        """Return host and port of this side."""
        raise unsupported("local_address")

    def set_no_delay(self, enabled: bool) -> None:
        """Switch Nagle's algorithm off or on."""
        raise unsupported("set_no_delay()")

    def ping(self, payload: bytes) -> None:
        """Send a Ping frame (RFC 6455 §5.5.2); `payload` has at most 125 bytes."""
        raise unsupported("ping()")

    def pong(self, payload: bytes) -> None:
        """Send an unsolicited Pong frame (RFC 6455 §5.5.3); `payload` has at most 125 bytes."""
        raise unsupported("pong()")

    @property
    def latency(self) -> float:
        """Seconds between the last answered ping and its pong; 0.0 before the first."""
        raise unsupported("latency")

    def fileno(self) -> int:
        """Return a descriptor that is readable when there is something for `poll()` to read."""
        raise unsupported("fileno()")

    def shows_more(self) -> bool:
        """Tell whether that descriptor is readable now; False where there is none."""
        return False

    # Shared by the transports.

    def _wake(self) -> None:
        self._waker.wake()

    def _enter(self, state: State) -> None:
        if state not in NEXT_STATES[self.ready_state]:
            raise AssertionError(f"a connection cannot go from {self.ready_state.name} to {state.name}")
        self.ready_state = state
        self.has_opened |= state is State.OPEN

    def _end(self, status: CloseStatus) -> None:
        """Enter CLOSED, once, and drop everything that refers back to this connection."""
        if self.ready_state is not State.CLOSED:
            self._enter(State.CLOSED)
            self._waker.callback = None
            # Setting an attribute for the first time takes memory, so unset attributes stay unset.
            if self.on_pong is not None:
                self.on_pong = None
            if self.on_ping is not None:
                self.on_ping = None
            if status.cause is not None:
                forget_frames(status.cause)
            # Godot 3 also sends the NUL that ends its string.
            self.close_status = status._replace(reason=status.reason.removesuffix("\0"))

    def check_room(self, size: int) -> None:
        """Raise OutboundBufferFullError if a message of `size` bytes does not fit into the buffer."""
        buffered, limit = self.buffered_amount, self.options.outbound_buffer_size
        if buffered + size > limit:
            advice = (
                "raise outbound_buffer_size or send it in parts"
                if size > limit
                else "poll() and try again once get_current_outbound_buffered_amount() has shrunk"
            )
            raise OutboundBufferFullError(
                f"{size} bytes do not fit: {buffered} of the {limit} bytes of the outbound buffer are taken; {advice}"
            )
        if self.waiting_count >= MOST_WAITING:
            raise OutboundBufferFullError(
                f"{MOST_WAITING:,} messages wait to be sent, and no more may, however small they are: poll() and try "
                "again once get_current_outbound_buffered_amount() has shrunk"
            )
        limit = self.options.max_outbound_packets
        if self._put_packets is not None and self._put_packets.count_waiting(buffered) >= limit:
            raise OutboundBufferFullError(
                f"{limit} packets wait to be handed on, and no more may: poll() and try again, or raise the limit"
            )

    def _start_closing(self) -> None:
        """Start the time limit of the closing handshake; everything to send, including the Close frame, is queued."""
        self._limit = TimeLimit(self.options.close_timeout, monotonic())
        self._unsent_before_close = self._unsent_size()

    def _check_close_limit(self) -> CloseTimeoutError | None:
        """Return the exception if the time limit of the closing handshake is over.

        It starts when the Close frame has left. Until then it restarts whenever the other side receives data: a slow
        reader gets everything, and one that reads nothing is given up.
        """
        limit = self._limit
        if limit is None:
            return None
        now = monotonic()
        unsent = self._unsent_size()
        if unsent != self._unsent_before_close:
            self._unsent_before_close = unsent
            limit.restart(now)
        if not limit.is_over(now):
            return None
        return CloseTimeoutError(self.options.close_timeout, unsent)

    def _unsent_size(self) -> int:
        """Return about how many bytes wait to be sent, at least 1 until the Close frame has left."""
        return self.buffered_amount

    def _check_room_to_send(self, size: int) -> None:
        """Reserve space for an outgoing message; raise OutboundBufferFullError if it does not fit."""
        self.check_room(size)
        if self._put_packets is not None:
            self._put_packets.put(size)

    def _inbox_room(self) -> int:
        """Return how many more messages fit into `inbox`; 0 also if it holds `inbound_buffer_size` bytes."""
        room = self.options.max_queued_packets - len(self.inbox)
        if not self.inbox:
            self._inbox_bytes = 0
            if self._inbox_counted:
                self._inbox_counted = 0
        elif room > 0 and self._inbox_holds(self.options.inbound_buffer_size):
            return 0
        return room

    def _inbox_holds(self, size: int) -> bool:
        """Tell whether the messages in `inbox` take at least `size` bytes of memory."""
        counted = self._inbox_counted
        if counted + WIDEST * max(self._inbox_bytes - counted, 0) < size:
            return False
        self._inbox_bytes = self._inbox_counted = sum(map(size_in_memory, self.inbox))
        return self._inbox_counted >= size

    @property
    def is_half_full(self) -> bool:
        """Whether `inbox` is at least half full."""
        options = self.options
        return 2 * len(self.inbox) >= options.max_queued_packets or self._inbox_holds(options.inbound_buffer_size // 2)

    def _cut_overflow(self) -> InboundOverflowError | None:
        """Drop messages over the limits from `inbox` where a sender cannot be held back; return the error."""
        inbox, options = self.inbox, self.options
        if len(inbox) <= options.max_queued_packets and not self._inbox_holds(options.inbound_buffer_size + 1):
            return None
        size = sum(map(size_in_memory, inbox))
        count = len(inbox)
        while len(inbox) > options.max_queued_packets or size > options.inbound_buffer_size:
            size -= size_in_memory(inbox.pop())
        self._inbox_bytes = self._inbox_counted = size
        if len(inbox) == count:
            return None
        return overflowed(options)


class PutPackets:
    """Counts the packets that wait to be sent, by their bytes: a browser only tells how many bytes wait."""

    def __init__(self) -> None:
        self._put_bytes = 0
        self._ends: deque[int] = deque()  # the ends of waiting packets, in bytes put since the start

    def put(self, size: int) -> None:
        """Count a packet of so many bytes."""
        self._put_bytes += size
        self._ends.append(self._put_bytes)

    def count_waiting(self, buffered: int) -> int:
        """Return how many packets wait when so many bytes wait."""
        gone = self._put_bytes - buffered
        while self._ends and self._ends[0] <= gone:
            self._ends.popleft()
        return len(self._ends)


def size_in_memory(message: Message) -> int:
    """Return how many bytes of memory a message takes: in CPython 1, 2 or 4 for each character of a text."""
    if isinstance(message, str) and not message.isascii():
        return (getsizeof(message) - _TEXT_HEAD) * len(message) // (len(message) + 1)
    return len(message)


def overflowed(options: Options) -> InboundOverflowError:
    """Return the exception for an end by too many unfetched messages."""
    return InboundOverflowError(
        f"more than {options.max_queued_packets} packets or {options.inbound_buffer_size} bytes waited to be "
        "fetched, and this page does not hold the sender back: poll and fetch packets more often, raise "
        "max_queued_packets or inbound_buffer_size, set backpressure (Chromium), or let the server wait for an answer"
    )


def join(fragments: Sequence[Message]) -> Message:
    """Join the fragments of a message."""
    if isinstance(fragments[0], str):
        return "".join(cast(Sequence[str], fragments))
    return b"".join(cast(Sequence[bytes], fragments))


def gave_up() -> ConnectError:
    """Return the exception for `close()` before the connection was open."""
    return ConnectError("close() was called before the connection was open")


def unsent_at_end(size: int) -> ConnectionLostError:
    """Return the exception for a Close frame of the other side that came before `size` bytes were sent."""
    return ConnectionLostError(f"the other side closed, and {size} bytes that were put before are lost")


def aborted() -> ConnectionLostError:
    """Return the exception for an end by `abort()`."""
    return ConnectionLostError("this side aborted the connection")
