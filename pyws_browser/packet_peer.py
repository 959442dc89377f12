"""PacketPeer: packets in, packets out, and Godot's Variants in them (Godot `PacketPeer`)."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, Final

from . import errors
from .errors import InvalidOptionError, VariantDecodeError, VariantEncodeError

if TYPE_CHECKING:
    from typing_extensions import Buffer

_BUFFER_SIZES: Final = range(1024, 256 * 1024 * 1024 + 1)
_VARIANT_VERSIONS: Final = (3, 4)


class PacketPeer(ABC):
    """Sends and receives whole packets."""

    Error = errors.Error
    allow_object_decoding: bool = False
    """Whether `get_var()` accepts and `put_var()` sends whole objects by default (Godot)."""

    def __init__(self) -> None:
        self._packet_error = errors.Error.OK
        self._encode_buffer_max_size = 8 * 1024 * 1024
        self._variant_version = 3

    @abstractmethod
    def get_available_packet_count(self) -> int:
        """Return how many packets can be fetched now."""

    @abstractmethod
    def get_packet(self) -> bytes:
        """Fetch the next packet. Raises NoPacketError if there is none."""

    @abstractmethod
    def put_packet(self, packet: Buffer) -> None:
        """Send a packet: any bytes-like object, an empty one as well."""

    def get_packet_error(self) -> errors.Error:
        """Return the error of the last `get_packet()` or `get_var()`, OK if it gave one (Godot).

        Godot's own `get_var()` leaves it as it was, although its documentation says otherwise.
        """
        return self._packet_error

    def get_var(self, allow_objects: bool = False) -> Any:
        """Fetch the next packet and decode the Variant in it (Godot `PacketPeer.get_var`).

        With `allow_objects`, objects that were sent whole become `variant.EncodedObject`. They are never instantiated.

        Raises:
            NoPacketError: there is no packet.
            VariantDecodeError: the packet holds no Variant, or an object that was not allowed; it has been removed.

        """
        # Imported here, so that a page without Variants need not load their codec.
        from .variant.codec import decode

        packet = self.get_packet()
        try:
            return decode(
                packet,
                version=self._variant_version,
                allow_objects=allow_objects or self.allow_object_decoding,
            )
        except VariantDecodeError as exc:
            self._packet_error = exc.error
            if self._fetched_text():
                raise VariantDecodeError(
                    f"the packet is a text of {len(packet)} bytes and not a Variant ({exc}): receive() fetches texts",
                    exc.error,
                ) from exc
            raise

    def _fetched_text(self) -> bool:
        """Tell whether the packet fetched last is known to have been a text."""
        return False

    def put_var(self, value: Any, full_objects: bool = False) -> None:
        """Encode a value as a Variant and send it as one packet (Godot `PacketPeer.put_var`).

        With `full_objects`, a `variant.EncodedObject` may be sent.

        Raises:
            VariantEncodeError: the value has no Variant form, or one of more than `encode_buffer_max_size` bytes.
            InvalidTextError: the peer writes text, and the Variant is not UTF-8. Godot sends it all the same, and
                its receiver has to end the connection with 1007.

        It also raises what `put_packet()` raises. In all these cases nothing was sent.

        """
        from .variant.codec import encode

        data = encode(value, version=self._variant_version, full_objects=full_objects or self.allow_object_decoding)
        if len(data) > self._encode_buffer_max_size:
            raise VariantEncodeError(
                f"the Variant has {len(data)} bytes, and encode_buffer_max_size is {self._encode_buffer_max_size}: "
                "raise it, or send the value in parts",
                errors.Error.ERR_OUT_OF_MEMORY,
            )
        self.put_packet(data)

    @property
    def encode_buffer_max_size(self) -> int:
        """The most bytes that the encoding of one Variant may have (Godot); 8 MiB by default.

        From 1,024 to 268,435,456; what is assigned is rounded up to the next power of two.
        """
        return self._encode_buffer_max_size

    @encode_buffer_max_size.setter
    def encode_buffer_max_size(self, size: int) -> None:
        if not isinstance(size, int) or size not in _BUFFER_SIZES:
            raise InvalidOptionError(f"encode_buffer_max_size is from 1024 to 268435456 bytes, not {size!r}")
        self._encode_buffer_max_size = power_of_two(size)

    @property
    def variant_version(self) -> int:
        """The version of Godot whose format `put_var()` writes and `get_var()` reads: 3 (the default) or 4."""
        return self._variant_version

    @variant_version.setter
    def variant_version(self, version: int) -> None:
        if version not in _VARIANT_VERSIONS:
            raise InvalidOptionError(f"variant_version is 3 or 4, not {version!r}")
        self._variant_version = version


def power_of_two(size: int) -> int:
    """Return `size`, or the next power of two above it."""
    return 1 << (size - 1).bit_length()
