"""What stands in for `websockets` and `ssl` in a page without them has the names of the real ones."""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil
import ssl
import sys
import warnings
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest
import websockets
import websockets.datastructures
import websockets.frames
import websockets.headers
import websockets.uri

from pyws_browser import UnsupportedInBrowserError
from pyws_browser.patching.stand_ins import find_stand_in, forget_stand_ins, is_superseded

ROOT = "stand_in_for_websockets"
NAMES_OF = 17
"""The major version of `websockets` whose names the stand-in has."""

has_those_names = pytest.mark.skipif(
    int(websockets.__version__.partition(".")[0]) != NAMES_OF, reason=f"websockets is not {NAMES_OF}.x"
)
INTERNAL = ("websockets.__main__", "websockets.cli", "websockets.speedups", "websockets.trio")


def real_modules() -> list[str]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        found = [module.name for module in pkgutil.walk_packages(websockets.__path__, "websockets.")]
    return [name for name in found if not name.startswith(INTERNAL)]


class Finder:
    """Finds the stand-in under another name, beside the real package."""

    @staticmethod
    def find_spec(name: str, *_: Any) -> Any:
        return find_stand_in(name, ROOT) if name.startswith(ROOT) else None


@pytest.fixture(autouse=True)
def _findable() -> Iterator[None]:
    sys.meta_path.insert(0, Finder)  # type: ignore[arg-type]
    yield
    sys.meta_path.remove(Finder)  # type: ignore[arg-type]


def stand_in(module: str = "") -> ModuleType:
    return importlib.import_module(ROOT + (f".{module}" if module else ""))


@has_those_names
@pytest.mark.parametrize("name", real_modules())
def test_every_public_module_is_there_with_its_public_names(name: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        real = importlib.import_module(name)
    ours = stand_in(name.removeprefix("websockets."))
    missing = [public for public in getattr(real, "__all__", ()) if not hasattr(ours, public)]
    assert missing == []


@has_those_names
def test_the_package_has_the_names_of_the_real_one() -> None:
    ours = stand_in()
    assert [name for name in websockets.__all__ if not hasattr(ours, name)] == []
    assert set(ours.__all__) == set(websockets.__all__)
    with pytest.raises(AttributeError, match="nothing"):
        ours.nothing  # noqa: B018


@pytest.mark.parametrize(
    "make",
    [
        lambda kind: kind({"A": "1", "b": "2"}),
        lambda kind: kind([("A", "1"), ("a", "2"), ("B", "3")]),
        lambda kind: kind(kind(A="1"), C="4"),
        lambda kind: kind(),
    ],
)
def test_headers_behave_as_the_real_ones(make: Any) -> None:
    real, ours = make(websockets.datastructures.Headers), make(stand_in("datastructures").Headers)
    assert list(real) == list(ours)
    assert list(real.raw_items()) == list(ours.raw_items())
    assert (str(real), len(real), real.get_all("a"), "A" in real) == (
        str(ours),
        len(ours),
        ours.get_all("a"),
        "A" in ours,
    )
    assert ours == ours.copy()


def test_a_header_that_comes_twice_has_no_single_value() -> None:
    module = stand_in("datastructures")
    headers = module.Headers([("A", "1"), ("a", "2")])
    with pytest.raises(module.MultipleValuesError):
        headers["A"]
    del headers["A"]
    with pytest.raises(KeyError):
        headers["A"]
    with pytest.raises(KeyError):
        del headers["A"]


@pytest.mark.parametrize("uri", ["ws://a/", "wss://u:p@a:8000/b?c=d", "ws://[::1]:80"])
def test_uris_are_read_as_the_real_ones(uri: str) -> None:
    real, ours = websockets.uri.parse_uri(uri), stand_in("uri").parse_uri(uri)
    for name in ("secure", "host", "port", "resource_name", "user_info"):
        assert getattr(real, name) == getattr(ours, name)


@pytest.mark.parametrize("uri", ["http://a/", "ws:///b", "ws://a/#b"])
def test_what_is_no_uri_is_refused(uri: str) -> None:
    with pytest.raises(websockets.InvalidURI):
        stand_in("uri").parse_uri(uri)


def test_headers_values_are_made_and_read_as_by_the_real_functions() -> None:
    real, ours = websockets.headers, stand_in("headers")
    header = real.build_authorization_basic("user", "pass:word")
    assert ours.build_authorization_basic("user", "pass:word") == header
    assert ours.parse_authorization_basic(header) == ("user", "pass:word")
    assert ours.build_host("::1", 8000, False) == real.build_host("::1", 8000, False)
    assert ours.parse_subprotocol("a, b") == real.parse_subprotocol("a, b")
    with pytest.raises(websockets.exceptions.InvalidHeaderFormat):
        ours.parse_authorization_basic("Basic !")
    with pytest.raises(TypeError):
        ours.validate_subprotocols("chat")


def test_the_close_codes_are_those_of_the_real_package() -> None:
    assert {code.name: code.value for code in stand_in("frames").CloseCode} == {
        code.name: code.value for code in websockets.frames.CloseCode
    }


def test_what_a_page_cannot_do_raises_when_it_is_called() -> None:
    for name, module in (("serve", "asyncio.server"), ("ServerProtocol", "server"), ("ClientProtocol", "client")):
        with pytest.raises(UnsupportedInBrowserError, match=name):
            getattr(stand_in(module), name)()


class TestSSL:
    @pytest.fixture
    def no_ssl(self) -> ModuleType:
        spec = find_stand_in("ssl")
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    def test_the_names_that_libraries_import_are_there(self, no_ssl: ModuleType) -> None:
        assert [
            name for name in vars(no_ssl) if name.startswith(("SSL", "CERT_", "OP_")) and not hasattr(ssl, name)
        ] == []
        context = no_ssl.create_default_context(cafile="none")
        context.check_hostname = False
        context.verify_mode = no_ssl.CERT_NONE
        context.load_verify_locations("none")

    def test_a_clients_certificate_is_refused(self, no_ssl: ModuleType) -> None:
        with pytest.raises(UnsupportedInBrowserError, match=r"load_cert_chain\(\)"):
            no_ssl.SSLContext().load_cert_chain("file")
        with pytest.raises(UnsupportedInBrowserError, match="TLS"):
            no_ssl.SSLContext().wrap_bio(None, None)


def test_stand_ins_are_forgotten_and_nothing_else() -> None:
    for module in ("", "asyncio.client", "server"):
        stand_in(module)
    before = set(sys.modules)

    forget_stand_ins()

    gone = before - set(sys.modules)
    assert {ROOT, f"{ROOT}.asyncio.client", f"{ROOT}.server"} <= gone
    assert all(name.startswith(ROOT) for name in gone)
    assert not is_superseded()
