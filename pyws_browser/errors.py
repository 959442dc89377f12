"""Every exception of the package, and Godot's error codes.

::

    WebSocketError
    ├── LocalProtocolError               this program asked for something that may not be
    │   ├── InvalidURLError              (ValueError)
    │   │   └── BlockedPortError
    │   ├── InvalidSubprotocolError      (ValueError)
    │   ├── InvalidHeaderError           (ValueError)
    │   ├── InvalidCloseCodeError        (ValueError)
    │   │   └── UnsupportedCloseCodeError (an UnsupportedInBrowserError as well)
    │   ├── InvalidCloseReasonError      (ValueError)
    │   ├── InvalidOptionError           (ValueError)
    │   │   └── InvalidProxyError
    │   ├── InvalidMessageTypeError      (TypeError)
    │   ├── InvalidTextError             (ValueError)
    │   ├── InvalidStateError            (RuntimeError)
    │   │   ├── NotConnectedError
    │   │   ├── AlreadyConnectedError
    │   │   ├── NotMultiplayerError
    │   │   └── WrongThreadError
    │   ├── NoPacketError
    │   ├── OutboundBufferFullError
    │   └── UnsupportedInBrowserError
    ├── RemoteProtocolError              the other side broke a rule or a limit
    │   └── MessageTooBigError
    ├── ConnectError                     no connection came about
    │   ├── NameResolutionError
    │   ├── HandshakeError               the server's answer is in .status, .headers and .body
    │   ├── ProxyError               its answer is in .status and .headers
    │   ├── TLSError
    │   │   └── CertificateError
    │   │       ├── ExpiredCertificateError
    │   │       ├── UntrustedCertificateError
    │   │       └── WrongHostError
    │   └── ConnectTimeoutError
    ├── ConnectionLostError              an open connection ended without a closing handshake
    │   ├── CloseTimeoutError            (TimeoutError)
    │   └── HeartbeatTimeoutError
    ├── InboundOverflowError             packets came faster than the program fetched them
    ├── ListenError
    ├── MultiplayerProtocolError         a multiplayer packet that its sender may not send
    ├── NoSuchPeerError                  (LookupError)
    ├── CodecError                       (ValueError)
    │   ├── CodecEncodeError
    │   └── CodecDecodeError             the message is in .received
    └── VariantError                     (ValueError)
        ├── VariantEncodeError
        └── VariantDecodeError

A `LocalProtocolError` is raised by the call that caused it, before anything was sent. The others describe how a
connection ended: no call raises them; `WebSocketPeer.close_cause` holds them.
"""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


class Error(IntEnum):
    """Godot's error codes (`@GlobalScope.Error`), the same in Godot 3 and 4."""

    OK = 0
    FAILED = 1
    ERR_UNAVAILABLE = 2
    ERR_UNCONFIGURED = 3
    ERR_UNAUTHORIZED = 4
    ERR_PARAMETER_RANGE_ERROR = 5
    ERR_OUT_OF_MEMORY = 6
    ERR_FILE_NOT_FOUND = 7
    ERR_FILE_BAD_DRIVE = 8
    ERR_FILE_BAD_PATH = 9
    ERR_FILE_NO_PERMISSION = 10
    ERR_FILE_ALREADY_IN_USE = 11
    ERR_FILE_CANT_OPEN = 12
    ERR_FILE_CANT_WRITE = 13
    ERR_FILE_CANT_READ = 14
    ERR_FILE_UNRECOGNIZED = 15
    ERR_FILE_CORRUPT = 16
    ERR_FILE_MISSING_DEPENDENCIES = 17
    ERR_FILE_EOF = 18
    ERR_CANT_OPEN = 19
    ERR_CANT_CREATE = 20
    ERR_QUERY_FAILED = 21
    ERR_ALREADY_IN_USE = 22
    ERR_LOCKED = 23
    ERR_TIMEOUT = 24
    ERR_CANT_CONNECT = 25
    ERR_CANT_RESOLVE = 26
    ERR_CONNECTION_ERROR = 27
    ERR_CANT_ACQUIRE_RESOURCE = 28
    ERR_CANT_FORK = 29
    ERR_INVALID_DATA = 30
    ERR_INVALID_PARAMETER = 31
    ERR_ALREADY_EXISTS = 32
    ERR_DOES_NOT_EXIST = 33
    ERR_DATABASE_CANT_READ = 34
    ERR_DATABASE_CANT_WRITE = 35
    ERR_COMPILATION_FAILED = 36
    ERR_METHOD_NOT_FOUND = 37
    ERR_LINK_FAILED = 38
    ERR_SCRIPT_FAILED = 39
    ERR_CYCLIC_LINK = 40
    ERR_INVALID_DECLARATION = 41
    ERR_DUPLICATE_SYMBOL = 42
    ERR_PARSE_ERROR = 43
    ERR_BUSY = 44
    ERR_SKIP = 45
    ERR_HELP = 46
    ERR_BUG = 47
    ERR_PRINTER_ON_FIRE = 48


