"""The arguments that commands share."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from ..aio import InvalidURI
from ..certificates import client_context, server_context
from ..errors import InvalidHeaderError
from ..rules import MAX_PORT, check_headers

if TYPE_CHECKING:
    from ssl import SSLContext


class UsageError(Exception):
    """What somebody typed cannot be understood."""


def reason_of(exc: Exception) -> str:
    """Return what an exception says to somebody at a terminal."""
    if isinstance(exc, InvalidURI):
        return exc.msg
    if isinstance(exc, OSError) and exc.strerror:
        return f"{exc.filename}: {exc.strerror}" if exc.filename else exc.strerror
    return str(exc) or type(exc).__name__


def header(text: str) -> tuple[str, str]:
    """Return a header given as "Name: value"."""
    if ":" not in text:
        raise argparse.ArgumentTypeError(f"{text!r} is no header, such as 'Name: value'")
    try:
        ((name, value),) = check_headers([text])
    except InvalidHeaderError as exc:
        raise argparse.ArgumentTypeError(str(exc)) from None
    return name, value


def positive(text: str) -> int:
    """Return a whole number above 0."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{number} is not above 0")
    return number


def port(text: str) -> int:
    """Return the number of a port."""
    number = int(text)
    if not 0 <= number <= MAX_PORT:
        raise argparse.ArgumentTypeError(f"{number} is no port: they go up to {MAX_PORT}")
    return number


def add_connecting(parser: argparse.ArgumentParser) -> None:
    """Add what says how to connect."""
    parser.add_argument("url", help="where to connect: ws, wss, http or https")
    parser.add_argument(
        "-s", "--subprotocol", action="append", metavar="NAME", help="offer this one; may be given again"
    )
    parser.add_argument(
        "-H", "--header", action="append", type=header, metavar="'NAME: VALUE'", help="send this one as well"
    )
    parser.add_argument("--origin", help="the Origin header")
    parser.add_argument("--ca", metavar="FILE", help="trust the certificates in this PEM file instead of the system's")
    parser.add_argument("-k", "--insecure", action="store_true", help="accept whatever certificate the server shows")
    parser.add_argument("--proxy", help="the proxy to go through; as the environment says if this is left out")
    parser.add_argument("--no-proxy", action="store_true", help="go through none, whatever the environment says")
    parser.add_argument("--no-compression", action="store_true", help="do not offer permessage-deflate")
    parser.add_argument(
        "--timeout", type=float, default=10.0, metavar="SECONDS", help="how long connecting may take (default: 10)"
    )


def connecting(options: argparse.Namespace) -> dict[str, Any]:
    """Return the arguments of `aio.connect()` that were given; raises OSError for a file that cannot be read."""
    given: dict[str, Any] = {
        "subprotocols": options.subprotocol,
        "additional_headers": options.header,
        "origin": options.origin,
        "compression": None if options.no_compression else "deflate",
        "open_timeout": options.timeout,
        "proxy": None if options.no_proxy else options.proxy or True,
    }
    if options.ca or options.insecure:
        given["ssl"] = client_context(options.ca, verify=not options.insecure)
    return given


def add_listening(parser: argparse.ArgumentParser) -> None:
    """Add what says where to listen."""
    parser.add_argument("--host", default="127.0.0.1", help="the address to listen at (default: 127.0.0.1)")
    parser.add_argument(
        "-p", "--port", type=port, default=8765, help="the port, 0 for any that is free (default: 8765)"
    )
    parser.add_argument("--certificate", metavar="FILE", help="the certificate to show, in PEM; it makes it wss")
    parser.add_argument("--key", metavar="FILE", help="its key, in PEM, if the certificate's file does not have it")


def listening_tls(options: argparse.Namespace) -> SSLContext | None:
    """Return the context of `--certificate` and `--key`; raises InvalidOptionError for files that are no such.

    Raises UsageError for a key without a certificate.
    """
    if not options.certificate:
        if options.key:
            raise UsageError("--key belongs to a --certificate")
        return None
    return server_context(options.key or options.certificate, options.certificate, None)
