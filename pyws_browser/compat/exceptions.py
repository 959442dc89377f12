"""The exceptions of the asyncio side, by the names of `websockets.exceptions`, in the package's own tree.

::

    WebSocketError                        as `WebSocketException` here
    ├── ConnectionClosed                  .rcvd, .sent, .rcvd_then_sent, .code, .reason; its cause is `__cause__`
    │   ├── ConnectionClosedOK            1000, 1001, or no code
    │   └── ConnectionClosedError         everything else
    ├── ConcurrencyError                  (RuntimeError) two tasks at what only one can do
    ├── InvalidURLError
    │   └── InvalidURI                    .uri, .msg
    ├── InvalidProxyError
    │   └── InvalidProxy                  .proxy, .msg
    └── ConnectError
        ├── OpeningError                 (OSError) no TCP or TLS connection; in a page, whatever the reason
        │   ├── OpeningRefusedError            (ConnectionRefusedError)
        │   ├── NameNotFoundError              (NameResolutionError, socket.gaierror)
        │   └── OpeningTLSError                 (TLSError, ssl.SSLError)
        │       └── OpeningCertificateError         (CertificateError, ssl.SSLCertVerificationError)
        ├── OpeningTimeoutError                (ConnectTimeoutError, TimeoutError)
        └── HandshakeError
            └── InvalidHandshake          the server's answer was not the right one
                ├── InvalidMessage        it was no HTTP
                ├── InvalidStatus         .response, with its .status_code, .headers and .body
                ├── InvalidHeader
                │   ├── InvalidHeaderFormat
                │   ├── InvalidHeaderValue
                │   ├── InvalidOrigin
                │   └── InvalidUpgrade
                ├── NegotiationError      about a subprotocol or an extension
                ├── SecurityError         a redirect that may not be followed
                │   └── RedirectError     (InvalidOptionError) one that the arguments rule out
                ├── InvalidRedirect       (InvalidURI) one to what is no URI
                └── ProxyError            (ProxyError) the proxy did not connect
                    ├── UnreachableProxyError (OpeningError) nor could it be reached
                    ├── InvalidProxyMessage   its answer was no HTTP, or none came
                    └── InvalidProxyStatus    .response

On CPython each of these that `websockets.exceptions` has too is a subclass of that one, so that code which catches
`websockets.exceptions.ConnectionClosed` catches ours. In a page that package is not loaded. Some of its names are
aliases here: `HeaderLineTooLong` is `SecurityError`, for example.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from .. import errors
from ..errors import (
    CertificateError,
    ConnectError,
    ConnectTimeoutError,
    HandshakeError,
    InvalidURLError,
    NameResolutionError,
    TLSError,
    WebSocketError,
)
from ..protocol.display import printable, without_password
from .theirs import SSLCertVerificationError, SSLError, Theirs, gaierror

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any, Self

    from websockets.http11 import Response

__all__ = [
    "Close",
    "ConcurrencyError",
    "ConnectionClosed",
    "ConnectionClosedError",
    "ConnectionClosedOK",
    "DuplicateParameter",
    "HeaderLineTooLong",
    "InvalidHandshake",
    "InvalidHeader",
    "InvalidHeaderFormat",
    "InvalidHeaderValue",
    "InvalidMessage",
    "InvalidMethod",
    "InvalidOrigin",
    "InvalidParameterName",
    "InvalidParameterValue",
    "InvalidProtocol",
    "InvalidProxy",
    "InvalidProxyMessage",
    "InvalidProxyStatus",
    "InvalidRedirect",
    "InvalidState",
    "InvalidStatus",
    "InvalidURI",
    "InvalidUpgrade",
    "NameNotFoundError",
    "NegotiationError",
    "OpeningCertificateError",
    "OpeningError",
    "OpeningRefusedError",
    "OpeningTLSError",
    "OpeningTimeoutError",
    "PayloadTooBig",
    "ProtocolError",
    "ProxyError",
    "RedirectError",
    "RequestLineTooLong",
    "SecurityError",
    "StatusLineTooLong",
    "TooManyFragments",
    "TooManyHeaders",
    "UnreachableProxyError",
    "WebSocketException",
]

WebSocketException = WebSocketError
InvalidState = errors.InvalidStateError
ProtocolError = errors.RemoteProtocolError
PayloadTooBig = TooManyFragments = errors.MessageTooBigError

_CLOSE_CODES = {
    1000: "OK",
    1001: "going away",
    1002: "protocol error",
    1003: "unsupported data",
    1005: "no status received [internal]",
    1006: "abnormal closure [internal]",
    1007: "invalid frame payload data",
    1008: "policy violation",
    1009: "message too big",
    1010: "mandatory extension",
    1011: "internal error",
    1012: "service restart",
    1013: "try again later",
    1014: "bad gateway",
}


class Close(NamedTuple):
    """Code and reason of a Close frame."""

    code: int
    reason: str = ""

    def __str__(self) -> str:
        if 3000 <= self.code < 5000:
            meaning = "registered" if self.code < 4000 else "private use"
        else:
            meaning = _CLOSE_CODES.get(self.code, "unknown")
        return f"{self.code} ({meaning}) {printable(self.reason)}".rstrip()


class ConnectionClosed(WebSocketError, Theirs.ConnectionClosed):
    """The connection is closed; raised by methods that need an open one.

    `rcvd` and `sent` are the Close frames, None where there was none. `rcvd_then_sent` tells which was first, if there
    were two. `__cause__` is the reason, as far as this side can know it.
    """

    def __init__(self, rcvd: Close | None, sent: Close | None, rcvd_then_sent: bool | None = None) -> None:
        Exception.__init__(self, rcvd, sent, rcvd_then_sent)
        self.rcvd = rcvd
        self.sent = sent
        self.rcvd_then_sent = rcvd_then_sent

    def __str__(self) -> str:
        sent = "no close frame sent" if self.sent is None else f"sent {self.sent}"
        received = "no close frame received" if self.rcvd is None else f"received {self.rcvd}"
        if self.rcvd is None:
            return "no close frame received or sent" if self.sent is None else f"{sent}; {received}"
        if self.sent is None:
            return f"{received}; {sent}"
        return f"{received}; then {sent}" if self.rcvd_then_sent else f"{sent}; then {received}"

    @property
    def code(self) -> int:
        """The code of the Close frame that came, 1006 if none did."""
        return 1006 if self.rcvd is None else self.rcvd.code

    @property
    def reason(self) -> str:
        """The reason in the Close frame that came."""
        return "" if self.rcvd is None else self.rcvd.reason


class ConnectionClosedOK(ConnectionClosed, Theirs.ConnectionClosedOK):
    """A normal end: with 1000, with 1001, or without a code."""


class ConnectionClosedError(ConnectionClosed, Theirs.ConnectionClosedError):
    """Closed with another code, or without a closing handshake."""


class ConcurrencyError(WebSocketError, Theirs.ConcurrencyError):
    """Two tasks did what only one may do at a time."""


class InvalidURI(InvalidURLError, Theirs.InvalidURI):
    """The URI is not one that a WebSocket can be opened to."""

    def __init__(self, uri: str, msg: str) -> None:
        Exception.__init__(self, without_password(str(uri)), msg)
        self.uri = uri
        self.msg = msg

    def __str__(self) -> str:
        return f"{printable(self.args[0], None)} isn't a valid URI: {self.msg}"


class InvalidProxy(errors.InvalidProxyError, Theirs.InvalidProxy):
    """The proxy setting, or the system's, is not a proxy's URL."""

    def __init__(self, proxy: str, msg: str) -> None:
        Exception.__init__(self, without_password(proxy), msg)
        self.proxy = proxy
        self.msg = msg

    def __str__(self) -> str:
        return f"{printable(self.args[0])} isn't a valid proxy: {self.msg}" if self.args[0] else self.msg


class OpeningError(ConnectError, OSError):
    """The connection to the server failed. A page cannot know why, and raises this for every reason."""


class OpeningRefusedError(OpeningError, ConnectionRefusedError):
    """Nothing listens there."""


class NameNotFoundError(OpeningError, NameResolutionError, gaierror):
    """The host name has no address."""


class OpeningTLSError(OpeningError, TLSError, SSLError):
    """The TLS handshake failed."""


class OpeningCertificateError(OpeningTLSError, CertificateError, SSLCertVerificationError):
    """The server's certificate was not accepted."""

    verify_code: int = 0
    """OpenSSL's code for the reason."""
    verify_message: str = ""
    """The reason in words."""


