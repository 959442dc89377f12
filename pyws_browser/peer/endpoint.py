"""The part of a peer that runs with every message and every poll.

It is a module of its own because it decides the speed: mypyc compiles it.

With the inner loops compiled, this part took a large share of the remaining time.
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
    """A program's side of a transport. It belongs to the thread that attached it."""

    def __init__(self) -> None:
        self._transport: Transport | None = None
        self._owner = 0
        self._asked_at = 0.0
        self._was_string = [False]  # in a list, because assigning an attribute of a peer is checked, which is slow

    def poll(self) -> None:
        """Do all work that needs no waiting: connect, receive, send, close."""
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
        """Return how many payload bytes wait to be sent (Godot 3.4; WHATWG `bufferedAmount`)."""
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
        """Fetch the messages that are there now, one by one, as `receive()` does."""
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
            if not inbox or self._transport is not transport:  # the loop's body fetched messages, or connected again
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
        """Warn a program that waits for its connection without polling."""
        from .unpolled import look

        asked_at, self._asked_at = self._asked_at, inf  # because the warning reads the state as well
        self._asked_at = look(self, transport, asked_at)

    def _check_thread(self) -> None:
        if get_ident() != self._owner:
            raise wrong_thread()


def not_open(transport: Transport | None) -> NotConnectedError:
    """Return the exception for a transport that is not OPEN."""
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
    """Return the exception for a call in a thread that does not own the peer."""
    return WrongThreadError("a peer belongs to the thread that connected it: use a queue to talk to that thread")
