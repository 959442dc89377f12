"""The rules of the web on the desktop, under `web_limits`."""

from __future__ import annotations

import asyncio

import pytest

from .run import check
from .table import GROUPS, ROWS

SIDES = {"raw", "page", "desktop"}
ENGINES = {"chromium", "firefox", "webkit", "node"}


@pytest.mark.parametrize("sentence", ROWS)
def test_desktop(sentence: str, contract_urls: dict[str, str]) -> None:
    asyncio.run(check(sentence, "desktop", "", contract_urls))


@pytest.mark.parametrize("row", ROWS.values(), ids=lambda row: row.sentence)
def test_who_differs_says_why(row: object) -> None:
    for key, (outcome, why) in row.but.items():
        side, _, engine = key.partition(" on ")
        assert side in SIDES
        assert not engine or engine in ENGINES
        assert outcome != row.expected
        assert len(why) > 40
        assert why.endswith(".")


def test_no_two_rows_say_the_same() -> None:
    assert len(ROWS) == sum(map(len, GROUPS.values())) > 200
