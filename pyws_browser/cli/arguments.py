"""The arguments that commands share."""

from __future__ import annotations

import argparse
import re
import ssl
from base64 import b64encode
from getpass import getpass
from math import isnan
from typing import TYPE_CHECKING, Any, Final, NoReturn

from ..aio import InvalidURI
from ..errors import (
    InvalidHeaderError,
    InvalidOptionError,
    InvalidSubprotocolError,
    InvalidURLError,
    UntrustedCertificateError,
)
from ..protocol.rules import BLOCKED_PORTS, MAX_PORT, check_headers, check_subprotocols
from ..protocol.url import parse_url
from ..transport.native.certificates import client_context, server_context
from ..wire.proxy import parse_proxy

if TYPE_CHECKING:
    from ssl import SSLContext

_ORIGIN: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[!-.0-9:;=A-~]+")
_HOST_NAME: Final = re.compile(r"[A-Za-z0-9._-]+|\*")
_MAX_SIZE: Final = 16 * 1024 * 1024


class Parser(argparse.ArgumentParser):
    """A parser whose errors are one line, which names the problem and the help, without the usage."""

    def error(self, message: str) -> NoReturn:
        """Print the line and exit with 2."""
        self.exit(2, f"{self.prog}: {message} (see {self.prog} --help)\n")


class UsageError(Exception):
    """Input or a named file that cannot be used."""


def reason_of(exc: Exception) -> str:
    """Return the text of an exception for a terminal."""
    if isinstance(exc, ssl.SSLCertVerificationError) or isinstance(exc.__cause__, UntrustedCertificateError):
        return f"{exc}; --ca FILE trusts the certificates in a file, and -k whatever the server shows"
    if isinstance(exc, InvalidURI):
        return exc.msg
    if isinstance(exc, OSError) and exc.strerror:
        return f"{exc.filename}: {exc.strerror}" if exc.filename else exc.strerror
    return str(exc) or type(exc).__name__


def url(text: str) -> str:
    """Return a URL that a WebSocket can be opened to."""
    try:
        parse_url(text)
    except InvalidURLError as exc:
        raise argparse.ArgumentTypeError(str(exc)) from None
    return text


def header(text: str) -> tuple[str, str]:
    """Return a header given as "Name: value"."""
    if ":" not in text:  # it is not shown, for it may hold a password
        raise argparse.ArgumentTypeError("this is not a header, such as 'Name: value'")
    try:
        ((name, value),) = check_headers([text])
    except InvalidHeaderError as exc:
        raise argparse.ArgumentTypeError(str(exc)) from None
    return name, value


def origin(text: str) -> str:
    """Return a valid value of an Origin header."""
    try:
        check_headers([("Origin", text)])
    except InvalidHeaderError:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not an origin: give printable ASCII, as in https://example.com"
        ) from None
    return text


def page_origin(text: str) -> str:
    """Return an origin whose pages may connect, "null" or "*"."""
    if text not in ("*", "null") and _ORIGIN.fullmatch(text) is None:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not an origin: give scheme and host, and the port if it is not the default, as in "
            "https://example.com"
        )
    return text


def host_name(text: str) -> str:
    """Return a host name of the server, or "*"."""
    if _HOST_NAME.fullmatch(text) is None:
        raise argparse.ArgumentTypeError(f"{text!r} is not a host's name: give it without a port, as in example.com")
    return text


def proxy(text: str) -> str:
    """Return a proxy's URL."""
    try:
        parse_proxy(text)
    except InvalidOptionError:  # the text is not shown, for it may hold a password
        raise argparse.ArgumentTypeError(
            "this is not a proxy: use http://host:port, https://host:port or socks5://host:port"
        ) from None
    return text


def seconds(text: str) -> float:
    """Return a number of seconds."""
    number = float(text)
    if isnan(number):
        raise argparse.ArgumentTypeError(f"{text} is not a number of seconds")
    return number


def interval(text: str) -> float:
    """Return a number of seconds, 0 or more."""
    number = seconds(text)
    if number < 0:
        raise argparse.ArgumentTypeError(f"{text} is below 0")
    return number


def limit(text: str) -> float:
    """Return a number of seconds above 0."""
    number = seconds(text)
    if number <= 0:
        raise argparse.ArgumentTypeError(f"{text} is not above 0")
    return number


