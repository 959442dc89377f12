"""The listening socket of a server. CPython only."""

from __future__ import annotations

import errno
import socket
from typing import Any, Final

from ..errors import InvalidOptionError

BACKLOG: Final = 1024
"""How many connections may wait to be accepted."""


def given_listener(sock: socket.socket) -> socket.socket:
    """Return the program's own listening socket, made non-blocking. Raises InvalidOptionError if it does not listen."""
    if not isinstance(sock, socket.socket) or sock.fileno() < 0:
        raise InvalidOptionError(f"sock is a socket that listens, not {sock!r}")
    if sock.type != socket.SOCK_STREAM or not sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
        raise InvalidOptionError(f"sock is a stream socket that listens, not {sock!r}: call its bind() and listen()")
    sock.setblocking(False)
    return sock


def listening_socket(address: str, port: int) -> socket.socket:
    """Return a non-blocking listener; "*" is IPv6 and IPv4 where one socket can serve both."""
    if address != "*":
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        place: Any = (address, port)
        if "%" in address:  # the zone of a link-local address, which a socket takes as a number
            place = socket.getaddrinfo(address, port, family, socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)[0][4]
        listener = socket.create_server(place, family=family, backlog=BACKLOG)
    elif socket.has_dualstack_ipv6():
        listener = socket.create_server(("", port), family=socket.AF_INET6, backlog=BACKLOG, dualstack_ipv6=True)
    else:
        listener = socket.create_server(("", port), backlog=BACKLOG)
    listener.setblocking(False)
    return listener


def advice_on(number: int | None) -> str:
    """Return advice on an error of listening, after a colon, or "" for rare errors."""
    if number == errno.EADDRINUSE:
        return ": another program listens there; end it, take another port, or 0 for any that is free"
    if number == errno.EACCES:
        return ": ports below 1024 are the administrator's; take another one, such as 8765"
    if number == errno.EADDRNOTAVAIL:
        return ': this machine has no such address; bind_ip "127.0.0.1" is this machine alone, "*" every network'
    return ""
