"""Our exceptions as subclasses of those of `websockets`, where that was not there when ours were made."""

from __future__ import annotations

from websockets import exceptions as theirs

from ..compat import exceptions as ours


def patch() -> None:
    """Put each exception of `websockets` under ours of the same name, in place of what stood for it."""
    for name, kind in vars(theirs).items():
        own = getattr(ours, name, None)
        if not isinstance(kind, type) or not isinstance(own, type) or issubclass(own, kind):
            continue
        stand_ins = [base for base in own.__bases__ if base.__name__ == name]
        if stand_ins:
            own.__bases__ = (*(base for base in own.__bases__ if base not in stand_ins), kind)
