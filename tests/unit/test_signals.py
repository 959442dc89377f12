from __future__ import annotations

import pytest

from pyws_browser import Signal


def test_emit_calls_in_the_order_of_connecting() -> None:
    signal: Signal[int, str] = Signal()
    calls: list[object] = []
    signal.connect(lambda number, text: calls.append(("first", number, text)))
    signal.connect(lambda number, text: calls.append(("second", number, text)))
    signal.emit(5, "x")
    assert calls == [("first", 5, "x"), ("second", 5, "x")]


def test_disconnected_functions_are_not_called() -> None:
    signal: Signal[int] = Signal()
    calls: list[int] = []
    signal.connect(calls.append)
    assert signal.is_connected(calls.append)
    signal.disconnect(calls.append)
    signal.emit(5)
    assert not calls
    assert not signal.is_connected(calls.append)


def test_connecting_twice_and_disconnecting_what_is_not_connected_raise() -> None:
    signal: Signal[int] = Signal()
    calls: list[int] = []
    signal.connect(calls.append)
    with pytest.raises(ValueError, match="connected already"):
        signal.connect(calls.append)
    with pytest.raises(ValueError, match="not connected"):
        signal.disconnect(calls.pop)


def test_a_function_may_disconnect_itself_while_called() -> None:
    signal: Signal[int] = Signal()
    calls: list[int] = []

    def once(number: int) -> None:
        signal.disconnect(once)
        calls.append(number)

    signal.connect(once)
    signal.connect(calls.append)
    signal.emit(1)
    signal.emit(2)
    assert calls == [1, 1, 2]


def fail(number: int) -> None:
    raise KeyError(number)


def fail_too(number: int) -> None:
    raise OSError(number)


def test_an_exception_reaches_the_emitter_after_all_were_called() -> None:
    signal: Signal[int] = Signal()
    calls: list[int] = []
    signal.connect(fail)
    signal.connect(calls.append)
    with pytest.raises(KeyError):
        signal.emit(1)
    signal.connect(fail_too)
    with pytest.raises(ExceptionGroup) as caught:
        signal.emit(2)
    assert [type(exc) for exc in caught.value.exceptions] == [KeyError, OSError]
    assert calls == [1, 2]


def test_what_ends_a_program_comes_at_once_and_hides_no_other_exception() -> None:
    signal: Signal[int] = Signal()
    calls: list[int] = []

    def interrupt(number: int) -> None:
        raise KeyboardInterrupt

    for callback in (fail, interrupt, calls.append):
        signal.connect(callback)
    with pytest.raises(KeyboardInterrupt) as caught:
        signal.emit(1)
    assert type(caught.value.__context__) is KeyError
    assert calls == []
