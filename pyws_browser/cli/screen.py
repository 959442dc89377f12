"""Reads lines and shows messages: at a terminal, with prompt_toolkit if it is installed, or in a pipe."""

from __future__ import annotations

import asyncio
import os
import re
import sys
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from threading import Semaphore, Thread
from typing import TYPE_CHECKING, Final, Protocol, TextIO

try:
    import prompt_toolkit
    from prompt_toolkit.history import FileHistory
    from prompt_toolkit.patch_stdout import patch_stdout
except ImportError:
    prompt_toolkit = None  # type: ignore[assignment]

try:  # importing it gives input() line editing
    from readline import get_line_buffer
except ImportError:  # Windows
    get_line_buffer = None  # type: ignore[assignment]

from ..protocol.display import printable
from .arguments import reason_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from ..protocol.vocabulary import Message

PROMPT: Final = "> "
_CLEAR_LINE: Final = "\r\x1b[K"
_CHUNK: Final = 65536  # bytes, as many as a pipe holds
_MAX_WAITING: Final = 1024
"""How many lines are read ahead."""
_LINES_AND_TABS: Final = re.compile("([\n\t])")


class Screen(Protocol):
    """Where a conversation takes place."""

    is_terminal: bool
    """Whether a person types there, so that lines may be commands."""

    def lines(self) -> AsyncIterator[str]:
        """Return the lines of the input as they come, without their ends."""

    def show(self, message: Message) -> None:
        """Show a received message."""

    def note(self, text: str) -> None:
        """Show anything else."""


@contextmanager
def open_screen(stdin: TextIO, stdout: TextIO, stderr: TextIO) -> Iterator[Screen]:
    """Yield the screen for these streams, and restore the terminal at the end."""
    if not stdin.isatty() or not stdout.isatty():
        yield Pipe(stdin, stdout, stderr)
    elif prompt_toolkit is not None:
        with patch_stdout():
            yield ToolkitTerminal()
    else:
        terminal = PlainTerminal()
        try:
            with _restored(stdin):
                yield terminal
        finally:
            terminal.leave()


class Pipe:
    """Lines from one stream, messages to another."""

    is_terminal = False

    def __init__(self, stdin: TextIO, stdout: TextIO, stderr: TextIO) -> None:
        self._stdin = stdin
        self._stdout = stdout
        self._stderr = stderr

    def lines(self) -> AsyncIterator[str]:
        """Return the lines of the standard input."""
        return _in_thread(_unbuffered(self._stdin.fileno()))

    def show(self, message: Message) -> None:
        """Write text as it is, bytes in hexadecimal, one message a line; a terminal gets no control characters."""
        text = message if isinstance(message, str) else message.hex(" ")
        self._stdout.write((printable_lines(text) if self._stdout.isatty() else text) + "\n")
        self._stdout.flush()

    def note(self, text: str) -> None:
        """Write to stderr: stdout is for messages."""
        self._stderr.write(printable(text, None) + "\n")
        self._stderr.flush()


class _Terminal:
    is_terminal = True

    def show(self, message: Message) -> None:
        """Show it above the line that is being typed."""
        self._print(
            f"< {message}" if isinstance(message, str) else f"< [binary, {len(message)} bytes] {message.hex(' ')}"
        )

    def note(self, text: str) -> None:
        """Show it above the line that is being typed."""
        self._print(text)

    def _print(self, text: str) -> None:
        print(printable_lines(text), flush=True)


class ToolkitTerminal(_Terminal):
    """A terminal with a line editor, and a history that is kept."""

    async def lines(self) -> AsyncIterator[str]:
        """Return typed lines, until the end of input."""
        session: prompt_toolkit.PromptSession[str] = prompt_toolkit.PromptSession(history=self._history())
        with suppress(EOFError):
            while True:
                yield await session.prompt_async(PROMPT)

    def _history(self) -> FileHistory | None:
        """Return the history that is kept, None if there is no file to keep it in."""
        folder = os.path.expanduser(os.environ.get("XDG_STATE_HOME") or "~/.local/state")
        path = Path(folder, "pyws_browser", "history")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("a+b"):  # FileHistory opens it only later
                return FileHistory(str(path))
        except OSError as exc:
            self.note(f"the history is not kept: {reason_of(exc)}")
            return None


class PlainTerminal(_Terminal):
    """A terminal with the line editing of Python's `input()`: its history lasts as long as the program."""

    def __init__(self) -> None:
        self._is_reading = False

    def lines(self) -> AsyncIterator[str]:
        """Return typed lines, until the end of input."""
        return _in_thread(self._typed())

    def leave(self) -> None:
        """Remove the prompt."""
        if self._is_reading:
            print(_CLEAR_LINE, end="", flush=True)

    def _print(self, text: str) -> None:
        typed = f"{PROMPT}{get_line_buffer()}" if self._is_reading and get_line_buffer is not None else ""
        text = printable_lines(text)
        print(f"{_CLEAR_LINE}{text}\n{typed}" if typed else text, end="" if typed else "\n", flush=True)

    def _typed(self) -> Iterator[str]:
        with suppress(EOFError):
            while True:
                self._is_reading = True
                line = input(PROMPT)
                self._is_reading = False
                yield line
        self._is_reading = False


def printable_lines(text: str) -> str:
    """Return text as `printable()` does, but keep line ends and tabs."""
    return "".join(part if part in ("\n", "\t") else printable(part, None) for part in _LINES_AND_TABS.split(text))


def _unbuffered(descriptor: int) -> Iterator[str]:
    # A thread that waits inside a buffered reader would hold its lock when Python ends.
    begun: list[bytes] = []
    while chunk := os.read(descriptor, _CHUNK):
        end, *lines = chunk.split(b"\n")
        begun.append(end)
        for line in lines:
            yield _text_of(begun)
            begun = [line]
    if any(begun):
        yield _text_of(begun)


def _text_of(parts: list[bytes]) -> str:
    return b"".join(parts).decode(errors="replace").rstrip("\r")


async def _in_thread(lines: Iterator[str]) -> AsyncIterator[str]:
    """Read in a daemon thread: nothing can interrupt its reading at the end of the program."""
    loop = asyncio.get_running_loop()
    queue: asyncio.Queue[str | OSError | None] = asyncio.Queue()
    room = Semaphore(_MAX_WAITING)

    def read() -> None:
        end: OSError | None = None
        with suppress(RuntimeError):  # the loop is closed: the program is ending
            try:
                for line in lines:
                    room.acquire()
                    loop.call_soon_threadsafe(queue.put_nowait, line)
            except OSError as exc:
                end = exc
            loop.call_soon_threadsafe(queue.put_nowait, end)

    Thread(target=read, daemon=True).start()
    while isinstance(line := await queue.get(), str):
        room.release()
        yield line
    if line is not None:
        raise line


@contextmanager
def _restored(stdin: TextIO) -> Iterator[None]:
    """Restore the terminal if a line editor is left in the middle of a line."""
    with ExitStack() as stack:
        if sys.platform != "win32":
            import termios

            before = termios.tcgetattr(stdin.fileno())
            stack.callback(termios.tcsetattr, stdin.fileno(), termios.TCSADRAIN, before)
        yield
