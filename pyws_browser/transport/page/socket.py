"""A page's connection: the interface of its sockets, and the browser's own WebSocket."""

from __future__ import annotations

from abc import ABC, abstractmethod
from functools import lru_cache
from typing import TYPE_CHECKING, Any, ClassVar, Final, NamedTuple

import js
from pyodide.ffi import to_js

from ...protocol.rules import CloseCode
from .crossing import PlainSender, Queue, Sender, Slot, as_it_is, js_object

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ...protocol.vocabulary import Message


_JS_OPEN: Final = 1
_EVENTS: Final = ("open", "error", "close")

# Node has no such events; in a worker they never come.
_js_listen = getattr(js, "addEventListener", lambda *_: None)
_js_unlisten = getattr(js, "removeEventListener", lambda *_: None)


class Event(NamedTuple):
    """An event: "open", "error", "close" with code and reason, "pagehide", or one that was added.

    "closing" means that the other side has sent a Close frame; only a socket with backpressure reports it.
    """

    kind: str
    code: int = 0
    reason: str = ""
    was_clean: bool = True


class PageSocket(ABC):
    """A connection of the browser, whose events wait in JavaScript until `take_events()`.

    Each listener is a built-in JavaScript function, so no Python proxy can leak. The constructor of a subclass raises a
    JsException where the browser refuses to connect.
    """

    has_backpressure: ClassVar[bool]
    """Whether `hold()` and `resume()` do something."""

    sender: Sender | PlainSender
    """The sender of messages, once it is open."""

    def __init__(self, js_target: Any, messages: Queue, js_close: Any) -> None:
        self.js_target: Any = js_target
        """The target of the events "message", "open", "error" and "close", which announce something to take."""
        self.messages: Queue = messages
        self.js_events: Any = js.Array.new()
        """The events since the last `take_events()`; true if there are any."""
        self._js_turns: Any = js.Array.new()
        self.await_turn()
        self._js_note = self.js_events.push.bind(self.js_events)
        self._js_when_left: tuple[Any, ...] = ()
        self._call_when_left(self._js_note, js_close)

    def take_events(self) -> list[Event]:
        """Return the events in order. All messages that came before the end are in the queue by then."""
        return [self._event(js_event) for js_event in self.js_events.splice(0)]

    def await_turn(self) -> None:
        """Forget the page's turns so far."""
        self._js_turns.length = 0
        js.setTimeout(self._js_turns.push.bind(self._js_turns), 0, True)

    @property
    def had_turn(self) -> bool:
        """Whether the page has had a turn since `await_turn()`: a page whose Python never waits gets no events."""
        return bool(self._js_turns.length)

    def note(self, kind: str) -> None:
        """Add an event of this kind."""
        self._js_note(js.Event.new(kind))

    def stop(self) -> None:
        """Stop listening."""
        self.messages.stop()
        self._call_when_left()

    def _call_when_left(self, *js_listeners: Any) -> None:
        """Call these listeners when the page is left: it may be cached with its connections, but runs no Python."""
        for js_listener in self._js_when_left:
            _js_unlisten("pagehide", js_listener)
        self._js_when_left = js_listeners
        for js_listener in js_listeners:
            _js_listen("pagehide", js_listener)

    @property
    @abstractmethod
    def protocol(self) -> str:
        """The subprotocol that the server chose, "" for none; the connection has been opened."""

    @abstractmethod
    def can_send(self) -> bool:
        """Tell whether `sender` may be called: the connection has not ended, as far as the page knows."""

    @property
    @abstractmethod
    def buffered_amount(self) -> int:
        """Payload bytes that were sent but still wait in the page."""

    @abstractmethod
    def close(self, code: int | None, reason: str) -> None:
        """Close after everything was sent; discard what comes."""

    @abstractmethod
    def cut(self) -> None:
        """Drop the connection, whatever its state."""

    @abstractmethod
    def hold(self) -> None:
        """Stop reading messages from the network."""

    @abstractmethod
    def resume(self) -> None:
        """Go on."""

    @abstractmethod
    def _event(self, js_event: Any) -> Event: ...


