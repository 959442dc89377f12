"""Workers: several processes at one port, which a parent starts, watches, and stops. CPython only.

The parent binds the port and starts each worker anew (spawn), with a socket that listens there. On Linux every worker
has a socket of its own (SO_REUSEPORT), among which the kernel shares out the clients; elsewhere they share one. The
parent keeps its copies open, so a worker that dies leaves the port as it is, and the one in its place goes on with its
socket.
"""

from __future__ import annotations

import logging
import multiprocessing
import multiprocessing.connection
import os
import signal
import socket
import sys
import threading
from time import monotonic
from typing import TYPE_CHECKING, Any, Final

from .errors import Error, InvalidOptionError, ListenError

if TYPE_CHECKING:
    from collections.abc import Callable
    from multiprocessing.context import SpawnProcess
    from types import FrameType

_logger: Final = logging.getLogger("pyws_browser.workers")

BACKLOG: Final = 1024
"""How many connections may wait to be accepted, at each worker."""

_SHORTEST_PAUSE: Final = 0.1
_LONGEST_PAUSE: Final = 10.0
"""Seconds until a worker that ended is started again, growing each time."""

_LONG_LIFE: Final = 10.0
"""Seconds after which a worker counts as healthy, so that the next pause is the shortest again."""

_LOOK: Final = 0.2
"""Seconds between two checks of due actions."""


def run_workers(
    target: Callable[..., object],
    count: int,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    arguments: tuple[Any, ...] = (),
    on_listening: Callable[[str, int], object] | None = None,
    drain: float = 10.0,
) -> int:
    """Run `target(sock, index, *arguments)` in `count` processes, until this one gets SIGTERM or SIGINT; return 0.

    `sock` is a listening socket for `aio.serve(sock=…)` or `WebSocketServer.listen(0, sock=…)`, and `index` the number
    of the worker, from 0 on. The function must be importable and its arguments picklable, because each process starts
    afresh. A worker that ends is started again, after a pause that grows while it ends soon. At the end each gets
    SIGTERM, and has to return: it closes its clients with 1012, so that they connect again. After `drain` seconds those
    that have not are killed. `on_listening(host, port)` is called once the port is bound. This has to run in the main
    thread, below ``if __name__ == "__main__"``.

    Raises:
        InvalidOptionError: an argument is invalid.
        ListenError: the port is taken, or the address is not this machine's.

    """
    if type(count) is not int or not 1 <= count <= 1024:
        raise InvalidOptionError(f"workers are 1 to 1024 processes, not {count!r}")
    if not drain >= 0:
        raise InvalidOptionError(f"drain is a number of seconds from 0 on, not {drain!r}")
    sockets = listening_sockets(host, port, count)
    try:
        if on_listening is not None:
            address = sockets[0].getsockname()
            on_listening(address[0], address[1])
        _Supervisor(target, sockets, count, arguments, drain).run()
    finally:
        for sock in sockets:
            sock.close()
    return 0


def listening_sockets(host: str, port: int, count: int) -> list[socket.socket]:
    """Return a listening socket for each worker on Linux, one for all elsewhere. Raises ListenError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    has_many = sys.platform == "linux"
    sockets: list[socket.socket] = []
    try:
        if has_many and port:  # otherwise the port could be shared with another program
            socket.create_server((host, port), family=family).close()
        for _ in range(count if has_many else 1):
            sock = socket.create_server((host, port), family=family, backlog=BACKLOG, reuse_port=has_many)
            sockets.append(sock)
            port = sock.getsockname()[1]
    except OSError as exc:
        for sock in sockets:
            sock.close()
        raise ListenError(f"cannot listen at port {port} of {host}: {exc.strerror}", Error.ERR_CANT_CREATE) from exc
    return sockets


class _Supervisor:
    """Starts workers, starts them again, and stops them."""

    def __init__(
        self,
        target: Callable[..., object],
        sockets: list[socket.socket],
        count: int,
        arguments: tuple[Any, ...],
        drain: float,
    ) -> None:
        self._target = target
        self._sockets = sockets
        self._arguments = arguments
        self._drain = drain
        self._context = multiprocessing.get_context("spawn")
        self._processes: dict[int, SpawnProcess] = {}
        self._begun: dict[int, float] = {}
        self._pauses: dict[int, float] = dict.fromkeys(range(count), _SHORTEST_PAUSE)
        self._due: dict[int, float] = dict.fromkeys(range(count), 0.0)  # when to start the workers that do not run
        self._is_over = False

    def run(self) -> None:
        """Run until a signal."""
        before = {number: signal.signal(number, self._on_signal) for number in (signal.SIGTERM, signal.SIGINT)}
        try:
            while not self._is_over:
                self._start_due()
                sentinels = [process.sentinel for process in self._processes.values()]
                multiprocessing.connection.wait(sentinels, _LOOK)
                self._note_ended()
        finally:
            self._stop()
            for number, handler in before.items():
                signal.signal(number, handler)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        self._is_over = True

    def _start_due(self) -> None:
        now = monotonic()
        for index, due in list(self._due.items()):
            if due > now or self._is_over:
                continue
            del self._due[index]
            sock = self._sockets[index % len(self._sockets)]
            process = self._context.Process(
                target=_run_worker, args=(self._target, sock, index, self._arguments), name=f"worker {index}"
            )
            process.start()
            self._processes[index] = process
            self._begun[index] = now

    def _note_ended(self) -> None:
        now = monotonic()
        for index, process in list(self._processes.items()):
            if process.is_alive():
                continue
            del self._processes[index]
            pause = _SHORTEST_PAUSE if now - self._begun[index] > _LONG_LIFE else self._pauses[index]
            self._pauses[index] = min(2 * pause, _LONGEST_PAUSE)
            self._due[index] = now + pause
            _logger.warning(
                "worker %d (process %s) ended with %s, another one starts in %.1f seconds",
                index,
                process.pid,
                process.exitcode,
                pause,
            )
            process.close()

    def _stop(self) -> None:
        """Let the workers close their clients, and kill those that take too long."""
        for process in self._processes.values():
            process.terminate()
        end = monotonic() + self._drain
        for index, process in self._processes.items():
            process.join(max(end - monotonic(), 0))
            if process.is_alive():
                _logger.warning("worker %d did not end within %s seconds, and is killed", index, self._drain)
                process.kill()
                process.join()
            process.close()
        self._processes.clear()


def _end_with_parent() -> None:
    """Stop this worker if its parent is killed; it would hold the port forever."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        multiprocessing.connection.wait([parent.sentinel])
        os.kill(os.getpid(), signal.SIGTERM)


def _run_worker(target: Callable[..., object], sock: socket.socket, index: int, arguments: tuple[Any, ...]) -> None:
    """Run in the process of a worker; Ctrl-C at a terminal is for the parent, which then stops the workers."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, name="parent", daemon=True).start()
    target(sock, index, *arguments)
