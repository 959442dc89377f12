"""The arguments of `connect()` in a page: which are accepted, accepted and logged, or refused.

An argument that changes nothing is accepted. One that a page cannot honour, but that changes no message, is accepted
and logged once. One that changes what the server sees, or where the connection goes, is refused by name, with an
alternative.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final

from ..protocol import rules
from ..protocol.rules import UNSUPPORTED_IN_BROWSER
from .arguments import AGENT
from .headers import pairs_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from logging import Logger, LoggerAdapter

    from ..errors import UnsupportedInBrowserError

_NOTHING: Final[Mapping[str, tuple[Any, ...]]] = {
    "compression": ("deflate",),
    "user_agent_header": (AGENT,),
    "ping_interval": (20, None),
    "ping_timeout": (20, None),
    "proxy": (True, False, None),
    "ssl": (True, False, None),
    "family": (0, None),
    "flags": (0, None),
    "proto": (0, None),
    "happy_eyeballs_delay": (None,),
    "interleave": (None,),
    "all_errors": (False, None),
    "ssl_handshake_timeout": (None,),
    "ssl_shutdown_timeout": (None,),
}
"""Values that a page honours anyway, by argument; for others None and empty values."""

_CHANGES_NO_MESSAGE: Final = frozenset(
    {
        *("compression", "extensions", "user_agent_header", "ping_interval", "ping_timeout", "ssl"),
        *("family", "flags", "proto", "happy_eyeballs_delay", "interleave", "all_errors"),
        *("ssl_handshake_timeout", "ssl_shutdown_timeout"),
    }
)

_logged: set[str] = set()


def take_in_page(given: Mapping[str, Any], logger: Logger | LoggerAdapter[Any]) -> None:
    """Check arguments by their names, and log those that a page ignores.

    Raises UnsupportedInBrowserError, which is logged as well: libraries often hide the exceptions of their connections.
    """
    for name, value in given.items():
        if name == "additional_headers":
            if not callable(value):  # a function is called before each attempt
                take_headers_in_page(value, logger)
        elif name in _NOTHING:
            if not any(value is nothing or value == nothing for nothing in _NOTHING[name]):
                _take_or_refuse(name, logger)
        elif value is not None and value != () and value != []:
            _take_or_refuse(name, logger)


def take_headers_in_page(headers: Any, logger: Logger | LoggerAdapter[Any]) -> None:
    """Check the headers: a page sets none, and its user agent is the browser's. Raises what `take_in_page()` raises."""
    names = [name for name, _ in pairs_of(headers)]
    refused = [name for name in names if name.lower() != "user-agent"]
    if refused:
        raise _refusal("additional_headers", f"additional_headers ({', '.join(refused)})", logger)
    if names:
        _take_or_refuse("user_agent_header", logger)


def _take_or_refuse(name: str, logger: Logger | LoggerAdapter[Any]) -> None:
    if name not in _CHANGES_NO_MESSAGE:
        raise _refusal(name, name, logger)
    if name not in _logged:
        _logged.add(name)
        reason = UNSUPPORTED_IN_BROWSER.get(name, UNSUPPORTED_IN_BROWSER["other_arguments"])
        logger.log(logging.INFO, "%s has no effect in a browser: %s", name, reason)


def _refusal(feature: str, name: str, logger: Logger | LoggerAdapter[Any]) -> UnsupportedInBrowserError:
    error = rules.unsupported(feature if feature in UNSUPPORTED_IN_BROWSER else "other_arguments", name)
    logger.warning("%s", error)
    return error
