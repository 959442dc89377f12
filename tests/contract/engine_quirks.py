"""In what an engine leaves the standard, beyond what the package can make good; `docs/browser.md` tells users of it."""

from __future__ import annotations

LOSES_BOM = "a byte order mark at the beginning of a text message is lost"
HIDES_SHORT_LIFE = "a connection that breaks right behind its opening was never open, and its messages are lost"
TAKES_MASKED_FRAMES = "frames of a server that are masked are taken like others (RFC 6455 §5.1)"
TAKES_BAD_CLOSE_CODES = "a Close frame whose code may not be sent counts as one without a code (RFC 6455 §7.4)"
SENDS_WHOLE = "what waits to be sent shrinks once all of it has gone, and not as the other side takes it"
HIDES_UNSENT = "what the engine's other process holds back counts as sent, megabytes and more"

ENGINE_QUIRKS = {
    "chromium": frozenset[str](),
    "firefox": frozenset({HIDES_SHORT_LIFE, TAKES_MASKED_FRAMES, TAKES_BAD_CLOSE_CODES}),
    "webkit": frozenset({HIDES_UNSENT}),
    "node": frozenset({LOSES_BOM, SENDS_WHOLE}),
}

HAVE_STREAMS = frozenset({"chromium"})
"""The engines that have `WebSocketStream`."""
