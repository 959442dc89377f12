"""One WebSocketPeer for the browser and the desktop, after Godot's WebSocket family."""

from importlib import import_module
from typing import TYPE_CHECKING

from ._version import __version__ as __version__
from .errors import (
    AlreadyConnectedError,
    BlockedPortError,
    CertificateError,
    CloseTimeoutError,
    CodecDecodeError,
    CodecEncodeError,
    CodecError,
    ConnectError,
    ConnectionLostError,
    ConnectTimeoutError,
    Error,
    ExpiredCertificateError,
    HandshakeError,
    HeartbeatTimeoutError,
    InboundOverflowError,
    InvalidCloseCodeError,
    InvalidCloseReasonError,
    InvalidHeaderError,
    InvalidMessageTypeError,
    InvalidOptionError,
    InvalidProxyError,
    InvalidStateError,
    InvalidSubprotocolError,
    InvalidTextError,
    InvalidURLError,
    ListenError,
    LocalProtocolError,
    MessageTooBigError,
    MultiplayerProtocolError,
    NameResolutionError,
    NoPacketError,
    NoSuchPeerError,
    NotConnectedError,
    NotMultiplayerError,
    OutboundBufferFullError,
    ProxyError,
    RemoteProtocolError,
    TLSError,
    UnsupportedCloseCodeError,
    UnsupportedInBrowserError,
    UntrustedCertificateError,
    VariantDecodeError,
    VariantEncodeError,
    VariantError,
    WebSocketError,
    WrongHostError,
    WrongThreadError,
)
from .packet_peer import PacketPeer
from .peer.websocket_peer import WebSocketPeer, WriteMode
from .protocol.compression import Compression
from .protocol.rules import CloseCode
from .protocol.vocabulary import State
from .signals import Signal
from .transport import IN_BROWSER

if TYPE_CHECKING:
    from ._compiled import compiled
    from .godot.client import WebSocketClient
    from .godot.multiplayer_peer import ConnectionStatus, TransferMode, WebSocketMultiplayerPeer
    from .patching.patch import patch_websockets, unpatch_websockets
    from .peer.memory_network import MemoryNetwork
    from .peer.reconnecting_peer import ReconnectingPeer
    from .peer.reconnection import Backoff, Reconnection, ReconnectState
    from .protocol.admission import Request, Response
    from .protocol.codecs import Codec
    from .server.websocket_server import WebSocketServer


__all__ = [
    "AlreadyConnectedError",
    "Backoff",
    "BlockedPortError",
    "CertificateError",
    "CloseCode",
    "CloseTimeoutError",
    "Codec",
    "CodecDecodeError",
    "CodecEncodeError",
    "CodecError",
    "Compression",
    "ConnectError",
    "ConnectTimeoutError",
    "ConnectionLostError",
    "ConnectionStatus",
    "Error",
    "ExpiredCertificateError",
    "HandshakeError",
    "HeartbeatTimeoutError",
    "InboundOverflowError",
    "InvalidCloseCodeError",
    "InvalidCloseReasonError",
    "InvalidHeaderError",
    "InvalidMessageTypeError",
    "InvalidOptionError",
    "InvalidProxyError",
    "InvalidStateError",
    "InvalidSubprotocolError",
    "InvalidTextError",
    "InvalidURLError",
    "ListenError",
    "LocalProtocolError",
    "MemoryNetwork",
    "MessageTooBigError",
    "MultiplayerProtocolError",
    "NameResolutionError",
    "NoPacketError",
    "NoSuchPeerError",
    "NotConnectedError",
    "NotMultiplayerError",
    "OutboundBufferFullError",
    "PacketPeer",
    "ProxyError",
    "ReconnectState",
    "ReconnectingPeer",
    "Reconnection",
    "RemoteProtocolError",
    "Request",
    "Response",
    "Signal",
    "State",
    "TLSError",
    "TransferMode",
    "UnsupportedCloseCodeError",
    "UnsupportedInBrowserError",
    "UntrustedCertificateError",
    "VariantDecodeError",
    "VariantEncodeError",
    "VariantError",
    "WebSocketClient",
    "WebSocketError",
    "WebSocketMultiplayerPeer",
    "WebSocketPeer",
    "WebSocketServer",
    "WriteMode",
    "WrongHostError",
    "WrongThreadError",
    "compiled",
    "patch_websockets",
    "unpatch_websockets",
]

# A page compiles what it imports, and few pages need these: they are loaded at their first use.
_LOADED_ON_USE = {
    "Backoff": ".peer.reconnection",
    "Codec": ".protocol.codecs",
    "ConnectionStatus": ".godot.multiplayer_peer",
    "MemoryNetwork": ".peer.memory_network",
    "ReconnectState": ".peer.reconnection",
    "ReconnectingPeer": ".peer.reconnecting_peer",
    "Reconnection": ".peer.reconnection",
    "Request": ".protocol.admission",
    "Response": ".protocol.admission",
    "TransferMode": ".godot.multiplayer_peer",
    "WebSocketClient": ".godot.client",
    "WebSocketMultiplayerPeer": ".godot.multiplayer_peer",
    "WebSocketServer": ".server.unavailable" if IN_BROWSER else ".server.websocket_server",
    "compiled": "._compiled",
    "patch_websockets": ".patching.patch",
    "unpatch_websockets": ".patching.patch",
}

if not TYPE_CHECKING:  # type checkers see the imports above instead

    def __getattr__(name: str) -> object:
        if name not in _LOADED_ON_USE:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = globals()[name] = getattr(import_module(_LOADED_ON_USE[name], __name__), name)
        return value


def __dir__() -> list[str]:
    return sorted(globals().keys() | _LOADED_ON_USE.keys())
