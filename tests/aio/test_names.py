"""Every name of `websockets` that can have a meaning exists here: its own lists are asked."""

from __future__ import annotations

import importlib
import warnings
from enum import IntEnum

import pytest
import websockets
import websockets.exceptions

from pyws_browser import aio
from pyws_browser.compat import exceptions, names

INTERNAL = {
    "websockets.asyncio.messages",  # the Assembler of fragments
}
"""Modules of the library that hold only what its own connections are made of."""

MODULES = {
    "websockets.asyncio.client": "pyws_browser.aio.client",
    "websockets.asyncio.connection": "pyws_browser.aio.connection",
    "websockets.asyncio.router": "pyws_browser.aio.router",
    "websockets.asyncio.server": "pyws_browser.aio.server",
    "websockets.exceptions": "pyws_browser.aio.exceptions",
    "websockets.sync.client": "pyws_browser.sync.client",
    "websockets.sync.connection": "pyws_browser.sync.connection",
    "websockets.sync.router": "pyws_browser.sync.router",
    "websockets.sync.server": "pyws_browser.sync.server",
}


@pytest.mark.parametrize("name", websockets.__all__)
def test_each_name_of_the_package_is_one_of_aio(name: str) -> None:
    assert hasattr(aio, name)
    assert name in dir(aio)


@pytest.mark.parametrize(("theirs", "ours"), MODULES.items())
def test_each_name_of_a_module_is_one_of_ours(theirs: str, ours: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        listed = importlib.import_module(theirs).__all__
    module = importlib.import_module(ours)
    assert [name for name in listed if not hasattr(module, name)] == []


def test_the_exceptions_of_aio_are_all_that_there_are() -> None:
    assert set(aio.exceptions.__all__) == set(exceptions.__all__)


@pytest.mark.parametrize("name", names.FROM_WEBSOCKETS)
def test_data_types_are_those_of_the_library_itself(name: str) -> None:
    theirs = importlib.import_module(f"websockets.{names.FROM_WEBSOCKETS[name]}")
    assert getattr(aio, name) is getattr(theirs, name)


@pytest.mark.parametrize("theirs", [websockets.CloseCode, websockets.State], ids=["CloseCode", "State"])
def test_each_member_of_an_enum_of_the_library_is_one_of_ours(theirs: type[IntEnum]) -> None:
    ours = getattr(aio, theirs.__name__).__members__
    assert {name: ours.get(name) for name in theirs.__members__} == dict(theirs.__members__)


def test_a_name_that_there_is_not() -> None:
    with pytest.raises(AttributeError, match="no attribute 'connekt'"):
        aio.connekt  # type: ignore[attr-defined]  # noqa: B018
