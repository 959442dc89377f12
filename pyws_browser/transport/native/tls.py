"""Translates errors of TLS into the package's exceptions, with advice."""

from __future__ import annotations

import ssl
from typing import Final

from ...errors import (
    CertificateError,
    ExpiredCertificateError,
    TLSError,
    UntrustedCertificateError,
    WrongHostError,
)

_NOT_YET_VALID: Final = 9
_EXPIRED: Final = 10
_UNTRUSTED: Final = (2, 18, 19, 20, 21, 24, 25, 26, 27)
_WRONG_HOST: Final = (62, 64)

# By OpenSSL's codes (`X509_V_ERR_*` in openssl/x509_vfy.h).
_CERTIFICATE_ERRORS: Final[dict[int, tuple[type[CertificateError], str]]] = {
    _NOT_YET_VALID: (ExpiredCertificateError, "look at the clocks"),
    _EXPIRED: (ExpiredCertificateError, "it has to be renewed; look at the clocks, too"),
    **dict.fromkeys(_UNTRUSTED, (UntrustedCertificateError, "trust its authority in the SSLContext, if it is yours")),
    **dict.fromkeys(_WRONG_HOST, (WrongHostError, "connect to the name that the certificate is for")),
}


def tls_error(exc: OSError, host: str) -> TLSError:
    """Return the exception for a failed TLS handshake with `host`; the caller chains `exc` to it."""
    if isinstance(exc, ssl.SSLCertVerificationError):
        kind, advice = _CERTIFICATE_ERRORS.get(exc.verify_code, (CertificateError, ""))
        return kind(f"the certificate of {host} was not accepted: {exc.verify_message}{advice and ': '}{advice}")
    reason = getattr(exc, "reason", None) or exc.strerror or str(exc)
    if reason == "WRONG_VERSION_NUMBER":
        reason += ", which says that the other side does not speak TLS: is ws: meant?"
    return TLSError(f"no TLS connection to {host}: {reason}")
