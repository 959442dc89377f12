"""The relay of the shared board, made with the package's own server.

It passes on what a participant does to all the others, tells newcomers what is there already, and does not wait for
anybody: slow readers are disconnected. Under /echo it sends everything back to its sender instead.
"""

from __future__ import annotations

import json
from collections import Counter, deque
from time import monotonic
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from board import (
    CHAT_LENGTH,
    COLOURS,
    DRAW,
    INK,
    INK_LINE,
    MOVE,
    NAME_LENGTH,
    POINT,
    BadMessageError,
    Person,
    parse,
    text_field,
    unpack_point,
)
from pyws_browser import CloseCode, OutboundBufferFullError, WebSocketServer

if TYPE_CHECKING:
    from threading import Event

    from pyws_browser.cli.guard import Guard

MAX_INK_LINES = 6_000
LINES_PER_MESSAGE = 2_000
OUTBOUND_BUFFER = 1024 * 1024
GOODBYE_TIMEOUT = 1.0


class Relay:
    """The board as the relay knows it: who is there, where, and what was drawn."""

    def __init__(self, guard: Guard) -> None:
        self._server = WebSocketServer()
        self._server.process_request = lambda request: guard.refusal_of(request.headers)
        self._server.outbound_buffer_size = OUTBOUND_BUFFER
        self._server.client_disconnected.connect(self._on_disconnected)
        self._server.data_received.connect(self._on_message)
        self._people: dict[int, Person] = {}
        self._ink: deque[bytes] = deque(maxlen=MAX_INK_LINES)

    def listen(self, host: str, port: int) -> int:
        """Listen at `port`, 0 for any free one, and return it."""
        self._server.bind_ip = host
        self._server.listen(port)
        return self._server.port

    def run(self, stop: Event) -> None:
        """Relay until `stop` is set, then send everybody home; in the thread that called `listen()`."""
        while not stop.is_set():
            self._server.wait(0.1)
            self._server.poll()
        self._say_goodbye()
        self._server.stop()

    def _say_goodbye(self) -> None:
        self._dismiss(CloseCode.GOING_AWAY)

    def _dismiss(self, code: CloseCode) -> None:
        for id_ in self._server.peer_ids:
            self._server.disconnect_peer(id_, code, "the relay is stopping")
        deadline = monotonic() + GOODBYE_TIMEOUT
        while self._server.peer_ids and monotonic() < deadline:
            self._server.wait(deadline - monotonic())
            self._server.poll()

    # What happens.

    def _on_disconnected(self, id_: int, _was_clean: bool) -> None:
        if self._people.pop(id_, None) is not None:
            self._tell_others(id_, type="leave", id=id_)

    def _on_message(self, id_: int) -> None:
        message = self._server.get_peer(id_).receive()
        if message is None:
            return
        if self._is_echo(id_):
            self._send(id_, message)
            return
        try:
            if isinstance(message, str):
                self._take_text(id_, message)
            else:
                self._take_point(id_, message)
        except BadMessageError as exc:
            self._server.disconnect_peer(id_, CloseCode.POLICY_VIOLATION, f"not for the board: {exc}")

    def _take_text(self, id_: int, message: str) -> None:
        fields = parse(message)
        kind = fields["type"]
        if kind == "echo":
            self._send(id_, message)
        elif kind == "join":
            self._take_join(id_, text_field(fields, "name", NAME_LENGTH))
        elif kind == "chat":
            self._tell_others(id_, type="chat", id=id_, text=text_field(fields, "text", CHAT_LENGTH))
        elif kind == "clear":
            self._clear(id_)
        else:
            raise BadMessageError("unknown type")

    def _take_join(self, id_: int, name: str) -> None:
        person = self._people.get(id_)
        if person is None:
            taken = Counter(person.colour for person in self._people.values())
            person = Person(name, min(range(COLOURS), key=lambda colour: taken[colour]))
            self._welcome(id_, person)
            self._people[id_] = person
        person.name = name
        self._tell_others(id_, type="join", id=id_, name=name, colour=person.colour)

    def _welcome(self, id_: int, newcomer: Person) -> None:
        """Tell a newcomer what is there already."""
        people = [{"id": other, "name": person.name, "colour": person.colour} for other, person in self._people.items()]
        self._send(id_, to_json({"type": "welcome", "id": id_, "colour": newcomer.colour, "people": people}))
        for lines in self._ink_messages():
            self._send(id_, lines)
        for other, person in self._people.items():
            if person.place is not None:
                self._send(id_, POINT.pack(MOVE, other, *person.place))

    def _take_point(self, id_: int, message: bytes) -> None:
        kind, _, x, y = unpack_point(message)
        person = self._people.get(id_)
        if person is None:
            raise BadMessageError("join first")
        if kind == DRAW and person.place is not None:
            kind = self._add_ink(id_, INK_LINE.pack(person.colour, *person.place, x, y))
        person.place = x, y
        self._send_others(id_, POINT.pack(kind, id_, x, y))

    def _add_ink(self, id_: int, line: bytes) -> int:
        """Keep a line; return what the others are told, which is to draw it."""
        self._ink.append(line)
        return DRAW

    def _clear(self, id_: int) -> None:
        self._ink.clear()
        self._tell_others(id_, type="clear", id=id_)

    # Sending.

    def _ink_messages(self) -> list[bytes]:
        lines = list(self._ink)
        starts = range(0, len(lines), LINES_PER_MESSAGE)
        return [bytes([INK]) + b"".join(lines[start : start + LINES_PER_MESSAGE]) for start in starts]

    def _tell_others(self, id_: int, **fields: Any) -> None:
        self._send_others(id_, to_json(fields))

    def _send_others(self, id_: int, message: str | bytes) -> None:
        for other in self._people:
            if other != id_:
                self._send(other, message)

    def _send(self, id_: int, message: str | bytes) -> None:
        """Send to one, unless that one is leaving; never wait."""
        peer = self._server.get_peer(id_)
        if not peer.is_connected_to_host():
            return
        try:
            peer.send(message)
        except OutboundBufferFullError:
            peer.close(CloseCode.TRY_AGAIN_LATER, "too slow: what was sent has not been taken in")

    def _is_echo(self, id_: int) -> bool:
        return urlsplit(self._server.get_peer(id_).requested_url).path == "/echo"


def to_json(fields: dict[str, Any]) -> str:
    """Return a message of text."""
    return json.dumps(fields, ensure_ascii=False, separators=(",", ":"))
