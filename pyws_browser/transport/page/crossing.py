"""Moves messages between Python and JavaScript, each in the cheapest way that was measured.

Built-in functions of JavaScript, bound and composed, replace helpers written in JavaScript. So there is no code to
evaluate, which a strict Content-Security-Policy would forbid, and no file to serve beside the wheel.

A proxy of a JavaScript object is expensive: 1.2 µs for its type alone, and each call is about seven calls within
Pyodide. So the number of objects that Python sees decides, and composed functions show it few:
`queue.map(call.bind(getter of data))` is the data of all events in one crossing, and `to_py()` of that is all messages
in another. A message of 16 B takes 0.9 to 1.4 µs in a batch, and 5 to 7 µs with `event.type`, `event.data` and
`to_bytes()`. Cold code takes five times as long: a round trip of 16 B takes 5.5 µs of Python if it is repeated at once,
and 15 to 35 µs more than in plain JavaScript if the page waits for the answer. A JavaScript helper would save about 1
µs a message in floods of 16 B.
"""

from __future__ import annotations

import sys
from abc import ABC, abstractmethod
from contextlib import suppress
from functools import lru_cache
from itertools import count
from math import inf
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakValueDictionary

import js
from pyodide.ffi import JsException, create_proxy, to_js

from ...protocol.rules import encode_text

if TYPE_CHECKING:
    from collections.abc import Callable

    from typing_extensions import Buffer

    from ...protocol.vocabulary import Message

_LONG_BYTES: Final = 16384
"""Binary messages of this size and above cross one by one, with one copy; smaller ones in batches, with two."""

_LONG_TEXT: Final = 1024
"""Received texts of this length and above cross as UTF-8, which is many times faster than as a str.

Asking JavaScript for the length of a text costs more than most texts do. So after _FEW short messages the length is not
checked any more, until one was long; from then on it is always checked.

A str of 64 KiB takes 970 µs to cross into Python, and 70 µs as UTF-8 (`encodeInto()` a kept array, then `to_bytes()`);
1 MiB takes 18,000 and 1,400 µs. Below 1,024 characters it is the other way round.
"""

_FEW: Final = 8

_LONG_PUT_TEXT: Final = 1 << 18 if sys.version_info >= (3, 14) else 2048
"""Sent texts of this length and above cross as UTF-8; converting a str is faster than it was.

A str of 64 KiB crosses in 13 µs on Pyodide 314 and in 513 µs on 0.29; as UTF-8 in 27 µs on both.
"""

_LEAST_JOINED: Final = 1024
_MOST_JOINED: Final = 1 << 17
"""Texts that come together cross as one, if they have about so many characters. One copy more is less than a crossing,
unless they are as long as `_LONG_BYTES`.

They cross by `join`, one `encodeInto()`, one copy and one `split`: 64 texts of 256 B take 0.4 µs each instead of 2.8,
16 of 4 KiB take 3.9 µs instead of 6 to 16.
"""

_SEPARATOR: Final = "\0"
"""The separator between them. A text that contains it is detected, and crosses in another way."""

_SCRATCH_SIZE: Final = 65536
_MOST_ROOM: Final = 4 << 20


def js_applied(js_method: Any, js_this: Any) -> Any:
    """Return a JavaScript function that takes the arguments of a method as one array."""
    return js.Reflect.apply.bind(None, js_method, js_this)


def js_object(**fields: Any) -> Any:
    """Return a JavaScript object with these properties."""
    js_result = js.Object.new()
    for name, value in fields.items():
        setattr(js_result, name, value)
    return js_result


def js_composed(js_method: Any, js_this: Any, *js_givers: Any) -> Any:
    """Return a JavaScript function that calls a method with the results of argument-free functions."""
    js_arguments = js_object(length=len(js_givers))
    for index, js_giver in enumerate(js_givers):
        js.Object.defineProperty(js_arguments, str(index), js_object(get=js_giver))
    return js.Reflect.apply.bind(None, js_method, js_this, js_arguments)


