"""What a row of the table does: one small program for each kind of row, run with a side and the row's arguments."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from .sides import RefusedError, Side

Program = Callable[..., Awaitable[Any]]
PROGRAMS: dict[str, Program] = {}


def program(function: Program) -> Program:
    PROGRAMS[function.__name__] = function
    return function


def outcome_of(function: Callable[..., None], *arguments: Any) -> str | None:
    """Return the name of the error that a call throws."""
    try:
        function(*arguments)
    except RefusedError as exc:
        return exc.name
    return None


@program
async def url(side: Side, url: Any) -> str | None:
    """Connect there; the URL that the connection has, or the error."""
    error = outcome_of(side.connect, url)
    return error or side.url


@program
async def any_url(side: Side, url: Any) -> str:
    """Connect to what is no string; "accepted", or the error."""
    return outcome_of(side.connect, url) or "accepted"


@program
async def protocols(side: Side, protocols: Any) -> str | None:
    """Offer subprotocols; the error."""
    return outcome_of(side.connect, side.at("server:echo"), protocols)


@program
async def chosen(side: Side, place: str, protocols: Any) -> tuple[str, str]:
    """Offer subprotocols to a server; the state it comes to, and the one that was chosen."""
    await side.opened(place, protocols)
    await side.until(lambda: side.state in ("OPEN", "CLOSED"))
    return side.state, side.protocol


@program
async def handshake(side: Side, place: str) -> Any:
    """Connect to a server that answers like that; "OPEN", or how it ended."""
    await side.opened(place)
    await side.until(lambda: side.state in ("OPEN", "CLOSED"))
    return "OPEN" if side.state == "OPEN" else await side.ended()


@program
async def blocked(side: Side, url: str) -> str:
    """Connect to a blocked port; the error, or "later" if only an event tells."""
    error = outcome_of(side.connect, url)
    if error is None:
        await side.until(lambda: "error" in side.events)
    return error or "later"


@program
async def close(side: Side, *arguments: Any) -> Any:
    """Close an open connection; the error, or how it ended."""
    await side.opened("server:echo")
    return outcome_of(side.close, *arguments) or await side.ended()


@program
async def close_at(side: Side, place: str, *arguments: Any) -> Any:
    """Close a connection to a server that answers in its own way; how it ended."""
    await side.opened(place)
    side.close(*arguments)
    return await side.ended()


@program
async def close_crossing(side: Side, place: str, word: str, *arguments: Any) -> Any:
    """Have the server close, and close before that can have arrived; how it ended."""
    await side.opened(place)
    side.send(word)
    side.close(*arguments)
    return await side.ended()


@program
async def good_after_bad(side: Side, bad: str, good: str) -> Any:
    """Connect where the handshake fails, and then where it does not, with one side of the same kind; the last state."""
    await handshake(side, bad)
    other = type(side)(side._urls)
    try:
        return await handshake(other, good)
    finally:
        other.give_up()


@program
async def at_once(side: Side, place: str, count: int) -> int:
    """Connect many times at once; how many come to be open."""
    others = [type(side)(side._urls) for _ in range(count)]
    try:
        return sum(
            outcome == "OPEN" for outcome in await asyncio.gather(*(handshake(other, place) for other in others))
        )
    finally:
        for other in others:
            other.give_up()


@program
async def close_early(side: Side, *arguments: Any) -> Any:
    """Close while connecting; the error, or the state right behind and how it ended."""
    side.connect(side.at("raw:/silent"))
    error = outcome_of(side.close, *arguments)
    return error or (side.state, await side.ended())


@program
async def end(side: Side, place: str, *messages: Any) -> Any:
    """Connect to a server that ends the connection, and say this to it; how it ended."""
    await side.opened(place)
    for message in messages:
        side.send(message)
    return await side.ended()


@program
async def send(side: Side, message: Any) -> Any:
    """Send to a server that echoes; the error, or the echo."""
    await side.opened("server:echo")
    error = outcome_of(side.send, message)
    if error is None:
        await side.until(lambda: side.messages)
    return error or side.messages[0]


@program
async def buffered(side: Side, *messages: Any) -> list[int]:
    """Send within one task; the buffered amount after each."""
    await side.opened("server:echo")
    amounts = []
    for message in messages:
        side.send(message)
        amounts.append(side.buffered)
    return amounts


@program
async def drained(side: Side, message: Any) -> int:
    """Send, and wait for the echo; the buffered amount then."""
    await side.opened("server:echo")
    side.send(message)
    await side.until(lambda: side.messages)
    return side.buffered


@program
async def send_late(side: Side, when: str, message: Any) -> Any:
    """Send before, in or after the closing; the error, or what the buffered amount grew by."""
    if when == "before opening":
        side.connect(side.at("raw:/silent"))
        return outcome_of(side.send, message)
    await side.opened("server:echo")
    side.close(1000)
    if when == "closed":
        await side.ended()
    before = side.buffered
    return outcome_of(side.send, message) or side.buffered - before


@program
async def states(side: Side, place: str) -> list[str]:
    """Live a whole life; the state after each step."""
    side.connect(side.at(place))
    found = [side.state]
    await side.until(lambda: side.state != "CONNECTING")
    found.append(side.state)
    side.close(1000)
    found.append(side.state)
    await side.ended()
    return [*found, side.state]


@program
async def events(side: Side, place: str, *words: str) -> list[str]:
    """Connect to a server that ends the connection, if need be when it is spoken to; the events, in their order."""
    side.connect(side.at(place))
    for word in words:
        await side.until(lambda: side.state != "CONNECTING")
        side.send(word)
    await side.ended()
    return side.events


@program
async def own_close_events(side: Side) -> Any:
    """Send and close at once; the events, and the messages: what comes behind `close()` is not delivered."""
    await side.opened("server:echo")
    side.send("no echo of this")
    side.close(1000)
    await side.ended()
    await asyncio.sleep(0.05)
    side.poll()
    return side.events, side.messages


@program
async def close_twice(side: Side, first: tuple[Any, ...], second: tuple[Any, ...]) -> Any:
    """Close again, while closing and when closed; the errors, and how it ended."""
    await side.opened("server:echo")
    side.close(*first)
    while_closing = outcome_of(side.close, *second)
    how = await side.ended()
    return while_closing, outcome_of(side.close, *second), how


@program
async def messages(side: Side, place: str, *words: str) -> list[str | bytes]:
    """Connect to a server that speaks, if need be when it is spoken to, and ends the connection; what it said."""
    await side.opened(place)
    for word in words:
        side.send(word)
    await side.ended()
    return side.messages


@program
async def flood(side: Side, count: int, size: int) -> tuple[bool, int]:
    """Send many; whether the amount was never less than what was just sent, and the echoes."""
    await side.opened("server:echo")
    for _ in range(count):
        side.send(b"x" * size)
    await side.until(lambda: len(side.messages) == count)
    return all(message == b"x" * size for message in side.messages), side.buffered
