"""PacketPeer: packets in, packets out (Godot `PacketPeer`)."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from .errors import Error

if TYPE_CHECKING:
    from typing_extensions import Buffer


class PacketPeer(ABC):
    """What every peer has that sends and receives whole packets."""

    def __init__(self) -> None:
        self._packet_error = Error.OK

    @abstractmethod
    def get_available_packet_count(self) -> int:
        """Return how many packets can be fetched now."""

    @abstractmethod
    def get_packet(self) -> bytes:
        """Fetch the next packet. Raises NoPacketError if there is none."""

    @abstractmethod
    def put_packet(self, packet: Buffer) -> None:
        """Send a packet: any bytes-like object, an empty one as well."""

    def get_packet_error(self) -> Error:
        """Return the error of the last `get_packet()`, OK if it gave a packet (Godot `PacketPeer.get_packet_error`)."""
        return self._packet_error
