"""Connect to a server: typed lines go out, received messages are shown.

At a terminal, lines that begin with a slash are commands; `/help` lists them. In a pipe every line of the input is sent
as it is, messages are written to stdout, one a line, and everything else to stderr.
"""

from __future__ import annotations

import asyncio
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Final

from .. import ReconnectState
from ..aio import ConnectionClosed
from ..aio import connect as open_connection
from ..errors import LocalProtocolError, MessageTooBigError
from ..protocol.display import printable, without_password
from .arguments import UsageError, add_connecting, connecting, interval, reason_of, seconds
from .presentation import Presentation
from .screen import Pipe, open_screen
from .typed import Lines

if TYPE_CHECKING:
    import argparse

    from ..aio import ClientConnection
    from ..aio import connect as Connector  # noqa: N812  a class that is called as a function
    from ..protocol.trace import TracedFrame
    from .screen import Screen

_HELP: Final = """\
/text TEXT            send text, even if it begins with a slash
/hex 00 ff 2a         send these bytes as a binary message
/file PATH            send a file as a binary message
/ping [TEXT]          send a ping, and say how long the pong took
/close [CODE [TEXT]]  close, with 1000 if no code is given
/help                 this list
Anything else is sent as text. Ctrl-D closes."""

_CLOSE_CODE_DIGITS: Final = 4


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    add_connecting(parser)
    parser.add_argument(
        "-x",
        "--execute",
        action="append",
        metavar="TEXT",
        help="send this, show what comes, and leave as at the end of a pipe; may be given again",
    )
    parser.add_argument("--reconnect", action="store_true", help="connect again after a loss, until Ctrl-D or Ctrl-C")
    parser.add_argument("--json", action="store_true", help="show messages of JSON with a line for each value")
    parser.add_argument("--timestamps", action="store_true", help="show when each message came")
    parser.add_argument("--hex", action="store_true", help="lines are bytes in hexadecimal, sent as binary messages")
    parser.add_argument("--trace", action="store_true", help="show every frame, on the standard error")
    parser.add_argument(
        "--ping", type=interval, default=20.0, metavar="SECONDS", help="ping so often, 0 for never (default: 20)"
    )
    parser.add_argument(
        "--wait",
        type=seconds,
        default=1.0,
        metavar="SECONDS",
        help="at the end of a pipe, close once nothing came for so long, -1 for never (default: 1)",
    )


async def run(options: argparse.Namespace) -> int:
    """Run the conversation; return 0 if the connection was closed normally."""

    def trace(_: object, frame: TracedFrame) -> None:
        screen.note(str(frame))

    connector = open_connection(
        options.url,
        **connecting(options),
        ping_interval=options.ping or None,
        trace=trace if options.trace else None,
    )
    with ExitStack() as stack:
        screen = Presentation(
            Pipe(sys.stdin, sys.stdout, sys.stderr)
            if options.execute
            else stack.enter_context(open_screen(sys.stdin, sys.stdout, sys.stderr)),
            pretty=options.json,
            timestamps=options.timestamps,
            lines=options.execute,
        )
        if options.reconnect:
            return await _converse_again_and_again(connector, screen, options)
        connection = await connector
        async with Lines(screen.lines()) as lines:
            return await _converse(connection, screen, lines, options)


async def _converse_again_and_again(connector: Connector, screen: Screen, options: argparse.Namespace) -> int:
    """Connect again after each loss, until the input ends or asks for the end."""

    def tell(state: ReconnectState) -> None:
        if state is ReconnectState.WAITING:
            reconnection = connector.reconnection
            why = printable(str(reconnection.error), None)
            screen.note(f"{why}; connecting again in {reconnection.delay:.1f} s")

    connector.reconnection.changed.connect(tell)
    status = 1
    async with Lines(screen.lines()) as lines:
        async for connection in connector:
            status = await _converse(connection, screen, lines, options)
            if lines.has_ended or lines.is_left:
                break
    return status


async def _converse(connection: ClientConnection, screen: Screen, lines: Lines, options: argparse.Namespace) -> int:
    subprotocol = f" as {connection.subprotocol}" if connection.subprotocol else ""
    screen.note(f"connected to {without_password(options.url)}{subprotocol}")
    return await _Conversation(connection, screen, lines, options).run()


