"""What a poll of a server does: accept, look after the clients that have something to do, and emit signals."""

from __future__ import annotations

import logging
from _thread import get_ident
from functools import partial
from math import inf
from random import SystemRandom
from typing import TYPE_CHECKING, Final

from ..errors import InvalidOptionError, ListenError, WrongThreadError
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


class PolledServer(ServerSettings):
    """A server as it is polled; `WebSocketServer` adds what a program asks of it."""

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

    def poll(self) -> None:
        """Accept, receive, send, and emit the signals of what happened.

        What a function of the program raises while it serves a client is logged, and ends the connection of that client
        with 1011; `strict` lets it come out here. An exception that nobody foresaw comes out in any case, when the
        others have been served, and has ended the one connection that it came from. What had not been emitted is
        emitted by the next poll. Raises ListenError, each time, if something else closed the socket it listens at.
        """
        watch = self._watch
        if watch is None:
            return
        self._check_thread()
        active, is_knocking = watch.look()
        rounds = self._rounds
        if active or rounds.left or rounds.held_back:
            rounds.run(active, watch, self._look_after)
        if is_knocking:
            self._accept()
        if self._fanout.slow:
            self._fanout.look()
        emission = self._emission
        if self._events or emission.waiting:
            # Packets of a session are fetched in the order in which they came, so its events keep theirs.
            emission.run(self._on_failure, in_turns=self._session is None)
        if self._listener is not None and self._listener.fileno() < 0:
            raise listener_gone()

    def wait(self, timeout: float | None) -> bool:
        """Sleep until `poll()` has something to do, for `timeout` seconds at most; tell whether it has.

        None and infinity are for any time, and a time that is over, a negative one, is none. It returns at once if the
        server does not listen. Raises InvalidOptionError for what is no number.
        """
        seconds = inf if timeout is None else timeout
        if not isinstance(seconds, (int, float)) or seconds != seconds:
            raise InvalidOptionError(f"wait() takes a number of seconds, or None for any time, not {timeout!r}")
        if self._watch is None:
            return False
        if self._events or self._emission.waiting or self._rounds.left or self._fanout.has_news:
            return True
        if any(map(self._can_resume, self._rounds.held_back.values())):
            return True
        return self._watch.wait(seconds)

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

    # What a poll is made of.

    def _check_thread(self) -> None:
        if get_ident() != self._thread:
            raise WrongThreadError("a server belongs to the thread that called listen()")

    def _accept(self) -> None:
        """Take in the clients that connect, one after the other."""
        assert self._acceptor is not None and self._watch is not None  # noqa: S101, PT018
        try:
            for transport, place, is_refused in self._acceptor.accept(self):
                client = ServedClient(self._new_id(), transport, self, place, is_refused=is_refused)
                client.peer.on_change = self._watch.add(client)
                self._clients[client.id] = client
                self._acceptor.add(client)
                self._look_after(client)
        except ListenError as exc:  # it is raised when the others have been served
            self._events.append((None, partial(_raise, exc), False))

    def _judge(self, client: ServedClient, request: Request) -> None:
        """Ask the program about a request, and go on with its answer."""
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
        """Poll, and see what that changed: what to tell, what to wait for, when to look again."""
        problem: Exception | None = None
        is_drained = True
        try:
            try:
                client.transport.poll()
            finally:
                is_drained = self._take_in(client)
        except Exception as exc:  # it is raised when the others have been served
            problem = exc
        status = client.transport.close_status
        if self._session is not None and not is_drained and self._session.has_room:
            status = None  # the end comes behind what it sent, which is taken a row at a time
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
        """Take what a function of the program raised while it served a client."""
        if self.strict:
            raise exc
        self._give_up(id_, exc)

    def _give_up(self, id_: object, exc: Exception) -> None:
        """End the connection of a client with 1011, because a function of the program failed while it served it."""
        _logger.error("a callback failed while it served client %s, whose connection ends", id_, exc_info=exc)
        client = self._clients.get(id_) if isinstance(id_, int) else None
        if client is None or client.has_failed:
            return
        client.has_failed = True
        if self._session is not None:
            self._session.forget(client)
        if client.transport.ready_state is OPEN:  # in its handshake it was answered with 500
            client.peer.close(CloseCode.INTERNAL_ERROR)
            self._look_after(client)

    def _can_resume(self, client: ServedClient) -> bool:
        """Tell whether a client that was held back has room again."""
        if self._session is not None and client.transport.inbox:
            return self._session.has_room
        return client.transport.can_resume


def _raise(problem: Exception) -> None:
    raise problem
