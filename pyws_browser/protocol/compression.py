"""Compression: how permessage-deflate is to be used on a connection (RFC 7692)."""

from __future__ import annotations

from typing import NamedTuple


class Compression(NamedTuple):
    """The terms to offer, and which messages to compress.

    Messages of less than `min_size` bytes go out uncompressed: they fit into one packet either way, and deflating takes
    longer than sending. `level` is zlib's, 1 (fast) to 9 (small).

    `window_bits`, 9 to 15, bounds how far back this side looks for repetitions, and with it the memory of a connection:
    about 50 KiB at 12, 300 KiB at 15, taken when the first message is compressed. `peer_window_bits` asks the same of
    the other side; 15 sends no request, because some servers refuse any other value. `no_context_takeover` makes both
    sides forget each message after it, which saves memory between messages, but compresses less (§7.1).
    """

    min_size: int = 1024
    level: int = 6
    window_bits: int = 12
    peer_window_bits: int = 15
    no_context_takeover: bool = False
