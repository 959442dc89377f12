"""Between the thread of the server and the event loop of the broker.

The clients of NATS and Redis are asyncio's. Under asyncio the broker runs on the loop of the server, and nothing is
between them. A polled server has no loop, so the broker gets a thread with one: what comes from it goes through a
queue, and a byte through a pair of sockets, which the server watches, has the server's thread empty the queue.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import threading
from collections import deque
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeAlias, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from ..server.websocket_server import WebSocketServer

T = TypeVar("T")

Done: TypeAlias = "Callable[[T | None, BaseException | None], object]"

_logger: Final = logging.getLogger("pyws_browser.rooms")

_FAILED: Final = "a function of the program failed that was connected to a signal of rooms"

_DRAIN_TIME: Final = 0.01
"""Seconds of a poll for what comes from the broker; the next poll goes on."""


class Bridge(Protocol):
    """Runs coroutines where the broker is, and functions where the server is."""

    def call(
        self,
        make: Callable[[], Coroutine[Any, Any, T]],
        done: Done[T],
    ) -> None:
        """Run a coroutine on the broker's loop; `done(result, error)` is called in the server's thread."""

    def run(self, function: Callable[[], object]) -> None:
        """Call a function on the broker's loop."""

    def post(self, function: Callable[[], object]) -> None:
        """Call a function in the server's thread; called on the broker's loop."""

    def wait_for(self, make: Callable[[], Coroutine[Any, Any, T]], timeout: float, done: Done[T]) -> None:
        """Run a coroutine, and, where the thread of the server may wait, wait for it and raise what it raises."""

    def close(self) -> None:
        """Run nothing more."""


class Tasks:
    """The coroutines that run on the broker's loop, and what is posted when they are done."""

    def __init__(self, loop: asyncio.AbstractEventLoop, post: Callable[[Callable[[], object]], None]) -> None:
        self._loop = loop
        self._post = post
        self._tasks: set[asyncio.Task[Any]] = set()  # a loop keeps weak references to them only

    def start(self, make: Callable[[], Coroutine[Any, Any, T]], done: Done[T]) -> None:
        """Run a coroutine; `done(result, error)` is posted."""
        task = self._loop.create_task(make())
        self._tasks.add(task)
        task.add_done_callback(partial(self._finish, done))

    def _finish(self, done: Done[T], task: asyncio.Task[T]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            error = task.exception()
            self._post(partial(done, None if error is not None else task.result(), error))

    def cancel(self) -> None:
        """Cancel those that are not done; nothing is posted of them."""
        for task in self._tasks:
            task.cancel()


class LoopBridge:
    """Both are on one event loop."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._tasks = Tasks(self._loop, self.post)
        self._is_closed = False

    def call(
        self,
        make: Callable[[], Coroutine[Any, Any, T]],
        done: Done[T],
    ) -> None:
        """Run a coroutine on the loop of the broker."""
        self._tasks.start(make, done)

    def run(self, function: Callable[[], object]) -> None:
        """Call a function on the loop of the broker."""
        function()

    def post(self, function: Callable[[], object]) -> None:
        """Call a function in the thread of the server."""
        if not self._is_closed:
            try:
                function()
            except Exception:
                _logger.exception(_FAILED)

    def wait_for(self, make: Callable[[], Coroutine[Any, Any, T]], timeout: float, done: Done[T]) -> None:
        """Run a coroutine, and wait for it if the thread may."""
        self.call(make, done)  # the loop would stand still

    def close(self) -> None:
        """Run nothing more."""
        self._is_closed = True
        self._tasks.cancel()


class ThreadBridge:
    """The broker is on a loop in a thread of its own; the server is polled."""

    def __init__(self, server: WebSocketServer) -> None:
        self._server = server
        self._queue: deque[Callable[[], object]] = deque()
        self._near, self._far = socket.socketpair()
        self._near.setblocking(False)
        self._far.setblocking(False)
        self._is_signalled = False
        self._is_closed = False
        self._loop = asyncio.new_event_loop()
        self._tasks = Tasks(self._loop, self.post)
        self._thread = threading.Thread(target=self._run_loop, name="pyws_browser rooms", daemon=True)
        self._thread.start()
        server.watch(self._near, self._drain)

    def _run_loop(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_forever()
            tasks = asyncio.all_tasks(self._loop)
            for task in tasks:
                task.cancel()
            self._loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
            self._loop.run_until_complete(self._loop.shutdown_asyncgens())
        finally:
            self._loop.close()

    def call(
        self,
        make: Callable[[], Coroutine[Any, Any, T]],
        done: Done[T],
    ) -> None:
        """Run a coroutine on the loop of the broker."""
        self.run(partial(self._tasks.start, make, done))

    def run(self, function: Callable[[], object]) -> None:
        """Call a function on the loop of the broker."""
        if not self._is_closed:
            self._loop.call_soon_threadsafe(function)

    def post(self, function: Callable[[], object]) -> None:
        """Call a function in the thread of the server."""
        self._queue.append(function)
        if not self._is_signalled:
            self._is_signalled = True
            self._signal()

    def _signal(self) -> None:
        try:
            self._far.send(b"\0")
        except (BlockingIOError, OSError):  # bytes enough wait there, or the server has let go
            return

    def _drain(self) -> None:
        try:
            self._near.recv(4096)
        except BlockingIOError:
            return
        self._is_signalled = False  # before the queue is looked at: what is added from now on signals anew
        queue = self._queue
        end = monotonic() + _DRAIN_TIME
        try:
            while queue and monotonic() < end:
                try:
                    queue.popleft()()
                except Exception:
                    if self._server.strict:
                        raise
                    _logger.exception(_FAILED)
        finally:
            if queue:
                self._signal()

    def wait_for(self, make: Callable[[], Coroutine[Any, Any, T]], timeout: float, done: Done[T]) -> None:
        """Run a coroutine, and wait for it if the thread may."""
        future = asyncio.run_coroutine_threadsafe(make(), self._loop)
        done(future.result(timeout), None)

    def close(self) -> None:
        """Run nothing more."""
        if self._is_closed:
            return
        self._is_closed = True
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._server.unwatch(self._near)
        self._near.close()
        self._far.close()
        self._queue.clear()
