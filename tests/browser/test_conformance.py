"""The Autobahn suite finds in the package what it finds in the browser's own WebSocket, case by case.

PYWS_AUTOBAHN_CASES names the cases to run (`*` for all of them); `./build.sh conformance --browser` sets it.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from ..conformance import browser, driver, wstest

if TYPE_CHECKING:
    from .interpreter import Interpreter

QUICK = "[1-4].* 5.* 6.[1-3].* 7.* 9.[12].[1-4] 10.* 12.1.[1-3] 13.1.[1-3]"
NON_STRICT = "NON-STRICT"
"""As good as OK, and a question of how the network cuts what is sent, so that either may come."""

RETRIES = 2
"""The suite gives a closing handshake one second, which a busy machine may take for itself: what is the package's own
doing shows each time."""

pytestmark = [pytest.mark.conformance]


@pytest.mark.timeout(3 * 3600)
def test_the_package_does_as_the_browser(page_python: Interpreter) -> None:
    try:
        wstest.install()
    except wstest.NoWstestError as exc:
        pytest.skip(str(exc))
    cases = driver.select_cases(os.environ.get("PYWS_AUTOBAHN_CASES", QUICK).split())
    assert len(cases) > 100 or "PYWS_AUTOBAHN_CASES" in os.environ

    verdicts = {client: browser.run(page_python, client, cases) for client in browser.CLIENTS}
    assert [str(verdict) for verdict in verdicts["javascript"].values() if verdict.behaviour == "MISSING"] == []

    differences = _differences(verdicts)
    for _ in range(RETRIES):
        if differences:
            again = {client: browser.run(page_python, client, list(differences)) for client in browser.CLIENTS}
            differences = _differences(again)
    assert list(differences.values()) == []


def _differences(verdicts: dict[str, dict[str, driver.Verdict]]) -> dict[str, str]:
    ours, its = verdicts["package"], verdicts["javascript"]
    return {case: f"{ours[case]}; {its[case]}" for case in ours if _behaviour(ours[case]) != _behaviour(its[case])}


def _behaviour(verdict: driver.Verdict) -> tuple[str, str]:
    return verdict.behaviour.replace(NON_STRICT, "OK"), verdict.closing