_js_box = js.Object
_js_unbox = js.String
_js_long_text = js.RegExp.new(f"^[^]{{{_LONG_TEXT}}}")
_js_is_long_text = _js_long_text.test.bind(_js_long_text)
_js_buffer_as_text = js.RegExp.new(r"^\[object ArrayBuffer\]$")
_js_may_be_buffer = _js_buffer_as_text.test.bind(_js_buffer_as_text)
_js_encoder = js.TextEncoder.new()
_js_encode_each = _js_encoder.encode.bind(_js_encoder)
_js_encode = js_applied(_js_encoder.encode, _js_encoder)
_js_encode_into = js_applied(_js_encoder.encodeInto, _js_encoder)
_js_room = js.Array.new(1)  # has the array of the room that serves
_js_give_room = js.Reflect.get.bind(None, _js_room, 0)
_js_give_written = js.String.bind(None, "written")
_js_decoder = js.TextDecoder.new("utf-8", js_object(ignoreBOM=True))  # else a text would lose one at its start
_js_decode = js_applied(_js_decoder.decode, _js_decoder)
_js_scratch = js.Uint8Array.new(_SCRATCH_SIZE)  # for what goes out
_js_array_of = js.Array.of
_js_array_from = getattr(js.Array, "from")  # the name is a keyword in Python
_js_call = js.Function.prototype.call
_js_shift_method = js.Reflect.get(js.Array.prototype, "shift")
_js_one = _js_array_of(None)
_js_set = js.Reflect.set
_BUFFER_TYPE: Final = type(js.ArrayBuffer.new(0))
_BUFFER_AS_TEXT: Final = "[object ArrayBuffer]"

_TWO_GIB: Final = 1 << 31
"""From this address on, converting a str gives a wrong text; the id of an object is its address."""

NO_VIEW: Final[tuple[type[Exception], ...]] = (JsException, SystemError)
"""The error of Pyodide for a view of memory above 2 GiB: it treats addresses as signed numbers.

Then bytes go through a buffer below, piece by piece.
"""


def _js_buffer_of(data: Buffer) -> Any:
    """Return a view of Python's memory, which must be released; raises `NO_VIEW` above 2 GiB."""
    js_data = create_proxy(data)
    try:
        return js_data.getBuffer("u8")
    finally:
        js_data.destroy()


class _Room:
    """The buffer in Python's memory into which received texts are encoded.

    JavaScript's view of it becomes invalid when WebAssembly's memory grows, and is renewed then.

    It saves the copy from a JavaScript array: 4 KiB take 4.9 µs instead of 9.3, 64 KiB 20 instead of 37, 1 MiB 297
    instead of 360 (in Node).
    """

    def __init__(self, size: int) -> None:
        """Raise `NO_VIEW` if JavaScript cannot have a view of this memory."""
        self.size = size
        self._memory = memoryview(bytearray(size))
        self._look()

    def _look(self) -> None:
        self._js_buffer = _js_buffer_of(self._memory)
        self.js_array = _js_room[0] = self._js_buffer.data

    def text(self, encode: Callable[[], int]) -> str | None:
        """Return the text that a function encodes into the array, or None if it may not fit.

        The function returns how many bytes it has written.
        """
        written = encode()
        if not written and not self.js_array.length:
            self._js_buffer.release()
            self._look()
            written = encode()
        if written >= self.size - 3:  # else there was no room for another character
            return None
        return str(self._memory[:written], "utf-8")

    def _renew(self) -> None:
        if not self.js_array.length:
            self._js_buffer.release()
            self._look()
            _js_room[0] = _rooms[-1].js_array

    def js_lend(self, data: bytes) -> Any:
        """Return a view of these bytes, which fit into the buffer; it is valid until the next call."""
        self._renew()
        self._memory[: len(data)] = data
        return self.js_array.subarray(0, len(data))

    def bytes_of(self, js_bytes: Any) -> bytes:
        """Return the bytes of a JavaScript array, copied piece by piece."""
        self._renew()
        parts = []
        for start in range(0, js_bytes.length, self.size):
            js_part = js_bytes.subarray(start, start + self.size)
            self.js_array.set(js_part)
            parts.append(bytes(self._memory[: js_part.length]))
        return b"".join(parts)


_rooms: list[_Room] = []  # the last one is used; they grow, and the first one stays below 2 GiB
with suppress(*NO_VIEW):
    _rooms.append(_Room(_SCRATCH_SIZE))


class Slot:
    """The slot where an event waits until its message is taken: one crossing, or three for a long text.

    It saves the way through the queue, 1 to 4 % of a round trip.

    Python runs within the event, so no other event can have come: the poll there need not ask for other events, nor
    `send()` for the state.
    """

    def __init__(self, js_getter: Any) -> None:
        """Store the function that returns the message of the event on which it is called."""
        js_events = js.Array.new()
        js_data = js_composed(_js_call, js_getter, js.Reflect.get.bind(None, js_events, 0))
        js_encode = js_composed(_js_encoder.encodeInto, _js_encoder, js_data, _js_give_room)
        self.js_put: Any = js_events.push.bind(js_events)
        self.js_take: Any = js_composed(_js_call, js_getter, _js_shift_method.bind(js_events))
        self.js_clear: Any = js.Reflect.set.bind(None, js_events, "length", 0)
        self.js_is_long_text: Any = js_composed(_js_is_long_text, None, js_data)
        self.js_encode: Any = js_composed(js.Reflect.get, None, js_encode, _js_give_written)
        """Encodes the text into the buffer, and returns its number of bytes."""


