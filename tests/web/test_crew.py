"""The relay in two processes: what one of them hears, the participants at the other one see as well."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import pytest

from board import DRAW, INK, INK_LINE, MOVE, POINT
from crew import Crew, process_in
from pyws_browser import CloseCode, ListenError, State

from ..rooms.engines import Nats, need
from ..support import LIMIT
from .test_relay import Client

MOST = 60

pytestmark = pytest.mark.interop  # on a busy machine a worker takes longer to start than a client waits


@pytest.fixture
def crew(tmp_path: Path) -> Iterator[Crew]:
    need("nats-server")
    pytest.importorskip("nats")
    engine = Nats(tmp_path)
    engine.start()
    crew = Crew("127.0.0.1", 0, (), 2, engine.url)
    yield crew
    crew.wait()
    engine.close()


class Guest(Client):
    """Somebody who keeps what is heard until it is asked for, whatever comes before it."""

    def finds(self, **fields: Any) -> dict[str, Any]:
        """Return the next text that has these fields."""
        while True:
            message = self.next()
            if isinstance(message, str):
                known = self.parsed(message)
                if fields.items() <= known.items():
                    return known

    def has_found(self, seconds: float, fields: dict[str, Any]) -> bool:
        """Tell whether the next text that has these fields comes within so many seconds."""
        end = monotonic() + seconds
        while monotonic() < end:
            self.poll()
            for message in self.peer:
                if isinstance(message, str) and fields.items() <= self.parsed(message).items():
                    return True
            sleep(0.001)
        return False

    def finds_bytes(self, wanted: bytes) -> None:
        while self.next() != wanted:
            pass

    @staticmethod
    def parsed(message: str) -> dict[str, Any]:
        fields: dict[str, Any] = json.loads(message)
        return fields

    @property
    def process(self) -> int:
        return process_in(self.welcome["worker"])


Connect = Callable[..., Guest]


@pytest.fixture
def connect(crew: Crew) -> Iterator[Connect]:
    """Give a function that connects somebody: connect(name, away_from=0), a process to keep away from."""
    guests: list[Guest] = []

    def connect(name: str, away_from: int = 0) -> Guest:
        for _ in range(MOST):
            guests.append(Guest(f"ws://127.0.0.1:{crew.port}/", name))
            if guests[-1].process != away_from:
                return guests[-1]
            guests[-1].peer.close()
            guests[-1].until(lambda: guests[-1].peer.ready_state is State.CLOSED)
        raise AssertionError("all come to the same worker")

    yield connect
    for guest in guests:
        guest.peer.abort()
    guests.clear()


def pass_on(sender: Guest, listener: Guest, **fields: Any) -> None:
    """Say something until the other one has heard it: it is lost while a worker does not hear the broker."""
    for _ in range(int(LIMIT)):
        sender.tell(**fields)
        if listener.has_found(1.0, fields | {"id": sender.id}):
            return
    pytest.fail(f"{fields} was not heard")


def test_participants_at_two_workers_share_one_board_that_outlives_one_of_them(crew: Crew, connect: Connect) -> None:
    ada = connect("Ada")
    bob = connect("Bob", away_from=ada.process)
    ada.finds(type="join", name="Bob")
    assert "Ada" in [person["name"] for person in bob.welcome["people"]]

    pass_on(ada, bob, type="chat", text="hello")
    ada.peer.send(POINT.pack(MOVE, 0, 10, 20))
    ada.peer.send(POINT.pack(DRAW, 0, 30, 40))
    line = bytes([INK]) + INK_LINE.pack(ada.welcome["colour"], 10, 20, 30, 40)
    bob.finds_bytes(line)

    os.kill(ada.process, signal.SIGKILL)
    bob.finds(type="leave", id=ada.id)
    again = connect("Ada")
    again.finds_bytes(line)
    bob.finds(type="join", id=again.id, name="Ada")

    pass_on(again, bob, type="join", name="Eve")
    pass_on(again, bob, type="clear")
    crew.wait()
    assert bob.is_sent_away()[0] == CloseCode.SERVICE_RESTART


def test_workers_that_do_not_start_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(ListenError):
        Crew("host.invalid", 0, (), 2, "nats://127.0.0.1:1")