class OpeningTimeoutError(ConnectTimeoutError, TimeoutError):
    """The connection was not open within `open_timeout`."""

    def __init__(self, seconds: float) -> None:
        Exception.__init__(self, "timed out during opening handshake")
        self.seconds: float = seconds


class InvalidHandshake(HandshakeError, Theirs.InvalidHandshake):
    """The opening handshake failed."""

    def __init__(
        self, message: str = "", status: int = 0, headers: Sequence[tuple[str, str]] = (), body: bytes = b""
    ) -> None:
        super().__init__(message, status, headers, body)


class InvalidMessage(InvalidHandshake, Theirs.InvalidMessage):
    """The answer was not HTTP, or none came."""


class InvalidStatus(InvalidHandshake, Theirs.InvalidStatus):
    """The server refused; `response` is its answer."""

    def __init__(self, response: Response) -> None:
        headers = tuple(response.headers.raw_items())
        body = bytes(response.body or b"")
        HandshakeError.__init__(self, f"HTTP {response.status_code}", response.status_code, headers, body)
        self.response = response

    def __str__(self) -> str:
        return f"server rejected WebSocket connection: HTTP {self.status}"


class ProxyError(errors.ProxyError, InvalidHandshake, Theirs.ProxyError):
    """The proxy could not be reached, or its answer was wrong."""

    status: int = 0
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""

    def __init__(self, *arguments: Any) -> None:
        Exception.__init__(self, *arguments)


