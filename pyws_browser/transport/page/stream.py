"""A page's socket on Chromium's WebSocketStream, which can hold a sender back.

What comes is piped into the queue by the browser itself. `hold()` aborts the pipe: what it has read is still written
(Streams §4.9.1), and what it has not stays in the stream, which fills, and TCP does the rest. `resume()` begins the
next pipe when the last one has ended. What is sent goes the other way through a pipe, because `enqueue()` has no
promise that could be rejected, message for message, without anybody listening.

When the Close frame comes, Chromium closes the stream and discards the messages that it has taken from the network and
found no room for in it. So the pipe begins with the connection, and "closing" is told at once, since the transport
knows whether the other side was held back then.

There is no code to evaluate: functions of JavaScript's own are bound to their arguments, and where one would be given
more of them than it should see, it is the setter of a property, which sees one.

Awaiting `read()` would need a promise for each message; a `pipeTo()` is the browser's own loop, and the size function
of the target stream is the queue's bound `push`, so no message needs a call of Python. Compared with the ordinary
WebSocket it takes, in wall and CPU time: for round trips up to 4 KiB 1.11 and 1.24 times as long, for larger ones 1.02
and 0.99; for receiving up to 4 KiB 0.99 and 0.98, for larger ones 1.04 and 0.96; for sending up to 4 KiB 1.14 and 1.25,
for larger ones 0.71 and 0.67 (geometric means).
"""

from __future__ import annotations

from itertools import count
from math import inf
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

import js
from pyodide.ffi import create_proxy, to_js

from ...protocol.rules import CloseCode, encode_text
from .crossing import Queue, Sender, js_object
from .socket import Event, PageSocket

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ...protocol.vocabulary import Message

_js_then_method = js.Reflect.get(js.Promise.prototype, "then")
_js_ignore = js.Boolean  # a function without effect or meaningful result
_js_is_view = js.ArrayBuffer.isView


def _js_promise(js_function: Any) -> Any:
    """Call a function and return its promise; if Python called it, Pyodide would make a future of that."""
    return js.Array.of(None).map(js_function)[0]


def _js_then_bound(js_promise: Any, js_fulfilled: Any, js_rejected: Any = None) -> Any:
    return js.Reflect.apply.bind(None, _js_then_method, js_promise, js.Array.of(js_fulfilled, js_rejected))


def _js_then(js_promise: Any, js_fulfilled: Any, js_rejected: Any = None) -> Any:
    return _js_promise(_js_then_bound(js_promise, js_fulfilled, js_rejected))


def _js_pipe(js_readable: Any, js_writable: Any, js_signal: Any = None) -> Any:
    """Return a function that begins a pipe which leaves both ends as they are, and returns its promise."""
    js_options = js_object(preventCancel=True, preventAbort=True, preventClose=True)
    if js_signal is not None:
        js_options.signal = js_signal
    return js.Reflect.apply.bind(None, js_readable.pipeTo, js_readable, js.Array.of(js_writable, js_options))


