"""The page's program: a participant of a shared board, the same file in a page, in a Web Worker and on the desktop.

    python web/board.py ws://127.0.0.1:8001/

Everybody sees everybody move and draw, and a chat runs below. All that differs between the platforms, showing things
and waiting for the next frame, is behind a `View`: `view.mjs` in the page, `terminal.py` on the desktop.

What is said on the wire. Text messages are JSON objects that have a "type":

    to the relay     join {name}, first and for another name   chat {text}   clear {}   echo {n}
    from the relay   welcome {id, colour, people: [{id, name, colour}]}, the answer to the first join; with
                     worker, which of its processes it is, if it has several
                     join {id, name, colour}   leave {id}   chat {id, text}   clear {id}   echo {n}, back to its sender

Binary messages are in network byte order; a place on the board is two numbers from 0 to 65535:

    POINT   kind u8 (1 moves there, 2 draws a line from the place before), id u32, x u16, y u16
    INK     kind u8 (3), then for every line that is there already: colour u8, x u16, y u16, x u16, y u16
"""

from __future__ import annotations

import asyncio
import json
import random
import struct
from collections import deque
from contextlib import contextmanager, suppress
from time import perf_counter
from typing import TYPE_CHECKING, Any, Protocol

from pyws_browser import (
    AlreadyConnectedError,
    Backoff,
    CloseCode,
    NotConnectedError,
    ReconnectingPeer,
    ReconnectState,
    State,
    WebSocketError,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Iterator

MOVE, DRAW, INK = 1, 2, 3
POINT = struct.Struct(">BIHH")
INK_LINE = struct.Struct(">BHHHH")
SCALE = 65535
COLOURS = 8
NAME_LENGTH = 24
CHAT_LENGTH = 500

_ECHO_INTERVAL = 0.5
_MAX_UNANSWERED = 4
_SHOWN_BYTES = 512
_SHORT, _LONG = 0.005, 0.004
"""Seconds for which an answer is looked for in every turn of the loop, and the pause between two looks later."""


class View(Protocol):
    """What a platform gives the program. Places are from 0 to 1, x to the right and y down."""

    def frame(self) -> Awaitable[bool]:
        """Wait for the next frame; False ends the program."""

    def state(self, name: str, url: str, protocol: str) -> None:
        """Show the ready state, and what it is about."""

    def ended(self, code: int, meaning: str, reason: str, was_clean: bool, cause: str) -> None:
        """Show how the connection ended; everybody else is gone."""

    def problem(self, text: str) -> None:
        """Show what went wrong."""

    def welcome(self, who: int, name: str, colour: int) -> None:
        """Show who we are, alone at an empty board."""

    def worker(self, name: str) -> None:
        """Show which process of the relay we are at, if it has several."""

    def joined(self, who: int, name: str, colour: int) -> None:
        """Show somebody, who is new or has another name now."""

    def left(self, who: int, name: str) -> None:
        """Show somebody no more."""

    def moved(self, who: int, x: float, y: float) -> None:
        """Show where somebody is now."""

    def line(self, colour: int, x0: float, y0: float, x1: float, y1: float) -> None:
        """Draw a line."""

    def cleared(self, name: str) -> None:
        """Wipe the board; `name` did it."""

    def chat(self, who: int, name: str, text: str) -> None:
        """Show what somebody said."""

    def message(self, direction: str, kind: str, size: int, shown: str, note: str) -> None:
        """Log a message: "in" or "out", "text" or "binary", its bytes, its beginning (binary as hex), and a remark."""

    def echoed(self, network: float, frame: float) -> None:
        """Show how long a message took to the other side and back, and then waited for a frame; in milliseconds."""

    def waiting(self, seconds: float, why: str) -> None:
        """Show that the connection is lost, why ("" if that is known), and when the next attempt begins."""


class BadMessageError(ValueError):
    """A message that is not the board's; it says why."""


class Person:
    """Somebody at the board."""

    def __init__(self, name: str, colour: int) -> None:
        self.name = name
        self.colour = colour
        self.place: tuple[int, int] | None = None


class Participant:
    """Takes part in a board through one `ReconnectingPeer`, which it polls once a frame."""

    def __init__(self, view: View, name: str = "") -> None:
        self.view = view
        # Who is sent away for what he sent does not come back by himself.
        self.peer = ReconnectingPeer(backoff=Backoff(max_delay=10, final_codes={CloseCode.POLICY_VIOLATION}))
        self.me = Person(clean(name, NAME_LENGTH) or some_name(), 0)
        self._id = 0
        self._people: dict[int, Person] = {}
        self._state = State.CLOSED
        self._is_leaving = False
        self._was_open = False  # since the program was told to connect
        self._has_just_opened = False  # in this attempt
        self._inbox: deque[tuple[str | bytes, float]] = deque()  # with the time when each came
        self._watcher: asyncio.Task[None] | None = None
        self._points: deque[tuple[int, int, int]] = deque()  # kind, x, y: not sent yet
        self._echoes: dict[int, float] = {}  # when the ones were sent that have not come back
        self._echo_count = 0
        self._echo_due = 0.0

    async def run(self) -> None:
        """Go on as long as there are frames."""
        self.view.welcome(self._id, self.me.name, self.me.colour)
        while await self.view.frame():
            self.step()
            if self._echoes and self._watcher is None:
                self._watcher = asyncio.create_task(self._watch_for_answers())

    def step(self) -> None:
        """Do what one frame brings: take in what came, send what is new."""
        self._take_in()
        is_over = self._has_ended()
        if not is_over:
            self._watch_state()
        while self._inbox:
            self._receive(*self._inbox.popleft())
        if is_over:
            self._watch_state()
        elif self.peer.is_connected_to_host():
            # Should it end right now, the next frame shows it.
            with self._telling("not sent"), suppress(NotConnectedError):
                self._send_points()
                self._send_echo()

    def _take_in(self) -> None:
        """Poll, and note when what came was there."""
        self.peer.poll()
        now = perf_counter()
        self._inbox.extend((message, now) for message in self.peer)

    async def _watch_for_answers(self) -> None:
        """Look for answers between the frames as well: so it shows what the network takes, and what the next frame.

        The board itself needs none of this.
        """
        began = perf_counter()
        while self._echoes and self.peer.is_connected_to_host() and not self._inbox:
            await asyncio.sleep(0 if perf_counter() - began < _SHORT else _LONG)
            self._take_in()
        self._watcher = None

    # What a person does. Everything that is refused is shown in words.

    def connect(self, url: str, protocols: str = "") -> None:
        """Connect; `protocols` are the subprotocols to offer, with commas between."""
        if self.peer.reconnection.state is ReconnectState.WAITING:
            self.peer.abort()
        if self.peer.ready_state is State.CLOSED:
            self.view.state(State.CLOSED.name, "", "")  # what was known of the connection before is over
        if not url.strip():
            self.view.problem("not connected: type the address of a board, which begins with ws:// or wss://")
            return
        with self._telling("not connected"):
            self.peer.connect_to_url(url.strip(), [name.strip() for name in protocols.split(",") if name.strip()])
            self._is_leaving = self._was_open = False
            self._watch_state()

    def close(self, code: str = "1000", reason: str = "") -> None:
        """Begin to close; an empty `code` sends none."""
        if self.peer.ready_state is State.CLOSED:
            self.view.problem("not closed: there is no connection")
            return
        if self.peer.reconnection.state is ReconnectState.WAITING:
            self.peer.abort()
            self.view.state(State.CLOSED.name, self.peer.requested_url, "")
            return
        try:
            number = int(code) if code.strip() else None
        except ValueError:
            self.view.problem(f"not closed: “{code}” is not a close code, which is a number such as 1000")
            return
        with self._telling("not closed"):
            self.peer.close(number, reason)
            self._is_leaving = True
            self._watch_state()

    def rename(self, name: str) -> None:
        """Take another name."""
        self.me.name = clean(name, NAME_LENGTH) or some_name()
        self.view.joined(self._id, self.me.name, self.me.colour)
        if self.peer.is_connected_to_host():
            with self._telling("the others have not heard of it"):
                self._send_text("join", name=self.me.name)

    def say(self, text: str) -> None:
        """Say something to everybody."""
        text = clean(text, CHAT_LENGTH)
        if not text:
            return
        with self._telling("not said"):
            self._send_text("chat", text=text)
            self.view.chat(self._id, self.me.name, text)

    def clear(self) -> None:
        """Wipe the board for everybody."""
        with self._telling("not cleared"):
            self._send_text("clear")
            self.view.cleared(self.me.name)

    def send(self, text: str, is_hex: bool) -> None:
        """Send anything at all: text, or bytes in hex."""
        try:
            message = bytes.fromhex(text) if is_hex else text
        except ValueError:
            self.view.problem("not sent: hex is pairs of the digits 0–9 and a–f, as in 01 fe")
            return
        with self._telling("not sent"):
            self._send(message)

    def point(self, x: float, y: float, is_drawing: bool) -> None:
        """Move to a place, and draw a line to it from where we were if `is_drawing`."""
        if not self.peer.is_connected_to_host():
            return
        place = _to_wire(x), _to_wire(y)
        kind = DRAW if is_drawing else MOVE
        if kind == MOVE and self._points and self._points[-1][0] == MOVE:
            self._points.pop()  # only the newest matters
        self._points.append((kind, *place))
        self._show_point(self._id, self.me, kind, place)

    # Sending.

    def _send_points(self) -> None:
        if not self._points:
            return
        with self.peer.batch():
            while self._points:
                kind, x, y = self._points[0]
                self._send(POINT.pack(kind, self._id, x, y))
                self._points.popleft()

    def _send_echo(self) -> None:
        """Have the relay answer now and then, which is how long a message takes there and back."""
        now = perf_counter()
        if now >= self._echo_due and len(self._echoes) < _MAX_UNANSWERED:
            self._echo_due = now + _ECHO_INTERVAL
            self._echo_count += 1
            self._echoes[self._echo_count] = now
            self._send_text("echo", n=self._echo_count)

    def _send_text(self, kind: str, **fields: object) -> None:
        self._send(json.dumps({"type": kind, **fields}, ensure_ascii=False, separators=(",", ":")))

    def _send(self, message: str | bytes) -> None:
        self.peer.send(message)
        self._log("out", message)

    # Receiving.

    def _receive(self, message: str | bytes, arrived: float) -> None:
        """Apply a message; log and ignore other messages."""
        note = ""
        try:
            if isinstance(message, str):
                self._take_text(parse(message), arrived)
            else:
                self._take_bytes(message)
        except BadMessageError as exc:
            note = str(exc)
        self._log("in", message, note)

    def _take_text(self, fields: dict[str, Any], arrived: float) -> None:
        kind = fields["type"]
        if kind == "echo":
            sent = self._echoes.pop(number_field(fields, "n"), None)
            if sent is not None:
                self.view.echoed((arrived - sent) * 1000, (perf_counter() - arrived) * 1000)
            return
        if kind == "welcome":
            self._take_welcome(fields)
            return
        id_ = number_field(fields, "id", 0)
        if kind == "join":
            self._take_join(id_, fields)
        elif kind == "leave":
            self.view.left(id_, self._person(id_).name)
            self._people.pop(id_, None)
        elif kind == "chat":
            name = self._person(id_).name + (" (echo)" if id_ == self._id else "")
            self.view.chat(id_, name, text_field(fields, "text", CHAT_LENGTH))
        elif kind == "clear":
            known = self._people.get(id_, self.me if id_ == self._id else None)
            self.view.cleared("Somebody" if known is None else known.name)  # who has left, in what was stored
        else:
            raise BadMessageError(f"the board knows no “{kind}”")

    def _take_welcome(self, fields: dict[str, Any]) -> None:
        self._id = number_field(fields, "id")
        self.me.colour = number_field(fields, "colour") % COLOURS
        self._people.clear()
        self.view.welcome(self._id, self.me.name, self.me.colour)
        people = fields.get("people")
        if not isinstance(people, list):
            raise BadMessageError("“people” is not a list")
        if "worker" in fields:
            self.view.worker(text_field(fields, "worker", CHAT_LENGTH))
        for person in people:
            if not isinstance(person, dict):
                raise BadMessageError("“people” holds something that is nobody")
            self._take_join(number_field(person, "id"), person)

    def _take_join(self, id_: int, fields: dict[str, Any]) -> None:
        if id_ == self._id:
            return  # a server that echoes
        name, colour = text_field(fields, "name", NAME_LENGTH), number_field(fields, "colour") % COLOURS
        person = self._people.setdefault(id_, Person(name, colour))
        person.name, person.colour = name, colour
        self.view.joined(id_, name, colour)

    def _take_bytes(self, message: bytes) -> None:
        kind = message[0] if message else 0
        if kind == INK:
            for colour, *places in ink_lines(message):
                self.view.line(colour % COLOURS, *(value / SCALE for value in places))
        else:
            kind, id_, *place = unpack_point(message)
            if id_ != self._id:
                self._show_point(id_, self._person(id_), kind, (place[0], place[1]))

    def _person(self, id_: int) -> Person:
        if id_ == self._id:
            return self.me
        if id_ not in self._people:
            raise BadMessageError(f"nobody here has the id {id_}")
        return self._people[id_]

    # Showing.

    def _show_point(self, id_: int, person: Person, kind: int, place: tuple[int, int]) -> None:
        x, y = place[0] / SCALE, place[1] / SCALE
        if kind == DRAW and person.place is not None:
            self.view.line(person.colour, person.place[0] / SCALE, person.place[1] / SCALE, x, y)
        person.place = place
        self.view.moved(id_, x, y)

    def _watch_state(self) -> None:
        """Show the state if it is another than before."""
        state = State.CLOSED if self._has_ended() else self.peer.ready_state
        if state is self._state:
            return
        self._state = state
        self.view.state(state.name, self.peer.requested_url, self.peer.selected_protocol)
        if state is State.OPEN:
            self._arrive()
        elif state is State.CLOSED:
            self._people.clear()
            self._tell_end()

    def _arrive(self) -> None:
        """Begin as nobody in particular, alone; a relay's welcome makes more of that."""
        self._id = 0
        self._was_open = self._has_just_opened = True
        self.me = Person(self.me.name, 0)
        self._points.clear()
        self._echoes.clear()
        self._echo_due = 0.0
        self.view.welcome(self._id, self.me.name, self.me.colour)
        with suppress(NotConnectedError):  # it has ended already, which the next frame shows
            self._send_text("join", name=self.me.name)

    def _has_ended(self) -> bool:
        """Tell whether there is no connection, and none is being made at this moment."""
        return self.peer.ready_state is State.CLOSED or self.peer.reconnection.state is ReconnectState.WAITING

    def _tell_end(self) -> None:
        """Show how it ended, and as a problem if nobody here wanted it to."""
        delay = self.peer.reconnection.delay
        is_waiting = self.peer.reconnection.state is ReconnectState.WAITING and self._was_open
        code, reason, cause = self.peer.close_code, self.peer.close_reason, str(self.peer.close_cause or "")
        if is_waiting and not self._has_just_opened:  # that a further attempt fails as well is no news
            self.view.waiting(delay, "")
            return
        self.view.ended(code, meaning(code), reason, self.peer.was_clean_close, cause)
        if not is_waiting:
            self.peer.abort()  # what could not be reached once may have been mistyped
        words = ", ".join(filter(None, (str(code), meaning(code), reason)))
        if not cause and self._is_leaving:
            return
        why = f"the other side has closed the connection ({words})"
        if cause:
            why = f"the connection has failed ({words}): {cause}"
        if is_waiting:
            self._has_just_opened = False
            self.view.waiting(delay, why)
        else:
            self.view.problem(why)

    def _log(self, direction: str, message: str | bytes, note: str = "") -> None:
        if isinstance(message, str):
            size = len(message.encode("utf-8", "replace"))
            self.view.message(direction, "text", size, message[:_SHOWN_BYTES], note)
        else:
            self.view.message(direction, "binary", len(message), message[:_SHOWN_BYTES].hex(" "), note)

    @contextmanager
    def _telling(self, consequence: str) -> Iterator[None]:
        """Show the package's errors in words instead of passing them on."""
        try:
            yield
        except NotConnectedError:
            self.view.problem(f"{consequence}: there is no connection")
        except AlreadyConnectedError:
            self.view.problem(f"{consequence}: there is a connection already; close it first")
        except WebSocketError as exc:
            self.view.problem(f"{consequence}: {exc}")


# The messages, for the participants and for the relay.


def parse(message: str) -> dict[str, Any]:
    """Return a text message's fields. Raises BadMessageError unless it is a JSON object with a type."""
    try:
        fields = json.loads(message)
    except (ValueError, RecursionError):
        raise BadMessageError("the text is not JSON") from None
    if not isinstance(fields, dict) or not isinstance(fields.get("type"), str):
        raise BadMessageError("the JSON is no object that has a type")
    return fields


def text_field(fields: dict[str, Any], key: str, length: int) -> str:
    """Return a field that is a text, cleaned. Raises BadMessageError if it is none, or empty."""
    value = fields.get(key)
    if not isinstance(value, str) or not clean(value, length):
        raise BadMessageError(f"“{key}” is no text")
    return clean(value, length)


def number_field(fields: dict[str, Any], key: str, default: int | None = None) -> int:
    """Return a field that is a whole number of 32 bits. Raises BadMessageError if it is none."""
    value = fields.get(key, default)
    if not isinstance(value, int) or not 0 <= value < 2**32:
        raise BadMessageError(f"“{key}” is no whole number")
    return value


def unpack_point(message: bytes) -> tuple[int, int, int, int]:
    """Return kind, id, x and y. Raises BadMessageError."""
    if len(message) != POINT.size or message[0] not in (MOVE, DRAW):
        raise BadMessageError("these bytes are neither a move nor ink")
    kind, id_, x, y = POINT.unpack(message)
    return kind, id_, x, y


def ink_lines(message: bytes) -> Iterator[tuple[int, ...]]:
    """Return colour, x, y, x, y of every line. Raises BadMessageError."""
    if (len(message) - 1) % INK_LINE.size:
        raise BadMessageError("the ink ends in the middle of a line")
    return INK_LINE.iter_unpack(memoryview(message)[1:])


def clean(value: str, length: int) -> str:
    """Return what can be shown of a text, at most `length` characters: no line breaks, no control characters."""
    return "".join(c if c.isprintable() else " " for c in value).strip()[:length]


def some_name() -> str:
    """Return a name for somebody who gave none."""
    first = random.choice(("Amber", "Brave", "Calm", "Dusty", "Early", "Fond", "Merry", "Quiet", "Sunny", "Swift"))
    second = random.choice(("Badger", "Crane", "Finch", "Fox", "Hare", "Heron", "Lynx", "Otter", "Robin", "Wren"))
    return f"{first} {second}"


def meaning(code: int) -> str:
    """Return what a close code means, in words; "" if it is nobody's but the application's."""
    return CloseCode(code).name.replace("_", " ").lower() if code in set(CloseCode) else ""


def _to_wire(value: float) -> int:
    return round(min(max(value, 0.0), 1.0) * SCALE)


if __name__ == "__main__":
    from terminal import main

    main()
