"""The seam: what a peer needs from whatever carries its messages.

Three transports stand behind it: the browser's WebSocket, a native socket, and an in-memory pair. A transport is one
connection, from its opening to its end; connecting again takes a new one.

The contract, which `tests/contract` holds every transport to:

- Constructing one checks its arguments, raises for bad ones, and starts to connect. Neither that nor anything later
  blocks.
- What the program sees changes in `poll()` and in its own calls, never behind its back: `poll()` takes in what has
  arrived, moves `ready_state` along, and fills `inbox` with whole messages in the order they were sent.
- A message that arrived before the end stays in `inbox` after it.
- `close()` sends what was put before it, then the Close frame; what arrives from then on is discarded.
- However a connection ends, `ready_state` reaches CLOSED within the time limits, and `close_status` says how.
- A late `poll()` does first what can be done. A time limit counts what both sides had a turn for: see `limit.py`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Sequence
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
"""Messages that may wait to be sent: each takes some 130 bytes besides its own, so that small ones take far more."""

_WIDEST: Final = 4
"""Bytes of memory that one byte of a text may take: a single wide character widens all the others."""

# Made here, for what CPython 3.13 keeps of single characters and constants has their UTF-8 beside it.
_TEXT_HEAD: Final = getsizeof("".join(["é", "ç"])) - 3


class Waker:
    """Holds the function that asks for another `poll()`.

    What a transport is made of calls it through this object, so that no part refers back to the whole: a transport that
    nobody refers to any more is freed at once, and its socket closed.
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
    """The opening handshake's request, where `keeps_handshake` asks for it and the platform has it."""
    handshake_response: Response | None = None
    """Its answer, likewise."""
    on_pong: Callable[[bytes], None] | None = None
    """Called in `poll()` with the payload of each Pong frame."""
    on_ping: Callable[[bytes, float], None] | None = None
    """Called with the payload of each Ping frame that has left, and when it did, before `on_pong` with its answer."""
    close_status: CloseStatus | None = None
    _limit: TimeLimit | None = None
    """That of the opening, where the transport itself keeps it, and of the end; None while neither is under way."""
    _unsent_before_close = 0
    _inbox_counted = 0
    _fragments: list[Message] | None = None
    is_streamed: bool = False
    """Whether `take_fragments()` is called as they come, so that the sender is to be held back when they wait."""

    def __init__(self, url: WebSocketURL, options: Options) -> None:
        self.url: WebSocketURL = url
        self.options: Options = options
        self.ready_state: State = State.CONNECTING
        self.has_opened: bool = False
        self.inbox: deque[Message] = deque()
        self.subprotocol: str = ""
        self.is_held = False
        """Whether what is sent is to be gathered until `release()`."""
        self.received_count = 0
        """How many messages ever came into `inbox`."""
        self._waker = Waker()
        self._inbox_bytes = 0  # as they came; `_inbox_counted` of them are those of a count by `size_in_memory()`
        self._put_packets = PutPackets() if options.max_outbound_packets else None

    @abstractmethod
    def poll(self) -> None:
        """Do all that can be done without waiting."""

    @abstractmethod
    def send(self, message: Message) -> None:
        """Take a message to be sent; the state is OPEN.

        Raises OutboundBufferFullError if it does not fit into what is left of `outbound_buffer_size`.
        """

    def send_fragment(self, fragment: Message, *, is_last: bool) -> None:
        """Take a part of a message, all of whose parts are str or all bytes; raises as `send()` does.

        What cannot send fragments (RFC 6455 §5.4) gathers them, and sends the whole message at the last one.
        """
        fragments = self._fragments or []
        fragments.append(fragment)
        self._fragments = None if is_last else fragments
        if is_last:
            message = join(fragments)
            self.send(message)

    def drop_fragments(self) -> bool:
        """Give up the message that `send_fragment()` began; return False if a part of it has been sent already."""
        self._fragments = None
        return True

    def take_fragments(self) -> list[Message]:
        """Return the fragments that have come of the message after those in `inbox`, which goes on without them.

        They are known where `keeps_fragments` asks for it and the platform tells.
        """
        return []

    def split_message(self, message: Message) -> list[Message]:
        """Return the fragments of the message that was just taken out of `inbox`, if they are known, else itself."""
        return [message]

    def send_shared(self, message: SharedMessage) -> None:
        """Do as `send()` with a message that goes to others as well, and share what work there is."""
        self.send(message.message)

    @abstractmethod
    def close(self, code: int | None, reason: str) -> None:
        """Begin to close, or give up connecting; the state is CONNECTING or OPEN, and the arguments are checked."""

    @abstractmethod
    def abort(self) -> None:
        """End the connection at once, without a handshake, and free all it holds. Harmless in every state."""

    def see_off(self) -> int:
        """End a connection that has begun to close, without waiting; return how many payload bytes were lost."""
        self.poll()
        unsent = self.buffered_amount
        self.abort()
        return unsent

    @property
    @abstractmethod
    def buffered_amount(self) -> int:
        """Payload bytes that were taken by `send()` and not yet handed on (WHATWG WebSockets, `bufferedAmount`)."""

    @property
    def waiting_count(self) -> int:
        """How many frames or messages wait to be handed on besides those that are partly gone; 0 if nobody knows."""
        return 0

    @abstractmethod
    def release(self) -> None:
        """Hand on what was sent while `is_held` was set, as one where that is possible."""

    def is_unpolled(self) -> bool:
        """Tell whether it is connecting, and `poll()` was never called, so that nothing goes on."""
        return self.ready_state is State.CONNECTING and self._limit is not None and self._limit.is_fresh

    @property
    def deadline(self) -> float:
        """When `poll()` has to be called even if nothing arrives, in `time.monotonic()`'s seconds."""
        return inf if self._limit is None else self._limit.next_look

    def set_wakeup(self, wakeup: Callable[[], None] | None) -> None:
        """Have `wakeup` called when `poll()` has something to do that waiting for input at `fileno()` does not show.

        That is a JavaScript event, a message in memory, a finished name look-up, bytes that the kernel did not take,
        or a new time limit. It may be called from another thread and must return at once.
        """
        self._waker.callback = wakeup

    def set_trace(self, trace: Callable[[TracedFrame], object]) -> bool:
        """Have `trace` called with each frame; return False if frames are not known here, but only messages."""
        return False

    @property
    def has_backpressure(self) -> bool:
        """Whether a full inbox holds the sender back; else it ends the connection. Known once it is open."""
        return not self.options.web_limits

    @property
    def is_held_back(self) -> bool:
        """Whether the sender is held back, so that `poll()` has something to do once there is room in `inbox`."""
        return False

    # What a page cannot do, and only some of the others can.

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
        """Send a Pong frame that nobody asked for (RFC 6455 §5.5.3); `payload` has at most 125 bytes."""
        raise unsupported("pong()")

    @property
    def latency(self) -> float:
        """Seconds between the last answered ping and its pong; 0.0 before the first."""
        raise unsupported("latency")

    def fileno(self) -> int:
        """Return a descriptor that is readable when `poll()` has something to read."""
        raise unsupported("fileno()")

    def shows_more(self) -> bool:
        """Tell whether that descriptor is readable now; False where there is none."""
        return False

    # What the transports share.

    def _wake(self) -> None:
        self._waker.wake()

    def _enter(self, state: State) -> None:
        if state not in NEXT_STATES[self.ready_state]:
            raise AssertionError(f"a connection cannot go from {self.ready_state.name} to {state.name}")
        self.ready_state = state
        self.has_opened |= state is State.OPEN

    def _end(self, status: CloseStatus) -> None:
        """Enter CLOSED, once, and keep nothing that refers back to this connection."""
        if self.ready_state is not State.CLOSED:
            self._enter(State.CLOSED)
            self._waker.callback = None
            # To set an attribute for the first time takes memory, so what was never set is not set now.
            if self.on_pong is not None:
                self.on_pong = None
            if self.on_ping is not None:
                self.on_ping = None
            if status.cause is not None:
                forget_frames(status.cause)
            # Godot 3 sends the NUL that ends its string as well.
            self.close_status = status._replace(reason=status.reason.removesuffix("\0"))

    def check_room(self, size: int) -> None:
        """Raise OutboundBufferFullError if a message of `size` bytes does not fit into what is left to be sent."""
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
        """Begin the time limit of the closing handshake; what is to be sent, the Close frame included, is put."""
        self._limit = TimeLimit(self.options.close_timeout, monotonic())
        self._unsent_before_close = self._unsent_size()

    def _check_close_limit(self) -> CloseTimeoutError | None:
        """Return the cause of an end if the time limit of the closing handshake is over.

        It runs from when the Close frame left. Until then it runs from when the other side took in something last of
        what was sent before: a slow one gets it all, and one that takes in nothing is given up.
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
        """Return how many bytes, about, are still to be handed on, at least 1 until the Close frame has left."""
        return self.buffered_amount

    def _check_room_to_send(self, size: int) -> None:
        """Take note of a message that is to be sent, unless there is no room for it."""
        self.check_room(size)
        if self._put_packets is not None:
            self._put_packets.put(size)

    def _inbox_room(self) -> int:
        """Return how many messages `inbox` may still take; 0 as well if it holds `inbound_buffer_size` bytes."""
        room = self.options.max_queued_packets - len(self.inbox)
        if not self.inbox:
            self._inbox_bytes = 0
            if self._inbox_counted:
                self._inbox_counted = 0
        elif room > 0 and self._inbox_holds(self.options.inbound_buffer_size):
            return 0
        return room

    def _inbox_holds(self, size: int) -> bool:
        """Tell whether the messages in `inbox` take at least `size` bytes of memory; they are counted if they may."""
        counted = self._inbox_counted
        if counted + _WIDEST * max(self._inbox_bytes - counted, 0) < size:
            return False
        self._inbox_bytes = self._inbox_counted = sum(map(size_in_memory, self.inbox))
        return self._inbox_counted >= size

    @property
    def is_half_full(self) -> bool:
        """Whether what waits in `inbox` takes half of its room, or more."""
        options = self.options
        return 2 * len(self.inbox) >= options.max_queued_packets or self._inbox_holds(options.inbound_buffer_size // 2)

    def _cut_overflow(self) -> InboundOverflowError | None:
        """Where a sender cannot be held back: take what is over the limits out of `inbox` again, and say so."""
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
    """Counts the packets that wait to be handed on, by their bytes: a browser tells how many bytes wait, no more."""

    def __init__(self) -> None:
        self._put_bytes = 0
        self._ends: deque[int] = deque()  # of the packets that may still wait, in bytes that were ever put

    def put(self, size: int) -> None:
        """Count a packet of so many bytes."""
        self._put_bytes += size
        self._ends.append(self._put_bytes)

    def count_waiting(self, buffered: int) -> int:
        """Return how many packets wait, if so many bytes do."""
        gone = self._put_bytes - buffered
        while self._ends and self._ends[0] <= gone:
            self._ends.popleft()
        return len(self._ends)


def size_in_memory(message: Message) -> int:
    """Return how many bytes the content of a message takes: in CPython 1, 2 or 4 for each character of a text."""
    if isinstance(message, str) and not message.isascii():
        return (getsizeof(message) - _TEXT_HEAD) * len(message) // (len(message) + 1)
    return len(message)


def overflowed(options: Options) -> InboundOverflowError:
    """Return the cause of an end that too many unfetched messages brought."""
    return InboundOverflowError(
        f"more than {options.max_queued_packets} packets or {options.inbound_buffer_size} bytes waited to be "
        "fetched, and this page does not hold the sender back: poll and fetch packets more often, raise "
        "max_queued_packets or inbound_buffer_size, set backpressure (Chromium), or let the server wait for an answer"
    )


def join(fragments: Sequence[Message]) -> Message:
    """Return the message whose fragments these are."""
    if isinstance(fragments[0], str):
        return "".join(cast(Sequence[str], fragments))
    return b"".join(cast(Sequence[bytes], fragments))


def gave_up() -> ConnectError:
    """Return the cause of an end that `close()` brought before the connection was open."""
    return ConnectError("close() was called before the connection was open")


def unsent_at_end(size: int) -> ConnectionLostError:
    """Return the cause of an end, by the other side's Close frame, before `size` bytes of payload had been sent."""
    return ConnectionLostError(f"the other side closed, and {size} bytes that were put before are lost")


def aborted() -> ConnectionLostError:
    """Return the cause of an end that `abort()` brought."""
    return ConnectionLostError("this side aborted the connection")
