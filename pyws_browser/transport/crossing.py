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

_LONG_PUT_TEXT: Final = 65536 if sys.version_info >= (3, 14) else 2048
"""From here on a text that is sent crosses as UTF-8; the conversion of a str has become faster."""

_SCRATCH_SIZE: Final = 65536
_MOST_SCRATCH: Final = 4 << 20

_js_apply = js.Reflect.apply
_js_bind = js.Function.prototype.bind
_js_box = js.Object
_js_scratch = js.Uint8Array.new(_SCRATCH_SIZE)
_js_encoder = js.TextEncoder.new()
_js_options = js.Object.new()
_js_options.ignoreBOM = True  # or a text would lose one at its start
_js_decoder = js.TextDecoder.new("utf-8", _js_options)
_js_decode_with = _js_apply.bind(None, _js_decoder.decode, _js_decoder)
_BUFFER_TYPE: Final = type(js.ArrayBuffer.new(0))


class Sender:
    """Hands messages to `js_socket.send`, which copies them before it returns."""

    def __init__(self, js_socket: Any) -> None:
        self._js_send = js_socket.send
        self._js_send_all = _js_apply.bind(None, js_socket.send, js_socket)

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
        self._js_send_all(js.Array.of(js.Array.of(js_utf8)).map(_js_decode_with))


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
    """Message events, as JavaScript queues them by itself, and what they bring.

    `js_push` is the listener.
    """

    def __init__(self) -> None:
        self._js_events = js.Array.new()
        self._js_shift = self._js_events.shift
        self._js_splice = self._js_events.splice
        self._are_long = False  # the last messages
        self.js_push = self._js_events.push.bind(self._js_events)

    def take(self) -> list[Message]:
        """Return all the messages that wait."""
        count = len(self._js_events)
        if not count:
            return []
        if self._are_long:
            messages = self._take_long()
        elif count == 1:
            js_data = self._js_shift().data
            messages = [js_data if isinstance(js_data, str) else js_data.to_bytes()]
        else:
            datas = _js_data_of_each(self._js_splice(0)).to_py()
            messages = [data if isinstance(data, str) else bytes(data) for data in datas]
        self._are_long = max(map(len, messages)) >= (_LONG_TEXT if isinstance(messages[0], str) else _LONG_BYTES)
        return messages

    def _take_long(self) -> list[Message]:
        # A text in an object of its own stays in JavaScript until it is asked for.
        return [
            js_data.to_bytes() if type(js_data) is _BUFFER_TYPE else _text(js_data)
            for js_data in _js_data_of_each(self._js_splice(0)).map(_js_box)
        ]


def _text(js_text: Any) -> str:
    length = js_text.length
    if length < _LONG_TEXT:
        return str(js_text)
    global _js_room
    if 3 * length > len(_js_room):
        if 3 * length > _MOST_SCRATCH:
            return _js_encoder.encode(js_text).to_bytes().decode()
        _js_room = js.Uint8Array.new(_MOST_SCRATCH)
    written = _js_encoder.encodeInto(js_text, _js_room).written
    return _js_room.subarray(0, written).to_bytes().decode()


_js_room = js.Uint8Array.new(_SCRATCH_SIZE)


def _js_data_of_each(js_events: Any) -> Any:
    return js_events.map(_js_data_getter(js_events))


_js_getter: Any = None


def _js_data_getter(js_events: Any) -> Any:
    """Return the function that takes a message event and gives its data."""
    global _js_getter
    if _js_getter is None:
        js_prototype = js.Object.getPrototypeOf(js_events[0])
        js_get = js.Object.getOwnPropertyDescriptor(js_prototype, "data").get
        _js_getter = js.Function.prototype.call.bind(js_get)
    return _js_getter
