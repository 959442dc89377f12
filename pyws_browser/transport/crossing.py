"""Messages across the border between Python and JavaScript, each in the cheapest way that was measured.

JavaScript's own functions, bound and composed, do what a helper in JavaScript would do. So there is no code to evaluate,
which a strict Content-Security-Policy would forbid, and no file to serve beside the wheel. `benchmarks/README.md` has
the numbers.
"""

from __future__ import annotations

import sys
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

import js
from pyodide.ffi import JsException, create_proxy, to_js

from ..rules import encode_text

if TYPE_CHECKING:
    from collections.abc import Callable

    from .base import Message

_LONG_BYTES: Final = 16384
"""From here on each binary message crosses for itself, with one copy; smaller ones cross by the batch, with two."""

_LONG_TEXT: Final = 1024
"""From here on a text that comes crosses as UTF-8, which is many times faster than a str."""

_LONG_PUT_TEXT: Final = 1 << 18 if sys.version_info >= (3, 14) else 2048
"""From here on a text that is sent crosses as UTF-8; the conversion of a str has become faster."""

_SCRATCH_SIZE: Final = 65536
_MOST_ROOM: Final = 4 << 20


def _js_applied(js_method: Any, js_this: Any) -> Any:
    """Return a function of JavaScript that takes the arguments of a method as one array."""
    return js.Reflect.apply.bind(None, js_method, js_this)


def _js_make_decoder() -> Any:
    js_options = js.Object.new()
    js_options.ignoreBOM = True  # or a text would lose one at its start
    return js.TextDecoder.new("utf-8", js_options)


_js_box = js.Object
_js_long_text = js.RegExp.new(f"^[^]{{{_LONG_TEXT}}}")
_js_is_long_text = _js_long_text.test.bind(_js_long_text)
_js_encoder = js.TextEncoder.new()
_js_encode = _js_applied(_js_encoder.encode, _js_encoder)
_js_encode_into = _js_applied(_js_encoder.encodeInto, _js_encoder)
_js_decoder = _js_make_decoder()
_js_decode = _js_applied(_js_decoder.decode, _js_decoder)
_js_scratch = js.Uint8Array.new(_SCRATCH_SIZE)  # for what goes out
_js_room = js.Uint8Array.new(_SCRATCH_SIZE)  # for texts that come
_BUFFER_TYPE: Final = type(js.ArrayBuffer.new(0))


class Sender:
    """Hands messages to `js_socket.send`, which copies them before it returns."""

    def __init__(self, js_socket: Any) -> None:
        self._js_send = js_socket.send
        self._js_send_all = _js_applied(js_socket.send, js_socket)

    def __call__(self, message: Message) -> None:
        """Send one message; lone surrogates in a text become U+FFFD."""
        if isinstance(message, str):
            if len(message) < _LONG_PUT_TEXT:
                self._js_send(message)
            else:
                _lend(encode_text(message), self._send_text)
        elif len(message) <= _SCRATCH_SIZE:
            js_view, fill = _view(len(message))
            fill(message)
            self._js_send(js_view)
        else:
            _lend(message, self._js_send)

    def _send_text(self, js_utf8: Any) -> None:
        self._js_send_all(js.Array.of(js.Array.of(js_utf8)).map(_js_decode))


@lru_cache(maxsize=64)
def _view(size: int) -> tuple[Any, Callable[[bytes], None]]:
    """Return the first bytes of the scratch array, and what fills them."""
    js_view = _js_scratch.subarray(0, size)
    return js_view, js_view.assign


def _lend(data: bytes, js_use: Callable[[Any], object]) -> None:
    """Call a function with a view of Python's own memory, which saves a copy."""
    js_data = create_proxy(data)
    try:
        js_buffer = js_data.getBuffer("u8")
    except JsException:  # Pyodide's addresses are signed: there is no view of what lies above 2 GiB
        js_use(to_js(data))
        return
    finally:
        js_data.destroy()
    try:
        js_use(js_buffer.data)
    finally:
        js_buffer.release()


class Queue:
    """Message events, as JavaScript queues them by itself, and what they bring; `js_push` is the listener."""

    def __init__(self) -> None:
        js_events = js.Array.new()
        self._js_events = js_events
        self._js_map = js_events.map
        self._js_clear = js.Reflect.set.bind(None, js_events, "length", 0)
        self._are_long = False  # the last binary messages
        self.js_push = js_events.push.bind(js_events)

    def __len__(self) -> int:
        return len(self._js_events)

    def take(self) -> list[Message]:
        """Return the messages that wait, and let go of their events."""
        if not self._js_events:
            return []
        js_datas = self._js_map(_js_data_getter or _find_data_getter(self._js_events[0]))
        self._js_clear()
        if js_datas.some(_js_is_long_text):
            return [_text(js_datas)] if len(js_datas) == 1 else _one_by_one(js_datas)
        if self._are_long:
            messages = _one_by_one(js_datas)
        else:
            messages = [data if type(data) is str else bytes(data) for data in js_datas.to_py()]
        self._are_long = len(messages[0]) >= _LONG_BYTES
        return messages


_js_data_getter: Any = None


def _find_data_getter(js_event: Any) -> Any:
    """Make the function that takes a message event and gives its data."""
    global _js_data_getter
    js_property = js.Object.getOwnPropertyDescriptor(js.Object.getPrototypeOf(js_event), "data")
    _js_data_getter = js.Function.prototype.call.bind(js_property.get)
    return _js_data_getter


def _one_by_one(js_datas: Any) -> list[Message]:
    # A text in an object of its own stays in JavaScript until it is asked for.
    return [
        js_data.to_bytes() if type(js_data) is _BUFFER_TYPE else _text(js.Array.of(js_data))
        for js_data in js_datas.map(_js_box)
    ]


def _text(js_texts: Any) -> str:
    """Return the only text of an array, by way of UTF-8."""
    global _js_room
    size = len(_js_room)
    js_texts.push(_js_room)
    written: int = _js_encode_into(js_texts).written
    if written < size - 3:  # or there was no room for another character
        return str(_js_room.subarray(0, written).to_bytes(), "utf-8")
    if size < _MOST_ROOM:
        _js_room = js.Uint8Array.new(4 * size)
    return str(_js_encode(js_texts).to_bytes(), "utf-8")
