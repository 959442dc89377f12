"""Runs a row of the table on one side."""

from __future__ import annotations

import asyncio
from typing import Any

from .programs import PROGRAMS
from .sides import PeerSide, RawSide, RefusedError
from .table import GROUPS, ROWS, UNTESTED

AT_ONCE = 4
SIDES = {"raw": RawSide, "page": PeerSide, "desktop": PeerSide}


async def check(sentence: str, side_name: str, engine: str, urls: dict[str, str], site: str = "") -> None:
    """Run a row and compare; `site` is the origin of the page, with the scheme ws."""
    row = ROWS[sentence]
    expected = row.expected_of(side_name, engine)
    if expected is UNTESTED:
        return
    side = SIDES[side_name](urls)
    try:
        outcome: Any = await PROGRAMS[row.program](side, *row.arguments)
    except RefusedError as exc:
        outcome = exc.name
    finally:
        side.give_up()
    if isinstance(expected, str):
        expected = expected.replace("{site}", site)
    assert outcome == expected, f"{sentence}: {outcome!r} instead of {expected!r}"


async def failures(group: str, side: str, engine: str, urls: dict[str, str], site: str) -> list[str]:
    """Run a whole group, a few rows at a time, and return what is not as the rows say."""
    found = []
    places = asyncio.Semaphore(AT_ONCE)

    async def check_one(sentence: str) -> None:
        async with places:
            try:
                await check(sentence, side, engine, urls, site)
            except Exception as exc:
                found.append(f"{sentence}: {type(exc).__name__}: {exc}")

    await asyncio.gather(*(check_one(row.sentence) for row in GROUPS[group]))
    return found