class WebSocket(PageSocket):
    """The WebSocket of every engine, which delivers messages even if they are not fetched."""

    has_backpressure = False

    def __init__(self, url: str, protocols: Sequence[str], on_full: Callable[[], None]) -> None:
        self._js_socket = js_socket = js.WebSocket.new(url, to_js(protocols))
        js_socket.binaryType = "arraybuffer"
        js_close = js_socket.close.bind(js_socket, int(CloseCode.NORMAL_CLOSURE), "")
        is_own = _is_own(js_socket.send) and _is_own(js_socket.addEventListener)
        queue = _EventQueue(js_socket, on_full) if is_own else _PlainQueue(js_socket, on_full)
        super().__init__(js_socket, queue, js_close)
        self._js_ready_state = js.Reflect.get.bind(None, js_socket, "readyState")
        self.sender: Sender | PlainSender = (
            Sender(js_socket, js_socket.send, js_socket.send) if is_own else PlainSender(js_socket)
        )
        for event in _EVENTS:
            js_socket.addEventListener(event, self._js_note)

    def stop(self) -> None:
        """Stop listening."""
        super().stop()
        for event in _EVENTS:
            self._js_socket.removeEventListener(event, self._js_note)

    @property
    def protocol(self) -> str:
        """The browser's `protocol`."""
        return str(self._js_socket.protocol)

    def can_send(self) -> bool:
        """Ask the browser: `send` after the end would log an error to the console."""
        return bool(self._js_ready_state() == _JS_OPEN)

    @property
    def buffered_amount(self) -> int:
        """The browser's `bufferedAmount`."""
        return int(self._js_socket.bufferedAmount)

    def close(self, code: int | None, reason: str) -> None:
        """Let the browser close."""
        if code is None:
            self._js_socket.close()
        else:
            self._js_socket.close(int(code), reason)

    def cut(self) -> None:
        """Let the browser close: there is no other way."""
        self._js_socket.close()

    def hold(self) -> None:
        """Do nothing: a WebSocket cannot stop reading."""

    def resume(self) -> None:
        """Do nothing: it never stopped reading."""

    def _event(self, js_event: Any) -> Event:
        kind = js_event.type
        return Event(kind, js_event.code, js_event.reason, js_event.wasClean) if kind == "close" else Event(kind)


class _EventQueue(Queue):
    """Message events."""

    def __init__(self, js_socket: Any, on_full: Callable[[], None]) -> None:
        self._js_socket = js_socket
        self._js_listener: Any = None
        self._is_stopped = False
        super().__init__(on_full, ("map", js.Function.prototype.call.bind(_js_data_getter())))

    def stop(self) -> None:
        """Stop queueing, and deliver nothing more."""
        self._is_stopped = True
        self.tells_each = self.is_told = self.is_fresh = False  # an overflow ends the connection within the event
        self._listen(None)

    def tell_each(self, tells: bool) -> None:
        """Put the next messages into the slot, if only Python's backlog waits, or queue them."""
        if tells:
            messages = self._take_queued()
            self._add(messages, sum(map(len, messages)))
            if not hasattr(self, "_slot"):
                self._slot = Slot(_js_data_getter())
        self.tells_each = tells and not self._is_stopped
        self._listen(self._slot.js_put if tells else self._js_push)

    def _listen(self, js_push: Any) -> None:
        if self._js_listener is not None:
            self._js_socket.removeEventListener("message", self._js_listener)
        self._js_listener = None if self._is_stopped else js_push
        if self._js_listener is not None:
            self._js_socket.addEventListener("message", self._js_listener)

    def _js_first_data(self) -> Any:
        return self._js_items[0].data


class _PlainQueue(_EventQueue):
    """The events of a WebSocket that is not the browser's own, such as a mock: anything that has `data`.

    An alarm relies on the order of the listeners: the queue has a message before the program is woken for it. So the
    queue's listener stays the same one, while the array that it pushes into is replaced by an empty one.
    """

    def __init__(self, js_socket: Any, on_full: Callable[[], None]) -> None:
        # To push into this object is to call the setter of its first item, as it is empty for good:
        # { get length() { return Number() }, set length(_) {}, set 0(event) { items.push(event) } }
        self._js_entrance = js.Object.new()
        js.Object.defineProperty(self._js_entrance, "length", js_object(get=js.Number, set=js.Number))
        self._js_enter = js.Array.prototype.push.bind(self._js_entrance)
        js_socket.addEventListener("message", self._js_enter)
        super().__init__(js_socket, on_full)
        self._to_ask_about = 0

    def stop(self) -> None:
        """Stop queueing, and give out nothing more."""
        super().stop()
        self._js_socket.removeEventListener("message", self._js_enter)

    def tell_each(self, tells: bool) -> None:
        """Always queue; the alarm wakes the program, which takes the messages."""

    def _listen(self, js_push: Any) -> None:
        js_setter = js_object(set=js_push or js.Number, configurable=True)
        js.Object.defineProperty(self._js_entrance, "0", js_setter)

    def _take_queued(self) -> list[Message]:
        js_events = self._js_items.splice(0)
        return [as_it_is(js_event.data) for js_event in js_events]

    def relieve(self, js_item: Any) -> None:
        """Move the full queue, and the message without room, to Python."""
        js_events = self._js_items.concat(js.Array.of(js_item))
        self._begin()
        messages = [as_it_is(js_event.data) for js_event in js_events]
        self._add(messages, sum(map(len, messages)))


def _is_own(js_function: Any) -> bool:
    """Tell whether a function is the engine's own; Node's are written in JavaScript, and count as another's."""
    return "[native code]" in str(js.Function.prototype.toString.call(js_function))


@lru_cache(maxsize=1)
def _js_data_getter() -> Any:
    """Return the function that returns the data of the message event on which it is called."""
    return js.Object.getOwnPropertyDescriptor(js.MessageEvent.prototype, "data").get
