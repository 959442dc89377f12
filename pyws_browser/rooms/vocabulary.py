"""The words that rooms and brokers share: positions, histories, channels, and what they carry."""

from __future__ import annotations

from enum import Enum
from typing import Any, Final, Literal, NamedTuple

from ..errors import InvalidOptionError
from .errors import InvalidPositionError, InvalidTopicError

LONGEST_NAME: Final = 200
"""Bytes of UTF-8 that the name of a topic may have."""

DUPLICATE_WINDOW: Final = 120.0
"""Seconds for which a history remembers the ids of its messages."""

_NAME_CHARACTERS: Final = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-")
_LONGEST_ROOMS_NAME: Final = 32


class Position(NamedTuple):
    """A place in the history of a topic. `str()` and `parse()` are for what clients keep."""

    epoch: str
    """Names one life of the history. It ends when the broker loses what it stored."""
    offset: int
    """The offset of a message, or of the place before the first one. Offsets increase; they may skip numbers."""

    def __str__(self) -> str:
        return f"{self.epoch}:{self.offset}"

    @classmethod
    def parse(cls, text: str) -> Position:
        """Return the position that `str()` wrote. Raises InvalidPositionError if it is none."""
        epoch, colon, offset = text.rpartition(":") if isinstance(text, str) else ("", "", "")
        if not (colon and epoch and offset.isascii() and offset.isdigit() and len(offset) <= 20):
            raise InvalidPositionError(f"a position is written as EPOCH:OFFSET, not {text!r}: pass what str() gave")
        return cls(epoch, int(offset))


class History(NamedTuple):
    """How much of a topic is kept. Every worker has to use the same one for a topic."""

    messages: int = 100
    """How many of the newest messages."""
    seconds: float = 60.0
    """For how long."""


class RoomsState(Enum):
    """The state of the connection to the broker; without a broker it is CONNECTED until `close()`."""

    CONNECTING = "connecting"
    CONNECTED = "connected"
    LOST = "lost"
    """The broker is away, or what it sends does not arrive."""
    CLOSED = "closed"


class Member(NamedTuple):
    """One of those who are present in a topic."""

    id: str
    """Unique among all workers."""
    data: dict[str, Any]
    """What `join(member=...)` was given."""


Kind = Literal["plain", "log", "map", "pulse"]


class Channel(NamedTuple):
    """What a broker carries under one name.

    - "plain": messages go to those who are subscribed, and are not kept.
    - "log": messages are stored, in one order, as `history` says, and go to those who are subscribed.
    - "map": the newest message of each key is stored until it is removed.
    - "pulse": as "plain"; the signs of life of all workers.
    """

    kind: Kind
    name: str = ""
    history: History | None = None


class Entry(NamedTuple):
    """One message as a broker carries it."""

    data: bytes
    epoch: str = ""
    offset: int = 0
    before: int = 0
    """The offset of the message before it in its channel, or less if that one is not stored any more."""
    id: str = ""
    key: str = ""
    """In a map; without data the key was removed."""
    time: float = 0.0
    """When it was stored, in seconds since 1970."""


class Page(NamedTuple):
    """What a broker has stored of a channel."""

    epoch: str
    floor: int
    """Everything that was stored after this offset is in `entries`."""
    last: int
    """The offset of the newest message, or of the place before the first one."""
    entries: list[Entry]


def check_topic_name(name: object) -> str:
    """Return the name of a topic. Raises InvalidTopicError if it cannot be one."""
    if not isinstance(name, str):
        raise InvalidTopicError(f"a topic's name is str, not {type(name).__name__}")
    try:
        size = len(name.encode())
    except UnicodeEncodeError:
        size = 0
    if not 0 < size <= LONGEST_NAME or not name.isprintable():
        raise InvalidTopicError(
            f"a topic's name has 1 to {LONGEST_NAME} bytes of UTF-8, all of it printable, not {name!r}"
        )
    return name


def check_rooms_name(name: object) -> str:
    """Return the name that all workers share. Raises InvalidOptionError if it cannot be one."""
    if not isinstance(name, str) or not 0 < len(name) <= _LONGEST_ROOMS_NAME or not set(name) <= _NAME_CHARACTERS:
        raise InvalidOptionError(
            f"the name of rooms has 1 to {_LONGEST_ROOMS_NAME} of the characters A-Z a-z 0-9 _ -, not {name!r}"
        )
    return name


def check_history(history: object) -> History | None:
    """Return the history of a topic. Raises InvalidOptionError if it is none."""
    if history is None:
        return None
    if not isinstance(history, History):
        raise InvalidOptionError(f"history is a History(messages, seconds) or None, not {history!r}")
    if type(history.messages) is not int or not 0 < history.messages <= 1_000_000:
        raise InvalidOptionError(f"a History has 1 to 1,000,000 messages, not {history.messages!r}")
    if not isinstance(history.seconds, (int, float)) or not 0 < history.seconds <= 31_536_000:
        raise InvalidOptionError(f"a History has more than 0 seconds, a year at most, not {history.seconds!r}")
    return history
