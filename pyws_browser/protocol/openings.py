"""The half-open connections of a server, whose number is limited. CPython only."""

from __future__ import annotations

from ipaddress import IPv6Address
from typing import TYPE_CHECKING, Final, Generic, TypeVar

from ..errors import InvalidOptionError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

MAX_HANDSHAKES: Final = 1000
"""The default limit of concurrent opening handshakes of a server."""

C = TypeVar("C")


class Openings(Generic[C]):
    """Half-open connections, in order of arrival, by network.

    Any client can open a connection and then send nothing. To keep such clients from blocking others, half-open
    connections take no places of open ones; if there are too many, the oldest one of the network with the most of them
    is dropped. The handshake of an honest client takes only a few round trips.
    """

    def __init__(self) -> None:
        self._networks: dict[str | bytes, dict[C, None]] = {}
        self._network_of: dict[C, str | bytes] = {}

    def __len__(self) -> int:
        return len(self._network_of)

    def __iter__(self) -> Iterator[C]:
        return iter(self._network_of)

    def __contains__(self, connection: object) -> bool:
        return connection in self._network_of

    def add(self, connection: C, address: str) -> None:
        """Add a connection from an IP address, or from a unix socket."""
        network = _network_of(address)
        self._network_of[connection] = network
        self._networks.setdefault(network, {})[connection] = None

    def discard(self, connection: C) -> None:
        """Remove a connection that is open or has ended."""
        network = self._network_of.pop(connection, None)
        if network is not None:
            members = self._networks[network]
            del members[connection]
            if not members:
                del self._networks[network]

    def next_to_go(self, may_go: Callable[[C], bool]) -> C | None:
        """Return the connection to drop for a new one, None if none may be dropped."""
        for members in sorted(self._networks.values(), key=len, reverse=True):
            for connection in members:
                if may_go(connection):
                    return connection
        return None


def check_max_handshakes(count: int) -> int:
    """Return the limit. Raises InvalidOptionError unless it is a positive whole number."""
    if not isinstance(count, int) or count < 1:
        raise InvalidOptionError(f"max_handshakes is a whole number from 1 on, not {count!r}")
    return count


def _network_of(address: str) -> str | bytes:
    """Return the network that one client controls: an IPv4 address, or 64 bits of an IPv6 one."""
    if ":" not in address:
        return address
    try:
        return IPv6Address(address).packed[:8]
    except ValueError:  # the path of a unix socket
        return address
