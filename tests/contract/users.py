"""One connection, as a program uses it by each of the package's interfaces: the polled peer, `aio` and `sync`.

The rows of `shared_cases.py` are written for a `User`, so that all three are asked for the same.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, NamedTuple

from pyws_browser import ConnectError, State, WebSocketPeer
from pyws_browser.aio import ClientConnection, ConnectionClosed
from pyws_browser.aio import connect as connect_aio

from .worlds import LIMIT, World

Message = str | bytes

_MAX_SIZE = 1 << 24

_NAMES = {"open_timeout": "handshake_timeout", "max_size": "inbound_buffer_size"}
"""What the peer calls the fields."""


class End(NamedTuple):
    """How a connection ended."""

    code: int
    """That of the Close frame that came, or of the one that this side sent because it failed the connection."""
    reason: str
    is_clean: bool
    cause: BaseException | None


class EndedError(Exception):
    """There is no message, and there will be none."""


class User(ABC):
    """A program with one connection at a time. `fields` are named as those of `aio.connect()`."""

    def __init__(self, world: World) -> None:
        self.world = world
        self._ends: list[Callable[[], object]] = []

    def clean_up(self) -> None:
        """End what the row left open."""
        for end in self._ends:
            end()
        self.world.clean_up()

    @abstractmethod
    async def open(self, url: str, **fields: Any) -> None:
        """Connect, and raise what says why no connection came about."""

    @property
    @abstractmethod
    def subprotocol(self) -> str | None: ...

    @abstractmethod
    async def send(self, message: Any) -> None: ...

    @abstractmethod
    async def recv(self) -> Message:
        """Return the next message, or raise EndedError."""

    @abstractmethod
    async def close(self, *arguments: Any) -> None:
        """Close, and wait for the end."""

    @abstractmethod
    async def end(self) -> End:
        """Wait for the end without receiving, and return how it came."""

    async def connected(self, behaviour: str = "echo", **fields: Any) -> None:
        await self.open(self.world.url(behaviour), **fields)

    async def exchange(self, message: Any) -> Message:
        await self.send(message)
        return await self.recv()

    async def recv_all(self) -> list[Message]:
        """Receive until the end."""
        messages = []
        while True:
            try:
                messages.append(await self.recv())
            except EndedError:
                return messages


class PeerUser(User):
    """`WebSocketPeer`, polled by the world."""

    _peer: WebSocketPeer

    async def open(self, url: str, *, subprotocols: Any = (), **fields: Any) -> None:
        settings = {_NAMES.get(name, name): value for name, value in {"max_size": _MAX_SIZE, **fields}.items()}
        self._peer = peer = self.world.peer(outbound_buffer_size=_MAX_SIZE, max_queued_packets=4096, **settings)
        peer.connect_to_url(url, subprotocols)
        await self.world.until(lambda: peer.ready_state not in (State.CONNECTING, State.CLOSING))
        if isinstance(peer.close_cause, ConnectError):
            raise peer.close_cause

    @property
    def subprotocol(self) -> str | None:
        return self._peer.selected_protocol or None

    async def send(self, message: Any) -> None:
        self._peer.send(message)

    async def recv(self) -> Message:
        peer = self._peer
        await self.world.until(lambda: peer.get_available_packet_count() or peer.ready_state is State.CLOSED)
        message = peer.receive()
        if message is None:
            raise EndedError
        return message

    async def close(self, *arguments: Any) -> None:
        self._peer.close(*arguments)
        await self.world.closed(self._peer)

    async def end(self) -> End:
        peer = await self.world.closed(self._peer)
        return End(peer.close_code, peer.close_reason, peer.was_clean_close, peer.close_cause)


def end_of(error: ConnectionClosed) -> End:
    """Return what an exception of `aio` and `sync` says."""
    if error.rcvd is not None:
        return End(error.rcvd.code, error.rcvd.reason, error.__cause__ is None, error.__cause__)
    code = getattr(error.__cause__, "close_code", None) if error.sent is None else error.sent.code
    is_failure = getattr(error.__cause__, "close_code", None) is not None
    return End(code if is_failure and code is not None else 1006, "", False, error.__cause__)


class AioUser(User):
    """`pyws_browser.aio`."""

    _connection: ClientConnection

    async def open(self, url: str, **fields: Any) -> None:
        fields = {"max_size": _MAX_SIZE, **self.world.connecting, **fields}
        self._connection = await connect_aio(url, **fields)
        self._ends.append(self._connection._transport.abort)

    @property
    def subprotocol(self) -> str | None:
        return self._connection.subprotocol

    async def send(self, message: Any) -> None:
        await self._connection.send(message)

    async def recv(self) -> Message:
        try:
            return await self._connection.recv()
        except ConnectionClosed as exc:
            raise EndedError from exc

    async def close(self, *arguments: Any) -> None:
        await self._connection.close(*arguments)

    async def end(self) -> End:
        await self._connection.wait_closed()
        return end_of(self._connection.closed_error())


class SyncUser(User):
    """`pyws_browser.sync`, which blocks: the world must go on by itself meanwhile."""

    _connection: Any

    async def open(self, url: str, **fields: Any) -> None:
        from pyws_browser.sync import connect

        self._connection = connect(url, **{"max_size": _MAX_SIZE, **fields})
        self._ends.append(self._connection._transport.abort)
        self._came: list[Message] = []

    @property
    def subprotocol(self) -> str | None:
        return self._connection.subprotocol  # type: ignore[no-any-return]

    async def send(self, message: Any) -> None:
        self._connection.send(message)

    async def recv(self) -> Message:
        if self._came:
            return self._came.pop(0)
        try:
            return self._connection.recv(timeout=LIMIT)  # type: ignore[no-any-return]
        except ConnectionClosed as exc:
            raise EndedError from exc

    async def close(self, *arguments: Any) -> None:
        self._connection.close(*arguments)

    async def end(self) -> End:
        while True:
            try:
                self._came.append(self._connection.recv(timeout=LIMIT))
            except ConnectionClosed as exc:
                return end_of(exc)


USERS: dict[str, type[User]] = {"peer": PeerUser, "aio": AioUser, "sync": SyncUser}
