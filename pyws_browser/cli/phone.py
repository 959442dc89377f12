"""An address that a phone in the same network can use, and its QR code."""

from __future__ import annotations

import socket
import sys
from typing import Final

from .arguments import UsageError

EVERY_ADDRESS: Final = frozenset({"0.0.0.0", "::"})  # noqa: S104  they are compared with
"""Addresses that stand for all interfaces; no machine can connect to them."""

_ELSEWHERE: Final = ("192.0.2.1", 9)
"""An address for documentation (RFC 5737): the route to it shows this machine's address. Nothing is sent."""


def address_in_network() -> str | None:
    """Return this machine's address in its network, None without a network."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        try:
            sock.connect(_ELSEWHERE)
        except OSError:
            return None
        return str(sock.getsockname()[0])


def check_code() -> None:
    """Raise UsageError if the library for QR codes is not installed."""
    try:
        import qrcode  # noqa: F401
    except ImportError as exc:
        raise UsageError('--qr needs a library: pip install "pyws-browser[qr]"') from exc


def show_code(url: str) -> None:
    """Print the QR code of a URL to the standard error."""
    import qrcode

    code = qrcode.QRCode(border=1)
    code.add_data(url)
    code.print_ascii(out=sys.stderr, invert=sys.stderr.isatty())
    sys.stderr.flush()