class UnreachableProxyError(OpeningError, ProxyError):
    """The proxy could not be reached, or the connection to it broke."""

    def __new__(cls, *arguments: Any) -> Self:
        """Set `errno`: OSError takes it from its arguments, but leaves them to `__init__` where a class defines it."""
        return OSError.__new__(cls, *arguments)


class InvalidProxyMessage(ProxyError, Theirs.InvalidProxyMessage):
    """The proxy's answer was not HTTP, or none came."""


class InvalidProxyStatus(ProxyError, Theirs.InvalidProxyStatus):
    """The proxy refused; `response` is its answer."""

    def __init__(self, response: Response) -> None:
        Exception.__init__(self, f"proxy rejected connection: HTTP {response.status_code}")
        self.status: int = response.status_code
        self.headers: tuple[tuple[str, str], ...] = tuple(response.headers.raw_items())
        self.response = response

    def __str__(self) -> str:
        return str(self.args[0])


class InvalidHeader(InvalidHandshake, Theirs.InvalidHeader):
    """A header of the answer is missing or wrong."""

    def __init__(self, name: str, value: str | None = None) -> None:
        text = (
            f"invalid {name} header: {printable(value)}"
            if value
            else f"{'missing' if value is None else 'empty'} {name} header"
        )
        HandshakeError.__init__(self, text)
        self.args: tuple[Any, ...] = (text,)
        self.name = name
        self.value = value

    def __str__(self) -> str:
        return str(self.args[0])


class InvalidHeaderFormat(InvalidHeader, Theirs.InvalidHeaderFormat):
    """A header cannot be read."""


class InvalidHeaderValue(InvalidHeader, Theirs.InvalidHeaderValue):
    """A header has a wrong value."""


class InvalidOrigin(InvalidHeader, Theirs.InvalidOrigin):
    """The server does not accept this Origin header."""


class InvalidUpgrade(InvalidHeader, Theirs.InvalidUpgrade):
    """The Upgrade or the Connection header is wrong."""


class NegotiationError(InvalidHandshake, Theirs.NegotiationError):
    """The two sides did not agree about a subprotocol or an extension."""


class SecurityError(InvalidHandshake, Theirs.SecurityError):
    """The server redirects to an unsafe place, or its answer is too long."""


class RedirectError(SecurityError, errors.InvalidOptionError):
    """The server redirects to a place that the arguments of `connect()` rule out."""


class InvalidRedirect(InvalidHandshake, InvalidURI):
    """The server redirects to an invalid WebSocket URI; `uri` is what it sent."""

    def __init__(self, uri: str, msg: str) -> None:
        InvalidURI.__init__(self, uri, msg)
        self.status: int = 0
        self.headers: tuple[tuple[str, str], ...] = ()
        self.body: bytes = b""

    def __str__(self) -> str:
        return printable(self.msg, None)


DuplicateParameter = InvalidParameterName = InvalidParameterValue = NegotiationError
HeaderLineTooLong = RequestLineTooLong = StatusLineTooLong = TooManyHeaders = SecurityError
InvalidMethod = InvalidProtocol = InvalidMessage
