"""ServerConnection: a server's connection under asyncio, from its request on. CPython only."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Protocol

from ..compat.admission import judge_at_once, respond
from ..protocol.vocabulary import State
from .admission import judge
from .connection import Connection

if TYPE_CHECKING:
    import asyncio
    from logging import Logger, LoggerAdapter

    from websockets.http11 import Request, Response

    from ..compat.admission import Policy
    from ..compat.arguments import Limits
    from ..protocol import admission
    from ..transport.native import ServerTransport
    from .lifecycle import Trace


class Registry(Protocol):
    """The server as its connections use it."""

    logger: Logger | LoggerAdapter[Any]

    @property
    def connections(self) -> set[Any]:
        """The connections that are open, for `broadcast()`."""

    def is_serving(self) -> bool:
        """Tell whether it accepts connections."""

    def has_opened(self, connection: Any) -> None:
        """Start the handler of a connection."""

    def has_closed(self, connection: Any) -> None:
        """Forget a connection that never opened."""


class ServerConnection(Connection):
    """A server's connection, given to the handler."""

    def __init__(
        self,
        transport: ServerTransport,
        server: Registry,
        limits: Limits,
        policy: Policy,
        trace: Trace | None = None,
    ) -> None:
        self.server: Registry = server
        """The server that accepted it."""
        self._native = transport
        self._policy = policy
        self._pending: admission.Request | None = None
        self._judging: asyncio.Task[None] | None = None
        self.lost: int = 0
        """Payload bytes that were lost because the server closed it."""
        self.username = ""
        """Set by `basic_auth()`."""
        super().__init__(transport, **limits._asdict(), logger=server.logger, trace=trace)

    @property
    def request(self) -> Request | None:
        """The client's request, from `process_request` on."""
        if self._pending is None:
            return None
        return self._pending.original

    def respond(self, status: int, text: str) -> Response:
        """Return a plain text answer for `process_request` or `process_response`; its headers may be changed."""
        return respond(status, text, self._policy.server_header)

    def hang_up(self) -> None:
        """Cut the connection."""
        self._abort()

    def give_up_opening(self) -> None:
        """Answer a request with 503 because the server closes.

        Cut a client that has sent no request, or that downloads.
        """
        if self._pending is None:
            self._abort()
        elif not (self._pending.is_answered or self._pending.has_left):
            self._pending.answer(self.respond(HTTPStatus.SERVICE_UNAVAILABLE, "Server is shutting down.\n"))
        elif self._native.is_streaming:
            self._abort()

    @property
    def waits_for_its_client(self) -> bool:
        """Whether an unopened connection waits for the client, and not for a decision of the program."""
        return self._pending is None or (self._pending.is_answered and not self._native.is_streaming)

    def begin_to_close(self, code: int, reason: str) -> None:
        """Begin the closing that `close()` waits for, and count in `lost` the bytes that were never sent."""
        native = self._native
        before = native.on_release

        def note() -> None:
            self.lost = native.buffered_amount
            native.on_release = None  # it refers to this connection
            if before is not None:
                before()

        native.on_release = note
        self._look_and_close(code, reason)

    def _after_turn(self) -> None:
        super()._after_turn()
        if self._pending is None and self._native.request is not None:
            self._pending = self._native.request
            if self._policy.is_immediate:
                judge_at_once(self, self._pending)
            else:
                self._judging = self._loop.create_task(self._judge(self._pending))
        elif self._judging is not None and self._pending is not None:
            self._stop_judging(self._judging, self._pending)

    def _stop_judging(self, judging: asyncio.Task[None], pending: admission.Request) -> None:
        """Cancel the hooks if the client has left, or if the request was answered without them."""
        if (pending.is_answered or pending.has_left) and not judging.cancelling():
            judging.cancel()

    def _log_no_request(self) -> None:
        status = self._transport.close_status
        problem = EOFError("connection closed while reading HTTP request line")
        problem.__cause__ = None if status is None else status.cause
        self.logger.debug("! no valid HTTP request", exc_info=problem)

    async def _judge(self, pending: admission.Request) -> None:
        try:
            await judge(self, pending, self._policy)
        finally:
            self._judging = None

    def _on_state(self, state: State) -> None:
        super()._on_state(state)
        if self._transport.has_opened:
            self.server.has_opened(self)
        elif self._pending is None:
            self._log_no_request()
        if state is State.CLOSED:
            self.server.has_closed(self)
