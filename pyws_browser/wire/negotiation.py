"""Negotiates permessage-deflate (RFC 7692 §5) by the extension classes of `websockets`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from websockets.exceptions import NegotiationError
from websockets.extensions.permessage_deflate import (
    ClientPerMessageDeflateFactory,
    PerMessageDeflate,
    ServerPerMessageDeflateFactory,
)

from .deflate import DeflateTerms

if TYPE_CHECKING:
    from collections.abc import Sequence

    from websockets.extensions import Extension
    from websockets.typing import ExtensionParameter

    from ..protocol.compression import Compression

_LARGEST_WINDOW: Final = 15  # bits (RFC 7692 §7.1.2)


_SMALLEST_WINDOW: Final = 8
_TOO_SMALL: Final = "zlib cannot compress with a window of 8 bits: use 9"
"""`websockets` 17 raises this; 15 and 16 raise zlib's ValueError."""


class _ClientFactory(ClientPerMessageDeflateFactory):
    def process_response_params(
        self, params: Sequence[ExtensionParameter], accepted_extensions: Sequence[Extension]
    ) -> PerMessageDeflate:
        name, bits = "client_max_window_bits", str(_SMALLEST_WINDOW)
        # zlib has no window of 8 bits, and what is sent need not be compressed (RFC 7692 §6.1).
        wider = [(name, str(_SMALLEST_WINDOW + 1)) if param == (name, bits) else param for param in params]
        try:
            agreed = super().process_response_params(wider, accepted_extensions)
        except ValueError as exc:
            raise NegotiationError(_TOO_SMALL) from exc
        if (name, bits) in params:
            agreed.local_max_window_bits = _SMALLEST_WINDOW
        return agreed


class _ServerFactory(ServerPerMessageDeflateFactory):
    def process_request_params(
        self, params: Sequence[ExtensionParameter], accepted_extensions: Sequence[Extension]
    ) -> tuple[list[ExtensionParameter], PerMessageDeflate]:
        try:
            return super().process_request_params(params, accepted_extensions)
        except ValueError as exc:
            raise NegotiationError(_TOO_SMALL) from exc


def client_deflate(compression: Compression) -> ClientPerMessageDeflateFactory:
    """Return the offer of a client."""
    peer_bits = compression.peer_window_bits
    return _ClientFactory(
        server_no_context_takeover=compression.no_context_takeover,
        client_no_context_takeover=compression.no_context_takeover,
        server_max_window_bits=peer_bits if peer_bits < _LARGEST_WINDOW else None,
        client_max_window_bits=True,  # the server may ask for any window, as in the offers of all browsers
    )


def server_deflate(compression: Compression) -> ServerPerMessageDeflateFactory:
    """Return the server's extension, which answers offers."""
    peer_bits = compression.peer_window_bits
    return _ServerFactory(
        server_no_context_takeover=compression.no_context_takeover,
        client_no_context_takeover=compression.no_context_takeover,
        server_max_window_bits=compression.window_bits,
        client_max_window_bits=peer_bits if peer_bits < _LARGEST_WINDOW else None,
    )


def terms_of(extensions: list[Extension]) -> DeflateTerms | None:
    """Return the negotiated terms, and drop the extension: its zlib states take 300 KiB."""
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
