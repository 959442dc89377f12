"""Values in place of messages, for peers that are polled."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from typing_extensions import Buffer

    from ..protocol.codecs import Codec
    from ..protocol.vocabulary import Message


class Values:
    """Sending and receiving what a codec makes messages of."""

    _codec: Codec | str = "json"
    _json: Codec | None = None

    @abstractmethod
    def send(self, message: str | Buffer) -> None:
        """Send a message."""

    @abstractmethod
    def receive(self) -> Message | None:
        """Fetch a message."""

    @property
    def codec(self) -> Codec | str:
        """How `send_value()` and `receive_value()` make messages: "json" at first.

        Also "orjson", "msgspec" (both JSON as well) or "msgpack", whose library has to be installed, or an object of
        your own with `encode(value)` and `decode(message)`.
        """
        return self._codec

    @codec.setter
    def codec(self, codec: Codec | str) -> None:
        from ..protocol.codecs import codec_of  # which a page that has no use for it need not load

        self._codec = codec_of(codec)

    def send_value(self, value: Any) -> None:
        """Send a value as the `codec` writes it; raises as `send()` does, and CodecEncodeError if it cannot."""
        from ..protocol.codecs import encode_value

        self.send(encode_value(self._present_codec(), value))

    def receive_value(self, default: Any = None) -> Any:
        """Fetch the next message and return its value, `default` if there is no message.

        Raises CodecDecodeError if the message holds no value; it is in the exception, and the next call goes on with
        the one after it.
        """
        from ..protocol.codecs import decode_value

        message = self.receive()
        return default if message is None else decode_value(self._present_codec(), message)

    def send_json(self, value: Any) -> None:
        """Send a value as a text of JSON; raises as `send()` does, and CodecEncodeError if JSON has no form for it."""
        from ..protocol.codecs import encode_value

        self.send(encode_value(self._json_codec(), value))

    def receive_json(self, default: Any = None) -> Any:
        """Fetch the next message and return the value of its JSON, `default` if there is no message.

        JSON's null is None as well: where it may come, give another default, or look at
        `get_available_packet_count()` before. Raises CodecDecodeError as `receive_value()` does.
        """
        from ..protocol.codecs import decode_value

        message = self.receive()
        return default if message is None else decode_value(self._json_codec(), message)

    def _present_codec(self) -> Codec:
        if isinstance(self._codec, str):
            self.codec = self._codec
        assert not isinstance(self._codec, str)  # noqa: S101  the setter replaces names
        return self._codec

    def _json_codec(self) -> Codec:
        if Values._json is None:
            from ..protocol.codecs import JSON

            Values._json = JSON()
        return Values._json
