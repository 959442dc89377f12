"""The connections of a server whose opening handshake is not over, and how many of them there may be. CPython only."""

from __future__ import annotations

from ipaddress import IPv6Address
from typing import TYPE_CHECKING, Final, Generic, TypeVar

from ..errors import InvalidOptionError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

MAX_HANDSHAKES: Final = 1000
"""How many opening handshakes a server has going at a time if nothing else is said."""

C = TypeVar("C")


class Openings(Generic[C]):
    """Half-open connections, in the order in which they came, by the networks that they came from.

    Anybody can open a connection and then say nothing. So that nobody keeps others out by it, half-open connections use
    up no places of open ones, and where there are too many, the oldest one of the network that has the most of them
    goes. An honest client is there for a few round trips only.
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
        """Note a connection from an IP address, or from a unix socket."""
        network = _network_of(address)
        self._network_of[connection] = network
        self._networks.setdefault(network, {})[connection] = None

    def discard(self, connection: C) -> None:
        """Forget a connection: it is open, or has ended."""
        network = self._network_of.pop(connection, None)
        if network is not None:
            members = self._networks[network]
            del members[connection]
            if not members:
                del self._networks[network]

    def next_to_go(self, may_go: Callable[[C], bool]) -> C | None:
        """Return the one that goes when another one comes, None if none may go."""
        for members in sorted(self._networks.values(), key=len, reverse=True):
            for connection in members:
                if may_go(connection):
                    return connection
        return None


def check_max_handshakes(count: int) -> int:
    """Return the limit. Raises InvalidOptionError if it is no whole number from 1 on."""
    if not isinstance(count, int) or count < 1:
        raise InvalidOptionError(f"max_handshakes is a whole number from 1 on, not {count!r}")
    return count


def _network_of(address: str) -> str | bytes:
    """Return what one stranger has: an IPv4 address, or 64 bits of an IPv6 one."""
    if ":" not in address:
        return address
    try:
        return IPv6Address(address).packed[:8]
    except ValueError:  # the path of a unix socket
        return address
