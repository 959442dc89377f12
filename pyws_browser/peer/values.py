"""Sending and receiving values: the base for all kinds of connections, and the methods of polled peers."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from typing_extensions import Buffer

    from ..protocol.codecs import Codec
    from ..protocol.vocabulary import Message


class HasCodec:
    """Has a codec, and JSON beside it. The codecs are loaded at their first use."""

    _codec: Codec | str = "json"
    _json: Codec | None = None

    @property
    def codec(self) -> Codec | str:
        """How `send_value()` and `receive_value()` make messages: "json" by default.

        Also "orjson", "msgspec" (both JSON as well) or "msgpack", whose library has to be installed, or an object of
        your own with `encode(value)` and `decode(message)`.
        """
        return self._codec

    @codec.setter
    def codec(self, codec: Codec | str) -> None:
        from ..protocol.codecs import codec_of

        self._codec = codec_of(codec)

    def _encoded(self, value: Any) -> Message:
        from ..protocol.codecs import encode_value

        return encode_value(self._present_codec(), value)

    def _decoded(self, message: Message) -> Any:
        from ..protocol.codecs import decode_value

        return decode_value(self._present_codec(), message)

    def _as_json(self, value: Any) -> Message:
        from ..protocol.codecs import encode_value

        return encode_value(self._json_codec(), value)

    def _from_json(self, message: Message) -> Any:
        from ..protocol.codecs import decode_value

        return decode_value(self._json_codec(), message)

    def _present_codec(self) -> Codec:
        codec = self._codec
        if isinstance(codec, str):
            from ..protocol.codecs import codec_of

            codec = self._codec = codec_of(codec)
        return codec

    def _json_codec(self) -> Codec:
        if HasCodec._json is None:
            from ..protocol.codecs import JSON

            HasCodec._json = JSON()
        return HasCodec._json


class Values(HasCodec):
    """Sends and receives values by a codec, for a polled peer."""

    @abstractmethod
    def send(self, message: str | Buffer) -> None:
        """Send a message."""

    @abstractmethod
    def receive(self) -> Message | None:
        """Fetch a message."""

    def send_value(self, value: Any) -> None:
        """Send a value as the `codec` writes it; raises as `send()` does, and CodecEncodeError if it cannot."""
        self.send(self._encoded(value))

    def receive_value(self, default: Any = None) -> Any:
        """Fetch the next message and return its value, `default` if there is no message.

        Raises CodecDecodeError if the message holds no value; it is in the exception, and the next call goes on with
        the one after it.
        """
        message = self.receive()
        return default if message is None else self._decoded(message)

    def send_json(self, value: Any) -> None:
        """Send a value as a text of JSON; raises as `send()` does, and CodecEncodeError if JSON has no form for it."""
        self.send(self._as_json(value))

    def receive_json(self, default: Any = None) -> Any:
        """Fetch the next message and return the value of its JSON, `default` if there is no message.

        JSON's null is also None: if it may come, pass another default, or check `get_available_packet_count()` first.
        Raises CodecDecodeError as `receive_value()` does.
        """
        message = self.receive()
        return default if message is None else self._from_json(message)
