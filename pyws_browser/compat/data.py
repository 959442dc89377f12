"""The data that a program sends: one message, or the fragments of one."""

from __future__ import annotations

import codecs
from collections.abc import AsyncIterable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from ..errors import InvalidMessageTypeError, InvalidTextError
from ..protocol.rules import as_bytes, as_text, encode_text

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from typing_extensions import Buffer

    from ..protocol.vocabulary import Message

    Data: TypeAlias = str | Buffer
    Fragments: TypeAlias = Iterable[Data] | AsyncIterable[Data]

_BYTES_LIKE: Final = (bytes, bytearray, memoryview)
_utf8_decoder: Final = codecs.getincrementaldecoder("utf-8")


def as_message(data: Data, *, text: bool | None) -> Message:
    """Return the message to send for `data`: str as text, bytes-like as binary, unless `text` overrides that."""
    if isinstance(data, str):
        return encode_text(data) if text is False else data
    payload = as_bytes(data)
    return as_text(payload) if text is True else payload


def is_data(message: object) -> bool:
    """Tell whether it is one message, or else its fragments; raises InvalidMessageTypeError for other types."""
    if isinstance(message, (str, *_BYTES_LIKE)) or _has_buffer(message):
        return True
    if isinstance(message, Mapping):
        raise InvalidMessageTypeError("a message cannot be a dict: encode it, for example as JSON, or send its keys()")
    if isinstance(message, (Iterable, AsyncIterable)) and not hasattr(message, "to_bytes"):  # a JavaScript buffer
        return False
    advice = ": send its to_bytes()" if hasattr(message, "to_bytes") else ""
    raise InvalidMessageTypeError(
        f"a message is str, bytes-like, or an iterable of those as fragments, not {type(message).__name__}{advice}"
    )


def _has_buffer(message: object) -> bool:
    try:
        memoryview(message)  # type: ignore[arg-type]
    except TypeError:
        return False
    return True


class Decoder:
    """Converts fragments as `decode` asks: True to text, False to bytes, None not at all.

    It is given the fragments of one message, which may cut a character in two. Raises UnicodeDecodeError.
    """

    def __init__(self, decode: bool | None) -> None:
        self._decode = decode
        self._utf8 = _utf8_decoder().decode

    def __call__(self, fragment: Message) -> Message:
        """Return the converted fragment."""
        if self._decode is None or isinstance(fragment, str) is self._decode:
            return fragment
        return fragment.encode() if isinstance(fragment, str) else self._utf8(fragment)

    def finish(self) -> None:
        """Finish the message."""
        self._utf8(b"", True)

    def whole(self, message: Message) -> Message:
        """Return a whole message, converted."""
        made = self(message)
        self.finish()
        return made


class _Parts:
    """Converts the fragments of one message, all str or all bytes-like, for sending.

    Where bytes are sent as text, a fragment may end within a character.
    """

    def __init__(self, *, text: bool | None) -> None:
        self._text = text
        self._kind: Any = None
        self._decode = _utf8_decoder().decode

    def __call__(self, fragment: object) -> Message:
        """Return the next fragment to send; raises InvalidMessageTypeError and InvalidTextError."""
        if self._kind is None:
            self._kind = isinstance(fragment, str)
        if isinstance(fragment, str) is not self._kind or not (self._kind or _has_buffer(fragment)):
            raise InvalidMessageTypeError("the fragments of a message are all str or all bytes-like: encode them")
        if self._text is not True or isinstance(fragment, str):
            return as_message(fragment, text=self._text)  # type: ignore[arg-type]
        return self._decoded(as_bytes(fragment))  # type: ignore[arg-type]

    def finish(self) -> None:
        """Finish the message; raises InvalidTextError if the last fragment ended within a character."""
        self._decoded(b"", is_last=True)

    def _decoded(self, data: bytes, *, is_last: bool = False) -> str:
        try:
            return self._decode(data, is_last)
        except UnicodeDecodeError as exc:
            raise InvalidTextError("the fragments of a text must be UTF-8 together: send them as binary") from exc


async def each(fragments: Fragments, *, text: bool | None) -> AsyncIterator[Message]:
    """Yield the fragments, all str or all bytes-like, as they are sent; raises InvalidMessageTypeError.

    The end of a fragment of bytes that go as text may cut a character in two; raises InvalidTextError for invalid
    UTF-8.
    """
    part = _Parts(text=text)
    if isinstance(fragments, AsyncIterable):
        async for fragment in fragments:
            yield part(fragment)
    else:
        for fragment in fragments:
            yield part(fragment)
    part.finish()


def parts_of(fragments: Iterable[Data], *, text: bool | None) -> Iterator[Message]:
    """Yield the fragments as `each()` does, without waiting."""
    part = _Parts(text=text)
    for fragment in fragments:
        yield part(fragment)
    part.finish()
