"""The rules that hold on both sides."""

from __future__ import annotations

import ctypes
from array import array
from typing import Any

import pytest

from pyws_browser.errors import (
    InvalidCloseCodeError,
    InvalidCloseReasonError,
    InvalidHeaderError,
    InvalidMessageTypeError,
    InvalidSubprotocolError,
    InvalidTextError,
    UnsupportedInBrowserError,
)
from pyws_browser.protocol import rules

PAGE_CODES = [1000, 3000, 3999, 4000, 4999]
DESKTOP_CODES = [1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014]
NOBODYS_CODES = [-1, 0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65536]


@pytest.mark.parametrize("code", PAGE_CODES)
@pytest.mark.parametrize("web", [False, True])
def test_close_codes_that_everybody_may_send(code: int, web: bool) -> None:
    rules.check_close(code, "reason", web=web)
    assert rules.is_wire_close_code(code)


@pytest.mark.parametrize("code", DESKTOP_CODES)
def test_close_codes_that_only_the_desktop_may_send(code: int) -> None:
    rules.check_close(code, "", web=False)
    with pytest.raises(UnsupportedInBrowserError, match=f"{code}.*1000 or one of 3000–4999"):
        rules.check_close(code, "", web=True)


@pytest.mark.parametrize("code", [*NOBODYS_CODES, True, 1000.0, "1000"])
@pytest.mark.parametrize("web", [False, True])
def test_close_codes_that_nobody_may_send(code: object, web: bool) -> None:
    with pytest.raises(InvalidCloseCodeError, match="1000 or 3000–4999"):
        rules.check_close(code, "", web=web)  # type: ignore[arg-type]


def test_a_close_without_a_code_has_no_reason() -> None:
    rules.check_close(None, "", web=True)
    with pytest.raises(InvalidCloseCodeError, match="needs a close code"):
        rules.check_close(None, "why", web=True)


@pytest.mark.parametrize("reason", ["", "x" * 123, "é" * 61, "\ud800" * 41])
def test_reasons_that_fit(reason: str) -> None:
    rules.check_close(1000, reason, web=True)


@pytest.mark.parametrize(("reason", "size"), [("x" * 124, 124), ("é" * 62, 124), ("\ud800" * 42, 126)])
def test_reasons_that_are_too_long(reason: str, size: int) -> None:
    with pytest.raises(InvalidCloseReasonError, match=f"this one has {size}"):
        rules.check_close(1000, reason, web=False)


def test_a_reason_is_a_str() -> None:
    with pytest.raises(InvalidCloseReasonError, match="not bytes"):
        rules.check_close(1000, b"why", web=False)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "data"),
    [
        ("", b""),
        ("grün", b"gr\xc3\xbcn"),
        ("a\ud800b", b"a\xef\xbf\xbdb"),
        ("\udc00\ud800", b"\xef\xbf\xbd\xef\xbf\xbd"),
        ("\ud83d\ude00", "\U0001f600".encode()),
    ],
)
def test_text_goes_out_as_a_browser_sends_it(text: str, data: bytes) -> None:
    assert rules.encode_text(text) == data


def test_bytes_are_not_copied_and_other_buffers_are() -> None:
    data = b"abc"
    assert rules.as_bytes(data) is data
    for buffer in (bytearray(b"abc"), memoryview(b"abc"), memoryview(b"axbxc")[::2], array("B", b"abc")):
        assert rules.as_bytes(buffer) == b"abc"


@pytest.mark.parametrize(
    ("wrong", "advice"), [("text", "send_text"), (5, "encode it"), (None, "encode it"), ([1], "encode it")]
)
def test_what_is_no_packet(wrong: object, advice: str) -> None:
    with pytest.raises(InvalidMessageTypeError, match=advice):
        rules.as_bytes(wrong)  # type: ignore[arg-type]


def test_an_array_of_python_objects_is_no_message() -> None:
    array = (ctypes.py_object * 2)("a", "b")
    for check in (rules.as_bytes, rules.as_message):
        with pytest.raises(InvalidMessageTypeError, match="encode it"):
            check(array)


def test_a_view_that_was_released_is_no_message() -> None:
    view = memoryview(b"abc")
    view.release()
    for check in (rules.as_bytes, rules.as_message):
        with pytest.raises(InvalidMessageTypeError, match="it was released"):
            check(view)


