"""Polling one transport for all threads of a program. CPython only.

One lock guards the transport. Of the threads that wait for something one leads: it polls, and sleeps until the kernel
has something. The others wait until it has. While no thread of the program waits, a thread in the background leads, so
that pings are answered and messages taken in. A program that calls again and again leads by itself, without a change of
threads for each message: the one in the background takes over after `LEASE` only.
"""

from __future__ import annotations

import select
import socket
import threading
from contextlib import suppress
from math import inf
from time import monotonic, sleep
from typing import TYPE_CHECKING, Final

from ..errors import NotConnectedError
from ..protocol.vocabulary import CLOSED
from ..transport.native import NativeTransport

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType
    from typing import Self

    from ..transport.base import Transport

LEASE: Final = 0.02
"""Seconds for which the transport is left to a thread of the program after its last call."""

_LONGEST_SLEEP: Final = 3600.0
_MOMENT: Final = 0.01
"""Seconds between two looks at what has no descriptor: a name look-up, or a connection in memory."""


class Driver:
    """Guards and polls `transport`; as a context manager it is the lock.

    `after_poll` is called with the lock after each poll.
    """

    def __init__(self, transport: Transport) -> None:
        self.after_poll: Callable[[], None] | None = None
        self._transport = transport
        self._native = transport if isinstance(transport, NativeTransport) else None
        self._lock = threading.Lock()
        self._changed = threading.Condition(self._lock)
        self._unused = threading.Condition(self._lock)
        self._alarm = _Alarm()
        self._has_leader = False
        self._waiting = 0
        self._used_at = 0.0
        self._is_background_asleep = False
        self._is_abandoned = False
        transport.set_wakeup(self._alarm.ring)

    def __enter__(self) -> Self:
        self._lock.acquire()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._lock.release()

    def start(self) -> None:
        """Have a thread poll while the program does not; a transport in memory is its other side's thread's too."""
        if self._native is not None:
            threading.Thread(target=self._run, name=f"{self._transport.url.shown}", daemon=True).start()

    def abandon(self) -> None:
        """Have the thread in the background cut the connection: no thread of the program refers to it any more.

        It takes no lock, since the collector of garbage may call it within any code.
        """
        self._is_abandoned = True
        self._alarm.ring()

    def wake(self) -> None:
        """Have the leader poll: something changed that no descriptor shows. The lock is held."""
        self._alarm.ring()

    def notify(self) -> None:
        """Have every waiting thread look again. The lock is held."""
        if self._waiting:
            self._changed.notify_all()

    def wait(self, condition: Callable[[], object], timeout: float | None = None) -> bool:
        """Wait, with the lock, until `condition()`; return False if that is not so within `timeout` seconds."""
        if condition():
            return True
        end = inf if timeout is None else monotonic() + timeout
        while True:
            if self._has_leader:
                left = end - monotonic()
                if left <= 0:
                    return False
                self._waiting += 1
                try:
                    self._changed.wait(None if left == inf else left)
                finally:
                    self._waiting -= 1
                if condition():
                    return True
                continue
            self._has_leader = True
            try:
                while True:
                    self._poll()
                    if condition():
                        return True
                    left = end - monotonic()
                    if left <= 0:
                        return False
                    self._sleep(left)
            finally:
                self._has_leader = False
                self._used_at = monotonic()
                self.notify()
                if self._is_background_asleep:
                    self._unused.notify()

    def _poll(self) -> None:
        self._alarm.is_set = False
        self._transport.poll()
        if self.after_poll is not None:
            self.after_poll()
        if self._waiting:
            self._changed.notify_all()
        if self._transport.ready_state is CLOSED:
            self._alarm.close()

    def _run(self) -> None:
        """Lead while no thread of the program does, until the connection is closed."""
        with self._lock:
            seen = -1.0
            while self._transport.ready_state is not CLOSED:
                if self._is_abandoned:
                    self._transport.abort()
                    break
                if self._has_leader:
                    # One that has led since the last look may wait for long: it notifies then.
                    self._is_background_asleep = seen == self._used_at
                    seen = self._used_at
                    self._unused.wait(None if self._is_background_asleep else LEASE)
                    self._is_background_asleep = False
                    continue
                left = self._used_at + LEASE - monotonic()
                if left > 0:
                    self._unused.wait(left)
                    continue
                self._lead_once()
            self.notify()
            self._alarm.close()

    def _lead_once(self) -> None:
        self._has_leader = True
        try:
            self._poll()
            if self._transport.ready_state is not CLOSED and not self._waiting:
                self._sleep(inf)
                if not self._is_abandoned:
                    self._poll()
        finally:
            self._has_leader = False
            if self._waiting:  # who leads by itself from now on
                self._used_at = monotonic()
                self._changed.notify_all()

    def _sleep(self, seconds: float) -> None:
        """Wait, without the lock, until the kernel or another thread has something, or a time limit is over."""
        native = self._native
        if native is None:
            self._release_for(sleep, min(seconds, _MOMENT))
            return
        seconds = max(0.0, min(seconds, native.deadline - monotonic(), _LONGEST_SLEEP))
        reading, writing = _descriptors(native)
        if not reading and not writing:
            seconds = min(seconds, _MOMENT)
        if native.is_held_back:
            reading = []
            if native.can_resume:
                return
        self._alarm.is_awaited = True
        try:
            if self._alarm.is_set:
                self._release_for(sleep, 0)  # others have their turn with the lock
            else:
                self._release_for(_select, [*reading, self._alarm.fileno()], writing, seconds)
        finally:
            self._alarm.is_awaited = False
            if self._alarm.is_set:
                self._alarm.drain()

    def _release_for(self, function: Callable[..., object], *arguments: object) -> None:
        self._lock.release()
        try:
            function(*arguments)
        finally:
            self._lock.acquire()


class _Alarm:
    """Wakes a thread that sleeps in `select`; the transport calls `ring()`, in any thread, with the lock or without."""

    def __init__(self) -> None:
        self.is_set = False
        self.is_awaited = False
        self._reader, self._writer = socket.socketpair()
        self._reader.setblocking(False)
        self._writer.setblocking(False)

    def ring(self) -> None:
        """Wake it, or keep it from going to sleep."""
        self.is_set = True
        if self.is_awaited:
            with suppress(OSError):  # it is full, which wakes as well, or closed
                self._writer.send(b"\0")

    def fileno(self) -> int:
        """Return the descriptor that becomes readable."""
        return self._reader.fileno()

    def drain(self) -> None:
        """Forget what rang."""
        with suppress(OSError):
            self._reader.recv(4096)

    def close(self) -> None:
        """Free the descriptors; nobody sleeps."""
        self._reader.close()
        self._writer.close()


def _descriptors(transport: NativeTransport) -> tuple[list[int], list[int]]:
    try:
        descriptor = transport.fileno()
    except NotConnectedError:
        return [], list(transport.dialling)
    return [descriptor], [descriptor] if transport.wants_write else []


def _select(reading: list[int], writing: list[int], seconds: float) -> None:
    if hasattr(select, "poll"):  # which knows descriptors from 1024 on, too
        poll = select.poll()
        for descriptor in {*reading, *writing}:
            poll.register(
                descriptor, select.POLLIN * (descriptor in reading) | select.POLLOUT * (descriptor in writing)
            )
        poll.poll(seconds * 1000)
    else:
        select.select(reading, writing, writing, seconds)
