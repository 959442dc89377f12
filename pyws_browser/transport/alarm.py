"""What calls a program back when a page's events have brought something."""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING, Any

import js
from pyodide.ffi import create_proxy

if TYPE_CHECKING:
    from collections.abc import Callable

    from .crossing import Queue

_ENDS = ("open", "error", "close")


class Alarm:
    """Calls `wakeup` within an event, and in a flood once for many.

    A call within the event spares a message that comes alone every turn of an event loop. But where the next one comes
    within the resolution of the clock, such a call for each would cost more than the browser's own work: from then on
    `wakeup` is called once a turn of the page's event loop, until a turn brings nothing.

    It has the only proxy of a Python function that there is; `stop()` destroys it.
    """

    def __init__(self, js_target: Any, messages: Queue, wakeup: Callable[[], None]) -> None:
        self._js_target = js_target
        self._messages = messages
        self._wakeup = wakeup
        self._last = 0.0
        self._is_turning = False
        self._js_channel: Any = None
        self._js_call = create_proxy(self._call)
        # Bound like this it is called without the event, which would cost a proxy.
        self._js_listener = js.Reflect.apply.bind(None, self._js_call, None, js.Array.of(False))
        for event in ("message", *_ENDS):
            js_target.addEventListener(event, self._js_listener)

    def stop(self) -> None:
        """Call back no more."""
        for event in ("message", *_ENDS):
            self._js_target.removeEventListener(event, self._js_listener)
        if self._js_channel is not None:
            self._js_channel.port1.close()
        self._js_call.destroy()
        self._wakeup = _nothing

    def listen_again(self) -> None:
        """Come behind a listener that has been added since."""
        if not self._is_turning:
            self._js_target.removeEventListener("message", self._js_listener)
            self._js_target.addEventListener("message", self._js_listener)

    # It must return None, since JavaScript would keep a proxy of all else.
    def _call(self, is_turn: bool) -> None:
        if is_turn:
            if self._messages.has_new:
                self._wakeup()
                self._await_turn()
            else:
                self._is_turning = False
                self._js_target.addEventListener("message", self._js_listener)
            return
        now = perf_counter()
        if now == self._last:
            self._js_target.removeEventListener("message", self._js_listener)
            self._is_turning = True
            self._await_turn()
        self._last = now
        self._wakeup()

    def _await_turn(self) -> None:
        if self._wakeup is _nothing:
            return
        if self._js_channel is None:
            self._js_channel = js.MessageChannel.new()
            self._js_channel.port1.onmessage = js.Reflect.apply.bind(None, self._js_call, None, js.Array.of(True))
            self._js_post = self._js_channel.port2.postMessage
        self._js_post(None)


def _nothing() -> None:
    """Do what a stopped alarm does."""
