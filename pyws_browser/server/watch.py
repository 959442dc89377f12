"""Everything a server waits for: its listener, the sockets and deadlines of its connections, and watched objects.

The cost of a look grows with the active connections, not with all of them.

An idle connection takes 3.9 KiB, with compression 4.2 KiB: it keeps neither its last read nor its handshake, whose
extension holds 300 KiB of zlib's, nor empty deques, which take 760 bytes each.
"""

from __future__ import annotations

import select
import selectors
import socket
from functools import partial
from heapq import heapify, heappop, heappush
from math import inf
from threading import RLock
from time import monotonic
from typing import TYPE_CHECKING, Any, Final, Generic, Protocol, TypeVar
from weakref import ref

_LONGEST_WAIT: Final = 3600.0
"""The longest wait to ask of a selector in seconds; some refuse much longer ones."""

_MANY: Final = 64
"""How many outdated deadlines are kept, besides as many as there are connections."""

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..transport.native.transport import NativeTransport


class Watchable(Protocol):
    """A watched connection; the fields that `Watch` sets begin as -1, 0 and infinity."""

    fd: int
    """The registered descriptor, -1 for none."""
    interest: int
    """What the selector watches for."""
    due: float
    """The current deadline."""
    id: int

    @property
    def transport(self) -> NativeTransport:
        """The transport."""


W = TypeVar("W", bound=Watchable)


