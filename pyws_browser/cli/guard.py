"""Decides which requests a server answers: only those to its own names, and not those of foreign pages.

Any page can reach a server on the user's machine, by a WebSocket or under a DNS name that points at this machine ("DNS
rebinding"). The Origin header reveals the first, the Host header the second; a page can change neither.
"""

from __future__ import annotations

import re
import socket
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import TYPE_CHECKING, Final

from ..protocol.admission import Response

if TYPE_CHECKING:
    from collections.abc import Iterable

    from websockets.datastructures import Headers

ANY: Final = "*"
"""Allows every Host header, or as an origin every page."""

_AUTHORITY: Final = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^\s:/?#@\[\]]+)(?::[0-9]*)?")


class Guard:
    """Judges the Host and the Origin header of requests.

    `hosts` are the names that the server has and the addresses at which it listens. A Host is accepted if it is one of
    them, or a loopback name or address. Where the server listens at an unspecified address, such as 0.0.0.0, any IP
    address and this machine's name are accepted as well. A request without an Origin does not come from a page. A page
    is accepted if it comes from the same host at any port, from a loopback name or address, or from `origins`.
    """

    def __init__(self, hosts: Iterable[str], origins: Iterable[str] = ()) -> None:
        self._names = {_plain(host) for host in hosts}
        self._origins = {origin.lower() for origin in origins}
        self._addresses = {address for name in self._names if (address := _address_of(name)) is not None}
        self._takes_any_address = any(address.is_unspecified for address in self._addresses)
        if self._takes_any_address:
            self._names.add(_plain(socket.gethostname()))

    def refusal_of(self, headers: Headers) -> Response | None:
        """Return the refusal of a request, or None if it is accepted."""
        hosts = headers.get_all("Host")
        if len(hosts) > 1 or (hosts and _AUTHORITY.fullmatch(hosts[0]) is None):
            return Response(400, "A request has one Host, which names the server.\n")
        if hosts and not self._knows_host(hosts[0]):
            return Response(
                421, "This server is not known by the name in the Host header; --allow-host NAME makes it known.\n"
            )
        origins = headers.get_all("Origin")
        if origins and not (len(origins) == 1 and self._knows_origin(origins[0], hosts)):
            return Response(403, "Pages of this origin may not connect; --origin ORIGIN allows them.\n")
        return None

    def _knows_host(self, host: str) -> bool:
        name = _name_of(host)
        if ANY in self._names or name in self._names or _is_loopback(name):
            return True
        address = _address_of(name)
        return address is not None and (self._takes_any_address or address in self._addresses)

    def _knows_origin(self, origin: str, hosts: list[str]) -> bool:
        origin = origin.lower()
        if ANY in self._origins or origin in self._origins:
            return True
        scheme, found, authority = origin.partition("://")
        if not found or scheme not in ("http", "https") or _AUTHORITY.fullmatch(authority) is None:
            return False
        name = _name_of(authority)
        return _is_loopback(name) or (bool(hosts) and name == _name_of(hosts[0]))


def _name_of(authority: str) -> str:
    match = _AUTHORITY.fullmatch(authority)
    return "" if match is None else _plain(match[1])


def _plain(name: str) -> str:
    return name.lower().removesuffix(".")


def _address_of(name: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(name.strip("[]").partition("%")[0])
    except ValueError:
        return None


def _is_loopback(name: str) -> bool:
    address = _address_of(name)
    return name == "localhost" or name.endswith(".localhost") or (address is not None and address.is_loopback)