class WebSocketStream(PageSocket):
    """A connection that is not read while it is held."""

    has_backpressure = True
    protocol: str = ""

    def __init__(self, url: str, protocols: Sequence[str], on_full: Callable[[], None]) -> None:
        self._js_stream = js_stream = js.WebSocketStream.new(url, js_object(protocols=to_js(protocols)))
        self._queue = _ChunkQueue(on_full)
        js_target = js.EventTarget.new()
        super().__init__(js_target, self._queue, self._js_close_bound(CloseCode.NORMAL_CLOSURE, ""))
        self._js_tell_message = js_target.dispatchEvent.bind(js_target, js.Event.new("message"))
        self._js_tell = js_target.dispatchEvent.bind(js_target, js.Event.new("open"))
        js_closed = js_stream.closed
        # A clean end comes with the end of the pipe, after all messages; an unclean one is reported only here.
        self._js_await_end = _js_then_bound(js_closed, self._js_note)
        _js_then(_js_then(js_closed, None, self._js_note), self._js_tell)
        key = next(_keys)
        _streams[key] = self
        _js_then(_js_then(js_stream.opened, _js_begin.bind(None, key)), self._js_tell, _js_ignore)
        self._js_readable: Any = None
        self._is_ending = False

    def can_send(self) -> bool:
        """Tell whether no end was reported."""
        return not self._is_ending and not self.js_events

    @property
    def buffered_amount(self) -> int:
        """The bytes that the pipe has not taken yet, without one message in transfer."""
        return 0 if self._js_readable is None else -int(self._js_controller.desiredSize)

    def close(self, code: int | None, reason: str) -> None:
        """Close when the pipe has taken all."""
        if self._js_readable is not None:
            self._js_controller.close()
        self._close(code, reason)

    def cut(self) -> None:
        """Close when the pipe has ended, which drops what waits."""
        if self._js_readable is not None:
            self._js_abort_sending.abort()
        self._close(None, "")

    def _close(self, code: int | None, reason: str) -> None:
        """Close after the last message: Chromium crashes if one follows the Close frame."""
        if self._js_readable is None:
            self._js_stream.close()
            return
        # Without reading, the other side's Close frame would never come.
        self.hold()
        self.messages.stop()
        self._pipe_to(js.WritableStream.new(), None)
        _js_promise(self._js_behind_sending(code, reason))

    def _js_behind_sending(self, code: int | None, reason: str) -> Any:
        js_close = self._js_close_bound(code, reason)
        return _js_then_bound(self._js_sent, js_close, js_close)

    def _js_close_bound(self, code: int | None, reason: str) -> Any:
        js_info = js.Object.new() if code is None else js_object(closeCode=int(code), reason=reason)
        return self._js_stream.close.bind(self._js_stream, js_info)

    def hold(self) -> None:
        """Stop reading messages from the stream."""
        self._js_abort.abort()

    def resume(self) -> None:
        """Pipe on, once the last pipe has ended."""
        self._js_abort = js.AbortController.new()
        self._pipe_to(self._js_sink, self._js_abort.signal)

    def _event(self, js_event: Any) -> Event:
        kind = getattr(js_event, "type", None)
        if kind is not None:
            self._is_ending = kind != "open"
            return Event(kind)
        code = getattr(js_event, "closeCode", None)
        if not isinstance(code, int):  # of an error without a close code
            return Event("close", CloseCode.ABNORMAL_CLOSURE)
        return Event("close", code, js_event.reason)

    def begin(self, js_opened: Any) -> None:
        """Begin both pipes, and report the opening."""
        self.protocol = js_opened.protocol
        self._js_readable = js_opened.readable
        # The size is asked for once for each message, before it is written. So that is when it is queued, and the
        # writing tells of it.
        js_strategy = js_object(highWaterMark=inf, size=self._queue.js_push)
        self._js_sink = js.WritableStream.new(js_object(write=self._js_tell_message), js_strategy)
        self._js_received = self._js_stream.opened
        self.resume()
        sender = _ChunkSender()
        self.sender: Sender = sender
        self._js_controller = sender.js_controller
        self._js_abort_sending = js_abort = js.AbortController.new()
        self._js_sent = _js_promise(_js_pipe(sender.js_readable, js_opened.writable, self._js_abort_sending.signal))
        # It fails as soon as the other side closes, and ends by itself after close() alone.
        js_tell_closing = js.Reflect.apply.bind(None, self._js_note, None, js.Array.of(js.Event.new("closing")))
        _js_then(self._js_sent, None, js_tell_closing)
        js_close = self._js_behind_sending(CloseCode.NORMAL_CLOSURE, "")
        self._call_when_left(self._js_note, js_abort.abort.bind(js_abort), js_close)
        self.note("open")

    def _pipe_to(self, js_writable: Any, js_signal: Any) -> None:
        js_piped = _js_then(self._js_received, _js_pipe(self._js_readable, js_writable, js_signal))
        self._js_received = _js_then(_js_then(js_piped, self._js_await_end), self._js_tell, _js_ignore)


_keys = count()
_streams: WeakValueDictionary[int, WebSocketStream] = WeakValueDictionary()


def _begin(key: int, js_opened: Any) -> None:
    stream = _streams.get(key)
    if stream is not None:
        stream.begin(js_opened)


_js_begin = create_proxy(_begin)  # one for all connections, never freed


class _ChunkQueue(Queue):
    """The chunks of a stream."""

    def __init__(self, on_full: Callable[[], None]) -> None:
        self._js_entrance = js.Object.new()
        self.js_push = js.Reflect.set.bind(None, self._js_entrance, "last")
        """A function that queues its argument, and returns a value that counts as 1."""
        super().__init__(on_full, ("slice", 0))

    def stop(self) -> None:
        """Stop queueing."""
        self._listen(_js_ignore)

    def _listen(self, js_push: Any) -> None:
        js_property = js_object(set=js_push, configurable=True)
        js.Object.defineProperty(self._js_entrance, "last", js_property)

    def tell_each(self, tells: bool) -> None:
        """Do nothing: other messages may have been queued before the announced one."""

    def _js_first_data(self) -> Any:
        return self._js_items[0]

    def _cross(self, js_datas: Any, count: int) -> list[Message]:
        if js_datas.some(_js_is_view):  # as the standard has it; Chromium gives buffers
            js_datas = js.Array.of(*(data.slice().buffer if _js_is_view(data) else data for data in js_datas))
        return super()._cross(js_datas, count)


class _ChunkSender(Sender):
    """Makes chunks of messages, in a stream that knows their sizes."""

    def __init__(self) -> None:
        js_message = js.Object.new()
        self._js_set_size = js.Reflect.set.bind(None, js_message, "size")
        js_source = js_object(start=js.Reflect.set.bind(None, js_message, "controller"))
        js_strategy = js_object(highWaterMark=0, size=js.Reflect.get.bind(None, js_message, "size"))
        self.js_readable = js.ReadableStream.new(js_source, js_strategy)
        self.js_controller = js_controller = js_message.controller
        js_enqueue = js_controller.enqueue
        super().__init__(js_controller, js_enqueue, lambda js_view: js_enqueue(js_view.slice()))

    def __call__(self, message: Message) -> None:
        """Enqueue one message; lone surrogates in a text become U+FFFD."""
        self._js_set_size(len(message if isinstance(message, bytes) else encode_text(message)))
        super().__call__(message)
