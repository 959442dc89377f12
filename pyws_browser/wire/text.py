"""A text message that comes in parts, held in no more memory than its UTF-8 takes.

CPython stores a str with as many bytes a character as its widest character takes, up to four. So one wide character
in a text of 16 MiB takes 64 MiB. Until such a text is whole, its wide parts are kept as UTF-8.
"""

from __future__ import annotations

from io import StringIO
from sys import getsizeof
from typing import Final

_SMALL: Final = 4 * 1024
"""Parts below this many characters are joined as they come, so a thousand take no more memory than a large one."""

_MUCH: Final = 64 * 1024
"""The most characters of small parts that are joined; each may take four bytes."""


class GrowingText:
    """The received part of one text."""

    def __init__(self) -> None:
        self.length: int = 0
        """The number of received characters."""
        self._small: StringIO | None = None
        self._parts: list[str | bytes] = []

    def add(self, text: str, size: int) -> None:
        """Add text that came as `size` bytes."""
        self.length += len(text)
        if len(text) >= _SMALL:
            self._flush_small()
            self._keep(text, size)
            return
        if self._small is None:
            self._small = StringIO()
        self._small.write(text)
        if self._small.tell() >= _MUCH:
            self._flush_small()

    def take(self, size: int) -> str:
        """Return the whole text and drop it here. `size` is about its size as UTF-8."""
        if not self._parts:
            return "" if self._small is None else self._small.getvalue()
        self._flush_small()
        parts, self._parts = self._parts, []
        encoded = sum([len(part) for part in parts if isinstance(part, bytes)])
        if 4 * encoded <= size:  # decoded one by one they take no more memory than the whole text
            return "".join([part.decode() if isinstance(part, bytes) else part for part in parts])
        content = b"".join([part.encode() if isinstance(part, str) else part for part in parts])
        parts.clear()
        return content.decode()

    def _keep(self, text: str, size: int) -> None:
        """Keep text in the form that takes less memory."""
        if not text.isascii() and getsizeof(text) > size + _SMALL:
            encoded = text.encode()
            if len(encoded) + _SMALL < getsizeof(text):
                self._parts.append(encoded)
                return
        self._parts.append(text)

    def _flush_small(self) -> None:
        if self._small is not None:
            self._keep(self._small.getvalue(), self._small.tell())
            self._small = None
