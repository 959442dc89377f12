"""The steps of a `LocalServer` with a connection."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from ..aio import broadcast

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from ..aio import ServerConnection
    from ..protocol.vocabulary import Message

ANYTHING: Final[Any] = ...
"""Stands for any message in `expect()`."""


class Step(NamedTuple):
    """One step of a script; the functions of this module make them."""

    name: str
    """A description of the step, for errors."""
    run: Callable[[Visit], Awaitable[None]]
    status: int = 0
    """The HTTP status that refuses the connection before it opens, 0 for none."""


class Visit:
    """A connection, while a script runs."""

    def __init__(self, connection: ServerConnection, note: Callable[[Message], None]) -> None:
        self.connection: ServerConnection = connection
        self.pause: float = 0.0
        """Seconds to wait before each message that is sent or received."""
        self._note = note

    async def receive(self) -> Message:
        """Receive a message, and record it for the test."""
        await asyncio.sleep(self.pause)
        message = await self.connection.recv()
        self._note(message)
        return message

    async def send(self, message: Message) -> None:
        """Send a message."""
        await asyncio.sleep(self.pause)
        await self.connection.send(message)


def say(message: str | bytes) -> Step:
    """Send a message."""
    return Step(f"say({message!r})", lambda visit: visit.send(message))


def expect(message: str | bytes = ANYTHING) -> Step:
    """Receive a message; if it differs from `message`, the test fails when the server stops."""

    async def run(visit: Visit) -> None:
        received = await visit.receive()
        if message is not ANYTHING and received != message:
            raise AssertionError(f"{received!r} came, and the script expects {message!r}")

    return Step(f"expect({'' if message is ANYTHING else repr(message)})", run)


def wait(seconds: float) -> Step:
    """Do nothing for that many seconds."""
    return Step(f"wait({seconds})", lambda _: asyncio.sleep(seconds))


def close(code: int = 1000, reason: str = "") -> Step:
    """Close the connection with a code."""
    return Step(f"close({code}, {reason!r})", lambda visit: visit.connection.close(code, reason))


def drop() -> Step:
    """Cut the connection without a Close frame, as a crash or a lost network does: the client sees 1006."""

    async def run(visit: Visit) -> None:
        visit.connection.transport.abort()

    return Step("drop()", run)


def be_slow(seconds: float) -> Step:
    """From now on, wait that many seconds before each message that is sent or received."""

    async def run(visit: Visit) -> None:
        visit.pause = seconds

    return Step(f"be_slow({seconds})", run)


def echo() -> Step:
    """Send every message back, until the client leaves."""

    async def run(visit: Visit) -> None:
        while True:
            await visit.send(await visit.receive())

    return Step("echo()", run)


def relay() -> Step:
    """Send every message to all other clients, until this one leaves."""

    async def run(visit: Visit) -> None:
        while True:
            message = await visit.receive()
            broadcast(visit.connection.server.connections - {visit.connection}, message)

    return Step("relay()", run)


def refuse(status: int = 503) -> Step:
    """Refuse the connection with an HTTP status before it opens; this must be the only step of its script."""

    async def run(visit: Visit) -> None:
        raise AssertionError("the connection was refused")

    return Step(f"refuse({status})", run, status)
