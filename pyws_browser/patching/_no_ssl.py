"""Stands in for `ssl` in a Pyodide without it: names for libraries to import, and contexts that do nothing.

The browser does TLS by itself.
"""

from __future__ import annotations

from enum import IntEnum
from importlib import import_module
from typing import Any

CERT_NONE, CERT_OPTIONAL, CERT_REQUIRED = range(3)
PROTOCOL_TLS = PROTOCOL_SSLv23 = 2
PROTOCOL_TLS_CLIENT, PROTOCOL_TLS_SERVER = 16, 17
OP_ALL = OP_NO_SSLv2 = OP_NO_SSLv3 = OP_NO_TLSv1 = OP_NO_TLSv1_1 = OP_NO_COMPRESSION = OP_NO_TICKET = 0
OP_IGNORE_UNEXPECTED_EOF = 0
HAS_SNI = HAS_ALPN = HAS_TLSv1_2 = HAS_TLSv1_3 = True
OPENSSL_VERSION = "no OpenSSL: the browser does TLS"
OPENSSL_VERSION_INFO = (3, 0, 0, 0, 0)
OPENSSL_VERSION_NUMBER = 0x30000000


class VerifyMode(IntEnum):
    """Whether a certificate is required."""

    CERT_NONE = 0
    CERT_OPTIONAL = 1
    CERT_REQUIRED = 2


class TLSVersion(IntEnum):
    """Versions of TLS."""

    MINIMUM_SUPPORTED = -2
    MAXIMUM_SUPPORTED = -1
    TLSv1 = 769
    TLSv1_1 = 770
    TLSv1_2 = 771
    TLSv1_3 = 772


class Purpose:
    """The purpose of a context."""

    SERVER_AUTH = "SERVER_AUTH"
    CLIENT_AUTH = "CLIENT_AUTH"


class SSLError(OSError):
    """An error of TLS; never raised here."""

    library = reason = ""


class SSLZeroReturnError(SSLError):
    """Never raised here."""


class SSLWantReadError(SSLError):
    """Never raised here."""


class SSLWantWriteError(SSLError):
    """Never raised here."""


class SSLSyscallError(SSLError):
    """Never raised here."""


class SSLEOFError(SSLError):
    """Never raised here."""


class SSLCertVerificationError(SSLError, ValueError):
    """Never raised here."""


CertificateError = SSLCertVerificationError


class SSLContext:
    """Takes every setting: the browser checks certificates by its own store."""

    check_hostname = True
    verify_mode = VerifyMode.CERT_REQUIRED
    minimum_version = TLSVersion.MINIMUM_SUPPORTED
    maximum_version = TLSVersion.MAXIMUM_SUPPORTED
    options = verify_flags = 0

    def __init__(self, protocol: int = PROTOCOL_TLS_CLIENT) -> None:
        self.protocol = protocol

    def _take(self, *_arguments: Any, **_named: Any) -> None:
        """Take a setting."""

    load_verify_locations = load_default_certs = set_default_verify_paths = set_ciphers = set_alpn_protocols = _take

    def load_cert_chain(self, *_arguments: Any, **_named: Any) -> None:
        """Refuse a client's certificate, which the server would see."""
        raise import_module("pyws_browser.protocol.rules").unsupported("tls", "load_cert_chain()")

    def wrap_bio(self, *_arguments: Any, **_named: Any) -> Any:
        """Refuse to do TLS."""
        raise import_module("pyws_browser.protocol.rules").unsupported("tls", "TLS of a library's own")

    wrap_socket = wrap_bio


class SSLSocket:
    """A name for annotations."""


class SSLObject:
    """A name for annotations."""


class MemoryBIO:
    """A name for annotations."""


class SSLSession:
    """A name for annotations."""


def create_default_context(*_arguments: Any, **_named: Any) -> SSLContext:
    """Return a context that does nothing."""
    return SSLContext()


_create_unverified_context = _create_default_https_context = create_default_context
_create_stdlib_context = create_default_context
