"""TracedFrame: one frame of a connection, for debugging."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from .vocabulary import Message

_SHOWN: Final = 48
"""The most characters or bytes of a payload that are shown."""

_KINDS: Final = {0x0: "continuation", 0x1: "text", 0x2: "binary", 0x8: "close", 0x9: "ping", 0xA: "pong"}


class TracedFrame(NamedTuple):
    """One frame, sent or received; `str()` shows it in a line, its payload elided.

    `kind` is "text", "binary", "continuation", "ping", "pong" or "close". A frame that arrives in several reads is
    reported in as many parts, as if its sender had fragmented it. In a page and in memory only messages and closes are
    reported.
    """

    is_sent: bool
    kind: str
    payload: Message
    is_last: bool = True
    is_compressed: bool = False

    @classmethod
    def from_head(cls, is_sent: bool, head: int, payload: Message | memoryview) -> TracedFrame:
        """Return the frame with this first byte (RFC 6455 §5.2)."""
        content = bytes(payload) if isinstance(payload, memoryview) else payload
        return cls(is_sent, _KINDS[head & 0x0F], content, head & 0x80 != 0, head & 0x40 != 0)

    @classmethod
    def of_message(cls, is_sent: bool, message: Message) -> TracedFrame:
        """Return the frame of a whole message."""
        return cls(is_sent, "text" if isinstance(message, str) else "binary", message)

    def __str__(self) -> str:
        payload = self.payload
        if self.kind == "text" and isinstance(payload, bytes) and not self.is_compressed:
            payload = payload.decode("utf-8", "replace")  # because a fragment may end within a character
        size = len(payload)
        shown = repr(payload[:_SHOWN]) + ("…" if size > _SHOWN else "")
        if self.kind == "close" and isinstance(payload, bytes) and size > 1:
            shown = f"{int.from_bytes(payload[:2], 'big')} {payload[2:]!r}"
        unit = "character" if isinstance(payload, str) else "byte"
        notes = [f"{size} {unit}{'' if size == 1 else 's'}"]
        notes += ["continued"] if not self.is_last else []
        notes += ["compressed"] if self.is_compressed else []
        return f"{'>' if self.is_sent else '<'} {self.kind} {shown} [{', '.join(notes)}]"
