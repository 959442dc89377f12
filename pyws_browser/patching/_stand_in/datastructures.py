"""The headers of `websockets.datastructures`: they keep case, order, and names that come twice."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, MutableMapping
from typing import Any


class MultipleValuesError(LookupError):
    """A header was looked up by index, but has several values."""

    def __str__(self) -> str:
        return repr(self.args[0]) if len(self.args) == 1 else super().__str__()


class Headers(MutableMapping[str, str]):
    """HTTP headers; the case of names does not matter."""

    def __init__(self, *args: Any, **kwargs: str) -> None:
        self._list: list[tuple[str, str]] = []
        self.update(*args, **kwargs)

    def __str__(self) -> str:
        return "".join(f"{key}: {value}\r\n" for key, value in self._list) + "\r\n"

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._list!r})"

    def copy(self) -> Headers:
        """Return a copy."""
        return Headers(self._list)

    def serialize(self) -> bytes:
        """Return the headers as bytes."""
        return str(self).encode()

    def __contains__(self, key: object) -> bool:
        return isinstance(key, str) and bool(self.get_all(key))

    def __iter__(self) -> Iterator[str]:
        return iter(dict.fromkeys(key.lower() for key, _ in self._list))

    def __len__(self) -> int:
        return len(list(iter(self)))

    def __getitem__(self, key: str) -> str:
        values = self.get_all(key)
        if len(values) > 1:
            raise MultipleValuesError(key)
        if not values:
            raise KeyError(key)
        return values[0]

    def __setitem__(self, key: str, value: str) -> None:
        self._list.append((key, value))

    def __delitem__(self, key: str) -> None:
        if key not in self:
            raise KeyError(key)
        self._list = [item for item in self._list if item[0].lower() != key.lower()]

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Headers):
            return NotImplemented
        return self._sorted() == other._sorted()

    __hash__ = None  # type: ignore[assignment]

    def _sorted(self) -> list[tuple[str, str]]:
        return sorted((key.lower(), value) for key, value in self._list)

    def clear(self) -> None:
        """Remove all."""
        self._list.clear()

    def update(self, *args: Any, **kwargs: str) -> None:
        """Add headers from a mapping, from pairs, or from other Headers."""
        items: Any = (
            args[0].raw_items() if args and isinstance(args[0], Headers) else dict(*args).items() if args else ()
        )
        if args and not isinstance(args[0], (Headers, Mapping)):
            items = list(args[0])
        for key, value in (*items, *kwargs.items()):
            self[key] = value

    def get_all(self, key: str) -> list[str]:
        """Return all values of a header."""
        return [value for name, value in self._list if name.lower() == key.lower()]

    def raw_items(self) -> Iterator[tuple[str, str]]:
        """Return all pairs as they came."""
        return iter(self._list)


HeadersLike = Headers | Mapping[str, str] | Iterable[tuple[str, str]]