class Sender:
    """Passes messages to a JavaScript method; `js_send_view` must have copied the bytes when it returns.

    Kept views of a kept array and `assign()` take 1.1 µs for 16 B, where `to_js()` takes 3.5, and 5 µs for 64 KiB,
    where it takes 54. Above that a view of Python's memory (`getBuffer`) takes 45 µs for 1 MiB, where `to_js()` takes
    820; it costs 31 to 40 µs for any size, so it is not for small messages.
    """

    def __init__(self, js_this: Any, js_send: Any, js_send_view: Callable[[Any], object]) -> None:
        self._js_send = js_send
        self._js_send_view = js_send_view
        self._js_send_all = js_applied(js_send, js_this)

    def __call__(self, message: Message) -> None:
        """Send one message; lone surrogates in a text become U+FFFD."""
        if isinstance(message, str):
            if len(message) < _LONG_PUT_TEXT and id(message) < _TWO_GIB:
                self._js_send(message)
            else:
                _lend(encode_text(message), self._send_text)
        elif len(message) <= _SCRATCH_SIZE:
            js_view, fill = _view(len(message))
            try:
                fill(message)
            except NO_VIEW:
                js_view = _js_bytes_of(message)
            self._js_send_view(js_view)
        else:
            _lend(message, self._js_send_view)

    def _send_text(self, js_utf8: Any) -> None:
        self._js_send_all(_js_array_of(_js_array_of(js_utf8)).map(_js_decode))


class PlainSender:
    """Passes a copy of each message to a `send` that may keep it, such as a wrapper around the browser's."""

    def __init__(self, js_socket: Any) -> None:
        self._js_send = js_socket.send

    def __call__(self, message: Message) -> None:
        """Send one message; lone surrogates in a text become U+FFFD."""
        if isinstance(message, str):
            self._js_send(encode_text(message).decode())
            return
        try:
            js_copy = to_js(message)
        except NO_VIEW:
            js_copy = _js_bytes_of(message)
        self._js_send(js_copy)


@lru_cache(maxsize=64)
def _view(size: int) -> tuple[Any, Callable[[bytes], None]]:
    """Return the first bytes of the scratch array, and the function that fills them."""
    js_view = _js_scratch.subarray(0, size)
    return js_view, js_view.assign


def _lend(data: bytes, js_use: Callable[[Any], object]) -> None:
    """Call a function with a view of Python's memory, which saves a copy."""
    try:
        js_buffer = _js_buffer_of(data)
    except NO_VIEW:
        js_use(_js_bytes_of(data))
        return
    try:
        js_use(js_buffer.data)
    finally:
        js_buffer.release()


def _js_bytes_of(data: bytes) -> Any:
    """Return a JavaScript array with these bytes, of which it cannot have a view."""
    js_array = js.Uint8Array.new(len(data))
    for start in range(0, len(data), _SCRATCH_SIZE):
        part = data[start : start + _SCRATCH_SIZE]
        # Without a buffer, as after a late import, each byte crosses as a number.
        js_array.set(_rooms[0].js_lend(part) if _rooms else to_js(list(part)), start)
    return js_array


