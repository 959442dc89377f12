"""TLS contexts from Godot's properties: keys and certificates as PEM. CPython only."""

from __future__ import annotations

import os
import ssl
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, TypeAlias

from ...errors import InvalidOptionError

if TYPE_CHECKING:
    from collections.abc import Iterator

PEM: TypeAlias = str | bytes | os.PathLike[str]
"""The path of a file, or its content."""

_MARK = "-----BEGIN "


def client_context(certificate: PEM | ssl.SSLContext | None, *, verify: bool) -> ssl.SSLContext | None:
    """Return the context that checks a server's certificate, None for the system's certificates.

    Only `certificate` is trusted if given: that of an authority, or that of the server itself.
    """
    if isinstance(certificate, ssl.SSLContext):
        if not verify:
            raise InvalidOptionError("verify_ssl is off, and trusted_ssl_certificate an SSLContext: let that say it")
        return certificate
    if verify and certificate is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.set_alpn_protocols(["http/1.1"])
    if verify:
        assert certificate is not None  # noqa: S101
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        trusted = _read(certificate, "trusted_ssl_certificate")
        try:
            context.load_verify_locations(cadata=trusted)
        except (ssl.SSLError, ValueError) as exc:  # ValueError for nothing at all
            raise InvalidOptionError(f"trusted_ssl_certificate holds no certificate in PEM: {exc}") from exc
    else:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def server_context(key: PEM, certificate: PEM, chain: PEM | None) -> ssl.SSLContext:
    """Return the context of a server with `certificate` and, if given, the `chain` up to an authority."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_alpn_protocols(["http/1.1"])
    shown = _read(certificate, "ssl_certificate")
    if chain is not None:
        shown += "\n" + _read(chain, "ca_chain")
    with ExitStack() as files:
        certificates = files.enter_context(_as_file(shown))
        private = files.enter_context(_as_file(_read(key, "private_key")))
        try:
            context.load_cert_chain(certificates, private, password=_no_password)
        except ssl.SSLError as exc:
            raise InvalidOptionError(f"private_key and ssl_certificate cannot be used together: {exc}") from exc
    return context


def _read(pem: PEM, name: str) -> str:
    """Return PEM without the non-ASCII text that may surround it (RFC 7468 §2), which OpenSSL rejects."""
    data = pem.encode("ascii", "ignore") if isinstance(pem, str) and _MARK in pem else pem
    if not isinstance(data, bytes):
        try:
            data = Path(data).read_bytes()
        except (OSError, TypeError, ValueError) as exc:
            raise InvalidOptionError(f"{name} is neither PEM nor a file that can be read: {exc}") from exc
    elif _MARK.encode() not in data:
        raise InvalidOptionError(f"{name} is not PEM, which begins with {_MARK!r}")
    return data.decode("ascii", "ignore")


@contextmanager
def _as_file(text: str) -> Iterator[str]:
    """Write a private temporary file for OpenSSL, which reads only files."""
    with TemporaryDirectory(prefix="pyws-") as folder:
        path = Path(folder, "pem")
        path.touch(0o600)
        path.write_text(text, "ascii")
        yield str(path)


def _no_password() -> str:
    raise InvalidOptionError("private_key is encrypted: decrypt it, or set tls to an SSLContext that has loaded it")
