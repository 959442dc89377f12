"""A participant in a terminal: what `python web/board.py` runs on the desktop.

It strolls over the board, draws a flower now and then, says what it is given with --say or on its standard input, and
prints what it sees.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import signal
import sys
from collections import deque
from functools import partial
from math import cos, hypot, pi, sin
from queue import SimpleQueue
from threading import Thread
from time import monotonic
from typing import TYPE_CHECKING

from board import NAME_LENGTH, Participant, clean
from pyws_browser import State

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

FRAME = 1 / 30
BOARD_ASPECT = 1.6
PLACES_INTERVAL = 1.0
FAREWELL_TIMEOUT = 3.0


class Terminal:
    """The `View` of a terminal, and the one who acts there."""

    def __init__(self, arguments: argparse.Namespace) -> None:
        self._is_verbose: bool = arguments.verbose
        self._greets: bool = arguments.greet
        self._ends_at = monotonic() + arguments.seconds if arguments.seconds else float("inf")
        self._to_say: SimpleQueue[str] = SimpleQueue()
        for text in arguments.say:
            self._to_say.put(text)
        self._names: dict[int, str] = {}
        self._places: dict[int, tuple[float, float]] = {}  # where those are who have moved since it was printed
        self._places_due = 0.0
        self._stroll = stroll()
        self._is_open = False
        self._is_over = False
        self.is_leaving = False
        self.failure = ""
        self.participant = Participant(self, arguments.name)

    async def frame(self) -> bool:
        """Wait for the next frame, and do something in it."""
        await asyncio.sleep(FRAME)
        self._show_places()
        if monotonic() >= self._ends_at:
            self._leave()
        elif self._is_open:
            self.participant.point(*next(self._stroll))
            while not self._to_say.empty():
                self.participant.say(self._to_say.get())
        return not self._is_over

    def _show_places(self) -> None:
        now = monotonic()
        if self._places and now >= self._places_due:
            self._places_due = now + PLACES_INTERVAL
            for id_, (x, y) in self._places.items():
                show(f"{self._names[id_]} is at {x:.2f} {y:.2f}")
            self._places.clear()

    def _leave(self) -> None:
        """Say goodbye once, and wait for the answer a little."""
        if self.is_leaving:
            self._is_over = True
        self.is_leaving = True
        self._ends_at = monotonic() + FAREWELL_TIMEOUT
        self.participant.close("1000", "goodbye")

    def leave_soon(self, *_: object) -> None:
        """Leave in the next frame; this may be called from a signal handler."""
        self._ends_at = 0.0

    def listen_to(self, descriptor: int) -> None:
        """Say what comes from there, line by line."""

        def read() -> None:
            # Unbuffered, for a thread that waits inside a buffered reader would hold its lock when Python ends.
            with open(descriptor, "rb", buffering=0, closefd=False) as lines:
                for line in lines:
                    self._to_say.put(line.decode(errors="replace").strip())

        Thread(target=read, daemon=True).start()

    # The view.

    def state(self, name: str, url: str, protocol: str) -> None:
        """Print the state."""
        self._is_open = name == State.OPEN.name
        show(f"{name.lower()} {url}" + (f" as {protocol}" if protocol else ""))

    def ended(self, code: int, meaning: str, reason: str, was_clean: bool, cause: str) -> None:
        """Print how it ended, and end."""
        words = ", ".join(filter(None, (meaning, f"“{reason}”" if reason else "", "" if was_clean else "not clean")))
        show(f"closed with {code} ({words})" + (f": {cause}" if cause else ""))
        self._is_over = True
        if not self.is_leaving:
            self.failure = cause or f"the other side closed with {code}"

    def problem(self, text: str) -> None:
        """Print it."""
        show(f"problem: {text}")

    def welcome(self, who: int, name: str, colour: int) -> None:
        """Print it, once it is the relay that says so."""
        self._names.clear()
        if who:
            show(f"at the board as {name}")

    def worker(self, name: str) -> None:
        """Print it."""
        show(f"at worker {name}")

    def joined(self, who: int, name: str, colour: int) -> None:
        """Print it, and say hello."""
        before = self._names.get(who)
        self._names[who] = name
        if before is None:
            show(f"{name} is here")
            if self._greets:
                self._to_say.put(f"Hello, {name}!")
        elif before != name:
            show(f"{before} is called {name} now")

    def left(self, who: int, name: str) -> None:
        """Print it."""
        self._names.pop(who, None)
        self._places.pop(who, None)
        show(f"{name} has left")

    def moved(self, who: int, x: float, y: float) -> None:
        """Remember where the others are, to print it now and then."""
        if who in self._names:
            self._places[who] = x, y

    def line(self, colour: int, x0: float, y0: float, x1: float, y1: float) -> None:
        """A terminal has no board to draw on."""

    def cleared(self, name: str) -> None:
        """Print it."""
        show(f"{name} wiped the board")

    def chat(self, who: int, name: str, text: str) -> None:
        """Print it."""
        show(f"{name}: {text}")

    def message(self, direction: str, kind: str, size: int, shown: str, note: str) -> None:
        """Print it if everything is wanted, and always if it was not understood."""
        if self._is_verbose or note:
            arrow = "<" if direction == "in" else ">"
            show(f"{arrow} {kind} {size}: {clean(shown, 80)}" + (f" ({note})" if note else ""))

    def echoed(self, network: float, frame: float) -> None:
        """Print it if everything is wanted."""
        if self._is_verbose:
            show(f"there and back in {network:.1f} ms, and {frame:.1f} ms until the next frame")

    def waiting(self, seconds: float, why: str) -> None:
        """Print it; a participant in a terminal leaves then."""
        if why:
            show(f"problem: {why}")


def show(text: str) -> None:
    """Print a line at once, for readers of a pipe."""
    print(text, flush=True)


def stroll() -> Iterator[tuple[float, float, bool]]:
    """Return where to be in each frame: flowers, and quiet ways from one to the next."""
    x, y = 0.5, 0.5
    centres = deque([(x, y)], maxlen=12)
    while True:
        centres.append(max((some_place() for _ in range(8)), key=partial(distance_to_all, centres)))
        flower = list(petals(*centres[-1], random.uniform(0.07, 0.14), random.choice((2, 3, 4, 5))))
        for step in range(1, 46):
            part = (1 - cos(pi * step / 45)) / 2
            yield x + (flower[0][0] - x) * part, y + (flower[0][1] - y) * part, False
        for x, y in flower:
            yield x, y, True


def some_place() -> tuple[float, float]:
    """Return a place where a flower would not touch the edge."""
    return random.uniform(0.12, 0.88), random.uniform(0.18, 0.82)


def distance_to_all(places: Iterable[tuple[float, float]], place: tuple[float, float]) -> float:
    """Return how far the nearest of `places` is."""
    return min(hypot((x - place[0]) * BOARD_ASPECT, y - place[1]) for x, y in places)


def petals(x: float, y: float, radius: float, count: int) -> Iterator[tuple[float, float]]:
    """Return the points of a rose curve; an even `count` gives twice as many petals."""
    turn = random.uniform(0, 2 * pi)
    points = 60 * count if count % 2 == 0 else 30 * count
    angle = 2 * pi if count % 2 == 0 else pi
    for point in range(points + 1):
        theta = angle * point / points
        r = radius * cos(count * theta)
        yield x + r * cos(theta + turn) / BOARD_ASPECT, y + r * sin(theta + turn)


def main() -> None:
    """Parse the command line and take part until told to leave."""
    parser = argparse.ArgumentParser(description="Take part in a shared board.")
    parser.add_argument("url", help="the relay, such as ws://127.0.0.1:8001/")
    parser.add_argument("--name", default="", help=f"how to be called, at most {NAME_LENGTH} characters")
    parser.add_argument("--say", action="append", default=[], help="say this on arrival; may be given again")
    parser.add_argument("--greet", action="store_true", help="greet everybody by name")
    parser.add_argument("--seconds", type=float, default=0.0, help="leave after so long")
    parser.add_argument("--verbose", action="store_true", help="print every message and every round trip")
    arguments = parser.parse_args()

    terminal = Terminal(arguments)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, terminal.leave_soon)
    if sys.stdin is not None:
        terminal.listen_to(sys.stdin.fileno())
    terminal.participant.connect(arguments.url)
    if terminal.participant.peer.ready_state is State.CLOSED:
        sys.exit(2)
    asyncio.run(terminal.participant.run())
    if terminal.failure:
        sys.exit(1)


if __name__ == "__main__":
    main()