class WebSocketError(Exception):
    """The base of every exception of this package; `error` is Godot's code for it."""

    error: Error = Error.FAILED

    def __reduce__(self) -> tuple[object, ...]:
        """Copy and pickle it as it is: Exception would call `__init__`, which would build the message again."""
        return _bare, (type(self), self.args), {"args": self.args, **self.__dict__}


def _bare(cls: type[WebSocketError], args: tuple[object, ...]) -> WebSocketError:
    # OSError subclasses take their `errno` from the arguments.
    return cls.__new__(cls, *args)


class LocalProtocolError(WebSocketError):
    """The program asked for something invalid; nothing was sent, and the connection is unchanged."""

    error = Error.ERR_INVALID_PARAMETER


class InvalidURLError(LocalProtocolError, ValueError):
    """The URL is not one that a WebSocket can be opened to (WHATWG WebSockets, constructor: `SyntaxError`)."""


class BlockedPortError(InvalidURLError):
    """No browser connects to this port (Fetch, "bad port")."""


class InvalidSubprotocolError(LocalProtocolError, ValueError):
    """A subprotocol is not a token, or is named twice (WHATWG WebSockets, constructor: `SyntaxError`)."""


class InvalidHeaderError(LocalProtocolError, ValueError):
    """A handshake header has no valid name or value (RFC 9110 §5), or is one that the handshake itself sets."""


class InvalidCloseCodeError(LocalProtocolError, ValueError):
    """The close code may not be sent (RFC 6455 §7.4; WHATWG WebSockets, `close()`: `InvalidAccessError`)."""


class InvalidCloseReasonError(LocalProtocolError, ValueError):
    """The close reason is longer than 123 bytes of UTF-8 (WHATWG WebSockets, `close()`: `SyntaxError`)."""


class InvalidOptionError(LocalProtocolError, ValueError):
    """A limit, an interval or another setting is out of its range."""

    error = Error.ERR_PARAMETER_RANGE_ERROR


class InvalidProxyError(InvalidOptionError):
    """The proxy that was set, or that the environment names, is invalid."""


class InvalidMessageTypeError(LocalProtocolError, TypeError):
    """A message is neither str nor bytes-like."""


class InvalidTextError(LocalProtocolError, ValueError):
    """The bytes of a text packet are not UTF-8 (RFC 6455 §5.6)."""

    error = Error.ERR_INVALID_DATA


class InvalidStateError(LocalProtocolError, RuntimeError):
    """The call does not fit the state of the connection (WHATWG WebSockets: `InvalidStateError`)."""

    error = Error.FAILED


class NotConnectedError(InvalidStateError):
    """The connection is not open: not yet, or no longer."""


class AlreadyConnectedError(InvalidStateError):
    """The peer has a connection already."""

    error = Error.ERR_ALREADY_IN_USE


