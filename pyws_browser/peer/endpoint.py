"""What runs with every message of a peer, and with every poll.

It is apart from the rest of the peer because it decides how fast that is: mypyc compiles it.
"""

from __future__ import annotations

from _thread import get_ident
from math import inf
from typing import TYPE_CHECKING, Final

from .._mypyc import mypyc_attr
from ..errors import NotConnectedError, WrongThreadError
from ..protocol import rules
from ..protocol.display import printable
from ..protocol.vocabulary import OPEN, Message, State

if TYPE_CHECKING:
    from collections.abc import Iterator

    from typing_extensions import Buffer

    from ..transport.base import Transport


CONNECTING: Final = State.CONNECTING


@mypyc_attr(allow_interpreted_subclasses=True)
class Endpoint:
    """A program's side of a transport, which belongs to the thread that attached it."""

    def __init__(self) -> None:
        self._transport: Transport | None = None
        self._owner = 0
        self._asked_at = 0.0
        self._was_string = [False]  # in a list, for a peer looks at what is assigned to it, which takes its time

    def poll(self) -> None:
        """Do all that can be done without waiting: connect, receive, send, close."""
        transport = self._transport
        if transport is not None:
            if get_ident() != self._owner:
                raise wrong_thread()
            transport.poll()

    # Sending.

    def send(self, message: str | Buffer) -> None:
        """Send str as a text message and anything bytes-like as a binary one; raises as `put_packet()` does.

        Lone surrogates go out as U+FFFD, as from a browser.
        """
        checked = message if type(message) is bytes or isinstance(message, str) else rules.as_message(message)
        transport = self._transport
        if transport is None:
            raise not_open(None)
        if get_ident() != self._owner:
            raise wrong_thread()
        if transport.ready_state is not OPEN:
            raise not_open(transport)
        transport.send(checked)

    def get_current_outbound_buffered_amount(self) -> int:
        """Return how many payload bytes were put and not yet handed on (Godot 3.4; WHATWG `bufferedAmount`)."""
        return 0 if self._transport is None else self._transport.buffered_amount

    # Receiving.

    def get_available_packet_count(self) -> int:
        """Return how many packets can be fetched; `poll()` brings new ones. They stay after the end."""
        return 0 if self._transport is None else len(self._transport.inbox)

    def receive(self) -> Message | None:
        """Fetch the next message: text as str, binary as bytes, None if there is none."""
        transport = self._transport
        if transport is None:
            return None
        if get_ident() != self._owner:
            raise wrong_thread()
        if not transport.inbox:
            if transport.ready_state is CONNECTING:
                self._look_for_polls(transport)
            return None
        message = transport.inbox.popleft()
        self._was_string[0] = isinstance(message, str)
        return message

    def __iter__(self) -> Iterator[Message]:
        """Fetch the messages that are there now, one by one, as `receive()` gives them."""
        transport = self._transport
        if transport is None:
            return
        if get_ident() != self._owner:
            raise wrong_thread()
        inbox = transport.inbox
        if not inbox and transport.ready_state is CONNECTING:
            self._look_for_polls(transport)
        fetch = inbox.popleft
        was_string = self._was_string
        for _ in range(len(inbox)):
            if not inbox or self._transport is not transport:  # the loop's own body fetched, or connected again
                return
            message = fetch()
            was_string[0] = isinstance(message, str)
            yield message

    def was_string_packet(self) -> bool:
        """Tell whether the packet fetched last was a text message (Godot)."""
        return self._was_string[0]

    # For the rest of the peer.

    def _attach(self, transport: Transport) -> None:
        self._transport = transport
        self._owner = get_ident()
        self._asked_at = 0.0

    def _look_for_polls(self, transport: Transport) -> None:
        """Warn a program that waits for its connection and does not poll."""
        from .unpolled import look

        asked_at, self._asked_at = self._asked_at, inf  # for the warning asks for the state as well
        self._asked_at = look(self, transport, asked_at)

    def _check_thread(self) -> None:
        if get_ident() != self._owner:
            raise wrong_thread()


def not_open(transport: Transport | None) -> NotConnectedError:
    """Return what to raise where a transport had to be OPEN."""
    if transport is None:
        return NotConnectedError("the peer has no connection: call connect_to_url() and poll() until it is OPEN")
    if transport.ready_state is State.CONNECTING:
        return NotConnectedError("the connection is not open yet: poll() until the state is OPEN")
    status = transport.close_status
    cause = None if status is None else status.cause
    if cause is None:
        ended = (
            "" if status is None else f" with {int(status.code)}{status.reason and f' ({printable(status.reason)})'}"
        )
        return NotConnectedError(
            f"the connection is {transport.ready_state.name}{ended}: connect_to_url() opens a new one"
        )
    error = NotConnectedError(
        f"the connection is CLOSED: {cause}. Once that is mended, connect_to_url() opens a new one"
        if not transport.has_opened
        else f"the connection is CLOSED: {cause}. connect_to_url() opens a new one"
    )
    error.__cause__ = cause
    return error


def wrong_thread() -> WrongThreadError:
    """Return what to raise in a thread that a peer does not belong to."""
    return WrongThreadError("a peer belongs to the thread that connected it: use a queue to talk to that thread")
