"""Calls a program back after events of a page."""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING, Any, Final

import js
from pyodide.ffi import create_proxy

if TYPE_CHECKING:
    from collections.abc import Callable

    from .crossing import Queue

_ENDS: Final = ("open", "error", "close")

_MESSAGE: Final = 0
_END: Final = 1
_TURN: Final = 2

_FEW: Final = 4
_FLOOD_TIME: Final = 0.00025
"""If _FEW events come within so many seconds, it is a flood. A page's clock may be as coarse as 0.1 ms."""


class Alarm:
    """Calls `wakeup` within an event, or in a flood once for many events.

    A call within the event saves a single message a turn of the event loop, and the queue. With many messages, a call
    for each would cost more than the browser's own work: then messages are queued, and `wakeup` is called once a turn
    of the page's event loop, until a turn brings nothing.

    It has the only proxy of a Python function; `stop()` destroys it.

    In a flood a call for each message takes 74 µs of CPU time a message, one for each turn of the event loop (by a
    `MessageChannel`) 43 µs, plain JavaScript 32 µs. Fewer calls, one each millisecond and one for each full queue, were
    no faster. A flood is four events within a quarter of a millisecond: two within one tick of the clock are not
    enough, because round trips over loopback look like that, and the fine clock of an isolated page never shows it.
    """

    def __init__(self, js_target: Any, messages: Queue, wakeup: Callable[[], None]) -> None:
        self._js_target = js_target
        self._messages = messages
        self._wakeup = wakeup
        self.hears_each: bool = False
        """Whether each message is an event of its own, because there is no flood."""
        self._heard = 0
        self._looked_at = 0.0
        self._js_channel: Any = None
        self._js_call = create_proxy(self._call)
        self._js_on_message = self._js_bound(_MESSAGE)
        self._js_on_end = self._js_bound(_END)
        for event in _ENDS:
            js_target.addEventListener(event, self._js_on_end)
        self._hear()

    def stop(self) -> None:
        """Stop calling back."""
        for event in _ENDS:
            self._js_target.removeEventListener(event, self._js_on_end)
        self._hear_no_more()
        if self._js_channel is not None:
            self._js_channel.port1.onmessage = None  # Firefox still delivers pending events
            self._js_channel.port1.close()
        self._js_call.destroy()
        self._wakeup = _nothing

    def _js_bound(self, what: int) -> Any:
        """Return a listener that gets the kind of event, but not the event itself, which would need a proxy."""
        return js.Reflect.apply.bind(None, self._js_call, None, js.Array.of(what))

    def _hear(self) -> None:
        """Listen to each message, after the queue's own listener."""
        self.hears_each = True
        self._messages.tell_each(True)
        self._js_target.addEventListener("message", self._js_on_message)

    def _hear_no_more(self) -> None:
        self.hears_each = False
        self._messages.tell_each(False)
        self._js_target.removeEventListener("message", self._js_on_message)

    # It must return None: JavaScript would keep a proxy of any other value.
    def _call(self, what: int) -> None:
        if what == _TURN:
            self._turn()
            return
        messages = self._messages
        try:
            if what == _MESSAGE and messages.tells_each:
                if messages.is_told:  # because a program dispatched this event within another one
                    messages.keep()
                messages.is_told = messages.is_fresh = True
                if messages.backlog:
                    messages.keep()
            self._heard += 1
            if self._heard == _FEW:
                self._heard = 0
                self._look_at_clock()
            self._wakeup()
        finally:
            messages.is_fresh = False
            if messages.is_told:
                messages.keep()

    def _look_at_clock(self) -> None:
        now = perf_counter()
        if now - self._looked_at < _FLOOD_TIME:
            self._hear_no_more()
            self._await_turn()
        self._looked_at = now

    def _turn(self) -> None:
        if self._messages.has_new:
            self._wakeup()
            self._messages.let_wait()
            self._await_turn()
        else:
            self._hear()

    def _await_turn(self) -> None:
        if self._wakeup is _nothing:
            return
        if self._js_channel is None:
            self._js_channel = js.MessageChannel.new()
            self._js_channel.port1.onmessage = self._js_bound(_TURN)
            self._js_post = self._js_channel.port2.postMessage
        self._js_post(None)


class Turns:
    """Tells whether the page's event loop has had a turn, so that events could arrive."""

    def __init__(self) -> None:
        self._js_flag = js.Array.of(0)
        self._js_set = self._js_flag.fill.bind(self._js_flag, 1)
        self._ask()

    def came(self) -> bool:
        """Tell whether there was a turn since the last time that this was true."""
        if not self._js_flag[0]:
            return False
        self._js_flag[0] = 0
        self._ask()
        return True

    def _ask(self) -> None:
        js.setTimeout(self._js_set, 0)


def _nothing() -> None:
    """Do nothing, as a stopped alarm does."""