class NotMultiplayerError(InvalidStateError):
    """Only in multiplayer mode does a client or a server itself send packets; otherwise use its peers."""

    error = Error.ERR_UNCONFIGURED


class WrongThreadError(InvalidStateError):
    """The peer belongs to another thread."""

    error = Error.ERR_LOCKED


class NoPacketError(LocalProtocolError):
    """There is no packet to fetch."""

    error = Error.ERR_UNAVAILABLE


class OutboundBufferFullError(LocalProtocolError):
    """The packet does not fit into the outbound buffer; no part of it was sent, and the connection stays open."""

    error = Error.ERR_OUT_OF_MEMORY


class UnsupportedInBrowserError(LocalProtocolError):
    """A page cannot do this. The message says why, and what to do instead."""

    error = Error.ERR_UNAVAILABLE


class UnsupportedCloseCodeError(InvalidCloseCodeError, UnsupportedInBrowserError):
    """A close code that the desktop may send, but no page (WHATWG WebSockets, `close()`: `InvalidAccessError`)."""


class RemoteProtocolError(WebSocketError):
    """The other side broke RFC 6455; `close_code` is the code that the connection was failed with."""

    error: Error = Error.ERR_INVALID_DATA

    def __init__(self, message: str, close_code: int = 1002) -> None:
        super().__init__(message)
        self.close_code = close_code


class MessageTooBigError(RemoteProtocolError):
    """A received message is larger than `inbound_buffer_size`."""

    error = Error.ERR_OUT_OF_MEMORY

    def __init__(self, size: int, limit: int) -> None:
        super().__init__(
            f"a message of {size} bytes or more came, and inbound_buffer_size is {limit}: "
            "raise it, or send smaller messages",
            1009,
        )


class ConnectError(WebSocketError):
    """The connection failed before it was open."""

    error = Error.ERR_CANT_CONNECT


class NameResolutionError(ConnectError):
    """The host name has no address."""

    error = Error.ERR_CANT_RESOLVE


class HandshakeError(ConnectError):
    """The opening handshake failed (RFC 6455 §4).

    `status` is the HTTP status (0 if there was no valid answer), `headers` the fields in order, `body` the part of the
    content that was received.
    """

    error = Error.ERR_CONNECTION_ERROR

    def __init__(
        self, message: str, status: int = 0, headers: Sequence[tuple[str, str]] = (), body: bytes = b""
    ) -> None:
        Exception.__init__(self, message)  # subclasses in `aio` have further bases, which take other arguments
        self.status = status
        self.headers: tuple[tuple[str, str], ...] = tuple(headers)
        self.body = body


class ProxyError(ConnectError):
    """The proxy cannot be reached, or it did not connect to the server.

    `status` is the status of an HTTP proxy's answer (0 if there was none), `headers` its fields in their order.
    """

    def __init__(self, message: str, status: int = 0, headers: Sequence[tuple[str, str]] = ()) -> None:
        super().__init__(message)
        self.status = status
        self.headers: tuple[tuple[str, str], ...] = tuple(headers)


class TLSError(ConnectError):
    """The TLS handshake failed: the certificate was not accepted, or the server does not speak TLS."""

    error = Error.ERR_UNAUTHORIZED


class CertificateError(TLSError):
    """The other side's certificate was not accepted."""


class ExpiredCertificateError(CertificateError):
    """The other side's certificate, or one above it, has expired or is not valid yet."""


class UntrustedCertificateError(CertificateError):
    """The other side's certificate is self-signed, or its authority is not trusted here."""


class WrongHostError(CertificateError):
    """The server's certificate is for another host than the URL's."""


class ConnectTimeoutError(ConnectError):
    """The connection was not open within `handshake_timeout`."""

    error = Error.ERR_TIMEOUT

    def __init__(
        self,
        seconds: float,
        what: str = "the connection was not open",
        advice: str = "look at the other side, or raise handshake_timeout",
    ) -> None:
        super().__init__(f"{what} after {seconds:g} s: {advice}")


