"""Connecting without waiting: name look-up, then Happy Eyeballs over what it gave (RFC 8305); or a unix socket."""

from __future__ import annotations

import errno
import os
import socket
import ssl
import threading
import time
from math import inf
from typing import TYPE_CHECKING, Final, TypeAlias, cast

from ...errors import ConnectError, InvalidOptionError, NameResolutionError
from ...protocol.url import is_loopback

if TYPE_CHECKING:
    from collections.abc import Callable

SocketAddress: TypeAlias = tuple[str, int] | tuple[str, int, int, int]
"""An address as sockets take it; the last number of an IPv6 one is its scope, the interface of a link-local address."""
Address: TypeAlias = tuple[socket.AddressFamily, SocketAddress]

ATTEMPT_DELAY: Final = 0.25
"""Seconds until the next address is tried beside the ones before (RFC 8305 §5)."""

QUEUE_DELAY: Final = 0.01
"""Seconds until a unix socket with a full queue is tried again."""

_IN_PROGRESS: Final = (errno.EINPROGRESS, errno.EWOULDBLOCK, errno.EAGAIN)
_LOOPBACK: Final = ((socket.AF_INET6, "::1"), (socket.AF_INET, "127.0.0.1"))


class Dialler:
    """Connects a TCP socket to a host; `poll()` it until it returns that socket.

    `family` is that of the addresses to be tried, 0 for any; `local_addr` is bound to before each attempt. The next
    address is tried after `attempt_delay` seconds, 0 for `ATTEMPT_DELAY`; `lookup_flags` are for the resolver.
    """

    def __init__(
        self,
        host: str,
        port: int,
        on_resolved: Callable[[], None],
        *,
        family: int = 0,
        local_addr: tuple[str, int] | None = None,
        attempt_delay: float = 0.0,
        lookup_flags: int = 0,
    ) -> None:
        self._host = host
        self._port = port
        self._on_resolved = on_resolved
        self._addresses: list[Address] | None = None
        self._resolve_error: OSError | ValueError | None = None
        self._unknown_host = ""
        self._attempts: list[socket.socket] = []
        self._failures: list[str] = []
        self._codes: set[int] = set()
        self._next_attempt = 0.0
        self._family = family
        self._attempt_delay = attempt_delay or ATTEMPT_DELAY
        self._lookup_flags = lookup_flags
        self._local_addr = local_addr
        self._local_addresses: list[Address] = []
        known = _addresses_without_lookup(host, port)
        known_here = [] if local_addr is None else _own_addresses_without_lookup(*local_addr)
        if known is not None and known_here is not None:
            self._addresses = [address for address in known if family in (0, address[0])]
            self._local_addresses = known_here
        else:
            # In a thread: the system's resolver blocks, and a poll may not.
            threading.Thread(target=self._resolve, name=f"resolve {host}", daemon=True).start()

    def poll(self) -> socket.socket | None:
        """Return the connected, non-blocking socket, or None while it is pending.

        Raises NameResolutionError or ConnectError when nothing is left to try.
        """
        if self._resolve_error is not None:
            reason = getattr(self._resolve_error, "strerror", None) or str(self._resolve_error)
            raise NameResolutionError(f"{self._unknown_host} has no address: {reason}") from self._resolve_error
        if self._addresses is None:
            return None
        while True:
            for attempt in self._attempts:
                if self._is_connected(attempt):
                    self._attempts.remove(attempt)
                    self.close()
                    return attempt
            if not self._addresses and not self._attempts:
                reasons = (
                    "; ".join(dict.fromkeys(self._failures)) or "it has no address of the family that was asked for"
                )
                problem = ConnectError(f"nothing answers at {self._host}:{self._port}: {reasons}")
                code = self._codes.pop() if len(self._codes) == 1 else errno.EHOSTUNREACH
                raise problem from OSError(code, os.strerror(code))
            if not self._addresses or (self._attempts and time.monotonic() < self._next_attempt):
                return None
            self._start_attempt(*self._addresses.pop(0))

    @property
    def filenos(self) -> tuple[int, ...]:
        """The descriptors of which one becomes writable when `poll()` has work."""
        return tuple(attempt.fileno() for attempt in self._attempts)

    @property
    def next_attempt(self) -> float:
        """When `poll()` tries another address, in `time.monotonic()`'s seconds."""
        return self._next_attempt if self._addresses and self._attempts else inf

    def close(self) -> None:
        """Give up; does nothing after the end."""
        for attempt in self._attempts:
            attempt.close()
        self._attempts = []
        self._addresses = []

    def _resolve(self) -> None:
        host = self._host
        try:
            addresses = _interleave(_look_up(host, self._port, self._family, self._lookup_flags))
            if self._local_addr is not None:
                host = self._local_addr[0]
                self._local_addresses = _look_up(*self._local_addr)
            self._addresses = addresses
        except (OSError, ValueError) as exc:  # a name with an empty label, or a label that is too long
            self._unknown_host = host
            self._resolve_error = exc.with_traceback(None)  # whose frame is this one
        self._on_resolved()

    def _start_attempt(self, family: socket.AddressFamily, address: SocketAddress) -> None:
        self._next_attempt = time.monotonic() + self._attempt_delay
        try:
            attempt = socket.socket(family, socket.SOCK_STREAM)
        except OSError as exc:  # for example, no IPv6 here
            self._failures.append(f"{address[0]}: {exc.strerror}")
            return
        attempt.setblocking(False)
        self._attempts.append(attempt)
        if self._local_addr is not None:
            try:
                self._bind(attempt)
            except OSError as exc:
                self._drop(attempt, exc.errno or errno.EADDRNOTAVAIL, f"{self._local_addr[0]}: {exc.strerror}")
                return
        code = attempt.connect_ex(address)
        if code not in (0, *_IN_PROGRESS):
            self._drop(attempt, code, f"{address[0]}: {os.strerror(code)}")

    def _bind(self, attempt: socket.socket) -> None:
        for family, address in self._local_addresses:
            if family == attempt.family:
                attempt.bind(address)
                return
        raise OSError(errno.EADDRNOTAVAIL, os.strerror(errno.EADDRNOTAVAIL))

    def _is_connected(self, attempt: socket.socket) -> bool:
        code = attempt.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if code:
            self._drop(attempt, code, os.strerror(code))
            return False
        try:
            attempt.getpeername()
        except OSError:  # ENOTCONN: still pending
            return False
        return True

    def _drop(self, attempt: socket.socket, code: int, problem: str) -> None:
        self._codes.add(code)
        self._attempts.remove(attempt)
        self._failures.append(problem)
        attempt.close()
        self._next_attempt = 0.0  # a failure lets the next one start at once