class _Conversation:
    def __init__(self, connection: ClientConnection, screen: Screen, lines: Lines, options: argparse.Namespace) -> None:
        self._connection = connection
        self._lines = lines
        self._screen = screen
        self._is_hex: bool = options.hex
        self._patience: float | None = None if options.wait < 0 else options.wait
        self._last_message = 0.0
        self._code = 1000  # asked for by this side

    async def run(self) -> int:
        receiving = asyncio.create_task(self._receive())
        sending = asyncio.create_task(self._send())
        try:
            await asyncio.wait((receiving, sending), return_when=asyncio.FIRST_COMPLETED)
            if sending.done():
                await sending  # raises the cause
                await self._connection.close()
            await receiving
        finally:
            sending.cancel()
            receiving.cancel()
            await asyncio.gather(sending, receiving, return_exceptions=True)
            await self._connection.close()
        code, reason = self._connection.close_code, self._connection.close_reason
        self._screen.note(f"closed with {code}" + (f": {printable(reason, None)}" if reason else ""))
        return 0 if code in (1000, 1001, 1005, self._code) else 1

    async def _receive(self) -> None:
        try:
            while True:
                message = await self._connection.recv()
                self._last_message = asyncio.get_running_loop().time()
                self._screen.show(message)
        except ConnectionClosed as exc:
            if isinstance(exc.__cause__, MessageTooBigError):
                self._screen.note("a message came that is larger than --max-size: raise that")
            elif exc.__cause__ is not None:
                self._screen.note(printable(str(exc.__cause__), None))

    async def _send(self) -> None:
        while (line := await self._lines.next()) is not None:
            try:
                if not await self._act(line):
                    self._lines.is_left = True
                    return
            except ConnectionClosed:
                self._lines.put_back(line)
                return
            except (UsageError, LocalProtocolError, OSError) as exc:
                if not self._screen.is_terminal:
                    raise
                self._screen.note(reason_of(exc))
        if not self._screen.is_terminal:
            await self._wait_for_quiet()

    async def _act(self, line: str) -> bool:
        """Run one line; return whether to go on."""
        if not self._screen.is_terminal or not line.startswith("/"):
            await self._connection.send(_from_hex(line) if self._is_hex else line)
            return True
        name, _, rest = line[1:].partition(" ")
        if name == "text":
            await self._connection.send(rest)
        elif name == "hex":
            await self._connection.send(_from_hex(rest))
        elif name == "file":
            await self._connection.send(await asyncio.to_thread(_read, rest))
        elif name == "ping":
            latency = await (await self._connection.ping(rest or None))
            self._screen.note(f"pong after {1000 * latency:.1f} ms")
        elif name == "close":
            code, _, reason = rest.partition(" ")
            if code and not (code.isdecimal() and len(code) == _CLOSE_CODE_DIGITS):
                raise UsageError(f"{code!r} is not a close code: /close 1000 goodbye")
            await self._connection.close(int(code or 1000), reason)
            self._code = int(code or 1000)
            return False
        elif name == "help":
            self._screen.note(_HELP)
        else:
            raise UsageError(f"there is no command /{name}: /help lists them, /text sends such a line")
        return True

    async def _wait_for_quiet(self) -> None:
        """Wait until the answers to the last lines of a pipe have come."""
        if self._patience is None:
            await self._connection.wait_closed()
            return
        loop = asyncio.get_running_loop()
        self._last_message = loop.time()
        while (left := self._last_message + self._patience - loop.time()) > 0:
            await asyncio.sleep(left)


def _from_hex(text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError:
        raise UsageError(f"{text!r} are not hexadecimal bytes, such as 00 ff 2a") from None


def _read(path: str) -> bytes:
    path = path.strip()
    if len(path) > 1 and path[0] == path[-1] and path[0] in "\"'":
        path = path[1:-1]
    if not path:
        raise UsageError("there is no path: /file PATH")
    try:
        return Path(path).read_bytes()
    except ValueError:  # for example, it has a NUL
        raise UsageError(f"{path!r} is not a path") from None