class ConnectionLostError(WebSocketError):
    """An open connection ended without a closing handshake (close code 1006)."""

    error = Error.ERR_CONNECTION_ERROR


class CloseTimeoutError(ConnectionLostError, TimeoutError):
    """The other side did not answer the Close frame within `close_timeout`.

    If `unsent` is set, the Close frame never left: the other side read nothing for that long, and `unsent` bytes of
    earlier messages are lost.
    """

    error = Error.ERR_TIMEOUT

    def __init__(self, seconds: float, unsent: int = 0, advice: str = "") -> None:
        super().__init__(
            (
                f"the other side read nothing for {seconds:g} s, and {unsent} bytes before the Close frame are lost"
                if unsent
                else f"the other side did not answer the Close frame within {seconds:g} s"
            )
            + (advice and f": {advice}")
        )
        self.unsent: int = unsent


class HeartbeatTimeoutError(ConnectionLostError):
    """The other side gave no sign of life for a whole `heartbeat_interval` after a ping.

    Any received data is a sign of life. While data waits to be sent, so is progress in sending it.
    """

    error = Error.ERR_TIMEOUT

    def __init__(self, seconds: float) -> None:
        super().__init__(f"nothing came from the other side for {seconds:g} s after a ping")


class InboundOverflowError(WebSocketError):
    """Packets came faster than the program fetched them, and a page has no means to hold them back."""

    error = Error.ERR_OUT_OF_MEMORY


class ListenError(WebSocketError):
    """The server cannot listen there; `error` is ERR_ALREADY_IN_USE if another program does."""

    error: Error = Error.ERR_CANT_CREATE

    def __init__(self, message: str, error: Error = Error.ERR_CANT_CREATE) -> None:
        super().__init__(message)
        self.error = error


class MultiplayerProtocolError(WebSocketError, ValueError):
    """A peer sent an invalid or forbidden multiplayer packet. It was dropped; the connection stays open."""

    error = Error.ERR_INVALID_DATA


class NoSuchPeerError(WebSocketError, LookupError):
    """There is no peer with this id."""

    error = Error.ERR_DOES_NOT_EXIST


class CodecError(WebSocketError, ValueError):
    """A value that a codec cannot encode, or a message that it cannot decode."""

    error = Error.ERR_INVALID_DATA


class CodecEncodeError(CodecError):
    """The codec cannot encode the value; nothing was sent."""


class CodecDecodeError(CodecError):
    """The codec cannot decode the message; `received` keeps the message."""

    def __init__(self, why: str, received: str | bytes) -> None:
        kind, unit = ("text", "characters") if isinstance(received, str) else ("packet", "bytes")
        super().__init__(f"the {kind} of {len(received)} {unit} cannot be decoded: {why}")
        self.received: str | bytes = received


class VariantError(WebSocketError, ValueError):
    """A value that Godot's Variant format cannot hold, or bytes that are not a Variant."""

    error: Error = Error.ERR_INVALID_DATA

    def __init__(self, message: str, error: Error = Error.ERR_INVALID_DATA) -> None:
        super().__init__(message)
        self.error = error


class VariantEncodeError(VariantError):
    """The value has no Variant form."""


class VariantDecodeError(VariantError):
    """The bytes are not a valid Variant."""


def forget_frames(error: BaseException) -> None:
    """Drop the tracebacks of an error and of its causes.

    Their frames refer to the connection and to its data; so does the context of an error that was raised `from None`,
    such as that of an invalid text.
    """
    seen: set[int] = set()
    problem: BaseException | None = error
    while problem is not None and id(problem) not in seen:
        seen.add(id(problem))
        problem.__traceback__ = None
        if problem.__suppress_context__:
            problem.__context__ = None
        problem = problem.__cause__ or problem.__context__
