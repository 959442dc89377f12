"""Signs that connecting may succeed again: the network or the page is back."""

from __future__ import annotations

import js

_js_flag = js.Array.of(0)
_js_note = _js_flag.fill.bind(_js_flag, 1)  # the event, its second argument, counts as 0
_count = 0


def count_returns() -> int:
    """Return how many such signs there were so far."""
    global _count  # noqa: PLW0603  the signs are those of the whole page
    if _js_flag[0]:
        _js_flag[0] = 0
        if getattr(getattr(js, "document", None), "visibilityState", "visible") == "visible":
            _count += 1
    return _count


def _listen() -> None:
    for js_target, event in (
        (js, "online"),
        (js, "pageshow"),
        (getattr(js, "document", None), "visibilitychange"),
    ):
        js_add = getattr(js_target, "addEventListener", None)  # Node has none
        if js_add is not None:
            js_add(event, _js_note)


_listen()
