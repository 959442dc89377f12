"""PacketPeer: Variants in packets, over a connection in memory."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from pyws_browser import (
    Error,
    InvalidOptionError,
    InvalidTextError,
    MemoryNetwork,
    NoPacketError,
    NotConnectedError,
    VariantDecodeError,
    VariantEncodeError,
    WebSocketPeer,
)
from pyws_browser.variant import EncodedObject, Vector2

OBJECT = EncodedObject("Reference", {"script": None})


@pytest.fixture(params=[False, True], ids=["plain", "web_limits"])
def ends(request: pytest.FixtureRequest) -> tuple[WebSocketPeer, WebSocketPeer]:
    """Two connected peers."""
    network = MemoryNetwork()
    listener = network.listen("ws://test/")
    one = network.peer(web_limits=request.param)
    one.connect_to_url("ws://test/")
    other = listener.accept()
    assert other is not None
    one.poll()
    return one, other


@pytest.mark.parametrize("value", [None, True, 5, 1.5, "grün", b"\0\xff", [1, [2]], {"a": Vector2(1, 2)}])
def test_what_was_put_comes_out(ends: tuple[WebSocketPeer, WebSocketPeer], value: Any) -> None:
    one, other = ends
    one.put_var(value)
    other.poll()
    received = other.get_var()
    assert received == value
    assert type(received) is type(value)
    assert not other.was_string_packet()
    assert other.get_packet_error() is Error.OK


def test_both_versions_of_the_format(ends: tuple[WebSocketPeer, WebSocketPeer]) -> None:
    one, other = ends
    assert one.variant_version == 3
    one.put_var(Vector2(1, 2))
    one.variant_version = other.variant_version = 4
    one.put_var([Vector2(1, 2)])
    other.poll()
    assert other.get_packet()[:1] == b"\x05"
    assert other.get_var() == [Vector2(1, 2)]
    for version in (2, 5, "4", None):
        with pytest.raises(InvalidOptionError, match="3 or 4"):
            one.variant_version = version  # type: ignore[assignment]


def test_objects_pass_only_if_both_allow_it(ends: tuple[WebSocketPeer, WebSocketPeer]) -> None:
    one, other = ends
    with pytest.raises(VariantEncodeError):
        one.put_var(OBJECT)
    one.put_var(OBJECT, full_objects=True)
    one.allow_object_decoding = True
    one.put_var(OBJECT)
    one.put_var(OBJECT)
    other.poll()
    with pytest.raises(VariantDecodeError) as caught:
        other.get_var()
    assert other.get_packet_error() is caught.value.error is Error.ERR_UNAUTHORIZED
    assert other.get_var(allow_objects=True) == OBJECT
    other.allow_object_decoding = True
    assert other.get_var() == OBJECT


def test_a_packet_that_is_no_variant_is_gone_and_its_error_kept(ends: tuple[WebSocketPeer, WebSocketPeer]) -> None:
    one, other = ends
    one.put_packet(b"\x63\0\0\0")
    one.send("zz")
    one.put_var("next")
    other.poll()
    for _ in range(2):
        with pytest.raises(VariantDecodeError):
            other.get_var()
        assert other.get_packet_error() is Error.ERR_INVALID_DATA
    assert other.get_var() == "next"
    assert other.get_packet_error() is Error.OK
    with pytest.raises(NoPacketError):
        other.get_var()
    assert other.get_packet_error() is Error.ERR_UNAVAILABLE


def test_a_text_peer_sends_variants_that_are_utf_8_and_refuses_the_others(
    ends: tuple[WebSocketPeer, WebSocketPeer],
) -> None:
    one, other = ends
    one.write_mode = one.WRITE_MODE_TEXT
    one.put_var({"a": [1, "grün"]})
    with pytest.raises(InvalidTextError, match="WRITE_MODE_BINARY"):
        one.put_var(-1)
    other.poll()
    assert other.get_available_packet_count() == 1
    assert other.get_var() == {"a": [1, "grün"]}
    assert other.was_string_packet()


def test_the_encode_buffer_bounds_what_is_put(ends: tuple[WebSocketPeer, WebSocketPeer]) -> None:
    one, other = ends
    assert one.encode_buffer_max_size == 8388608
    one.encode_buffer_max_size = 1024
    one.put_var(b"x" * 1016)
    with pytest.raises(VariantEncodeError, match="1028 bytes") as caught:
        one.put_var(b"x" * 1017)
    assert caught.value.error is Error.ERR_OUT_OF_MEMORY
    other.poll()
    assert other.get_available_packet_count() == 1


@pytest.mark.parametrize(("size", "rounded"), [(1024, 1024), (1025, 2048), (100_000, 131072), (2**28, 2**28)])
def test_the_encode_buffer_is_rounded_up(size: int, rounded: int) -> None:
    peer = WebSocketPeer()
    peer.encode_buffer_max_size = size
    assert peer.encode_buffer_max_size == rounded


@pytest.mark.parametrize("size", [0, -1, 1023, 2**28 + 1, 4096.0, "4096", None])
def test_an_encode_buffer_out_of_its_range(size: Any) -> None:
    peer = WebSocketPeer()
    with pytest.raises(InvalidOptionError, match="encode_buffer_max_size"):
        peer.encode_buffer_max_size = size
    assert peer.encode_buffer_max_size == 8388608


def test_a_value_is_checked_even_without_a_connection() -> None:
    with pytest.raises(VariantEncodeError):
        WebSocketPeer().put_var(object())
    with pytest.raises(NotConnectedError):
        WebSocketPeer().put_var(5)


def test_what_few_programs_need_is_loaded_late() -> None:
    code = """
import sys, pyws_browser
late = ("pyws_browser.variant", "pyws_browser.godot")
print(*(name for name in sys.modules if name.startswith(late)))
try:
    pyws_browser.WebSocketPeer().get_var()
except pyws_browser.NoPacketError:
    print("pyws_browser.variant.codec" in sys.modules)
"""
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert output.splitlines() == ["", "True"]
