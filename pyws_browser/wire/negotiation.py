"""What the two sides agree on about permessage-deflate (RFC 7692 §5), by the extension classes of `websockets`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from websockets.extensions.permessage_deflate import (
    ClientPerMessageDeflateFactory,
    PerMessageDeflate,
    ServerPerMessageDeflateFactory,
)

from .deflate import DeflateTerms

if TYPE_CHECKING:
    from websockets.extensions import Extension

    from ..compression import Compression

_LARGEST_WINDOW: Final = 15  # bits (RFC 7692 §7.1.2)


def client_deflate(compression: Compression) -> ClientPerMessageDeflateFactory:
    """Return what a client offers."""
    peer_bits = compression.peer_window_bits
    return ClientPerMessageDeflateFactory(
        server_no_context_takeover=compression.no_context_takeover,
        client_no_context_takeover=compression.no_context_takeover,
        server_max_window_bits=peer_bits if peer_bits < _LARGEST_WINDOW else None,
        client_max_window_bits=True,  # the server may ask for any; as all browsers offer it
    )


def server_deflate(compression: Compression) -> ServerPerMessageDeflateFactory:
    """Return what a server answers to an offer."""
    peer_bits = compression.peer_window_bits
    return ServerPerMessageDeflateFactory(
        server_no_context_takeover=compression.no_context_takeover,
        client_no_context_takeover=compression.no_context_takeover,
        server_max_window_bits=compression.window_bits,
        client_max_window_bits=peer_bits if peer_bits < _LARGEST_WINDOW else None,
    )


def terms_of(extensions: list[Extension]) -> DeflateTerms | None:
    """Return what was agreed on about compression, and drop the extension: its zlib states take 300 KiB."""
    agreed = next((extension for extension in extensions if isinstance(extension, PerMessageDeflate)), None)
    extensions.clear()
    if agreed is None:
        return None
    return DeflateTerms(
        agreed.local_max_window_bits,
        not agreed.local_no_context_takeover,
        agreed.remote_max_window_bits,
        not agreed.remote_no_context_takeover,
    )
