"""The common part of the new and the legacy `connect` of `websockets` in a page."""

from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakKeyDictionary

from .. import aio
from ..peer.reconnection import Backoff
from ..protocol import rules
from .connection import LibraryConnection
from .settings import refuse

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Generator, Sequence
    from types import TracebackType

    from .headers import Handshake

_HOOKS: Final = frozenset({"process_redirect", "process_exception", "handle_redirect"})
"""Methods that a page never calls, so overriding them has no effect: a page follows no redirects."""

_made: WeakKeyDictionary[type, type] = WeakKeyDictionary()


class Opening:
    """One `connect()` of a library; its `connect` is that of `aio`."""

    def __init__(
        self, handshake: Handshake, arguments: dict[str, Any], factory: Callable[..., LibraryConnection]
    ) -> None:
        self._handshake = handshake
        self._factory = factory
        self._subprotocols: Sequence[str] | None = None
        carries = handshake.to_carry is not None
        self.connect: aio.connect = aio.connect(
            self._ask_carry if carries else handshake.uri,
            subprotocols=self._carried_subprotocols if carries else handshake.subprotocols,
            create_connection=self._make,  # type: ignore[arg-type]
            backoff=Backoff(final_codes=frozenset()),
            **arguments,
        )

    async def _ask_carry(self) -> str:
        """Recompute the arguments for every attempt, because tokens expire; `aio` calls the URI's function first."""
        uri, self._subprotocols = await self._handshake.carried()
        return uri

    def _carried_subprotocols(self) -> Sequence[str] | None:
        return self._subprotocols

    def _make(self, *arguments: Any, **named: Any) -> LibraryConnection:
        connection = self._factory(*arguments, **named)
        if self._handshake.to_carry is not None:
            connection.offered = self._handshake.subprotocols or ()
        return connection


def connection_type(asked: Any, theirs: type, ours: type[Any]) -> type[Any]:
    """Return the connection class for `create_connection`: a library's subclass becomes one of ours too.

    Raises UnsupportedInBrowserError for a factory that is not a class.
    """
    if asked is None or asked is theirs:
        return ours
    if isinstance(asked, type) and issubclass(asked, LibraryConnection):
        return asked
    if not isinstance(asked, type) or not issubclass(asked, theirs):
        raise refuse(
            f"create_connection={asked!r} is not available in a page: give a subclass of {theirs.__qualname__} there"
        )
    if asked not in _made:
        _made[asked] = type(asked.__name__, (asked, ours), {"__module__": asked.__module__})
    return _made[asked]


def check_subclass(kind: type, theirs: type) -> None:
    """Refuse a subclass of `connect` that overrides a method which a page never calls."""
    for base in kind.__mro__[: kind.__mro__.index(theirs)]:
        for name in vars(base):
            if not name.startswith("__") and name not in _HOOKS and callable(vars(theirs).get(name)):
                raise refuse(
                    f"{base.__module__}.{base.__qualname__} overrides {name}() of {theirs.__module__}.connect, which "
                    "is never called in a page: use pyws_browser.aio.connect there"
                )


def refuse_unix() -> None:
    """Raise UnsupportedInBrowserError for a unix socket."""
    raise refuse(str(rules.unsupported("unix_path", "unix_connect()")))


# The methods of `connect` besides `__init__()`.


def _await(self: Any) -> Generator[Any, None, Any]:
    return self.page_opening.connect.__await__()  # type: ignore[no-any-return]


async def _aenter(self: Any) -> Any:
    if hasattr(self, "connection"):
        raise RuntimeError("connect() isn't reentrant")
    self.connection = await self
    return await self.connection.__aenter__()


async def _aexit(
    self: Any, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
) -> None:
    try:
        await self.connection.__aexit__(kind, error, traceback)
    finally:
        del self.connection


async def _aiter(self: Any) -> AsyncIterator[Any]:
    async with aclosing(self.page_opening.connect.__aiter__()) as connections:
        async for connection in connections:
            yield connection


CONNECT_METHODS: Final[dict[str, Any]] = {
    "__await__": _await,
    "__aenter__": _aenter,
    "__aexit__": _aexit,
    "__aiter__": _aiter,
}
