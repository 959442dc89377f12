"""One WebSocketPeer for the browser and the desktop, after Godot's WebSocket family."""

from importlib import import_module
from typing import TYPE_CHECKING

from .compression import Compression
from .errors import (
    AlreadyConnectedError,
    BlockedPortError,
    CertificateError,
    CloseTimeoutError,
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
from .peer import WebSocketPeer, WriteMode
from .rules import CloseCode
from .signals import Signal
from .transport import IN_BROWSER
from .transport.base import State

if TYPE_CHECKING:
    from ._compiled import compiled
    from .admission import Request, Response
    from .client import WebSocketClient
    from .multiplayer_peer import ConnectionStatus, TransferMode, WebSocketMultiplayerPeer
    from .reconnecting_peer import ReconnectingPeer
    from .reconnection import Backoff, Reconnection, ReconnectState
    from .server import WebSocketServer
    from .transport.memory import MemoryNetwork

__version__ = "0.1.0"

__all__ = [
    "AlreadyConnectedError",
    "Backoff",
    "BlockedPortError",
    "CertificateError",
    "CloseCode",
    "CloseTimeoutError",
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
]

# A page compiles what it imports, and few pages need these: they are loaded at their first use.
_LOADED_ON_USE = {
    "Backoff": ".reconnection",
    "ConnectionStatus": ".multiplayer_peer",
    "MemoryNetwork": ".transport.memory",
    "ReconnectState": ".reconnection",
    "ReconnectingPeer": ".reconnecting_peer",
    "Reconnection": ".reconnection",
    "Request": ".admission",
    "Response": ".admission",
    "TransferMode": ".multiplayer_peer",
    "WebSocketClient": ".client",
    "WebSocketMultiplayerPeer": ".multiplayer_peer",
    "WebSocketServer": ".no_server" if IN_BROWSER else ".server",
    "compiled": "._compiled",
}

if not TYPE_CHECKING:  # type checkers see the imports above instead

    def __getattr__(name: str) -> object:
        if name not in _LOADED_ON_USE:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = globals()[name] = getattr(import_module(_LOADED_ON_USE[name], __name__), name)
        return value


def __dir__() -> list[str]:
    return sorted(globals().keys() | _LOADED_ON_USE.keys())