class Queue(ABC):
    """The received messages, which JavaScript queues by itself until `take()`.

    A full queue is moved to Python even without a poll, and `on_full` is called: so the waiting messages can be
    measured and bounded, without a call of Python for each. `read` is the array method, with its argument, that turns
    an array of events into an array of messages.

    If Python is notified of each message (`tell_each()`), it is not queued, but taken within its event, or kept here.
    """

    tells_each: bool = False
    """Whether Python is notified of each message once one is in the slot."""
    is_told: bool = False
    """Whether a message is in the slot, and none waits before it."""
    _slot: Slot

    def __init__(self, on_full: Callable[[], None], read: tuple[str, Any]) -> None:
        self._on_full = on_full
        self._read = read
        self.is_fresh: bool = False
        """Whether the last message is being announced, so that no other can have come since."""
        self._last_size = _LONG_BYTES  # because the first one may be long
        self._are_texts = False  # all messages of the last batch
        self._may_join = True
        self._to_ask_about: float = _FEW  # how many more messages until texts are assumed to be short
        self.backlog: list[Message] = []
        """The waiting messages that are in Python."""
        self._known = 0  # how many of the waiting ones are not new
        self.backlog_bytes: int = 0
        """Their total size; a character counts as a byte."""
        self._key = next(_keys)
        _queues[self._key] = self
        self._begin()

    def __len__(self) -> int:
        return len(self.backlog) + self.is_told + (0 if self.tells_each else len(self._js_items))

    @property
    def has_new(self) -> bool:
        """Whether there are messages that were not counted yet."""
        return len(self) > self._known

    def let_wait(self) -> None:
        """Count the present messages as known."""
        self._known = len(self)

    def take(self) -> list[Message]:
        """Return the waiting messages, and drop their events."""
        self.keep()
        backlog, self.backlog = self.backlog, []
        self._known = self.backlog_bytes = 0
        return backlog if self.tells_each else backlog + self._take_queued()

    def _take_queued(self) -> list[Message]:
        count = len(self._js_items)
        if not count:
            return []
        if count == 1 and not self._to_ask_about:
            js_data = self._js_first_data()
            self._js_clear()
            messages = [as_it_is(js_data)]
            self._look_at(messages)
            return messages
        js_datas = self._js_read(self._read[1])
        self._js_clear()
        return self._cross(js_datas, count)

    @abstractmethod
    def tell_each(self, tells: bool) -> None:
        """Put the next messages into the slot, or queue them as before."""

    def keep(self) -> None:
        """Keep the announced message for the next `take()`."""
        if self.is_told:
            message = self.take_told()
            self._add([message], len(message))

    def take_told(self) -> Message:
        """Return the announced message."""
        self.is_told = False
        slot = self._slot
        # The round trip waits for this, and each function call takes time, so there are as few as possible.
        message: Any
        if self._to_ask_about and slot.js_is_long_text():
            message = _text_in_room(slot.js_encode, _MOST_ROOM)
            if message is None:
                message = _text_of_its_own(_js_one.map(slot.js_take))
            else:
                slot.js_clear()
        else:
            message = slot.js_take()
            if type(message) is not str:
                try:
                    message = message.to_bytes()
                except NO_VIEW:
                    message = _bytes_by_room(message)
        self._last_size = len(message)
        if self._to_ask_about or self._last_size >= _LONG_TEXT:
            self._look_at([message])
        return message  # type: ignore[no-any-return]

    def put_back(self, messages: list[Message]) -> None:
        """Return these messages, which came from the last `take()`, first in the next one."""
        self.backlog = messages
        self._known = len(messages)
        self.backlog_bytes = sum(map(len, messages))

    @abstractmethod
    def stop(self) -> None:
        """Stop queueing, and deliver nothing more."""

    @abstractmethod
    def _js_first_data(self) -> Any:
        """Return the first message that `read` would return."""

    @abstractmethod
    def _listen(self, js_push: Any) -> None:
        """Pass everything that comes to this function."""

    def _begin(self) -> None:
        js_items = js.Array.new()
        js_items.key = self._key
        js.Object.setPrototypeOf(
            js_items, _js_prototype_of_few if self._last_size >= _LONG_BYTES else _js_prototype_of_many
        )
        self._js_items = js_items
        self._js_read = getattr(js_items, self._read[0])
        self._js_clear = js.Reflect.set.bind(None, js_items, "length", 0)
        self._js_push = js_items.push.bind(js_items)
        self._listen(self._js_push)

    def relieve(self, js_item: Any) -> None:
        """Move the full queue, and the message without room, to Python."""
        js_items = self._js_items.concat(_js_array_of(js_item))
        method, argument = self._read
        messages = self._cross(getattr(js_items, method)(argument), len(js_items))
        self._begin()
        self._add(messages, sum(map(len, messages)))

    def _add(self, messages: list[Message], size: int) -> None:
        self.backlog += messages
        self.backlog_bytes += size
        if len(self.backlog) > 1:
            self._on_full()

    def _cross(self, js_datas: Any, count: int) -> list[Message]:
        messages = self._cross_joined(js_datas, count) if count > 1 else None
        if messages is None:
            try:
                messages = self._cross_each(js_datas, count)
            except NO_VIEW:
                messages = [as_it_is(js_datas[index]) for index in range(count)]
        self._look_at(messages)
        return messages

    def _cross_each(self, js_datas: Any, count: int) -> list[Message]:
        if self._to_ask_about and js_datas.some(_js_is_long_text):
            return self._cross_as_utf8(js_datas, count)
        if self._last_size < _LONG_BYTES:
            return [data if type(data) is str else bytes(data) for data in js_datas.to_py()]
        return [as_it_is(js_datas[index]) for index in range(count)]

    def _look_at(self, messages: list[Message]) -> None:
        """Choose how the next messages cross."""
        self._last_size = len(messages[-1])
        self._are_texts = bytes not in map(type, messages)
        if max(map(len, messages)) >= _LONG_TEXT and (self._are_texts or str in map(type, messages)):
            self._to_ask_about = inf
        elif self._to_ask_about:
            self._to_ask_about = max(0, self._to_ask_about - len(messages))

    def _cross_joined(self, js_datas: Any, count: int) -> list[Message] | None:
        """Return the messages as one crossing, if they are texts that allow it."""
        size = self._last_size
        if not (self._are_texts and self._may_join) or size >= _LONG_BYTES or count * size < _LEAST_JOINED:
            return None
        messages: list[Message] = []
        step = _MOST_JOINED // size
        for start in range(0, count, step):
            js_some = js_datas.slice(start, start + step)
            joined = _text_in_room(_encoding(_js_one.map(js_some.join.bind(js_some, _SEPARATOR))), 3 * _MOST_JOINED)
            if joined is None:
                return None
            messages += joined.split(_SEPARATOR)
        self._may_join = len(messages) == count
        return messages if self._may_join and _BUFFER_AS_TEXT not in messages else None

    def _cross_as_utf8(self, js_datas: Any, count: int) -> list[Message]:
        if count == 1:
            return [_text(js_datas)]
        if self._last_size < _LONG_BYTES and not js_datas.some(_js_may_be_buffer):
            return [str(utf8, "utf-8") for utf8 in js_datas.map(_js_encode_each).to_py()]
        # A text wrapped in an object stays in JavaScript until it is read. Node does not encode such objects.
        return [
            js_data.to_bytes() if type(js_data) is _BUFFER_TYPE else _text(_js_array_of(js_data).map(_js_unbox))
            for js_data in js_datas.map(_js_box)
        ]


