"""Requests and responses, as data."""

from __future__ import annotations

import dataclasses
import sys
from typing import TYPE_CHECKING

from .version import version

if TYPE_CHECKING:
    from .datastructures import Headers

PYTHON_VERSION = "{}.{}".format(*sys.version_info)
USER_AGENT = f"Python/{PYTHON_VERSION} websockets/{version}"
SERVER = USER_AGENT
MAX_NUM_HEADERS, MAX_LINE_LENGTH, MAX_BODY_SIZE = 128, 8192, 2**20


@dataclasses.dataclass
class Request:
    """A request of an opening handshake."""

    path: str
    headers: Headers


@dataclasses.dataclass
class Response:
    """The answer to a request."""

    status_code: int
    reason_phrase: str
    headers: Headers
    body: bytes = b""
