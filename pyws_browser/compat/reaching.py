"""Checks the arguments of `connect()` that say how to reach the server, before it starts. CPython only."""

from __future__ import annotations

import os
import socket
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urljoin

from ..errors import InvalidOptionError, InvalidURLError
from ..protocol.display import printable, without_password
from ..protocol.rules import MAX_PORT
from ..protocol.url import parse_host, parse_url
from .arguments import AGENT
from .exceptions import InvalidHeader, InvalidRedirect, InvalidStatus, RedirectError, SecurityError
from .headers import headers_of

if TYPE_CHECKING:
    from collections.abc import Iterable
    from logging import Logger, LoggerAdapter

    from ..protocol.options import Options

_REDIRECTS: Final = frozenset({300, 301, 302, 303, 307, 308})


def host_of(host: str | None, name: str = "host") -> str | None:
    """Return a host name or an address as a URL has it; raises InvalidOptionError for other values."""
    if host is None:
        return None
    try:
        return parse_host(host)
    except (InvalidURLError, TypeError, AttributeError) as exc:
        problem = exc if isinstance(exc, InvalidURLError) else f"it is a str, not {type(host).__name__}"
        raise InvalidOptionError(f"{name} cannot be used: {problem}") from None


def port_of(port: int | None, name: str = "port", *, or_zero: bool = False) -> int | None:
    """Return a port number; raises InvalidOptionError for other values."""
    if port is None:
        return None
    if not isinstance(port, int) or isinstance(port, bool) or not (1 - or_zero) <= port <= MAX_PORT:
        raise InvalidOptionError(f"{name} is a number from {1 - or_zero} to {MAX_PORT}, not {port!r}")
    return port


def local_addr_of(address: tuple[str, int] | None) -> tuple[str, int] | None:
    """Return the host ("" for any) and the port (0 for any) to connect from; raises InvalidOptionError."""
    match address:
        case None:
            return None
        case (str(host), int(port)):
            return host and str(host_of(host, "local_addr")), port_of(port, "local_addr's port", or_zero=True) or 0
    raise InvalidOptionError(f'local_addr is a host and a port, as in ("192.0.2.1", 0), not {address!r}')


def family_of(family: int) -> int:
    """Return the number of an address family; raises InvalidOptionError for families other than IP."""
    if family not in (0, socket.AF_INET, socket.AF_INET6):
        raise InvalidOptionError(f"family is socket.AF_INET, socket.AF_INET6, or 0 for both, not {family!r}")
    return int(family)


def proxy_of(proxy: str | bool | None) -> str | bool | None:
    """Return the proxy setting; raises InvalidOptionError for a wrong type. URLs are checked later."""
    if proxy is not None and not isinstance(proxy, (str, bool)):
        raise InvalidOptionError(f"proxy is a URL, True for that of the system, or None, not {proxy!r}")
    return proxy


def unix_path_of(path: str | os.PathLike[str] | None) -> str | None:
    """Return the path of a unix socket; raises InvalidOptionError for other values."""
    if path is not None and not isinstance(path, (str, os.PathLike)):
        raise InvalidOptionError(f"unix_path is a path, or None, not {path!r}")
    return None if path is None else os.fspath(path)


def origins_of(urls: Iterable[str]) -> frozenset[tuple[str, str, int]]:
    """Return the origins of URLs; raises InvalidOptionError for an invalid one."""
    try:
        return frozenset(parse_url(url).origin for url in urls)
    except InvalidURLError as exc:
        raise InvalidOptionError(f"trusted_origins has URLs such as wss://game.example: {exc}") from None


def options_elsewhere(options: Options, uri: str, agent: str | None, logger: Logger | LoggerAdapter[Any]) -> Options:
    """Return the options for a redirect to another origin: without what was given for the first one."""
    logger.info(
        "redirected to another origin, %s: what was given for the first is not sent there, see trusted_origins",
        without_password(uri),
    )
    headers = headers_of(None, {"User-Agent": None if agent is None else AGENT})
    return options._replace(headers=headers, subprotocols=(), server_hostname="")


def redirect_target(error: Exception, uri: str, options: Options, *, has_address: bool) -> Exception | str:
    """Return the redirect target of a refusal of `uri`, or the refusal itself, or the error of an unsafe redirect.

    `has_address` says whether `host` or `port` was given.
    """
    if not isinstance(error, InvalidStatus) or error.status not in _REDIRECTS or options.web_limits:  # as in a browser
        return error
    locations = error.response.headers.get_all("Location")
    if not locations:
        return error
    if len(locations) > 1:
        return InvalidHeader("Location", "more than one")
    here = parse_url(uri)
    try:
        target = parse_url(locations[0], str(here))
    except InvalidURLError as exc:
        return InvalidRedirect(locations[0], f"the server redirects to an invalid URI: {exc}")
    shown = printable(without_password(urljoin(uri, locations[0])))
    if here.secure and not target.secure:
        return SecurityError(f"cannot follow redirect to non-secure URI {shown}")
    if options.sock is not None:
        return RedirectError(f"cannot follow redirect to {shown} with a preexisting socket")
    if target.origin != here.origin and (options.unix_path or has_address):
        way = "a Unix socket" if options.unix_path else "an explicit host or port"
        return RedirectError(f"cannot follow cross-origin redirect to {shown} with {way}")
    return str(target)
