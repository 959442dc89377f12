"""Refuses attributes that a class does not have: otherwise a misspelt setting would silently do nothing."""

from __future__ import annotations

from typing import Final

from .signals import Signal

_set: Final = object.__setattr__


class KnownAttributes:
    """A base of public classes: their instances accept only the attributes that the class has.

    A program's own subclass may have attributes of its own. Names that begin with an underscore are not checked. A
    signal cannot be replaced. This takes ten times as long as a plain assignment, so attributes that change with every
    message avoid it where possible.
    """

    def __setattr__(self, name: str, value: object) -> None:
        """Set an attribute. Raises AttributeError if there is none of this name, or if it is a signal."""
        if name and name[0] == "_":  # nearly all are: so a new peer takes 4.9 µs, and 6.1 µs with a look at its class
            _set(self, name, value)
            return
        cls = type(self)
        if not hasattr(cls, name):
            present = self.__dict__.get(name)
            if isinstance(present, Signal):
                raise AttributeError(
                    f"{name} is a signal, which cannot be replaced: call {name}.connect({_name_of(value)})",
                    name=name,
                    obj=self,
                )
            if name not in self.__dict__ and not isinstance(value, Signal) and _is_ours(cls):
                raise AttributeError(
                    f"a {cls.__name__} has no attribute {name!r}{_suggestion(self, name)}", name=name, obj=self
                )
        _set(self, name, value)


def _is_ours(cls: type) -> bool:
    return cls.__module__.partition(".")[0] == __name__.partition(".")[0]


def _name_of(value: object) -> str:
    return str(getattr(value, "__name__", "your_function"))


def _suggestion(owner: object, name: str) -> str:
    """Return the names that may have been meant: settable attributes, and signals."""
    from difflib import get_close_matches

    cls = type(owner)
    names = [known for known in vars(owner) if not known.startswith("_")]
    for known in dir(cls):
        value = getattr(cls, known)
        is_settable = value.fset is not None if isinstance(value, property) else not callable(value)
        if is_settable and not known.startswith("_") and not known.isupper():
            names.append(known)
    near = get_close_matches(name, names, n=1) or [known for known in names if known in name]
    return f": did you mean {near[0]!r}?" if near else ": a subclass of your own may have it"
