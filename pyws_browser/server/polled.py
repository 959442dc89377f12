"""One poll of a server: accept clients, serve the active ones, and emit signals."""

from __future__ import annotations

import logging
from _thread import get_ident
from functools import partial
from math import inf
from random import SystemRandom
from typing import TYPE_CHECKING, Final, Protocol

from ..errors import InvalidOptionError, InvalidStateError, ListenError, WrongThreadError
from ..peer.broadcasting import Fanout
from ..protocol.options import Options
from ..protocol.rules import CloseCode
from ..protocol.vocabulary import OPEN
from ..signals import Signal
from .acceptor import Acceptor, decide, listener_gone
from .client import ServedClient
from .emission import Emission
from .rounds import Rounds
from .settings import ServerSettings

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    from ..peer.links import Link
    from ..protocol.admission import Request
    from ..protocol.vocabulary import CloseStatus
    from .watch import Watch

_MAX_ID: Final = 2**31 - 1
_random = SystemRandom()

_logger: Final = logging.getLogger("pyws_browser.server")


class HasFileno(Protocol):
    """A socket, a pipe, or any other object with a descriptor."""

    def fileno(self) -> int:
        """Return the descriptor."""


class PolledServer(ServerSettings):
    """The polling part of a server; `WebSocketServer` adds the methods for programs."""

    def __init__(self) -> None:
        super().__init__(Options(handshake_timeout=3.0))
        failed = self._on_task_failed
        self.client_connected: Signal[int, str] = Signal(failed)
        self.client_disconnected: Signal[int, bool] = Signal(failed)
        self.client_close_request: Signal[int, int, str] = Signal(failed)
        self.data_received: Signal[int] = Signal(failed)
        self.request_failed: Signal[int] = Signal(failed)
        self.client_missed: Signal[int, int, int] = Signal(failed)
        self._fanout = Fanout(self._on_missed)
        self._listener: socket.socket | None = None
        self._watch: Watch[ServedClient] | None = None
        self._clients: dict[int, ServedClient] = {}
        self._rounds = Rounds()
        self._emission = Emission(self._events)
        self._acceptor: Acceptor | None = None
        self._thread = 0
        self._watched: dict[int, tuple[HasFileno | int, Callable[[], object]]] = {}
        self._is_waited_for = False  # by the program's own selector or loop, through `fileno()`

    def poll(self) -> None:
        """Accept, receive, send, and emit the signals of what happened.

        An exception of a function of the program that serves a client is logged, and ends the connection of that client
        with 1011; with `strict` it comes out here. An unexpected exception ends the one connection that it came from,
        and is always raised, after the other clients have been served. The next poll emits the remaining signals.
        Raises ListenError, each time, if other code closed the listening socket.
        """
        watch = self._watch
        if watch is None:
            return
        self._check_thread()
        self._fanout.release()
        active, is_knocking = watch.look()
        rounds = self._rounds
        if active or rounds.left or rounds.held_back:
            rounds.run(active, watch, self._look_after)
        if is_knocking:
            self._accept()
        if watch.ready:
            self._call_ready(watch)
        if self._fanout.slow:
            self._fanout.look()
        emission = self._emission
        if self._events or emission.waiting:
            # Packets of a session are fetched in the order in which they came, so its events keep that order.
            emission.run(self._on_failure, in_turns=self._session is None)
        self._fanout.release()
        if self._is_waited_for and self._has_work():
            watch.wake()
        if self._listener is not None and self._listener.fileno() < 0:
            raise listener_gone()

    def wait(self, timeout: float | None) -> bool:
        """Sleep until `poll()` has something to do, at most `timeout` seconds; tell whether it has.

        None and infinity wait without limit; a negative number does not wait. It returns at once if the server does not
        listen. Raises InvalidOptionError if `timeout` is not a number.
        """
        seconds = inf if timeout is None else timeout
        if not isinstance(seconds, (int, float)) or seconds != seconds:
            raise InvalidOptionError(f"wait() takes a number of seconds, or None for any time, not {timeout!r}")
        if self._watch is None:
            return False
        self._fanout.release()
        return self._has_work() or self._watch.wait(seconds)

    def _has_work(self) -> bool:
        """Tell whether there is work that no descriptor shows."""
        if self._events or self._emission.waiting or self._rounds.left or self._fanout.has_news:
            return True
        return any(map(self._can_resume, self._rounds.held_back.values()))

    # Use beside other work.

    def wake(self) -> None:
        """Let the current or the next `wait()` return at once. Any thread and a signal handler may call it.

        Does nothing if the server does not listen.
        """
        watch = self._watch
        if watch is not None:
            watch.wake()

    def fileno(self) -> int:
        """Return a descriptor for another selector or loop, readable when `poll()` has something to do.

        It does not show time limits, nor clients that were full when a message was sent outside of `poll()`: so also
        call `poll()` a few times a second. It changes with every `listen()`.

        Raises:
            InvalidStateError: the server does not listen, or this system has no such descriptor (Windows).

        """
        if self._watch is None:
            raise InvalidStateError("the server has no descriptor: listen() first")
        fd = self._watch.fd
        if fd < 0:
            raise InvalidStateError("this system's selector has no descriptor: call wait(), and wake() from elsewhere")
        self._is_waited_for = True
        return fd

    def watch(self, fileobj: HasFileno | int, callback: Callable[[], object]) -> None:
        """Let `wait()` return when a socket or the like is readable, and `poll()` call `callback()` then.

        `poll()` calls it as long as there is something to read. Its exceptions come out of `poll()`, after the clients
        have been served. The object is watched until `unwatch()`, which must come before its `close()`; `stop()` does
        not end it.

        Raises:
            InvalidOptionError: it is watched already, has no descriptor that can be watched, or `callback` is not a
                function.
            WrongThreadError: `listen()` was called in another thread.

        """
        self._check_thread_if_listening()
        if not callable(callback):
            raise InvalidOptionError(f"watch() calls a function, not {callback!r}")
        try:
            fd = fileobj if isinstance(fileobj, int) else fileobj.fileno()
        except (AttributeError, OSError, ValueError) as exc:
            raise InvalidOptionError(f"watch() takes something with a fileno(), not {fileobj!r}: {exc}") from None
        if fd in self._watched:
            raise InvalidOptionError(f"{fileobj!r} is watched already: unwatch() it first")
        if self._watch is not None:
            try:
                self._watch.watch(fd, callback)
            except (OSError, ValueError, KeyError) as exc:
                raise InvalidOptionError(f"{fileobj!r} cannot be watched: {exc}") from None
        self._watched[fd] = (fileobj, callback)

    def unwatch(self, fileobj: HasFileno | int) -> None:
        """Undo `watch()`; does nothing if it is not watched."""
        self._check_thread_if_listening()
        for fd, (known, _) in list(self._watched.items()):
            if known is fileobj or fd == fileobj:
                del self._watched[fd]
                if self._watch is not None:
                    self._watch.unwatch(fd)

    def _check_thread_if_listening(self) -> None:
        if self._watch is not None:
            self._check_thread()

    def _call_ready(self, watch: Watch[ServedClient]) -> None:
        ready, watch.ready = watch.ready, []
        for callback in ready:
            try:
                callback()
            except Exception as exc:  # raised after the others have been served
                self._events.append((None, partial(_raise, exc), False))

    # The events of a connection.

    def _on_missed(self, link: Link, messages: int, size: int) -> None:
        self._events.append((link, partial(self.client_missed.emit, link.id, messages, size), False))

    def _on_open(self, link: Link) -> Callable[[], object]:
        return partial(self.client_connected.emit, link.id, link.transport.subprotocol)

    def _on_message(self, link: Link) -> Callable[[], object]:
        return partial(self.data_received.emit, link.id)

    def _on_close_request(self, link: Link, status: CloseStatus) -> Callable[[], object]:
        return partial(self.client_close_request.emit, link.id, status.code, status.reason)

    def _on_closed(self, link: Link, status: CloseStatus) -> Callable[[], object]:
        return partial(self.client_disconnected.emit, link.id, status.was_clean)

    # The steps of a poll.

    def _check_thread(self) -> None:
        if get_ident() != self._thread:
            raise WrongThreadError("a server belongs to the thread that called listen()")

    def _accept(self) -> None:
        """Accept waiting clients, one by one."""
        assert self._acceptor is not None and self._watch is not None  # noqa: S101, PT018
        try:
            for transport, place, is_refused in self._acceptor.accept(self):
                client = ServedClient(self._new_id(), transport, self, place, is_refused=is_refused)
                client.peer.on_change = self._watch.add(client)
                self._clients[client.id] = client
                self._acceptor.add(client)
                self._look_after(client)
        except ListenError as exc:  # raised after the others have been served
            self._events.append((None, partial(_raise, exc), False))

    def _judge(self, client: ServedClient, request: Request) -> None:
        """Ask the program about a request, and send its answer."""
        request.id = client.id
        try:
            decide(request, self.process_request)
        finally:
            if not client.is_over and self._clients.get(client.id) is client:  # the program may have stopped the server
                self._look_after(client)

    def _new_id(self) -> int:
        """Return a random positive 31-bit id, as Godot's are; 1 is the server."""
        while True:
            id_ = _random.randint(2, _MAX_ID)
            if id_ not in self._clients:
                return id_

    def _look_after(self, client: ServedClient) -> None:
        """Poll a client, and update its events, its interest and its deadline."""
        problem: Exception | None = None
        is_drained = True
        try:
            try:
                client.transport.poll()
            finally:
                is_drained = self._take_in(client)
        except Exception as exc:  # raised after the others have been served
            problem = exc
        status = client.transport.close_status
        if self._session is not None and not is_drained and self._session.has_room:
            status = None  # the end comes after its messages, which are taken a row at a time
        if status is None and (client.transport.is_held_back or not is_drained):
            self._rounds.held_back[client.id] = client
        else:
            self._rounds.held_back.pop(client.id, None)
        assert self._watch is not None and self._acceptor is not None  # noqa: S101, PT018
        self._watch.update(client)
        request = client.transport.request
        if request is not None and not client.was_asked:
            client.was_asked = True
            self._events.append((client, partial(self._judge, client, request), False))
        if client.is_opening and (client.transport.has_opened or status is not None):
            client.is_opening = False
            self._acceptor.discard(client)
        if status is not None:
            client.end()
            if client.is_announced:
                self._take_end(client, status)
            elif client.was_asked:
                self._events.append((client, partial(self.request_failed.emit, client.id), False))
            self._events.append((client, partial(self._clients.pop, client.id), False))
        if problem is not None:
            self._events.append((None, partial(_raise, problem), False))

    def _on_task_failed(self, exc: Exception, arguments: tuple[object, ...]) -> None:
        if self.strict:
            super()._on_task_failed(exc, arguments)
        else:
            self._give_up(arguments[0], exc)

    def _on_failure(self, id_: object, exc: Exception) -> None:
        """Handle an exception that a function of the program raised for a client."""
        if self.strict:
            raise exc
        self._give_up(id_, exc)

    def _give_up(self, id_: object, exc: Exception) -> None:
        """End the connection of a client with 1011, because a function of the program failed for it."""
        _logger.error("a callback failed while it served client %s, whose connection ends", id_, exc_info=exc)
        client = self._clients.get(id_) if isinstance(id_, int) else None
        if client is None or client.has_failed:
            return
        client.has_failed = True
        if self._session is not None:
            self._session.forget(client)
        if client.transport.ready_state is OPEN:  # during its handshake it got a 500
            client.peer.close(CloseCode.INTERNAL_ERROR)
            self._look_after(client)

    def _can_resume(self, client: ServedClient) -> bool:
        """Tell whether a client that was held back has room again."""
        if self._session is not None and client.transport.inbox:
            return self._session.has_room
        return client.transport.can_resume


def _raise(problem: Exception) -> None:
    raise problem
