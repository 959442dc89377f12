"""Polling one transport for all threads of a program. CPython only.

One lock guards the transport. Of the waiting threads one leads: it polls, and sleeps until the kernel reports
something; the others wait for the leader. While no thread of the program waits, a background thread leads, so that
pings are answered and messages are read. A thread that calls often leads by itself, without a thread switch for each
message: the background thread takes over only after `LEASE`.
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
"""Seconds after the last call of a program's thread for which that thread keeps the transport."""

_LONGEST_SLEEP: Final = 3600.0
_MOMENT: Final = 0.01
"""Seconds between two polls of a transport without a descriptor: during a name look-up, or in memory."""


class Driver:
    """Guards and polls `transport`; as a context manager it is the lock.

    `after_poll` is called after each poll, with the lock held.
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
        """Let the background thread cut the connection: the program no longer refers to it.

        It takes no lock, because the garbage collector may call it within any code.
        """
        self._is_abandoned = True
        self._alarm.ring()

    def wake(self) -> None:
        """Let the leader poll: something changed that no descriptor shows. The lock is held."""
        self._alarm.ring()

    def notify(self) -> None:
        """Let every waiting thread check again. The lock is held."""
        if self._waiting:
            self._changed.notify_all()

    def wait(self, condition: Callable[[], object], timeout: float | None = None) -> bool:
        """Wait until `condition()` is true; return False after `timeout` seconds. The lock is held."""
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
                    # A thread that has led since the last check may wait for long: it will notify this one.
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
            if self._waiting:  # that thread leads from now on
                self._used_at = monotonic()
                self._changed.notify_all()

    def _sleep(self, seconds: float) -> None:
        """Wait, without the lock, for the kernel, another thread, or a time limit."""
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
                self._release_for(sleep, 0)  # lets others take the lock
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
            with suppress(OSError):  # the pipe is full, which wakes as well, or closed
                self._writer.send(b"\0")

    def fileno(self) -> int:
        """Return the descriptor that becomes readable when it rings."""
        return self._reader.fileno()

    def drain(self) -> None:
        """Clear the rings."""
        with suppress(OSError):
            self._reader.recv(4096)

    def close(self) -> None:
        """Free the descriptors; no thread sleeps."""
        self._reader.close()
        self._writer.close()


def _descriptors(transport: NativeTransport) -> tuple[list[int], list[int]]:
    try:
        descriptor = transport.fileno()
    except NotConnectedError:
        return [], list(transport.dialling)
    return [descriptor], [descriptor] if transport.wants_write else []


def _select(reading: list[int], writing: list[int], seconds: float) -> None:
    if hasattr(select, "poll"):  # poll() also supports descriptors from 1024 on
        poll = select.poll()
        for descriptor in {*reading, *writing}:
            poll.register(
                descriptor, select.POLLIN * (descriptor in reading) | select.POLLOUT * (descriptor in writing)
            )
        poll.poll(seconds * 1000)
    else:
        select.select(reading, writing, writing, seconds)
