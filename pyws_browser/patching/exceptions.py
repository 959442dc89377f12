"""Makes our exceptions subclasses of those of `websockets` when that is loaded after ours."""

from __future__ import annotations

from websockets import exceptions as theirs

from ..compat import exceptions as ours


def patch() -> None:
    """Make each exception of `websockets` a base of ours of the same name, in place of its stand-in."""
    for name, kind in vars(theirs).items():
        own = getattr(ours, name, None)
        if not isinstance(kind, type) or not isinstance(own, type) or issubclass(own, kind):
            continue
        stand_ins = [base for base in own.__bases__ if base.__name__ == name]
        if stand_ins:
            own.__bases__ = (*(base for base in own.__bases__ if base not in stand_ins), kind)
