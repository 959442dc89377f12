"""How the messages of a conversation are shown: as they came, with the time, or as JSON that a person can read."""

from __future__ import annotations

import json
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from ..protocol.vocabulary import Message
    from .screen import Screen


class Presentation:
    """A screen before which messages are prepared."""

    def __init__(self, screen: Screen, *, pretty: bool, timestamps: bool, lines: Sequence[str] | None) -> None:
        self._screen = screen
        self._pretty = pretty
        self._timestamps = timestamps
        self._lines = lines
        self.is_terminal: bool = screen.is_terminal and lines is None

    def lines(self) -> AsyncIterator[str]:
        """Return the given lines, or those of the screen."""
        return self._screen.lines() if self._lines is None else _each(self._lines)

    def show(self, message: Message) -> None:
        """Show a message; text that is not JSON is shown as it came."""
        text = _indented(message) if self._pretty else None
        shown = message if text is None else text
        if self._timestamps:
            shown = f"{_now()} {shown if isinstance(shown, str) else shown.hex(' ')}"
        self._screen.show(shown)

    def note(self, text: str) -> None:
        """Show anything else."""
        self._screen.note(f"{_now()} {text}" if self._timestamps else text)


def _indented(message: Message) -> str | None:
    """Return JSON with a line for each value, None for invalid JSON."""
    try:
        return json.dumps(json.loads(message), indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        return None


def _now() -> str:
    return datetime.now().astimezone().isoformat(timespec="milliseconds")


async def _each(lines: Sequence[str]) -> AsyncIterator[str]:
    for line in lines:
        yield line
