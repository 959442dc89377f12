"""The exception tree is what its docstring draws, and every exception carries Godot's code."""

from __future__ import annotations

import copy
import inspect
import pickle

import pytest

from pyws_browser import errors
from pyws_browser.errors import (
    CloseTimeoutError,
    CodecDecodeError,
    ConnectTimeoutError,
    Error,
    HandshakeError,
    HeartbeatTimeoutError,
    ListenError,
    MessageTooBigError,
    OutboundBufferFullError,
    ProxyError,
    RemoteProtocolError,
    VariantDecodeError,
    VariantEncodeError,
    WebSocketError,
)

CLASSES = [
    cls for _, cls in inspect.getmembers(errors, inspect.isclass) if issubclass(cls, Exception) and cls is not Exception
]


def drawn_tree() -> dict[str, str]:
    """Read the drawing in the module's docstring: each class and the one above it."""
    assert errors.__doc__ is not None
    parents: dict[str, str] = {}
    path: list[tuple[int, str]] = []
    for line in errors.__doc__.splitlines():
        name = next((word for word in line.split() if word.endswith("Error")), None)
        if name is None or not line.startswith("    "):
            continue
        depth = line.index(name)
        path = [entry for entry in path if entry[0] < depth]
        parents[name] = path[-1][1] if path else "Exception"
        path.append((depth, name))
    return parents


def test_the_docstring_draws_the_tree() -> None:
    assert drawn_tree() == {cls.__name__: cls.__bases__[0].__name__ for cls in CLASSES}


@pytest.mark.parametrize("cls", CLASSES)
def test_every_exception_carries_godots_code_and_says_what_it_is(cls: type[WebSocketError]) -> None:
    assert isinstance(cls.error, Error)
    assert cls.error is not Error.OK
    assert cls.__doc__


def test_godots_numbers() -> None:
    assert list(Error) == list(range(49))
    assert Error.ERR_ALREADY_IN_USE == 22
    assert Error.ERR_PRINTER_ON_FIRE == 48


ARGUMENTS: dict[type[WebSocketError], tuple[object, ...]] = {
    CodecDecodeError: ("it is no JSON", b"x"),
    OutboundBufferFullError: ("full", (2, 3)),
    RemoteProtocolError: ("not UTF-8", 1007),
    MessageTooBigError: (11, 10),
    HandshakeError: ("refused", 403, [("Server", "x")], b"no"),
    ProxyError: ("refused", 407, [("Server", "x")]),
    ConnectTimeoutError: (2.5, "no answer"),
    CloseTimeoutError: (2.5,),
    HeartbeatTimeoutError: (2.5,),
    ListenError: ("taken", Error.ERR_ALREADY_IN_USE),
    VariantEncodeError: ("too deep", Error.ERR_OUT_OF_MEMORY),
    VariantDecodeError: ("short", Error.ERR_FILE_EOF),
}


@pytest.mark.parametrize("cls", CLASSES)
def test_a_copy_says_and_carries_the_same(cls: type[WebSocketError]) -> None:
    original = cls(*ARGUMENTS.get(cls, ("it went wrong",)))
    pickled = [pickle.loads(pickle.dumps(original, protocol)) for protocol in range(pickle.HIGHEST_PROTOCOL + 1)]
    for copied in (copy.copy(original), copy.deepcopy(original), *pickled):
        assert type(copied) is cls
        assert str(copied) == str(original) != ""
        assert (copied.args, copied.error, vars(copied)) == (original.args, original.error, vars(original))


def test_what_exceptions_carry() -> None:
    assert RemoteProtocolError("broken").close_code == 1002
    assert RemoteProtocolError("not UTF-8", 1007).close_code == 1007
    assert MessageTooBigError(11, 10).close_code == 1009
    assert "11 bytes" in str(MessageTooBigError(11, 10))
    refusal = HandshakeError("refused", 403, [("Server", "x")], b"no")
    assert (refusal.status, refusal.headers, refusal.body) == (403, (("Server", "x"),), b"no")
    assert ListenError("taken", Error.ERR_ALREADY_IN_USE).error is Error.ERR_ALREADY_IN_USE
    assert VariantDecodeError("short", Error.ERR_FILE_EOF).error is Error.ERR_FILE_EOF
    for timeout in (ConnectTimeoutError(2.5), CloseTimeoutError(2.5), HeartbeatTimeoutError(2.5)):
        assert "2.5 s" in str(timeout)
        assert timeout.error is Error.ERR_TIMEOUT
