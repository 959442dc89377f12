"""connect() for code that blocks: scripts on CPython, and Pyodide where the engine can suspend Python.

::

    from pyws_browser.sync import connect

    with connect("ws://localhost:8765/") as websocket:
        websocket.send("hello")
        print(websocket.recv(timeout=5))

It polls the same transports as everything else. On CPython it waits with `select`, without threads and without an event
loop; in Pyodide by `pyodide.ffi.run_sync`, where `can_run_sync()` says that this is possible (JSPI, in code that was
started by `runPythonAsync` say). Elsewhere it raises UnsupportedInBrowserError, which says to await.

Between two calls nothing happens: pings are answered, and messages taken from the network, while it waits in a call.
"""

from __future__ import annotations

import logging
from contextlib import suppress
from time import monotonic
from typing import TYPE_CHECKING, Any, Final

from .compat import arguments
from .compat.data import as_message, is_data
from .compat.endings import closed_error
from .compat.exceptions import Close, ConnectionClosedOK, InvalidURI
from .compat.headers import headers_of
from .compat.openings import invalid_proxy, opening_error
from .compat.page import take_in_page
from .errors import (
    InvalidMessageTypeError,
    InvalidProxyError,
    InvalidTextError,
    InvalidURLError,
    MessageTooBigError,
    NotConnectedError,
    WebSocketError,
)
from .peer.settings import web_limits_by_default
from .protocol import rules
from .protocol.rules import CloseCode
from .protocol.url import parse_url
from .protocol.vocabulary import State
from .transport import IN_BROWSER
from .transport import connect as open_transport
from .transport.base import join

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from ssl import SSLContext
    from types import TracebackType
    from typing import Self

    from .compat.data import Data
    from .peer.websocket_peer import Connector
    from .protocol.vocabulary import Message
    from .transport.base import Transport

_LONGEST_WAIT: Final = 1.0
"""Seconds after which a wait looks again in any case."""
_MOMENT: Final = 0.01
"""Seconds between two looks at what tells nobody: a name look-up, or how much the browser has sent."""


class _More:
    """Whether there is something to do that no descriptor shows, as bytes in TLS's memory.

    It is apart from the connection, to which the transport would refer back otherwise.
    """

    def __init__(self) -> None:
        self.is_there = False

    def note(self) -> None:
        """Note that there is."""
        self.is_there = True


