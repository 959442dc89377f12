"""How a message looks on its way through a broker: its kind, its key, and what is in it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ..errors import InvalidOptionError
from ..protocol.rules import encode_text

if TYPE_CHECKING:
    from ..protocol.vocabulary import Message
    from .vocabulary import Entry

MARKER: Final = b"m"
"""Holds the place before the first message of a history."""

_TEXT: Final = 0x74
_LONGEST_KEY: Final = 200


def encode(message: Message, key: str | None) -> bytes:
    """Return the bytes of a message. Raises InvalidOptionError if the key is none."""
    kind, payload = (b"t", encode_text(message)) if isinstance(message, str) else (b"b", message)
    if key is None:
        return b"%b\0%b" % (kind, payload)
    if not isinstance(key, str) or not 0 < len(key) <= _LONGEST_KEY:
        raise InvalidOptionError(f"a key is a str of 1 to {_LONGEST_KEY} characters, not {key!r}")
    encoded = encode_text(key)
    if len(encoded) > 255:
        raise InvalidOptionError(f"a key has 255 bytes of UTF-8 at most, not {len(encoded)}")
    return b"%b%c%b%b" % (kind, len(encoded), encoded, payload)


def decode(data: bytes) -> tuple[Message, str | None]:
    """Return the message and its key."""
    size = data[1]
    key = data[2 : 2 + size].decode() if size else None
    payload = data[2 + size :]
    return (payload.decode() if data[0] == _TEXT else payload), key


def with_origin(worker: str, count: int, data: bytes) -> bytes:
    """Return a plain message with the worker that published it, and how many it has published there."""
    return b"%b%b%b" % (worker.encode(), count.to_bytes(8, "big"), data)


def split_plain(entry: Entry) -> Entry:
    """Return a plain message with its worker as the key, and the count as the offset."""
    data = entry.data
    return entry._replace(key=data[:8].decode(), offset=int.from_bytes(data[8:16], "big"), data=data[16:])