class Watch(Generic[W]):
    """Tells which connections have work to do, and whether a client waits to be accepted."""

    def __init__(self, listener: socket.socket) -> None:
        self._listener = listener
        self._selector = selectors.DefaultSelector()
        self._by_fd: dict[int, W] = {}
        self._held_back: dict[int, W] = {}
        self._restless: set[int] = set()
        self._by_id: dict[int, W] = {}
        # A heap of deadlines and ids, which keeps no connection alive; an entry is valid if its connection still has
        # that deadline.
        self._due: list[tuple[float, int]] = []
        self._rest_until = 0.0
        # Connections that are not read, because the program fetches nothing: another epoll within the selector watches
        # for their end. On systems other than Linux the end is seen when the program fetches.
        self._leaving = select.epoll() if hasattr(select, "epoll") else None
        if self._leaving is not None:
            self._selector.register(self._leaving, selectors.EVENT_READ)
        self._selector.register(listener, selectors.EVENT_READ)
        self.ready: list[Callable[[], object]] = []
        """The callbacks of readable descriptors of the program; the caller of `look()` empties it."""
        self._near, self._far = socket.socketpair()
        self._near.setblocking(False)
        self._far.setblocking(False)
        self._lock = RLock()  # a signal handler may wake as well
        self._is_woken = False
        self._selector.register(self._near, selectors.EVENT_READ)  # a method of this object would be a reference cycle

    @property
    def fd(self) -> int:
        """The descriptor of the selector, which is readable when a socket is ready; -1 where it has none."""
        fileno = getattr(self._selector, "fileno", None)
        return -1 if fileno is None else int(fileno())

    def watch(self, fd: int, callback: Callable[[], object]) -> None:
        """Add `callback` to `ready` whenever a descriptor is readable."""
        self._selector.register(fd, selectors.EVENT_READ, callback)

    def unwatch(self, fd: int) -> None:
        """Undo `watch()`."""
        self._selector.unregister(fd)

    def wake(self) -> None:
        """Let `wait()` return; any thread may call it."""
        with self._lock:
            if not self._is_woken and self._far.fileno() >= 0:
                self._is_woken = True
                self._far.send(b"\0")

    def _note_wake(self) -> None:
        with self._lock:
            self._is_woken = False
            self._near.recv(16)

    def close(self) -> None:
        """Stop watching."""
        for connection in self._by_fd.values():
            connection.interest = 0
            connection.fd = -1
        self._selector.close()
        with self._lock:
            self._near.close()
            self._far.close()
        if self._leaving is not None:
            self._leaving.close()
        for registry in (self._by_fd, self._by_id, self._held_back, self._restless, self._due):
            registry.clear()

    def __del__(self) -> None:
        if hasattr(self, "_is_woken"):  # or the constructor raised
            self.close()  # Python's selectors refer to themselves

    def disturb(self, id_: int) -> None:
        """Request a look at a connection."""
        self._restless.add(id_)

    def add(self, connection: W) -> Callable[[], None]:
        """Add a connection; return the function that requests a look at it.

        The transport gets functions that do not refer to the connection, because that refers to the transport.
        """
        self._by_id[connection.id] = connection
        disturb = partial(self._restless.add, connection.id)
        connection.transport.set_wakeup(disturb)
        connection.transport.on_release = partial(_release, ref(self), connection.id)
        return disturb

    def release(self, id_: int) -> None:
        """Stop watching a connection: its socket is about to be closed.

        Afterwards it would be too late. Another socket may get the same descriptor at once, and if a child process has
        a copy of it, epoll goes on reporting it and cannot be stopped.
        """
        connection = self._by_id.get(id_)
        if connection is None:
            return
        self._hold_back(connection, False)
        self._watch(connection, 0)
        self._by_fd.pop(connection.fd, None)
        connection.fd = -1
        self._restless.add(connection.id)

    def rest(self, seconds: float) -> None:
        """Ignore the listener for a while: nothing can be accepted now."""
        if not self._rest_until:
            self._selector.unregister(self._listener)
        self._rest_until = monotonic() + seconds

    def look(self) -> tuple[dict[int, W], bool]:
        """Return the connections with work to do, by id, and whether a client waits to be accepted."""
        active: dict[int, W] = {}
        if self._restless:  # rare; an unconditional comprehension would cost a fifth of an idle poll
            active = {id_: self._by_id[id_] for id_ in self._restless if id_ in self._by_id}
            self._restless.clear()
        is_knocking = False
        for key, _ in self._selector.select(0):
            connection = self._by_fd.get(key.fd)
            if connection is not None:
                active[connection.id] = connection
            elif key.fileobj is self._listener:
                is_knocking = True
            elif key.fileobj is self._near:
                self._note_wake()
            elif key.data is None:
                self._let_leave(active)
            else:
                self.ready.append(key.data)
        now = monotonic()
        while self._due and self._due[0][0] <= now:
            due, id_ = heappop(self._due)
            connection = self._by_id.get(id_)
            if connection is not None and connection.due == due and connection.fd >= 0:
                connection.due = inf
                active[id_] = connection
        if self._rest_until and self._rest_until <= now:
            self._rest_until = 0.0
            self._selector.register(self._listener, selectors.EVENT_READ)
            is_knocking = True
        return active, is_knocking

    def wait(self, timeout: float) -> bool:
        """Sleep until there is work to do, at most `timeout` seconds; tell whether there is."""
        if self._restless:
            return True
        end = min(self._due[0][0] if self._due else inf, self._rest_until or inf)
        over = monotonic() + min(timeout, 1e15)  # not all whole numbers are floats
        while True:
            now = monotonic()
            seconds = max(min(over, end) - now, 0)
            if self._selector.select(min(seconds, _LONGEST_WAIT)) or end <= now:
                return True
            if seconds <= _LONGEST_WAIT:
                return end <= monotonic()

    def update(self, connection: W) -> None:
        """Update what a connection waits for; remove one that has ended."""
        transport = connection.transport
        if transport.close_status is not None:
            self._by_id.pop(connection.id, None)
            self._restless.discard(connection.id)
            return
        self._hold_back(connection, transport.is_held_back)
        self._watch(connection, _interest_of(transport))
        if transport.deadline != connection.due:
            connection.due = transport.deadline
            if connection.due != inf:
                heappush(self._due, (connection.due, connection.id))
                if len(self._due) > 2 * len(self._by_id) + _MANY:
                    self._drop_past_deadlines()

    def _drop_past_deadlines(self) -> None:
        """Remove outdated deadlines from the heap."""
        self._due = [(known.due, id_) for id_, known in self._by_id.items() if known.due != inf]
        heapify(self._due)

    def _let_leave(self, active: dict[int, W]) -> None:
        assert self._leaving is not None  # noqa: S101
        for fd, _ in self._leaving.poll(0):
            connection = self._held_back.get(fd)
            if connection is not None:
                connection.transport.let_leave()
                active[connection.id] = connection

    def _hold_back(self, connection: W, is_held_back: bool) -> None:
        """Watch for the end of a connection that is not read; `EPOLLONESHOT` reports it once."""
        if self._leaving is None or is_held_back == (connection.fd in self._held_back):
            return
        if is_held_back:
            self._held_back[connection.fd] = connection
            self._leaving.register(connection.fd, select.EPOLLRDHUP | select.EPOLLONESHOT)
        else:
            del self._held_back[connection.fd]
            self._leaving.unregister(connection.fd)

    def _watch(self, connection: W, interest: int) -> None:
        if interest == connection.interest:
            return
        if not connection.interest:
            self._by_fd[connection.fd] = connection
            self._selector.register(connection.fd, interest)
        elif interest:
            self._selector.modify(connection.fd, interest)
        else:
            self._selector.unregister(connection.fd)
        connection.interest = interest


def _interest_of(transport: NativeTransport) -> int:
    interest = 0 if transport.is_held_back else selectors.EVENT_READ
    return interest | (selectors.EVENT_WRITE if transport.wants_write else 0)


def _release(watch: ref[Watch[Any]], id_: int) -> None:
    alive = watch()
    if alive is not None:
        alive.release(id_)