@pytest.mark.parametrize(("members", "advice"), [({"to_bytes": bytes}, r"send its to_bytes\(\)"), ({}, "encode it")])
def test_what_a_page_gives_says_what_to_send_in_its_place(members: dict[str, object], advice: str) -> None:
    js_value = type("JsProxy", (), members)()
    for check in (rules.as_bytes, rules.as_message):
        with pytest.raises(InvalidMessageTypeError, match=f"not JsProxy: {advice}"):
            check(js_value)


def test_a_text_packet_is_utf8() -> None:
    assert rules.as_text("grün".encode()) == "grün"
    for data, position in ((b"\xff", 0), (b"ab\xc3", 2), (b"\xed\xa0\x80", 0), (b"\xc0\x80", 0)):
        with pytest.raises(InvalidTextError, match=f"byte {position} "):
            rules.as_text(data)


def test_subprotocols_are_tokens_named_once() -> None:
    assert rules.check_subprotocols(()) == ()
    assert rules.check_subprotocols("chat") == ("chat",)
    assert rules.check_subprotocols(iter(["chat", "CHAT", "v1.2+x"])) == ("chat", "CHAT", "v1.2+x")
    with pytest.raises(InvalidSubprotocolError, match="named once: a, b, a"):
        rules.check_subprotocols(["a", "b", "a"])
    for wrong in ("", " ", "a b", "a,b", 'a"b', "a/b", "a:b", "a;b", "a@b", "a[b", "{a", "(a)", "é", "\x7f", 5):
        with pytest.raises(InvalidSubprotocolError):
            rules.check_subprotocols([wrong])  # type: ignore[list-item]
    for no_names in (5, None, b"chat", object()):
        with pytest.raises(InvalidSubprotocolError):
            rules.check_subprotocols(no_names)  # type: ignore[arg-type]


def test_headers_come_in_three_forms() -> None:
    expected = (("X-Token", "a b"), ("Cookie", "c=d"))
    assert rules.check_headers({"X-Token": "a b", "Cookie": "c=d"}) == expected
    assert rules.check_headers([("X-Token", " a b "), ("Cookie", "c=d")]) == expected
    assert rules.check_headers(["X-Token: a b", "Cookie:c=d"]) == expected


@pytest.mark.parametrize(
    "header",
    [
        "no colon",
        ": no name",
        "a b: c",
        "X: line\nbreak",
        "X: nul\0",
        "X: grün",
        ("Host", "x"),
        ("sec-websocket-key", "x"),
        5,
        None,
        (),
        ("X",),
        ("X", "a", "b"),
        ("X", 5),
        ("X", None),
        ("X", b"a"),
        (5, "x"),
        b"X: a",
    ],
)
def test_headers_that_cannot_be_sent(header: Any) -> None:
    with pytest.raises(InvalidHeaderError):
        rules.check_headers([header])


@pytest.mark.parametrize(
    "header",
    ["Authorization: sécret", "Authorization sécret", ("Authorization", "sécret"), ("Authorization", b"secret")],
)
def test_the_value_of_a_header_that_cannot_be_sent_is_not_shown(header: Any) -> None:
    with pytest.raises(InvalidHeaderError, match="'Authorization' is not a header") as caught:
        rules.check_headers([header])
    assert "cr" not in str(caught.value)


@pytest.mark.parametrize("headers", [5, None, "X: a", {"X": 5}, {5: "x"}, {"X": None}])
def test_what_holds_no_headers(headers: Any) -> None:
    with pytest.raises(InvalidHeaderError):
        rules.check_headers(headers)


def test_blocked_ports_are_those_of_fetch() -> None:
    assert len(rules.BLOCKED_PORTS) == 83
    assert {0, 1, 22, 25, 6000, 6667, 10080} <= rules.BLOCKED_PORTS
    assert not {80, 443, 8000, 8080, 9001} & rules.BLOCKED_PORTS


@pytest.mark.parametrize("feature", rules.UNSUPPORTED_IN_BROWSER)
def test_what_a_page_cannot_do_comes_with_a_reason_and_a_way_round(feature: str) -> None:
    message = str(rules.unsupported(feature))
    assert message.startswith(f"{feature} is not available in a browser: ")
    assert "; " in message
