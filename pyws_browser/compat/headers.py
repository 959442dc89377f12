"""The header fields that a program adds to the request, in every form that `websockets` accepts."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from ..errors import InvalidHeaderError
from ..protocol import rules

if TYPE_CHECKING:
    from collections.abc import Mapping

    Headers: TypeAlias = Mapping[str, Any] | Iterable[tuple[str, Any]]

_BY_THE_HANDSHAKE: Final = frozenset(
    {
        *("content-length", "transfer-encoding", "sec-websocket-key", "sec-websocket-accept"),
        *("sec-websocket-protocol", "sec-websocket-extensions"),
    }
)

_SAID_ANYWAY: Final = {"upgrade": "websocket", "sec-websocket-version": "13"}
"""Fields that a program may pass although the handshake sets them, as copies of browser headers do."""


def headers_of(headers: Headers | None, further: dict[str, str | None]) -> tuple[tuple[str, str], ...]:
    """Return handshake headers as pairs; `further` are those set by other arguments, None for unset ones.

    "Host" and "Connection" replace those of the handshake. Raises InvalidHeaderError for a name or a value that cannot
    be sent, and for fields that only the handshake may set.
    """
    pairs = [pair for pair in map(_checked, pairs_of(headers)) if pair is not None]
    names = {name.lower() for name, _ in pairs}
    for name, value in further.items():
        if value is not None and name.lower() not in names:
            if not isinstance(value, str):
                raise InvalidHeaderError(f"{name} is a str, not {value!r}")
            pairs.append((name, _value_of(name, value)))
    return tuple(pairs)


def pairs_of(headers: Any) -> list[tuple[str, Any]]:
    """Return the names and values of a mapping, of pairs, or of the `Headers` of `websockets`, as they are."""
    if headers is None:
        return []
    raw_items = getattr(headers, "raw_items", None)  # which may have a name twice
    items = raw_items() if raw_items is not None else getattr(headers, "items", lambda: headers)()
    if not isinstance(items, Iterable):
        raise InvalidHeaderError(f"headers are a mapping or pairs, not {headers!r}")
    pairs: list[tuple[str, Any]] = []
    for item in items:
        match item:
            case str() if ":" in item:
                name, _, value = item.partition(":")
                pairs.append((name, value))
            case (str(name), value) if not isinstance(item, str):
                pairs.append((name, value))
            case _:  # the value may be a password
                raise InvalidHeaderError(
                    f"headers are a mapping or pairs of a name and a value, not {type(item).__name__}"
                )
    return pairs


def _checked(pair: tuple[str, Any]) -> tuple[str, str] | None:
    name, value = pair[0], _value_of(*pair)
    lower = name.lower()
    if lower in _SAID_ANYWAY and value.lower() == _SAID_ANYWAY[lower]:
        return None
    if lower == "connection":
        if "upgrade" in [option.strip().lower() for option in value.split(",")]:
            return name, value
        raise InvalidHeaderError("Connection must name the option Upgrade: leave it out, or add that")
    if lower in _BY_THE_HANDSHAKE or lower in _SAID_ANYWAY:
        raise InvalidHeaderError(f"{name} is set by the handshake itself: leave it out")
    return name, value


def _value_of(name: str, value: Any) -> str:
    text = value if isinstance(value, str) else str(value) if isinstance(value, (int, float)) else ""
    text = text.strip(" \t")
    if not rules.is_token(name) or (not text and not isinstance(value, str)) or not _can_be_sent(text):
        # The value is not shown: it may be a password.
        raise InvalidHeaderError(
            f"{name!r} is not a header: give a name, and printable Latin-1 text or a number as its value"
        )
    return text


def _can_be_sent(text: str) -> bool:
    return all(character.isprintable() or character in "\t\xa0\xad" for character in text) and (
        not text or max(text) <= "\xff"
    )
