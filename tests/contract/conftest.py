from __future__ import annotations

from collections.abc import Iterator

import pytest

from .server import contract_server


@pytest.fixture(scope="session")
def contract_urls() -> Iterator[dict[str, str]]:
    with contract_server() as urls:
        yield urls
