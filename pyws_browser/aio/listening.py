"""Listening sockets, and accepting connections on any event loop. CPython only."""

from __future__ import annotations

import asyncio
import os
import socket
import stat
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from warnings import warn

from ..errors import InvalidOptionError
from .pump import has_add_reader

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    Accepted = Callable[[socket.socket, Any], object]

BACKLOG: Final = 1024
"""The backlog: with asyncio's own 100, many clients at once wait a second or more."""

_PER_TURN: Final = 64
"""How many connections are accepted before the event loop runs again."""

_SHORTAGE_PAUSE: Final = 1.0
"""Seconds without accepting when the process has no descriptors left."""


class Binding(NamedTuple):
    """How to listen: the arguments of `loop.create_server()` besides host and port, which mean the same there."""

    family: int = socket.AF_UNSPEC
    flags: int = socket.AI_PASSIVE
    backlog: int = BACKLOG
    reuse_address: bool = os.name == "posix" and sys.platform != "cygwin"
    reuse_port: bool = False
    keep_alive: bool = False

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> Binding:
        """Return what is `given`, the rest as asyncio has it; raises InvalidOptionError for a bad value."""
        binding = cls(**{name: given[name] for name in cls._fields if given.get(name) is not None})
        for name in ("family", "flags", "backlog"):
            if not isinstance(getattr(binding, name), int):
                raise InvalidOptionError(f"{name} is an int, not {getattr(binding, name)!r}")
        if binding.reuse_port and not hasattr(socket, "SO_REUSEPORT"):
            raise InvalidOptionError("reuse_port is not supported by this platform: leave it out")
        return binding


async def bound_sockets(host: str | Sequence[str] | None, port: int | None, binding: Binding) -> list[socket.socket]:
    """Return sockets that are bound as `loop.create_server()` binds them.

    `host` None or "" stands for all addresses, port 0 or None for a free port for each address. Raises OSError.
    """
    loop = asyncio.get_running_loop()
    hosts = [host or None] if host is None or isinstance(host, str) else list(host)
    found: dict[tuple[Any, ...], None] = {}
    for name in hosts:
        try:
            if name is not None and "%" in name:  # an address with a zone, which uvloop's own look-up drops
                flags = binding.flags | socket.AI_NUMERICHOST
                addresses = socket.getaddrinfo(name, port or 0, binding.family, socket.SOCK_STREAM, 0, flags)
            else:
                addresses = await loop.getaddrinfo(
                    name, port or 0, family=binding.family, type=socket.SOCK_STREAM, flags=binding.flags
                )
        except socket.gaierror as exc:
            raise socket.gaierror(exc.errno, f"cannot listen at {name}: {exc.strerror}") from exc
        except UnicodeError as exc:  # for example, a label is longer than 63 characters
            raise socket.gaierror(socket.EAI_NONAME, f"cannot listen at {name}: it is not a host name") from exc
        for family, kind, protocol, _, address in addresses:
            found[family, kind, protocol, address] = None
    sockets: list[socket.socket] = []
    try:
        for family, kind, protocol, address in found:
            sock = _bound(family, kind, protocol, address, binding)
            if sock is not None:
                sockets.append(sock)
        if not sockets:
            raise OSError(f"cannot listen at {host!r}: the system has none of its address families")
    except OSError:
        for sock in sockets:
            sock.close()
        raise
    return sockets


def unix_socket(path: str | bytes) -> socket.socket:
    """Return a socket bound to `path`, and replace the one that a dead server left there. Raises OSError.

    `loop.create_unix_server()` does the same; a path that begins with a NUL names no file (unix(7), "abstract").
    """
    is_file = path[:1] not in ("\0", b"\0")
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        with suppress(FileNotFoundError):
            if is_file and stat.S_ISSOCK(os.stat(path).st_mode):
                os.remove(path)
        sock.bind(path)
    except OSError:
        sock.close()
        raise
    return sock


class SocketFile:
    """The file of a unix socket, to be removed when its server has closed, unless another server has replaced it."""

    def __init__(self, sock: socket.socket) -> None:
        name = sock.getsockname()
        is_file = isinstance(name, (str, bytes)) and name[:1] not in ("", b"", "\0", b"\0")
        self._path: str | bytes = name if is_file else ""
        self._inode = os.stat(self._path).st_ino if self._path else 0

    def remove(self) -> None:
        """Remove it, if it is there still."""
        with suppress(FileNotFoundError):
            if self._path and os.stat(self._path).st_ino == self._inode:
                os.remove(self._path)


class Listener:
    """Accepts connections at one socket, which it owns, and hands them on."""

    def __init__(self, sock: socket.socket, loop: asyncio.AbstractEventLoop, accepted: Accepted) -> None:
        sock.setblocking(False)
        self.sock = sock
        self._loop = loop
        self._accepted = accepted
        self._task: asyncio.Task[None] | None = None
        self._pause: asyncio.TimerHandle | None = None
        self._has_add_reader = has_add_reader(loop)

    def start(self) -> None:
        """Begin to accept."""
        self._pause = None
        if self._has_add_reader:
            self._loop.add_reader(self.sock.fileno(), self._accept)
        else:
            self._task = self._loop.create_task(self._accept_one_by_one())

    def close(self) -> None:
        """Stop accepting, and free the socket."""
        if self._task is not None:
            self._task.cancel()
        elif self._pause is not None:
            self._pause.cancel()
        elif self._has_add_reader and self.sock.fileno() >= 0:
            self._loop.remove_reader(self.sock.fileno())
        self.sock.close()

    def _accept(self) -> None:
        for _ in range(_PER_TURN):
            try:
                sock, address = self.sock.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as exc:
                self._loop.remove_reader(self.sock.fileno())
                self._warn(exc)
                self._pause = self._loop.call_later(_SHORTAGE_PAUSE, self.start)
                return
            self._accepted(sock, address)

    async def _accept_one_by_one(self) -> None:
        while True:
            try:
                sock, address = await self._loop.sock_accept(self.sock)
            except OSError as exc:
                self._warn(exc)
                await asyncio.sleep(_SHORTAGE_PAUSE)
            else:
                self._accepted(sock, address)

    def _warn(self, exc: OSError) -> None:
        warn(f"cannot accept another connection now: {exc.strerror}", ResourceWarning, stacklevel=3)


def _bound(family: int, kind: int, protocol: int, address: Any, binding: Binding) -> socket.socket | None:
    try:
        sock = socket.socket(family, kind, protocol)
    except OSError:  # the resolver knows a family that the kernel does not
        return None
    try:
        if binding.reuse_address:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, True)
        if binding.reuse_port:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, True)
        if binding.keep_alive:  # which each accepted socket has from this one
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, True)
        if family == socket.AF_INET6:  # IPv4 has a socket of its own
            with suppress(OSError):
                sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, True)
        sock.bind(address)
    except OSError as exc:
        sock.close()
        raise OSError(exc.errno, f"cannot listen at {address[0]}, port {address[1]}: {exc.strerror}") from exc
    return sock