class UnixDialler:
    """Connects to a unix socket, in the shape of `Dialler`."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._sock: socket.socket | None = None

    def poll(self) -> socket.socket | None:
        """Return the connected, non-blocking socket, or None if the listener's queue is full.

        Raises ConnectError if nothing listens there.
        """
        if not hasattr(socket, "AF_UNIX"):
            raise ConnectError("this system has no unix sockets: connect to a port")
        if self._sock is None:
            self._sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            self._sock.setblocking(False)
        try:
            self._sock.connect(self._path)
        except (BlockingIOError, InterruptedError):
            return None
        except (OSError, ValueError) as exc:  # a path with a NUL, or too long
            reason = getattr(exc, "strerror", None) or str(exc)
            raise ConnectError(f"nothing answers at the unix socket {self._path}: {reason}") from exc
        sock, self._sock = self._sock, None
        return sock

    @property
    def filenos(self) -> tuple[int, ...]:
        """None: no descriptor shows that the listener's queue has room."""
        return ()

    @property
    def next_attempt(self) -> float:
        """A moment from now, as long as that queue is full."""
        return time.monotonic() + QUEUE_DELAY if self._sock is not None else inf

    def close(self) -> None:
        """Give up; does nothing after the end."""
        if self._sock is not None:
            self._sock.close()
            self._sock = None


class GivenSocket:
    """Has a socket already, in the shape of `Dialler`.

    Raises InvalidOptionError if `sock` is not a connected stream socket, and leaves it as it was.
    """

    def __init__(self, sock: socket.socket) -> None:
        if not isinstance(sock, socket.socket) or isinstance(sock, ssl.SSLSocket) or sock.type != socket.SOCK_STREAM:
            raise InvalidOptionError(f"sock is a plain stream socket, on which TLS is begun here, not {sock!r}")
        try:
            sock.getpeername()
        except OSError as exc:
            raise InvalidOptionError(f"sock is not connected: {exc.strerror}") from exc
        self._sock: socket.socket | None = sock

    def poll(self) -> socket.socket | None:
        """Return the socket."""
        sock, self._sock = self._sock, None
        return sock

    @property
    def filenos(self) -> tuple[int, ...]:
        """None: there is nothing to wait for."""
        return ()

    @property
    def next_attempt(self) -> float:
        """Never."""
        return inf

    def close(self) -> None:
        """Close the socket if it was not taken."""
        if self._sock is not None:
            self._sock.close()
            self._sock = None


def _addresses_without_lookup(host: str, port: int) -> list[Address] | None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        if "%" in host:
            return _look_up(host, port, family, socket.AI_NUMERICHOST)
        socket.inet_pton(family, host)
    except OSError:
        if is_loopback(host):  # a name that is never resolved over the network (RFC 6761 §6.3)
            return [(family, (address, port)) for family, address in _LOOPBACK]
        return None
    return [(family, (host, port))]


def _own_addresses_without_lookup(host: str, port: int) -> list[Address] | None:
    if not host:
        return [(socket.AF_INET6, ("::", port)), (socket.AF_INET, ("", port))]
    return _addresses_without_lookup(host, port)


def _look_up(host: str, port: int, family: int = 0, flags: int = 0) -> list[Address]:
    found = socket.getaddrinfo(host, port, family=family, type=socket.SOCK_STREAM, flags=flags)
    return [(kind, cast(SocketAddress, address)) for kind, _, _, _, address in found]


def _interleave(addresses: list[Address]) -> list[Address]:
    """Take the families in turn, beginning with the one the system put first (RFC 8305 §4)."""
    unique = list(dict.fromkeys(addresses))
    first = [address for address in unique if address[0] == unique[0][0]]
    others = [address for address in unique if address[0] != unique[0][0]]
    mixed = [address for pair in zip(first, others, strict=False) for address in pair]
    rest = max(first, others, key=len)[min(len(first), len(others)) :]
    return mixed + rest
