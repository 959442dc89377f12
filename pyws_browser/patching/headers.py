"""Handshake headers in a page, which may set none: some are dropped, some carried elsewhere, the others refused."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from urllib.parse import urlsplit

from ..errors import InvalidOptionError
from .settings import Settings, note, refuse

if TYPE_CHECKING:
    from collections.abc import Sequence

_INFORMATIONAL: Final = re.compile(
    r"accept|accept-(encoding|language)|cache-control|pragma|dnt|priority|traceparent|tracestate|baggage|sentry-trace"
    r"|(.*-)?(user-agent|agent|version)|(x-)?(request|correlation|trace)-id|x-client-(info|name)|x-stainless-.*"
)
"""Headers that only inform the server, or that the browser sends by itself."""

_OF_HANDSHAKE: Final = frozenset(
    {"connection", "upgrade", "sec-websocket-key", "sec-websocket-version", "sec-websocket-extensions"}
)

_ADVICE: Final = (
    "give patch_websockets() a carry= that puts them into the URL or the subprotocols, or name them in drop= if the "
    'server needs none; see "Libraries that use websockets" in the docs'
)


class CarriedHeaders(Mapping[str, str]):
    """The headers that `carry` gets, with case-insensitive names."""

    def __init__(self, pairs: Iterable[tuple[str, str]]) -> None:
        self._items = {name.lower(): (name, value) for name, value in pairs}

    def __getitem__(self, name: str) -> str:
        return self._items[name.lower()][1]

    def __iter__(self) -> Iterator[str]:
        return (name for name, _ in self._items.values())

    def __len__(self) -> int:
        return len(self._items)

    def __repr__(self) -> str:
        return f"CarriedHeaders({', '.join(self)})"  # the values are usually secrets


class Handshake(NamedTuple):
    """The request of a library as far as a page can send it, and the headers that `carry` must place."""

    uri: str
    subprotocols: Sequence[str] | None
    to_carry: CarriedHeaders | None

    async def carried(self) -> tuple[str, Sequence[str] | None]:
        """Return the URI and the subprotocols after `carry`, which may be a coroutine function."""
        result = self._ask()
        return self._checked(await result if inspect.isawaitable(result) else result)

    def carried_at_once(self) -> tuple[str, Sequence[str] | None]:
        """Do the same for code that blocks; raises InvalidOptionError if `carry` is a coroutine function."""
        result = self._ask()
        if inspect.iscoroutine(result):
            result.close()
        if inspect.isawaitable(result):
            raise InvalidOptionError("carry is a coroutine function, which a client that blocks cannot await")
        return self._checked(result)

    def _ask(self) -> Any:
        if self.to_carry is None or Settings.carry is None:
            return self.uri, self.subprotocols
        return Settings.carry(self.uri, self.to_carry, self.subprotocols)

    def _checked(self, result: Any) -> tuple[str, Sequence[str] | None]:
        match result:
            case (str(uri), None | list() | tuple() as subprotocols):
                return uri, subprotocols
        raise InvalidOptionError("carry returns a URI and a list of subprotocols or None, as (uri, subprotocols)")


def handshake_of(uri: str, headers: Any, subprotocols: Sequence[str] | None) -> Handshake:
    """Return the request for a library that connects to `uri` with these headers.

    `headers` is a mapping, pairs, or the `Headers` of `websockets`. Raises UnsupportedInBrowserError, which names the
    headers that the server would miss, unless `carry` is set.
    """
    wanted: list[str] = list(subprotocols or ())
    left: list[tuple[str, str]] = []
    for name, value in _pairs(headers):
        lower = name.lower()
        if lower == "sec-websocket-protocol":
            wanted += [part.strip() for part in value.split(",") if part.strip() not in (*wanted, "")]
        elif lower in _OF_HANDSHAKE or (lower == "host" and value == _host_header(uri)):
            continue
        elif lower in Settings.drop:
            note(f"the header {name}", "drop= names it")
        elif _INFORMATIONAL.fullmatch(lower):
            note(f"the header {name}", "a page may set no headers, and this one only informs the server")
        else:
            left.append((name, value))
    if not left:
        return Handshake(uri, wanted or subprotocols, None)
    if Settings.carry is None:
        raise refuse(f"a page may set no headers, and these were asked for: {', '.join(dict(left))}; {_ADVICE}")
    return Handshake(uri, wanted or subprotocols, CarriedHeaders(left))


def _pairs(headers: Any) -> Iterator[tuple[str, str]]:
    if not headers:
        return
    raw_items = getattr(headers, "raw_items", None)  # of the Headers of `websockets`, which may have a name twice
    items: Iterable[Any] = raw_items() if raw_items else headers.items() if hasattr(headers, "items") else headers
    for name, value in items:
        yield str(name), str(value)


def _host_header(uri: str) -> str:
    return urlsplit(uri).netloc.rpartition("@")[2]
