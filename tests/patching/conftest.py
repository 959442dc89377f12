"""A desktop that keeps to a page's limits, and on which `patch_websockets()` is undone after each test."""

from __future__ import annotations

import warnings
from collections.abc import Iterator

import pytest

from pyws_browser import unpatch_websockets

with warnings.catch_warnings():  # the package says of its legacy part that it is deprecated
    warnings.simplefilter("ignore", DeprecationWarning)
    import websockets.legacy.client  # noqa: F401


@pytest.fixture(autouse=True)
def _limits_of_a_page(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("PYWS_WEB_LIMITS", "1")
    yield
    unpatch_websockets()
