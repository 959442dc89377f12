"""A part of the Autobahn suite that takes less than a minute; `python -m tests.conformance` runs all of it."""

from __future__ import annotations

import pytest

from . import driver, wstest

QUICK = ["[1-7].*", "10.*", "9.[1-4].[1-6]", "9.[5-8].1", "12.[1-5].[14]", "13.[1-7].2"]

pytestmark = [pytest.mark.conformance, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def verdicts() -> list[driver.Verdict]:
    try:
        wstest.install()
    except wstest.NoWstestError as exc:
        pytest.skip(str(exc))
    return driver.run(driver.select_cases(QUICK), jobs=4)


@pytest.mark.parametrize("role", driver.ROLES)
def test_every_case_passes(role: str, verdicts: list[driver.Verdict]) -> None:
    of_role = [verdict for verdict in verdicts if verdict.role == role]
    assert len(of_role) == len(driver.select_cases(QUICK)) > 280
    assert [str(verdict) for verdict in of_role if not verdict.has_passed] == []
