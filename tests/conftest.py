"""Fixtures for every suite."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

pytest.register_assert_rewrite("tests.contract.cases")

from .contract.server import contract_server  # noqa: E402


@pytest.fixture(scope="session")
def contract_urls() -> Iterator[dict[str, str]]:
    """The servers of the contract cases: the URL of each kind, to which a path is appended."""
    with contract_server() as urls:
        yield urls
