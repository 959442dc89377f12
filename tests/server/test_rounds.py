"""A round among the clients of a server, some of whom have ended meanwhile."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from pyws_browser.server.rounds import Rounds


class Disturbed:
    """As much of a watch as a round asks for."""

    def __init__(self) -> None:
        self.ids: list[int] = []

    def disturb(self, id_: int) -> None:
        self.ids.append(id_)


def clients(count: int, *over: int) -> dict[int, Any]:
    made = {}
    for id_ in range(1, count + 1):
        made[id_] = SimpleNamespace(id=id_, is_over=id_ in over, transport=SimpleNamespace(turn_time=0.0))
    return made


@pytest.mark.parametrize(
    ("active", "served"), [(clients(1), [1]), (clients(1, 1), []), (clients(3), [1, 2, 3]), (clients(3, 2), [1, 3])]
)
def test_only_those_who_have_not_ended_are_looked_after(active: dict[int, Any], served: list[int]) -> None:
    looked_after: list[int] = []
    Rounds().run(active, Disturbed(), lambda client: looked_after.append(client.id))  # type: ignore[arg-type]
    assert looked_after == served


@pytest.mark.parametrize("active", [clients(1), clients(3, 2)])
def test_after_an_interruption_the_next_poll_looks_at_all_who_have_not_ended(active: dict[int, Any]) -> None:
    watch = Disturbed()

    def interrupt(client: Any) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Rounds().run(active, watch, interrupt)  # type: ignore[arg-type]
    assert watch.ids == [id_ for id_, client in active.items() if not client.is_over]


def test_one_whose_end_is_noted_while_it_is_looked_after_is_not_looked_at_again() -> None:
    watch, active = Disturbed(), clients(1)

    def end(client: Any) -> None:
        client.is_over = True
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Rounds().run(active, watch, end)  # type: ignore[arg-type]
    assert watch.ids == []
