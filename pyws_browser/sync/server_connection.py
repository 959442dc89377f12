"""ServerConnection: a server's connection for code that blocks. CPython only."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from ..compat.admission import Policy, Serving, checked, give, prepared, refusal_of, respond
from ..protocol.vocabulary import CLOSED, State
from .connection import Connection

if TYPE_CHECKING:
    from websockets.http11 import Request, Response

    from ..compat.arguments import Limits
    from ..protocol import admission
    from ..transport.native import ServerTransport


class ServerConnection(Connection):
    """A server's connection, given to the handler."""

    def __init__(self, transport: ServerTransport, server: Serving, limits: Limits, policy: Policy) -> None:
        super().__init__(transport, limits, logger=server.logger)
        self.server: Serving = server
        """The server that accepted it."""
        self.username: str = ""
        """Set by `basic_auth()`."""
        self._native = transport
        self._policy = policy
        self._pending: admission.Request | None = None

    @property
    def request(self) -> Request | None:
        """The client's request, from `process_request` on."""
        return None if self._pending is None else self._pending.original

    def respond(self, status: int, text: str) -> Response:
        """Return a plain text answer for `process_request` or `process_response`; its headers may be changed."""
        return respond(status, text, self._policy.server_header)

    def open(self) -> bool:
        """Wait for the request, answer it, and return whether the connection is open then."""
        transport = self._native
        with self._driver:
            self._driver.wait(lambda: transport.request is not None or transport.ready_state is CLOSED)
            self._pending = transport.request
        self._driver.start()  # from now on it is noticed if the client leaves
        if self._pending is None:
            self._log_no_request()
            return False
        response = self._judge(self._pending)
        with self._driver:
            if response is not None:
                give(self, self._pending, response)
            self._driver.wake()
            self._driver.wait(lambda: transport.ready_state is not State.CONNECTING)
            if not transport.has_opened:
                self._wait_closed()
        if transport.has_opened:
            self.logger.info("connection open: %s", transport.url.shown)
        return transport.has_opened

    def give_up_opening(self) -> None:
        """Answer a request with 503 because the server closes; cut a client that has sent no request."""
        with self._driver:
            if self._transport.has_opened or self._transport.ready_state is CLOSED:
                return
            pending = self._pending or self._native.request
            if pending is None:
                self._abort()
            elif not (pending.is_answered or pending.has_left):
                pending.answer(self.respond(HTTPStatus.SERVICE_UNAVAILABLE, "Server is shutting down.\n"))
                self._driver.wake()

    def begin_to_close(self, code: int, reason: str) -> None:
        """Begin the closing that `close()` waits for, if the connection is open."""
        with self._driver:
            if self._transport.has_opened:
                self._begin_to_close(code, reason)

    def hang_up(self) -> None:
        """Cut the connection unless it has ended."""
        with self._driver:
            if self._transport.ready_state is not CLOSED:
                self._abort()

    def _judge(self, pending: admission.Request) -> Response | None:
        """Call the hooks; an exception is logged, and answered with 500. Returns None if the client has left."""
        policy, request = self._policy, pending.original
        response = self._ask(policy.process_request, "process_request failed", request)
        if response is None:
            with self._driver:
                if pending.is_answered or pending.has_left:
                    return None
                response = prepared(self, pending)
        elif policy.server_header is not None and "Server" not in response.headers:
            response.headers["Server"] = policy.server_header
        return self._ask(policy.process_response, "process_response failed", request, response) or response

    def _ask(self, hook: Any, what: str, *arguments: Any) -> Response | None:
        if hook is None:
            return None
        try:
            return checked(hook, hook(self, *arguments))
        except Exception as exc:
            return refusal_of(self, exc, what)

    def _log_no_request(self) -> None:
        status = self._transport.close_status
        problem = EOFError("connection closed while reading HTTP request line")
        problem.__cause__ = None if status is None else status.cause
        self.logger.debug("! no valid HTTP request", exc_info=problem)
