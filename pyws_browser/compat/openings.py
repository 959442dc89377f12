"""Turns a transport's failure to connect into the exception that `connect()` raises."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from .. import errors
from ..errors import (
    CertificateError,
    ConnectError,
    ConnectTimeoutError,
    HandshakeError,
    InvalidProxyError,
    InvalidURLError,
    NameResolutionError,
    TLSError,
)
from .exceptions import (
    InvalidHandshake,
    InvalidHeader,
    InvalidHeaderFormat,
    InvalidHeaderValue,
    InvalidMessage,
    InvalidProxy,
    InvalidProxyMessage,
    InvalidProxyStatus,
    InvalidStatus,
    InvalidUpgrade,
    InvalidURI,
    NameNotFoundError,
    NegotiationError,
    OpeningCertificateError,
    OpeningError,
    OpeningRefusedError,
    OpeningTimeoutError,
    OpeningTLSError,
    ProxyError,
    SecurityError,
    UnreachableProxyError,
)
from .theirs import SSLError, Theirs

PROXY_SCHEMES: Final = ("http", "https", "socks5", "socks5h")

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from websockets.http11 import Response

    from ..errors import WebSocketError

_OF_TLS = ("library", "reason", "verify_code", "verify_message")

_HEADER_ERRORS = {
    kind.__name__: kind for kind in (InvalidHeader, InvalidHeaderFormat, InvalidHeaderValue, InvalidUpgrade)
}


def opening_error(cause: WebSocketError | None, uri: str, seconds: float | None) -> Exception:
    """Return the exception of `connect()` for a transport's error; `seconds` is `open_timeout`."""
    error = _opening_error(cause, uri, seconds)
    error.__cause__ = problem = None if cause is None else cause.__cause__ or cause
    if isinstance(error, SSLError) and isinstance(problem, SSLError):
        vars(error).update({name: getattr(problem, name) for name in _OF_TLS if hasattr(problem, name)})
    if isinstance(error, InvalidMessage) and cause is error.__cause__:
        error.__cause__ = ValueError(str(cause))
    return error


def _opening_error(cause: WebSocketError | None, uri: str, seconds: float | None) -> Exception:
    problem = cause.__cause__ if cause is not None else None
    message = str(cause) if cause is not None else "the connection was closed before it was open"
    if isinstance(cause, InvalidURLError):
        return InvalidURI(uri, message)
    if isinstance(cause, ConnectTimeoutError):
        return OpeningTimeoutError(seconds or 0.0)
    if isinstance(cause, HandshakeError):
        return _handshake_error(cause, problem)
    if isinstance(cause, NameResolutionError):
        return NameNotFoundError(*_os_arguments(problem, message))
    if isinstance(cause, CertificateError):
        return OpeningCertificateError(*_os_arguments(problem, message))
    if isinstance(cause, TLSError):
        return OpeningTLSError(*_os_arguments(problem, message))
    if isinstance(cause, errors.ProxyError):
        return _proxy_error(cause, problem, message)
    if isinstance(problem, ConnectionRefusedError):
        return OpeningRefusedError(*_os_arguments(problem, message))
    if cause is None or isinstance(cause, ConnectError):
        return OpeningError(*_os_arguments(problem, message))
    return cause


def invalid_proxy(proxy: str | bool | None, error: InvalidProxyError) -> InvalidProxy:
    """Return the exception for a proxy that cannot be used; the system's is not shown."""
    if not isinstance(proxy, str):
        return InvalidProxy("", str(error))
    scheme, separator, _ = proxy.partition("://")
    is_known = not separator or scheme.lower() in PROXY_SCHEMES
    return InvalidProxy(proxy, str(error) if is_known else f"scheme {scheme} isn't supported")


def _proxy_error(cause: errors.ProxyError, problem: BaseException | None, message: str) -> ProxyError:
    if cause.status:
        return InvalidProxyStatus(_response(cause.status, "", cause.headers))
    if isinstance(problem, (OSError, ConnectError)):
        return UnreachableProxyError(*_os_arguments(problem, message))
    return InvalidProxyMessage(message) if isinstance(problem, (EOFError, ValueError)) else ProxyError(message)


def _os_arguments(problem: BaseException | None, message: str) -> tuple[Any, ...]:
    code = problem.errno if isinstance(problem, OSError) else None
    return (message,) if code is None else (code, message)


def _handshake_error(cause: HandshakeError, problem: BaseException | None) -> InvalidHandshake:
    if cause.status not in (0, HTTPStatus.SWITCHING_PROTOCOLS):
        phrase = getattr(getattr(problem, "response", None), "reason_phrase", "")
        return InvalidStatus(_response(cause.status, phrase, cause.headers, cause.body))
    kind = type(problem).__name__
    if kind in _HEADER_ERRORS:
        return _HEADER_ERRORS[kind](getattr(problem, "name", "?"), getattr(problem, "value", None))
    if not cause.status and not isinstance(problem, (Theirs.NegotiationError, Theirs.SecurityError)):
        return InvalidMessage("did not receive a valid HTTP response")  # the cause says why
    arguments = (str(cause), cause.status, cause.headers, cause.body)
    if isinstance(problem, Theirs.NegotiationError) or (cause.status and problem is None):
        return NegotiationError(*arguments)
    if isinstance(problem, Theirs.SecurityError):
        return SecurityError(*arguments)
    return InvalidHandshake(*arguments)


def _response(status: int, phrase: str, headers: Sequence[tuple[str, str]], body: bytes = b"") -> Response:
    from websockets.datastructures import Headers
    from websockets.http11 import Response

    return Response(status, phrase, Headers(headers), body)