def positive(text: str) -> int:
    """Return a whole number above 0."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{number} is not above 0")
    return number


def port(text: str) -> int:
    """Return a port number to listen at, 0 for any."""
    number = int(text)
    if not 0 <= number <= MAX_PORT:
        raise argparse.ArgumentTypeError(f"{number} is not a port: ports go up to {MAX_PORT}")
    if number in BLOCKED_PORTS and number != 0:
        raise argparse.ArgumentTypeError(f"browsers refuse port {number}: listen on another one")
    return number


def add_connecting(parser: argparse.ArgumentParser, *, limited: str = "connecting") -> None:
    """Add the arguments that say how to connect; `limited` names what `--timeout` limits."""
    parser.add_argument("url", type=url, help="where to connect: ws, wss, http or https")
    parser.add_argument(
        "-s", "--subprotocol", action="append", metavar="NAME", help="offer this one; may be given again"
    )
    parser.add_argument(
        "-H", "--header", action="append", type=header, metavar="'NAME: VALUE'", help="send this one as well"
    )
    parser.add_argument("--origin", type=origin, help="the Origin header")
    parser.add_argument(
        "--auth", metavar="USER[:PASSWORD]", help="log in (HTTP Basic); without a password it is asked for"
    )
    parser.add_argument(
        "--unix", metavar="PATH", help="connect to this unix socket; the URL says the host and the path"
    )
    parser.add_argument("--cert", metavar="FILE", help="the certificate to show to the server, in PEM")
    parser.add_argument("--key", metavar="FILE", help="its key, in PEM, if the certificate's file does not have it")
    parser.add_argument("--ca", metavar="FILE", help="trust the certificates in this PEM file instead of the system's")
    parser.add_argument("-k", "--insecure", action="store_true", help="accept whatever certificate the server shows")
    parser.add_argument(
        "--proxy", type=proxy, help="the proxy to go through; as the environment says if this is left out"
    )
    parser.add_argument("--no-proxy", action="store_true", help="go through none, whatever the environment says")
    parser.add_argument("--no-compression", action="store_true", help="do not offer permessage-deflate")
    parser.add_argument(
        "--max-size",
        type=positive,
        default=_MAX_SIZE,
        metavar="BYTES",
        help="take no message that is larger, nor one that inflates to more (default: 16 MiB)",
    )
    parser.add_argument(
        "--timeout", type=limit, default=10.0, metavar="SECONDS", help=f"how long {limited} may take (default: 10)"
    )


def connecting(options: argparse.Namespace) -> dict[str, Any]:
    """Return the arguments of `aio.connect()` that were given.

    Raises ArgumentError for contradicting arguments, and UsageError for a file without a certificate.
    """
    try:
        check_subprotocols(options.subprotocol or ())
    except InvalidSubprotocolError as exc:
        raise argparse.ArgumentError(None, f"--subprotocol: {exc}") from None
    given: dict[str, Any] = {
        "subprotocols": options.subprotocol,
        "additional_headers": options.header,
        "origin": options.origin,
        "compression": None if options.no_compression else "deflate",
        "open_timeout": options.timeout,
        "max_size": options.max_size,
        "proxy": None if options.no_proxy else options.proxy or True,
    }
    if options.auth is not None:
        given["additional_headers"] = [*(options.header or ()), ("Authorization", _basic(options.auth))]
    if options.unix is not None:
        given["unix_path"] = options.unix
    if options.key and not options.cert:
        raise argparse.ArgumentError(None, "--key belongs to a --cert")
    if options.ca or options.insecure or options.cert:
        if not parse_url(options.url).secure:
            raise argparse.ArgumentError(None, "--ca, --insecure and --cert belong to a wss URL")
        given["ssl"] = _connecting_tls(options)
    return given


def _connecting_tls(options: argparse.Namespace) -> SSLContext:
    try:
        context = client_context(options.ca, verify=not options.insecure)
    except InvalidOptionError as exc:
        raise UsageError(f"--ca cannot be used: {_cause_of(exc)}") from exc
    if context is None:
        context = ssl.create_default_context()
        context.set_alpn_protocols(["http/1.1"])
    if options.cert:
        try:
            context.load_cert_chain(options.cert, options.key, password=_no_password)
        except (OSError, ValueError) as exc:
            raise UsageError(f"--cert cannot be used: {reason_of(exc)}") from exc
    return context


def _no_password() -> str:
    """Refuse to ask for a key's password; OpenSSL would ask at the terminal."""
    raise ValueError("the key is encrypted: decrypt it")


def _basic(text: str) -> str:
    """Return the Authorization header of "user:password" (RFC 7617)."""
    user, colon, password = text.partition(":")
    if not colon:
        password = getpass(f"Password of {user}: ")
    return f"Basic {b64encode(f'{user}:{password}'.encode()).decode()}"


def add_listening(parser: argparse.ArgumentParser) -> None:
    """Add the arguments that say where to listen."""
    parser.add_argument("--host", default="127.0.0.1", help="the address to listen at (default: 127.0.0.1)")
    parser.add_argument(
        "-p", "--port", type=port, default=8765, help="the port, 0 for any that is free (default: 8765)"
    )
    parser.add_argument("--certificate", metavar="FILE", help="the certificate to show, in PEM; it makes it wss")
    parser.add_argument("--key", metavar="FILE", help="its key, in PEM, if the certificate's file does not have it")


def listening_tls(options: argparse.Namespace) -> SSLContext | None:
    """Return the context of `--certificate` and `--key`.

    Raises ArgumentError for a key without a certificate, and UsageError for files that hold neither.
    """
    if not options.certificate:
        if options.key:
            raise argparse.ArgumentError(None, "--key belongs to a --certificate")
        return None
    try:
        return server_context(options.key or options.certificate, options.certificate, None)
    except InvalidOptionError as exc:
        files = "--certificate and --key" if options.key else "--certificate"
        raise UsageError(f"{files} cannot be used: {_cause_of(exc)}") from exc


def _cause_of(exc: InvalidOptionError) -> str:
    """Return why certificate or key files were rejected, in the command line's own terms."""
    cause = exc.__cause__
    if cause is None:
        return "the key is encrypted: decrypt it"
    return reason_of(cause) if isinstance(cause, OSError) else str(cause)