_keys = count()
_queues: WeakValueDictionary[int, Queue] = WeakValueDictionary()


def _js_prototype(room: int) -> Any:
    """Make a prototype for arrays that call `_relieve` when an item is pushed after `room` others.

    The triggering item is not stored; do not reuse the array.

    So the bound on the waiting messages needs no call of Python for each. A push costs 0.27 µs with it and 0.03 µs
    without.
    """
    js_prototype = js.Object.create(js.Array.prototype)
    return js.Object.defineProperty(js_prototype, str(room), js_object(set=_js_relieve))


def _relieve(js_items: Any, js_item: Any) -> None:
    queue = _queues.get(js_items.key)
    if queue is not None:
        queue.relieve(js_item)


_js_relieve = create_proxy(_relieve, capture_this=True)  # one for all connections, never freed
_js_prototype_of_few = _js_prototype(4)
_js_prototype_of_many = _js_prototype(64)


def as_it_is(js_data: Any) -> Message:
    """Return a text, or the bytes of a JavaScript buffer."""
    return js_data if type(js_data) is str else _bytes_of(js_data)


def _bytes_of(js_data: Any) -> bytes:
    try:
        data: bytes = js_data.to_bytes()
    except NO_VIEW:
        data = _bytes_by_room(js_data)
    return data


def _bytes_by_room(js_data: Any) -> bytes:
    js_bytes = js.Uint8Array.new(js_data)
    return _rooms[0].bytes_of(js_bytes) if _rooms else bytes(_js_array_from(js_bytes).to_py())


def _text(js_texts: Any) -> str:
    """Return the only text of an array, by way of UTF-8."""
    text = _text_in_room(_encoding(js_texts), _MOST_ROOM)
    return _text_of_its_own(js_texts) if text is None else text


def _text_of_its_own(js_texts: Any) -> str:
    """Return the only text of an array, by a new array of bytes."""
    return str(_bytes_of(_js_encode(js_texts)), "utf-8")


def _text_in_room(encode: Callable[[], int], most: int) -> str | None:
    """Return what a function encodes into the buffer, None if that is too small; then it grows, up to `most`."""
    if not _rooms:
        return None
    room = _rooms[-1]
    try:
        text = room.text(encode)
    except NO_VIEW:  # as useless as none
        del _rooms[1:]
        return None
    if text is None and room.size < most:
        with suppress(*NO_VIEW):
            _rooms[1:] = [_Room(4 * room.size)]
    return text


def _encoding(js_texts: Any) -> Callable[[], int]:
    """Return a function that encodes the only text of an array into the buffer, and returns its size."""

    def encode() -> int:
        _js_set(js_texts, 1, _rooms[-1].js_array)
        written: int = _js_encode_into(js_texts).written
        return written

    return encode
