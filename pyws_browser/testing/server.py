"""A WebSocket server in a thread of its own, which does what a script says."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Final

from ..aio import ConnectionClosed, broadcast, serve
from .script import Visit

if TYPE_CHECKING:
    from collections.abc import Coroutine, Sequence
    from ssl import SSLContext
    from types import TracebackType
    from typing import Any, Self

    from websockets.http11 import Request, Response

    from ..aio import ServerConnection
    from ..protocol.vocabulary import Message
    from .script import Step

_PATIENCE: Final = 10.0


class ScriptError(AssertionError):
    """A client did not follow the script of its connection."""


class LocalServer:
    """A server at a free port of 127.0.0.1. It starts when it is constructed; leaving a `with` block stops it.

    The first connection gets the first script, the second one the second, and all further ones the last: so a test of
    reconnecting can say what happens the second time. A script is a list of steps (`say()`, `expect()`, `close()` …);
    at its end the server reads until the client leaves. Without a script it echoes.

    It serves pages and programs alike: pass `url` to the code in the browser.
    """

    def __init__(
        self,
        *scripts: Sequence[Step],
        subprotocols: Sequence[str] | None = None,
        ssl: SSLContext | None = None,
    ) -> None:
        from .script import echo

        self._scripts = scripts or ([echo()],)
        self._subprotocols = subprotocols
        self._ssl = ssl
        self._news = threading.Condition()
        self._received: list[Message] = []
        self._problems: list[ScriptError] = []
        self._count = 0
        self._open: set[ServerConnection] = set()
        self._assigned: dict[int, Sequence[Step]] = {}
        self._is_over = asyncio.Event()
        self._failure: BaseException | None = None
        self._port = 0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = threading.Thread(target=self._run, name="pyws_browser.testing", daemon=True)
        self._thread.start()
        with self._news:
            self._news.wait_for(lambda: self._port or self._failure, _PATIENCE)
        if not self._port:
            self._thread.join(_PATIENCE)
            raise RuntimeError("the server did not start") from self._failure

    @property
    def url(self) -> str:
        """Its URL: ws://127.0.0.1:PORT/, or wss: with `ssl`."""
        return f"{'ws' if self._ssl is None else 'wss'}://127.0.0.1:{self._port}/"

    @property
    def port(self) -> int:
        """The port it listens at."""
        return self._port

    @property
    def received(self) -> list[Message]:
        """The messages of all clients so far, in order of arrival."""
        with self._news:
            return list(self._received)

    @property
    def connection_count(self) -> int:
        """How many clients have connected so far, including refused ones."""
        with self._news:
            return self._count

    @property
    def open_count(self) -> int:
        """How many clients are connected now."""
        with self._news:
            return len(self._open)

    def wait_for(self, count: int, timeout: float = _PATIENCE) -> list[Message]:
        """Wait for `count` messages, and return the first `count`. Raises TimeoutError after `timeout` seconds.

        It blocks: a polling program or an event loop in this thread does not run meanwhile.
        """
        with self._news:
            if not self._news.wait_for(lambda: len(self._received) >= count, timeout):
                raise TimeoutError(
                    f"{len(self._received)} of {count} messages came in {timeout:g} s: {self._received!r}"
                )
            return self._received[:count]

    def say(self, message: str | bytes) -> None:
        """Send a message to every connected client."""
        self._call(self._say(message))

    def drop(self) -> None:
        """Cut the connections of all clients, without a Close frame."""
        self._call(self._drop())

    def stop(self) -> None:
        """Close all connections with 1001 and stop listening; does nothing if it has stopped.

        Raises ScriptError if a client did not follow its script.
        """
        if self._thread.is_alive() and self._loop is not None:
            self._loop.call_soon_threadsafe(self._is_over.set)
            self._thread.join(_PATIENCE)
        if self._failure is not None:
            raise RuntimeError("the server failed") from self._failure
        if self._problems:
            raise self._problems[0]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Stop. A ScriptError never hides a failure of the test itself."""
        try:
            self.stop()
        except ScriptError as exc:
            if error is None:
                raise
            error.add_note(str(exc))

    def __repr__(self) -> str:
        return f"<LocalServer {self.url}>"

    # In the thread.

    def _run(self) -> None:
        try:
            asyncio.run(self._main())
        except BaseException as exc:  # raised where the test waits
            with self._news:
                self._failure = exc
                self._news.notify_all()

    async def _main(self) -> None:
        self._loop = asyncio.get_running_loop()
        async with serve(
            self._handle,
            "127.0.0.1",
            0,
            subprotocols=self._subprotocols,
            ssl=self._ssl,
            process_request=self._judge,
            close_timeout=1,
        ) as server:
            with self._news:
                self._port = server.sockets[0].getsockname()[1]
                self._news.notify_all()
            await self._is_over.wait()

    def _judge(self, connection: ServerConnection, request: Request) -> Response | None:
        with self._news:
            script = self._scripts[min(self._count, len(self._scripts) - 1)]
            self._count += 1
            self._news.notify_all()
        if script and script[0].status:
            return connection.respond(script[0].status, f"{script[0].name}\n")
        self._assigned[id(connection)] = script
        return None

    async def _handle(self, connection: ServerConnection) -> None:
        script = self._assigned.pop(id(connection))
        visit = Visit(connection, self._note)
        step: Step | None = None
        with self._news:
            self._open.add(connection)
        try:
            for step in script:
                await step.run(visit)
            step = None
            while True:
                await visit.receive()
        except ConnectionClosed as exc:
            has_left = exc.rcvd_then_sent if exc.rcvd is not None else not self._is_over.is_set()
            if step is not None and step.name not in _ENDLESS and has_left:
                self._complain(f"the client left before {step.name}")
        except AssertionError as exc:
            self._complain(str(exc))
            await connection.close(1002, "the script expects something else")
        finally:
            with self._news:
                self._open.discard(connection)
                self._news.notify_all()

    def _note(self, message: Message) -> None:
        with self._news:
            self._received.append(message)
            self._news.notify_all()

    def _complain(self, text: str) -> None:
        with self._news:
            self._problems.append(ScriptError(text))
            self._news.notify_all()

    async def _say(self, message: Message) -> None:
        broadcast(list(self._open), message)

    async def _drop(self) -> None:
        for connection in list(self._open):
            connection.transport.abort()

    def _call(self, coroutine: Coroutine[Any, Any, None]) -> None:
        assert self._loop is not None  # noqa: S101  the constructor waits for it
        asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(_PATIENCE)


_ENDLESS: Final = ("echo()", "relay()")
"""Steps at which a client may leave."""
