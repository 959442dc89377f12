"""Codecs for values in messages: JSON by the standard library, and others where their libraries are installed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Protocol, runtime_checkable

from ..errors import CodecDecodeError, CodecEncodeError, InvalidOptionError

if TYPE_CHECKING:
    from collections.abc import Callable

    from .vocabulary import Message


@runtime_checkable
class Codec(Protocol):
    """A codec turns values into messages and back: any object with these two methods.

    Their exceptions come out as `CodecEncodeError` or `CodecDecodeError`, with the original as the cause.
    """

    def encode(self, value: Any) -> Message:
        """Return the message for a value: str to be sent as text, bytes as binary."""

    def decode(self, message: Message) -> Any:
        """Return the value of a received message: str for text, bytes for binary."""


class JSON:
    """JSON (RFC 8259) by the standard library, sent as text. NaN and infinities are errors."""

    def __init__(self) -> None:
        import json  # loaded here, so that a page without it need not load it

        self.encode: Callable[[Any], Message] = json.JSONEncoder(
            ensure_ascii=False, allow_nan=False, separators=(",", ":")
        ).encode
        self._decode = json.JSONDecoder(parse_constant=_refuse_constant).decode

    def decode(self, message: Message) -> Any:
        """Return the value of a document, as str or as UTF-8 bytes."""
        return self._decode(message if isinstance(message, str) else message.decode())


class _FastJSON:
    """JSON by a library whose documents are bytes; sent as text, as other programs expect it."""

    def __init__(self, encode: Callable[[Any], bytes], decode: Callable[[Message], Any]) -> None:
        self._encode = encode
        self.decode = decode

    def encode(self, value: Any) -> str:
        return self._encode(value).decode()


class _Binary:
    """A format whose documents are bytes."""

    def __init__(self, name: str, encode: Callable[[Any], bytes], decode: Callable[[bytes], Any]) -> None:
        self._name = name
        self.encode = encode
        self._decode = decode

    def decode(self, message: Message) -> Any:
        if isinstance(message, str):
            raise TypeError(f"it is a text, and {self._name} is binary")
        return self._decode(message)


def _orjson() -> Codec:
    import orjson

    return _FastJSON(orjson.dumps, orjson.loads)


def _msgspec() -> Codec:
    import msgspec.json

    return _FastJSON(msgspec.json.Encoder().encode, msgspec.json.Decoder().decode)


def _msgpack() -> Codec:
    import msgpack

    return _Binary("msgpack", msgpack.packb, msgpack.unpackb)


_NAMED: Final[dict[str, Callable[[], Codec]]] = {
    "json": JSON,
    "orjson": _orjson,
    "msgspec": _msgspec,
    "msgpack": _msgpack,
}


def codec_of(codec: Codec | str) -> Codec:
    """Return a codec by its name: "json", or "orjson", "msgspec" or "msgpack" if that library is installed.

    Raises InvalidOptionError for another name, a library that is not installed, and an object that is not a codec.
    """
    if isinstance(codec, str):
        if codec not in _NAMED:
            raise InvalidOptionError(f"there is no codec {codec!r}: use one of {', '.join(_NAMED)}, or your own Codec")
        try:
            return _NAMED[codec]()
        except ImportError as exc:
            raise InvalidOptionError(f"the codec {codec!r} needs its library: pip install {codec}") from exc
    if isinstance(codec, type) or not isinstance(codec, Codec):
        raise InvalidOptionError(f"a codec has encode() and decode(), which {codec!r} has not")
    return codec


def encode_value(codec: Codec, value: Any) -> Message:
    """Return the message for a value. Raises CodecEncodeError if the codec cannot encode it."""
    try:
        return codec.encode(value)
    except Exception as exc:  # each library has errors of its own
        raise CodecEncodeError(f"{_kind_of(value)} cannot be sent: {exc}") from exc


def decode_value(codec: Codec, message: Message) -> Any:
    """Return the value of a message. Raises CodecDecodeError, which keeps the message, for an invalid one."""
    try:
        return codec.decode(message)
    except Exception as exc:  # each library has errors of its own, and messages may be nested to any depth
        raise CodecDecodeError(str(exc) or type(exc).__name__, message) from exc


def _kind_of(value: object) -> str:
    name = type(value).__name__
    return f"an {name}" if name[:1] in "aeiou" else f"a {name}"


def _refuse_constant(name: str) -> object:
    raise ValueError(f"{name} is not JSON")