class Connection:
    """A connection whose methods wait; `connect()` makes it. It can be iterated over for its messages."""

    def __init__(self, transport: Transport, write_limit: tuple[int, int], max_size: int) -> None:
        self._transport = transport
        self._high, self._low = write_limit
        self._max_size = max_size
        self._asked_to_close: Close | None = None
        self._failure: WebSocketError | None = None
        self._more = _More()
        if not IN_BROWSER:
            transport.set_wakeup(self._more.note)

    @property
    def state(self) -> State:
        """CONNECTING, OPEN, CLOSING or CLOSED, as of the last call."""
        return self._transport.ready_state

    @property
    def subprotocol(self) -> str | None:
        """The subprotocol that was agreed on, None if none was."""
        return self._transport.subprotocol or None

    @property
    def close_code(self) -> int | None:
        """The close code once the connection is closed; None before."""
        status = self._transport.close_status
        return None if status is None else int(status.code)

    @property
    def close_reason(self) -> str | None:
        """The close reason once the connection is closed; None before."""
        status = self._transport.close_status
        return None if status is None else status.reason

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close with 1000; if the block failed with 1011, in a page 4011."""
        failed = CloseCode.PROGRAM_FAILED if self._transport.options.web_limits else CloseCode.INTERNAL_ERROR
        self.close(CloseCode.NORMAL_CLOSURE if kind is None else failed)

    def __iter__(self) -> Iterator[Message]:
        """Receive until the connection was closed as it should be; raises as `recv()` for another end."""
        while True:
            try:
                yield self.recv()
            except ConnectionClosedOK:
                return

    def recv(self, timeout: float | None = None, decode: bool | None = None) -> Message:
        """Wait for the next message: text as str, binary as bytes; `decode` True gives str, False bytes, for either.

        Raises TimeoutError after `timeout` seconds, and ConnectionClosed if there will be no message.
        """
        transport = self._transport
        if not self._wait(lambda: transport.inbox or transport.ready_state is State.CLOSED, timeout):
            raise TimeoutError(f"no message came within {timeout} s")
        if not transport.inbox:
            raise self._closed_error()
        message = transport.inbox.popleft()
        size = rules.size_of(message, self._max_size)
        if size > self._max_size:
            self._failure = MessageTooBigError(size, self._max_size)
            self.close(CloseCode.INBOUND_MESSAGE_TOO_BIG)
            raise self._closed_error()
        if decode is None:
            return message
        if isinstance(message, str):
            return message if decode else message.encode()
        try:
            return message.decode() if decode else message
        except UnicodeDecodeError as exc:
            raise InvalidTextError(f"the message is no UTF-8, which decode=True asks for: {exc}") from exc

    def send(self, message: Data | Iterable[Data], *, text: bool | None = None) -> None:
        """Send a message, or an iterable as one; waits while more than `write_limit` bytes wait to be sent.

        Raises ConnectionClosed, and InvalidMessageTypeError for what is no message.
        """
        if is_data(message):
            whole = as_message(message, text=text)  # type: ignore[arg-type]
        else:
            parts = [as_message(part, text=text) for part in message if is_data(part)]  # type: ignore[union-attr]
            if len({type(part) for part in parts}) > 1:
                raise InvalidMessageTypeError("the fragments of a message are all str or all bytes-like: encode them")
            if not parts:
                return
            whole = join(parts)
        transport = self._transport
        transport.poll()
        try:
            if transport.ready_state is not State.OPEN:
                raise NotConnectedError("the connection is not open any more")
            transport.send(whole)
        except NotConnectedError:
            self._wait(lambda: transport.ready_state is State.CLOSED, None)
            raise self._closed_error() from None
        if transport.buffered_amount > self._high:
            self._wait(lambda: transport.buffered_amount <= self._low or transport.ready_state is not State.OPEN, None)

    def close(self, code: int = CloseCode.NORMAL_CLOSURE, reason: str = "") -> None:
        """Close, and wait until it is closed; raises as that of `aio` does."""
        transport = self._transport
        rules.check_close(code, reason, web=transport.options.web_limits)
        if transport.ready_state in (State.CONNECTING, State.OPEN):
            self._asked_to_close = Close(int(code), reason)
            transport.close(code, reason)
        self._wait(lambda: transport.ready_state is State.CLOSED, None)

    def open(self, uri: str, open_timeout: float | None) -> None:
        """Wait until it is open; raises what `connect()` raises."""
        transport = self._transport
        self._wait(lambda: transport.ready_state is not State.CONNECTING, None)
        if not transport.has_opened:
            self._wait(lambda: transport.ready_state is State.CLOSED, None)
            status = transport.close_status
            raise opening_error(None if status is None else status.cause, uri, open_timeout)

    def _closed_error(self) -> Exception:
        status = self._transport.close_status
        assert status is not None  # noqa: S101  the callers have waited for it
        return closed_error(status, self._asked_to_close, self._failure)

    def _wait(self, condition: Callable[[], object], timeout: float | None) -> bool:
        """Poll until something is the case; return False if it is not within `timeout` seconds."""
        if condition():
            return True
        end = None if timeout is None else monotonic() + timeout
        while True:
            self._more.is_there = False
            self._transport.poll()
            if condition():
                return True
            left = _LONGEST_WAIT if end is None else min(end - monotonic(), _LONGEST_WAIT)
            if left <= 0:
                return False
            if not self._more.is_there:
                _sleep(self._transport, left)


def connect(
    uri: str,
    *,
    origin: str | None = None,
    subprotocols: Sequence[str] | None = None,
    compression: str | None = "deflate",
    additional_headers: Any = None,
    user_agent_header: str | None = arguments.AGENT,
    open_timeout: float | None = 10,
    ping_interval: float | None = 20,
    ping_timeout: float | None = 20,
    close_timeout: float | None = 10,
    max_size: int | None = 2**20,
    max_queue: arguments.Marks = 16,
    write_limit: arguments.Marks = 2**15,
    ssl: SSLContext | bool | None = arguments.DEFAULT_TLS,
    server_hostname: str | None = None,
    connector: Connector | None = None,
) -> Connection:
    """Connect to the server at `uri`, and return when the connection is open; use it in a `with` block.

    The arguments, and what is raised, are those of `aio.connect()`. Redirects are not followed.
    """
    web = IN_BROWSER or web_limits_by_default()
    if web:
        take_in_page(
            {
                "origin": origin,
                "compression": compression,
                "additional_headers": additional_headers,
                "user_agent_header": user_agent_header,
                "ping_interval": ping_interval,
                "ping_timeout": ping_timeout,
                "ssl": None if ssl is arguments.DEFAULT_TLS else ssl,
                "server_hostname": server_hostname,
            },
            logging.getLogger("pyws_browser.client"),
        )
        compression, additional_headers = "deflate", None
    if IN_BROWSER:
        _check_can_wait()
    if not web:
        from .compat.reaching import host_of

        server_hostname = host_of(server_hostname or None, "server_hostname")
    limits, fields = arguments.limits(max_size, max_queue, write_limit, web=web)
    further = {} if web else {"Origin": origin, "User-Agent": user_agent_header}
    options = arguments.base_options(
        web_limits=web,
        subprotocols=rules.check_subprotocols(subprotocols or ()),
        headers=headers_of(additional_headers, further),
        compression=arguments.compression_of(compression),
        server_hostname=server_hostname or "",
        **fields,
        **arguments.times(open_timeout, close_timeout, None if web else ping_interval, ping_timeout),
    )
    try:
        tls = arguments.tls_of(
            ssl, server_hostname, secure=parse_url(uri, arguments.ANY_PAGE if IN_BROWSER else None).secure
        )
        transport = (connector or open_transport)(uri, options._replace(tls=tls))
    except InvalidURLError as exc:
        raise InvalidURI(uri, str(exc)) from exc
    except InvalidProxyError as exc:
        raise invalid_proxy(True, exc) from exc
    connection = Connection(transport, limits.write_limit, limits.max_size)
    try:
        connection.open(uri, open_timeout)
    except BaseException:
        transport.abort()
        raise
    return connection


if IN_BROWSER:
    from asyncio import Event, wait_for

    from pyodide.ffi import can_run_sync, run_sync

    def _check_can_wait() -> None:
        if not can_run_sync():
            raise rules.unsupported("sync")

    def _sleep(transport: Transport, seconds: float) -> None:
        """Suspend Python until the browser has something for the transport."""
        _check_can_wait()
        seconds = max(0.0, min(seconds, transport.deadline - monotonic()))
        woken = Event()
        transport.set_wakeup(woken.set)

        async def until_woken() -> None:
            with suppress(TimeoutError):  # the next look shows whether anything happened
                await wait_for(woken.wait(), _MOMENT if transport.buffered_amount else seconds)

        try:
            run_sync(until_woken())
        finally:
            transport.set_wakeup(None)

else:
    import select
    import time

    from .transport.native import NativeTransport

    def _check_can_wait() -> None:
        """A process can always wait."""

    def _sleep(transport: Transport, seconds: float) -> None:
        """Wait until the kernel has something for the transport, or a time limit of its own is over."""
        if not isinstance(transport, NativeTransport):  # in memory, whose other side is in this very program
            time.sleep(min(seconds, _MOMENT))
            return
        seconds = max(0.0, min(seconds, transport.deadline - monotonic()))
        reading, writing = _descriptors(transport)
        if not reading and not writing:  # a name is looked up
            time.sleep(min(seconds, _MOMENT))
        elif hasattr(select, "poll"):  # which knows descriptors from 1024 on, too
            poll = select.poll()
            for descriptor in {*reading, *writing}:
                poll.register(
                    descriptor, select.POLLIN * (descriptor in reading) | select.POLLOUT * (descriptor in writing)
                )
            poll.poll(seconds * 1000)
        else:
            select.select(reading, writing, writing, seconds)

    def _descriptors(transport: NativeTransport) -> tuple[list[int], list[int]]:
        try:
            descriptor = transport.fileno()
        except NotConnectedError:
            return [], list(transport.dialling)
        return [descriptor], [descriptor] if transport.wants_write else []
